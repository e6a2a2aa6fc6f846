// With which record the log's files begin: the first there ever was, or the first that a prune has kept. It reads only, and
// must never take missing segments for pruned ones without a prune record that says so.
import type { Disk } from "../disk.ts";
import { Chain } from "./chain.ts";
import { LogFailure } from "./failure.ts";
import { type Pruned, prunedOf } from "./prune-record.ts";
import { recordAt } from "./record-at.ts";
import { type SegmentInfo, segmentFileName } from "./segments.ts";
import { linesWith } from "./snapshots.ts";

/** The end of a prune record's line: what an agent sends stands deeper in a line and cannot end it so. */
const pruneLineEnd = Buffer.from(',"type":"prune","v":1}\n');

/** A log whose files begin with another segment than the first. */
export function isPruned(segments: readonly SegmentInfo[]): boolean {
  return segments[0] !== undefined && segments[0].number > 1;
}

/** A chain that stands before the first record of the files. Throws LogFailure CORRUPT where that record cannot be read. */
export function chainBefore(disk: Disk, segments: readonly SegmentInfo[], logId: string): Chain {
  const segment = segments[0];
  if (segment === undefined || segment.number === 1) return new Chain(logId);
  const first = recordAt(disk, segment, 0);
  const { log_id, seq, prev } = first ?? {};
  if (log_id === logId && typeof seq === "number" && seq > 1 && typeof prev === "string")
    return new Chain(logId, seq - 1, prev);
  const message = `${segment.name} does not begin with a record of this log, and what stood before it is gone`;
  throw new LogFailure("CORRUPT", message, { segment: segment.name, offset: 0 });
}

export function missingBefore(segment: SegmentInfo): LogFailure {
  const name = segmentFileName(segment.number - 1);
  const message = `segment ${name} is missing before ${segment.name}, and no prune record says that it was removed`;
  return new LogFailure("SEGMENT_MISSING", message, { segment: name });
}

/**
 * The newest prune record in the files, with its seq, of those up to `untilSeq`; null without one. That it belongs to the chain is for
 * the walk.
 */
export function lastPrune(
  disk: Disk,
  segments: readonly SegmentInfo[],
  untilSeq = Number.POSITIVE_INFINITY,
): { readonly seq: number; readonly pruned: Pruned } | null {
  for (const segment of [...segments].reverse()) {
    let found: { readonly seq: number; readonly pruned: Pruned } | null = null;
    for (const offset of linesWith(disk, segment, pruneLineEnd)) {
      const value = recordAt(disk, segment, offset);
      const pruned = value === null ? null : prunedOf(value);
      const seq = value?.seq;
      if (pruned !== null && typeof seq === "number" && seq <= untilSeq) found = { seq, pruned };
    }
    if (found !== null) return found;
  }
  return null;
}

/** Throws LogFailure SEGMENT_MISSING where segments are gone that no kept prune record speaks of. */
export function requireBeginning(disk: Disk, segments: readonly SegmentInfo[], logId: string): Chain {
  const chain = chainBefore(disk, segments, logId);
  const first = segments[0];
  if (first === undefined || first.number === 1) return chain;
  const last = lastPrune(disk, segments);
  if (last === null || last.pruned.firstKept < chain.seq + 1) throw missingBefore(first);
  return chain;
}
