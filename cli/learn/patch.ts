// The author's text with its permits narrowed to what was called: each rule stays where it is, gets conditions or goes. A permit is
// only ever narrowed, so that nothing opens; what people approved becomes a permit of its own before the rule that deferred it.

import { agentsOf } from "../../compiler/analyse/index.ts";
import type { Agent, Expr, Rule, SourceText, Stack } from "../../compiler/ast.ts";
import { compileGlob, run } from "../../compiler/automaton/index.ts";
import { LineIndex } from "../../compiler/lines.ts";
import { ruleText } from "../../compiler/text.ts";
import type { Policy } from "../../runtime/evaluator/types.ts";
import type { RecordedCall } from "../../runtime/recorded-call.ts";
import { boundsOf, CALLS_MIN } from "./bounds.ts";
import { argumentsOf, type Samples } from "./samples.ts";

export interface Learned {
  readonly text: string;
  readonly narrowed: number;
  /** Permits that no recorded call needed. */
  readonly removed: number;
  /** Permits of what people approved. */
  readonly added: number;
  /** Deferred calls that were approved too seldom, or have too little in common, to become a permit. */
  readonly leftToPeople: number;
}

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** `stack` is what `source` compiles to, `policy` the same opened. Rules of packs and phases are left as they are. */
export function learnedText(source: SourceText, stack: Stack, policy: Policy, samples: Samples): Learned {
  const infos = policy.rules();
  const index = new LineIndex(source.text);
  const numbers = new Map(infos.map(({ index: number, agent, line, text }) => [`${agent} ${line} ${text}`, number]));
  const edits: Edit[] = [];
  let [narrowed, removed, added, leftToPeople] = [0, 0, 0, 0];
  for (const { agent, id } of agentsOf(stack)) {
    const variables = new Set(agent.vars.map(({ name }) => name));
    for (const rule of agent.rules) {
      const key = `${id ?? ""} ${index.at(rule.span.start).line} ${ruleText(rule)}`;
      const number = rule.origin === undefined && rule.span.source === 0 ? numbers.get(key) : undefined;
      if (number === undefined) continue;
      if (rule.effect === "permit" && !mayMatch(rule, id, stack, samples)) {
        const calls = samples.permitted.get(number) ?? [];
        const bounds = boundsOf(calls.map(argumentsOf), variables);
        if (calls.length === 0) edits.push(withoutLine(source.text, rule));
        else if (bounds.length > 0) edits.push(narrowing(source.text, rule, bounds));
        if (calls.length === 0) removed++;
        else if (bounds.length > 0) narrowed++;
      }
      if (rule.effect === "defer") {
        const made = approvals(source.text, rule, samples.approved.get(number) ?? [], agent);
        edits.push(...made.edits);
        added += made.edits.length;
        leftToPeople += made.left;
      }
    }
  }
  const last = edits.sort((a, b) => b.start - a.start);
  const text = last.reduce(
    (whole, edit) => whole.slice(0, edit.start) + edit.text + whole.slice(edit.end),
    source.text,
  );
  return { text, narrowed, removed, added, leftToPeople };
}

const encoder = new TextEncoder();

/** Whether the rule may have let a call through that could not be looked at. */
function mayMatch({ pattern }: Rule, id: string | null, { agents }: Stack, { unread }: Samples): boolean {
  const isGoverned = (agent: string): boolean => (id === null ? !agents.some((one) => one.id === agent) : agent === id);
  const tools = [...unread].flatMap(([agent, names]) => (isGoverned(agent) ? [...names] : []));
  const glob = pattern.text === "*" ? "**" : pattern.text;
  const compiled = compileGlob(glob, { separator: "/", ignoreCase: false });
  return tools.some((tool) => !compiled.ok || run(compiled.automaton, encoder.encode(tool)));
}

/** The statement with its line, where it has one for itself. */
function withoutLine(text: string, { span }: Rule): Edit {
  const start = text.lastIndexOf("\n", span.start - 1) + 1;
  const newline = text.indexOf("\n", span.end);
  const end = newline < 0 ? text.length : newline + 1;
  // A remark behind it is the rule's.
  const isAlone =
    text.slice(start, span.start).trim() === "" && /^\s*(?:(?:#|\/\/).*)?\s*$/.test(text.slice(span.end, end));
  return isAlone ? { start, end, text: "" } : { start: span.start, end: span.end, text: "" };
}

function narrowing(text: string, rule: Rule, bounds: readonly string[]): Edit {
  const { condition, pattern } = rule;
  const more = bounds.join(" and ");
  if (condition === null) {
    const word = /\bwhen\b/.test(text) && !/\bif\b/.test(text) ? "when" : "if";
    const { end } = pattern.span;
    return { start: end, end, text: ` ${word} ${more}` };
  }
  const { start, end } = condition.span;
  return { start, end, text: `${operand(text, condition)} and ${more}` };
}

function operand(text: string, condition: Expr): string {
  const written = text.slice(condition.span.start, condition.span.end);
  return condition.kind === "logical" && condition.operator === "or" ? `(${written})` : written;
}

/** A permit of each tool before the rule, where enough was approved and it has something in common. */
function approvals(
  text: string,
  rule: Rule,
  calls: readonly RecordedCall[],
  { vars }: Agent,
): { readonly edits: readonly Edit[]; readonly left: number } {
  const variables = new Set(vars.map(({ name }) => name));
  const byTool = new Map<string, RecordedCall[]>();
  for (const call of calls) byTool.set(call.request.tool_id, [...(byTool.get(call.request.tool_id) ?? []), call]);
  const edits: Edit[] = [];
  let left = 0;
  const lineStart = text.lastIndexOf("\n", rule.span.start - 1) + 1;
  const before = text.slice(lineStart, rule.span.start);
  const gap = before.trim() === "" ? `\n${before}` : " ";
  for (const [tool, own] of byTool) {
    const bounds = boundsOf(own.map(argumentsOf), variables);
    const isNamed = /^[A-Za-z0-9_][A-Za-z0-9_./:@-]*$/.test(tool);
    // Matchers and reasons of the rule belong to the deferring: only a plain one is taken up.
    if (own.length < CALLS_MIN || bounds.length === 0 || !isNamed || rule.network.length > 0) {
      left += own.length;
      continue;
    }
    const conditions = [...(rule.condition === null ? [] : [operand(text, rule.condition)]), ...bounds];
    edits.push({
      start: rule.span.start,
      end: rule.span.start,
      text: `permit ${tool} if ${conditions.join(" and ")}${gap}`,
    });
  }
  return { edits, left };
}
