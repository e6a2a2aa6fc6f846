// With which record each segment begins, so that those that cannot hold what is asked for are not read. It believes what the
// line says; whether the log holds together is for verification.
import { parseTime } from "../clock.ts";
import type { Disk } from "../disk.ts";
import { checkLine } from "../log/line.ts";
import { LineReader } from "../log/lines.ts";
import type { SegmentInfo } from "../log/segments.ts";

export interface Beginning {
  readonly seq: number;
  /** RFC 3339, µs */
  readonly time: string;
}

/** Null for a segment that has no whole record yet, or one that cannot be read. */
export function beginningOf(disk: Disk, segment: SegmentInfo): Beginning | null {
  const file = disk.open(segment.path, "read");
  try {
    const reader = new LineReader(file, 0, segment.sizeBytes);
    if (!reader.next() || !reader.isComplete) return null;
    const line = checkLine(reader.bytes, reader.start, reader.end);
    if (!line.ok) return null;
    const { seq, time } = line.value;
    if (typeof seq !== "number" || typeof time !== "string" || parseTime(time) === undefined) return null;
    return { seq, time };
  } finally {
    file.close();
  }
}
