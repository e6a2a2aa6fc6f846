// The last records of a log that fit, found from its end: segment by segment backwards, so that a long log costs no more
// than a short one where its end has enough. It reads only.
import { readRecords, type StoredRecord, segmentStarts } from "../runtime/log/read.ts";

export interface LastRecords {
  /** Oldest first, `most` at most. */
  readonly records: readonly StoredRecord[];
  /** Of the log's last record, whether or not it fits; 0 where there is none. */
  readonly lastSeq: number;
  /** Records before this one were not looked at. */
  readonly fromSeq: number;
}

/** Calls `visit` for each record looked at, a segment's in order, the last segment's first. Throws LogFailure. */
export async function lastRecords(
  walDir: string,
  most: number,
  fits: (record: StoredRecord) => boolean,
  visit: (record: StoredRecord) => void,
): Promise<LastRecords> {
  let found: StoredRecord[] = [];
  let lastSeq = 0;
  let endSeq = Number.POSITIVE_INFINITY;
  const starts = segmentStarts(walDir);
  for (const fromSeq of starts.toReversed()) {
    const ring: StoredRecord[] = [];
    let oldest = 0;
    const room = most - found.length;
    for await (const record of readRecords(walDir, { fromSeq })) {
      if (record.seq >= endSeq) break;
      lastSeq = Math.max(lastSeq, record.seq);
      visit(record);
      if (room === 0 || !fits(record)) continue;
      if (ring.length < room) ring.push(record);
      else {
        ring[oldest] = record;
        oldest = (oldest + 1) % room;
      }
    }
    found = [...ring.slice(oldest), ...ring.slice(0, oldest), ...found];
    endSeq = fromSeq;
    if (found.length >= most) break;
  }
  return { records: found, lastSeq, fromSeq: Number.isFinite(endSeq) ? endSeq : 1 };
}
