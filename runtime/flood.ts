// The ceiling for calls that are not permitted, for each connection: a loop of denials must not fill the log. It knows
// nothing of permits, which it never touches.

/** Denied and deferred calls that a connection may have recorded one by one at once, and regained each second. */
export interface FloodLimits {
  readonly burst: number;
  readonly perSecond: number;
}

export const defaultFloodLimits: FloodLimits = { burst: 100_000, perSecond: 2_000 };

/** All connections of a socket together may have this many times what one may: opening many gains little. */
export const connectionsShare = 4;

export interface FloodCount {
  readonly denials: number;
  readonly firstUs: number;
  readonly lastUs: number;
}

export class FloodGate {
  readonly #limits: FloodLimits;
  #tokens: number;
  #seenUs: number;
  readonly #all: FloodGate | null;
  #count: { denials: number; firstUs: number; lastUs: number } | null = null;

  /** `all` is the gate of all connections together, whose room every admission also takes. */
  constructor(limits: FloodLimits, nowUs: number, all: FloodGate | null = null) {
    this.#limits = limits;
    this.#all = all;
    this.#tokens = limits.burst;
    this.#seenUs = nowUs;
  }

  /** True when this denial may have a record of its own; false: it was counted. */
  admit(nowUs: number): boolean {
    if (this.#takeToken(nowUs) && (this.#all === null || this.#all.#takeToken(nowUs))) return true;
    this.#count ??= { denials: 0, firstUs: nowUs, lastUs: nowUs };
    this.#count.denials += 1;
    this.#count.lastUs = nowUs;
    return false;
  }

  #takeToken(nowUs: number): boolean {
    const gained = (Math.max(0, nowUs - this.#seenUs) / 1_000_000) * this.#limits.perSecond;
    this.#tokens = Math.min(this.#limits.burst, this.#tokens + gained);
    this.#seenUs = Math.max(this.#seenUs, nowUs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** What was counted since the last call, for one record; null when nothing was. */
  take(): FloodCount | null {
    const count = this.#count;
    this.#count = null;
    return count;
  }
}
