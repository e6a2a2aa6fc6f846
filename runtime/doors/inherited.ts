// Sockets that a service manager listens on before the daemon starts, and hands over: sd_listen_fds(3). A call that comes while no daemon
// runs waits in the system's queue instead of failing. It must never take a descriptor that was meant for another process.
import { fstatSync } from "node:fs";
import type { Environment } from "../fixed-settings.ts";

const firstDescriptor = 3;
/** More than any unit hands over. */
const descriptorsMax = 16;

/**
 * The descriptor that stands for `name` (`FileDescriptorName=`), or the only one; null where none was handed over. `pid` is this
 * process's.
 */
export function inheritedSocket(name: string, env: Environment, pid: number): number | null {
  if (env.LISTEN_PID !== String(pid)) return null;
  const count = Number(env.LISTEN_FDS);
  if (!Number.isInteger(count) || count < 1 || count > descriptorsMax) return null;
  const at = count === 1 ? 0 : (env.LISTEN_FDNAMES ?? "").split(":").indexOf(name);
  if (at < 0 || at >= count) return null;
  return isSocket(firstDescriptor + at) ? firstDescriptor + at : null;
}

function isSocket(descriptor: number): boolean {
  try {
    return fstatSync(descriptor).isSocket();
  } catch {
    return false;
  }
}
