// The time that one governed call has: for the daemon's answer and, where asked, for a person. When it is over, or the
// caller gives up, whatever waits here is rejected; it must never end in a permit.
import { type SdkCode, sdkDenial, type ToolDeniedError } from "./tool-denied-error.ts";
import { TransportFailure } from "./transport.ts";

/** The time that one call has: ends by itself after `timeoutMs`, or with the caller's signals. */
export class Wait {
  readonly #controller = new AbortController();
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #sources: AbortSignal[];
  readonly #abort = (): void => this.#end("ABORTED");
  #code: SdkCode = "ABORTED";
  #approvalId: string | undefined;

  constructor(timeoutMs: number, signals: readonly (AbortSignal | undefined)[]) {
    this.#timer = setTimeout(
      () => this.#end(this.#approvalId === undefined ? "DAEMON_TIMEOUT" : "APPROVAL_TIMEOUT"),
      timeoutMs,
    );
    this.#sources = signals.filter((signal) => signal !== undefined);
    for (const signal of this.#sources) {
      signal.addEventListener("abort", this.#abort, { once: true });
      if (signal.aborted) this.#abort();
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    clearTimeout(this.#timer);
    for (const signal of this.#sources) signal.removeEventListener("abort", this.#abort);
  }

  denial(tool: string): ToolDeniedError {
    const waited = this.#approvalId === undefined ? "" : ` (approval ${this.#approvalId} is still pending)`;
    const messages: Partial<Record<SdkCode, string>> = {
      ABORTED: "the caller gave up before a decision came",
      APPROVAL_TIMEOUT: `nobody approved the call in time${waited}; \`faramesh approvals list\` shows it`,
      DAEMON_TIMEOUT: "the daemon did not answer in time; `faramesh status` says how it is",
    };
    return sdkDenial(tool, this.#code, messages[this.#code]);
  }

  /** The promise's outcome, or a rejection as soon as the wait has ended. */
  race<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(new TransportFailure(this.#code, "the wait has ended"));
      if (this.signal.aborted) stop();
      this.signal.addEventListener("abort", stop, { once: true });
      promise.then(resolve, reject).finally(() => this.signal.removeEventListener("abort", stop));
    });
  }

  async sleep(durationMs: number, tool: string, approvalId: string): Promise<void> {
    this.#approvalId = approvalId;
    let timer: ReturnType<typeof setTimeout> | undefined;
    try {
      await this.race(
        new Promise((resolve) => {
          timer = setTimeout(resolve, durationMs);
        }),
      );
    } catch {
      throw this.denial(tool);
    } finally {
      clearTimeout(timer);
    }
  }

  #end(code: SdkCode): void {
    if (this.signal.aborted) return;
    this.#code = code;
    this.#controller.abort();
  }
}
