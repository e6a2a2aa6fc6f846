// `faramesh audit tail` and `audit ls`: the log as lines, its end and what is added, or all of it. Reads files alone: works
// without a daemon, while one writes, and on a read-only copy.
import { Command, Option } from "clipanion";
import { readRecords, type StoredRecord, tailRecords } from "../../runtime/log/read.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { lastRecords } from "../last-records.ts";
import { namePattern } from "../name-pattern.ts";
import { checkedFilter, isWanted, type RecordFilter, recordLine } from "../records.ts";
import { visibleJson } from "../render.ts";
import { windowStart } from "../span.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";
import { recordsOf } from "../whole-log.ts";
import { Why } from "../why.ts";

const tailRecordsDefault = 20;
const tailRecordsMax = 100_000;
const category = "Log";

export abstract class AuditListCommand extends FarameshCommand {
  readonly effect = Option.String("--effect", {
    description: "permit, deny or defer; in audit mode also what would have been",
  });
  readonly agent = Option.String("--agent", { description: "calls of this agent; a pattern: support-*" });
  readonly tool = Option.String("--tool", { description: "calls of this tool; a pattern: stripe/*" });
  readonly since = Option.String("--since", { description: "24h, 7d, or 2026-05-17T19:30:00Z" });

  filter(): RecordFilter {
    const since = this.since === undefined ? undefined : windowStart(this.since).time;
    const agent = this.agent === undefined ? undefined : namePattern("--agent", this.agent);
    const tool = this.tool === undefined ? undefined : namePattern("--tool", this.tool);
    return checkedFilter({ effect: this.effect, agent, tool, since });
  }
}

export class AuditTailCommand extends AuditListCommand {
  static override paths = [["audit", "tail"]];
  static override usage = Command.Usage({
    category,
    description: "print the last records, then each new one",
    details:
      "On a terminal it goes on with each new record until Ctrl-C; elsewhere only with --follow. With --format json one record a line, as it is stored. Exit codes: 0, 1 there is no log.",
    examples: [
      ["Watch what is denied", "faramesh audit tail --effect deny"],
      ["The last five and no more", "faramesh audit tail -n 5 --no-follow"],
      ["All that goes to one service, as it is stored", "faramesh audit tail --tool 'stripe/*' --follow --format json"],
    ],
  });
  readonly count = Option.String("-n,--lines", {
    description: `how many records to begin with (default ${tailRecordsDefault})`,
  });
  readonly follow = Option.Boolean("--follow", {
    description: "go on with each new record; --no-follow ends after the last (default: follow on a terminal only)",
  });

  async run(io: Terminal): Promise<number> {
    const filter = this.filter();
    const most = countOf(this.count);
    const walDir = await existingWalDir(this.dir, io.env);
    const why = new Why(this.dir);
    // Of the log's own book-keeping there may be more than of anything else; whoever wants it asks for it whole.
    const isShown = ({ value }: StoredRecord): boolean =>
      isWanted(value, filter) && (io.isJson || value.type !== "checkpoint");
    const { records, lastSeq, fromSeq } = await lastRecords(walDir, most, isShown, ({ value }) => why.take(value));
    if (!io.isJson && records.some(({ value }) => why.lacks(value))) await takeBefore(why, walDir, fromSeq);
    for (const record of records) await print(io, why, record);
    if (!(this.follow ?? io.isTerminal)) return exits.ok;
    await io.untilInterrupted(async (signal) => {
      for await (const record of tailRecords(walDir, { fromSeq: lastSeq + 1, signal })) {
        why.take(record.value);
        if (isShown(record)) await print(io, why, record);
      }
    });
    return exits.ok;
  }
}

/** The policies that judged the records of the end may have come into force long before. */
async function takeBefore(why: Why, walDir: string, fromSeq: number): Promise<void> {
  for await (const { seq, value } of readRecords(walDir)) {
    if (seq >= fromSeq) return;
    why.take(value);
  }
}

/** As JSON the bytes that are stored, so that their hash can be checked; a terminal gets what cannot be seen as escapes. */
async function print(io: Terminal, why: Why, { value, line }: StoredRecord): Promise<void> {
  if (io.isJson) io.raw(`${storedText(io, line)}\n`);
  else io.line(recordLine(io, value, await why.of(value)));
  await io.flush();
}

export function storedText(io: Terminal, line: Uint8Array): string {
  const text = Buffer.from(line).toString("utf8");
  return io.isTerminal ? visibleJson(text) : text;
}

function countOf(text: string | undefined): number {
  if (text === undefined) return tailRecordsDefault;
  const count = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (count >= 0 && count <= tailRecordsMax) return count;
  throw new Stop(`-n is a number from 0 to ${tailRecordsMax}`, undefined, exits.usage);
}

export class AuditLsCommand extends AuditListCommand {
  static override paths = [["audit", "ls"]];
  static override usage = Command.Usage({
    category,
    description: "print all records, oldest first",
    details: "Exit codes: 0, 1 there is no log.",
    examples: [["Everything that one agent did today", "faramesh audit ls --agent support-bot --since 24h"]],
  });

  async run(io: Terminal): Promise<number> {
    const filter = this.filter();
    const walDir = await existingWalDir(this.dir, io.env);
    const why = new Why(this.dir);
    let count = 0;
    for await (const record of recordsOf(io, walDir)) {
      const { value, line } = record;
      why.take(value);
      if (!isWanted(value, filter)) continue;
      if (io.gone) return exits.ok;
      if (io.isJson) io.raw(`${count === 0 ? '{"records":[' : ","}\n${storedText(io, line)}`);
      else await print(io, why, record);
      count++;
      await io.flush();
    }
    if (io.isJson) io.raw(count === 0 ? '{"records":[]}\n' : "\n]}\n");
    else if (count === 0) io.note("no record fits");
    return exits.ok;
  }
}
