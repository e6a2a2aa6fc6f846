// Every code that a decision can carry, with what a person is told. One table: docs/codes.md is held to it by a test.

export const codes = {
  POLICY_PERMIT: { meaning: "a rule or the default permits the call" },
  POLICY_DENY: { meaning: "a rule or the default denies the call" },
  POLICY_DEFER: { meaning: "a rule or the default asks a person first" },
  SESSION_EXPIRED: { meaning: "the session has lasted too long, or was idle too long" },
  MODEL_DENIED: { meaning: "the agent's model policy does not allow the call's model" },
  EGRESS_DENIED: { meaning: "the agent's egress does not allow the call's host" },
  RATE_EXCEEDED: { meaning: "a rate limit has no token left" },
  BUDGET_EXCEEDED: { meaning: "a budget has no room for the call" },
  BUDGET_WARNING: { meaning: "the call crossed a budget's warning mark" },
  COST_UNKNOWN: { meaning: "the declared cost is missing, not a number or negative" },
  UNKNOWN_AGENT: { meaning: "the policy declares no such agent" },
  BAD_REQUEST: { meaning: "the request is malformed or holds a value that cannot be judged exactly" },
  BAD_TOOL_NAME: { meaning: "the tool's name has characters or segments that are not allowed" },
  PHASE_HIDDEN: { meaning: "the tool is not visible in the session's phase" },
  STATE_FULL: { meaning: "the machine has no room for another counter" },
  STATE_UNAVAILABLE: { meaning: "the policy counts, and the evaluator was opened without a place for its counters" },
  STEP_LIMIT: { meaning: "the decision took more steps than the policy can need" },
  MACHINE_FAULT: { meaning: "the machine stopped; nothing was changed" },
  DAEMON_NOT_READY: { meaning: "the daemon is starting, draining or stopped" },
  AUDIT_UNAVAILABLE: { meaning: "the decision cannot be recorded" },
  AUDIT_SLOW: { meaning: "the decision was not on disk in time" },
  CALL_ID_REUSED: { meaning: "the same call_id came with another call" },
  APPROVAL_MISMATCH: { meaning: "the approval was given for another call" },
  APPROVAL_CONSUMED: { meaning: "the approval was used already" },
  APPROVAL_EXPIRED: { meaning: "the approval's time is over" },
  APPROVAL_DENIED: { meaning: "an operator denied the call" },
  APPROVAL_QUEUE_FULL: { meaning: "too many approvals of this agent wait already" },
  FLOODED: { meaning: "too many denied calls on this connection" },
} as const satisfies Record<string, { meaning: string }>;

export type Code = keyof typeof codes;
