// Names that only this place mentions and that look like another: `treu`, `limti`, `permit refudn`. They are legal, an
// argument may be called anything and a tool may be yet to come, and so a slip of the pen would change a rule in silence.
// It must never speak of a name that is mentioned twice, or that is written `args.…`: those are meant.

import { Root } from "../../vm/shared/isa.ts";
import type { Agent, Expr, Name, Rule, Span, Stack, Value } from "../ast.ts";
import { resolveName } from "../names.ts";
import type { Report } from "./report.ts";

/** Words that stand for a value; a bare name one slip away would be an argument or a text. */
const VALUES = ["true", "false", "nil", "null"];
/** Words with members; one slip away the whole path would be an argument's. */
const OWNERS = ["vars", "time", "principal", "session", "delegation", "selectors", "query", "headers", "args"];
/** Words of the request that stand alone. */
const ALONE = ["tool", "tool_name", "agent", "action", "model", "host", "port", "method", "path"];
/** Shortest name that another name is compared with, and most names compared with each other; UTF-16 code units, names. */
const NAME_LENGTH_MIN = 4;
const NAMES_COMPARED = 2_000;
/** From here on one letter may be another. */
const REPLACED_LENGTH_MIN = 8;

interface Mention {
  readonly span: Span;
  /** Mentioned at another place too; what stands there twice is meant. */
  isRepeated: boolean;
}

export function checkSlips(report: Report, stack: Stack): void {
  const agents = stack.anonymous === null ? stack.agents : [...stack.agents, stack.anonymous];
  const tools = new Map<string, Mention>();
  const names = new Map<string, Mention>();
  const variables = new Set(agents.flatMap((agent) => agent.vars.map(({ name }) => name)));
  for (const agent of agents) {
    const visit = (expr: Expr): void => visitNames(report, agent, expr, names);
    for (const rule of rulesOf(agent)) {
      if (!/[*?]/.test(rule.pattern.text)) mention(tools, rule.pattern.text, rule.pattern.span);
      if (rule.condition !== null) visit(rule.condition);
      for (const { value } of rule.network) visitGlob(report, value);
    }
    for (const { value } of agent.budgets.flatMap((budget) => budget.fields)) if (value.kind === "name") visit(value);
    for (const { value } of agent.vars) if (value.kind === "list") visit(value);
  }
  compare(report, tools, [], (tool) => `no other rule names the tool \`${tool}\``);
  compare(report, names, [...variables], (name) => `nothing else reads an argument \`${name}\``);
}

function rulesOf(agent: Agent): readonly Rule[] {
  return [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)];
}

function mention(map: Map<string, Mention>, name: string, span: Span): void {
  const known = map.get(name);
  if (known === undefined) map.set(name, { span, isRepeated: false });
  else if (known.span.start !== span.start || known.span.source !== span.source) known.isRepeated = true;
}

function visitNames(report: Report, agent: Agent, expr: Expr, names: Map<string, Mention>): void {
  const visit = (inner: Expr): void => visitNames(report, agent, inner, names);
  switch (expr.kind) {
    case "name":
      visitName(report, agent, expr, names);
      return;
    case "not":
    case "negate":
      visit(expr.operand);
      return;
    case "logical":
    case "compare":
    case "arithmetic":
      visit(expr.left);
      visit(expr.right);
      return;
    case "method":
      visit(expr.receiver);
      for (const argument of expr.arguments) visit(argument);
      return;
    case "call":
      for (const argument of expr.arguments) visit(argument);
      return;
    case "list":
      for (const item of expr.items) {
        const near = item.kind === "word" ? nearest(item.value, VALUES) : null;
        if (near !== null && item.kind === "word") warn(report, `\`${item.value}\` is text here`, near, item.span);
      }
      return;
    default:
  }
}

/** A matcher's bare word is a variable or a glob: `vasr.h` would be one. */
function visitGlob(report: Report, value: Value): void {
  if (value.kind === "list") for (const item of value.items) visitGlob(report, item);
  if (value.kind !== "word" || !slips(value.value.split(".")[0] ?? "", "vars") || !value.value.includes(".")) return;
  warn(report, `\`${value.value}\` is text here`, value.value.replace(/^[^.]*/, "vars"), value.span);
}

function visitName(report: Report, agent: Agent, name: Name, names: Map<string, Mention>): void {
  const [first] = name.path;
  const last = name.path.at(-1);
  const found = resolveName(agent, name.path);
  if (found.kind !== "field" || found.field.root !== Root.Args || typeof first !== "string" || first === "args") return;
  mention(names, first, name.span);
  const isAlone = name.path.length - (found.length ? 1 : 0) === 1;
  const written = isAlone ? (nearest(first, VALUES) ?? nearest(first, ALONE, inside)) : nearest(first, OWNERS);
  if (written !== null) warn(report, `\`${first}\` is read as an argument`, written, name.span);
  const length = typeof last === "string" && name.path.length > 1 ? nearest(last, ["length"]) : null;
  if (length !== null && typeof last === "string") warn(report, `\`${last}\` is read as a member`, length, name.span);
}

/** Names mentioned in one place, one slip from another name or from one of `others`. */
function compare(
  report: Report,
  mentions: ReadonlyMap<string, Mention>,
  others: readonly string[],
  what: (name: string) => string,
): void {
  if (mentions.size + others.length > NAMES_COMPARED) return;
  const all = [...mentions.keys(), ...others];
  for (const [name, { isRepeated, span }] of mentions) {
    if (isRepeated || name.length < NAME_LENGTH_MIN) continue;
    // Of two that each stand in one place, the later is the slip: one message for one mistake.
    const near = all.find((other) => {
      if (other === name || !inside(name, other)) return false;
      const twin = mentions.get(other);
      return twin === undefined || twin.isRepeated || before(twin.span, span);
    });
    if (near !== undefined) warn(report, what(name), near, span);
  }
}

function before(a: Span, b: Span): boolean {
  return a.source === b.source ? a.start < b.start : a.source < b.source;
}

function warn(report: Report, message: string, near: string, span: Span): void {
  report.add("FMS071", message, span, { help: `did you mean \`${near}\`?` });
}

function nearest(
  word: string,
  candidates: readonly string[],
  test: (a: string, b: string) => boolean = slips,
): string | null {
  return candidates.find((candidate) => test(word, candidate)) ?? null;
}

/** A slip that is no ending and no number: `item` and `items`, `a1` and `a2` are names of their own. */
function inside(a: string, b: string): boolean {
  if (!slips(a, b, REPLACED_LENGTH_MIN) || digitsOf(a) !== digitsOf(b)) return false;
  return a.length === b.length ? a.at(-1) === b.at(-1) || a.at(-1) === b.at(-2) : a.at(-1) === b.at(-1);
}

function digitsOf(name: string): string {
  return name.replace(/[^0-9]/g, "");
}

/** Whether one word is the other with two neighbours swapped, a letter more, a letter less or, from `replaced` letters on, one other letter. */
function slips(a: string, b: string, replaced = 0): boolean {
  if (a === b || Math.abs(a.length - b.length) > 1) return false;
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const left = [a.length - start - end, b.length - start - end];
  if (left[0] === 2 && left[1] === 2) return a[start] === b[start + 1] && a[start + 1] === b[start];
  if (left[0] === 1 && left[1] === 1) return a.length >= replaced;
  return left[0] === 0 || left[1] === 0;
}
