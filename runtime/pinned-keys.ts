// `faramesh.vkey`: the keys that a stack's log is verified with, one a line, meant to be committed and read by people. Lines
// with `#` are remarks. The daemon adds the log's first key and those that a key named before; it never removes one, and
// never adds a key that nobody vouches for.
import { dirname } from "node:path";
import { appendToProjectFile, createProjectFile, type Disk, nodeDisk, readWhole } from "./disk.ts";
import { parseVerifierKey, type VerifierKey } from "./log/note.ts";

const pinnedLimitBytes = 256 * 1024;
const linesMax = 1024;

const firstLines = `# The keys that verify this stack's log: faramesh audit verify. Commit this file; it holds no secret.
`;

/** A line that is neither a key nor a remark. */
export class PinnedKeysFailure extends Error {
  readonly code = "VKEY_UNREADABLE";
}

/** The keys in the text of such a file. Throws PinnedKeysFailure. */
export function parsePinnedKeys(text: string, name: string): VerifierKey[] {
  const lines = text.split("\n").map((line) => line.trim());
  if (lines.length > linesMax) throw new PinnedKeysFailure(`${name} has more than ${linesMax} lines`);
  return lines.flatMap((line, index) => {
    if (line === "" || line.startsWith("#")) return [];
    const key = parseVerifierKey(line);
    if (key === null) throw new PinnedKeysFailure(`${name}:${index + 1} is no verifier key`);
    return [key];
  });
}

/** The keys at `path`; null where there is no such file. Throws PinnedKeysFailure, or the disk's errors. */
export function readPinnedKeys(path: string, disk: Disk = nodeDisk): VerifierKey[] | null {
  if (disk.identity(path) === null) return null;
  return parsePinnedKeys(Buffer.from(readWhole(disk, path, pinnedLimitBytes)).toString("utf8"), path);
}

/**
 * Adds the log's key when the file has none of this log, or when the key before named it. What became of it: it stands there,
 * it was added, or nobody vouches for it.
 */
export function pinKey(path: string, key: VerifierKey, isNamed: boolean): "there" | "added" | "unvouched" {
  const pinned = readPinnedKeys(path);
  if (pinned?.some(({ text }) => text === key.text)) return "there";
  if (pinned?.some(({ name, kind }) => name === key.name && kind === "log") && !isNamed) return "unvouched";
  if (pinned !== null || !createProjectFile(path, `${firstLines}${key.text}\n`)) {
    appendToProjectFile(path, `${key.text}\n`);
    return "added";
  }
  nodeDisk.syncDirectory(dirname(path));
  return "added";
}
