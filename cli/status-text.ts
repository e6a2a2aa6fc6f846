// The daemon's status as lines for people. Pure; what an agent or an operator supplied is shown with every character visible.
import type { StatusAnswer } from "../runtime/doors/views.ts";
import { budgetTexts } from "./budget-text.ts";
import { bar, columns, countText, durationText, numberText, toSeconds, visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";
import { withoutProviders } from "./without-providers.ts";

type Paint = Terminal["paint"];

/** `drift`: the policy's file differs from what is in force; null where that is not known. */
export function statusLines(paint: Paint, status: StatusAnswer, drift: boolean | null): string[] {
  const lines: string[] = [];
  const { daemon, approvals } = status;
  const { green, yellow, red, bold, dim } = paint;
  const mark = daemon.state === "READY" ? green("●") : yellow("●");
  const dev = daemon.dev ? ", dev" : "";
  lines.push(
    `${mark} ${bold(daemon.state)}  pid ${daemon.pid}, up ${durationText(Number(daemon.uptime_seconds))}${dev}`,
  );
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
  if (status.grants.active > 0) {
    rows.push([
      "grants",
      `${countText(status.grants.active, "standing grant")} in force: faramesh approvals grants list`,
    ]);
  }
  rows.push(["log", walText(daemon)]);
  if (daemon.wal.degraded) {
    rows.push(["", yellow("checkpoints cannot be written: after about a minute every call is denied")]);
  }
  if (daemon.wal.latched) rows.push(["", red("it can no longer be written: every call is denied")]);
  for (const { door, address, bypass, can_be_bypassed } of status.doors)
    rows.push([door, can_be_bypassed ? `${address}  ${dim(bypass)}` : address]);
  rows.push(["providers", providersText(paint, status)]);
  rows.push(["operator", `${daemon.operator_auth}: who runs as this user can approve`]);
  if (daemon.time_regression) rows.push(["clock", yellow("it went back; the latest time seen counts")]);
  for (const line of columns(rows.map(([name, value]) => [`  ${dim(name)}`, value]))) lines.push(line);
  for (const part of [stoppedRows, limitRows, budgetRows, phaseRows]) lines.push(...columns(part(paint, status)));
  for (const notice of status.notices) lines.push(`  ${yellow("⚠")} ${visible(notice)}`);
  return lines;
}

function policyText(daemon: StatusAnswer["daemon"]): string {
  if (daemon.policy_version === null) return "none yet: faramesh apply";
  const since = daemon.applied_at === null ? "" : `, since ${toSeconds(daemon.applied_at)}`;
  const by = daemon.applied_by === null ? "" : ` by ${visible(daemon.applied_by)}`;
  return `${daemon.policy_version} (${daemon.policy_hash?.slice(0, 8) ?? ""})${since}${by}`;
}

function providersText(paint: Paint, { providers, daemon }: StatusAnswer): string {
  if (providers.length === 0) return `none declared: ${withoutProviders(daemon)}`;
  return providers
    .map(({ name, status }) => `${visible(name)} ${status === "ready" ? paint.green(status) : paint.yellow(status)}`)
    .join(", ");
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

/** Agents that are stopped come first: they are why calls are denied. */
function stoppedRows(paint: Paint, { stopped }: StatusAnswer): string[][] {
  return stopped.map(({ agent_id, state, since, by, reason }) => {
    const who = agent_id === "*" ? "all agents" : visible(agent_id);
    const when = since === null ? "by the policy's kill_switch_default" : `since ${toSeconds(since)}`;
    const whom = by === null ? "" : ` by ${visible(by)}`;
    return [
      `  ${paint.red("■")} ${who}`,
      paint.red(state),
      `${when}${whom}${reason === null ? "" : `: ${visible(reason)}`}`,
    ];
  });
}

function limitRows(paint: Paint, { limits }: StatusAnswer): string[][] {
  if (limits.length === 0) return [];
  const rows = limits.map(({ name, count, window_seconds }) => {
    return [`    ${visible(name)}`, `${numberText(count)} per ${durationText(Number(window_seconds))}`];
  });
  return [[`  ${paint.dim("rate limits")}`], ...rows];
}

function budgetRows(paint: Paint, { budgets }: StatusAnswer): string[][] {
  if (budgets.length === 0) return [];
  const rows = budgets.map((budget) => {
    const { amount, counted, used } = budgetTexts(budget);
    const color = used >= 1 ? paint.red : used >= 0.8 ? paint.yellow : paint.green;
    const session = budget.session === null ? "" : `session ${visible(budget.session)}`;
    return [`    ${visible(budget.agent)}/${visible(budget.id)}`, session, color(bar(used)), amount, counted];
  });
  return [[`  ${paint.dim("budgets")}`], ...rows];
}

function phaseRows(paint: Paint, { phases }: StatusAnswer): string[][] {
  if (phases.length === 0) return [];
  const rows = phases.map(({ agent, name, state, ends_in_seconds, next }) => {
    const left = ends_in_seconds === null ? "" : `${durationText(Number(ends_in_seconds))} left, then ${visible(next)}`;
    const over = next === "enforce" ? "the agent's own rules decide" : `${visible(next)} goes on`;
    return [
      `    ${visible(agent)}/${visible(name)}`,
      state,
      state === "running" ? left : state === "spent" ? over : "",
    ];
  });
  return [[`  ${paint.dim("phases")}`], ...rows];
}
