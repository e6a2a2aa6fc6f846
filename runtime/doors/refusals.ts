// What both doors of agents do besides decisions: tell the state of an approval, and write down what was refused or did not
// arrive. It must never change what was decided.

import type { FloodGate } from "../flood.ts";
import type { Governor } from "../governor.ts";
import type { JsonObject } from "../json.ts";
import { stampOf } from "../policy.ts";
import type { GovernAnswer, PollDeferAnswer } from "./agent-protocol.ts";

/** The state of an approval of `agentId`; null: of any agent. Another's is unknown. */
export function deferStatus(governor: Governor, token: string, agentId: string | null): PollDeferAnswer {
  const approval = governor.approvals.get(token);
  const isForeign = agentId !== null && agentId !== approval?.agentId;
  if (approval === null || isForeign) return { defer_token: token.slice(0, 64), status: "unknown" };
  const isOver = approval.expiresUs <= governor.ledger.clock.now().wallUs;
  const isOpen = approval.status === "pending" || approval.status === "approved";
  if (isOpen && isOver) return { defer_token: token, status: "expired" };
  return { defer_token: token, status: approval.status === "used" ? "approved" : approval.status };
}

/** An agent asked for what is an operator's. Resolves when that is on disk; floods are not written down. */
export async function recordOperatorRefused(governor: Governor, gate: FloodGate, detail: JsonObject): Promise<void> {
  const { ledger, policies } = governor;
  const reading = ledger.clock.now();
  if (!ledger.isUsable || !gate.admit(reading.wallUs)) return;
  const { seq } = ledger.append("mark", stampOf(policies.active), { kind: "operator_refused", detail }, reading);
  await ledger.durable(seq);
}

/** The caller is gone: the record of its permit stands, and this one says that nobody was told. */
export function recordUndelivered({ ledger, policies, journal }: Governor, answer: Partial<GovernAnswer>): void {
  const { effect, action_id } = answer;
  if (effect !== "PERMIT" || typeof action_id !== "string" || !ledger.isUsable) return;
  try {
    ledger.append("outcome", stampOf(policies.active), { action_id, status: "undelivered" }, ledger.clock.now());
  } catch (error) {
    journal.warn({ err: error, action_id }, "an undelivered answer could not be recorded");
  }
}
