// What somebody could do to the files of a log, one thing at a time: every way in which bytes and lines can be changed, taken away,
// doubled, moved or added. Data for whoever holds verification to it; nothing here writes.
import type { Changes } from "./overlay.ts";

export const tamperKinds = [
  "a bit flipped",
  "a byte deleted",
  "a byte inserted",
  "a record deleted",
  "a record doubled",
  "two records swapped",
  "the end cut off between records",
  "the end cut off within a record",
  "a sector of zeros",
  "a segment deleted",
  "two segments swapped",
  "a segment emptied",
  "a tile changed",
  "a tile cut",
  "the checkpoint changed",
  "the checkpoint cut",
] as const;
export type TamperKind = (typeof tamperKinds)[number];

export interface Tampering {
  readonly kind: TamperKind;
  /** File and place, for whoever wants to look at it. */
  readonly where: string;
  readonly changes: Changes;
}

/** 1: at each byte; n: at each nth. */
export interface Strides {
  /** bits flipped */
  readonly flips: number;
  /** bytes deleted and inserted, which move all behind them */
  readonly shifts: number;
}

/** A segment, a tile or the checkpoint. */
export interface LogFile {
  /** below the log's folder */
  readonly name: string;
  readonly bytes: Buffer;
}

const newline = 0x0a;
const sectorBytes = 512;

export interface LogFiles {
  /** lowest first */
  readonly segments: readonly LogFile[];
  /** the checkpoint and the tiles */
  readonly beside: readonly LogFile[];
}

/** Every tampering with the files of a log: whole records and segments all, bytes as `strides` say. */
export function* tamperings({ segments, beside }: LogFiles, strides: Strides): Generator<Tampering> {
  for (const segment of segments) {
    yield* ofBytes(segment, strides);
    yield* ofRecords(segment);
    yield* ofSectors(segment);
  }
  yield* ofSegments(segments);
  for (const file of beside) yield* ofFileBeside(file, strides);
}

function one(kind: TamperKind, { name }: LogFile, at: number, bytes: Buffer): Tampering {
  return { kind, where: `${name}:${at}`, changes: new Map([[name, bytes]]) };
}

function* ofBytes(segment: LogFile, { flips, shifts }: Strides): Generator<Tampering> {
  const { bytes } = segment;
  for (let at = 0; at < bytes.length; at += flips) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    yield one("a bit flipped", segment, at, flipped);
  }
  for (let at = Math.floor(shifts / 3); at < bytes.length; at += shifts)
    yield one("a byte deleted", segment, at, Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]));
  for (let at = Math.floor(shifts / 2); at < bytes.length; at += shifts) {
    // Every other time a newline, which makes two lines of one.
    const added = Buffer.from([at % 2 === 0 ? newline : (bytes[at] ?? newline)]);
    yield one("a byte inserted", segment, at, Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]));
  }
}

/** Where each line begins, and where the last one ends. */
function linesOf(bytes: Buffer): readonly number[] {
  const starts = [0];
  for (let at = bytes.indexOf(newline); at >= 0; at = bytes.indexOf(newline, at + 1)) starts.push(at + 1);
  return starts;
}

function* ofRecords(segment: LogFile): Generator<Tampering> {
  const { bytes } = segment;
  const starts = linesOf(bytes);
  for (let i = 0; i + 1 < starts.length; i++) {
    const [from = 0, to = 0, after = 0] = starts.slice(i, i + 3);
    const [before, line, rest] = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)];
    yield one("a record deleted", segment, from, Buffer.concat([before, rest]));
    yield one("a record doubled", segment, from, Buffer.concat([before, line, line, rest]));
    if (after > to) {
      const swapped = [before, bytes.subarray(to, after), line, bytes.subarray(after)];
      yield one("two records swapped", segment, from, Buffer.concat(swapped));
    }
    yield one("the end cut off between records", segment, from, Buffer.from(before));
    yield one(
      "the end cut off within a record",
      segment,
      from,
      Buffer.from(bytes.subarray(0, from + ((to - from) >> 1))),
    );
  }
}

function* ofSectors(segment: LogFile): Generator<Tampering> {
  for (let at = 0; at < segment.bytes.length; at += sectorBytes) {
    const zeroed = Buffer.from(segment.bytes);
    zeroed.fill(0, at, Math.min(at + sectorBytes, zeroed.length));
    yield one("a sector of zeros", segment, at, zeroed);
  }
}

function* ofSegments(segments: readonly LogFile[]): Generator<Tampering> {
  for (const [i, { name, bytes }] of segments.entries()) {
    yield { kind: "a segment deleted", where: name, changes: new Map([[name, null]]) };
    yield { kind: "a segment emptied", where: name, changes: new Map([[name, Buffer.alloc(0)]]) };
    const next = segments[i + 1];
    if (next === undefined) continue;
    const swapped = new Map([
      [name, next.bytes],
      [next.name, bytes],
    ]);
    yield { kind: "two segments swapped", where: name, changes: swapped };
  }
}

function* ofFileBeside(file: LogFile, { flips }: Strides): Generator<Tampering> {
  const what = file.name.startsWith("tile") ? "a tile" : "the checkpoint";
  const { bytes } = file;
  for (let at = 0; at < bytes.length; at += flips) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
    yield one(`${what} changed`, file, at, flipped);
    yield one(`${what} cut`, file, at, bytes.subarray(0, at));
  }
}
