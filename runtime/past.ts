// The policy and its counters as they stood at each place of a log, for commands that look back. Rebuilt from records as
// the daemon rebuilds its own at a start; but where a stored version is gone, the past has a gap and nothing fails.

import { activationOf } from "./activation.ts";
import { parseTime } from "./clock.ts";
import { chargeCost } from "./costs.ts";
import { chargeRecord } from "./decision-record.ts";
import { LoadFailure, type Policy } from "./evaluator/types.ts";
import { ImageFailure, loadImage } from "./images.ts";
import type { JsonObject } from "./json.ts";
import { addHistory } from "./look-back.ts";
import { type ActivePolicy, activePolicy } from "./policy.ts";
import { repeatSession } from "./session-keeper.ts";

/** Types of records that move counters, or what counts. */
export const moving: ReadonlySet<string> = new Set(["policy", "decision", "phase", "cost", "mark"]);

export class Past {
  readonly #policiesDir: string;
  readonly #load: (image: Uint8Array) => Policy;
  #active: ActivePolicy | null = null;
  #gap: string | null = null;
  /** Of the last policy that could be loaded. */
  #counters: Uint8Array | null = null;

  constructor(policiesDir: string, load: (image: Uint8Array) => Policy) {
    this.#policiesDir = policiesDir;
    this.#load = load;
  }

  /** Null before the first apply, and where the version then in force cannot be loaded. */
  get active(): ActivePolicy | null {
    return this.#active;
  }

  /** Why there is no active policy although one was in force. */
  get gap(): string | null {
    return this.#gap;
  }

  /** The counters, canonical; null before any policy. */
  snapshot(): Uint8Array | null {
    return this.#active?.policy.snapshot() ?? this.#counters;
  }

  /** Takes the next record in the log's order. */
  take(record: JsonObject): void {
    if (!moving.has(String(record.type))) return;
    const timeUs = typeof record.time === "string" ? parseTime(record.time) : undefined;
    if (timeUs === undefined) return;
    if (record.type === "policy") this.#policy(record, timeUs);
    else if (this.#active !== null && record.type === "phase") repeatSession(this.#active.policy, record, timeUs);
    else if (this.#active !== null && record.type === "mark") addHistory(this.#active.policy, record, timeUs);
    else if (this.#active !== null && record.type === "cost") chargeCost(this.#active.policy, record);
    else if (this.#active !== null) chargeRecord(this.#active.policy, record, timeUs);
  }

  #policy(record: JsonObject, timeUs: number): void {
    const activation = activationOf(record, timeUs);
    if (activation === null) return;
    this.#counters = this.snapshot();
    try {
      const { image, sources } = loadImage(this.#policiesDir, activation.imageHash);
      const policy = this.#load(image);
      if (this.#counters !== null) policy.restore(this.#counters);
      policy.activatePhases(timeUs / 1000);
      this.#active = activePolicy(policy, activation, sources);
      this.#gap = null;
    } catch (error) {
      if (!(error instanceof ImageFailure || error instanceof LoadFailure)) throw error;
      this.#active = null;
      this.#gap = `v${activation.number}: ${error.message}`;
    }
  }
}
