// What a policy of a stack imports: found in the registry folders of this machine and beside the policy, and held to
// `governance.fms.lock`. Each text is read once; it never fetches.
import type { ImportResolver, ResolvedImport } from "../compiler/index.ts";
import { readArtifact, readBeside, registryRoots } from "../runtime/registry/folders.ts";
import { LockFailure, lockFileName, type Pins, readLock, writeLock } from "../runtime/registry/lock-file.ts";
import { Stop } from "./exit.ts";

/** Which pins hold: all, none (they are about to be written), or those of registries alone while files are worked on. */
export type Holding = "all" | "none" | "registries";

/** Throws Stop where the lock cannot be read. */
export function importsOf(dir: string, env: NodeJS.ProcessEnv, holding: Holding): ImportResolver {
  const pins = holding === "none" ? new Map<string, string>() : pinsOf(dir);
  const roots = registryRoots(dir, env);
  return (reference) => {
    const isLocal = !reference.includes("@");
    const found = isLocal ? readBeside(reference, dir) : readArtifact(reference, dir, roots);
    const digest = isLocal && holding === "registries" ? undefined : pins.get(reference);
    return digest === undefined || "reason" in found ? found : { ...found, digest };
  };
}

/** The references that the lock does not name. */
export function unpinned(dir: string, imports: readonly ResolvedImport[]): readonly ResolvedImport[] {
  if (imports.length === 0) return [];
  const pins = pinsOf(dir);
  return imports.filter(({ reference }) => !pins.has(reference));
}

/** Pins exactly these imports. */
export function pinAll(dir: string, imports: readonly ResolvedImport[]): void {
  writeLock(dir, new Map(imports.map(({ reference, sha256 }) => [reference, sha256])));
}

/** Pins those that are not pinned yet and changes no other pin; returns how many there were. */
export function pinNew(dir: string, imports: readonly ResolvedImport[]): number {
  const fresh = unpinned(dir, imports);
  if (fresh.length > 0)
    writeLock(dir, new Map([...pinsOf(dir), ...fresh.map(({ reference, sha256 }) => [reference, sha256] as const)]));
  return fresh.length;
}

function pinsOf(dir: string): Pins {
  try {
    return readLock(dir);
  } catch (error) {
    if (!(error instanceof LockFailure)) throw error;
    throw new Stop(
      `${lockFileName} cannot be trusted: ${error.message}`,
      "take it from version control again, or pin the imports anew: faramesh check --write-lock",
    );
  }
}
