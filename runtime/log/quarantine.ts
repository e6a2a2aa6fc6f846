// Moves a torn tail out of the log: first a durable copy, then the cut. A crash between the two leaves the tail where
// it was, and the next start does both again; a crash after them leaves a copy without its mark, which the next start
// writes. It never discards a byte.
import { join } from "node:path";
import { type Disk, hasErrorCode, writeAll } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { readRange } from "./inspect.ts";
import { sha256Hex } from "./line.ts";
import { quarantineName, type SegmentInfo, segmentFileName } from "./segments.ts";

export const tornTailKind = "torn_tail";

const copyName = /^(\d{8})-(\d+)-([0-9a-f]{64})\.torn$/;

/** Copies the bytes of the segment from `offset` on to `quarantine/<segment>-<offset>-<sha256>.torn` and cuts them off. */
export function quarantineTail(disk: Disk, dir: string, segment: SegmentInfo, offset: number): void {
  const file = disk.open(segment.path, "append");
  try {
    const tail = readRange(file, offset, segment.sizeBytes - offset);
    const folder = join(dir, quarantineName);
    disk.makeDirectory(folder);
    disk.syncDirectory(dir);
    const path = join(folder, `${segmentFileName(segment.number).slice(0, 8)}-${offset}-${sha256Hex(tail)}.torn`);
    keepCopy(disk, path, tail);
    disk.syncDirectory(folder);
    file.truncate(offset);
    file.sync();
  } finally {
    file.close();
  }
}

function keepCopy(disk: Disk, path: string, tail: Buffer): void {
  try {
    const copy = disk.open(path, "create");
    try {
      writeAll(copy, tail);
      copy.sync();
    } finally {
      copy.close();
    }
  } catch (error) {
    if (!hasErrorCode(error, "EEXIST")) throw error;
    // Left by a start that did not come to the cut, perhaps unfinished.
    disk.remove(path);
    keepCopy(disk, path, tail);
  }
}

/**
 * The details of the marks still owed: copies in quarantine/ that none of the `marked` names speaks of. Those cut from segments before
 * `firstSegment` were marked by the start that cut them, or by the next, before anything else was written.
 */
export function unmarkedCopies(
  disk: Disk,
  dir: string,
  marked: ReadonlySet<string>,
  firstSegment: number,
): JsonObject[] {
  const owed: JsonObject[] = [];
  for (const name of disk.list(join(dir, quarantineName))) {
    const parts = copyName.exec(name);
    if (parts === null || marked.has(name) || Number(parts[1]) < firstSegment) continue;
    const bytes = disk.identity(join(dir, quarantineName, name))?.sizeBytes ?? 0;
    owed.push({ bytes, file: name, offset: Number(parts[2]), segment: `${parts[1]}.wal`, sha256: parts[3] ?? "" });
  }
  return owed;
}
