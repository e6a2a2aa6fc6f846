// strace beside a process that runs: it traces the threads that are named and puts a fault into the n-th call of a kind.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";

export type Fault = "KILL" | "EIO" | "ENOSPC" | "EINTR" | "EAGAIN";

const attachTimeoutMs = 10_000;
const attachPollMs = 2;

const injected: Record<Fault, string> = {
  KILL: "signal=SIGKILL",
  EIO: "error=EIO",
  ENOSPC: "error=ENOSPC",
  EINTR: "error=EINTR",
  EAGAIN: "error=EAGAIN",
};

/** Options of strace's: `index` counts from 1, in each thread for itself, and with `-P` the calls on that path alone. */
export const injection = (fault: Fault, call: string, index: number): readonly string[] => [
  "-e",
  `inject=${call}:${injected[fault]}:when=${index}`,
];

/** Resolves when every thread is traced. Rejects with what strace said where that is not allowed. */
export async function attachStrace(
  process: string,
  threads: readonly string[],
  options: readonly string[],
): Promise<ChildProcess> {
  const strace = spawn("strace", [...options, ...threads.flatMap((thread) => ["-p", thread])], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  strace.once("error", (error) => (complaint = error.message));
  strace.stderr.on("data", (chunk) => (complaint += String(chunk)));
  for (let waitedMs = 0; waitedMs < attachTimeoutMs; waitedMs += attachPollMs) {
    if (threads.every((thread) => isTraced(process, thread))) return strace;
    if (strace.exitCode !== null || strace.pid === undefined) break;
    await pause(attachPollMs);
  }
  strace.kill("SIGKILL");
  throw new Error(`strace cannot attach: ${complaint}`);
}

/** A thread that has ended is taken for traced. */
function isTraced(process: string, thread: string): boolean {
  const status = `/proc/${process}/task/${thread}/status`;
  return !existsSync(status) || !/^TracerPid:\s+0$/m.test(readFileSync(status, "utf8"));
}

export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
