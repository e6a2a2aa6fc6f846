// The names of the log's files and which segments there are. It never opens one.
import { join } from "node:path";
import type { Disk } from "../disk.ts";
import { LogFailure } from "./failure.ts";

export const headFileName = "head";
export const lockFileName = "lock";
export const identityFileName = "log.json";
export const digestKeyFileName = "digest.key";
export const checkpointFileName = "checkpoint";
export const witnessedFileName = "checkpoint.witnessed";
export const quarantineName = "quarantine";
export const saltsName = "salts";
export const snapshotsName = "snapshots";

const segmentName = /^(\d{8})\.wal$/;
export const segmentNumberMax = 99_999_999;

export function segmentFileName(number: number): string {
  return `${String(number).padStart(8, "0")}.wal`;
}

export interface SegmentInfo {
  readonly number: number;
  readonly name: string;
  readonly path: string;
  /** when it was listed */
  readonly sizeBytes: number;
}

/**
 * The segments in order, with their sizes at this moment. Throws LogFailure SEGMENT_MISSING for a gap in the numbers,
 * CORRUPT for a name ending in .wal that is no segment. Those before the first may have been pruned: whether they were is
 * for `beginningOf` and whoever walks the records.
 */
export function listSegments(disk: Disk, dir: string): SegmentInfo[] {
  const segments: SegmentInfo[] = [];
  for (const name of disk.list(dir)) {
    if (!name.endsWith(".wal")) continue;
    const identity = disk.identity(join(dir, name));
    if (!segmentName.test(name) || identity?.kind !== "file") {
      throw new LogFailure("CORRUPT", `${name} is not a segment of this log`, { segment: name });
    }
    const before = segments.at(-1);
    const expected = before === undefined ? Number(name.slice(0, 8)) : before.number + 1;
    if (name !== segmentFileName(expected)) {
      throw new LogFailure("SEGMENT_MISSING", `segment ${segmentFileName(expected)} is missing before ${name}`, {
        segment: segmentFileName(expected),
      });
    }
    segments.push({ number: expected, name, path: join(dir, name), sizeBytes: identity.sizeBytes });
  }
  return segments;
}
