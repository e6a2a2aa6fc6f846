// The log as the daemon uses it: what is judged at a moment is recorded with that very moment, so that state rebuilt
// from the log equals the state that was. It must never hold back or reorder a record.
import type { Clock, Reading } from "./clock.ts";
import type { JsonObject } from "./json.ts";
import type { DecisionText } from "./log/decision.ts";
import type { Appended, Log } from "./log/log.ts";
import type { RecordType } from "./log/record.ts";

/** A clock that stands still for the length of one append. Give it to `Log.open` and to the `Ledger` over that log. */
export class TurnClock implements Clock {
  readonly #clock: Clock;
  #held: Reading | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get bootId(): string {
    return this.#clock.bootId;
  }

  now(): Reading {
    return this.#held ?? this.#clock.now();
  }

  observe(wallUs: number): void {
    this.#clock.observe(wallUs);
  }

  /** Runs `work`, which must be synchronous, with the clock at `reading`. */
  holding<Result>(reading: Reading, work: () => Result): Result {
    this.#held = reading;
    try {
      return work();
    } finally {
      this.#held = null;
    }
  }
}

/** The policy under which a record is written. */
export interface PolicyStamp {
  readonly version: string | null;
  readonly policyHash: string | null;
}

export const noPolicy: PolicyStamp = { version: null, policyHash: null };

export class Ledger {
  readonly log: Log;
  readonly clock: TurnClock;

  constructor(log: Log, clock: TurnClock) {
    this.log = log;
    this.clock = clock;
  }

  /** Appends with the time of `reading`; throws what `Log.append` throws. `reading` must be of this synchronous turn. */
  append(type: RecordType, stamp: PolicyStamp, body: JsonObject | DecisionText, reading: Reading): Appended {
    const entry = { type, policy_version: stamp.version, policy_hash: stamp.policyHash, body };
    return this.clock.holding(reading, () => this.log.append(entry));
  }

  durable(seq: number): Promise<void> {
    return this.log.durable(seq);
  }

  /** Whether `durable` has nothing to wait for. */
  isDurable(seq: number): boolean {
    return this.log.isDurable(seq);
  }

  get isUsable(): boolean {
    return this.log.state === "open";
  }
}
