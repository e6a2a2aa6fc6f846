// Puts a sealed segment into an archive before it is pruned: the columns that questions ask for and each line as it is stored, so
// that every byte can be proven again. What was written is read back and compared; an archive that is there already is only compared.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { type Disk, hasErrorCode } from "../disk.ts";
import { LogFailure } from "../log/failure.ts";
import { LineReader } from "../log/lines.ts";
import type { ArchiveName } from "../log/prune-record.ts";
import { recordAt } from "../log/record-at.ts";
import type { SegmentInfo } from "../log/segments.ts";
import { archiveFileName, archiveFolderName } from "./archives.ts";
import { Duck, type Limits } from "./duck.ts";
import { writeParquet } from "./parquet-file.ts";
import { archiveSql, quoted } from "./view-sql.ts";

const hashChunkBytes = 1024 * 1024;

/** Archives the segment, whose last record is `lastSeq`. Throws LogFailure, DuckDbMissing, QueryFailed, and the disk's errors. */
export async function archiveSegment(
  disk: Disk,
  walDir: string,
  logId: string,
  segment: SegmentInfo,
  lastSeq: number,
  limits: Limits,
  signal?: AbortSignal,
): Promise<ArchiveName> {
  const firstSeq = recordAt(disk, segment, 0)?.seq;
  if (typeof firstSeq !== "number") {
    throw new LogFailure("CORRUPT", `${segment.name} does not begin with a record`, { segment: segment.name });
  }
  const folder = join(walDir, archiveFolderName);
  disk.makeDirectory(folder);
  disk.syncDirectory(walDir);
  const file = archiveFileName(logId, firstSeq, lastSeq);
  const path = join(folder, file);
  try {
    await writeParquet(
      path,
      async (target) => {
        const duck = await Duck.open([segment.path, target], [], limits);
        try {
          await duck.rowsOf(archiveSql(segment.path, target), signal);
        } finally {
          duck.close();
        }
      },
      disk,
    );
  } catch (error) {
    if (!hasErrorCode(error, "EEXIST")) throw error;
  }
  await compare(disk, path, segment, limits, signal);
  return { file, sha256: sha256Of(disk, path) };
}

/** Throws LogFailure CORRUPT unless the archive holds exactly the segment's lines, in their order. */
async function compare(
  disk: Disk,
  path: string,
  segment: SegmentInfo,
  limits: Limits,
  signal: AbortSignal | undefined,
): Promise<void> {
  const differs = (): LogFailure =>
    new LogFailure("CORRUPT", `${path} does not hold what ${segment.name} does: move it away and try again`, {
      segment: segment.name,
    });
  const duck = await Duck.open([path], [], limits);
  const file = disk.open(segment.path, "read");
  try {
    const reader = new LineReader(file, 0, segment.sizeBytes);
    const { rows } = await duck.run(`SELECT line FROM read_parquet(${quoted(path)}) ORDER BY seq`, signal);
    for await (const chunk of rows()) {
      for (const [line] of chunk) {
        if (!reader.next() || !reader.isComplete) throw differs();
        if (!reader.bytes.subarray(reader.start, reader.end).equals(Buffer.from(String(line)))) throw differs();
      }
    }
    if (reader.next()) throw differs();
  } finally {
    file.close();
    duck.close();
  }
}

function sha256Of(disk: Disk, path: string): string {
  const file = disk.open(path, "read");
  try {
    const hash = createHash("sha256");
    const bytes = Buffer.allocUnsafe(hashChunkBytes);
    for (let at = 0; ; ) {
      const taken = file.read(bytes, 0, bytes.length, at);
      if (taken === 0) return hash.digest("hex");
      hash.update(bytes.subarray(0, taken));
      at += taken;
    }
  } finally {
    file.close();
  }
}
