// The calls of the last minute: a call that is sent again gets the answer that was recorded, charged once. It must
// never let one call_id stand for two calls.
import type { GovernAnswer } from "./doors/agent-protocol.ts";

/** How long a call is remembered. */
export const retryWindowUs = 60_000_000;

/**
 * Calls remembered at most. Beyond, the oldest are forgotten before their minute is over: sent again they are judged
 * anew, and charged anew, which no caller gains by.
 */
export const callsMax = 131_072;

export interface KnownCall {
  readonly digest: string;
  readonly timeUs: number;
  /** The record that must be durable before the answer goes out. */
  readonly seq: number;
  readonly answer: GovernAnswer;
}

export class CallTable {
  /** In order of time: a Map keeps insertion order, and a call_id is set once. */
  readonly #calls = new Map<string, KnownCall>();

  /** The earlier call under this agent and call_id, if it is within the window. */
  find(agentId: string, callId: string, nowUs: number): KnownCall | null {
    const known = this.#calls.get(keyOf(agentId, callId));
    if (known === undefined || nowUs - known.timeUs > retryWindowUs) return null;
    return known;
  }

  remember(agentId: string, callId: string, call: KnownCall): void {
    const key = keyOf(agentId, callId);
    // An expired one under the same key must not keep its old place in the order.
    this.#calls.delete(key);
    this.#calls.set(key, call);
    this.#forget(call.timeUs);
  }

  /** What the action's call gets from now on when it is sent again. */
  replace(actionId: string, change: (answer: GovernAnswer) => GovernAnswer): void {
    for (const [key, call] of this.#calls) {
      if (call.answer.action_id !== actionId) continue;
      this.#calls.set(key, { ...call, answer: change(call.answer) });
      return;
    }
  }

  /** Forgets all. */
  clear(): void {
    this.#calls.clear();
  }

  /** The first record of those that still count at `nowUs`; null without one. */
  firstSeq(nowUs: number): number | null {
    for (const { seq, timeUs } of this.#calls.values()) if (nowUs - timeUs <= retryWindowUs) return seq;
    return null;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** A few at a time, so that no call pays for all. */
  #forget(nowUs: number): void {
    let isFew = 4;
    for (const [key, call] of this.#calls) {
      const isOld = nowUs - call.timeUs > retryWindowUs;
      if (!(isOld && isFew > 0) && this.#calls.size <= callsMax) return;
      this.#calls.delete(key);
      isFew--;
    }
  }
}

/** The length keeps ("a", "b:c") and ("a:b", "c") apart. */
function keyOf(agentId: string, callId: string): string {
  return `${agentId.length}:${agentId}:${callId}`;
}
