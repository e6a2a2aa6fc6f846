// `faramesh status`: the daemon and what it governs, at a glance. It asks and reads, and changes nothing.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "clipanion";
import { askOperator, NotRunning } from "../../runtime/doors/client.ts";
import type { StatusAnswer } from "../../runtime/doors/protocol.ts";
import { FarameshCommand } from "../context.ts";
import { type ExitCode, exits } from "../exit.ts";
import { bar, columns, countText, dollars, durationText, numberText, toSeconds, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const watchIntervalMs = 1000;
const clearScreen = "\u001b[H\u001b[2J";

export class StatusCommand extends FarameshCommand {
  static override paths = [["status"]];
  static override usage = Command.Usage({
    category: "Operation",
    description: "show the daemon and what it governs",
    details: "Exit codes: 0 ready, 1 not running, 2 initializing, 3 a provider is down. With -q nothing is printed.",
    examples: [
      ["Look once", "faramesh status"],
      ["Keep looking", "faramesh status --watch"],
      ["For a script", "faramesh status -q && echo ready"],
    ],
  });
  readonly watch = Option.Boolean("--watch", false, { description: "look again every second" });

  async run(io: Terminal): Promise<number> {
    if (!this.watch) return this.#look(io, 2);
    let code: number = exits.ok;
    await io.untilInterrupted(async (signal) => {
      while (!signal.aborted) {
        if (io.isTerminal && !io.isJson) io.raw(clearScreen);
        code = await this.#look(io, 0);
        await pause(watchIntervalMs, signal);
      }
    });
    return code;
  }

  async #look(io: Terminal, indent: number): Promise<ExitCode> {
    let status: StatusAnswer;
    try {
      status = await askOperator(this.dir, "status", {});
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
      if (!this.quiet(io)) {
        io.json(stopped, indent);
        io.line(`${io.paint.red("●")} no daemon runs for this stack: faramesh apply starts it`);
      }
      return exits.failed;
    }
    const drift = driftOf(this.dir, status);
    const { daemon, providers, notices, budgets, approvals, phases } = status;
    if (!this.quiet(io)) {
      io.json({ daemon: { ...daemon, drift }, providers, notices, budgets, approvals, phases }, indent);
      if (!io.isJson) show(io, status, drift);
    }
    if (daemon.state === "INITIALIZING" || daemon.state === "STARTING") return exits.changes;
    if (daemon.state !== "READY") return exits.failed;
    return providers.some((provider) => provider.status !== "ready") ? exits.warnings : exits.ok;
  }

  /** -q asks for the exit code alone; JSON that was asked for is still given. */
  quiet(io: Terminal): boolean {
    return io.quiet && !io.isJson;
  }
}

/** The shape of a status where no daemon answers. */
const stopped = {
  daemon: {
    state: "STOPPED",
    pid: null,
    uptime_seconds: null,
    socket: null,
    policy_version: null,
    policy_hash: null,
    policy_source: null,
    applied_at: null,
    runtime_mode: null,
    drift: null,
    wal: null,
  },
  providers: [],
  notices: [],
  budgets: [],
  approvals: { pending: 0, oldest_age_seconds: null },
  phases: [],
};

/** Whether a file of the policy differs from what is in force; null where there is nothing to compare. */
function driftOf(dir: string, { daemon }: StatusAnswer): boolean | null {
  const { files } = daemon.policy_source;
  if (files.length === 0) return null;
  // A file of a registry is named by its version, and what lies under that on this machine is the lock's to hold.
  return files.some(({ file, sha256 }) => {
    if (file.includes("@")) return false;
    try {
      return (
        createHash("sha256")
          .update(readFileSync(join(dir, file)))
          .digest("hex") !== sha256
      );
    } catch {
      // Not readable any more is not what is in force either.
      return true;
    }
  });
}

function show(io: Terminal, status: StatusAnswer, drift: boolean | null): void {
  const { daemon, approvals } = status;
  const { green, yellow, red, bold, dim } = io.paint;
  const mark = daemon.state === "READY" ? green("●") : yellow("●");
  const dev = daemon.dev ? ", dev" : "";
  io.line(`${mark} ${bold(daemon.state)}  pid ${daemon.pid}, up ${durationText(Number(daemon.uptime_seconds))}${dev}`);
  const rows: [string, string][] = [["policy", policyText(daemon)]];
  if (daemon.rolled_back) rows.push(["", yellow(`by a rollback; the highest version is ${daemon.highest_version}`)]);
  if (drift === true) rows.push(["", yellow("the policy's file differs from it: faramesh plan shows how")]);
  if (daemon.runtime_mode !== null)
    rows.push(["mode", daemon.runtime_mode === "audit" ? yellow("audit: nothing is blocked") : "enforce"]);
  const { permit, defer, deny } = daemon.decisions;
  rows.push([
    "decisions",
    `${numberText(permit)} permitted, ${numberText(defer)} deferred, ${numberText(deny)} denied since the start`,
  ]);
  rows.push(["approvals", approvalsText(approvals)]);
  rows.push(["log", walText(daemon)]);
  if (daemon.wal.degraded) {
    rows.push(["", yellow("checkpoints cannot be written: after about a minute every call is denied")]);
  }
  if (daemon.wal.latched) rows.push(["", red("it can no longer be written: every call is denied")]);
  rows.push(["socket", daemon.socket]);
  rows.push(["operator", `${daemon.operator_auth}: who runs as this user can approve`]);
  if (daemon.time_regression) rows.push(["clock", yellow("it went back; the latest time seen counts")]);
  for (const line of columns(rows.map(([name, value]) => [`  ${dim(name)}`, value]))) io.line(line);
  showBudgets(io, status);
  showPhases(io, status);
  for (const notice of status.notices) io.line(`  ${yellow("⚠")} ${visible(notice)}`);
}

function policyText(daemon: StatusAnswer["daemon"]): string {
  if (daemon.policy_version === null) return "none yet: faramesh apply";
  const since = daemon.applied_at === null ? "" : `, since ${toSeconds(daemon.applied_at)}`;
  const by = daemon.applied_by === null ? "" : ` by ${visible(daemon.applied_by)}`;
  return `${daemon.policy_version} (${daemon.policy_hash?.slice(0, 8) ?? ""})${since}${by}`;
}

function approvalsText({ pending, oldest_age_seconds }: StatusAnswer["approvals"]): string {
  if (pending === 0) return "none pending";
  const age = oldest_age_seconds === null ? "" : `, the oldest for ${durationText(Number(oldest_age_seconds))}`;
  return `${numberText(pending)} pending${age}: faramesh approvals list`;
}

function walText({ wal, durability }: StatusAnswer["daemon"]): string {
  const sync =
    wal.last_sync_ms === null ? "never synced" : `synced ${durationText(Number(wal.last_sync_ms) / 1000)} ago`;
  return `seq ${numberText(Number(wal.last_seq))}, ${sync}, lag ${numberText(wal.lag)}, durability ${durability ?? "group"}`;
}

function showBudgets(io: Terminal, { budgets }: StatusAnswer): void {
  if (budgets.length === 0) return;
  io.line(`  ${io.paint.dim("budgets")}`);
  const rows = budgets.map((budget) => {
    const [spent, most] = [Number(budget.spent_usd), budget.max_usd === null ? null : Number(budget.max_usd)];
    const money = most === null ? dollars(spent) : `${dollars(spent)} of ${dollars(most)}`;
    const { calls, max_calls } = budget;
    const counted =
      max_calls === null ? countText(calls, "call") : `${numberText(calls)} of ${countText(max_calls, "call")}`;
    const used = Math.max(most ? spent / most : 0, max_calls ? calls / max_calls : 0);
    const paint = used >= 1 ? io.paint.red : used >= 0.8 ? io.paint.yellow : io.paint.green;
    const session = budget.session === null ? "" : `session ${visible(budget.session)}`;
    return [`    ${visible(budget.agent)}/${visible(budget.id)}`, session, paint(bar(used)), money, counted];
  });
  for (const line of columns(rows)) io.line(line);
}

function showPhases(io: Terminal, { phases }: StatusAnswer): void {
  if (phases.length === 0) return;
  io.line(`  ${io.paint.dim("phases")}`);
  const rows = phases.map(({ agent, name, state, ends_in_seconds, next }) => {
    const left = ends_in_seconds === null ? "" : `${durationText(Number(ends_in_seconds))} left, then ${visible(next)}`;
    return [`    ${visible(agent)}/${visible(name)}`, state, state === "running" ? left : ""];
  });
  for (const line of columns(rows)) io.line(line);
}

function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, durationMs);
    signal.addEventListener("abort", done);
    if (signal.aborted) done();
  });
}
