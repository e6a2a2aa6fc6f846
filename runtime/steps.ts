// The steps of a decision in their order, and at which of them a call was decided. Names for records and for people: nothing is decided
// by them.
import type { Judgement } from "./answer.ts";
import type { Code } from "./codes.ts";
import type { RuleInfo } from "./evaluator/types.ts";

export const decisionSteps = [
  "ready",
  "agent",
  "identity",
  "session",
  "model",
  "deny!",
  "phases",
  "rules",
  "egress",
  "ambient",
  "rates",
  "budgets",
  "redaction",
  "record",
  "credential",
  "answer",
] as const;
export type DecisionStep = (typeof decisionSteps)[number];

/** Approvals are looked for where a rule, the default or a budget defers; `stepOf` tells these apart. */
const stepByCode: Readonly<Record<Code, DecisionStep>> = {
  BAD_REQUEST: "ready",
  BAD_TOOL_NAME: "ready",
  DAEMON_NOT_READY: "ready",
  AUDIT_UNAVAILABLE: "ready",
  UNKNOWN_AGENT: "agent",
  KILL_SWITCH: "agent",
  AGENT_QUIESCED: "agent",
  CALL_ID_REUSED: "agent",
  IDENTITY_UNVERIFIED: "identity",
  DELEGATION_DENIED: "identity",
  SESSION_EXPIRED: "session",
  MODEL_DENIED: "model",
  PHASE_HIDDEN: "phases",
  POLICY_DENY: "rules",
  POLICY_DEFER: "rules",
  SELECTOR_UNAVAILABLE: "rules",
  STEP_LIMIT: "rules",
  MACHINE_FAULT: "rules",
  COMPLETION_BLOCKED: "rules",
  APPROVAL_MISMATCH: "rules",
  APPROVAL_CONSUMED: "rules",
  APPROVAL_EXPIRED: "rules",
  APPROVAL_DENIED: "rules",
  APPROVAL_QUEUE_FULL: "rules",
  EGRESS_DENIED: "egress",
  AMBIENT_EXCEEDED: "ambient",
  RATE_EXCEEDED: "rates",
  STATE_FULL: "rates",
  STATE_UNAVAILABLE: "rates",
  BUDGET_EXCEEDED: "budgets",
  COST_UNKNOWN: "budgets",
  COST_UNAVAILABLE: "budgets",
  FLOODED: "record",
  AUDIT_SLOW: "record",
  CREDENTIAL_UNAVAILABLE: "credential",
  POLICY_PERMIT: "answer",
  BUDGET_WARNING: "answer",
  COMPLETED: "answer",
};

/** The step that a rule belongs to. */
export function stepOfRule({ effect, phase }: Pick<RuleInfo, "effect" | "phase">): DecisionStep {
  return effect === "deny!" ? "deny!" : phase === null ? "rules" : "phases";
}

/** At which step a call was decided; `ruleSteps` by the rule's index. */
export function stepOf(
  { code, verdict }: Pick<Judgement, "code" | "verdict">,
  ruleSteps: readonly DecisionStep[],
): DecisionStep {
  const step = stepByCode[code];
  if (step !== "rules" || verdict === null) return step;
  if (verdict.budget !== undefined) return "budgets";
  const ruleStep = verdict.rule === null ? undefined : ruleSteps[verdict.rule];
  return ruleStep ?? (verdict.phase === undefined ? "rules" : "phases");
}
