// Snapshots: what the log's records had made of its reader at one place, in a file of its own, so that a start need not read
// them all again. A file counts only where a record of the log names its SHA-256, and is otherwise as if it were not there.
// It must never be taken for more than a copy: the records alone are the truth.
//
// The file `snapshots/<at_seq>-<sha256>.json`: one object {at_hash, at_seq, format, log, log_id, state}, named by the SHA-256 of its bytes.
import { join } from "node:path";
import { type Disk, hasErrorCode, readWhole, replaceFileAside } from "../disk.ts";
import { canonicalJson, type JsonObject } from "../json.ts";
import { lineLimitBytes, newline, sha256Hex } from "./line.ts";
import { recordAt } from "./record-at.ts";
import { type SegmentInfo, snapshotsName } from "./segments.ts";

const format = "faramesh.snapshot/1";
const fileName = /^(\d{1,16})-([0-9a-f]{64})\.json$/;

/** A file larger than this is no snapshot. */
export const snapshotLimitBytes = 256 * 1024 * 1024;

/** Snapshots that stay on disk: the newest, and those to fall back to. */
export const snapshotsKept = 3;

/** What the log itself has to know of records that it does not read again. */
export interface LogMemory {
  readonly policy_version: string | null;
  readonly policy_hash: string | null;
  /** where the log was last opened */
  readonly host: string | null;
  readonly had_checkpoint: boolean;
  /** the key that the last rotation named */
  readonly rotated_to: string | null;
  /** the seq of the last prune record, and the first record that it kept; absent before the first */
  readonly pruned?: { readonly seq: number; readonly first_kept: number };
}

export interface Snapshot {
  readonly atSeq: number;
  readonly atHash: string;
  readonly log: LogMemory;
  /** what the log's owner gave */
  readonly state: JsonObject;
}

export interface SnapshotFile {
  readonly atSeq: number;
  readonly sha256: string;
  readonly name: string;
}

/** This snapshot cannot be used; an earlier one, or the whole log, can. */
export class UnfitSnapshot extends Error {}

export function snapshotFileName(atSeq: number, sha256: string): string {
  return `${atSeq}-${sha256}.json`;
}

/** The files that look like snapshots, newest first. None is opened. */
export function listSnapshots(disk: Disk, dir: string): SnapshotFile[] {
  const files = disk.list(join(dir, snapshotsName)).flatMap((name) => {
    const [, seq, sha256] = fileName.exec(name) ?? [];
    return seq === undefined || sha256 === undefined ? [] : [{ atSeq: Number(seq), sha256, name }];
  });
  return files.sort((a, b) => b.atSeq - a.atSeq);
}

/** Bytes of a snapshot's file. */
export function snapshotBytes(logId: string, { atSeq, atHash, log, state }: Snapshot): Buffer {
  // Not canonical: it is named by the hash of these very bytes, and this is the faster writer by far.
  return Buffer.from(JSON.stringify({ at_hash: atHash, at_seq: atSeq, format, log, log_id: logId, state }));
}

/** Whether the file still is what was written under this name. It says nothing of what is in it. */
export function isWhole(disk: Disk, dir: string, name: string): boolean {
  const sha256 = fileName.exec(name)?.[2];
  try {
    return sha256Hex(readWhole(disk, join(dir, snapshotsName, name), snapshotLimitBytes)) === sha256;
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT", "ELOOP", "EINVAL", "EFBIG", "ENXIO", "EIO")) throw error;
    return false;
  }
}

/** Puts a snapshot's file in place, durably; resolves to its SHA-256. Rejects with the disk's error. */
export async function storeSnapshot(disk: Disk, dir: string, atSeq: number, bytes: Buffer): Promise<string> {
  const sha256 = sha256Hex(bytes);
  const folder = join(dir, snapshotsName);
  if (disk.identity(folder) === null) {
    disk.makeDirectory(folder);
    await disk.syncDirectoryAside(dir);
  }
  await replaceFileAside(disk, join(folder, snapshotFileName(atSeq, sha256)), bytes);
  await disk.syncDirectoryAside(folder);
  return sha256;
}

/** Reads a snapshot's file. Throws UnfitSnapshot for one that is missing, torn, changed or another log's. */
export function readSnapshot(disk: Disk, dir: string, logId: string, file: SnapshotFile): Snapshot {
  let bytes: Uint8Array;
  try {
    bytes = readWhole(disk, join(dir, snapshotsName, file.name), snapshotLimitBytes);
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT", "ELOOP", "EINVAL", "EFBIG", "ENXIO", "EIO")) throw error;
    throw new UnfitSnapshot(`cannot be read: ${(error as Error).message}`);
  }
  if (sha256Hex(bytes) !== file.sha256) throw new UnfitSnapshot("is not what was written");
  // The record that names these bytes is looked for next, so they are ours.
  const value = JSON.parse(Buffer.from(bytes).toString("utf8")) as JsonObject;
  if (value.format !== format || value.log_id !== logId || value.at_seq !== file.atSeq) {
    throw new UnfitSnapshot("is of another log or another form");
  }
  return {
    atSeq: file.atSeq,
    atHash: String(value.at_hash),
    log: value.log as unknown as LogMemory,
    state: value.state as JsonObject,
  };
}

/** Body of the record that makes a snapshot count. */
export function snapshotBody(atSeq: number, atHash: string, sha256: string, sizeBytes: number): JsonObject {
  return { at_hash: atHash, at_seq: atSeq, sha256, size_bytes: sizeBytes };
}

/** Removes all but the newest `snapshotsKept` of the files at or below `namedSeq`, whose records are on disk. */
export function removeOldSnapshots(disk: Disk, dir: string, namedSeq: number): void {
  const old = listSnapshots(disk, dir).filter(({ atSeq }) => atSeq <= namedSeq);
  for (const { name } of old.slice(snapshotsKept)) disk.remove(join(dir, snapshotsName, name));
}

/** How much of a segment is searched at once for a record. */
const searchBytes = 8 * 1024 * 1024;

/**
 * Whether a record in these segments names the snapshot, by its hash and its place. That the record itself belongs to the log is for
 * the walk that follows.
 */
export function isNamedIn(disk: Disk, segments: readonly SegmentInfo[], file: SnapshotFile, atHash: string): boolean {
  const wanted = Buffer.from(`"sha256":${canonicalJson(file.sha256)}`);
  for (const segment of [...segments].reverse()) {
    for (const offset of linesWith(disk, segment, wanted)) {
      const line = recordAt(disk, segment, offset);
      if (line?.type === "snapshot" && line.sha256 === file.sha256 && line.at_hash === atHash) return true;
    }
  }
  return false;
}

/** Offsets of lines that hold these bytes. */
export function* linesWith(disk: Disk, segment: SegmentInfo, wanted: Buffer): Generator<number> {
  const file = disk.open(segment.path, "read");
  try {
    const bytes = Buffer.allocUnsafe(Math.min(searchBytes, segment.sizeBytes));
    for (let at = 0; at < segment.sizeBytes; ) {
      const taken = file.read(bytes, 0, Math.min(bytes.length, segment.sizeBytes - at), at);
      const piece = bytes.subarray(0, taken);
      for (let found = piece.indexOf(wanted); found !== -1; found = piece.indexOf(wanted, found + 1)) {
        const lineStart = piece.lastIndexOf(newline, found) + 1;
        // A line whose beginning is not here stood whole in the piece before.
        if (lineStart > 0 || at === 0) yield at + lineStart;
      }
      if (at + taken >= segment.sizeBytes || taken <= lineLimitBytes) return;
      at += taken - lineLimitBytes;
    }
  } finally {
    file.close();
  }
}
