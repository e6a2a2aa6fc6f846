// The log's records for commands that go through all of them: with those that were pruned, where archives have them and can be read.
// What cannot be shown is said.
import { nodeDisk } from "../runtime/disk.ts";
import { isPruned } from "../runtime/log/beginning.ts";
import { readRecords, type StoredRecord } from "../runtime/log/read.ts";
import { listSegments } from "../runtime/log/segments.ts";
import { DuckDbMissing } from "../runtime/query/duck.ts";
import { numberText } from "./render.ts";
import type { Terminal } from "./terminal.ts";

/** Throws LogFailure, also for an archive that does not lead to the log. */
export async function* recordsOf(io: Terminal, walDir: string): AsyncGenerator<StoredRecord> {
  if (!isPruned(listSegments(nodeDisk, walDir))) {
    yield* readRecords(walDir);
    return;
  }
  // Loads the database, which most logs never need.
  const { firstOf, wholeLog } = await import("../runtime/query/whole-log.ts");
  const first = firstOf(nodeDisk, walDir);
  if (first > 1) io.note(`records 1 to ${numberText(first - 1)} were pruned, and no archive leads to them`);
  let isBegun = false;
  try {
    for await (const record of wholeLog(nodeDisk, walDir)) {
      isBegun = true;
      yield record;
    }
  } catch (error) {
    if (!(error instanceof DuckDbMissing) || isBegun) throw error;
    io.note("older records are in archives, which need the package `@duckdb/node-api`");
    yield* readRecords(walDir);
  }
}
