// A server over stdio as a process in a group of its own: nothing of it outlives its end.
import type { ChildProcess } from "node:child_process";

/** How long a server that was told to end may take, first by the end of its input, then by SIGTERM. */
const endMs = 2000;

export function stopServer(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.stdin?.end();
  const term = setTimeout(() => killGroup(child, "SIGTERM"), endMs);
  const kill = setTimeout(() => killGroup(child, "SIGKILL"), 2 * endMs);
  child.once("exit", () => {
    clearTimeout(term);
    clearTimeout(kill);
  });
}

/** The server, and whatever it has started and left in its group. */
export function killGroup({ pid }: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Nobody is left.
  }
}
