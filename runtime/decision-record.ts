// What a `decision` record keeps of a call and its judgement, and how that is read back. A value that the policy redacts,
// or an argument of a tool that it does not name, must never pass through here in clear.
import type { Judgement } from "./answer.ts";
import type { Code } from "./codes.ts";
import type { Door } from "./doors/kinds.ts";
import type { Counted, Effect, Policy, ToolInfo, Verdict } from "./evaluator/types.ts";
import { machineCodes } from "./evaluator/verdicts.ts";
import { canonicalJson, type Json, type JsonObject } from "./json.ts";
import { type DecisionText, decisionText } from "./log/decision.ts";
import type { Log } from "./log/log.ts";
import { keysAndTypes, redact } from "./log/redact.ts";
import type { Call } from "./request.ts";
import type { DecisionStep } from "./steps.ts";

/** Stored arguments, in a decision and in an approval alike; larger ones are replaced by a commitment and their size. */
export const argsLimitBytes = 32 * 1024;
const stepsLimitBytes = 4096;
/** Most characters that one redacted value becomes. */
const commitmentLength = 90;
/** `"boolean",` */
const typeNameLength = 10;
/** Below this many characters no measuring is needed: at three bytes each they fit. */
const certainlyFitLength = 8192;

export interface StoredArgs {
  readonly args: Json;
  /** Paths whose values were replaced; `*` when names of types stand for all values. */
  readonly redacted: readonly string[];
}

/**
 * Arguments as they may be stored and shown: redacted where the policy says so, keys and types for tools it does not name.
 * `length` is that of their canonical text, which saves writing small ones once more to measure them.
 */
export function storedArgs(args: JsonObject, length: number, tool: ToolInfo | null, salts: Log["salts"]): StoredArgs {
  const commit = (value: Json): string => salts.commit(value);
  const isNamed = tool?.named === true;
  const stored = isNamed ? redact(args, tool.redact, commit) : { args: keysAndTypes(args), redacted: ["*"] };
  // Each two characters may be one value, `0,`, that the name of a type or a commitment stands for.
  const perValue = !isNamed ? typeNameLength : stored.redacted.length > 0 ? commitmentLength : 2;
  const longest = (length / 2) * perValue;
  if (longest <= certainlyFitLength) return stored;
  const sizeBytes = Buffer.byteLength(canonicalJson(stored.args));
  if (sizeBytes <= argsLimitBytes) return stored;
  return { args: { $redacted: commit(args), $truncated: sizeBytes }, redacted: stored.redacted };
}

export interface DecisionFacts {
  readonly actionId: string;
  /** How the caller was known. */
  readonly identity: string;
  readonly door: Door;
  readonly digest: string;
  readonly effect: Effect;
  readonly would: Effect | null;
  readonly stored: StoredArgs;
  readonly inputs: JsonObject | null;
  /** Selectors without a value, and why; null where the policy reads none. */
  readonly missing: { readonly [id: string]: string } | null;
  readonly ruleDigest: string | null;
  /** At which the call was decided. */
  readonly step: DecisionStep;
  readonly latencyUs: number;
  readonly mode: "enforce" | "audit";
  readonly dev: boolean;
}

/** The body to append; it fits an entry whatever the call. */
export function decisionBody(
  call: Call,
  judgement: Judgement,
  facts: DecisionFacts,
  salts: Log["salts"],
): DecisionText {
  const body = {
    action_id: facts.actionId,
    call_id: call.callId,
    request_id: call.requestId,
    agent_id: call.request.agent_id,
    agent_identity: facts.identity,
    session_id: call.request.session_id ?? "default",
    tool: call.request.tool_id,
    action_type: call.actionType,
    args: facts.stored.args,
    inputs: facts.inputs,
    effect: facts.effect,
    would: facts.would,
    code: judgement.code,
    reason: judgement.reason,
    rule_ref: judgement.verdict?.rule_ref ?? null,
    rule_digest: facts.ruleDigest,
    steps: stepsOf(judgement, call, facts),
    approval_id: judgement.approvalId,
    request_digest: facts.digest,
    credential_ref: judgement.credentialRef ?? null,
    cost_usd: call.costUsd,
    latency_us: facts.latencyUs,
    delegation: call.delegation,
    door: facts.door,
    redacted: facts.stored.redacted,
    mode: facts.mode,
    dev: facts.dev,
    tags: call.tags,
  };
  const argsText = facts.stored.args === call.args ? call.argsText : null;
  return decisionText(body, (value) => salts.commit(value), argsText);
}

/** What a recorded judgement's `steps` say: enough to rebuild counters and the answer without judging again. */
interface Steps {
  readonly charges?: readonly (readonly [string, number])[];
  readonly costs?: readonly number[];
  readonly sums?: readonly number[];
  readonly counted?: readonly Counted[];
  readonly used?: readonly string[];
  readonly carried_by?: readonly string[];
}

function stepsOf(judgement: Judgement, { price }: Call, { missing, step }: DecisionFacts): Json {
  const { verdict, grant } = judgement;
  const used = grant === undefined ? judgement.used : [...judgement.used, grant.id];
  const steps: Record<string, Json> = { at: step };
  if (verdict === null) return steps;
  if (verdict.rule !== null) steps.rule = verdict.rule;
  if (verdict.cause !== null) steps.cause = verdict.cause;
  if (verdict.phase !== undefined) steps.phase = verdict.phase;
  if (verdict.shadow !== undefined) steps.shadow = { ...verdict.shadow };
  if (verdict.retry_after_seconds !== undefined) steps.retry_after_seconds = verdict.retry_after_seconds;
  if (verdict.budget !== undefined) steps.budget = { ...verdict.budget };
  if (verdict.warnings !== undefined && verdict.warnings.length > 0) {
    steps.warnings = verdict.warnings.map(({ code, budget_id }) => ({ code, budget_id }));
  }
  if (price !== null) steps.price = { ...price };
  if (missing !== null && Object.keys(missing).length > 0) steps.unavailable = { ...missing };
  if (used.length > 0) steps.used = [...used];
  if (judgement.carriedBy !== undefined) steps.carried_by = [...judgement.carriedBy];
  const charges = verdict.charges?.budgets ?? [];
  if (charges.length > 0) steps.charges = charges.map(({ id, cost_micro }) => [id, cost_micro]);
  if (verdict.charges !== undefined && verdict.charges.limits > 0) steps.limits = verdict.charges.limits;
  const sums = verdict.charges?.sums ?? [];
  if (sums.length > 0) steps.sums = [...sums];
  const counted = verdict.charges?.counted ?? [];
  if (counted.length > 0) steps.counted = [...counted];
  // The rest is short by its nature.
  const others = (judgement.carriedBy?.length ?? 0) + Object.keys(missing ?? {}).length;
  const longest =
    used.length + others + charges.length + sums.length + counted.length + (verdict.warnings?.length ?? 0);
  if (longest === 0 || canonicalJson(steps).length <= stepsLimitBytes) return steps;
  // Without the names the costs of 64 budgets and as many sums fit; they are what recovery needs.
  return {
    at: step,
    costs: charges.map(({ cost_micro }) => cost_micro),
    ...(sums.length > 0 ? { sums: [...sums] } : {}),
    ...(counted.length > 0 ? { counted: [...counted] } : {}),
  };
}

/** The costs of a recorded permit in the policy's order of budgets. */
export function costsOf(steps: Json): readonly number[] {
  if (typeof steps !== "object" || steps === null || Array.isArray(steps)) return [];
  const { charges, costs } = steps as unknown as Steps;
  if (Array.isArray(costs)) return costs as readonly number[];
  return Array.isArray(charges) ? charges.map(([, cost]: readonly [string, number]) => cost) : [];
}

/** The same with the budgets' names; none where the record had no room for them. */
export function chargesOf(steps: Json): readonly (readonly [string, number])[] {
  if (typeof steps !== "object" || steps === null || Array.isArray(steps)) return [];
  const { charges } = steps as unknown as Steps;
  return Array.isArray(charges) ? (charges as readonly (readonly [string, number])[]) : [];
}

/** What a recorded permit added to the sums of its agent's rules, in the policy's order. */
export function sumsOf(steps: Json): readonly number[] {
  if (typeof steps !== "object" || steps === null || Array.isArray(steps)) return [];
  const { sums } = steps as unknown as Steps;
  return Array.isArray(sums) ? (sums as readonly number[]) : [];
}

/** What a recorded permit added to the agent's counters of bytes and of different values, in the policy's order. */
export function countedOf(steps: Json): readonly Counted[] {
  if (typeof steps !== "object" || steps === null || Array.isArray(steps)) return [];
  const { counted } = steps as unknown as Steps;
  return Array.isArray(counted) ? (counted as readonly Counted[]) : [];
}

/**
 * Moves the counters of `policy` as the machine did when it gave the recorded decision: a permit took, a denial was counted. Anything
 * else that stands in a log moves nothing. Throws what `Policy.charge` throws.
 */
export function chargeRecord(policy: Policy, record: JsonObject, timeUs: number): void {
  const { agent_id, session_id, tool, code } = record;
  if (typeof agent_id !== "string" || typeof tool !== "string") return;
  const call = { agent_id, tool_id: tool, session_id: typeof session_id === "string" ? session_id : "default" };
  const steps = record.steps ?? null;
  const effect = record.would ?? record.effect;
  // Permits that the machine did not give took nothing from it.
  if (!machineCodes.has(code as Code)) return;
  if (effect === "permit") policy.charge(call, costsOf(steps), timeUs / 1000, sumsOf(steps), countedOf(steps));
  else if (effect === "deny") policy.chargeDenial(call, timeUs / 1000);
}

/** The approvals, and the grant, that a recorded permit used. */
export function usedOf(steps: Json): readonly string[] {
  if (typeof steps !== "object" || steps === null || Array.isArray(steps)) return [];
  const { used } = steps as unknown as Steps;
  return Array.isArray(used) ? (used as readonly string[]) : [];
}

/** The same, or those that answered deferrals before another step refused the call. */
export function carriedOf(steps: Json): readonly string[] {
  if (typeof steps !== "object" || steps === null || Array.isArray(steps)) return [];
  const { carried_by } = steps as unknown as Steps;
  return Array.isArray(carried_by) ? (carried_by as readonly string[]) : usedOf(steps);
}

/** How many causes of deferral people let a recorded call past, as far as its record tells. */
export function causesCarried(effect: Json | undefined, steps: Json): number {
  const carriers = carriedOf(steps);
  // What a grant or a permit passed by is not counted one by one.
  const isWhole = effect === "permit" || carriers.some((id) => id.startsWith("grt-"));
  return isWhole && carriers.length > 0 ? Number.POSITIVE_INFINITY : carriers.length;
}

/** The part of a verdict that the recorded answer is made of. */
export function verdictOf(record: JsonObject): Verdict {
  const steps = (record.steps ?? {}) as Partial<Verdict>;
  return {
    effect: (record.would ?? record.effect) as Effect,
    code: record.code as Verdict["code"],
    reason: record.reason as string,
    rule: steps.rule ?? null,
    rule_ref: record.rule_ref as string | null,
    cause: null,
    ...(steps.retry_after_seconds === undefined ? {} : { retry_after_seconds: steps.retry_after_seconds }),
    ...(steps.budget === undefined ? {} : { budget: steps.budget }),
    ...(steps.warnings === undefined ? {} : { warnings: steps.warnings }),
  };
}
