// What the log's tests share: directories, records to append, a disk that fails when told to.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Disk, type DiskFile, nodeDisk, type OpenMode } from "../../runtime/disk.ts";
import { LogFailure, type LogFailureCode } from "../../runtime/log/failure.ts";
import { Log } from "../../runtime/log/log.ts";
import type { LogOptions } from "../../runtime/log/options.ts";
import type { LogEntryInput } from "../../runtime/log/record.ts";

const made: string[] = [];
process.on("exit", () => {
  for (const path of made) rmSync(path, { recursive: true, force: true, maxRetries: 10 });
});

/** An empty directory that goes with the process. */
export function temporaryDir(): string {
  const path = mkdtempSync(join(tmpdir(), "faramesh-log-"));
  made.push(path);
  return path;
}

export function copyOf(dir: string): string {
  const copy = temporaryDir();
  cpSync(dir, copy, { recursive: true });
  return copy;
}

export function mark(detail: number | string): LogEntryInput {
  return { type: "mark", policy_version: null, policy_hash: null, body: { kind: "test", detail } };
}

export function open(dir: string, options: Partial<LogOptions> = {}): Promise<Log> {
  return Log.open({ dir, durability: "group", ...options });
}

/** Appends `count` marks and waits for each. */
export async function append(log: Log, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await log.durable(log.append(mark(index)).seq);
}

/** A closed log of `count` records. */
export async function closedLog(count: number, options: Partial<LogOptions> = {}): Promise<string> {
  const dir = temporaryDir();
  const log = await open(dir, options);
  await append(log, count);
  await log.close();
  return dir;
}

/** A log of `count` records as a crash leaves it: the head knows only what it knew at the start. */
export async function crashedLog(count: number, options: Partial<LogOptions> = {}): Promise<string> {
  const dir = temporaryDir();
  const log = await open(dir, options);
  const head = readFileSync(join(dir, "head"));
  await append(log, count);
  await log.close();
  writeFileSync(join(dir, "head"), head);
  return dir;
}

export const segmentPath = (dir: string, number = 1): string => join(dir, `${String(number).padStart(8, "0")}.wal`);
export const readSegment = (dir: string, number = 1): Buffer => readFileSync(segmentPath(dir, number));

/** The failure that opening the log ends in; undefined when it opens. */
export async function failureOfOpen(dir: string, options: Partial<LogOptions> = {}): Promise<LogFailure | undefined> {
  try {
    await (await open(dir, options)).close();
    return undefined;
  } catch (error) {
    if (error instanceof LogFailure) return error;
    throw error;
  }
}

export async function codeOf(work: Promise<unknown>): Promise<LogFailureCode | "none"> {
  try {
    await work;
    return "none";
  } catch (error) {
    if (error instanceof LogFailure) return error.code;
    throw error;
  }
}

/** Called before each write and sync; may throw, or return the most bytes that a write takes. */
export type Interference = (call: "write" | "dataSync", path: string, bytes: number) => number | undefined;

/** The machine's disk with calls that fail or fall short. */
export function faultyDisk(interfere: Interference): Disk {
  const wrap = (file: DiskFile): DiskFile => ({
    path: file.path,
    write: (bytes, offset, length, position) =>
      file.write(bytes, offset, Math.min(length, interfere("write", file.path, length) ?? length), position),
    read: (into, offset, length, position) => file.read(into, offset, length, position),
    dataSync: async () => {
      interfere("dataSync", file.path, 0);
      await file.dataSync();
    },
    sync: () => file.sync(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    identity: () => file.identity(),
    close: () => file.close(),
  });
  return { ...nodeDisk, open: (path: string, mode: OpenMode) => wrap(nodeDisk.open(path, mode)) };
}

/** The machine's disk, on which syncs of some files wait from `hold` until `release`. */
export function heldDisk(isHeld: (path: string) => boolean): { disk: Disk; hold: () => void; release: () => void } {
  let gate: Promise<void> = Promise.resolve();
  let release: () => void = () => {};
  const wrap = (file: DiskFile): DiskFile => ({
    path: file.path,
    write: (bytes, offset, length, position) => file.write(bytes, offset, length, position),
    read: (into, offset, length, position) => file.read(into, offset, length, position),
    dataSync: async () => {
      if (isHeld(file.path)) await gate;
      await file.dataSync();
    },
    sync: () => file.sync(),
    truncate: (sizeBytes) => file.truncate(sizeBytes),
    identity: () => file.identity(),
    close: () => file.close(),
  });
  return {
    disk: { ...nodeDisk, open: (path, mode) => wrap(nodeDisk.open(path, mode)) },
    hold: () => {
      gate = new Promise((resolve) => {
        release = resolve;
      });
    },
    release: () => release(),
  };
}

export function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}
