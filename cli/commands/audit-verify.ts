// `faramesh audit verify`: whether the log is as it was written, and what that does not prove. It reads only, and says
// honestly what it did not check.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "clipanion";
import { systemClock } from "../../runtime/clock.ts";
import { type VerifyCheck, type VerifyFault, type VerifyReport, verifyLog } from "../../runtime/log/verify.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { openProgress } from "../progress.ts";
import { countText, durationText, numberText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir, holdsLog, isEmptyLog } from "../wal.ts";

const holds: Readonly<Record<VerifyCheck["name"], string>> = {
  files: "files complete",
  chain: "hash chain intact",
  tail: "tail whole",
  head: "nothing acknowledged is missing",
  policy: "each decision under the policy then in force",
};

const fails: Readonly<Record<VerifyCheck["name"], string>> = {
  files: "files",
  chain: "hash chain broken",
  tail: "tail",
  head: "what was acknowledged",
  policy: "policy",
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
      ["A bare copy of a log", "faramesh audit verify --wal /backup/faramesh-wal"],
    ],
  });

  readonly wal = Option.String("--wal", { description: "the log's own directory, wherever it lies" });

  async run(io: Terminal): Promise<number> {
    const walDir = this.wal === undefined ? await existingWalDir(this.dir, io.env) : namedWalDir(this.wal);
    const progress = await openProgress(io, "verifying");
    const begunUs = systemClock.now().wallUs;
    let report: VerifyReport;
    try {
      report = await verifyLog(walDir, {
        onProgress: (records, bytes, totalBytes) => {
          const seconds = (systemClock.now().wallUs - begunUs) / 1_000_000;
          const speed = seconds > 0 ? `, ${numberText(Math.round(records / seconds))} a second` : "";
          progress.update(bytes, totalBytes, countText(records, "record") + speed);
        },
      });
    } finally {
      progress.stop();
    }
    const { ok, logId, records, segments, lastSeq, checks, fault, notChecked, unanchored } = report;
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
    });
    if (!io.isJson) tell(io, report, existsSync(walDir) && ok && isEmptyLog(walDir));
    return ok ? exits.ok : exits.logBroken;
  }
}

/** Throws Stop where it holds no log. */
function namedWalDir(name: string): string {
  const walDir = resolve(name);
  if (holdsLog(walDir)) return walDir;
  throw new Stop(`there is no log at ${visible(walDir)}`, "--wal names the directory that holds 00000001.wal");
}

function tell(io: Terminal, report: VerifyReport, isEmpty: boolean): void {
  const { ok, records, checks, fault, notChecked, unanchored } = report;
  const [tick, cross] = [io.paint.green("✓"), io.paint.red("✗")];
  io.line(`${ok ? tick : cross} ${countText(records, "record")}${isEmpty ? ": nothing was recorded yet" : ""}`);
  for (const check of checks) {
    if (check.ok === false) io.line(`${cross} ${fails[check.name]}: ${visible(check.detail)}`);
    else if (check.ok === null) io.line(`– ${holds[check.name]}: ${visible(check.detail)}`);
    else io.line(`${tick} ${holds[check.name]}`);
  }
  if (fault !== undefined) for (const line of faultLines(fault)) io.line(line);
  for (const text of notChecked) io.line(`  not checked: ${visible(text)}`);
  io.line(`  unanchored tail: ${countText(unanchored.records, "record")}, ${durationText(unanchored.seconds)}`);
  io.line(ok ? "audit chain verified" : io.paint.red("the log is not as it was written"));
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
