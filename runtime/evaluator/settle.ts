// The true cost of a call that was permitted before: what its budgets hold of it is corrected. It never judges, and what belongs to
// a window that is over stays as it was.
import type { HostSection } from "../../compiler/lower/lower.ts";
import type { ImageReader } from "./image.ts";
import { budgetsOfAgent } from "./image-host.ts";
import type { Machine } from "./machine.ts";
import type { BudgetDelta, SessionName, Settlement } from "./types.ts";

/** Whether any budget held something of the call. The names are those of a recorded decision, the deltas whole and exact. */
export function settleBudgets(
  machine: Machine,
  image: ImageReader,
  host: HostSection,
  call: SessionName,
  deltas: readonly BudgetDelta[],
  { calledAt, calls }: Settlement,
): boolean {
  const { agent_id, session_id = "default" } = call;
  const agent = image.agentOf(agent_id);
  if (agent === null) return false;
  machine.calls.caller?.(machine.writeName(0, agent_id), machine.writeName(1, session_id));
  let changed = false;
  for (const budget of budgetsOfAgent(image, host, agent)) {
    const delta = deltas.find(([id]) => id === image.budgetId(budget))?.[1];
    if (delta !== undefined && machine.calls.settle?.(budget, Math.floor(calledAt * 1000), delta, calls) === 1)
      changed = true;
  }
  return changed;
}
