// The only file that writes to disk. It offers single system calls, as small as a simulated disk can imitate; what to
// do about a short write or an error is for the caller. Files are 0600 and directories 0700 whatever the umask, and no
// symbolic link is followed at the last step of a path.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { type HeldLock, lockDescriptor } from "./lock.ts";

export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
  readonly sizeBytes: number;
  /** permission bits */
  readonly mode: number;
  readonly kind: "file" | "directory" | "other";
}

/**
 * How a file is opened. read: must exist. append: must exist, every write goes to the end. create: must not exist,
 * then as append. update: created when absent, written at positions.
 */
export type OpenMode = "read" | "append" | "create" | "update";

export interface DiskFile {
  readonly path: string;
  /** One write(2): returns how many bytes were taken, possibly fewer than asked. `position` null: at the end. */
  write(bytes: Uint8Array, offset: number, length: number, position: number | null): number;
  /** One read(2) into `into` from `offset`: returns the number of bytes, 0 at the end. */
  read(into: Uint8Array, offset: number, length: number, position: number): number;
  /** fdatasync(2), off the main thread. */
  dataSync(): Promise<void>;
  /** fsync(2), blocking: for new files, truncation and shutdown. */
  sync(): void;
  truncate(sizeBytes: number): void;
  identity(): FileIdentity;
  close(): void;
}

export interface DiskLock {
  release(): void;
}

/** Errors are those of node:fs: an Error with a `code` such as ENOSPC. */
export interface Disk {
  open(path: string, mode: OpenMode): DiskFile;
  /** Creates one directory; one that exists is left as it is. */
  makeDirectory(path: string): void;
  /** Makes names created in, moved to or removed from a directory durable. */
  syncDirectory(path: string): void;
  /** The same, off the main thread. */
  syncDirectoryAside(path: string): Promise<void>;
  /** Names in a directory, sorted; empty when it does not exist. */
  list(path: string): string[];
  /** What is at a path, links not followed; null when nothing is. */
  identity(path: string): FileIdentity | null;
  rename(from: string, to: string): void;
  remove(path: string): void;
  /** An exclusive lock that dies with this process, or the process id of the holder (null where unknown). */
  lock(path: string): Promise<{ lock: DiskLock } | { heldBy: number | null }>;
}

const fileMode = 0o600;
const directoryMode = 0o700;
const { O_RDONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

const openFlags: Record<OpenMode, number> = {
  // Without waiting: a named pipe in a file's place would hold its reader for ever.
  read: O_RDONLY | O_NOFOLLOW | O_NONBLOCK,
  append: O_RDWR | O_APPEND | O_NOFOLLOW,
  create: O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_NOFOLLOW,
  update: O_RDWR | O_CREAT | O_NOFOLLOW,
};

/** O_EXLOCK | O_NONBLOCK of macOS: opening locks, and fails with EAGAIN where another holds it. */
const exclusiveLockFlags = process.platform === "darwin" ? 0x20 | 0x4 : 0;

export function hasErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

function identityOf(stats: fs.BigIntStats): FileIdentity {
  return {
    device: stats.dev,
    inode: stats.ino,
    sizeBytes: Number(stats.size),
    mode: Number(stats.mode & 0o7777n),
    kind: stats.isFile() ? "file" : stats.isDirectory() ? "directory" : "other",
  };
}

/** The one name of a directory that exists, whatever links led to it. */
export function realPath(path: string): string {
  return fs.realpathSync(path);
}

class NodeFile implements DiskFile {
  readonly path: string;
  readonly #descriptor: number;

  constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  write(bytes: Uint8Array, offset: number, length: number, position: number | null): number {
    return fs.writeSync(this.#descriptor, bytes, offset, length, position);
  }

  read(into: Uint8Array, offset: number, length: number, position: number): number {
    return fs.readSync(this.#descriptor, into, offset, length, position);
  }

  dataSync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  sync(): void {
    fs.fsyncSync(this.#descriptor);
  }

  truncate(sizeBytes: number): void {
    fs.ftruncateSync(this.#descriptor, sizeBytes);
  }

  identity(): FileIdentity {
    return identityOf(fs.fstatSync(this.#descriptor, { bigint: true }));
  }

  close(): void {
    fs.closeSync(this.#descriptor);
  }
}

function openDescriptor(path: string, mode: OpenMode, extraFlags = 0): number {
  const descriptor = fs.openSync(path, openFlags[mode] | extraFlags, fileMode);
  try {
    const { kind } = identityOf(fs.fstatSync(descriptor, { bigint: true }));
    if (kind !== "file") throw Object.assign(new Error(`${path} is not a regular file`), { code: "EINVAL" });
    // A hostile umask may have taken bits away from a new file.
    if (mode === "create" || mode === "update") fs.fchmodSync(descriptor, fileMode);
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
  return descriptor;
}

function syncDirectory(path: string): void {
  const descriptor = fs.openSync(path, O_RDONLY);
  try {
    fs.fsyncSync(descriptor);
  } finally {
    fs.closeSync(descriptor);
  }
}

function syncDirectoryAside(path: string): Promise<void> {
  const descriptor = fs.openSync(path, O_RDONLY);
  return new Promise((resolve, reject) => {
    fs.fsync(descriptor, (error) => {
      fs.close(descriptor, (closeError) => {
        const failure = error ?? closeError;
        if (failure === null || failure === undefined) resolve();
        else reject(failure);
      });
    });
  });
}

function makeDirectory(path: string): void {
  try {
    fs.mkdirSync(path, { mode: directoryMode });
    fs.chmodSync(path, directoryMode);
  } catch (error) {
    if (!hasErrorCode(error, "EEXIST")) throw error;
    const kind = identityOf(fs.lstatSync(path, { bigint: true })).kind;
    if (kind !== "directory") throw Object.assign(new Error(`${path} is not a directory`), { code: "ENOTDIR", path });
  }
}

function lockHolder(path: string): number | null {
  const pid = Number.parseInt(fs.readFileSync(path, "utf8"), 10);
  return Number.isSafeInteger(pid) ? pid : null;
}

async function lock(path: string): Promise<{ lock: DiskLock } | { heldBy: number | null }> {
  let descriptor: number;
  try {
    descriptor = openDescriptor(path, "update", exclusiveLockFlags);
  } catch (error) {
    if (exclusiveLockFlags !== 0 && hasErrorCode(error, "EAGAIN")) return { heldBy: lockHolder(path) };
    throw error;
  }
  let held: HeldLock | null;
  try {
    held = exclusiveLockFlags === 0 ? await lockDescriptor(descriptor, path) : { release: () => {} };
  } catch (error) {
    fs.closeSync(descriptor);
    throw error;
  }
  if (held === null) {
    fs.closeSync(descriptor);
    return { heldBy: lockHolder(path) };
  }
  const { release: releaseHeld } = held;
  const release = (): void => {
    releaseHeld();
    fs.closeSync(descriptor);
  };
  try {
    fs.ftruncateSync(descriptor, 0);
    writeAll(new NodeFile(path, descriptor), Buffer.from(`${process.pid}\n`), 0);
  } catch (error) {
    release();
    throw error;
  }
  return { lock: { release } };
}

function orMissing<Value>(read: () => Value, missing: Value): Value {
  try {
    return read();
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return missing;
    throw error;
  }
}

/** The machine's disk. */
export const nodeDisk: Disk = {
  open: (path, mode) => new NodeFile(path, openDescriptor(path, mode)),
  makeDirectory,
  syncDirectory,
  syncDirectoryAside,
  list: (path) => orMissing(() => fs.readdirSync(path).sort(), []),
  identity: (path) => orMissing(() => identityOf(fs.lstatSync(path, { bigint: true })), null),
  rename: (from, to) => fs.renameSync(from, to),
  remove: (path) => fs.unlinkSync(path),
  lock,
};

/** Calls that move no byte (interrupted, told to come again, or writing 0) tolerated in a row before giving up. */
const idleCallsMax = 1000;

/**
 * Writes all of `bytes`, going on after short writes and interruptions. Throws the disk's error; then an unknown part
 * of the bytes is on disk.
 */
export function writeAll(file: DiskFile, bytes: Uint8Array, position: number | null = null): void {
  let done = 0;
  let idleCalls = 0;
  while (done < bytes.length) {
    let taken = 0;
    try {
      taken = file.write(bytes, done, bytes.length - done, position === null ? null : position + done);
    } catch (error) {
      if (!hasErrorCode(error, "EINTR", "EAGAIN") || ++idleCalls > idleCallsMax) throw error;
      continue;
    }
    if (taken === 0 && ++idleCalls > idleCallsMax) {
      throw Object.assign(new Error(`${file.path} takes no more bytes`), { code: "EIO" });
    }
    if (taken > 0) idleCalls = 0;
    done += taken;
  }
}

/** The whole content of a small file. Throws with code EFBIG above `limitBytes`. */
export function readWhole(disk: Disk, path: string, limitBytes: number): Uint8Array {
  const file = disk.open(path, "read");
  try {
    const { sizeBytes } = file.identity();
    if (sizeBytes > limitBytes)
      throw Object.assign(new Error(`${path} is over ${limitBytes} bytes`), { code: "EFBIG" });
    const bytes = new Uint8Array(sizeBytes);
    let done = 0;
    while (done < sizeBytes) {
      const taken = file.read(bytes, done, sizeBytes - done, done);
      if (taken === 0) break;
      done += taken;
    }
    return bytes.subarray(0, done);
  } finally {
    file.close();
  }
}

/** A name that nobody can foresee, in the directory of `path`, so that what stands there beforehand is not ours. */
function temporaryFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}.new`);
}

/** Nobody reads what a failure left; what went wrong is what counts. */
function forget(disk: Disk, temporary: string): void {
  try {
    disk.remove(temporary);
  } catch {
    // Then it stays.
  }
}

/**
 * Puts a whole file in place: a crash leaves the old content or the new, and at worst a file `.<name>.<random>.new`
 * beside it that nobody reads. A failure before the new content is in place leaves the old, and no such file.
 */
export function replaceFile(disk: Disk, path: string, bytes: Uint8Array): void {
  const temporary = temporaryFor(path);
  const file = disk.open(temporary, "create");
  try {
    try {
      writeAll(file, bytes);
      file.sync();
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
  } catch (error) {
    forget(disk, temporary);
    throw error;
  }
  disk.syncDirectory(dirname(path));
}

/**
 * As `replaceFile`, with the waiting off the main thread and the directory left to the caller: until that is synced too,
 * a power cut may bring back the old content.
 */
export async function replaceFileAside(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const temporary = temporaryFor(path);
  const file = disk.open(temporary, "create");
  try {
    try {
      writeAll(file, bytes);
      await file.dataSync();
    } finally {
      file.close();
    }
    disk.rename(temporary, path);
  } catch (error) {
    forget(disk, temporary);
    throw error;
  }
}

/** Removes a directory with all that is in it; links in it are removed and not followed. */
export function removeTree(path: string): void {
  fs.rmSync(path, { recursive: true, force: true });
}

/** Adds to a file that belongs to the project. Throws the disk's error; then a part may have been added. */
export function appendToProjectFile(path: string, text: string): void {
  const file = nodeDisk.open(path, "append");
  try {
    writeAll(file, Buffer.from(text));
    file.sync();
  } finally {
    file.close();
  }
}

/** Makes a file that belongs to the project, readable like its others. False, and nothing done, when the name is taken. */
export function createProjectFile(path: string, content: string | Uint8Array): boolean {
  let file: DiskFile;
  try {
    file = nodeDisk.open(path, "create");
  } catch (error) {
    if (hasErrorCode(error, "EEXIST")) return false;
    throw error;
  }
  try {
    writeAll(file, typeof content === "string" ? Buffer.from(content) : content);
    file.sync();
  } finally {
    file.close();
  }
  fs.chmodSync(path, 0o666 & ~process.umask());
  return true;
}

/** Writes a file that a build makes, in place of an earlier one; a crash leaves the old bytes or the new ones. */
export function replaceProjectFile(path: string, bytes: Uint8Array): void {
  const mode = fs.statSync(path, { throwIfNoEntry: false })?.mode ?? 0o666 & ~process.umask();
  replaceFile(nodeDisk, path, bytes);
  fs.chmodSync(path, mode & 0o777);
}
