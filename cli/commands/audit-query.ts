// `faramesh audit query`: one question in SQL over the log and its archives. It reads files alone, and writes only the one file
// that it is told to.
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { secondsOf } from "../../runtime/duration.ts";
import type { Json } from "../../runtime/json.ts";
import { type Answer, defaultLimits, type Limits } from "../../runtime/query/duck.ts";
import { type OpenedLog, openLog } from "../../runtime/query/open-log.ts";
import { writeParquet } from "../../runtime/query/parquet-file.ts";
import { cellText, plain } from "../../runtime/query/values.ts";
import type { Period } from "../../runtime/query/view-sql.ts";
import { FarameshCommand } from "../context.ts";
import { csvRow } from "../csv.ts";
import { exits, Stop } from "../exit.ts";
import { jsonText, visible } from "../render.ts";
import { windowStart } from "../span.ts";
import { table, tableRowsMax } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";

const timeoutMaxSeconds = 24 * 3600;
const memoryUnits: Readonly<Record<string, number>> = { mb: 1024 ** 2, gb: 1024 ** 3 };
const numeric = /^(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)$/;

/** What questions share: the log, the time that is asked about, what an answer may take. */
export abstract class AuditQuestionCommand extends FarameshCommand {
  readonly since = Option.String("--since", { description: "24h, 7d, or 2026-05-17T19:30:00Z" });
  readonly until = Option.String("--until", { description: "and before this: 1h (ago), or 2026-05-17T19:30:00Z" });
  readonly archive = Option.Array("--archive", [], {
    description: "a folder with Parquet archives of this log, besides its own",
  });
  readonly timeout = Option.String("--timeout", { description: "give up after this long (default 60s)" });
  readonly memory = Option.String("--memory", { description: "memory an answer may take (default 1gb)" });

  get period(): Period {
    const since = this.since === undefined ? undefined : windowStart(this.since).time;
    const until = this.until === undefined ? undefined : windowStart(this.until, "--until").time;
    if (since !== undefined && until !== undefined && since >= until) {
      throw new Stop("--since lies behind --until: nothing is between them", undefined, exits.usage);
    }
    return { since, until };
  }

  get limits(): Limits {
    return {
      timeoutMs: this.timeout === undefined ? defaultLimits.timeoutMs : timeoutOf(this.timeout),
      memoryBytes: this.memory === undefined ? defaultLimits.memoryBytes : memoryOf(this.memory),
    };
  }

  /** Opens the log, does the work until somebody interrupts it, and leaves nothing behind. */
  async onLog(
    io: Terminal,
    out: string | undefined,
    work: (log: OpenedLog, signal: AbortSignal) => Promise<void>,
  ): Promise<number> {
    const { limits, period } = this;
    const archives = this.archive.map((folder) => resolve(this.dir, folder));
    const walDir = await existingWalDir(this.dir, io.env);
    await io.untilInterrupted(async (signal) => {
      const log = await openLog(walDir, { limits, period, archives, ...(out === undefined ? {} : { out }) });
      try {
        await work(log, signal);
      } catch (error) {
        // Who went away wants no words.
        if (!io.gone) throw error;
      } finally {
        log.close();
      }
    });
    return exits.ok;
  }
}

export class AuditQueryCommand extends AuditQuestionCommand {
  static override paths = [["audit", "query"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "ask the log in SQL",
    details:
      "One SELECT over the tables decisions, outcomes, approvals, policies, costs, grants, phases, agents, marks and records; `describe decisions` lists columns. --format text, json, csv, or parquet with --out. Works while a daemon writes, on copies and on read-only media. Needs the package @duckdb/node-api. Exit codes: 0, 1 there is no log or no answer, 5 the log is broken.",
    examples: [
      [
        "What is denied most",
        "faramesh audit query \"select tool, code, count(*) from decisions where effect = 'deny' group by all order by 3 desc\"",
      ],
      [
        "Yesterday's calls, for another tool",
        "faramesh audit query --since 48h --until 24h --format parquet --out calls.parquet 'from decisions'",
      ],
    ],
  });
  override readonly otherFormats = ["csv", "parquet"];
  readonly out = Option.String("--out", { description: "parquet: a file that is not there yet" });
  readonly sql = Option.String({ required: true, name: "sql" });

  async run(io: Terminal): Promise<number> {
    const isParquet = this.formatOption === "parquet";
    if (isParquet !== (this.out !== undefined)) {
      throw new Stop("--out goes with --format parquet, and that with it", undefined, exits.usage);
    }
    if (this.out === undefined) {
      return this.onLog(io, undefined, async ({ duck }, signal) => this.#print(io, await duck.ask(this.sql, signal)));
    }
    const out = resolve(this.dir, this.out);
    await writeParquet(out, async (file) => {
      await this.onLog(io, file, ({ duck }, signal) => duck.write(this.sql, file, signal));
    });
    io.note(`written: ${visible(out)}`);
    return exits.ok;
  }

  #print(io: Terminal, answer: Answer): Promise<void> {
    if (io.isJson) return printJson(io, answer);
    return this.formatOption === "csv" ? printCsv(io, answer) : printTable(io, answer);
  }
}

async function printJson(io: Terminal, { names, types, rows }: Answer): Promise<void> {
  const columns = names.map((name, i) => ({ name, type: types[i] ?? "" }));
  let count = 0;
  for await (const chunk of rows()) {
    if (count === 0 && chunk.length > 0) io.raw(`{"columns":${jsonText(columns, 0)},"rows":[`);
    for (const row of chunk) {
      const members = row.map((value, i): [string, Json] => [names[i] ?? "", plain(value, types[i] ?? "")]);
      // Not by assignment: a column may have any name.
      io.raw(`${count++ === 0 ? "\n" : ",\n"}${jsonText(Object.fromEntries(members), 0)}`);
    }
    await io.flush();
    if (io.gone) return;
  }
  io.raw(count === 0 ? `{"columns":${jsonText(columns, 0)},"rows":[]}\n` : "\n]}\n");
}

async function printCsv(io: Terminal, { names, types, rows }: Answer): Promise<void> {
  let isBegun = false;
  for await (const chunk of rows()) {
    if (!isBegun) io.raw(csvRow(names));
    isBegun = true;
    for (const row of chunk) io.raw(csvRow(row.map((value, i) => cellText(value, types[i] ?? ""))));
    await io.flush();
    if (io.gone) return;
  }
  if (!isBegun) io.raw(csvRow(names));
}

async function printTable(io: Terminal, { names, types, rows }: Answer): Promise<void> {
  const found: (readonly string[])[] = [];
  let isMore = false;
  for await (const chunk of rows()) {
    for (const row of chunk) {
      if (found.length < tableRowsMax) found.push(row.map((value, i) => cellText(value, types[i] ?? "")));
      else isMore = true;
    }
    if (isMore) break;
  }
  for (const line of table(
    names,
    found,
    types.map((type) => numeric.test(type)),
    isMore ? null : 0,
  ))
    io.line(line);
  if (found.length === 0) io.note("no rows");
}

function timeoutOf(text: string): number {
  const seconds = secondsOf(text);
  if (seconds !== null && seconds <= timeoutMaxSeconds) return seconds * 1000;
  throw new Stop(`--timeout \`${visible(text)}\` is no time up to a day`, "for instance: --timeout 5m", exits.usage);
}

function memoryOf(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})(mb|gb)$/i.exec(text) ?? [];
  const bytes = Number(count) * (memoryUnits[unit.toLowerCase()] ?? 0);
  if (bytes > 0) return bytes;
  throw new Stop(`--memory \`${visible(text)}\` is no size`, "for instance: --memory 512mb, --memory 4gb", exits.usage);
}
