// Limits and budgets that can never bind, and rules whose answer another rule behind them gives as well. Only what holds of every
// call is said; what was beyond the bounds is told as unknown.
import type { Agent, Budget, RateLimit, Rule } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { patternsOf } from "./access.ts";
import { clausesOf, type Subject } from "./clauses.ts";
import { type Decided, Space } from "./decision.ts";
import { Beyond, NEVER } from "./diagram.ts";
import { FormulaReader } from "./formula.ts";
import { POLICY_STEPS_MAX } from "./limits.ts";
import type { Patterns } from "./patterns.ts";
import { Places } from "./place.ts";
import { type ToolClass, toolClasses } from "./tool-classes.ts";
import type { Unknowns } from "./unknown.ts";

/** Limits of one agent that are compared with each other. */
const LIMITS_COMPARED_MAX = 500;

/** Classes of tools of which some call may be permitted. */
interface Reachable {
  /** Those of which some call is, or may be by a person. */
  readonly sure: readonly ToolClass[];
  /** These and those that were beyond the bounds. */
  readonly all: readonly ToolClass[];
  /** Which bound; "" where nothing was beyond one. */
  readonly why: string;
}

/** Limits and budgets of an agent; those that a pack brought in are the pack's to mend. */
export function idleLimits(
  subject: Subject & { readonly agent: Agent },
  id: string | null,
  patterns: Patterns,
  budget: { steps: number },
  unknowns: Unknowns,
): Finding[] {
  const { agent } = subject;
  const limits = agent.rateLimits.filter(({ origin }) => origin === undefined);
  const budgets = agent.budgets.filter(({ origin }) => origin === undefined);
  if (limits.length + budgets.length === 0) return [];
  const named = [
    ...agent.rateLimits.map(({ pattern }) => pattern.text),
    ...budgets.flatMap((one) => toolsOf(one) ?? []),
  ];
  let classes: readonly ToolClass[];
  try {
    classes = toolClasses([...patternsOf(agent), ...named]);
  } catch (error) {
    if (!(error instanceof Beyond)) throw error;
    for (const limit of limits) unknowns.noteLimit(limitWords(limit), error.message, limit.span);
    for (const one of budgets) unknowns.noteLimit(budgetWords(one), error.message, one.span);
    return [];
  }
  const reachable = reachableOf(classes, subject, id, patterns, budget);
  return [
    ...limitFindings(limits, agent.rateLimits, reachable, unknowns),
    ...budgetFindings(budgets, reachable, unknowns),
  ];
}

function reachableOf(
  classes: readonly ToolClass[],
  subject: Subject,
  id: string | null,
  patterns: Patterns,
  budget: { steps: number },
): Reachable {
  const sure: ToolClass[] = [];
  const all: ToolClass[] = [];
  let why = "";
  for (const tools of classes) {
    try {
      if (!mayGoOn(subject, id, tools, patterns, budget)) continue;
      sure.push(tools);
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
      why = error.message;
    }
    all.push(tools);
  }
  return { sure, all, why };
}

/** Whether some call of the class is permitted, or may be by a person. Throws Beyond. */
function mayGoOn(
  subject: Subject,
  id: string | null,
  tools: ToolClass,
  patterns: Patterns,
  budget: { steps: number },
): boolean {
  if (budget.steps > POLICY_STEPS_MAX) throw new Beyond("the policy is too large");
  const places = new Places();
  const setting = { tool: tools.isSingle ? tools.example : null, agent: id, zone: subject.zone };
  const clauses = clausesOf(subject, tools, places, new FormulaReader(places, setting, patterns));
  const space = new Space(places.ordered());
  try {
    const { effects } = space.decision(clauses);
    return effects.permit !== NEVER || effects.defer !== NEVER;
  } finally {
    budget.steps += space.diagrams.steps;
  }
}

function limitFindings(
  own: readonly RateLimit[],
  all: readonly RateLimit[],
  reachable: Reachable,
  unknowns: Unknowns,
): Finding[] {
  return own.flatMap((limit): Finding[] => {
    const counted = (classes: readonly ToolClass[]) => classes.filter((one) => one.patterns.has(limit.pattern.text));
    const [sure, possible] = [counted(reachable.sure), counted(reachable.all)];
    const what = limitWords(limit);
    if (possible.length === 0) return [unreached(what, limit)];
    if (all.length > LIMITS_COMPARED_MAX) {
      unknowns.noteLimit(what, `more than ${LIMITS_COMPARED_MAX} limits of one agent are not compared`, limit.span);
      return [];
    }
    const tighterOf = (classes: readonly ToolClass[]) =>
      all.find((other) => isTighter(other, limit, all) && covers(other, classes));
    const tighter = tighterOf(possible);
    // With what was beyond the bounds out of reach, it might be idle.
    if (tighter === undefined) {
      const isOpen = possible.length > sure.length && (sure.length === 0 || tighterOf(sure) !== undefined);
      if (isOpen) unknowns.noteLimit(what, reachable.why, limit.span);
      return [];
    }
    return [
      {
        code: "FMS084",
        message: `${what} can never bind: another one is always reached before it`,
        span: limit.span,
        help: "remove it, or make it the tighter one",
        related: [{ message: "the limit that is reached first", span: tighter.span }],
      },
    ];
  });
}

/** Buckets of no more tokens that fill no faster; of two alike the first one counts. */
function isTighter(other: RateLimit, limit: RateLimit, all: readonly RateLimit[]): boolean {
  if (other === limit) return false;
  const isSlower = other.count * limit.windowMs <= limit.count * other.windowMs;
  const isAlike = other.count === limit.count && other.windowMs === limit.windowMs;
  return other.count <= limit.count && isSlower && (!isAlike || all.indexOf(other) < all.indexOf(limit));
}

function covers(other: RateLimit, counted: readonly ToolClass[]): boolean {
  return counted.every(({ patterns }) => patterns.has(other.pattern.text));
}

function budgetFindings(own: readonly Budget[], reachable: Reachable, unknowns: Unknowns): Finding[] {
  return own.flatMap((budget): Finding[] => {
    const tools = toolsOf(budget);
    const counts = ({ patterns }: ToolClass): boolean => tools === null || tools.some((text) => patterns.has(text));
    if (reachable.sure.some(counts)) return [];
    if (!reachable.all.some(counts)) return [unreached(budgetWords(budget), budget)];
    unknowns.noteLimit(budgetWords(budget), reachable.why, budget.span);
    return [];
  });
}

function limitWords({ pattern }: RateLimit): string {
  return `the limit of \`${pattern.text}\``;
}

function budgetWords({ id }: Budget): string {
  return `the budget \`${id}\``;
}

function unreached(what: string, { span }: Budget | RateLimit): Finding {
  return {
    code: "FMS084",
    message: `${what} can never bind: no call of its tools is permitted or deferred`,
    span,
    help: "permit a tool that it counts, or remove it",
  };
}

/** Null for every tool. */
function toolsOf({ fields }: Budget): string[] | null {
  const value = fields.find(({ name }) => name === "tools")?.value;
  if (value === undefined || value.kind === "name") return null;
  const items = value.kind === "list" ? value.items : [value];
  return items.flatMap((item) => (item.kind === "string" || item.kind === "word" ? [item.value] : []));
}

/**
 * The rules behind one that would answer all that it decides as it does: without it nothing would change. Null where some call
 * would be answered otherwise, or by a default, which the author may not want to lean on.
 */
export function standIns({ diagrams }: Space, one: Decided, behind: readonly Decided[]): Rule[] | null {
  let left = one.decides;
  if (left === NEVER) return null;
  const found: Rule[] = [];
  for (const { clause, holds } of behind) {
    const rest = diagrams.minus(left, holds);
    if (rest === left) continue;
    if (clause.effect !== one.clause.effect || typeof clause.source === "string") return null;
    found.push(clause.source);
    left = rest;
    if (left === NEVER) return found;
  }
  return null;
}
