// What a call cost in truth, against what was reserved for it: the difference goes to the budgets, in the machine. An agent's word can
// only raise; an operator's settles either way. It must never move a budget without a record that says by how much.
import type { Action, Charge } from "./actions.ts";
import { formatTime, parseTime } from "./clock.ts";
import { JsonNumber } from "./evaluator/number.ts";
import type { BudgetDelta, Policy } from "./evaluator/types.ts";
import type { Json, JsonObject } from "./json.ts";

/** Dollars. No single call costs more. */
const costLimitUsd = 1_000_000_000;
const microPerDollar = 1_000_000;

/** Whole micro-dollars, rounded up; null for what is no cost. */
export function microOf(cost: Json | undefined): number | null {
  const dollars = cost instanceof JsonNumber ? cost.value : cost;
  if (typeof dollars !== "number" || !(dollars >= 0 && dollars <= costLimitUsd)) return null;
  // As the machine rounds: a billionth of a cent is noise of the binary form of a decimal price.
  const micro = Math.ceil(Math.floor(dollars * microPerDollar * 1000 + 0.5) / 1000);
  return dollars > 0 ? Math.max(micro, 1) : 0;
}

/** By how much each budget is off; none where nothing is. */
export function deltasFor(action: Action, micro: number, mayLower: boolean): readonly BudgetDelta[] {
  return action.charges.flatMap(([id, held]): BudgetDelta[] => {
    const delta = micro - held;
    return delta === 0 || (delta < 0 && !mayLower) ? [] : [[id, delta]];
  });
}

export interface CostChange {
  readonly change: "reported" | "settled" | "returned";
  readonly costUsd: Json;
  readonly budgets: readonly Charge[];
  readonly calls: 0 | -1;
  readonly actor: string | null;
}

export function costBody(
  actionId: string,
  action: Action,
  { change, costUsd, budgets, calls, actor }: CostChange,
): JsonObject {
  return {
    action_id: actionId,
    agent_id: action.agentId,
    session_id: action.sessionId,
    tool: action.tool,
    called_at: formatTime(action.timeUs),
    change,
    cost_usd: costUsd,
    budgets: budgets.map(([id, delta]) => [id, delta]),
    calls,
    actor,
  };
}

/** Moves the budgets of `policy` as a `cost` record says: just appended, or read back from the log. Throws what `Policy.settle` throws. */
export function chargeCost(policy: Policy, body: JsonObject): void {
  const { agent_id, session_id, called_at, budgets, calls } = body;
  const calledUs = typeof called_at === "string" ? parseTime(called_at) : undefined;
  if (typeof agent_id !== "string" || typeof session_id !== "string" || calledUs === undefined) return;
  const deltas = Array.isArray(budgets) ? (budgets as readonly BudgetDelta[]) : [];
  policy.settle({ agent_id, session_id }, deltas, { calledAt: calledUs / 1000, calls: calls === -1 ? -1 : 0 });
}
