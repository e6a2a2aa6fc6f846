// `governance.fms.lock`: the SHA-256 of every import, so that a version means the same bytes for everybody and for ever. A
// lock that cannot be read in full is no lock: nothing is compiled past it.
//
// The file: JSON of two spaces, members in order of their names, ending in LF: {"imports": {"host/path@1.2.3": {"sha256":
// "<64 hex>"}, …}, "lock": "faramesh.lock/1"}. An import that is used without a signature has `"unsigned": "<publisher>"` too.
// `catalogs`, where there are any, holds the newest catalog that was seen of each registry: {"<registry>": {"serial": n,
// "sha256": …}}. One algorithm, so that there is nothing to choose.
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

export interface Pin {
  /** In hex. */
  readonly sha256: string;
  /** The publisher whose artifact is used at this digest although no trusted key signed it. */
  readonly unsigned?: string;
}

/** By reference. */
export type Pins = ReadonlyMap<string, Pin>;

/** The newest catalog of a registry that was believed. */
export interface SeenCatalog {
  readonly serial: number;
  readonly sha256: string;
}

export interface Lock {
  readonly pins: Pins;
  /** By registry. */
  readonly catalogs: ReadonlyMap<string, SeenCatalog>;
}

/** An empty lock where there is no such file. Throws LockFailure where it is anything but a lock. */
export function readLock(dir: string): Lock {
  let bytes: Uint8Array;
  try {
    bytes = readWhole(nodeDisk, join(dir, lockFileName), lockLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return { pins: new Map(), catalogs: new Map() };
    if (hasErrorCode(error, "ELOOP", "EINVAL", "EFBIG")) throw new LockFailure("it is not a file of a lock's size");
    throw error;
  }
  return parseLock(bytes);
}

/** Throws LockFailure. */
export function parseLock(bytes: Uint8Array): Lock {
  const parsed = parseJson(bytes);
  if (!parsed.ok) throw new LockFailure("it is not JSON");
  const { imports, lock, catalogs, ...others } = members(parsed.value, "it");
  if (lock !== format) throw new LockFailure(`\`lock\` is not "${format}"`);
  for (const name of Object.keys(others)) throw new LockFailure(`it has the unknown member \`${name}\``);
  const seen = catalogs === undefined ? {} : members(catalogs, "`catalogs`");
  return {
    pins: new Map(Object.entries(members(imports, "`imports`")).map(([name, entry]) => [name, pinOf(name, entry)])),
    catalogs: new Map(Object.entries(seen).map(([name, entry]) => [name, catalogOf(name, entry)])),
  };
}

function pinOf(reference: string, entry: Json): Pin {
  const { sha256, unsigned, ...more } = members(entry, `\`${reference}\``);
  if (typeof sha256 !== "string" || !digest.test(sha256) || Object.keys(more).length > 0)
    throw new LockFailure(`\`${reference}\` does not have one SHA-256 and nothing else`);
  if (unsigned === undefined) return { sha256 };
  if (typeof unsigned !== "string" || unsigned === "")
    throw new LockFailure(`\`unsigned\` of \`${reference}\` names no publisher`);
  return { sha256, unsigned };
}

function catalogOf(registry: string, entry: Json): SeenCatalog {
  const { serial, sha256, ...more } = members(entry, `\`${registry}\``);
  const isWhole = typeof serial === "number" && Number.isSafeInteger(serial) && serial >= 0;
  if (!isWhole || typeof sha256 !== "string" || !digest.test(sha256) || Object.keys(more).length > 0)
    throw new LockFailure(`the catalog of \`${registry}\` does not have a serial and a SHA-256`);
  return { serial, sha256 };
}

export function lockText({ pins, catalogs }: Lock): string {
  const sorted = <T>(map: ReadonlyMap<string, T>): Record<string, T> =>
    Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  const content = { ...(catalogs.size > 0 ? { catalogs: sorted(catalogs) } : {}), imports: sorted(pins), lock: format };
  return `${JSON.stringify(content, null, 2)}\n`;
}

export function writeLock(dir: string, lock: Lock): void {
  replaceProjectFile(join(dir, lockFileName), Buffer.from(lockText(lock)));
}

function members(value: Json | undefined, what: string): { readonly [name: string]: Json } {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new LockFailure(`${what} is not an object`);
  return value as { readonly [name: string]: Json };
}
