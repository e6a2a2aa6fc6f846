// The daemon's own log for people who run it (daemon.log): starts, stops, failures. It must never hold an argument of a
// call, a token, or anything that the audit log is for.
import { type Logger, pino } from "pino";
import { type DiskFile, hasErrorCode, nodeDisk, writeAll } from "./disk.ts";

/** A file of this size is moved to `<name>.1`, over the one before. */
export const journalLimitBytes = 16 * 1024 * 1024;

export type JournalLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";

const files = new WeakMap<Logger, RotatedFile>();

/** One line of JSON for each event, with the file open from the first line on. */
export function openJournal(path: string, level: string): Logger {
  const file = new RotatedFile(path, journalLimitBytes);
  const journal = pino(
    { level: journalLevelOf(level), base: { pid: process.pid } },
    { write: (line: string) => file.write(line) },
  );
  files.set(journal, file);
  return journal;
}

/** The next line goes to the file that then has the name: for who moves it away (logrotate) and says so. */
export function reopenJournal(journal: Logger): void {
  files.get(journal)?.reopen();
}

/** `warning` is what policies may say; an unknown word is `info`. */
export function journalLevelOf(word: unknown): JournalLevel {
  const levels: readonly JournalLevel[] = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];
  if (word === "warning") return "warn";
  return levels.find((level) => level === word) ?? "info";
}

/** A file that is moved aside, over the one before, when it has its size. */
export class RotatedFile {
  readonly #path: string;
  readonly #limitBytes: number;
  #file: DiskFile | null = null;
  #sizeBytes = 0;

  constructor(path: string, limitBytes: number) {
    this.#path = path;
    this.#limitBytes = limitBytes;
  }

  /** A line that cannot be written is lost: the daemon serves on, and the audit log is what must not fail. */
  write(line: string | Uint8Array): void {
    try {
      const file = this.#open();
      const bytes = typeof line === "string" ? Buffer.from(line) : line;
      writeAll(file, bytes);
      this.#sizeBytes += bytes.length;
    } catch {
      this.#file = null;
    }
  }

  reopen(): void {
    this.#file?.close();
    this.#file = null;
  }

  #open(): DiskFile {
    if (this.#file !== null && this.#sizeBytes < this.#limitBytes) return this.#file;
    this.#file?.close();
    this.#file = null;
    const existing = nodeDisk.identity(this.#path);
    if (existing !== null && existing.sizeBytes >= this.#limitBytes) nodeDisk.rename(this.#path, `${this.#path}.1`);
    this.#file = openOrCreate(this.#path);
    this.#sizeBytes = this.#file.identity().sizeBytes;
    return this.#file;
  }
}

function openOrCreate(path: string): DiskFile {
  try {
    return nodeDisk.open(path, "append");
  } catch (error) {
    if (!hasErrorCode(error, "ENOENT")) throw error;
    return nodeDisk.open(path, "create");
  }
}
