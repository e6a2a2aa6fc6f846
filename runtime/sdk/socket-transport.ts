// Speaks the agent socket's protocol: newline-delimited JSON over a Unix socket, one connection, many calls in flight.
// Node's modules are loaded when a connection is made, so that importing the SDK works where there are none.
import type { Socket } from "node:net";
import { canonicalJson, type Json } from "../json.ts";
import { builtin } from "./builtin.ts";
import { findSocket } from "./find-socket.ts";
import { InFlight } from "./in-flight.ts";
import { type GovernRequest, type PollRequest, type Transport, TransportFailure } from "./transport.ts";

/** Default of `timeoutMs`, milliseconds for one answer. */
const answerTimeoutMs = 10_000;
/** Requests of one transport that may wait for answers. */
const inFlightMax = 256;
/** Longest request line, the daemon's own limit, and longest answer line; UTF-16 units for answers. */
const requestMaxBytes = 8 * 1024 * 1024;
const answerMaxLength = 1024 * 1024;
/** Bytes that may wait in this process for a daemon that reads slowly. */
const queuedMaxBytes = 4 * requestMaxBytes;

export interface SocketTransportOptions {
  /** Absent: FARAMESH_SOCKET, then the first stack found from the working directory upwards. */
  readonly path?: string;
  /** Milliseconds for one answer, connecting included; 10 s. */
  readonly timeoutMs?: number;
  /** What stands before the tool, as records name it; "sdk". It decides nothing. */
  readonly client?: "sdk" | "hook" | "mcp";
}

interface Connection {
  readonly socket: Socket;
  readonly inFlight: InFlight;
}

export class SocketTransport implements Transport {
  readonly #path: string | undefined;
  readonly #timeoutMs: number;
  readonly #client: string;
  #connection: Promise<Connection> | undefined;
  #connecting = 0;

  constructor(options: SocketTransportOptions = {}) {
    this.#path = options.path;
    this.#timeoutMs = options.timeoutMs ?? answerTimeoutMs;
    this.#client = options.client ?? "sdk";
    if (!(this.#timeoutMs > 0)) throw new TypeError("timeoutMs is a positive number of milliseconds");
  }

  govern(request: GovernRequest, signal: AbortSignal): Promise<unknown> {
    return this.#send(request.call_id, null, { type: "govern", client: this.#client, ...request }, signal);
  }

  pollDefer(request: PollRequest, signal: AbortSignal): Promise<unknown> {
    const callId = globalThis.crypto.randomUUID();
    return this.#send(callId, request.defer_token, { type: "poll_defer", call_id: callId, ...request }, signal);
  }

  /** The most that the policy could ever say to a call of each tool; parsed JSON, unchecked. */
  reach(agentId: string, tools: readonly string[], signal: AbortSignal): Promise<unknown> {
    const callId = globalThis.crypto.randomUUID();
    return this.#send(callId, null, { type: "reach", call_id: callId, agent_id: agentId, tools: [...tools] }, signal);
  }

  /** Ends the connection; calls in flight are rejected. A later call connects anew. */
  async close(): Promise<void> {
    const connecting = this.#connection;
    this.#connection = undefined;
    const connection = await connecting?.catch(() => undefined);
    connection?.socket.destroy();
  }

  async #send(callId: string, deferToken: string | null, message: object, signal: AbortSignal): Promise<unknown> {
    // Canonical, so that the bytes which the daemon hashes are those which the caller has hashed.
    const line = `${canonicalJson(message as Json)}\n`;
    if (new TextEncoder().encode(line).length > requestMaxBytes) {
      throw new TransportFailure("ARGS_NOT_PLAIN", `the request is larger than ${requestMaxBytes} bytes`);
    }
    if (this.#connecting >= inFlightMax) {
      throw new TransportFailure("TOO_MANY_IN_FLIGHT", `${inFlightMax} calls wait for a connection already`);
    }
    this.#connecting += 1;
    let connection: Connection;
    try {
      connection = await this.#connected();
    } finally {
      this.#connecting -= 1;
    }
    const { socket, inFlight } = connection;
    if (socket.writableLength > queuedMaxBytes) {
      throw new TransportFailure("TOO_MANY_IN_FLIGHT", `${queuedMaxBytes} bytes wait to be read by the daemon`);
    }
    const answer = inFlight.add(callId, deferToken, this.#timeoutMs, signal);
    socket.ref();
    socket.write(line);
    try {
      return await answer;
    } finally {
      // An idle connection must not keep the agent's process alive.
      if (inFlight.size === 0 && !socket.destroyed) socket.unref();
    }
  }

  #connected(): Promise<Connection> {
    if (this.#connection !== undefined) return this.#connection;
    const forget = (): void => {
      if (this.#connection === made) this.#connection = undefined;
    };
    const made = this.#connect(forget);
    this.#connection = made;
    made.catch(forget);
    return made;
  }

  /** `gone` is called as soon as the connection takes no more calls, which is before its socket has closed. */
  async #connect(gone: () => void): Promise<Connection> {
    const { path, source } = await findSocket(this.#path);
    const { connect } = await builtin("node:net");
    return await new Promise((resolve, reject) => {
      const socket = connect(path);
      const inFlight = new InFlight(inFlightMax);
      const timer = setTimeout(() => socket.destroy(new Error("connecting took too long")), this.#timeoutMs);
      let cause: unknown;
      socket.once("connect", () => {
        clearTimeout(timer);
        resolve({ socket, inFlight });
      });
      socket.on("error", (error) => {
        cause = error;
      });
      socket.on("end", gone);
      socket.on("close", () => {
        clearTimeout(timer);
        gone();
        const failure = unreachable(path, source, cause);
        reject(failure);
        inFlight.failAll(failure);
      });
      readLines(socket, inFlight, gone);
    });
  }
}

/** Feeds answers to the requests that wait for them; ends the connection when an answer cannot be read or placed. */
function readLines(socket: Socket, inFlight: InFlight, gone: () => void): void {
  let rest = "";
  const giveUp = (message: string): void => {
    gone();
    inFlight.failAll(new TransportFailure("BAD_ANSWER", message));
    socket.destroy();
  };
  socket.setEncoding("utf8");
  socket.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > answerMaxLength) return giveUp(`an answer is longer than ${answerMaxLength} characters`);
    for (const line of lines) {
      if (line.trim() === "") continue;
      let answer: unknown;
      try {
        answer = JSON.parse(line);
      } catch {
        return giveUp("an answer is not JSON");
      }
      if (!inFlight.answer(answer)) return giveUp("an answer names no call");
    }
  });
}

function unreachable(path: string, source: string, cause: unknown): TransportFailure {
  const why = cause instanceof Error ? cause.message : "the connection was closed";
  const message = `the daemon at ${path} (${source}) cannot be reached: ${why}; start it with \`faramesh apply\` in the folder of governance.fms`;
  return new TransportFailure("DAEMON_UNREACHABLE", message, cause);
}

let shared: SocketTransport | undefined;

/** One connection for all governed tools of a process that name no transport. */
export function sharedSocketTransport(): SocketTransport {
  shared ??= new SocketTransport();
  return shared;
}
