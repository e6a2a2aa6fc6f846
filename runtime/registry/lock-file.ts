// `governance.fms.lock`: the SHA-256 of every import, so that a version means the same bytes for everybody and for ever. A
// lock that cannot be read in full is no lock: nothing is compiled past it.
//
// The file: JSON of two spaces, members in order of their names, ending in LF: {"imports": {"host/path@1.2.3": {"sha256":
// "<64 hex>"}, …}, "lock": "faramesh.lock/1"}. One algorithm, so that there is nothing to choose.
import { join } from "node:path";
import { hasErrorCode, nodeDisk, readWhole, replaceProjectFile } from "../disk.ts";
import { type Json, parseJson } from "../json.ts";

const format = "faramesh.lock/1";
export const lockFileName = "governance.fms.lock";
const lockLimitBytes = 1024 * 1024;
const digest = /^[0-9a-f]{64}$/;

export class LockFailure extends Error {
  readonly code = "LOCK_UNREADABLE";
}

/** SHA-256 in hex by reference. */
export type Pins = ReadonlyMap<string, string>;

/** No pins where there is no such file. Throws LockFailure where it is anything but a lock. */
export function readLock(dir: string): Pins {
  let bytes: Uint8Array;
  try {
    bytes = readWhole(nodeDisk, join(dir, lockFileName), lockLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return new Map();
    if (hasErrorCode(error, "ELOOP", "EINVAL", "EFBIG")) throw new LockFailure("it is not a file of a lock's size");
    throw error;
  }
  const parsed = parseJson(bytes);
  if (!parsed.ok) throw new LockFailure("it is not JSON");
  const { imports, lock, ...others } = members(parsed.value, "it");
  if (lock !== format) throw new LockFailure(`\`lock\` is not "${format}"`);
  for (const name of Object.keys(others)) throw new LockFailure(`it has the unknown member \`${name}\``);
  return new Map(
    Object.entries(members(imports, "`imports`")).map(([reference, entry]): [string, string] => {
      const { sha256, ...more } = members(entry, `\`${reference}\``);
      if (typeof sha256 !== "string" || !digest.test(sha256) || Object.keys(more).length > 0)
        throw new LockFailure(`\`${reference}\` does not have one SHA-256 and nothing else`);
      return [reference, sha256];
    }),
  );
}

export function writeLock(dir: string, pins: Pins): void {
  const sorted = [...pins].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  const imports = Object.fromEntries(sorted.map(([reference, sha256]) => [reference, { sha256 }]));
  const text = `${JSON.stringify({ imports, lock: format }, null, 2)}\n`;
  replaceProjectFile(join(dir, lockFileName), Buffer.from(text));
}

function members(value: Json | undefined, what: string): { readonly [name: string]: Json } {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new LockFailure(`${what} is not an object`);
  return value as { readonly [name: string]: Json };
}
