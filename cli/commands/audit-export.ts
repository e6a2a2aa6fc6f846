// `faramesh audit export`: the log for other tools: lines, one JSON, CSV, or as a tiled transparency log. Records as they are
// stored; it reads files alone, and writes only where it is told to.
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { nodeDisk } from "../../runtime/disk.ts";
import { exportTiles } from "../../runtime/log/export-tiles.ts";
import { defaultLimits } from "../../runtime/query/duck.ts";
import { openLog } from "../../runtime/query/open-log.ts";
import { writeParquet } from "../../runtime/query/parquet-file.ts";
import { csvColumns, csvRow, recordRow } from "../csv.ts";
import { exits, Stop } from "../exit.ts";
import { isOfDecisions, isWanted } from "../records.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";
import { recordsOf } from "../whole-log.ts";
import { AuditListCommand } from "./audit-list.ts";

/** All of a long log is written, which takes longer than a question may. */
const exportLimits = { ...defaultLimits, timeoutMs: 3_600_000 };

export class AuditExportCommand extends AuditListCommand {
  static override paths = [["audit", "export"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "the log for other tools",
    details:
      "--format jsonl (the default), json, csv; with --out parquet (zstd, the columns of all records, --since alone), or tlog-tiles: checkpoint, tiles and entry bundles, for other people's checks. In CSV a cell that a spreadsheet would run has an apostrophe before it. Exit codes: 0, 1 there is no log, 5 the log is broken.",
    examples: [
      [
        "Denials of a week, for a spreadsheet",
        "faramesh audit export --format csv --effect deny --since 7d > denied.csv",
      ],
      ["A tiled log", "faramesh audit export --format tlog-tiles --out published"],
    ],
  });
  override readonly otherFormats = ["jsonl", "csv", "parquet", "tlog-tiles"];
  readonly out = Option.String("--out", {
    description: "tlog-tiles: a folder that is new or empty; parquet: a file that is not there yet",
  });

  async run(io: Terminal): Promise<number> {
    const format = this.formatOption === "text" ? "jsonl" : this.formatOption;
    if ((format === "tlog-tiles" || format === "parquet") !== (this.out !== undefined)) {
      throw new Stop("--out goes with --format tlog-tiles or parquet, and they with it", undefined, exits.usage);
    }
    const filter = this.filter();
    const walDir = await existingWalDir(this.dir, io.env);
    if (this.out !== undefined && format === "parquet") {
      if (isOfDecisions(filter)) {
        throw new Stop(
          "parquet takes --since and no other filter",
          "see: faramesh audit query --format parquet",
          exits.usage,
        );
      }
      return this.#parquet(io, walDir, resolve(this.dir, this.out), filter.since);
    }
    if (this.out !== undefined && (filter.since !== undefined || isOfDecisions(filter))) {
      throw new Stop("a tiled log is exported whole: it takes no filter", undefined, exits.usage);
    }
    if (this.out !== undefined) return this.#tiles(io, walDir, resolve(this.dir, this.out));
    if (format === "csv") io.raw(csvRow(csvColumns));
    let count = 0;
    for await (const { value, line } of recordsOf(io, walDir)) {
      if (!isWanted(value, filter)) continue;
      if (io.gone) return exits.ok;
      const text = Buffer.from(line).toString("utf8");
      if (format === "csv") io.raw(recordRow(value));
      else if (format === "json") io.raw(`${count === 0 ? '{"records":[' : ","}\n${text}`);
      else io.raw(`${text}\n`);
      count++;
      await io.flush();
    }
    if (format === "json") io.raw(count === 0 ? '{"records":[]}\n' : "\n]}\n");
    return exits.ok;
  }

  async #parquet(io: Terminal, walDir: string, out: string, since: string | undefined): Promise<number> {
    await writeParquet(out, async (file) => {
      await io.untilInterrupted(async (signal) => {
        const log = await openLog(walDir, { limits: exportLimits, period: { since }, out: file });
        try {
          await log.duck.writeAll({ since }, file, signal);
        } finally {
          log.close();
        }
      });
    });
    io.note(`written: ${visible(out)}`);
    return exits.ok;
  }

  async #tiles(io: Terminal, walDir: string, out: string): Promise<number> {
    nodeDisk.makeDirectory(out);
    if (readdirSync(out).length > 0) throw new Stop(`${visible(out)} is not empty`);
    const size = await exportTiles(nodeDisk, walDir, out, recordsOf(io, walDir));
    io.note(`${size} records, with tiles and checkpoint, in ${visible(out)}`);
    return exits.ok;
  }
}
