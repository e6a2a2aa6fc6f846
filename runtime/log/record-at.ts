// One record read by its place, for who knows where it stands. That it belongs to the log is for the walk over the chain.
import type { Disk } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { checkLine } from "./line.ts";
import { LineReader } from "./lines.ts";
import type { SegmentInfo } from "./segments.ts";

/** The record at an offset of a segment, checked by itself; null where none stands whole. */
export function recordAt(disk: Disk, segment: SegmentInfo, offset: number): JsonObject | null {
  const file = disk.open(segment.path, "read");
  try {
    const reader = new LineReader(file, offset, segment.sizeBytes);
    if (!reader.next() || !reader.isComplete) return null;
    const line = checkLine(reader.bytes, reader.start, reader.end);
    return line.ok ? line.value : null;
  } finally {
    file.close();
  }
}
