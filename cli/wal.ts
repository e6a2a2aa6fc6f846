// Where the stack's log lies, without asking a daemon: as the last daemon of this very place wrote it down, else the
// default, else what the policy file says. A copy of a stack must never lead to the log of the original.
import { existsSync } from "node:fs";
import { nodeDisk } from "../runtime/disk.ts";
import { readDaemonFile } from "../runtime/doors/client.ts";
import { headFileName, identityFileName, listSegments } from "../runtime/log/segments.ts";
import { type StackPaths, socketPlaces, stackPaths, walDirOf } from "../runtime/stack.ts";
import { Stop } from "./exit.ts";
import { readPolicyFile } from "./policy-file.ts";

/** Absolute path; the directory need not exist. Never throws for a policy that is missing or broken. */
export async function walDirFor(dir: string, env: NodeJS.ProcessEnv): Promise<string> {
  const paths = stackPaths(dir);
  const written = readDaemonFile(paths);
  if (written !== null && typeof written.wal_dir === "string" && isOfThisPlace(paths, written.operator_socket, env)) {
    return written.wal_dir;
  }
  if (existsSync(paths.defaultWalDir)) return paths.defaultWalDir;
  return walDirOf(paths, await configuredDir(dir));
}

/** As `walDirFor`; throws Stop where there is no log at all. */
export async function existingWalDir(dir: string, env: NodeJS.ProcessEnv): Promise<string> {
  const walDir = await walDirFor(dir, env);
  if (!holdsLog(walDir)) {
    throw new Stop(
      `there is no log at ${walDir}: nothing was decided here yet`,
      "faramesh apply begins one; --dir names another stack",
    );
  }
  return walDir;
}

/** True when the directory has a file of a log; an empty one was never written to. Throws where it cannot be listed. */
export function holdsLog(walDir: string): boolean {
  if (!existsSync(walDir)) return false;
  const isOurs = (name: string): boolean => name === identityFileName || name === headFileName || name.endsWith(".wal");
  return nodeDisk.list(walDir).some(isOurs);
}

/** True when the log has no records yet. Throws LogFailure where its files do not hold together. */
export function isEmptyLog(walDir: string): boolean {
  return listSegments(nodeDisk, walDir).every(({ sizeBytes }) => sizeBytes === 0);
}

function isOfThisPlace(paths: StackPaths, operatorSocket: string, env: NodeJS.ProcessEnv): boolean {
  try {
    return socketPlaces(paths, env).operator === operatorSocket;
  } catch {
    return false;
  }
}

async function configuredDir(dir: string): Promise<string | null> {
  try {
    const { readPolicy } = await import("../compiler/read.ts");
    const { stack } = readPolicy([readPolicyFile(dir)]);
    const value = stack?.runtime?.fields.find(({ name }) => name === "wal_dir")?.value;
    return value?.kind === "string" ? value.value : null;
  } catch (error) {
    if (error instanceof Stop) return null;
    throw error;
  }
}
