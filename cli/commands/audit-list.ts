// `faramesh audit tail` and `audit ls`: the log as lines, its end and what is added, or all of it. Reads files alone: works
// without a daemon, while one writes, and on a read-only copy.
import { Command, Option } from "clipanion";
import type { JsonObject } from "../../runtime/json.ts";
import { readRecords, tailRecords } from "../../runtime/log/read.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { checkedFilter, isWanted, type RecordFilter, recordLine } from "../records.ts";
import { jsonText } from "../render.ts";
import { windowStart } from "../span.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";
import { Why } from "../why.ts";

const tailRecordsDefault = 20;
const tailRecordsMax = 100_000;
const category = "Log";

abstract class AuditListCommand extends FarameshCommand {
  readonly effect = Option.String("--effect", {
    description: "permit, deny or defer; in audit mode also what would have been",
  });
  readonly agent = Option.String("--agent", { description: "calls of this agent" });
  readonly tool = Option.String("--tool", { description: "calls of this tool" });
  readonly since = Option.String("--since", { description: "24h, 7d, or 2026-05-17T19:30:00Z" });

  filter(): RecordFilter {
    const since = this.since === undefined ? undefined : windowStart(this.since).time;
    return checkedFilter({ effect: this.effect, agent: this.agent, tool: this.tool, since });
  }
}

export class AuditTailCommand extends AuditListCommand {
  static override paths = [["audit", "tail"]];
  static override usage = Command.Usage({
    category,
    description: "print the last records, then each new one",
    details: "With --format json one record a line. Ctrl-C stops. Exit codes: 0, 1 there is no log.",
    examples: [
      ["Watch what is denied", "faramesh audit tail --effect deny"],
      ["The last five and no more", "faramesh audit tail -n 5 --no-follow"],
    ],
  });
  readonly count = Option.String("-n,--lines", {
    description: `how many records to begin with (default ${tailRecordsDefault})`,
  });
  readonly noFollow = Option.Boolean("--no-follow", false, { description: "end after the last record" });

  async run(io: Terminal): Promise<number> {
    const filter = this.filter();
    const most = countOf(this.count);
    const walDir = await existingWalDir(this.dir, io.env);
    const why = new Why(this.dir);
    const last: JsonObject[] = [];
    let seq = 0;
    for await (const record of readRecords(walDir)) {
      seq = record.seq;
      why.take(record.value);
      if (!isWanted(record.value, filter)) continue;
      last.push(record.value);
      if (last.length > most) last.shift();
    }
    for (const record of last) await print(io, why, record);
    if (this.noFollow) return exits.ok;
    await io.untilInterrupted(async (signal) => {
      for await (const record of tailRecords(walDir, { fromSeq: seq + 1, signal })) {
        why.take(record.value);
        if (isWanted(record.value, filter)) await print(io, why, record.value);
      }
    });
    return exits.ok;
  }
}

async function print(io: Terminal, why: Why, record: JsonObject): Promise<void> {
  if (io.isJson) io.json(record, 0);
  else io.line(recordLine(io, record, await why.of(record)));
  await io.flush();
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
    for await (const { value } of readRecords(walDir)) {
      why.take(value);
      if (!isWanted(value, filter)) continue;
      if (io.gone) return exits.ok;
      if (io.isJson) io.raw(`${count === 0 ? '{"records":[' : ","}\n${jsonText(value, 0)}`);
      else await print(io, why, value);
      count++;
      await io.flush();
    }
    if (io.isJson) io.raw(count === 0 ? '{"records":[]}\n' : "\n]}\n");
    else if (count === 0) io.note("no record fits");
    return exits.ok;
  }
}
