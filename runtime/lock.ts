// One exclusive lock over a file that dies with the process that holds it. Node has no flock(2): the command of
// util-linux locks the open file that it inherits, and the lock stays with our descriptor when the command has ended.
// Where there is no such command, an abstract socket named after the file does the same. It must never trust a process
// id in a file: that outlives its process.
import { spawn } from "node:child_process";
import { fstatSync } from "node:fs";
import { createServer, type Server } from "node:net";

export interface HeldLock {
  /** Frees what is not freed by closing the descriptor. */
  release(): void;
}

/** Exit code of `flock -n` when another holds the lock; we choose it, to tell it from any other failure. */
const conflictExitCode = 101;

/** Locks the file behind an open descriptor; null when another process, or another descriptor here, holds it. */
export async function lockDescriptor(descriptor: number, path: string): Promise<HeldLock | null> {
  const exitCode = await runFlock(descriptor);
  if (exitCode === 0) return { release: () => {} };
  if (exitCode === conflictExitCode) return null;
  if (exitCode !== "absent") throw new Error(`flock of ${path} ended with ${exitCode}`);
  if (process.platform !== "linux") throw new Error(`no way to lock ${path}: the command flock is missing`);
  return lockBySocket(descriptor);
}

function runFlock(descriptor: number): Promise<number | "absent"> {
  return new Promise((resolve, reject) => {
    const child = spawn("flock", ["-n", "-x", "-E", String(conflictExitCode), "3"], {
      stdio: ["ignore", "ignore", "ignore", descriptor],
    });
    child.once("error", (error) => {
      if ("code" in error && error.code === "ENOENT") resolve("absent");
      else reject(error);
    });
    child.once("exit", (code) => resolve(code ?? -1));
  });
}

/** Exported for its test: machines with the command never come here. */
export function lockBySocket(descriptor: number): Promise<HeldLock | null> {
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  const server: Server = createServer((socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.once("error", (error) => {
      if ("code" in error && error.code === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen(`\0faramesh-lock-${dev}-${ino}`, () => {
      server.unref();
      resolve({ release: () => server.close() });
    });
  });
}
