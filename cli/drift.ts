// Whether the policy's files are still those that were applied. Compared by their bytes; nothing is compiled or written.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Whether a file of the policy differs from what was applied; null where there is nothing to compare. */
export function driftOf(
  dir: string,
  files: readonly { readonly file: string; readonly sha256: string }[],
): boolean | null {
  if (files.length === 0) return null;
  // A file of a registry is named by its version, and what lies under that on this machine is the lock's to hold.
  return files.some(({ file, sha256 }) => {
    if (file.includes("@")) return false;
    try {
      return sha256Of(readFileSync(join(dir, file))) !== sha256;
    } catch {
      // Not readable any more is not what is in force either.
      return true;
    }
  });
}

/** The same of texts as they were stored with a version. */
export function driftFrom(
  dir: string,
  sources: readonly { readonly file: string; readonly text: string }[],
): boolean | null {
  return driftOf(
    dir,
    sources.map(({ file, text }) => ({ file, sha256: sha256Of(text) })),
  );
}

function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
