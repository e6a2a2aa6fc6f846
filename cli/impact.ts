// The lines of a plan's decision impact: what the replay found, and for each rule that changed without an effect on any
// recorded call a line that says so. Pure.
import { compileGlob, run } from "../compiler/automaton/index.ts";
import type { RuleRef, StackChanges } from "../compiler/diff.ts";
import type { Effect } from "../runtime/evaluator/types.ts";
import { canonicalJson } from "../runtime/json.ts";
import type { ReplayReport, Sample, Unreplayable } from "../runtime/replay.ts";
import { columns, countText, numberText, percentText, shortened, toSeconds, visible } from "./render.ts";

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

/** In audit mode: what would not have run if this policy enforced, most first. */
export function enforcingText({ enforcing, total, notReplayable }: ReplayReport, window: string): string[] {
  const replayed = total - notReplayable;
  if (enforcing === null || replayed === 0) return [];
  const all = enforcing.reduce((sum, { count }) => sum + count, 0);
  if (all === 0) return [`Enforcing this policy would block none of ${countText(replayed, "call")} (last ${window})`];
  const shown = enforcing.slice(0, stoppedShownMax);
  const rows = shown.map(({ tool, effect, code, ruleRef, rule, count }): string[] => {
    const place = ruleRef === null ? "" : `${ruleRef} `;
    const words = rule === null ? "" : sameCode.has(code) ? rule : `${rule}, ${code}`;
    const by = words === "" ? (sameCode.has(code) ? "the default" : code) : `${place}${words}`;
    return [
      `  ${visible(tool)}`,
      effect,
      `${countText(count, "call")} (${percentText(count / replayed)})`,
      visible(by),
    ];
  });
  const left = enforcing.length - shown.length;
  return [
    `Enforcing this policy would block ${numberText(all)} of ${countText(replayed, "call")} (last ${window}):`,
    ...columns(rows),
    ...(left > 0 ? [`  and ${countText(left, "more line")}`] : []),
  ];
}

/** What the rule's own words say already. */
const sameCode: ReadonlySet<string> = new Set(["POLICY_DENY", "POLICY_DEFER"]);
/** Lines that are shown; the JSON has all. */
const stoppedShownMax = 20;

/** Characters of a sample's arguments. */
const argsShownMax = 200;

/** One line for each call: when, who, what, and what would decide. */
export function samplesText(samples: readonly Sample[]): string[] {
  return samples.map(({ actionId, time, agent, tool, args, from, to, ruleRef, reason }) => {
    const call = `${visible(agent)} ${visible(tool)} ${shortened(canonicalJson(args), argsShownMax)}`;
    const by = ruleRef === null ? reason : `by ${ruleRef}`;
    return `  ${toSeconds(time)} ${visible(actionId)} ${call}: ${from} → ${to} ${visible(by)}`;
  });
}

const whyWords: Readonly<Record<Unreplayable, string>> = {
  "not kept": "what a rule reads was not kept",
  "not judged": "refused before any policy saw it",
  "other agent": "neither policy governs the agent",
};

/** How many calls could not be replayed, then why, by tool. */
export function unreplayableText({ notReplayable, total, unreplayable }: ReplayReport): string[] {
  if (notReplayable === 0) return [];
  const shown = unreplayable.slice(0, unreplayableShownMax);
  const lines = shown.map(({ tool, why, count }) => `  ${visible(tool)} ${countText(count, "call")}: ${whyWords[why]}`);
  const left = unreplayable.length - shown.length;
  return [
    `${countText(notReplayable, "call")} of ${total} could not be replayed:`,
    ...lines,
    ...(left > 0 ? [`  and ${countText(left, "more tool")}`] : []),
  ];
}

/** Tools of which it is told; the JSON has all. */
const unreplayableShownMax = 10;
