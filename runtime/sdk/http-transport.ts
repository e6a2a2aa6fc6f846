// Asks the daemon over HTTP with `fetch`, for agents on other machines and in functions at the edge. It imports nothing of Node's,
// follows no redirect, and must never send its token in clear off the loopback.
import { canonicalJson, type Json } from "../json.ts";
import { type GovernRequest, type PollRequest, type Transport, TransportFailure } from "./transport.ts";

/** Default of `timeoutMs`, milliseconds for one answer. */
const answerTimeoutMs = 10_000;
/** Requests of one transport that may wait for answers. */
const inFlightMax = 256;
/** Longest request, the daemon's own limit, and longest answer. */
const requestMaxBytes = 8 * 1024 * 1024;
const answerMaxBytes = 1024 * 1024;
const loopback = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

export interface HttpTransportOptions {
  /** Of `faramesh token create --agent …`. */
  readonly token: string;
  /** Absent: the platform's. */
  readonly fetch?: typeof globalThis.fetch;
  /** Milliseconds for one answer; 10 s. */
  readonly timeoutMs?: number;
}

/** Statuses whose body is the daemon's answer: a decision, a denial of what is no call, an approval that is unknown. */
const answering: ReadonlySet<number> = new Set([200, 400, 404]);

export class HttpTransport implements Transport {
  readonly #base: string;
  readonly #token: string;
  readonly #fetch: typeof globalThis.fetch;
  readonly #timeoutMs: number;
  #inFlight = 0;

  /** `url` is the door's address, `https:` off the loopback. Throws TypeError. */
  constructor(url: string | URL, options: HttpTransportOptions) {
    const { protocol, hostname, username, password, href, search, hash } = new URL(url);
    const isPlain = protocol === "http:" && loopback.test(hostname);
    if (protocol !== "https:" && !isPlain)
      throw new TypeError("the url begins with https:, or with http: on the loopback");
    if (username !== "" || password !== "" || search !== "" || hash !== "") {
      throw new TypeError("the url is an address and maybe a path, nothing more");
    }
    if (!/^[\x21-\x7e]+$/.test(options.token)) throw new TypeError("the token is missing, or is none");
    this.#base = href.replace(/\/+$/, "");
    this.#token = options.token;
    // Called without a receiver, as platforms demand.
    this.#fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
    this.#timeoutMs = options.timeoutMs ?? answerTimeoutMs;
    if (!(this.#timeoutMs > 0)) throw new TypeError("timeoutMs is a positive number of milliseconds");
  }

  govern(request: GovernRequest, signal: AbortSignal): Promise<unknown> {
    // Canonical, so that the bytes which the daemon hashes are those which the caller has hashed.
    const body = new TextEncoder().encode(canonicalJson(request as unknown as Json));
    if (body.length > requestMaxBytes) {
      throw new TransportFailure("ARGS_NOT_PLAIN", `the request is larger than ${requestMaxBytes} bytes`);
    }
    return this.#ask("/v1/evaluate", signal, body);
  }

  pollDefer(request: PollRequest, signal: AbortSignal): Promise<unknown> {
    return this.#ask(`/v1/approvals/${encodeURIComponent(request.defer_token)}`, signal, null);
  }

  async #ask(path: string, signal: AbortSignal, body: Uint8Array<ArrayBuffer> | null): Promise<unknown> {
    if (signal.aborted) throw new TransportFailure("ABORTED", "the caller gave up");
    if (this.#inFlight >= inFlightMax) {
      throw new TransportFailure("TOO_MANY_IN_FLIGHT", `${inFlightMax} calls wait for their answers already`);
    }
    this.#inFlight += 1;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), this.#timeoutMs);
    try {
      const response = await this.#fetch(`${this.#base}${path}`, {
        method: body === null ? "GET" : "POST",
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body === null ? {} : { "content-type": "application/json" }),
        },
        body,
        redirect: "manual",
        signal: AbortSignal.any([signal, late.signal]),
      });
      return await read(response);
    } catch (error) {
      if (error instanceof TransportFailure) throw error;
      if (signal.aborted) throw new TransportFailure("ABORTED", "the caller gave up", error);
      if (late.signal.aborted)
        throw new TransportFailure("DAEMON_TIMEOUT", `no answer in ${this.#timeoutMs} ms`, error);
      throw new TransportFailure("DAEMON_UNREACHABLE", `the daemon at ${this.#base} cannot be reached`, error);
    } finally {
      clearTimeout(timer);
      this.#inFlight -= 1;
    }
  }
}

async function read(response: Response): Promise<unknown> {
  if (!answering.has(response.status)) {
    await response.body?.cancel();
    throw new TransportFailure(
      "BAD_ANSWER",
      `the daemon answered with status ${response.status}${hintOf(response.status)}`,
    );
  }
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let sizeBytes = 0;
  const reader = response.body?.getReader();
  for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) {
    sizeBytes += piece.value.length;
    if (sizeBytes > answerMaxBytes) {
      await reader?.cancel();
      throw new TransportFailure("BAD_ANSWER", `an answer is longer than ${answerMaxBytes} bytes`);
    }
    text += decode(decoder, piece.value);
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch (error) {
    throw new TransportFailure("BAD_ANSWER", "an answer is not JSON", error);
  }
}

function decode(decoder: TextDecoder, bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes, { stream: true });
  } catch (error) {
    throw new TransportFailure("BAD_ANSWER", "an answer is not UTF-8", error);
  }
}

function hintOf(status: number): string {
  if (status === 401) return ": the token is not in force";
  if (status === 403) return ": the token is not an agent's, or not this agent's";
  return "";
}
