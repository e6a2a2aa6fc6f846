// The daemon's own log for people who run it (daemon.log): starts, stops, failures. It must never hold an argument of a
// call, a token, or anything that the audit log is for.
import { type Logger, pino } from "pino";
import { RotatedFile } from "./rotated-file.ts";

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
