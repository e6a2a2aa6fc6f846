// The log as the daemon uses it: what is judged at a moment is recorded with that very moment, so that state rebuilt
// from the log equals the state that was. It must never hold back or reorder a record.
import { type Clock, formatTime, type Reading } from "./clock.ts";
import { type JsonObject, parseJson } from "./json.ts";
import { DecisionText } from "./log/decision.ts";
import { lineJsonLimits } from "./log/line.ts";
import type { Log } from "./log/log.ts";
import type { Appended } from "./log/options.ts";
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

const headerOfNone = { bootId: "0", logId: "0", monoUs: "0", policyHash: "0", policyVersion: "0", prev: "0", seq: "0", time: "0", timeRegression: false, version: "0" }; // biome-ignore format: a row

/** The members of a body; a decision's are text by then. */
function membersOf(body: JsonObject | DecisionText): JsonObject {
  if (!(body instanceof DecisionText)) return body;
  const read = parseJson(Buffer.from(`{${body.rest(headerOfNone)}`), lineJsonLimits);
  if (!read.ok) throw new Error("a decision's text is no JSON");
  return read.value as JsonObject;
}

export class Ledger {
  readonly log: Log;
  readonly clock: TurnClock;
  /** Decisions and phases since somebody began to collect them; null while nobody does. */
  #tail: JsonObject[] | null = null;

  constructor(log: Log, clock: TurnClock) {
    this.log = log;
    this.clock = clock;
  }

  /** Appends with the time of `reading`; throws what `Log.append` throws. `reading` must be of this synchronous turn. */
  append(type: RecordType, stamp: PolicyStamp, body: JsonObject | DecisionText, reading: Reading): Appended {
    const entry = { type, policy_version: stamp.version, policy_hash: stamp.policyHash, body };
    const appended = this.clock.holding(reading, () => this.log.append(entry));
    if (this.#tail !== null && (type === "decision" || type === "phase"))
      this.#tail.push({ ...membersOf(body), type, seq: appended.seq, time: formatTime(reading.wallUs) });
    return appended;
  }

  /** Keeps what is appended from now on, beside the log, until `takeTail`. One at a time may ask for it. */
  collectTail(): void {
    this.#tail = [];
  }

  takeTail(): readonly JsonObject[] {
    const tail = this.#tail ?? [];
    this.#tail = null;
    return tail;
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
