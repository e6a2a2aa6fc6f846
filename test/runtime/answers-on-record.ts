// Holds what agents were answered, and what the daemon says that it has charged, against the records of the log.
import * as assert from "uvu/assert";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { readRecords } from "../../runtime/log/read.ts";
import type { Call } from "./client-load.ts";

/** Decisions on record, by action_id. */
export async function decisionsOf(walDir: string): Promise<Map<string, JsonObject>> {
  const decisions = new Map<string, JsonObject>();
  for await (const { value } of readRecords(walDir)) {
    if (value.type === "decision") decisions.set(String(value.action_id), value);
  }
  return decisions;
}

/** Answers that the records do not bear out. */
export const lost = (answers: readonly GovernAnswer[], decisions: ReadonlyMap<string, JsonObject>): string[] =>
  answers.flatMap(({ action_id, effect, reason_code }) => {
    const { effect: recorded = "nothing", code = "" } = decisions.get(String(action_id)) ?? {};
    const [said, kept] = [`${effect.toLowerCase()} ${reason_code}`, `${recorded} ${code}`];
    return said === kept ? [] : [`${action_id}: ${said} was answered, ${kept} is on record`];
  });

/** What the daemon says of its budgets against what the records say was permitted. */
export async function assertBudgets(
  dir: string,
  calls: ReadonlyMap<string, Call>,
  decisions: ReadonlyMap<string, JsonObject>,
): Promise<void> {
  const { budgets } = await askOperator(dir, "status", {});
  let spentCents = 0;
  const permitted: Record<string, number> = { pay: 0, search: 0 };
  for (const { effect, tool, call_id } of decisions.values()) {
    if (effect !== "permit") continue;
    permitted[String(tool)] = (permitted[String(tool)] ?? 0) + 1;
    if (tool === "pay") spentCents += Math.round((calls.get(String(call_id))?.args.amount ?? Number.NaN) * 100);
  }
  const [spend, runs] = ["spend", "runs"].map((id) => budgets.find((budget) => budget.id.endsWith(id)));
  assert.equal([spend?.spent_usd, spend?.calls], [spentCents / 100, permitted.pay]);
  assert.is(runs?.calls, permitted.search);
}

/** That on each connection nothing but AUDIT_UNAVAILABLE comes behind the first of them; how many there were. */
export function assertRefusedFromThen(connections: readonly (readonly GovernAnswer[])[]): number {
  let refused = 0;
  for (const answers of connections) {
    const first = answers.findIndex(({ reason_code }) => reason_code === "AUDIT_UNAVAILABLE");
    if (first < 0) continue;
    const codes = answers.slice(first).map(({ effect, reason_code }) => `${effect} ${reason_code}`);
    assert.equal([...new Set(codes)], ["DENY AUDIT_UNAVAILABLE"]);
    refused += codes.length;
  }
  return refused;
}
