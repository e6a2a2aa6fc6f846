// Where the stack's log lies: as the last daemon wrote it down, else the default place, else what the policy file says.
import { existsSync } from "node:fs";
import { readDaemonFile } from "../runtime/doors/client.ts";
import { stackPaths, walDirOf } from "../runtime/stack.ts";
import { compilePolicyFile, readPolicyFile } from "./policy-file.ts";

/** Absolute path; the directory need not exist yet. Never throws for a policy that is missing or broken. */
export async function walDir(stackDir: string): Promise<string> {
  const paths = stackPaths(stackDir);
  const known = readDaemonFile(paths)?.wal_dir;
  if (typeof known === "string") return known;
  if (existsSync(paths.defaultWalDir)) return paths.defaultWalDir;
  return walDirOf(paths, await configuredDir(stackDir));
}

async function configuredDir(stackDir: string): Promise<string | null> {
  try {
    const { stack } = await compilePolicyFile(readPolicyFile(stackDir));
    const value = stack?.runtime?.fields.find((field) => field.name === "wal_dir")?.value;
    return value?.kind === "string" ? value.value : null;
  } catch {
    return null;
  }
}
