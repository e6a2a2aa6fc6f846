// What a condition can ask of the session's past: its permitted calls, this one not among them, and its denied ones.
// The answers are numbers, true or false; they are never unknown.
import type { Agent, Expr } from "../../compiler/ast.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import { globMatches } from "./glob.ts";
import type { Call } from "./name.ts";
import type { Permitted } from "./session.ts";
import { boolOf, type Found, numberOf } from "./value.ts";
import { stepsOf, walk } from "./walk.ts";

/** Calls of one query inside its window, beyond which a permit is refused. */
const WINDOW_EVENTS = 1_024;
const AMOUNT_MAX_MICRO = 2n ** 62n - 1n;

export interface Query {
  readonly name: string;
  readonly patterns: readonly string[];
  /** Of `session.sum`: the path of the argument. */
  readonly path: string | null;
  readonly windowSeconds: number | null;
}

/** The query that an expression is; null when it asks nothing of the past. */
export function queryOf(expr: Expr): Query | null {
  if (expr.kind === "call" && (expr.name.startsWith("history_") || expr.name === "deny_count_within")) {
    const words = expr.arguments.flatMap((one) => (one.kind === "string" || one.kind === "word" ? [one.value] : []));
    return { name: expr.name, patterns: words, path: null, windowSeconds: secondsOf(expr.arguments) };
  }
  if (expr.kind !== "method" || expr.receiver.kind !== "name" || expr.receiver.path.join() !== "session") return null;
  const [what] = expr.arguments;
  const text = what?.kind === "string" || what?.kind === "word" ? what.value : "";
  const windowSeconds = secondsOf(expr.arguments);
  if (expr.name === "count") return { name: "count", patterns: [text], path: null, windowSeconds };
  if (expr.name !== "sum") return null;
  const dot = text.indexOf(".", text.lastIndexOf("/") + 1);
  return {
    name: "sum",
    patterns: [text.slice(0, dot)],
    path: text.slice(dot + 1).replace(/^args\./, ""),
    windowSeconds,
  };
}

/** Every query of a condition. */
function queriesIn(expr: Expr): Query[] {
  const query = queryOf(expr);
  if (query !== null) return [query];
  switch (expr.kind) {
    case "not":
    case "negate":
      return queriesIn(expr.operand);
    case "logical":
    case "compare":
    case "arithmetic":
      return [...queriesIn(expr.left), ...queriesIn(expr.right)];
    case "call":
      return expr.arguments.flatMap(queriesIn);
    case "method":
      return [expr.receiver, ...expr.arguments].flatMap(queriesIn);
    default:
      return [];
  }
}

/** What an agent's rules ask of the past. */
export function queriesOfAgent(agent: Agent): Query[] {
  return [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)].flatMap((rule) =>
    rule.condition === null ? [] : queriesIn(rule.condition),
  );
}

function secondsOf(args: readonly Expr[]): number | null {
  return args.find((one) => one.kind === "number")?.value ?? null;
}

export function answerQuery(call: Call, query: Query): Found {
  const [pattern = ""] = query.patterns;
  switch (query.name) {
    case "history_tool_count":
      return numberOf(matching(call, pattern, null).length);
    case "history_contains_within":
      return boolOf(matching(call, pattern, query.windowSeconds).length > 0);
    case "history_sequence":
      return boolOf(inSequence(query.patterns, call.permitted));
    case "deny_count_within":
      return numberOf(
        Math.min(call.denied.filter((at) => inside(call, at, query.windowSeconds)).length, WINDOW_EVENTS),
      );
    case "count":
      return numberOf(matching(call, pattern, query.windowSeconds).length);
    case "sum": {
      const amounts = matching(call, pattern, query.windowSeconds).map((one) => microAmount(one, query.path ?? ""));
      return numberOf(Number(amounts.reduce((sum, amount) => capped(sum + amount), 0n)) / 1e6);
    }
    default:
      throw new Error(`the oracle does not know the query ${query.name}`);
  }
}

/** True when a permit of this call would be one event more than the windows of its agent's queries can hold. */
export function isFull(call: Call, queries: readonly Query[]): boolean {
  return queries.some(
    ({ name, patterns, windowSeconds }) =>
      (name === "count" || name === "sum") &&
      windowSeconds !== null &&
      globMatches(patterns[0] ?? "", call.request.tool_id) &&
      matching(call, patterns[0] ?? "", windowSeconds).length >= WINDOW_EVENTS,
  );
}

function matching(call: Call, pattern: string, seconds: number | null): Permitted[] {
  return call.permitted.filter((one) => globMatches(pattern, one.tool) && inside(call, one.atUs, seconds));
}

function inside(call: Call, atUs: bigint, seconds: number | null): boolean {
  return seconds === null || call.nowUs - atUs < BigInt(Math.round(seconds * 1_000_000));
}

/** Each pattern by a later call than the one before it; other calls may lie between. */
function inSequence(patterns: readonly string[], calls: readonly Permitted[]): boolean {
  const [first, ...rest] = patterns;
  if (first === undefined) return true;
  const at = calls.findIndex((one) => globMatches(first, one.tool));
  return at >= 0 && inSequence(rest, calls.slice(at + 1));
}

/** Rounded half away from zero; what is no number is nothing. */
function microAmount(one: Permitted, path: string): bigint {
  const found = walk(one.args, stepsOf(path));
  const value = found instanceof JsonNumber ? found.value : found;
  if (typeof value !== "number" || !Number.isFinite(value)) return 0n;
  const size = Math.floor(Math.abs(value) * 1e6 + 0.5);
  return capped(BigInt(value < 0 ? -size : size));
}

function capped(micro: bigint): bigint {
  if (micro > AMOUNT_MAX_MICRO) return AMOUNT_MAX_MICRO;
  return micro < -AMOUNT_MAX_MICRO ? -AMOUNT_MAX_MICRO : micro;
}
