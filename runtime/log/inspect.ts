// What a log's files hold and whether they may be continued: the walk over every record that recovery and verification
// share, and the judgement of a bad end, torn or corrupt. It reads only.
import type { Disk, DiskFile } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { chainBefore } from "./beginning.ts";
import type { Chain } from "./chain.ts";
import { LogFailure } from "./failure.ts";
import { type HeadState, readHead, type StoredHead } from "./head.ts";
import { claimedHash, entryHash, type LineFault, lineLimitBytes, newline } from "./line.ts";
import { LineReader } from "./lines.ts";
import { listSegments, type SegmentInfo } from "./segments.ts";

/** A tail longer than this is not what a crash leaves. */
export const tornTailLimitBytes = 128 * 1024 * 1024;

export interface BadLine {
  readonly segment: SegmentInfo;
  readonly offset: number;
  /** the record that should stand here */
  readonly seq: number;
  readonly fault: LineFault;
  /** the bytes are a whole record in the wrong place */
  readonly intact: boolean;
  /** the bytes end without a newline */
  readonly isUnfinished: boolean;
}

export interface WalkReport {
  readonly chain: Chain;
  readonly segments: readonly SegmentInfo[];
  readonly bad: BadLine | null;
  /** time of the first record, and of the first in the last segment; "" without one */
  readonly firstTime: string;
  readonly lastSegmentTime: string;
  /** hash of the record that the head names, null when the walk did not come to it */
  readonly hashAtAcked: string | null;
  /** where that record ends; null when the walk did not come to it */
  readonly ackedEnd: Place | null;
}

export interface Place {
  readonly segment: SegmentInfo;
  readonly offset: number;
}

export interface WalkVisitor {
  /** `head` as `ChainStep` has it; `value` makes the whole record, which costs more than all the rest */
  record?(head: JsonObject, value: () => JsonObject, hash: string): void;
}

/** Where a walk begins: `index` of the segment whose first record follows the chain. */
export interface WalkStart {
  readonly index: number;
  readonly chain: Chain;
}

/**
 * Walks all records in order up to the first bad line, or those from `from` on. A generator, so that a caller can let others run: it yields the
 * number of bytes walked so far, about once a megabyte.
 */
export function* walk(
  disk: Disk,
  segments: readonly SegmentInfo[],
  logId: string,
  ackedSeq: number,
  visitor: WalkVisitor = {},
  from: WalkStart = { index: 0, chain: chainBefore(disk, segments, logId) },
): Generator<number, WalkReport> {
  const { chain } = from;
  const report = { firstTime: "", lastSegmentTime: "", hashAtAcked: ackedSeq === chain.seq ? chain.hash : null };
  let ackedEnd: Place | null = null;
  const done = (bad: BadLine | null): WalkReport => ({ chain, segments, bad, ...report, ackedEnd });
  let walkedBytes = 0;
  let yieldedBytes = 0;
  for (const segment of segments.slice(from.index)) {
    const file = disk.open(segment.path, "read");
    try {
      const reader = new LineReader(file, 0, segment.sizeBytes);
      report.lastSegmentTime = "";
      while (reader.next()) {
        const place = { segment, offset: reader.offset, seq: chain.seq + 1 };
        if (!reader.isComplete) return done({ ...place, ...unfinished(reader.end - reader.start) });
        const step = chain.step(reader.bytes, reader.start, reader.end);
        if (!step.ok) return done({ ...place, fault: step.fault, intact: step.intact, isUnfinished: false });
        if (report.firstTime === "") report.firstTime = chain.time;
        if (report.lastSegmentTime === "") report.lastSegmentTime = chain.time;
        if (chain.seq === ackedSeq) {
          report.hashAtAcked = chain.hash;
          ackedEnd = { segment, offset: reader.offset + reader.end - reader.start + 1 };
        }
        visitor.record?.(step.head, step.value, chain.hash);
        walkedBytes += reader.end - reader.start + 1;
        if (walkedBytes - yieldedBytes >= 1024 * 1024) {
          yieldedBytes = walkedBytes;
          yield walkedBytes;
        }
      }
      if (report.lastSegmentTime === "" && segment !== segments.at(-1)) {
        const fault = { field: "segment", expected: "records", found: "nothing", message: "a sealed segment is empty" };
        return done({ segment, offset: 0, seq: chain.seq + 1, fault, intact: false, isUnfinished: false });
      }
    } finally {
      file.close();
    }
  }
  yield walkedBytes;
  return done(null);
}

function unfinished(bytes: number): Pick<BadLine, "fault" | "intact" | "isUnfinished"> {
  const found = `${bytes} bytes without one`;
  return {
    fault: { field: "line", expected: "a newline", found, message: "the line has no end" },
    intact: false,
    isUnfinished: true,
  };
}

export interface Inspection {
  readonly walk: WalkReport;
  readonly head: StoredHead;
  /** what a crash left after the last good record of the last segment */
  readonly torn: { readonly segment: SegmentInfo; readonly offset: number; readonly sizeBytes: number } | null;
  /** the head was unusable and the caller accepted to go on without its word */
  readonly isHeadRebuilt: boolean;
}

/** Reads the whole log, or what follows `from`, and says how it may be continued. Throws LogFailure where it may not; nothing is changed. */
export function inspectLog(
  disk: Disk,
  dir: string,
  logId: string,
  acceptUnanchored: boolean,
  visitor: WalkVisitor,
  from?: WalkStart,
): Inspection {
  const head = readHead(disk, dir);
  const segments = listSegments(disk, dir);
  const steps = walk(disk, segments, logId, head.kind === "valid" ? head.state.ackedSeq : 0, visitor, from);
  let step = steps.next();
  while (!step.done) step = steps.next();
  const report = step.value;
  if (head.kind === "valid") agreeWithHead(report, head.state);
  // The head exists before the first segment does.
  const isUnanchored = head.kind === "invalid" || (head.kind === "absent" && segments.length > 0);
  if (isUnanchored && !acceptUnanchored) {
    throw new LogFailure("HEAD_INVALID", `the head file is ${head.kind}: what was acknowledged cannot be known`, {
      segment: "head",
      seq: report.chain.seq,
    });
  }
  const { bad } = report;
  if (bad === null) return { walk: report, head, torn: null, isHeadRebuilt: isUnanchored };
  refuseUnlessTorn(disk, report, bad, head);
  const sizeBytes = bad.segment.sizeBytes - bad.offset;
  return {
    walk: report,
    head,
    torn: { segment: bad.segment, offset: bad.offset, sizeBytes },
    isHeadRebuilt: isUnanchored,
  };
}

/** What is wrong between the head and the records, null when they agree; `bad` lines are judged elsewhere. */
export function headDisagreement(report: WalkReport, head: HeadState): LogFailure | null {
  const { chain, bad } = report;
  const place = { segment: report.segments.at(-1)?.name ?? "head", seq: head.ackedSeq };
  if (head.logId !== chain.logId) {
    return new LogFailure("CORRUPT", `the head belongs to log ${head.logId}, not ${chain.logId}`, { segment: "head" });
  }
  const lastSegment = report.segments.at(-1)?.number ?? 0;
  if (bad === null && head.segment > lastSegment) {
    const message = `the head names segment ${head.segment}, the last one is ${lastSegment}`;
    return new LogFailure("SEGMENT_MISSING", message, place);
  }
  if (bad === null && head.ackedSeq > chain.seq) {
    const message = `records ${chain.seq + 1} to ${head.ackedSeq} were acknowledged and are gone`;
    return new LogFailure("TAIL_LOST", message, place);
  }
  if (report.hashAtAcked !== null && report.hashAtAcked !== head.lastHash) {
    return new LogFailure("CORRUPT", `record ${head.ackedSeq} is not the one that was acknowledged`, place);
  }
  if (head.cleanStop && chain.seq > head.ackedSeq) {
    const message = `${chain.seq - head.ackedSeq} records follow the clean stop at ${head.ackedSeq}`;
    return new LogFailure("CORRUPT", message, { ...place, seq: head.ackedSeq + 1 });
  }
  return null;
}

function agreeWithHead(report: WalkReport, head: HeadState): void {
  const failure = headDisagreement(report, head);
  if (failure !== null) throw failure;
}

export function corruption(bad: BadLine, why: string): LogFailure {
  const { segment, offset, seq, fault } = bad;
  const message =
    `${segment.name} at byte ${offset}, record ${seq}: ${fault.message} ` +
    `(${fault.field}: expected ${fault.expected}, found ${fault.found}); ${why}`;
  return new LogFailure("CORRUPT", message, { segment: segment.name, offset, seq });
}

function refuseUnlessTorn(disk: Disk, report: WalkReport, bad: BadLine, head: StoredHead): void {
  if (bad.intact) throw corruption(bad, "a whole record in the wrong place is not what a crash leaves");
  if (bad.segment !== report.segments.at(-1)) throw corruption(bad, "another segment follows");
  if (head.kind === "valid" && head.state.cleanStop) throw corruption(bad, "the log was stopped cleanly before");
  if (head.kind === "valid" && head.state.ackedSeq >= bad.seq) {
    throw corruption(bad, `records up to ${head.state.ackedSeq} were acknowledged`);
  }
  const sizeBytes = bad.segment.sizeBytes - bad.offset;
  if (sizeBytes > tornTailLimitBytes) throw corruption(bad, `${sizeBytes} bytes follow`);
  const file = disk.open(bad.segment.path, "read");
  try {
    const found = recordInTail(readRange(file, bad.offset, sizeBytes), report.chain.seq);
    if (found !== null) throw corruption(bad, found);
  } finally {
    file.close();
  }
}

/** Bytes [offset, offset + sizeBytes) of a file, fewer when it ends before. */
export function readRange(file: DiskFile, offset: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  let done = 0;
  while (done < sizeBytes) {
    const taken = file.read(bytes, done, sizeBytes - done, offset + done);
    if (taken === 0) break;
    done += taken;
  }
  return bytes.subarray(0, done);
}

const recordStart = Buffer.from('{"hash":"');

/** Beginnings of records looked at in one tail; a crash leaves one batch at most. */
const tailCandidatesMax = 1_000_000;

/** Why a tail holds something that was a finished record, whatever became of the newlines; null when it does not. */
function recordInTail(tail: Buffer, lastSeq: number): string | null {
  let candidates = 0;
  for (let at = tail.indexOf(recordStart); at !== -1; at = tail.indexOf(recordStart, at + 1)) {
    if (++candidates > tailCandidatesMax) return "the tail is full of beginnings of records";
    const end = claimedHash(tail, at, tail.length) === null ? -1 : objectEnd(tail, at);
    if (end === -1 || entryHash(tail, at, end) !== claimedHash(tail, at, end)) continue;
    const seq = seqOf(tail, at, end);
    if (at > 0 && seq > lastSeq) return `record ${seq} follows it`;
    // A write that stopped ends here, one that reached the disk in part goes on with zeros.
    const after = tail[end];
    if (at === 0 && after !== undefined && after !== 0 && after !== newline) return "the record's newline was changed";
  }
  return null;
}

/** Behind the brace that closes the object at `at`; -1 when it is not closed within a line's length. */
function objectEnd(bytes: Buffer, at: number): number {
  const limit = Math.min(bytes.length, at + lineLimitBytes);
  let depth = 0;
  let inString = false;
  for (let index = at; index < limit; index++) {
    const byte = bytes[index];
    if (inString) {
      if (byte === 0x5c) index++;
      else if (byte === 0x22) inString = false;
    } else if (byte === 0x22) inString = true;
    else if (byte === 0x7b) depth++;
    else if (byte === 0x7d && --depth === 0) return index + 1;
  }
  return -1;
}

function seqOf(bytes: Buffer, start: number, end: number): number {
  // Its hash is right, so it is a line of ours and JSON.
  const value: unknown = JSON.parse(bytes.toString("utf8", start, end));
  const seq: unknown = typeof value === "object" && value !== null ? Reflect.get(value, "seq") : undefined;
  return typeof seq === "number" ? seq : 0;
}
