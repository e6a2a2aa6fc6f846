// The log as files that a database can read: sealed segments as they lie, of the active one a private copy that ends with its
// last whole line, and archives for what was pruned. It writes nothing but that copy, which goes again whatever happens.
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Disk, nodeDisk, removeTree, writeAll } from "../disk.ts";
import { LogFailure } from "../log/failure.ts";
import { readLogId } from "../log/identity.ts";
import { newline } from "../log/line.ts";
import { identityFileName, listSegments, type SegmentInfo } from "../log/segments.ts";
import { type Archive, listArchives } from "./archives.ts";
import { beginningOf } from "./beginnings.ts";
import { Duck, type Limits, LogUnreadable } from "./duck.ts";
import type { ArchiveSource, Period, SegmentSource, Sources } from "./view-sql.ts";
import { storeSql, viewSqls } from "./view-sql.ts";

export interface OpenOptions {
  readonly limits: Limits;
  readonly period?: Period;
  /** folders with Parquet archives of this log, besides the log's own */
  readonly archives?: readonly string[];
  readonly disk?: Disk;
  /** a file that an answer is written to; it is there, and empty */
  readonly out?: string;
}

export interface OpenedLog {
  readonly duck: Duck;
  /** removes what was made */
  close(): void;
}

const copyChunkBytes = 1024 * 1024;

/** Throws LogFailure, DuckDbMissing, LogUnreadable. */
export async function openLog(walDir: string, options: OpenOptions): Promise<OpenedLog> {
  const { limits, period = {}, archives = [], disk = nodeDisk, out } = options;
  const folder = privateFolder();
  try {
    const sources = sourcesOf(disk, walDir, period, archives, folder.path);
    const paths = [...sources.segments, ...sources.archives].map(({ path }) => path);
    if (out !== undefined) paths.push(out);
    const duck = await Duck.open(paths, [storeSql(sources), ...viewSqls(period)], limits);
    return {
      duck,
      close: () => {
        duck.close();
        folder.remove();
      },
    };
  } catch (error) {
    folder.remove();
    throw error;
  }
}

/** Whether an answer failed since a segment was sealed away or pruned meanwhile: then it is worth asking again. */
export function isGone(error: unknown): boolean {
  return error instanceof LogUnreadable && /No files found|No such file/i.test(error.message);
}

/** A folder that nobody else may open; it goes at the end, and with the signals that end a process. */
function privateFolder(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), "faramesh-query-"));
  chmodSync(path, 0o700);
  const remove = (): void => {
    process.off("exit", remove);
    removeTree(path);
  };
  process.once("exit", remove);
  return { path, remove };
}

function sourcesOf(disk: Disk, walDir: string, period: Period, folders: readonly string[], copies: string): Sources {
  const logId = readLogId(disk, walDir);
  if (logId === null) {
    throw new LogFailure("DIRECTORY_UNUSABLE", `${identityFileName} is missing`, { segment: identityFileName });
  }
  const all = listSegments(disk, walDir);
  const begins = all.map((segment) => beginningOf(disk, segment));
  const segments: SegmentSource[] = [];
  for (const [index, segment] of all.entries()) {
    const isLast = index === all.length - 1;
    const [own, next] = [begins[index], begins[index + 1]];
    // Times never fall, so what lies before the next one's first record is known.
    if (period.since !== undefined && next != null && next.time < period.since) continue;
    if (period.until !== undefined && own != null && own.time >= period.until) continue;
    if (!isLast) segments.push({ path: segment.path });
    else if (segment.sizeBytes > 0) segments.push({ path: copyWhole(disk, segment, copies) });
  }
  const firstSeq = begins.find((one) => one != null)?.seq ?? Number.MAX_SAFE_INTEGER;
  return { segments, archives: below(listArchives(disk, walDir, logId, folders), firstSeq) };
}

/** Each record once: what the log has comes from the log, the rest from the archive that has it first. */
function below(archives: readonly Archive[], endSeq: number): ArchiveSource[] {
  const found: ArchiveSource[] = [];
  let nextSeq = 1;
  for (const { path, firstSeq, lastSeq } of archives) {
    const from = Math.max(firstSeq, nextSeq);
    const to = Math.min(lastSeq, endSeq - 1);
    if (from > to) continue;
    found.push({ path, firstSeq: from, lastSeq: to });
    nextSeq = to + 1;
  }
  return found;
}

/** The segment up to its last newline, as it was when it was listed. */
function copyWhole(disk: Disk, segment: SegmentInfo, folder: string): string {
  const path = join(folder, segment.name);
  const from = disk.open(segment.path, "read");
  const to = disk.open(path, "create");
  try {
    const bytes = Buffer.allocUnsafe(copyChunkBytes);
    let wholeBytes = 0;
    for (let at = 0; at < segment.sizeBytes; ) {
      const taken = from.read(bytes, 0, Math.min(copyChunkBytes, segment.sizeBytes - at), at);
      if (taken === 0) break;
      writeAll(to, bytes.subarray(0, taken));
      const end = bytes.subarray(0, taken).lastIndexOf(newline);
      if (end !== -1) wholeBytes = at + end + 1;
      at += taken;
    }
    to.truncate(wholeBytes);
    return path;
  } finally {
    from.close();
    to.close();
  }
}
