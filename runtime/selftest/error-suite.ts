// A disk that fails: the same work over and over, with an error at the first call that writes, then at the second, and so on to the
// last. After each, nothing that was acknowledged may be missing, nothing may have been acknowledged behind a failed write of a record,
// and the log must open and verify.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Disk, type DiskFile, nodeDisk, removeTree } from "../disk.ts";
import { LogFailure } from "../log/failure.ts";
import { readRecords } from "../log/read.ts";
import { verifyLog } from "../log/verify.ts";
import { openSample, sampleRecord } from "./sample-log.ts";
import { Findings, type OnProgress, type Outcome } from "./suites.ts";

/** What is done to a call: refused with an error, once or from then on, or carried out in part. */
export const errorKinds = [
  "EIO",
  "ENOSPC",
  "EIO from then on",
  "a write cut short",
  "a write cut short, then ENOSPC",
] as const;
export type ErrorKind = (typeof errorKinds)[number];

/** Records of one run: enough for a rotation, a checkpoint and tiles. */
const recordsEach = 30;

/** `disk` with its changing calls counted from 1, and something done to the one at `at`. */
export function failingDisk(disk: Disk, kind: ErrorKind, at: number): { disk: Disk; calls: () => number } {
  let calls = 0;
  const fail = (code: string): never => {
    throw Object.assign(new Error(`${code}: injected by the self-test`), { code });
  };
  const before = (): void => {
    calls++;
    if (kind === "EIO" && calls === at) fail("EIO");
    if (kind === "ENOSPC" && calls === at) fail("ENOSPC");
    if (kind === "EIO from then on" && calls >= at) fail("EIO");
    if (kind === "a write cut short, then ENOSPC" && calls > at && calls <= at + 3) fail("ENOSPC");
  };
  const part = (length: number): number =>
    calls === at && kind.startsWith("a write cut short") ? length >> 1 : length;
  const wrapped = (file: DiskFile): DiskFile => ({
    path: file.path,
    read: (into, offset, length, position) => file.read(into, offset, length, position),
    identity: () => file.identity(),
    close: () => file.close(),
    write: (bytes, offset, length, position) => {
      before();
      return file.write(bytes, offset, Math.max(1, part(length)), position);
    },
    dataSync: async () => {
      before();
      await file.dataSync();
    },
    sync: () => {
      before();
      file.sync();
    },
    truncate: (sizeBytes) => {
      before();
      file.truncate(sizeBytes);
    },
  });
  const counted = <Given extends readonly unknown[], Result>(call: (...given: Given) => Result) => {
    return (...given: Given): Result => {
      before();
      return call(...given);
    };
  };
  const failing: Disk = {
    ...disk,
    open: (path, mode) => {
      if (mode !== "read") before();
      return wrapped(disk.open(path, mode));
    },
    makeDirectory: counted(disk.makeDirectory),
    syncDirectory: counted(disk.syncDirectory),
    syncDirectoryAside: async (path) => {
      before();
      await disk.syncDirectoryAside(path);
    },
    rename: counted(disk.rename),
    remove: counted(disk.remove),
  };
  return { disk: failing, calls: () => calls };
}

/** What one run acknowledged, and what went wrong in a way that no error excuses. */
interface Run {
  readonly acknowledged: number;
  readonly wrong: string | null;
}

/** The work, on a disk that may fail: failures of the log end it, and are what is expected. */
async function work(disk: Disk, walDir: string, keyDir: string): Promise<Run> {
  let acknowledged = 0;
  let isLatched = false;
  try {
    const log = await openSample({ disk, walDir, keyDir });
    log.onLatch(() => {
      isLatched = true;
    });
    try {
      for (let i = 1; i <= recordsEach; i++) {
        const { seq } = log.append(sampleRecord(i));
        await log.durable(seq);
        if (isLatched) return { acknowledged, wrong: `record ${seq} was acknowledged after the log had failed` };
        acknowledged = seq;
        if (i === recordsEach >> 1) await log.checkpoint("asked");
      }
    } finally {
      await log.close();
    }
  } catch (error) {
    const isOfDisk = error instanceof Error && "syscall" in error === false && "code" in error;
    if (!(error instanceof LogFailure) && !isOfDisk) throw error;
  }
  return { acknowledged, wrong: null };
}

async function check(walDir: string, keyDir: string, { acknowledged, wrong }: Run): Promise<string | null> {
  if (wrong !== null) return wrong;
  const left = await verifyLog(walDir);
  const nothing = left.records === 0 && acknowledged === 0;
  if (!left.ok && !nothing) return `what was left does not verify: ${left.fault?.message ?? "no reason"}`;
  const log = await openSample({ disk: nodeDisk, walDir, keyDir });
  await log.durable(log.append(sampleRecord(0)).seq);
  await log.close();
  let seen = 0;
  for await (const { seq } of readRecords(walDir)) {
    if (seq !== ++seen) return `record ${seen} is missing`;
  }
  if (seen <= acknowledged) return `${acknowledged} records were acknowledged, ${seen - 1} are there`;
  const after = await verifyLog(walDir);
  return after.ok ? null : `after the next start it does not verify: ${after.fault?.message ?? "no reason"}`;
}

/** `dir` is an empty folder of the disk to be tried; `everyCall`: 1 for an error at each call in turn, n for each nth. */
export async function errorSuite(dir: string, everyCall: number, onProgress?: OnProgress): Promise<Outcome> {
  const findings = new Findings();
  let runs = 0;
  const run = async (kind: ErrorKind, at: number): Promise<number> => {
    const place = join(dir, `run-${runs++}`);
    const [walDir, keyDir] = [join(place, "wal"), join(place, "keys")];
    for (const path of [place, walDir, keyDir]) mkdirSync(path, { mode: 0o700 });
    const { disk, calls } = failingDisk(nodeDisk, kind, at);
    const wrong = await check(walDir, keyDir, await work(disk, walDir, keyDir));
    if (wrong !== null) findings.add(`${kind} at call ${at}: ${wrong}`);
    removeTree(place);
    return calls();
  };
  const calls = await run("EIO", Number.POSITIVE_INFINITY);
  const total = errorKinds.length * Math.ceil(calls / everyCall);
  for (const [i, kind] of errorKinds.entries()) {
    for (let at = 1 + (i % everyCall); at <= calls; at += everyCall) {
      await run(kind, at);
      onProgress?.(runs, Math.max(total, runs));
    }
  }
  return { runs, findings: findings.list, told: `${calls} calls that write, ${errorKinds.length} kinds of error` };
}
