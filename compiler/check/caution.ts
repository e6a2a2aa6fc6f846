// Warnings about rules that are valid and may not mean what they seem to: each looks at one rule and its agent.

import { Root } from "../../vm/shared/isa.ts";
import type { Agent, Expr, Rule } from "../ast.ts";
import { isUnanchored } from "../automaton/index.ts";
import { partsOf } from "../history.ts";
import { resolveName } from "../names.ts";
import { nameText } from "../text.ts";
import { matchesEveryTool } from "./pattern.ts";
import { searchFor } from "./regex.ts";
import type { Report } from "./report.ts";

type Scope = Pick<Agent, "vars">;

export interface Setting {
  readonly agent: Pick<Agent, "vars" | "default">;
  readonly strictGuards: boolean;
  /** Patterns of the denies that reach below one level: `a` for `a/**`. */
  readonly deepDenies: ReadonlySet<string>;
}

export function cautionRule(report: Report, rule: Rule, setting: Setting): void {
  if (rule.effect === "permit") cautionPermit(report, rule);
  if (rule.effect === "deny" || rule.effect === "deny!") cautionDeny(report, rule, setting);
}

function cautionPermit(report: Report, rule: Rule): void {
  if (rule.condition === null) {
    if (matchesEveryTool(rule.pattern.text) && rule.network.length === 0) {
      report.add("FMS053", "this permits every tool", rule.span, {
        help: "name the tools, or write `default permit` if that is meant",
      });
    }
    return;
  }
  for (const pattern of searches(rule.condition, true)) {
    if (!searchFor(pattern.value).ok || !isUnanchored(pattern.value)) continue;
    report.add("FMS055", "this pattern may match inside a longer text", pattern.span, {
      help: "begin it with `^` and end it with `$`",
    });
  }
}

/** Regular expressions that help a condition to be true. */
function searches(expr: Expr, positive: boolean): { value: string; span: Expr["span"] }[] {
  if (expr.kind === "not") return searches(expr.operand, !positive);
  if (expr.kind === "logical") return [...searches(expr.left, positive), ...searches(expr.right, positive)];
  if (!positive) return [];
  const right = expr.kind === "compare" && expr.operator === "matches" ? expr.right : null;
  const pattern = right ?? (expr.kind === "method" && expr.name === "matches" ? expr.arguments[0] : null);
  return pattern?.kind === "string" ? [{ value: pattern.value, span: pattern.span }] : [];
}

function cautionDeny(report: Report, rule: Rule, setting: Setting): void {
  const { text } = rule.pattern;
  if (setting.agent.default?.effect === "permit" && text.endsWith("/*") && !setting.deepDenies.has(text.slice(0, -2))) {
    const deep = `${text.slice(0, -1)}**`;
    report.add("FMS056", `\`${text}\` leaves deeper names open, and the default permits them`, rule.pattern.span, {
      help: `write \`${deep}\` to deny all that is below`,
    });
  }
  if (rule.condition === null || setting.strictGuards) return;
  const field = fieldThatSwitchesOff(rule.condition, setting.agent);
  if (field === null) return;
  report.add("FMS054", `a call without \`${field}\` is not denied by this rule`, rule.condition.span, {
    help: `add \`${field} == nil or …\`, or set strict_guards = true in runtime`,
  });
}

// What a condition can still come to, as bits.
const NO = 1;
const UNKNOWN = 2;
const YES = 4;

/** An argument whose absence alone leaves the condition unknown and never true. */
function fieldThatSwitchesOff(condition: Expr, agent: Scope): string | null {
  const fields = new Map<string, string>();
  collect(condition, agent, fields);
  const suspects = [...fields.keys()].map((key) => new Set([key]));
  if (fields.size > 1) suspects.push(new Set(fields.keys()));
  for (const missing of suspects) {
    const answers = evaluate(condition, agent, missing);
    const [first] = missing;
    if ((answers & UNKNOWN) !== 0 && (answers & YES) === 0) return fields.get(first ?? "") ?? null;
  }
  return null;
}

function keyOf(expr: Expr, agent: Scope): string | null {
  if (expr.kind !== "name") return null;
  const found = resolveName(agent, expr.path);
  return found.kind === "field" && found.field.root === Root.Args ? JSON.stringify(found.field.path) : null;
}

/** Arguments that an expression reads, with the words of the author. */
function collect(expr: Expr, agent: Scope, into: Map<string, string>): void {
  const key = keyOf(expr, agent);
  if (key !== null && expr.kind === "name") into.set(key, nameText(expr));
  for (const part of partsOf(expr)) collect(part, agent, into);
}

function evaluate(expr: Expr, agent: Scope, missing: ReadonlySet<string>): number {
  if (expr.kind === "not") {
    const inner = evaluate(expr.operand, agent, missing);
    return (inner & UNKNOWN) | ((inner & NO) !== 0 ? YES : 0) | ((inner & YES) !== 0 ? NO : 0);
  }
  if (expr.kind === "logical") {
    const left = evaluate(expr.left, agent, missing);
    const right = evaluate(expr.right, agent, missing);
    return expr.operator === "and" ? both(left, right) : flip(both(flip(left), flip(right)));
  }
  if (expr.kind === "compare" && (expr.operator === "==" || expr.operator === "!=")) {
    const asked = expr.left.kind === "nil" ? expr.right : expr.right.kind === "nil" ? expr.left : null;
    if (asked !== null) {
      const key = keyOf(asked, agent);
      const absent = key !== null && missing.has(key);
      return absent ? (expr.operator === "==" ? YES : NO) : key === null ? NO | YES : expr.operator === "==" ? NO : YES;
    }
  }
  const read = new Map<string, string>();
  collect(expr, agent, read);
  return [...read.keys()].some((key) => missing.has(key)) ? UNKNOWN : NO | YES;
}

function flip(answers: number): number {
  return (answers & UNKNOWN) | ((answers & NO) !== 0 ? YES : 0) | ((answers & YES) !== 0 ? NO : 0);
}

/** Kleene's `and` over sets: the lesser of each pair. */
function both(left: number, right: number): number {
  let result = 0;
  for (const a of [NO, UNKNOWN, YES]) {
    for (const b of [NO, UNKNOWN, YES]) {
      if ((left & a) !== 0 && (right & b) !== 0) result |= Math.min(a, b);
    }
  }
  return result;
}
