// Which segments may go: whole sealed ones, the lowest first, none that a start from the snapshots would read, and of those as
// many as were asked for. It reads beginnings of segments and decides; it must never remove anything.
import { parseTime } from "../clock.ts";
import type { Disk } from "../disk.ts";
import { recordAt } from "./record-at.ts";
import type { SegmentInfo } from "./segments.ts";

/** What shall stay; of several each one holds. None: everything that may go goes. */
export interface Keep {
  /** records of this time and later: microseconds since 1970 */
  readonly sinceUs?: number;
  /** the newest bytes of segments, at least */
  readonly bytes?: number;
  /** this record and those behind it */
  readonly fromSeq?: number;
}

export interface PrunePlan {
  /** lowest first */
  readonly segments: readonly SegmentInfo[];
  readonly firstSeq: number;
  /** of the first record that stays */
  readonly firstKept: number;
  /** hash of the record before it, as it says itself */
  readonly prev: string;
  readonly bytes: number;
}

/**
 * `neededSeq`: the first record that must stay, whatever was asked for. Null where nothing may go, or is asked to. A segment whose
 * first record cannot be read ends the plan before it: what is damaged is not removed.
 */
export function planPrune(
  disk: Disk,
  segments: readonly SegmentInfo[],
  neededSeq: number,
  keep: Keep,
  most: number,
): PrunePlan | null {
  let keptBytes = segments.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  const chosen: SegmentInfo[] = [];
  let end: { readonly seq: number; readonly prev: string } | null = null;
  for (const [index, segment] of segments.entries()) {
    const next = segments[index + 1];
    if (next === undefined || chosen.length >= most) break;
    const { seq, prev, time } = recordAt(disk, next, 0) ?? {};
    const timeUs = typeof time === "string" ? parseTime(time) : undefined;
    if (typeof seq !== "number" || typeof prev !== "string" || timeUs === undefined) break;
    // Times never fall: what lies before is no younger than this.
    if (seq > neededSeq || timeUs > (keep.sinceUs ?? Number.POSITIVE_INFINITY)) break;
    if (seq > (keep.fromSeq ?? Number.POSITIVE_INFINITY)) break;
    if (keep.bytes !== undefined && keptBytes - segment.sizeBytes < keep.bytes) break;
    keptBytes -= segment.sizeBytes;
    chosen.push(segment);
    end = { seq, prev };
  }
  const first = chosen[0];
  const firstSeq = first === undefined ? undefined : recordAt(disk, first, 0)?.seq;
  if (first === undefined || end === null || typeof firstSeq !== "number") return null;
  const bytes = chosen.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
  return { segments: chosen, firstSeq, firstKept: end.seq, prev: end.prev, bytes };
}
