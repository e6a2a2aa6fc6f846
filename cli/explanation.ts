// How one recorded decision came about: its call judged again by the policy that judged it, with the counters as they were.
// Where a value was not kept, only what the record says of the outcome is told, never a guess.
import { carriedOf, causesCarried } from "../runtime/decision-record.ts";
import { loadPolicySync } from "../runtime/evaluator/index.ts";
import type { Explanation, RuleTrace } from "../runtime/evaluator/types.ts";
import type { Json, JsonObject } from "../runtime/json.ts";
import { readRecords, type StoredRecord } from "../runtime/log/read.ts";
import { Past } from "../runtime/past.ts";
import type { ActivePolicy } from "../runtime/policy.ts";
import { isKept, recordedCall } from "../runtime/recorded-call.ts";
import { stackPaths } from "../runtime/stack.ts";
import { type Alternative, alternativeOf } from "./alternative.ts";
import { type StepView, stepsOfRecord } from "./decision-steps.ts";

export interface ExplainedRule extends Omit<RuleTrace, "outcome"> {
  /** "not known" where a value that the rule reads was not kept and the record does not say what came of it. */
  readonly outcome: RuleTrace["outcome"] | "not known";
  /** From 1, over the whole policy. */
  readonly number: number;
}

export interface Explained {
  readonly record: JsonObject;
  /** Null for records of before steps were told apart. */
  readonly steps: readonly StepView[] | null;
  readonly rules: readonly ExplainedRule[];
  readonly meters: readonly string[];
  readonly phase: string | null;
  /** Why the steps are missing or incomplete; null where all of them are known. */
  readonly gap: string | null;
  /** What would have let a denied call through; null where nothing is certain. */
  readonly alternative: Alternative | null;
  /** Records of the approvals that bear on it, and of what became of the call. */
  readonly approvals: readonly JsonObject[];
  readonly outcomes: readonly JsonObject[];
}

/** Most causes that approvals carry one call past. */
const causesMax = 64;

/** Of the decision in `found`. Throws LogFailure. */
export async function explainDecision(dir: string, walDir: string, found: StoredRecord): Promise<Explained> {
  const past = new Past(stackPaths(dir).policies, (image) => loadPolicySync(image, { state: "volatile" }));
  const { action_id } = found.value;
  const ids = new Set<Json>([found.value.approval_id ?? null, ...carriedOf(found.value.steps ?? null)]);
  ids.delete(null);
  const approvals: JsonObject[] = [];
  const outcomes: JsonObject[] = [];
  let steps: Omit<Explained, "approvals" | "outcomes"> | null = null;
  for await (const { seq, value } of readRecords(walDir)) {
    if (seq === found.seq) steps = stepsOf(value, past.active, past.gap);
    else if (seq < found.seq) past.take(value);
    if (value.type === "approval" && ids.has(value.approval_id ?? "")) approvals.push(value);
    if (value.type === "grant" && ids.has(value.grant_id ?? "") && isOfAction(value, action_id)) approvals.push(value);
    if ((value.type === "outcome" || value.type === "cost") && value.action_id === action_id) outcomes.push(value);
  }
  return { ...(steps ?? nothing(found.value, "the record is gone")), approvals, outcomes };
}

/** Of a grant that may be used many times, its making and the use for this call. */
function isOfAction({ change, action_id }: JsonObject, of: Json | undefined): boolean {
  return change === "created" || action_id === of;
}

function nothing(record: JsonObject, gap: string): Omit<Explained, "approvals" | "outcomes"> {
  const steps = stepsOfRecord(record, false);
  return { record, steps, rules: [], meters: [], phase: null, gap, alternative: null };
}

/** Codes of refusals that no policy was asked for. */
const neverJudged: ReadonlySet<string> = new Set([
  "BAD_REQUEST",
  "CALL_ID_REUSED",
  "DAEMON_NOT_READY",
  "AUDIT_UNAVAILABLE",
  "APPROVAL_MISMATCH",
  "APPROVAL_CONSUMED",
  "APPROVAL_EXPIRED",
  "KILL_SWITCH",
  "AGENT_QUIESCED",
  "COMPLETED",
  "COMPLETION_BLOCKED",
]);

function stepsOf(
  record: JsonObject,
  active: ActivePolicy | null,
  gap: string | null,
): Omit<Explained, "approvals" | "outcomes"> {
  const call = recordedCall(record);
  if (call === null || neverJudged.has(call.code))
    return nothing(record, "no policy was asked: the call was refused before");
  if (active === null) return nothing(record, gap ?? "no policy was in force");
  const { policy } = active;
  const tool = policy.tool(call.request.agent_id, call.request.tool_id);
  if (tool === null) return nothing(record, "the policy declares no such agent");
  const explanation = judged(active, call, record);
  const kept = isKept(call, tool, tool);
  const rules = kept ? explanation.rules : asRecorded(explanation.rules, record, active, call.isOutline);
  return {
    record,
    steps: stepsOfRecord(record, true),
    rules: rules.map((rule) => ({ ...rule, number: rule.rule + 1 })),
    meters: kept || explanation.meters.length > 0 ? explanation.meters : recordedMeters(record),
    phase: explanation.verdict.phase ?? null,
    gap: kept ? null : "values that the rules read were not kept: of their tests only the outcome is known",
    alternative: kept ? alternativeOf(active, call, tool, explanation) : null,
  };
}

/** With the approvals that carried the call, so that it goes as far as it went. */
function judged(
  active: ActivePolicy,
  call: NonNullable<ReturnType<typeof recordedCall>>,
  record: JsonObject,
): Explanation {
  const causesMost = causesCarried(record.would ?? record.effect, record.steps ?? null);
  const approved: string[] = [];
  for (let step = 0; step < causesMax; step++) {
    const explanation = active.policy.explain(call.request, { now: call.nowMs, approved });
    const { cause, effect } = explanation.verdict;
    if (effect !== "defer" || cause === null || approved.includes(cause)) return explanation;
    if (approved.length >= causesMost) return explanation;
    approved.push(cause);
  }
  return active.policy.explain(call.request, { now: call.nowMs, approved });
}

type KnownRule = Omit<ExplainedRule, "number">;

/** The rules tried, with the record's word for which one matched: a value that is gone can tell nothing. */
function asRecorded(
  rules: readonly RuleTrace[],
  record: JsonObject,
  { policy }: ActivePolicy,
  isOutline: boolean,
): KnownRule[] {
  const steps = record.steps as { readonly rule?: number } | null;
  const decided = typeof steps?.rule === "number" ? steps.rule : null;
  if (decided === null && !String(record.code).startsWith("POLICY_")) return asFarAsKnown(rules, isOutline);
  const end = decided === null ? rules.length : rules.findIndex(({ rule }) => rule === decided);
  const tried = (end < 0 ? rules : rules.slice(0, end)).map((rule): KnownRule => ({ ...rule, outcome: "no match" }));
  const info = decided === null ? undefined : policy.rules()[decided];
  if (info === undefined || decided === null) return tried;
  const matched = rules.find(({ rule }) => rule === decided);
  const rule_ref = info.file === null ? null : `${info.file}:${info.line}`;
  return [...tried, { rule: decided, text: info.text, rule_ref, outcome: "match", tests: matched?.tests ?? [] }];
}

/** A limit or a budget refused the call, so some rule let it through, and the record does not say which. */
function asFarAsKnown(rules: readonly RuleTrace[], isOutline: boolean): KnownRule[] {
  let isOpen = false;
  return rules.map((rule): KnownRule => {
    const isHidden =
      rule.tests.length > 0 &&
      (isOutline || rule.tests.some(({ found, result }) => found === "redacted" || result === "unknown"));
    isOpen ||= isHidden;
    // Behind a rule that may have matched, another one that fits may not have been asked.
    return isHidden || (isOpen && rule.outcome === "match") ? { ...rule, outcome: "not known" } : rule;
  });
}

/** What the record itself says of the limit or budget that refused the call. */
function recordedMeters(record: JsonObject): string[] {
  const steps = record.steps as { readonly budget?: { readonly id?: Json } } | null;
  if (record.code === "RATE_EXCEEDED") return ["limit: no token left, by the record"];
  const isExceeded = record.code === "BUDGET_EXCEEDED" || record.code === "AMBIENT_EXCEEDED";
  if (!isExceeded && record.code !== "COST_UNKNOWN") return [];
  const id = typeof steps?.budget?.id === "string" ? ` ${steps.budget.id}` : "";
  const said = isExceeded ? "exceeded" : "what the call costs is not known";
  return [`budget${id}: ${said}, by the record`];
}
