// A log from its first record that can still be had: those that were pruned out of its archives, then those in its files. Each follows
// the one before by its hash, up to the first that the log kept; so an archive that was changed is found by the time that one is reached.
// It reads only.
import type { Disk } from "../disk.ts";
import { isPruned } from "../log/beginning.ts";
import { LogFailure } from "../log/failure.ts";
import { readLogId } from "../log/identity.ts";
import { checkLine } from "../log/line.ts";
import { readRecords, type StoredRecord, segmentStarts } from "../log/read.ts";
import { listSegments } from "../log/segments.ts";
import { type Archive, archiveFolderName, listArchives } from "./archives.ts";
import { Duck, defaultLimits } from "./duck.ts";
import { quoted } from "./view-sql.ts";

/** Lines that are in memory at once, of a few hundred bytes each. */
const linesAtOnce = 10_000;

/** The archives that reach back from `firstKept` without a gap, and the first record that they have. */
export function reachBack(
  archives: readonly Archive[],
  firstKept: number,
): { from: number; archives: readonly Archive[] } {
  const taken: Archive[] = [];
  let from = firstKept;
  for (;;) {
    // Those that begin first come first.
    const next = archives.find(({ firstSeq, lastSeq }) => firstSeq < from && lastSeq >= from - 1);
    if (next === undefined) return { from, archives: taken };
    taken.push(next);
    from = next.firstSeq;
  }
}

/** The first record that `wholeLog` begins with. */
export function firstOf(disk: Disk, walDir: string): number {
  const firstKept = segmentStarts(walDir, disk)[0] ?? 1;
  return reachBack(archivesOf(disk, walDir), firstKept).from;
}

function archivesOf(disk: Disk, walDir: string): readonly Archive[] {
  return isPruned(listSegments(disk, walDir)) ? listArchives(disk, walDir, readLogId(disk, walDir) ?? "", []) : [];
}

/** Throws as `readRecords`, and DuckDbMissing, LogUnreadable, LogFailure CORRUPT for an archive that does not lead to the log. */
export async function* wholeLog(disk: Disk, walDir: string): AsyncGenerator<StoredRecord> {
  const archives = archivesOf(disk, walDir);
  let prev: string | null = null;
  if (archives.length > 0) {
    const firstKept = segmentStarts(walDir, disk)[0] ?? 1;
    for await (const record of archivedBefore(reachBack(archives, firstKept), firstKept, prev)) {
      prev = String(record.value.hash);
      yield record;
    }
  }
  for await (const record of readRecords(walDir, { disk })) {
    if (prev !== null && record.value.prev !== prev) throw changed(record.seq - 1);
    prev = null;
    yield record;
  }
}

async function* archivedBefore(
  { from, archives }: ReturnType<typeof reachBack>,
  firstKept: number,
  before: string | null,
): AsyncGenerator<StoredRecord> {
  if (from === firstKept) return;
  const paths = archives.map(({ path }) => path);
  const duck = await Duck.open(paths, [], defaultLimits);
  try {
    const files = `read_parquet([${paths.map(quoted).join(", ")}], hive_partitioning = false)`;
    let [next, prev] = [from, before];
    while (next < firstKept) {
      const end = Math.min(firstKept, next + linesAtOnce);
      const rows = await duck.rowsOf(
        `SELECT any_value(line), seq FROM ${files} WHERE seq >= ${next} AND seq < ${end} GROUP BY seq ORDER BY seq`,
      );
      for (const [line, seq] of rows) {
        const record = storedRecord(Buffer.from(String(line)), Number(seq));
        if (record.seq !== next || (prev !== null && record.value.prev !== prev)) throw changed(next);
        prev = String(record.value.hash);
        next++;
        yield record;
      }
      if (next < end) throw changed(next);
    }
  } finally {
    duck.close();
  }
}

function storedRecord(line: Buffer, seq: number): StoredRecord {
  const checked = checkLine(line, 0, line.length);
  if (!checked.ok || checked.value.seq !== seq) throw changed(seq);
  return { seq, line, segment: archiveFolderName, offset: 0, value: checked.value };
}

function changed(seq: number): LogFailure {
  const message = `an archive under ${archiveFolderName}/ does not hold record ${seq} as it was written`;
  return new LogFailure("CORRUPT", message, { segment: archiveFolderName, seq });
}
