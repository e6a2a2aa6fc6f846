// Budgets: what a call costs, whether it still fits, and what has been spent, counter by counter in a plain map.
import type { Budget, Name, Value } from "../../compiler/ast.ts";
import { globMatches } from "./glob.ts";
import { exactFraction, microDollars } from "./money.ts";
import { type Call, readName, sessionOf } from "./name.ts";
import { windowNumber } from "./timezone.ts";

const DAY_US = 86_400_000_000n;

/** A session without a permitted call for this long is over, and its budget begins again. */
const SESSION_IDLE_US = 86_400_000_000n;

const COST_MAX_MICRO = 2n ** 53n;

interface Counter {
  /** Time of the last permitted call. */
  readonly atUs: bigint;
  readonly window: bigint;
  readonly calls: bigint;
  readonly spent: bigint;
  readonly warned: boolean;
  readonly day: bigint;
  readonly daySpent: bigint;
}

export interface BudgetAnswer {
  readonly id: string;
  readonly exceeded: "deny" | "defer" | "audit" | null;
  readonly warns: boolean;
  /** Null for what is counted in bytes or values. */
  readonly costMicro: bigint | null;
  readonly take: () => void;
}

export class BudgetBook {
  private readonly counters = new Map<string, Counter>();

  /** What this budget says of the call; nothing is changed. "unknown cost" when the declared cost is no amount. */
  ask(call: Call, budget: Budget): BudgetAnswer | "unknown cost" {
    const cost = costOf(call, budget);
    if (cost === null) return "unknown cost";
    const window = windowUsOf(budget);
    const session = window === "session" ? sessionOf(call.request) : null;
    const key = JSON.stringify([call.request.agent_id, budget.id, session]);
    const before = current(this.counters.get(key), window, call);
    const after = { ...before, calls: before.calls + 1n, spent: before.spent + cost, daySpent: before.daySpent + cost };
    const max = moneyOf(budget, "max");
    const daily = moneyOf(budget, "daily");
    const maxCalls = plainOf(budget, "max_calls");
    const over =
      (max !== null && after.spent > max) ||
      (daily !== null && after.daySpent > daily) ||
      (maxCalls !== null && after.calls > BigInt(maxCalls));
    const warns = !before.warned && max !== null && reaches(after.spent, max, plainOf(budget, "warn_at"));
    return {
      id: budget.id,
      exceeded: over ? onExceed(budget) : null,
      warns,
      costMicro: cost,
      take: () => this.counters.set(key, { ...after, warned: before.warned || warns, atUs: call.nowUs }),
    };
  }
}

export function budgetCovers(budget: Budget, tool: string): boolean {
  const tools = literalOf(budget, "tools");
  if (tools === null) return true;
  const patterns = tools.kind === "list" ? tools.items : [tools];
  return patterns.some((p) => (p.kind === "string" || p.kind === "word") && globMatches(p.value, tool));
}

/** The declared cost: a name or a literal; null when there is none. */
export function budgetCost(budget: Budget): Name | Value | null {
  return budget.fields.find((f) => f.name === "cost")?.value ?? null;
}

/** Micro-dollars; null when the cost cannot be known or is too large to be counted exactly. */
function costOf(call: Call, budget: Budget): bigint | null {
  const dollars = dollarsOf(call, budgetCost(budget));
  if (dollars === null || !(dollars >= 0)) return null;
  const cost = microDollars(dollars);
  return cost <= COST_MAX_MICRO ? cost : null;
}

function dollarsOf(call: Call, declared: Name | Value | null): number | null {
  if (declared === null) return call.request.cost_usd ?? 0;
  if (declared.kind === "number") return declared.value;
  if (declared.kind !== "name") return null;
  const found = readName(call, declared);
  return found.kind === "number" ? found.value : null;
}

/** The counters as they stand now: a window or a day that has ended starts again from nothing. */
function current(found: Counter | undefined, length: bigint | "session", { zone, nowUs }: Call): Counter {
  const day = windowNumber(zone, DAY_US, nowUs);
  const window = length === "session" ? 0n : windowNumber(zone, length, nowUs);
  if (found === undefined) return { atUs: nowUs, window, calls: 0n, spent: 0n, warned: false, day, daySpent: 0n };
  const sameDay = found.day === day ? found : { ...found, day, daySpent: 0n };
  const over = length === "session" ? nowUs - found.atUs >= SESSION_IDLE_US : found.window !== window;
  return over ? { ...sameDay, window, calls: 0n, spent: 0n, warned: false } : sameDay;
}

function reaches(spent: bigint, max: bigint, fraction: number | null): boolean {
  if (fraction === null) return false;
  const { numerator, denominator } = exactFraction(fraction);
  return spent * denominator >= max * numerator;
}

function windowUsOf(budget: Budget): bigint | "session" {
  const window = literalOf(budget, "window");
  if (window !== null && window.kind === "number") return BigInt(Math.round(window.value * 1_000_000));
  return budget.id === "session" ? "session" : DAY_US;
}

function onExceed(budget: Budget): "deny" | "defer" | "audit" {
  const value = literalOf(budget, "on_exceed");
  const word = value !== null && (value.kind === "string" || value.kind === "word") ? value.value : "deny";
  return word === "defer" || word === "audit" ? word : "deny";
}

function moneyOf(budget: Budget, field: string): bigint | null {
  const dollars = plainOf(budget, field);
  return dollars === null ? null : microDollars(dollars);
}

function plainOf(budget: Budget, field: string): number | null {
  const value = literalOf(budget, field);
  return value !== null && value.kind === "number" ? value.value : null;
}

function literalOf(budget: Budget, field: string): Value | null {
  const value = budget.fields.find((f) => f.name === field)?.value;
  return value === undefined || value.kind === "name" ? null : value;
}
