// Where the opening of a log may begin: behind a snapshot that a record names, with the tree of a checkpoint that the log's own
// key signed. It reads only; what does not fit makes it choose an earlier snapshot, and at last the log's beginning.
import type { Disk } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { chainBefore, isPruned } from "./beginning.ts";
import { Chain } from "./chain.ts";
import { LogFailure } from "./failure.ts";
import { readHead } from "./head.ts";
import type { WalkStart } from "./inspect.ts";
import { lineLimitBytes } from "./line.ts";
import { LineReader } from "./lines.ts";
import { recordAt } from "./record-at.ts";
import type { SegmentInfo } from "./segments.ts";
import {
  isNamedIn,
  listSnapshots,
  readSnapshot,
  type Snapshot,
  type SnapshotFile,
  UnfitSnapshot,
} from "./snapshots.ts";

/** State that is rebuilt while a log is opened, by the same calls at a start and when somebody looks back. */
export interface Rebuilt {
  /**
   * Begins: with the state of a snapshot, or null for the log's beginning. May be called again, and then drops all before. A throw means
   * that this snapshot cannot be used. Answers the first record that it wants to see again, though the snapshot covers it.
   */
  begin(state: JsonObject | null): number | null;
  /** The next record. `isCovered`: what it did is in the snapshot. */
  take(record: () => JsonObject, head: JsonObject, isCovered: boolean): void;
}

/** Snapshots that are tried before the whole log is read. */
const triesMax = 8;

export interface Resumption {
  readonly snapshot: Snapshot;
  readonly file: SnapshotFile;
  readonly start: WalkStart;
  /** the first record that is read again */
  readonly firstSeq: number;
}

export interface Unused {
  readonly file: string;
  readonly reason: string;
}

/** Those snapshots from which the log may be opened, newest first, each looked at when it is its turn; unfit ones go to `unused`. */
export function* resumptions(
  disk: Disk,
  dir: string,
  logId: string,
  segments: readonly SegmentInfo[],
  wanted: (snapshot: Snapshot) => number,
  unused: Unused[],
): Generator<Resumption> {
  const head = readHead(disk, dir);
  // Without a head nothing says what was acknowledged: then everything is looked at that was not pruned.
  const ackedSeq = head.kind === "valid" ? head.state.ackedSeq : 1;
  if (head.kind !== "valid" && !isPruned(segments)) return;
  for (const file of listSnapshots(disk, dir).slice(0, triesMax)) {
    try {
      const snapshot = readSnapshot(disk, dir, logId, file);
      const at = segmentOf(disk, segments, logId, snapshot.atSeq + 1);
      if (!isNamedIn(disk, segments.slice(at.index), file, snapshot.atHash)) {
        throw new UnfitSnapshot("is named by no record");
      }
      const wantedSeq = Math.max(1, Math.min(snapshot.atSeq, ackedSeq, wanted(snapshot)));
      const start = segmentOf(disk, segments, logId, wantedSeq);
      const firstSeq = start.chain.seq + 1;
      if (start.index === 0 && isPruned(segments) && head.kind === "valid" && wantedSeq < firstSeq)
        throw new UnfitSnapshot(`needs record ${wantedSeq}, which was pruned`);
      checkBorders(disk, segments.slice(0, start.index + 1), logId);
      yield { snapshot, file, start, firstSeq };
    } catch (error) {
      if (!(error instanceof UnfitSnapshot)) throw error;
      unused.push({ file: file.name, reason: error.message });
    }
  }
}

/** The last segment that begins at or before `seq`. */
function segmentOf(disk: Disk, segments: readonly SegmentInfo[], logId: string, seq: number): WalkStart {
  for (let index = segments.length - 1; index > 0; index--) {
    const first = recordAt(disk, segments[index] as SegmentInfo, 0);
    if (first === null || typeof first.seq !== "number" || first.seq > seq) continue;
    if (first.log_id !== logId || typeof first.prev !== "string")
      throw new UnfitSnapshot("stands in a strange segment");
    return { index, chain: new Chain(logId, first.seq - 1, first.prev) };
  }
  return { index: 0, chain: chainBefore(disk, segments, logId) };
}

/** Each of the segments must begin where the one before ends. Throws LogFailure CORRUPT. */
function checkBorders(disk: Disk, segments: readonly SegmentInfo[], logId: string): void {
  for (const [index, segment] of segments.entries()) {
    const before = segments[index - 1];
    if (before === undefined) continue;
    const last = recordAt(disk, before, lastLineOffset(disk, before));
    const first = recordAt(disk, segment, 0);
    const isNext =
      first?.log_id === logId &&
      last?.log_id === logId &&
      first.seq === Number(last.seq) + 1 &&
      first.prev === last.hash;
    if (isNext) continue;
    const message = `${segment.name} does not go on where ${before.name} ends`;
    throw new LogFailure("CORRUPT", message, { segment: segment.name, offset: 0 });
  }
}

function lastLineOffset(disk: Disk, segment: SegmentInfo): number {
  const file = disk.open(segment.path, "read");
  try {
    const from = Math.max(0, segment.sizeBytes - lineLimitBytes - 1);
    const reader = new LineReader(file, from, segment.sizeBytes);
    let offset = from;
    while (reader.next() && reader.isComplete) offset = reader.offset;
    return offset;
  } finally {
    file.close();
  }
}
