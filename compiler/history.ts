// What conditions look back at: history_…, deny_count_within, session.sum and session.count, read from calls into queries.
// Pure; it says what is wrong with a call and leaves patterns to be checked where all patterns are.
import type { Agent, Expr, Pattern, Value } from "./ast.ts";
import { parseDuration } from "./parse/quantity.ts";

export type Query =
  /** Windows in microseconds; null means the whole session. */
  | { readonly kind: "count"; readonly pattern: Pattern; readonly windowUs: number | null }
  | { readonly kind: "sum"; readonly pattern: Pattern; readonly path: string; readonly windowUs: number | null }
  | { readonly kind: "within"; readonly pattern: Pattern; readonly windowUs: number }
  | { readonly kind: "sequence"; readonly patterns: readonly Pattern[] }
  | { readonly kind: "denials"; readonly windowUs: number };

export type QueryReading =
  | { readonly ok: true; readonly query: Query }
  | { readonly ok: false; readonly message: string; readonly help: string };

/** Functions that look back, and how each is written. */
export const historyFunctions: Readonly<Record<string, string>> = {
  history_tool_count: 'history_tool_count("stripe/*")',
  history_contains_within: 'history_contains_within("stripe/*", 10m)',
  history_sequence: 'history_sequence("crm/read", "mail/send")',
  deny_count_within: "deny_count_within(10m)",
};

const sessionMethods: Readonly<Record<string, string>> = {
  sum: "session.sum(stripe/refund.amount, window=1h)",
  count: "session.count(stripe/*, window=1h)",
};

/** Null for an expression that does not look back. */
export function readQuery(expr: Expr): QueryReading | null {
  if (expr.kind === "call" && Object.hasOwn(historyFunctions, expr.name)) {
    return readCall(expr.name, expr.arguments as readonly Value[], historyFunctions[expr.name] ?? "");
  }
  if (expr.kind !== "method" || !Object.hasOwn(sessionMethods, expr.name)) return null;
  const { receiver } = expr;
  if (receiver.kind !== "name" || receiver.path.length !== 1 || receiver.path[0] !== "session") return null;
  return readCall(`session.${expr.name}`, expr.arguments as readonly Value[], sessionMethods[expr.name] ?? "");
}

/** Whether the answer is true or false; the others are numbers. */
export function isTruth(query: Query): boolean {
  return query.kind === "within" || query.kind === "sequence";
}

function readCall(name: string, inputs: readonly Value[], example: string): QueryReading {
  const wrong = (message: string): QueryReading => ({ ok: false, message, help: `write ${example}` });
  const [first, second] = inputs;
  const pattern = patternOf(first);
  if (name === "history_sequence") {
    const patterns = inputs.flatMap((input) => patternOf(input) ?? []);
    if (patterns.length < 2 || patterns.length !== inputs.length)
      return wrong("`history_sequence` takes tool patterns");
    return { ok: true, query: { kind: "sequence", patterns } };
  }
  if (name === "deny_count_within") {
    const windowUs = windowOf(first);
    if (windowUs === null || inputs.length !== 1) return wrong("`deny_count_within` takes a time");
    return { ok: true, query: { kind: "denials", windowUs } };
  }
  if (pattern === null) return wrong(`\`${name}\` takes a tool pattern`);
  if (name === "history_contains_within") {
    const windowUs = windowOf(second);
    if (windowUs === null || inputs.length !== 2) return wrong(`\`${name}\` takes a tool pattern and a time`);
    return { ok: true, query: { kind: "within", pattern, windowUs } };
  }
  const takesWindow = name !== "history_tool_count";
  const windowUs = windowOf(second);
  if (inputs.length > (takesWindow ? 2 : 1)) {
    return wrong(`\`${name}\` takes a tool pattern${takesWindow ? " and a window" : ", and nothing else"}`);
  }
  if (second !== undefined && windowUs === null) return wrong(`the window of \`${name}\` is a time`);
  if (name !== "session.sum") return { ok: true, query: { kind: "count", pattern, windowUs } };
  const split = splitArgument(pattern);
  if (split === null) return wrong("`session.sum` takes a tool and, behind a dot, an argument");
  return { ok: true, query: { kind: "sum", ...split, windowUs } };
}

function patternOf(value: Value | undefined): Pattern | null {
  return value?.kind === "word" || value?.kind === "string" ? { text: value.value, span: value.span } : null;
}

/** A duration, bare or quoted, or a number of seconds. */
function windowOf(value: Value | undefined): number | null {
  const isTime = value?.kind === "number" && (value.unit === "plain" || value.unit === "duration");
  const seconds = isTime ? value.value : value?.kind === "string" ? parseDuration(value.value) : null;
  const us = seconds === null ? 0 : Math.round(seconds * 1e6);
  return us > 0 ? us : null;
}

/** "stripe/refund.amount": the argument begins behind the first dot that follows the last slash. */
function splitArgument({ text, span }: Pattern): { pattern: Pattern; path: string } | null {
  const dot = text.indexOf(".", text.lastIndexOf("/") + 1);
  const path = dot < 0 ? "" : text.slice(dot + 1).replace(/^args\./, "");
  return isArgumentPath(path) ? { pattern: { text: text.slice(0, dot), span }, path } : null;
}

/** "a.b[0]": names and list positions. */
export function isArgumentPath(text: string): boolean {
  return /^[A-Za-z_][\w-]*(\[\d{1,6}\])*(\.[A-Za-z_][\w-]*(\[\d{1,6}\])*)*$/.test(text);
}

export function patternsOfQuery(query: Query): readonly Pattern[] {
  if (query.kind === "denials") return [];
  return query.kind === "sequence" ? query.patterns : [query.pattern];
}

/** The name under which sessions keep what the query asks for: equal queries share it, under any policy. */
export function queryText(query: Query): string {
  const words: (string | number)[] = [query.kind];
  if ("windowUs" in query && query.windowUs !== null) words.push(query.windowUs);
  words.push(...patternsOfQuery(query).map(({ text }) => text));
  if (query.kind === "sum") words.push(query.path);
  return words.join(" ");
}

/** Every query of an agent's conditions, those of its phases too; each text once. */
export function queriesOf(agent: Agent): Query[] {
  const found = new Map<string, Query>();
  const look = (expr: Expr): void => {
    const reading = readQuery(expr);
    if (reading?.ok === true) found.set(queryText(reading.query), reading.query);
    else for (const part of partsOf(expr)) look(part);
  };
  for (const rule of [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)]) {
    if (rule.condition !== null) look(rule.condition);
  }
  return [...found.values()];
}

/** The expressions that an expression is made of. */
export function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case "not":
    case "negate":
      return [expr.operand];
    case "logical":
    case "compare":
    case "arithmetic":
      return [expr.left, expr.right];
    case "call":
      return expr.arguments;
    case "method":
      return [expr.receiver, ...expr.arguments];
    default:
      return [];
  }
}
