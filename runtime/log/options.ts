// What the log is opened with, and what it says of itself.
import type { Clock } from "../clock.ts";
import type { Disk } from "../disk.ts";
import type { Durability } from "./committer.ts";
import type { Rebuilt } from "./resume.ts";
import type { KeyKeeper } from "./signing-key.ts";

export const defaultSegmentBytes = 64 * 1024 * 1024;
export const defaultSegmentAgeMs = 24 * 60 * 60 * 1000;

/** Bytes of records appended and not yet on disk; beyond it `append` throws OVERLOADED. */
export const queueLimitBytes = 16 * 1024 * 1024;

/**
 * From so many queued bytes on callers should bring no more calls until `onRelief`: then the limit is never reached, since
 * whoever is still being answered adds far less than what lies between.
 */
export const pressureBytes = queueLimitBytes / 4;

/** Records on disk whose tiles are not yet, 64 MiB in memory; beyond it `append` throws OVERLOADED, from an eighth on callers should wait. */
export const defaultBacklogRecords = 2 ** 21;

export interface LogOptions {
  readonly dir: string;
  readonly durability: Durability;
  readonly segmentBytes?: number;
  readonly segmentAgeMs?: number;
  readonly backlogRecords?: number;
  readonly disk?: Disk;
  readonly clock?: Clock;
  /** signs checkpoints; without it there is no tree, no checkpoint and no receipt */
  readonly keys?: KeyKeeper;
  /** go on without a usable head file; recorded in the log */
  readonly acceptUnanchored?: boolean;
  /** state that is rebuilt in the pass that opens the log: from a snapshot and the records behind it, or from all records */
  readonly rebuilt?: Rebuilt;
}

export interface Appended {
  readonly seq: number;
  readonly hash: string;
  /** RFC 3339 UTC, microseconds */
  readonly time: string;
}

export interface LogStats {
  readonly state: "open" | "latched" | "closed";
  readonly lastSeq: number;
  readonly syncedSeq: number;
  readonly lastSyncTime: string | null;
  readonly lagRecords: number;
  readonly lagBytes: number;
  readonly segments: number;
  /** of the active segment */
  readonly activeBytes: number;
  /** of all segments */
  readonly totalBytes: number;
  /** head writes that failed in a row; the log goes on without them for a while */
  readonly headFailures: number;
  /** records on disk whose tiles wait for it */
  readonly tileLagRecords: number;
  /** failures in a row of checkpoints and tiles */
  readonly checkpointFailures: number;
  /** records under the last checkpoint; null without one */
  readonly checkpointSize: number | null;
  /** the last record under the newest snapshot; null without one */
  readonly snapshotSeq: number | null;
  /** snapshots that failed in a row; the log goes on without them */
  readonly snapshotFailures: number;
  /** the first record that the last prune kept; null before the first */
  readonly prunedBefore: number | null;
}
