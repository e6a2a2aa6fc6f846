// Asks whoever sits at the client whether a deferred call is to wait for its approval (MCP elicitation, form mode). What the client answers
// is about waiting alone: it must never count as the approval, which an operator gives elsewhere.
import { isMembers } from "./message.ts";

/** How long somebody may take to answer. */
const defaultAnswerMs = 300_000;
/** Questions open at once. */
const openMax = 32;

export class Elicitation {
  readonly #answerMs: number;
  /** Of our ids, which nobody else can guess: a server could ask under the same one. */
  readonly #prefix = `faramesh-${globalThis.crypto.randomUUID()}-`;
  readonly #open = new Map<string, (accepted: boolean) => void>();
  #asked = 0;
  #isOffered = false;

  constructor(answerMs: number = defaultAnswerMs) {
    this.#answerMs = answerMs;
  }

  /** Questions without an answer. */
  get open(): number {
    return this.#open.size;
  }

  /** Of the client's `initialize`. */
  learn(params: unknown): void {
    const offered = isMembers(params) && isMembers(params.capabilities) ? params.capabilities.elicitation : undefined;
    this.#isOffered = isMembers(offered) && (Object.keys(offered).length === 0 || isMembers(offered.form));
  }

  /** False at once where the client cannot be asked; false, and the client is told, when the time is over or `signal` ends it. */
  async ask(message: string, signal: AbortSignal, toClient: (text: string) => void): Promise<boolean> {
    if (!this.#isOffered || this.#open.size >= openMax || signal.aborted) return false;
    const id = `${this.#prefix}${++this.#asked}`;
    const say = (value: object): void => toClient(JSON.stringify({ jsonrpc: "2.0", ...value }));
    return new Promise((resolve) => {
      const settle = (accepted: boolean): void => {
        clearTimeout(late);
        signal.removeEventListener("abort", abort);
        this.#open.delete(id);
        resolve(accepted);
      };
      const abort = (): void => {
        settle(false);
        say({ method: "notifications/cancelled", params: { requestId: id, reason: "it is no longer asked" } });
      };
      const late = setTimeout(abort, this.#answerMs);
      signal.addEventListener("abort", abort);
      this.#open.set(id, settle);
      const params = { message, requestedSchema: { type: "object", properties: {} } };
      say({ id, method: "elicitation/create", params });
    });
  }

  /** Whether the client's answer was one to a question of ours, late and repeated ones too: a server must see none. */
  take(id: string | number, result: unknown): boolean {
    if (typeof id !== "string" || !id.startsWith(this.#prefix)) return false;
    this.#open.get(id)?.(isMembers(result) && result.action === "accept");
    return true;
  }
}
