// What a recorded decision is followed by: its call may be reported on, counts towards its session's completion, and is told to
// those who listen. It changes nothing of the decision.
import { newAction } from "./actions.ts";
import type { Judgement } from "./answer.ts";
import type { Effect } from "./evaluator/types.ts";
import type { Governor } from "./governor.ts";
import type { Identity } from "./identity.ts";
import type { Json, JsonObject } from "./json.ts";
import type { JudgedCall } from "./judge.ts";
import type { Appended } from "./log/options.ts";
import type { ActivePolicy } from "./policy.ts";
import type { SpanExporter } from "./telemetry/exporter.ts";

export interface Followed {
  readonly judged: Judgement;
  /** As answered. */
  readonly effect: Effect;
  /** As stored. */
  readonly args: Json;
  readonly recorded: Appended;
  readonly latencyUs: number;
}

/** A call with who it came from. */
export interface FollowedCall extends JudgedCall {
  readonly identity: Identity;
}

export function follow(governor: Governor, turn: FollowedCall, active: ActivePolicy, followed: Followed): void {
  const { actions, progress, feeds } = governor;
  const { judged, effect } = followed;
  const { agent_id: agentId, tool_id: tool, session_id: sessionId = "default" } = turn.call.request;
  // A completion is no step of the work that it ends.
  const gates = turn.call.actionType === "completion_event" ? undefined : active.declarations.gates.get(agentId);
  if (effect === "permit" || gates !== undefined) {
    const action = newAction(agentId, sessionId, tool, turn.reading.wallUs);
    const { verdict, used, grant } = judged;
    const budgets = verdict?.effect === "permit" ? verdict.charges?.budgets : undefined;
    if (budgets !== undefined) action.charges = budgets.map(({ id, cost_micro }) => [id, cost_micro]);
    if (grant !== undefined) action.used = [...used, grant.id];
    else if (used.length > 0) action.used = used;
    if (effect === "permit") actions.note(turn.actionId, action);
    if (gates !== undefined) progress.note(gates, action, turn.actionId, effect);
  }
  if (governor.spans !== null) trace(governor.spans, turn, active, followed);
  if (feeds.isWatched("audit", agentId)) tell(governor, turn, active, followed);
}

function trace(spans: SpanExporter, turn: FollowedCall, active: ActivePolicy, followed: Followed): void {
  const { agent_id: agentId, tool_id: tool, session_id: sessionId = "default" } = turn.call.request;
  const { judged, effect, latencyUs } = followed;
  spans.take({
    tool,
    agentId,
    sessionId,
    callId: turn.call.callId,
    actionId: turn.actionId,
    effect,
    code: judged.code,
    ruleRef: judged.verdict?.rule_ref ?? null,
    policyVersion: active.version,
    startUs: turn.reading.wallUs,
    endUs: turn.reading.wallUs + latencyUs,
    traceparent: turn.identity.traceparent ?? null,
  });
}

function tell(
  { feeds }: Governor,
  turn: JudgedCall,
  active: ActivePolicy,
  { judged, effect, args, recorded }: Followed,
): void {
  const { agent_id, tool_id, session_id = "default" } = turn.call.request;
  const { code, reason, approvalId, verdict } = judged;
  const warnings = verdict?.warnings ?? [];
  feeds.publishDecision(agent_id, { effect: judged.effect, code, hasWarnings: warnings.length > 0 }, () => ({
    seq: recorded.seq,
    hash: recorded.hash,
    time: recorded.time,
    action_id: turn.actionId,
    call_id: turn.call.callId,
    agent_id,
    session_id,
    tool: tool_id,
    args,
    effect,
    would: effect === judged.effect ? null : judged.effect,
    code,
    reason,
    rule_ref: verdict?.rule_ref ?? null,
    approval_id: approvalId,
    ...warningsOf(warnings),
    policy_version: active.version,
    policy_hash: active.activation.policyHash,
  }));
}

/** Budgets that are nearly spent; a member only where there are some. */
function warningsOf(warnings: readonly { readonly budget_id: string }[]): JsonObject {
  return warnings.length === 0 ? {} : { warnings: warnings.map(({ budget_id }) => budget_id) };
}
