// Starting and stopping the stack's daemon on behalf of a command: what it must know before it reads its log, and the
// wait until it is gone. It never decides whether to.
import { askOperator, callOperator, NotRunning } from "../runtime/doors/client.ts";
import type { RuntimeValue } from "../runtime/evaluator/types.ts";
import type { HttpWords } from "../runtime/fixed-settings.ts";
import { type StackPaths, walDirOf } from "../runtime/stack.ts";
import { actorName } from "./actor.ts";
import { exits, Stop } from "./exit.ts";
import { visible } from "./render.ts";

export type RuntimeSettings = { readonly [name: string]: RuntimeValue };
const stopWaitMs = 30_000;
const stopPollMs = 25;

export interface LaunchSettings {
  readonly walDir?: string;
  readonly socket?: string;
  readonly durability?: "group" | "each" | "async";
  readonly http: HttpWords;
}

/** From the policy about to be applied. Throws Stop for a variable named by env() that is not set. */
export function launchSettings(paths: StackPaths, runtime: RuntimeSettings, env: NodeJS.ProcessEnv): LaunchSettings {
  const text = (name: string): string | undefined => {
    const value = runtime[name];
    if (typeof value === "string" && value !== "") return value;
    if (typeof value !== "object" || value === null || !("env" in value)) return undefined;
    const set = env[value.env];
    if (set === undefined) throw new Stop(`the environment variable ${value.env} for \`${name}\` is not set`);
    return set;
  };
  const [walDir, socket, durability] = [text("wal_dir"), text("socket"), text("durability")];
  const http = {
    listen: text("http_listen") ?? null,
    cert: text("tls_cert_file") ?? null,
    key: text("tls_key_file") ?? null,
  };
  return {
    http,
    ...(walDir === undefined ? {} : { walDir: walDirOf(paths, walDir) }),
    ...(socket === undefined ? {} : { socket }),
    ...(durability === "group" || durability === "each" || durability === "async" ? { durability } : {}),
  };
}

/** True when a daemon answers. */
export async function isAnswering(dir: string): Promise<boolean> {
  try {
    return (await callOperator(dir, "ping", {})).ok;
  } catch (error) {
    if (error instanceof NotRunning) return false;
    throw error;
  }
}

/** Starts the daemon as a process of its own. Throws Stop with exit code 4. */
export async function launch(paths: StackPaths, settings: LaunchSettings): Promise<number> {
  const { LaunchFailure, spawnDaemon } = await import("../runtime/launch.ts");
  try {
    return (await spawnDaemon(paths.dir, settings)).pid;
  } catch (error) {
    if (!(error instanceof LaunchFailure)) throw error;
    const lines = error.lastLines.map((line) => `\n  ${visible(line)}`).join("");
    throw new Stop(`${error.message}${lines}`, startHelp(lines), exits.daemonDown);
  }
}

/** What to look at when the daemon did not start for `reason`. */
export function startHelp(reason: string): string {
  const isLog = /CORRUPT|TAIL_LOST|HEAD_INVALID|SEGMENT_MISSING|DIRECTORY_UNUSABLE/.test(reason);
  return isLog
    ? "the log is not as it was written: faramesh audit verify"
    : "the policy was not applied; more in .faramesh/runtime/daemon.log";
}

/** Asks the daemon to end and waits until it has; null when none runs. Throws Stop when it does not end. */
export async function stopDaemon(dir: string, env: NodeJS.ProcessEnv): Promise<number | null> {
  let pid: number;
  try {
    ({ pid } = await askOperator(dir, "stop", { actor: actorName(env) }));
  } catch (error) {
    if (error instanceof NotRunning) return null;
    throw error;
  }
  for (let waitedMs = 0; isAlive(pid); waitedMs += stopPollMs) {
    if (waitedMs >= stopWaitMs) {
      throw new Stop(
        `the daemon (pid=${pid}) has not ended after ${stopWaitMs / 1000} s`,
        "see .faramesh/runtime/daemon.log",
      );
    }
    await new Promise((resolve) => setTimeout(resolve, stopPollMs));
  }
  return pid;
}

function isAlive(pid: number): boolean {
  // A daemon in this very process is gone when it no longer answers, which the caller sees.
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
