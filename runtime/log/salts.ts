// The side store of salts: what makes a redacted value provable to whoever has the value. Only the salt is kept, beside
// the hash it belongs to; removing a file makes its values unprovable for good and leaves the chain whole.
// A crash may lose the salts of the last moment, which costs a proof and nothing else.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { formatTime } from "../clock.ts";
import { type Disk, type DiskFile, hasErrorCode, readWhole, replaceFile, writeAll } from "../disk.ts";
import { canonicalJson, type Json } from "../json.ts";
import { sha256Hex } from "./line.ts";
import { saltsName } from "./segments.ts";

export const saltBytes = 16;

const hashCharacters = 64;
const domain = "faramesh/redacted/v1:";

/** Salts that wait for the disk; more are dropped and counted. */
const pendingMax = 10_000;

/** Largest file of one day that `findSalt` reads. */
const fileLimitBytes = 1024 * 1024 * 1024;

/** SHA-256 over a domain, the salt of 16 bytes and the canonical JSON of the value, as lowercase hexadecimal. */
export function commitment(value: Json, salt: Uint8Array): string {
  if (salt.length !== saltBytes) throw new TypeError(`a salt has ${saltBytes} bytes, not ${salt.length}`);
  return sha256Hex(Buffer.concat([Buffer.from(domain), salt, Buffer.from(canonicalJson(value))]));
}

/** Appends `<commitment> <salt>` lines to `salts/<UTC day>.salts`. */
export class SaltStore {
  /** salts that could not be kept since the start; their values cannot be proved */
  lost = 0;
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #nowUs: () => number;
  #pending: string[] = [];
  #isScheduled = false;
  #file: { readonly day: string; readonly file: DiskFile } | null = null;

  constructor(disk: Disk, dir: string, nowUs: () => number) {
    this.#disk = disk;
    this.#folder = join(dir, saltsName);
    this.#nowUs = nowUs;
  }

  /** Commits to a value under a fresh salt and keeps the salt. */
  commit(value: Json): string {
    const salt = randomBytes(saltBytes);
    const hash = commitment(value, salt);
    if (this.#pending.length >= pendingMax) this.lost++;
    else this.#pending.push(`${hash} ${salt.toString("hex")}\n`);
    if (!this.#isScheduled) {
      this.#isScheduled = true;
      setImmediate(() => this.flush());
    }
    return hash;
  }

  /** Writes what waits. An error of the disk loses these salts and is counted: a decision never fails for a salt. */
  flush(): void {
    this.#isScheduled = false;
    const pending = this.#pending;
    if (pending.length === 0) return;
    this.#pending = [];
    try {
      writeAll(this.#fileOf(formatTime(this.#nowUs()).slice(0, 10)), Buffer.from(pending.join("")));
    } catch {
      this.lost += pending.length;
    }
  }

  #fileOf(day: string): DiskFile {
    if (this.#file?.day === day) return this.#file.file;
    this.#file?.file.close();
    this.#file = null;
    this.#disk.makeDirectory(this.#folder);
    const path = join(this.#folder, `${day}.salts`);
    this.#file = { day, file: openOrCreate(this.#disk, path) };
    return this.#file.file;
  }

  /** Forgets salts for good; how many there were. Each file keeps its others, whatever interrupts this. Throws the disk's error. */
  erase(hashes: ReadonlySet<string>): number {
    this.flush();
    let erased = 0;
    for (const name of saltFiles(this.#disk, this.#folder)) {
      const path = join(this.#folder, name);
      const lines = Buffer.from(readWhole(this.#disk, path, fileLimitBytes))
        .toString("latin1")
        .split("\n");
      const kept = lines.filter((line) => !hashes.has(line.slice(0, hashCharacters)));
      if (kept.length === lines.length) continue;
      erased += lines.length - kept.length;
      if (this.#file !== null && name === `${this.#file.day}.salts`) this.#leave();
      replaceFile(this.#disk, path, Buffer.from(kept.join("\n")));
    }
    return erased;
  }

  /** Forgets the salts of all days before `day` ("2026-11-22", UTC); how many days there were. Throws the disk's error. */
  eraseBefore(day: string): number {
    this.flush();
    const old = saltFiles(this.#disk, this.#folder).filter((name) => name < `${day}.salts`);
    for (const name of old) {
      if (name === `${this.#file?.day}.salts`) this.#leave();
      this.#disk.remove(join(this.#folder, name));
    }
    if (old.length > 0) this.#disk.syncDirectory(this.#folder);
    return old.length;
  }

  /** The next salt opens its file anew. */
  #leave(): void {
    this.#file?.file.close();
    this.#file = null;
  }

  close(): void {
    this.flush();
    try {
      this.#file?.file.sync();
    } catch {
      // Counted nowhere: the salts are written, only their sync failed, and the log has its own to fail on.
    }
    this.#file?.file.close();
    this.#file = null;
  }
}

function openOrCreate(disk: Disk, path: string): DiskFile {
  try {
    return disk.open(path, "append");
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
    return disk.open(path, "create");
  }
}

function saltFiles(disk: Disk, folder: string): string[] {
  return disk.list(folder).filter((name) => /^\d{4}-\d\d-\d\d\.salts$/.test(name));
}

/** The salt of a commitment, null when it was never kept or was dropped. Reads only. */
export function findSalt(disk: Disk, dir: string, hash: string): Uint8Array | null {
  const folder = join(dir, saltsName);
  for (const name of disk.list(folder)) {
    const text = Buffer.from(readWhole(disk, join(folder, name), fileLimitBytes)).toString("latin1");
    const at = text.startsWith(`${hash} `) ? 0 : text.indexOf(`\n${hash} `) + 1;
    if (at === 0 && !text.startsWith(`${hash} `)) continue;
    const salt = text.slice(at + hash.length + 1, at + hash.length + 1 + 2 * saltBytes);
    if (/^[0-9a-f]{32}$/.test(salt)) return Buffer.from(salt, "hex");
  }
  return null;
}
