// `faramesh audit compact`: the oldest records go, first into Parquet archives unless nobody wants them. The daemon removes and
// signs; this command asks it, writes archives, and removes nothing itself.
import { Command, Option } from "clipanion";
import { nodeDisk } from "../../runtime/disk.ts";
import { askOperator, NotRunning } from "../../runtime/doors/client.ts";
import type { OperatorRequest } from "../../runtime/doors/protocol.ts";
import type { PrunedView } from "../../runtime/doors/views.ts";
import { secondsOf } from "../../runtime/duration.ts";
import { readLogId } from "../../runtime/log/identity.ts";
import type { ArchiveName } from "../../runtime/log/prune-record.ts";
import { recordAt } from "../../runtime/log/record-at.ts";
import { listSegments } from "../../runtime/log/segments.ts";
import { actorName } from "../actor.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { openProgress } from "../progress.ts";
import { countText, numberText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir } from "../wal.ts";

const sizeUnits: Readonly<Record<string, number>> = { mb: 1024 ** 2, gb: 1024 ** 3, tb: 1024 ** 4 };

/** All that is removed is read again before. */
const pruneTimeoutMs = 600_000;

/** Each prune takes so many segments at most; more than this is asked for again. */
const roundsMax = 1000;

export class AuditCompactCommand extends FarameshCommand {
  static override paths = [["audit", "compact"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "archive the oldest records as Parquet and remove them from the log",
    details:
      "Whole sealed segments go, and never what a start from the last two snapshots reads. Archives lie in the log's archive/, hold each line as it was stored, and are asked by audit query and stats. Tiles stay: roots and proofs still hold. Needs the daemon, and for archives the package @duckdb/node-api. Exit codes: 0, 1 nothing was removed for want of a daemon, 5 the log is broken.",
    examples: [
      ["Keep 90 days in the log", "faramesh audit compact --keep 90d"],
      ["What would go", "faramesh audit compact --keep-size 10gb --dry-run"],
      ["Forget what is older than a year", "faramesh audit compact --keep 365d --no-archive"],
    ],
  });
  readonly keep = Option.String("--keep", { description: "records of this long stay: 90d" });
  readonly keepSize = Option.String("--keep-size", { description: "segments of this size stay: 10gb" });
  readonly noArchive = Option.Boolean("--no-archive", false, { description: "nobody keeps what goes" });
  readonly dryRun = Option.Boolean("--dry-run", false, { description: "say what would go" });
  readonly reason = Option.String("--reason", { description: "for the record" });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
    const asked = this.#asked(io);
    const archives: ArchiveName[] = [];
    const removed: PrunedView[] = [];
    for (let round = 0; round < roundsMax; round++) {
      const { pruned: plan } = await this.#ask({ ...asked, dry_run: true });
      if (plan === null) break;
      if (this.dryRun) {
        removed.push(plan);
        break;
      }
      const files = this.noArchive ? null : await archiveAll(io, walDir, plan);
      const more = files === null ? {} : { archive: files };
      const { pruned } = await this.#ask({ ...asked, from_seq: plan.first_kept, ...more });
      if (pruned === null) break;
      archives.push(...(files ?? []));
      removed.push(pruned);
    }
    tell(io, removed, archives, this.dryRun, !this.noArchive);
    return exits.ok;
  }

  #asked(io: Terminal): OperatorRequest<"prune"> {
    const { keep, keepSize, reason } = this;
    const seconds = keep === undefined ? undefined : secondsOf(keep);
    if (seconds === null) throw badOption("--keep", keep, "90d");
    return {
      actor: actorName(io.env),
      ...(seconds === undefined ? {} : { keep_seconds: seconds }),
      ...(keepSize === undefined ? {} : { keep_bytes: bytesOf(keepSize) }),
      ...(reason === undefined ? {} : { reason }),
    };
  }

  async #ask(request: OperatorRequest<"prune">): Promise<{ readonly pruned: PrunedView | null }> {
    try {
      return await askOperator(this.dir, "prune", request, { timeoutMs: pruneTimeoutMs });
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
      throw new Stop("the daemon alone removes records, and it does not run", "faramesh apply starts it");
    }
  }
}

/** Each segment that goes becomes an archive; the names in their order. */
async function archiveAll(io: Terminal, walDir: string, plan: PrunedView): Promise<ArchiveName[]> {
  const [{ archiveSegment }, { defaultLimits }] = await Promise.all([
    import("../../runtime/query/archive-segment.ts"),
    import("../../runtime/query/duck.ts"),
  ]);
  const logId = readLogId(nodeDisk, walDir) ?? "";
  const listed = listSegments(nodeDisk, walDir);
  const files: ArchiveName[] = [];
  const progress = await openProgress(io, "archiving");
  try {
    await io.untilInterrupted(async (signal) => {
      for (const name of plan.segments) {
        const at = listed.findIndex((one) => one.name === name);
        const [segment, next] = [listed[at], listed[at + 1]];
        const nextSeq = next === undefined ? undefined : recordAt(nodeDisk, next, 0)?.seq;
        if (segment === undefined || typeof nextSeq !== "number") {
          throw new Stop(`${name} is not in the log any more`, "somebody else prunes it: ask again");
        }
        files.push(await archiveSegment(nodeDisk, walDir, logId, segment, nextSeq - 1, defaultLimits, signal));
        progress.update(files.length, plan.segments.length, name);
      }
    });
  } finally {
    progress.stop();
  }
  return files;
}

function tell(
  io: Terminal,
  removed: readonly PrunedView[],
  archives: readonly ArchiveName[],
  isPlan: boolean,
  isArchived: boolean,
): void {
  const [first, last] = [removed[0], removed.at(-1)];
  const bytes = removed.reduce((total, one) => total + one.bytes, 0);
  const segments = removed.flatMap((one) => one.segments);
  const view = { first_seq: first?.first_seq ?? null, first_kept: last?.first_kept ?? null, bytes, segments };
  io.json({
    ...view,
    dry_run: isPlan,
    prune_records: removed.flatMap(({ seq }) => (seq === null ? [] : [seq])),
    archives,
  });
  if (io.isJson) return;
  if (first === undefined || last === undefined) {
    io.say("nothing to remove: the rest is asked for, or needed by the next start");
    return;
  }
  const records = `records ${numberText(first.first_seq)} to ${numberText(last.first_kept - 1)}`;
  const size = `${countText(segments.length, "segment")}, ${megabytes(bytes)}`;
  if (isPlan) {
    io.line(`would remove ${records}: ${size}`);
    return;
  }
  io.say(`${io.paint.green("✓")} removed ${records}: ${size}`);
  if (isArchived) io.say(`${io.paint.green("✓")} kept in ${countText(archives.length, "archive")} under archive/`);
  for (const { seq } of removed) if (seq !== null) io.say(`  recorded and signed: record ${numberText(seq)}`);
}

function megabytes(bytes: number): string {
  const count = bytes / 1024 ** 2;
  return `${numberText(count < 10 ? Math.ceil(count * 10) / 10 : Math.round(count))} MB`;
}

function bytesOf(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})(mb|gb|tb)$/i.exec(text) ?? [];
  const bytes = Number(count) * (sizeUnits[unit.toLowerCase()] ?? 0);
  if (bytes > 0) return bytes;
  throw badOption("--keep-size", text, "10gb");
}

function badOption(option: string, text: string | undefined, example: string): Stop {
  return new Stop(
    `${option} \`${visible(text ?? "")}\` cannot be read`,
    `for instance: ${option} ${example}`,
    exits.usage,
  );
}
