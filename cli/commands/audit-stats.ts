// `faramesh audit stats`: what the log holds, counted. It reads files alone.
import { Command } from "clipanion";
import { type Counted, type Statistics, statistics } from "../../runtime/query/statistics.ts";
import { columns, countText, dollars, durationText, numberText, sparkline, toSeconds } from "../render.ts";
import { cell } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { AuditQuestionCommand } from "./audit-query.ts";

export class AuditStatsCommand extends AuditQuestionCommand {
  static override paths = [["audit", "stats"]];
  static override usage = Command.Usage({
    category: "Log",
    description: "count what was decided: by effect, tool, agent and code, how fast, how much",
    details:
      "Lists name the ten most frequent. In audit mode what would have been counts. Needs the package @duckdb/node-api. Exit codes: 0, 1 there is no log, 5 the log is broken.",
    examples: [["The last day", "faramesh audit stats --since 24h"]],
  });

  async run(io: Terminal): Promise<number> {
    const { period } = this;
    return this.onLog(io, undefined, async ({ duck }, signal) => {
      const found = await statistics(duck, period, signal);
      io.json({ ...found });
      if (!io.isJson) tell(io, found);
    });
  }
}

function tell(io: Terminal, found: Statistics): void {
  const { first, last, latency_us, approvals, rate } = found;
  io.line(countText(found.decisions, "decision"));
  if (first === null || last === null || latency_us === null) return;
  io.line(`  ${toSeconds(first)} to ${toSeconds(last)}`);
  const { p50, p99, max } = latency_us;
  io.line(`  latency   p50 ${numberText(p50)} µs, p99 ${numberText(p99)} µs, longest ${numberText(max)} µs`);
  io.line(`  spent     ${dollars(Number(found.spent_usd))}`);
  const waited = approvals.waited_seconds;
  const wait = waited === null ? "" : `, waited ${durationText(waited.p50)} (p50), ${durationText(waited.max)} at most`;
  io.line(`  approvals ${approvals.opened} opened, ${approvals.approved} approved, ${approvals.denied} denied${wait}`);
  io.line(
    `  calls     ${sparkline(rate.counts)}  ${durationText(rate.span_seconds)} each, ${numberText(Math.max(...rate.counts))} at most`,
  );
  const lists: readonly (readonly [string, readonly Counted[]])[] = [
    ["effect", found.effects],
    ["tool", found.tools],
    ["agent", found.agents],
    ["code", found.codes],
    ["denied", found.denied.map(({ tool, code, count }) => ({ name: `${tool} ${code}`, count }))],
  ];
  for (const [title, counts] of lists) {
    if (counts.length === 0) continue;
    io.line();
    io.line(io.paint.bold(title));
    const rows = counts.map(({ name, count }) => [`  ${cell(name)}`, numberText(count).padStart(12)]);
    for (const line of columns(rows)) io.line(line);
  }
  if (found.audit !== null) tellAudit(io, found.audit);
}

/** What ran only because nothing was enforced. */
function tellAudit(
  io: Terminal,
  { decisions, would_deny, would_defer, stopped }: NonNullable<Statistics["audit"]>,
): void {
  io.line();
  io.line(io.paint.bold("in audit mode"));
  io.line(
    `  of ${countText(decisions, "call")} enforcing would have denied ${numberText(would_deny)} and deferred ${numberText(would_defer)}`,
  );
  const shown = stopped.slice(0, stoppedShownMax);
  const rows = shown.map(({ tool, effect, code, rule_ref, count }) => {
    return [
      `  ${cell(tool)}`,
      effect,
      cell(rule_ref ?? (code.startsWith("POLICY_") ? "the default" : "")),
      cell(code),
      numberText(count).padStart(8),
    ];
  });
  for (const line of columns(rows)) io.line(line);
  const left = stopped.length - shown.length;
  if (left > 0) io.line(`  and ${countText(left, "more line")}`);
}

/** Lines that are shown; the JSON has more. */
const stoppedShownMax = 20;
