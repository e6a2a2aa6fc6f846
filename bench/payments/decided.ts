// Calls of the workload "payments" as the daemon has read them, and what was said of them: what the log is given.
import type { Judgement } from "../../runtime/answer.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { type Call, readCall } from "../../runtime/request.ts";
import { requests } from "./workload.ts";

export const calls: readonly Call[] = requests.map((request) => {
  const message = { type: "govern", call_id: "call-000001", ...request } as unknown as JsonObject;
  const read = readCall(message, false);
  if (!read.ok) throw new Error(read.refused.message);
  return read.call;
});

const reason = "permitted by the rule at bench.fms:6";

export const judgement: Judgement = {
  effect: "permit",
  code: "POLICY_PERMIT",
  reason,
  verdict: { effect: "permit", code: "POLICY_PERMIT", reason, rule: 1, rule_ref: "bench.fms:6", cause: null },
  approvalId: null,
  used: [],
};
