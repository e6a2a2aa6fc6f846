// faramesh status: the daemon, its policy, counters, approvals and log at a glance; --watch keeps looking.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "clipanion";
import { askOperator, NotRunning } from "../../runtime/doors/client.ts";
import type { StatusAnswer } from "../../runtime/doors/protocol.ts";
import { StackCommand } from "../context.ts";
import { exitCodes } from "../exit.ts";
import { columns, count, dollars, second, span, visible } from "../render.ts";

const watchIntervalMs = 1000;
const barCells = 20;

export class StatusCommand extends StackCommand {
  static override paths = [["status"]];
  static override usage = Command.Usage({
    description: "show the daemon and what it governs",
    details: "Exits 0 when ready, 1 when no daemon runs, 2 while it starts, 3 when a provider is down. With -q nothing is printed.",
    examples: [
      ["Look once", "faramesh status"],
      ["Keep looking", "faramesh status --watch"],
    ],
  });

  watch = Option.Boolean("--watch", false, { description: "look again every second" });

  override async run(): Promise<number> {
    if (!this.watch) return await this.#once();
    let code: number = exitCodes.ok;
    while (!this.context.signal.aborted) {
      if (this.paint.on) this.context.stdout.write("\u001b[H\u001b[2J");
      code = await this.#once();
      await new Promise((resolve) => setTimeout(resolve, watchIntervalMs));
    }
    return code;
  }

  async #once(): Promise<number> {
    let status: StatusAnswer;
    try {
      status = await askOperator(this.stackDir, "status", {});
    } catch (error) {
      if (!(error instanceof NotRunning)) throw error;
      this.json({ daemon: { state: "STOPPED" }, providers: [], budgets: [], approvals: { pending: 0, oldest_age_seconds: null }, phases: [] });
      if (!this.quiet) this.print(`${this.paint.bad("●")} no daemon runs for this stack: faramesh apply starts it`);
      return exitCodes.failed;
    }
    const drift = this.#drift(status);
    const { daemon, providers, budgets, approvals, phases } = status;
    this.json({ daemon: { ...daemon, drift }, providers, budgets, approvals, phases });
    if (!this.quiet) this.#show(status, drift);
    if (daemon.state === "INITIALIZING" || daemon.state === "STARTING") return exitCodes.initializing;
    if (daemon.state !== "READY") return exitCodes.failed;
    return providers.some((p) => p.status !== "ready") ? 3 : exitCodes.ok;
  }

  /** Whether the file differs from what is in force; null where there is nothing to compare. */
  #drift(status: StatusAnswer): boolean | null {
    const [source] = status.daemon.policy_source.files;
    if (source === undefined) return null;
    try {
      const bytes = readFileSync(join(this.stackDir, source.file));
      return createHash("sha256").update(bytes).digest("hex") !== source.sha256;
    } catch {
      return true;
    }
  }

  #show(status: StatusAnswer, drift: boolean | null): void {
    const { daemon, approvals } = status;
    const { good, warn, dim, bold } = this.paint;
    const ready = daemon.state === "READY";
    const mark = ready ? good("●") : warn("●");
    this.print(`${mark} ${bold(daemon.state)}  pid ${daemon.pid}, up ${span(Number(daemon.uptime_seconds))}${daemon.dev ? ", dev" : ""}`);
    const rows: string[][] = [["policy", policyText(daemon)]];
    if (daemon.rolled_back) rows.push(["", warn(`reached by a rollback; the highest version is ${daemon.highest_version}`)]);
    if (drift === true) rows.push(["", warn("governance.fms differs from it: faramesh plan shows how")]);
    if (daemon.runtime_mode !== null) rows.push(["mode", daemon.runtime_mode === "audit" ? warn("audit: nothing is blocked") : "enforce"]);
    const { permit, defer, deny } = daemon.decisions;
    rows.push(["decisions", `${permit} permitted, ${defer} deferred, ${deny} denied since the start`]);
    rows.push(["approvals", approvalsText(approvals)]);
    rows.push(["socket", daemon.socket]);
    rows.push(["log", `${count(Number(daemon.wal.last_seq), "record")}, ${daemon.durability ?? "group"} durability, lag ${daemon.wal.lag}`]);
    rows.push(["", dim(`operator_auth: ${daemon.operator_auth}`)]);
    if (daemon.time_regression) rows.push(["clock", warn("it went back: the latest time seen is used")]);
    this.print(columns(rows.map(([name = "", value = ""]) => [`  ${dim(name)}`, value])));
    this.#showBudgets(status);
    this.#showPhases(status);
  }

  #showBudgets({ budgets }: StatusAnswer): void {
    if (budgets.length === 0) return;
    this.print(`\n  ${this.paint.dim("budgets")}`);
    const rows = budgets.map((b) => {
      const spent = Number(b.spent_usd);
      const most = b.max_usd === null ? null : Number(b.max_usd);
      const money = most === null ? dollars(spent) : `${dollars(spent)} of ${dollars(most)}`;
      const calls = b.max_calls === null ? count(b.calls, "call") : `${b.calls} of ${count(b.max_calls, "call")}`;
      const part = Math.max(most ? spent / most : 0, b.max_calls ? b.calls / b.max_calls : 0);
      const session = b.session === null || b.session === "" ? "" : visible(b.session);
      return [`    ${visible(b.agent)}/${visible(b.id)}`, session, this.#bar(part), money, calls];
    });
    this.print(columns(rows));
  }

  #showPhases({ phases }: StatusAnswer): void {
    if (phases.length === 0) return;
    this.print(`\n  ${this.paint.dim("phases")}`);
    const rows = phases.map((p) => {
      const left = p.ends_in_seconds === null ? "" : `${span(Number(p.ends_in_seconds))} left, then ${visible(p.next)}`;
      return [`    ${visible(p.agent)}/${visible(p.name)}`, p.state, p.state === "running" ? left : ""];
    });
    this.print(columns(rows));
  }

  #bar(part: number): string {
    const filled = Math.min(barCells, Math.round(part * barCells));
    const bar = "█".repeat(filled) + "░".repeat(barCells - filled);
    return part >= 1 ? this.paint.bad(bar) : part >= 0.8 ? this.paint.warn(bar) : this.paint.good(bar);
  }
}

function policyText(daemon: StatusAnswer["daemon"]): string {
  if (daemon.policy_version === null) return "none yet: faramesh apply";
  const applied = daemon.applied_at === null ? "" : `, since ${second(daemon.applied_at)}`;
  const by = daemon.applied_by === null ? "" : ` by ${visible(daemon.applied_by)}`;
  return `${daemon.policy_version} (${daemon.policy_hash?.slice(0, 8) ?? ""})${applied}${by}`;
}

function approvalsText(approvals: StatusAnswer["approvals"]): string {
  if (approvals.pending === 0) return "none pending";
  const age = approvals.oldest_age_seconds === null ? "" : `, the oldest for ${span(Number(approvals.oldest_age_seconds))}`;
  return `${approvals.pending} pending${age}: faramesh approvals list`;
}
