// When the daemon keeps a snapshot of its state: after so many records, after so much time in which something was recorded, when
// a policy comes into force, and at the end. It must never keep a state that is not what the records so far have made.
import type { Logger } from "pino";
import type { Ledger } from "./ledger.ts";
import type { Policies } from "./policy.ts";
import { type StateParts, stateOf } from "./state.ts";

/** Records after which one is kept, looked at once a second. A start reads so many again, at about 15 µs each. */
export const snapshotRecords = 32_768;
/** After so long, at a swap and at the end fewer records suffice: to read less than these again costs nothing. */
export const snapshotIntervalMs = 600_000;
export const snapshotRecordsMin = 1024;

export class Snapshots {
  readonly #ledger: Ledger;
  readonly #policies: Policies;
  readonly #parts: StateParts;
  readonly #journal: Logger;
  #lastMonoUs: number;
  #lastSeq: number;

  constructor(ledger: Ledger, policies: Policies, parts: StateParts, journal: Logger) {
    this.#ledger = ledger;
    this.#policies = policies;
    this.#parts = parts;
    this.#journal = journal;
    this.#lastMonoUs = ledger.clock.now().monoUs;
    this.#lastSeq = ledger.log.stats().snapshotSeq ?? 0;
  }

  get #records(): number {
    return this.#ledger.log.lastSeq - this.#lastSeq;
  }

  /** Call at a swap and at the end. Resolves as `keep` does; at once where a start would hardly gain by it. */
  async turn(): Promise<void> {
    if (this.#records >= snapshotRecordsMin) await this.keep();
  }

  /** Call about once a second. */
  tick(): void {
    const records = this.#records;
    const waitedUs = this.#ledger.clock.now().monoUs - this.#lastMonoUs;
    if (records >= snapshotRecords || (records >= snapshotRecordsMin && waitedUs >= snapshotIntervalMs * 1000))
      void this.keep();
  }

  /** Keeps one now. Resolves when it counts or has failed; never rejects. */
  async keep(): Promise<void> {
    const { log, clock } = this.#ledger;
    const { wallUs, monoUs } = clock.now();
    this.#lastMonoUs = monoUs;
    this.#lastSeq = log.lastSeq;
    const failures = log.stats().snapshotFailures;
    await log.snapshot(
      () => stateOf(this.#parts, this.#policies.active, wallUs, clock.bootId),
      // The calls that a caller may still send again.
      ({ calls_from }) => (typeof calls_from === "number" ? calls_from : null),
    );
    if (log.stats().snapshotFailures > failures)
      this.#journal.warn({ seq: this.#lastSeq }, "no snapshot of the state could be kept; an earlier one stands");
  }
}
