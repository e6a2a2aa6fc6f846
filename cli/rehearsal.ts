// What stands before `apply` changes anything: whether the policy opens a call that the one in force does not, and the telling of
// what would be done. It writes nothing, and asks no daemon but for what is in force.
import { existsSync } from "node:fs";
import { ImageFailure } from "../runtime/images.ts";
import { type Access, accessBetween, printAccess } from "./access.ts";
import { changesFrom, isUnchanged, printRuleChanges } from "./changes.ts";
import { Stop } from "./exit.ts";
import type { CompiledPolicy } from "./policy-file.ts";
import type { Terminal } from "./terminal.ts";
import { type LoggedActivation, readActivations, storedVersion } from "./versions.ts";
import { walDirFor } from "./wal.ts";

/** The version in force by the log; null before the first. */
export async function versionInForce(dir: string, env: NodeJS.ProcessEnv): Promise<LoggedActivation | null> {
  const walDir = await walDirFor(dir, env);
  return existsSync(walDir) ? ((await readActivations(walDir)).at(-1) ?? null) : null;
}

/** What the new policy opens and closes; null where nothing is in force. Throws Stop where that version is gone. */
export async function accessTo(
  dir: string,
  active: LoggedActivation | null,
  policy: CompiledPolicy,
): Promise<Access | null> {
  if (active === null) return null;
  const { resolveStored } = await import("../compiler/resolve.ts");
  const stored = storedOf(dir, active);
  const { stack } = resolveStored(stored.sources);
  if (stack === null) throw unreadable(active);
  return accessBetween({ stack, image: stored.image }, policy);
}

/** Calls that could get further than before, and those of which that is not known. */
export function openings(access: Access | null): number {
  return access === null ? 0 : access.gained.length + access.unknown.length;
}

/** Prints the openings alone. */
export function printOpenings(io: Terminal, { gained, unknown }: Access): void {
  printAccess(io, { gained, lost: [], unknown });
}

/** Prints what would change, as `plan` does. */
export async function printRehearsal(
  io: Terminal,
  dir: string,
  active: LoggedActivation | null,
  policy: CompiledPolicy,
  access: Access | null,
): Promise<void> {
  if (active === null) return;
  const changes = await changesFrom(storedOf(dir, active).sources, policy.stack);
  if (changes === null) throw unreadable(active);
  if (isUnchanged(changes)) io.line(`No changes: the policy in force (v${active.number}) says the same.`);
  printRuleChanges(io, changes);
  if (access !== null && !isUnchanged(changes)) printAccess(io, access);
}

function storedOf(dir: string, active: LoggedActivation): ReturnType<typeof storedVersion> {
  try {
    return storedVersion(dir, active);
  } catch (error) {
    if (!(error instanceof ImageFailure)) throw error;
    throw new Stop(`v${active.number} is in force and cannot be compared: ${error.message}`);
  }
}

function unreadable(active: LoggedActivation): Stop {
  return new Stop(`the stored source of v${active.number} cannot be read any more: nothing can be compared with it`);
}
