// Asks whoever sits at the client whether a deferred call is to wait for its approval (MCP elicitation, form mode). What the client answers
// is about waiting alone: it must never count as the approval, which an operator gives elsewhere.
import { isMembers } from "./message.ts";

/** How long somebody may take to answer. */
const answerMs = 300_000;
/** Questions open at once. */
const openMax = 32;

export class Elicitation {
  #isOffered = false;
  /** By id, which nobody else can guess: a server could ask under the same one. */
  readonly #open = new Map<string, (accepted: boolean) => void>();

  /** Of the client's `initialize`. */
  learn(params: unknown): void {
    const offered = isMembers(params) && isMembers(params.capabilities) ? params.capabilities.elicitation : undefined;
    this.#isOffered = isMembers(offered) && (Object.keys(offered).length === 0 || isMembers(offered.form));
  }

  /** False at once where the client cannot be asked. */
  async ask(message: string, signal: AbortSignal, toClient: (text: string) => void): Promise<boolean> {
    if (!this.#isOffered || this.#open.size >= openMax || signal.aborted) return false;
    const id = `faramesh-${globalThis.crypto.randomUUID()}`;
    return new Promise((resolve) => {
      const settle = (accepted: boolean): void => {
        clearTimeout(late);
        signal.removeEventListener("abort", abort);
        this.#open.delete(id);
        resolve(accepted);
      };
      const abort = (): void => settle(false);
      const late = setTimeout(abort, answerMs);
      signal.addEventListener("abort", abort);
      this.#open.set(id, settle);
      const params = { message, requestedSchema: { type: "object", properties: {} } };
      toClient(JSON.stringify({ jsonrpc: "2.0", id, method: "elicitation/create", params }));
    });
  }

  /** Whether the client's answer was one to a question of ours. */
  take(id: string | number, result: unknown): boolean {
    const settle = typeof id === "string" ? this.#open.get(id) : undefined;
    settle?.(isMembers(result) && result.action === "accept");
    return settle !== undefined;
  }
}
