// The lines of a plan's decision impact: what the replay found, and for each rule that changed without an effect on any
// recorded call a line that says so. Pure.
import { compileGlob, run } from "../compiler/automaton/index.ts";
import type { RuleRef, StackChanges } from "../compiler/diff.ts";
import type { Effect } from "../runtime/evaluator/types.ts";
import type { ReplayReport } from "../runtime/replay.ts";

const encoder = new TextEncoder();

export interface ImpactLine {
  /** A tool, or a rule's pattern where no call is concerned. */
  readonly tool: string;
  readonly from: Effect;
  readonly to: Effect;
  readonly count: number;
  /** Of the calls that could be replayed; null for no call. */
  readonly share: number | null;
}

export function impactLines(changes: StackChanges, report: ReplayReport): ImpactLine[] {
  const replayed = report.total - report.notReplayable;
  const lines: ImpactLine[] = report.transitions.map((one) => ({ ...one, share: one.count / replayed }));
  const { added, removed, changed } = changes.rules;
  const quiet = [
    // A permit is most often narrowed, any other rule widened; either way permits are at stake.
    ...changed.map(({ after }) => ({ ...idle(after, after.effect === "permit" ? "removed" : "added") })),
    ...added.map((rule) => idle(rule, "added")),
    ...removed.map((rule) => idle(rule, "removed")),
  ];
  const told = new Set<string>();
  for (const line of quiet) {
    const key = `${line.tool} ${line.from} ${line.to}`;
    if (told.has(key)) continue;
    const fits = matcherOf(line.tool);
    if (report.transitions.some(({ tool }) => fits(tool))) continue;
    told.add(key);
    lines.push(line);
  }
  return lines;
}

/** What the rule would do where it is the one that decides: a deny takes permits away, a permit denials. */
function idle({ effect, pattern }: RuleRef, change: "added" | "removed"): ImpactLine {
  const says: Effect = effect === "deny!" ? "deny" : effect;
  const otherwise: Effect = says === "permit" ? "deny" : "permit";
  const [from, to] = change === "added" ? [otherwise, says] : [says, otherwise];
  return { tool: pattern, from, to, count: 0, share: null };
}

/** Whether a tool's name is one of a rule's pattern, by the matcher that decides. */
function matcherOf(pattern: string): (tool: string) => boolean {
  const compiled = compileGlob(pattern, { separator: "/", ignoreCase: false });
  return compiled.ok ? (tool) => run(compiled.automaton, encoder.encode(tool)) : () => false;
}
