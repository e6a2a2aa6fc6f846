// `faramesh audit verify`: whether the log is as it was written, and what that does not prove. It reads only, and says
// honestly what it did not check.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { formatTime, systemClock } from "../../runtime/clock.ts";
import { canonicalJson, parseJson } from "../../runtime/json.ts";
import { KeyTimeline } from "../../runtime/log/key-timeline.ts";
import type { VerifierKey } from "../../runtime/log/note.ts";
import { provesEntry } from "../../runtime/log/proof-file.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import type { VerifyCheck, VerifyFault, VerifyReport } from "../../runtime/log/verify-report.ts";
import { stackPaths } from "../../runtime/stack.ts";
import type { VerifyReplayReport } from "../../runtime/verify-replay.ts";
import { pinnedKeys, readAnchor, readProof } from "../anchors.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { openProgress } from "../progress.ts";
import { countText, durationText, numberText, visible, visibleJson } from "../render.ts";
import { holdsAgain, judgeAgain, replayView, tellReplay } from "../replay-again.ts";
import { momentOf } from "../span.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir, holdsLog, isEmptyLog } from "../wal.ts";

const holds: Readonly<Record<VerifyCheck["name"], string>> = {
  files: "files complete",
  chain: "hash chain intact",
  tail: "tail whole",
  head: "nothing acknowledged is missing",
  policy: "each decision under the policy then in force",
  checkpoint: "checkpoints fit the records",
  signature: "signed by a pinned key",
  tiles: "tiles fit the records",
  pruned: "what was pruned is recorded and signed",
  against: "holds what was kept outside",
};

const fails: Readonly<Record<VerifyCheck["name"], string>> = {
  files: "files",
  chain: "hash chain broken",
  tail: "tail",
  head: "what was acknowledged",
  policy: "policy",
  checkpoint: "checkpoint",
  signature: "signature",
  tiles: "tiles",
  pruned: "removed records",
  against: "what was kept outside",
};

export class AuditVerifyCommand extends FarameshCommand {
  static override paths = [["audit", "verify"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "check that the log is as it was written",
    details:
      "Works without a daemon, while one writes, and on a copy. Exit codes: 0 verified, 1 there is no log, 5 the log is broken.",
    examples: [
      ["A copy of a stack", "faramesh audit verify --dir /backup/stack"],
      ["A bare copy of a log", "faramesh audit verify --wal /backup/faramesh-wal --vkey faramesh.vkey"],
      ["Nothing up to a receipt was changed or taken away", "faramesh audit verify --against receipt.json"],
      ["And each decision comes out again as it was recorded", "faramesh audit verify --replay"],
      ["One record, without the log", "faramesh audit verify --proof refund.tlog-proof"],
    ],
  });

  readonly vkey = Option.String("--vkey", { description: "a file with the keys to trust (default: faramesh.vkey)" });
  readonly against = Option.Array("--against", [], { description: "a receipt or checkpoint kept outside the log" });
  readonly proof = Option.String("--proof", { description: "check one record's proof instead of the log" });
  readonly from = Option.String("--from", { description: "count the records from this moment: 2026-05-17T19:30:00Z" });
  readonly to = Option.String("--to", { description: "and before this one" });
  readonly replay = Option.Boolean("--replay", false, {
    description: "judge each decision again by the policy and the machine that the log names",
  });
  readonly wal = Option.String("--wal", { description: "the log's own directory, wherever it lies" });

  /** Files are named from the stack's folder. */
  #path(file: string): string {
    return resolve(this.dir, file);
  }

  #pinned(dir: string | null): readonly VerifierKey[] | null {
    return pinnedKeys(this.vkey === undefined ? undefined : this.#path(this.vkey), dir);
  }

  async run(io: Terminal): Promise<number> {
    if (this.proof !== undefined) return verifyProof(io, this.#path(this.proof), this.#pinned(this.dir));
    const period = periodOf(this.from, this.to);
    // A bare log may be anybody's: the keys of this folder would be the wrong ones.
    const pinned = this.#pinned(this.wal === undefined ? this.dir : null);
    const against = this.against.map((file) => readAnchor(this.#path(file)));
    const walDir = this.wal === undefined ? await existingWalDir(this.dir, io.env) : namedWalDir(this.wal);
    const progress = await openProgress(io, "verifying");
    const begunUs = systemClock.now().wallUs;
    let report: VerifyReport;
    try {
      report = await verifyLog(walDir, {
        pinned,
        against,
        ...period,
        onProgress: (records, bytes, totalBytes) => {
          const seconds = (systemClock.now().wallUs - begunUs) / 1_000_000;
          const speed = seconds > 0 ? `, ${numberText(Math.round(records / seconds))} a second` : "";
          progress.update(bytes, totalBytes, countText(records, "record") + speed);
        },
      });
    } finally {
      progress.stop();
    }
    const { logId, records, segments, lastSeq, checks, fault, notChecked, unanchored } = report;
    // Of a log that is broken nothing can be judged from.
    const again = this.replay && report.ok ? await judgeAgain(io, walDir, stackPaths(this.dir).policies, period) : null;
    const ok = report.ok && (again === null || holdsAgain(again));
    io.json({
      ok,
      wal_dir: walDir,
      log_id: logId,
      records,
      segments,
      last_seq: lastSeq,
      checks,
      fault: fault ?? null,
      not_checked: notChecked,
      unanchored,
      signed_records: report.signedRecords,
      gaps: report.gaps,
      notes: report.notes,
      period: periodView(report),
      pruned: report.pruned,
      replay: again === null ? null : replayView(again),
    });
    if (!io.isJson) tell(io, report, existsSync(walDir) && ok && isEmptyLog(walDir), again);
    return ok ? exits.ok : exits.logBroken;
  }
}

/** RFC 3339 in UTC, as records have it. Throws Stop for a moment that could be read in two ways. */
function periodOf(from: string | undefined, to: string | undefined): { readonly from?: string; readonly to?: string } {
  const moment = (option: string, text: string): string => {
    const us = momentOf(text);
    if (us !== null) return formatTime(us);
    const help = "a whole date and time in UTC: 2026-05-17T19:30:00Z";
    throw new Stop(`${option} \`${visible(text)}\` is no moment`, help, exits.usage);
  };
  return {
    ...(from === undefined ? {} : { from: moment("--from", from) }),
    ...(to === undefined ? {} : { to: moment("--to", to) }),
  };
}

function periodView({ period }: VerifyReport): object | null {
  if (period === null) return null;
  return { records: period.records, first_seq: period.firstSeq, last_seq: period.lastSeq };
}

/** One record without its log. */
function verifyProof(io: Terminal, path: string, pinned: readonly VerifierKey[] | null): number {
  const proof = readProof(path);
  const { origin, size } = proof.checkpoint;
  const isIncluded = provesEntry(proof);
  const timeline = new KeyTimeline(origin, pinned ?? []);
  const judged = timeline.hasKeys ? timeline.judge(proof.note, size) : null;
  const isSigned = judged?.kind === "good";
  const ok = isIncluded && isSigned;
  const parsed = parseJson(proof.entry);
  const record = parsed.ok ? parsed.value : null;
  const seq = proof.index + 1;
  io.json({ ok, seq, included: isIncluded, signed: isSigned, origin, size, record });
  if (io.isJson) return ok ? exits.ok : exits.logBroken;
  const line = (holds: boolean, text: string): void =>
    io.line(`${holds ? io.paint.green("✓") : io.paint.red("✗")} ${text}`);
  line(isIncluded, `record ${seq} is ${isIncluded ? "" : "not "}in the log ${visible(origin)} of ${size} records`);
  const lack = timeline.hasKeys ? "not signed by a pinned key" : "not checked who signed: no key of this log is pinned";
  line(isSigned, isSigned ? "signed by a pinned key" : lack);
  if (record !== null) io.line(visibleJson(canonicalJson(record)));
  return ok ? exits.ok : exits.logBroken;
}

/** Throws Stop where it holds no log. */
function namedWalDir(name: string): string {
  const walDir = resolve(name);
  if (holdsLog(walDir)) return walDir;
  throw new Stop(`there is no log at ${visible(walDir)}`, "--wal names the directory that holds 00000001.wal");
}

function tell(io: Terminal, report: VerifyReport, isEmpty: boolean, again: VerifyReplayReport | null): void {
  const { ok, records, checks, fault, notChecked, unanchored, gaps, notes, period } = report;
  const [tick, cross] = [io.paint.green("✓"), io.paint.red("✗")];
  io.line(`${ok ? tick : cross} ${countText(records, "record")}${isEmpty ? ": nothing was recorded yet" : ""}`);
  for (const check of checks) {
    if (check.ok === false) io.line(`${cross} ${fails[check.name]}: ${visible(check.detail)}`);
    else if (check.ok === null) io.line(`– ${holds[check.name]}: ${visible(check.detail)}`);
    else io.line(`${tick} ${holds[check.name]}`);
  }
  if (fault !== undefined) for (const line of faultLines(fault)) io.line(line);
  for (const text of [...gaps, ...notes]) io.line(`  ${io.paint.yellow(visible(text))}`);
  if (period !== null) io.line(`  in the time asked for: ${countText(period.records, "record")}${range(period)}`);
  for (const text of notChecked) io.line(`  not checked: ${visible(text)}`);
  io.line(`  unanchored tail: ${countText(unanchored.records, "record")}, ${durationText(unanchored.seconds)}`);
  if (again !== null) tellReplay(io, again);
  io.line(ok ? "audit chain verified" : io.paint.red("the log is not as it was written"));
}

function range({ firstSeq, lastSeq }: NonNullable<VerifyReport["period"]>): string {
  return firstSeq === null || lastSeq === null ? "" : `, ${numberText(firstSeq)} to ${numberText(lastSeq)}`;
}

function faultLines(fault: VerifyFault): string[] {
  const { file, offset, seq, id, field, expected, found } = fault;
  return [
    `  file ${visible(file)}, offset ${offset}, seq ${seq}${id === null ? "" : `, ${visible(id)}`}`,
    `  field ${visible(field)}`,
    `  expected ${visible(expected)}`,
    `  found    ${visible(found)}`,
  ];
}
