// Starts the daemon as a process of its own and waits until it answers or has died. It must never decide what the
// daemon does; that is the daemon's.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { hasErrorCode, nodeDisk, readWhole } from "./disk.ts";
import { callOperator, NotRunning, OperatorFailure } from "./doors/client.ts";
import type { HttpWords } from "./fixed-settings.ts";
import { stackPaths } from "./stack.ts";

export interface LaunchOptions {
  /** Directory of the log, absolute; absent: the stack's default. */
  readonly walDir?: string;
  /** `runtime { socket }` of the policy about to be applied. */
  readonly socket?: string;
  readonly durability?: string;
  /** `runtime { http_listen, tls_cert_file, tls_key_file }` of the policy about to be applied. */
  readonly http?: HttpWords;
  readonly dev?: boolean;
  readonly timeoutMs?: number;
}

/** The daemon did not come up. `lastLines` are what it wrote last. */
export class LaunchFailure extends Error {
  readonly code = "DAEMON_DID_NOT_START";
  readonly lastLines: readonly string[];
  constructor(message: string, lastLines: readonly string[]) {
    super(message);
    this.lastLines = lastLines;
  }
}

const launchTimeoutMs = 20_000;
const pollMs = 25;
const lastLinesMax = 10;
const outputLimitBytes = 64 * 1024;

/** Starts the daemon of the stack at `dir`, detached, and returns when it answers. Throws LaunchFailure. */
export async function spawnDaemon(dir: string, options: LaunchOptions = {}): Promise<{ pid: number }> {
  const paths = stackPaths(dir);
  const [interpreter, ...entry] = daemonCommand();
  const child = spawn(interpreter, [...entry, ...daemonArguments(paths.dir, options)], {
    cwd: paths.dir,
    detached: true,
    stdio: ["ignore", "ignore", "pipe"],
  });
  let output = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => {
    output = (output + text).slice(-outputLimitBytes);
  });
  let ended: string | null = null;
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("exit", (code, signal) => {
    ended = signal === null ? `exit code ${code}` : `signal ${signal}`;
  });
  const timeoutMs = options.timeoutMs ?? launchTimeoutMs;
  for (let waitedMs = 0; waitedMs < timeoutMs; waitedMs += pollMs) {
    if (ended !== null) break;
    if (child.pid !== undefined && (await answers(dir, child.pid))) {
      child.stderr.destroy();
      child.unref();
      return { pid: child.pid };
    }
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  if (ended === null) child.kill("SIGTERM");
  const lines = output.trim() === "" ? tailOf(paths.daemonLog) : output.trim().split("\n");
  throw new LaunchFailure(
    ended === null ? `the daemon did not answer within ${timeoutMs} ms` : `the daemon ended with ${ended}`,
    lines.slice(-lastLinesMax),
  );
}

/** What runs a daemon, without its arguments. */
export function daemonCommand(): readonly [interpreter: string, ...rest: string[]] {
  return [process.execPath, ...daemonEntry()];
}

/** Beside our own bundle, or the source through the loader that runs us. */
function daemonEntry(): readonly string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  // The bundler may lay this file into a chunk below dist/.
  for (const bundle of [join(here, "daemon.js"), join(here, "..", "daemon.js")])
    if (existsSync(bundle)) return [bundle];
  return ["--import", import.meta.resolve("tsx"), join(here, "daemon-main.ts")];
}

function daemonArguments(dir: string, options: LaunchOptions): readonly string[] {
  const list = ["--dir", dir];
  if (options.walDir !== undefined) list.push("--wal-dir", options.walDir);
  if (options.socket !== undefined) list.push("--socket", options.socket);
  if (options.durability !== undefined) list.push("--durability", options.durability);
  if (options.http !== undefined) {
    // Empty: none, whatever the policy in force says.
    const { listen, cert, key } = options.http;
    list.push("--http-listen", listen ?? "", "--tls-cert-file", cert ?? "", "--tls-key-file", key ?? "");
  }
  if (options.dev === true) list.push("--dev");
  return list;
}

async function answers(dir: string, pid: number): Promise<boolean> {
  try {
    const answer = await callOperator(dir, "ping", {}, { timeoutMs: 2000 });
    return answer.ok && answer.pid === pid && answer.state !== "STARTING";
  } catch (error) {
    if (error instanceof NotRunning || error instanceof OperatorFailure) return false;
    throw error;
  }
}

function tailOf(path: string): string[] {
  try {
    return Buffer.from(readWhole(nodeDisk, path, 16 * 1024 * 1024))
      .toString("utf8")
      .trim()
      .split("\n");
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "EFBIG")) return [];
    throw error;
  }
}
