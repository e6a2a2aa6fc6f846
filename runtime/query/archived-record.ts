// A record that was pruned, from an archive: by its seq, or by how its id begins. What an archive says is believed only where the
// log's own tiles have the hash of the line. It reads only.
import { join } from "node:path";
import { type Disk, readWhole } from "../disk.ts";
import { parseCheckpoint, type TreeHead } from "../log/checkpoint.ts";
import { LogFailure } from "../log/failure.ts";
import { readLogId } from "../log/identity.ts";
import { checkLine } from "../log/line.ts";
import { noteLimitBytes, parseNote } from "../log/note.ts";
import type { StoredRecord } from "../log/read.ts";
import { checkpointFileName } from "../log/segments.ts";
import { subtreesOnDisk } from "../log/tile-reader.ts";
import { archiveFolderName, listArchives } from "./archives.ts";
import { Duck, defaultLimits } from "./duck.ts";
import { quoted } from "./view-sql.ts";

/** Records that one beginning of an id may name before it is told to be longer. */
const namesakesMax = 2;

/** Versions that a policy may have had before the log was pruned. */
const policiesMax = 100_000;

export type ArchivedWish =
  | { readonly seq: number }
  | { readonly prefixes: readonly string[] }
  /** Activations, and the ends of rollout phases. */
  | { readonly type: "policy"; readonly beforeSeq: number };

/** Null where there is no archive. Throws DuckDbMissing, LogUnreadable, LogFailure CORRUPT for an archive that is not the log's. */
export async function archivedRecords(
  disk: Disk,
  walDir: string,
  wanted: ArchivedWish,
): Promise<readonly StoredRecord[] | null> {
  const logId = readLogId(disk, walDir) ?? "";
  const paths = listArchives(disk, walDir, logId, []).map(({ path }) => path);
  if (paths.length === 0) return null;
  const duck = await Duck.open(paths, [], defaultLimits);
  try {
    const files = `read_parquet([${paths.map(quoted).join(", ")}], hive_partitioning = false)`;
    const rows = await duck.rowsOf(
      `SELECT line, seq FROM ${files} WHERE ${condition(wanted)} ORDER BY seq LIMIT ${"type" in wanted ? policiesMax : namesakesMax}`,
    );
    return rows.map(([line, seq]) => provenRecord(disk, walDir, Buffer.from(String(line)), Number(seq)));
  } finally {
    duck.close();
  }
}

function condition(wanted: ArchivedWish): string {
  if ("type" in wanted)
    return `("type" = 'policy' OR ("type" = 'phase' AND "cause" = 'duration')) AND seq < ${Math.trunc(wanted.beforeSeq)}`;
  if ("seq" in wanted) return `seq = ${Math.trunc(wanted.seq)}`;
  const begins = (column: string): string =>
    wanted.prefixes.map((prefix) => `starts_with(${column}, ${quoted(prefix)})`).join(" OR ");
  return (
    `("type" = 'decision' AND (${begins("action_id")})) OR ` +
    `("type" = 'approval' AND "change" = 'opened' AND (${begins("approval_id")}))`
  );
}

function provenRecord(disk: Disk, walDir: string, line: Buffer, seq: number): StoredRecord {
  const checked = checkLine(line, 0, line.length);
  const size = storedHead(disk, walDir)?.size ?? 0;
  const leaf = seq <= size ? subtreesOnDisk(disk, walDir, size)(0, seq - 1) : null;
  if (!checked.ok || checked.value.seq !== seq || checked.hash !== leaf) {
    throw new LogFailure(
      "CORRUPT",
      `an archive under ${archiveFolderName}/ does not hold record ${seq} as it was written`,
      {
        segment: archiveFolderName,
        seq,
      },
    );
  }
  return { seq, line, segment: archiveFolderName, offset: 0, value: checked.value };
}

function storedHead(disk: Disk, walDir: string): TreeHead | null {
  const path = join(walDir, checkpointFileName);
  if (disk.identity(path) === null) return null;
  const note = parseNote(readWhole(disk, path, noteLimitBytes));
  return note === null ? null : parseCheckpoint(note.text);
}
