// A budget in words: what it holds and the most it may, in what it counts. It decides nothing.
import type { BudgetView } from "../runtime/doors/views.ts";
import { countText, dollars, numberText } from "./render.ts";

export interface BudgetTexts {
  /** Money or bytes; empty for a budget of neither. */
  readonly amount: string;
  readonly counted: string;
  /** The fullest of its ceilings, from 0. */
  readonly used: number;
}

export function budgetTexts(budget: BudgetView): BudgetTexts {
  const { calls, max_calls, unit } = budget;
  const isBytes = unit === "bytes";
  const spent = Number(isBytes ? budget.bytes : budget.spent_usd);
  const limit = isBytes ? budget.max_bytes : budget.max_usd;
  const most = limit === null ? null : Number(limit);
  const text = (amount: number): string => (isBytes ? countText(amount, "byte") : dollars(amount));
  const amount = unit === "values" ? "" : most === null ? text(spent) : `${text(spent)} of ${text(most)}`;
  const what = unit === "values" ? "value" : "call";
  const counted = max_calls === null ? countText(calls, what) : `${numberText(calls)} of ${countText(max_calls, what)}`;
  return { amount, counted, used: Math.max(most ? spent / most : 0, max_calls ? calls / max_calls : 0) };
}
