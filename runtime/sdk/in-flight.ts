// The requests of one connection that wait for their answers, matched by call_id (or by the approval polled for).
// It must never give an answer to another request than its own, and never hold more than its limit.
import { TransportFailure } from "./transport.ts";

interface Waiting {
  /** The approval polled for; null for a govern request. */
  readonly deferToken: string | null;
  settle(outcome: { answer: unknown } | { failure: TransportFailure }): void;
}

export class InFlight {
  readonly #waiting = new Map<string, Waiting>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /**
   * Waits for the answer to `callId`. Throws TransportFailure when there is no room or the signal has fired already, so
   * that nothing is sent then; rejects with it when the time is over, the signal fires, or by `failAll`.
   */
  add(callId: string, deferToken: string | null, timeoutMs: number, signal: AbortSignal): Promise<unknown> {
    if (this.#waiting.size >= this.#max) {
      throw new TransportFailure("TOO_MANY_IN_FLIGHT", `${this.#max} calls wait for their answers already`);
    }
    if (signal.aborted) throw new TransportFailure("ABORTED", "the caller gave up");
    return new Promise((resolve, reject) => {
      const fail = (code: "DAEMON_TIMEOUT" | "ABORTED", message: string) => () =>
        this.#waiting.get(callId)?.settle({ failure: new TransportFailure(code, message) });
      const timer = setTimeout(fail("DAEMON_TIMEOUT", `no answer within ${timeoutMs} ms`), timeoutMs);
      const abort = fail("ABORTED", "the caller gave up");
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.set(callId, {
        deferToken,
        settle: (outcome) => {
          this.#waiting.delete(callId);
          clearTimeout(timer);
          signal.removeEventListener("abort", abort);
          if ("failure" in outcome) reject(outcome.failure);
          else resolve(outcome.answer);
        },
      });
    });
  }

  /**
   * Hands an answer to its request. False when it names none at all, so that nobody can say what it answers; true also
   * for one whose request has given up.
   */
  answer(answer: unknown): boolean {
    if (typeof answer !== "object" || answer === null) return false;
    const { call_id: callId, defer_token: deferToken } = answer as { call_id?: unknown; defer_token?: unknown };
    if (typeof callId === "string" && callId !== "") {
      this.#waiting.get(callId)?.settle({ answer });
      return true;
    }
    if (typeof deferToken !== "string") return false;
    for (const waiting of this.#waiting.values()) {
      if (waiting.deferToken !== deferToken) continue;
      waiting.settle({ answer });
      break;
    }
    return true;
  }

  failAll(failure: TransportFailure): void {
    for (const waiting of [...this.#waiting.values()]) waiting.settle({ failure });
  }
}
