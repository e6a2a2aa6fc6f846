// What one record adds to the money in budgets: a permit what it reserved, a correction its difference. Pure.
import { chargesOf } from "../runtime/decision-record.ts";
import type { Json, JsonObject } from "../runtime/json.ts";

/** Micro-dollars: of several budgets that count the same call, the most that one of them took. */
export function costOf(record: JsonObject): number {
  if (record.type === "decision") return largest(chargesOf(record.steps ?? null));
  return record.type === "cost" ? largest(record.budgets as Json) : 0;
}

/** By size, with its sign. */
function largest(charges: Json): number {
  if (!Array.isArray(charges)) return 0;
  let most = 0;
  for (const charge of charges as readonly Json[]) {
    const micro = Array.isArray(charge) && typeof charge[1] === "number" ? charge[1] : 0;
    if (Math.abs(micro) > Math.abs(most)) most = micro;
  }
  return most;
}
