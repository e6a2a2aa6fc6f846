// Reads the log without writing: all records up to now, or following it as it grows. Each record is checked against the
// chain before it is handed out; a line still being written is left for later.
import { type Disk, type DiskFile, hasErrorCode, nodeDisk } from "../disk.ts";
import type { Json, JsonObject } from "../json.ts";
import { requireBeginning } from "./beginning.ts";
import { Chain, type GoodStep } from "./chain.ts";
import { LogFailure } from "./failure.ts";
import { readLogId } from "./identity.ts";
import { LineReader } from "./lines.ts";
import { recordAt } from "./record-at.ts";
import type { MemberName } from "./scan.ts";
import { identityFileName, listSegments, type SegmentInfo } from "./segments.ts";

export interface StoredRecord {
  readonly seq: number;
  /** the stored bytes without the newline; the reader's own copy */
  readonly line: Uint8Array;
  /** file name */
  readonly segment: string;
  /** bytes from the start of that file */
  readonly offset: number;
  readonly value: JsonObject;
}

/** A record while it is looked at: nothing of it may be asked for once the visitor has returned. */
export interface PassingRecord {
  readonly seq: number;
  readonly type: string;
  /** RFC 3339 */
  readonly time: string;
  /** the same in microseconds since 1970 */
  readonly timeUs: number;
  readonly value: () => JsonObject;
  /** fractions as doubles */
  readonly member: (name: MemberName) => Json | undefined;
}

export interface ReadOptions {
  /** first record wanted; 1 when absent */
  readonly fromSeq?: number;
  readonly disk?: Disk;
}

/** How often a log that has no more is looked at again. */
const followIntervalMs = 100;

/** Records passed, skipped or handed out, before others may run. */
const recordsPerTurn = 1024;

/**
 * The records from `fromSeq` on, or from the first that was not pruned, in order, to the last complete line at the time the last segment is reached. Throws
 * LogFailure CORRUPT, SEGMENT_MISSING or DIRECTORY_UNUSABLE where the log does not hold together; records before
 * `fromSeq` in other segments are not looked at.
 */
export async function* readRecords(dir: string, options: ReadOptions = {}): AsyncGenerator<StoredRecord> {
  const cursor = new Cursor(options.disk ?? nodeDisk, dir, options.fromSeq ?? 1);
  yield* cursor.records();
}

/**
 * Shows each record to `visitor`, as `readRecords` hands them out: checked, in order, to the end as it is now. For commands that
 * look at a few members of very many records. Throws LogFailure as `readRecords` does.
 */
export async function visitRecords(
  dir: string,
  visitor: (record: PassingRecord) => void,
  options: ReadOptions = {},
): Promise<void> {
  await new Cursor(options.disk ?? nodeDisk, dir, options.fromSeq ?? 1).visit(visitor);
}

/** The seq of the first record of each segment that has one, in order. Throws LogFailure as readRecords does. */
export function segmentStarts(dir: string, disk: Disk = nodeDisk): readonly number[] {
  return listSegments(disk, dir).flatMap((segment) => {
    const seq = recordAt(disk, segment, 0)?.seq;
    // A first record that cannot be read is met by who reads from the one before; the log begins with 1 whatever it says.
    return segment.number === 1 && segment.sizeBytes > 0 ? [1] : typeof seq === "number" ? [seq] : [];
  });
}

/** As `readRecords`, then goes on with each record as it is written, until the signal aborts. */
export async function* tailRecords(
  dir: string,
  options: ReadOptions & { readonly signal: AbortSignal },
): AsyncGenerator<StoredRecord> {
  const cursor = new Cursor(options.disk ?? nodeDisk, dir, options.fromSeq ?? 1);
  while (!options.signal.aborted) {
    for await (const record of cursor.records()) {
      yield record;
      if (options.signal.aborted) return;
    }
    await pause(followIntervalMs, options.signal);
  }
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", finish);
      resolve();
    };
    const timer = setTimeout(finish, durationMs);
    signal.addEventListener("abort", finish);
  });
}

/** A place in the log that only moves forward. */
class Cursor {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #fromSeq: number;
  /** null until the first record is found */
  #chain: Chain | null = null;
  #segmentNumber = 0;
  #offset = 0;

  constructor(disk: Disk, dir: string, fromSeq: number) {
    this.#disk = disk;
    this.#dir = dir;
    this.#fromSeq = fromSeq;
  }

  /** Every complete record between the cursor and the end, which becomes the new place. */
  async *records(): AsyncGenerator<StoredRecord> {
    const segments = listSegments(this.#disk, this.#dir);
    if (segments.length === 0) return;
    this.#chain ??= this.#start(segments);
    this.#requireNoPrune(segments);
    for (const segment of segments) {
      if (segment.number < this.#segmentNumber) continue;
      if (segment.number > this.#segmentNumber) {
        this.#segmentNumber = segment.number;
        this.#offset = 0;
      }
      yield* this.#segment(this.#chain, segment, segment === segments.at(-1));
    }
  }

  /** A slow reader may be overtaken by a prune; what it has not read then is gone. */
  #requireNoPrune(segments: readonly SegmentInfo[]): void {
    const first = segments[0] as SegmentInfo;
    if (first.number <= this.#segmentNumber) return;
    const message = "records were pruned before they were read: ask again";
    throw new LogFailure("SEGMENT_MISSING", message, { segment: first.name });
  }

  /** Skips the segments that end before `fromSeq`: each begins with a record that tells its seq and prev. */
  #start(segments: readonly SegmentInfo[]): Chain {
    const logId = readLogId(this.#disk, this.#dir);
    if (logId === null) {
      throw new LogFailure("DIRECTORY_UNUSABLE", `${identityFileName} is missing`, { segment: identityFileName });
    }
    for (let index = segments.length - 1; index > 0; index--) {
      const segment = segments[index] as SegmentInfo;
      const first = recordAt(this.#disk, segment, 0);
      if (first === null || typeof first.seq !== "number" || first.seq > this.#fromSeq) continue;
      if (first.log_id !== logId || typeof first.prev !== "string") continue;
      this.#segmentNumber = segment.number;
      return new Chain(logId, first.seq - 1, first.prev);
    }
    this.#segmentNumber = (segments[0] as SegmentInfo).number;
    return requireBeginning(this.#disk, segments, logId);
  }

  async *#segment(chain: Chain, segment: SegmentInfo, isLast: boolean): AsyncGenerator<StoredRecord> {
    const file = openListed(this.#disk, segment);
    try {
      // Listed segments that others follow are sealed; what the last one had then is enough for this round.
      const reader = new LineReader(file, this.#offset, segment.sizeBytes);
      let passed = 0;
      for (
        let step = this.#step(reader, chain, segment, isLast);
        step;
        step = this.#step(reader, chain, segment, isLast)
      ) {
        if (chain.seq >= this.#fromSeq) {
          const line = Uint8Array.prototype.slice.call(reader.bytes, reader.start, reader.end);
          yield { seq: chain.seq, line, segment: segment.name, offset: reader.offset, value: step.value() };
        }
        // Skipped ones take their time too: a daemon that reads its own log decides meanwhile.
        if (++passed % recordsPerTurn === 0) await new Promise(setImmediate);
      }
    } finally {
      file.close();
    }
  }

  /** As `records`, without a promise for each record. */
  async visit(visitor: (record: PassingRecord) => void): Promise<void> {
    const segments = listSegments(this.#disk, this.#dir);
    if (segments.length === 0) return;
    const chain = this.#start(segments);
    for (const segment of segments) {
      if (segment.number < this.#segmentNumber) continue;
      const isLast = segment === segments.at(-1);
      const file = openListed(this.#disk, segment);
      try {
        const reader = new LineReader(file, 0, segment.sizeBytes);
        let handedOut = 0;
        for (
          let step = this.#step(reader, chain, segment, isLast);
          step;
          step = this.#step(reader, chain, segment, isLast)
        ) {
          if (chain.seq < this.#fromSeq) continue;
          const { head, value, member } = step;
          visitor({ seq: chain.seq, type: head.type as string, time: chain.time, timeUs: chain.timeUs, value, member });
          if (++handedOut % recordsPerTurn === 0) await new Promise(setImmediate);
        }
      } finally {
        file.close();
      }
    }
  }

  /** Moves the chain to the segment's next record; null behind the last that is whole. Throws LogFailure. */
  #step(reader: LineReader, chain: Chain, segment: SegmentInfo, isLast: boolean): GoodStep | null {
    if (!reader.next()) return null;
    const place = { segment: segment.name, offset: reader.offset, seq: chain.seq + 1 };
    if (!reader.isComplete) {
      if (isLast) return null;
      throw new LogFailure("CORRUPT", `${segment.name} ends within record ${place.seq}`, place);
    }
    const step = chain.step(reader.bytes, reader.start, reader.end);
    if (!step.ok) {
      throw new LogFailure("CORRUPT", `record ${place.seq}: ${step.fault.message} (${step.fault.field})`, place);
    }
    this.#offset = reader.offset + (reader.end - reader.start) + 1;
    return step;
  }
}

/** A segment that was listed and has gone since was pruned. Throws LogFailure SEGMENT_MISSING. */
function openListed(disk: Disk, segment: SegmentInfo): DiskFile {
  try {
    return disk.open(segment.path, "read");
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
    const message = `${segment.name} was pruned while it was read: ask again`;
    throw new LogFailure("SEGMENT_MISSING", message, { segment: segment.name });
  }
}
