// The operator's end of the operator socket: finds the daemon of a stack, shows the token, asks, reads the answer. It
// must never start, stop or judge anything by itself.
import { connect, type Socket } from "node:net";
import { hasErrorCode, nodeDisk, readWhole, realPath } from "../disk.ts";
import { canonicalJson, type Json, parseJson } from "../json.ts";
import { type DaemonFile, type StackPaths, stackPaths } from "../stack.ts";
import { LineReader, operatorLineLimits } from "./lines.ts";
import type {
  ApprovalEvent,
  ApprovalsWatch,
  OperatorAnswer,
  OperatorErrorCode,
  OperatorRefusal,
  OperatorRequest,
  OperatorType,
} from "./protocol.ts";

/** No daemon answers for this stack. */
export class NotRunning extends Error {
  readonly code = "NOT_RUNNING";
}

/** The daemon is there, and the conversation with it broke: no answer in time, a foreign answer, a closed connection. */
export class OperatorFailure extends Error {
  readonly code: "TIMEOUT" | "CLOSED" | "BAD_ANSWER" | "NO_ACCESS";
  constructor(code: OperatorFailure["code"], message: string) {
    super(message);
    this.code = code;
  }
}

/** The daemon's `{ok: false}`, for callers that have no other use for it than to stop. */
export class OperatorRefused extends Error {
  readonly code: OperatorErrorCode;
  constructor(refusal: OperatorRefusal) {
    super(refusal.message);
    this.code = refusal.code;
  }
}

export interface CallOptions {
  readonly timeoutMs?: number;
}

const callTimeoutMs = 30_000;
const smallFileBytes = 64 * 1024;

/**
 * What `runtime/daemon.json` says, whether or not that daemon still runs; null without one. That of another stack, which
 * came here with a copy, is none: who works on the copy must not reach the original's daemon.
 */
export function readDaemonFile(paths: StackPaths): DaemonFile | null {
  let bytes: Uint8Array;
  try {
    bytes = readWhole(nodeDisk, paths.daemonFile, smallFileBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return null;
    throw error;
  }
  const parsed = parseJson(bytes);
  if (!parsed.ok || typeof parsed.value !== "object" || parsed.value === null) return null;
  const file = parsed.value as unknown as DaemonFile;
  if (file.dir !== undefined && file.dir !== realPath(paths.dir)) return null;
  return typeof file.operator_socket === "string" && typeof file.pid === "number" ? file : null;
}

/**
 * Asks the daemon of the stack at `dir`. A refusal is a value, not an error. Throws NotRunning when nobody listens and
 * OperatorFailure when the answer does not come. Objects of the answer have no prototype; numbers that JavaScript
 * would print differently are JsonNumber (print them with `canonicalJson`).
 */
export async function callOperator<T extends OperatorType>(
  dir: string,
  type: T,
  request: OperatorRequest<T>,
  options: CallOptions = {},
): Promise<OperatorAnswer<T> | OperatorRefusal> {
  const paths = stackPaths(dir);
  const socket = await open(paths);
  const timeoutMs = options.timeoutMs ?? callTimeoutMs;
  const timer = setTimeout(
    () => socket.destroy(new OperatorFailure("TIMEOUT", `no answer in ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    socket.write(`${canonicalJson(withoutUndefined({ ...request, type, token: readToken(paths) }))}\n`);
    for await (const answer of answersOf(socket)) return answer as unknown as OperatorAnswer<T> | OperatorRefusal;
    throw new OperatorFailure("CLOSED", "the daemon closed the connection without an answer");
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}

/** As `callOperator`, with the daemon's refusal thrown as OperatorRefused. */
export async function askOperator<T extends OperatorType>(
  dir: string,
  type: T,
  request: OperatorRequest<T>,
  options: CallOptions = {},
): Promise<OperatorAnswer<T>> {
  const answer = await callOperator(dir, type, request, options);
  if (!answer.ok) throw new OperatorRefused(answer);
  return answer;
}

/** True when a daemon answers for this stack. */
export async function isRunning(dir: string, timeoutMs = 2000): Promise<boolean> {
  try {
    return (await callOperator(dir, "ping", {}, { timeoutMs })).ok;
  } catch (error) {
    // A connection that is taken and dropped is that of a process which is going.
    if (error instanceof NotRunning || (error instanceof OperatorFailure && error.code === "CLOSED")) return false;
    throw error;
  }
}

/** The approvals that are pending now, then each change to any approval, until `signal` fires or the daemon ends. */
export async function* watchApprovals(
  dir: string,
  signal?: AbortSignal,
): AsyncGenerator<ApprovalsWatch["answer"] | ApprovalEvent, void, void> {
  const paths = stackPaths(dir);
  const socket = await open(paths);
  const onAbort = (): void => {
    socket.destroy();
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  try {
    socket.write(`${canonicalJson({ type: "approvals_watch", token: readToken(paths) })}\n`);
    for await (const message of answersOf(socket)) {
      const answer = message as unknown as ApprovalsWatch["answer"] | ApprovalEvent | OperatorRefusal;
      if ("ok" in answer && !answer.ok) throw new OperatorRefused(answer);
      yield answer as ApprovalsWatch["answer"] | ApprovalEvent;
    }
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    signal?.removeEventListener("abort", onAbort);
    socket.destroy();
  }
}

/** Optional members may be given as undefined; JSON has no word for that. */
function withoutUndefined(message: object): Json {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined)) as Json;
}

function readToken(paths: StackPaths): string {
  try {
    return Buffer.from(readWhole(nodeDisk, paths.tokenFile, smallFileBytes))
      .toString("latin1")
      .trim();
  } catch (error) {
    if (hasErrorCode(error, "EACCES", "EPERM")) {
      throw new OperatorFailure(
        "NO_ACCESS",
        `${paths.tokenFile} cannot be read: run as the user who started the daemon`,
      );
    }
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) throw new NotRunning(`no operator token in ${paths.operatorDir}`);
    throw error;
  }
}

function open(paths: StackPaths): Promise<Socket> {
  const path = readDaemonFile(paths)?.operator_socket ?? paths.operatorSocket;
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.removeAllListeners("error");
      resolve(socket);
    });
    socket.once("error", (error) => {
      if (hasErrorCode(error, "ENOENT", "ECONNREFUSED", "ENOTDIR", "ENOTSOCK")) {
        reject(new NotRunning(`no daemon listens at ${path}`));
      } else if (hasErrorCode(error, "EACCES", "EPERM")) {
        reject(new OperatorFailure("NO_ACCESS", `${path} may not be opened: run as the user who started the daemon`));
      } else {
        reject(error);
      }
    });
  });
}

async function* answersOf(socket: Socket): AsyncGenerator<Json, void, void> {
  const reader = new LineReader(operatorLineLimits.lineBytes);
  for await (const chunk of chunksOf(socket)) {
    reader.push(chunk);
    for (let line = reader.next(); line !== null; line = reader.next()) {
      if (line.kind === "too long") throw new OperatorFailure("BAD_ANSWER", "the daemon's answer is too long");
      const parsed = parseJson(line.bytes, { sizeBytes: operatorLineLimits.lineBytes, items: 10_000_000, depth: 100 });
      if (!parsed.ok) throw new OperatorFailure("BAD_ANSWER", `the daemon's answer is not JSON: ${parsed.message}`);
      yield parsed.value;
    }
  }
}

async function* chunksOf(socket: Socket): AsyncGenerator<Buffer, void, void> {
  try {
    yield* socket;
  } catch (error) {
    if (!hasErrorCode(error, "ECONNRESET", "EPIPE")) throw error;
    throw new OperatorFailure("CLOSED", "the daemon closed the connection without an answer");
  }
}
