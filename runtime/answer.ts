// From a judgement to the words that an agent gets. It tells what decided this call and nothing of any other rule.
import { formatTime } from "./clock.ts";
import type { Code } from "./codes.ts";
import type { GovernAnswer, Receipt, Resolution, StructuredDenial } from "./doors/agent-protocol.ts";
import type { Effect, Verdict } from "./evaluator/types.ts";
import type { Grant } from "./grants.ts";

/** What was decided about one call, before it is recorded and put into words. */
export interface Judgement {
  readonly effect: Effect;
  readonly code: Code;
  readonly reason: string;
  /** Null where no policy was asked. */
  readonly verdict: Verdict | null;
  /** The approval that the call waits for, that denied it, or the first of those that it used. */
  readonly approvalId: string | null;
  /** Those that this permit uses up. */
  readonly used: readonly string[];
  /** The standing grant that this permit uses once. */
  readonly grant?: Grant;
  /** Approvals, and the grant, that answered a deferral on the way to a refusal: they stay as they were. */
  readonly carriedBy?: readonly string[];
  /** For APPROVAL_QUEUE_FULL and COMPLETION_BLOCKED: some that wait. */
  readonly waiting?: readonly string[];
  /** What stood for the call's secret. */
  readonly credentialRef?: string;
}

export interface AnswerContext {
  readonly callId: string | null;
  readonly actionId: string;
  readonly effect: Effect;
  /** Set in audit mode. */
  readonly would: Effect | null;
  readonly version: string | null;
  readonly policyHash: string | null;
  readonly argsSha256: string | null;
  readonly latencyUs: number;
  /** Null where the call was not recorded. */
  readonly receipt: Receipt | null;
}

/** Denials that go away by themselves: the same call may be sent again. */
const retryable: ReadonlySet<Code> = new Set([
  "RATE_EXCEEDED",
  "BUDGET_EXCEEDED",
  "AMBIENT_EXCEEDED",
  "DAEMON_NOT_READY",
  "FLOODED",
  "AGENT_QUIESCED",
]);

/** Ceiling of the wait that is named where nothing better is known. */
const shortWaitSeconds = 1;

const upper: Record<Effect, Uppercase<Effect>> = { permit: "PERMIT", defer: "DEFER", deny: "DENY" };

/** Members that most answers lack are set one by one: spreading as many empty objects takes longer than the decision. */
export function answerOf(judgement: Judgement, context: AnswerContext): GovernAnswer {
  const { verdict, approvalId } = judgement;
  const { effect, would } = context;
  const isRefused = effect !== "permit";
  const answer: Writable<GovernAnswer> = {
    call_id: context.callId ?? context.actionId,
    action_id: context.actionId,
    effect: upper[effect],
    // A whole number: clients in languages with types read it as one. The exact one stands beside it.
    latency_ms: Math.ceil(context.latencyUs / 1000),
    latency_us: context.latencyUs,
    retry_permitted: effect === "defer" || (isRefused && retryable.has(judgement.code)),
    reason: judgement.reason,
    reason_code: judgement.code,
    rule_ref: verdict?.rule_ref ?? null,
    policy_version: context.version,
    policy_hash: context.policyHash,
  };
  if (context.argsSha256 !== null) answer.args_sha256 = context.argsSha256;
  if (context.receipt !== null) answer.receipt = context.receipt;
  if (would !== null) answer.would = upper[would];
  if (approvalId !== null) answer.approval_id = approvalId;
  if (judgement.grant !== undefined) answer.grant_id = judgement.grant.id;
  if (effect === "defer" && approvalId !== null) answer.defer_token = approvalId;
  if (effect === "deny") answer.denial_token = context.actionId;
  if (isRefused) answer.structured_denial = denialOf(judgement);
  if (verdict?.warnings !== undefined && verdict.warnings.length > 0) answer.warnings = verdict.warnings;
  return answer;
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function denialOf(judgement: Judgement): StructuredDenial {
  const ref = judgement.verdict?.rule_ref;
  const steps = nextSteps(judgement);
  return {
    code: judgement.code,
    ...(typeof ref === "string" ? { rule_ref: ref } : {}),
    human_message: judgement.reason,
    resolution: resolutionOf(judgement),
    ...(steps.length === 0 ? {} : { next_steps: steps }),
  };
}

function resolutionOf(judgement: Judgement): Resolution {
  const { code, verdict, approvalId } = judgement;
  if (judgement.effect === "defer" && approvalId !== null) return { type: "pending_approval", approval_id: approvalId };
  const { waiting = [] } = judgement;
  if (code === "APPROVAL_QUEUE_FULL") return { type: "pending_approvals", approval_ids: waiting };
  if (code === "COMPLETION_BLOCKED" && waiting.length > 0) return { type: "pending_approvals", approval_ids: waiting };
  if (code === "RATE_EXCEEDED" && verdict?.retry_after_seconds !== undefined) {
    return { type: "retry_after", retry_after_seconds: verdict.retry_after_seconds };
  }
  if ((code === "BUDGET_EXCEEDED" || code === "AMBIENT_EXCEEDED") && verdict?.budget !== undefined) {
    const { id, resets_at } = verdict.budget;
    return { type: "budget_reset", budget_id: id, resets_at: resets_at === null ? null : formatTime(resets_at * 1000) };
  }
  if (code === "DAEMON_NOT_READY" || code === "FLOODED") {
    return { type: "retry_after", retry_after_seconds: shortWaitSeconds };
  }
  if (code === "POLICY_DENY" && verdict !== null) {
    const place = verdict.rule === null ? "default" : `rule#${verdict.rule + 1}`;
    return { type: "rule_block", rule_id: verdict.rule_ref ?? place };
  }
  return { type: "manual_audit" };
}

function nextSteps({ effect, code, approvalId }: Judgement): readonly string[] {
  if (effect === "defer" && approvalId !== null) {
    return [`an operator can run: faramesh approvals approve ${approvalId}`, "then send the same call again"];
  }
  if (code === "RATE_EXCEEDED" || code === "FLOODED") return ["wait, then send the same call again"];
  if (code === "APPROVAL_MISMATCH" || code === "APPROVAL_CONSUMED" || code === "APPROVAL_EXPIRED") {
    return ["send the call without approval_id to ask for a new approval"];
  }
  return [];
}

/** What the answer promised cannot be had after all: whatever was decided, the call must not run. */
export function turnedDown(answer: GovernAnswer, code: Code, reason: string): GovernAnswer {
  const { call_id, action_id, latency_ms, latency_us, policy_version, policy_hash } = answer;
  const judgement: Judgement = { effect: "deny", code, reason, verdict: null, approvalId: null, used: [] };
  const context: AnswerContext = {
    callId: call_id,
    actionId: action_id,
    effect: "deny",
    would: null,
    version: policy_version,
    policyHash: policy_hash,
    argsSha256: null,
    latencyUs: latency_us,
    receipt: null,
  };
  return { ...answerOf(judgement, context), latency_ms };
}
