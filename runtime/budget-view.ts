// A budget as answers of the daemon show it: money in dollars, bytes apart from it. It counts nothing.
import type { BudgetView } from "./doors/views.ts";
import type { BudgetState } from "./evaluator/types.ts";

const microPerDollar = 1_000_000;

export function budgetView({ id, session, unit, spent_micro, max_micro, calls, max_calls }: BudgetState): BudgetView {
  const ofBytes = unit === "bytes";
  return {
    id,
    session: session === "" ? null : session,
    unit,
    spent_usd: ofBytes ? 0 : spent_micro / microPerDollar,
    max_usd: ofBytes || max_micro === null ? null : max_micro / microPerDollar,
    bytes: ofBytes ? spent_micro : null,
    max_bytes: ofBytes ? max_micro : null,
    calls,
    max_calls,
  };
}
