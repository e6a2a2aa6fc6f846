// `faramesh audit verify`: whether the log is as it was written, and what that does not prove. It reads only, and says
// honestly what it did not check.
import { existsSync } from "node:fs";
import { Command } from "clipanion";
import { systemClock } from "../../runtime/clock.ts";
import { type VerifyCheck, type VerifyFault, type VerifyReport, verifyLog } from "../../runtime/log/verify.ts";
import { FarameshCommand } from "../context.ts";
import { exits } from "../exit.ts";
import { openProgress } from "../progress.ts";
import { countText, durationText, numberText, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";
import { existingWalDir, isEmptyLog } from "../wal.ts";

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
    examples: [["A copy in another folder", "faramesh audit verify --dir /backup/stack"]],
  });

  async run(io: Terminal): Promise<number> {
    const walDir = await existingWalDir(this.dir, io.env);
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

function tell(io: Terminal, report: VerifyReport, isEmpty: boolean): void {
  const { ok, records, checks, fault, notChecked, unanchored } = report;
  const [tick, cross] = [io.paint.green("✓"), io.paint.red("✗")];
  io.line(`${ok ? tick : cross} ${countText(records, "record")}${isEmpty ? ": nothing was recorded yet" : ""}`);
  const isChainBroken = checks.some(({ name, ok: holdsThere }) => name === "chain" && !holdsThere);
  for (const check of checks) {
    if (!check.ok) io.line(`${cross} ${fails[check.name]}: ${visible(check.detail)}`);
    // Behind the break nothing was looked at, so these would say more than is known.
    else if (isChainBroken && check.name === "policy") io.line(`${tick} ${holds.policy}, up to record ${records}`);
    else if (!isChainBroken || check.name === "files") io.line(`${tick} ${holds[check.name]}`);
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
