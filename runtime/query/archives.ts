// Archives of a log: Parquet files that hold records which may no longer be in it, named by their log and the records they have.
// It lists them; what is in them is read by the database.
import { join } from "node:path";
import type { Disk } from "../disk.ts";

/** Below the log's directory. */
export const archiveFolderName = "archive";

const archiveName = /^([0-9a-f]{8})-(\d{12})-(\d{12})\.parquet$/;

/** Archives of one log that are looked at. */
const archivesMax = 100_000;

export interface Archive {
  readonly path: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
}

export function archiveFileName(logId: string, firstSeq: number, lastSeq: number): string {
  const digits = (seq: number): string => String(seq).padStart(12, "0");
  return `${logId.slice(0, 8)}-${digits(firstSeq)}-${digits(lastSeq)}.parquet`;
}

/** Those of this log in its own folder and in `folders`, by their first record; of those that begin alike the longest first. */
export function listArchives(disk: Disk, walDir: string, logId: string, folders: readonly string[]): Archive[] {
  const own = join(walDir, archiveFolderName);
  const all = disk.identity(own)?.kind === "directory" ? [own, ...folders] : folders;
  const found = all.flatMap((folder) =>
    disk.list(folder).flatMap((name) => {
      const [, log, first, last] = archiveName.exec(name) ?? [];
      if (log !== logId.slice(0, 8) || first === undefined || last === undefined) return [];
      const path = join(folder, name);
      return disk.identity(path)?.kind === "file" ? [{ path, firstSeq: Number(first), lastSeq: Number(last) }] : [];
    }),
  );
  return found.sort((a, b) => a.firstSeq - b.firstSeq || b.lastSeq - a.lastSeq).slice(0, archivesMax);
}
