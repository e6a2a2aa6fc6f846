// Lets the oldest records go when the policy's `wal_retention` has passed over them: looked at now and then, one prune at a time,
// beside the decisions. It must never remove what the policy does not say, nor be waited for by a call.
import type { Logger } from "pino";
import { secondsOf } from "./duration.ts";
import type { Ledger } from "./ledger.ts";
import type { Policies } from "./policy.ts";

/** How often it is looked at; segments are sealed once a day or less often. */
export const retentionIntervalMs = 600_000;

export class Retention {
  readonly #ledger: Ledger;
  readonly #policies: Policies;
  readonly #journal: Logger;
  /** null: not yet looked at */
  #lastMonoUs: number | null = null;
  #running: Promise<void> | null = null;

  constructor(ledger: Ledger, policies: Policies, journal: Logger) {
    this.#ledger = ledger;
    this.#policies = policies;
    this.#journal = journal;
  }

  /** Call about once a second. */
  tick(): void {
    const { monoUs } = this.#ledger.clock.now();
    const isDue = this.#lastMonoUs === null || monoUs - this.#lastMonoUs >= retentionIntervalMs * 1000;
    if (!isDue || this.#running !== null) return;
    this.#lastMonoUs = monoUs;
    void this.run();
  }

  /** Looks now. Resolves when what is too old is gone, or that has failed; never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    const seconds = secondsOf(this.#policies.active?.policy.runtime().wal_retention);
    if (seconds === null) return;
    const { log, clock } = this.#ledger;
    try {
      const sinceUs = clock.now().wallUs - seconds * 1_000_000;
      const reason = "wal_retention";
      const result = await log.prune({ keep: { sinceUs }, actor: "daemon", reason, archive: null });
      if (result === null) return;
      const { removedSegments: segments, removedBytes: bytes, firstKept, seq } = result;
      this.#journal.info(
        { segments, bytes, first_kept: firstKept, seq },
        "records older than wal_retention were pruned",
      );
    } catch (error) {
      this.#journal.warn({ err: error }, "records older than wal_retention could not be pruned");
    }
  }
}
