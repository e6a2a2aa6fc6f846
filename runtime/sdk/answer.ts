// Reads an answer that came from outside: a permit only when everything about it is as expected, else a denial.
// It must never throw and never turn something unreadable into a permit.
import type { Credential } from "./credential.ts";
import { type Resolution, sdkDenial, ToolDeniedError } from "./tool-denied-error.ts";

export interface Question {
  readonly tool: string;
  readonly callId: string;
  /** SHA-256 in hex over the canonical text of the arguments. */
  readonly argsSha256: string;
}

/** What an answer leaves behind, to hold the log to it: `faramesh audit verify --against`. */
export interface Receipt {
  readonly seq: number;
  readonly leaf: string;
  readonly size: number;
  readonly root: string;
}

export type Reading =
  | {
      readonly effect: "permit";
      readonly actionId: string | undefined;
      /** The secret that came with it. */
      readonly credential: Credential | undefined;
    }
  | { readonly effect: "deny" | "defer"; readonly error: ToolDeniedError };

export type PollStatus = "pending" | "approved" | "denied" | "expired" | "unknown";

const effects: Record<string, "permit" | "deny" | "defer"> = {
  PERMIT: "permit",
  DENY: "deny",
  DEFER: "defer",
  permit: "permit",
  deny: "deny",
  defer: "defer",
};

const pollStatuses: readonly string[] = ["pending", "approved", "denied", "expired", "unknown"] satisfies PollStatus[];

export function readAnswer(answer: unknown, question: Question): Reading {
  const refuse = (code: "BAD_ANSWER" | "UNKNOWN_EFFECT" | "ARGS_MISMATCH", detail: string): Reading => ({
    effect: "deny",
    error: sdkDenial(question.tool, code, detail),
  });
  if (!isRecord(answer)) return refuse("BAD_ANSWER", "the answer is not an object");
  if (answer.error !== undefined) return refuse("BAD_ANSWER", `the daemon says: ${errorText(answer.error)}`);
  if (answer.call_id !== question.callId) return refuse("BAD_ANSWER", "the answer belongs to another call");
  const word = text(answer.effect);
  const effect = word !== undefined && Object.hasOwn(effects, word) ? effects[word] : undefined;
  if (effect === undefined)
    return refuse("UNKNOWN_EFFECT", `unknown effect ${JSON.stringify(answer.effect) ?? "(none)"}`);
  if (effect !== "permit") return { effect, error: denialOf(answer, effect, question.tool) };
  // Absent in answers of other daemons of this protocol; where it stands it must fit.
  if (answer.args_sha256 !== undefined && answer.args_sha256 !== question.argsSha256) {
    return refuse("ARGS_MISMATCH", "the permit is for other arguments than those of this call");
  }
  if (answer.credential === undefined) return { effect, actionId: text(answer.action_id), credential: undefined };
  const credential = credentialIn(answer.credential);
  if (credential === undefined) return refuse("BAD_ANSWER", "the credential of the answer cannot be read");
  return { effect, actionId: text(answer.action_id), credential };
}

function credentialIn(given: unknown): Credential | undefined {
  if (!isRecord(given) || !isRecord(given.values)) return undefined;
  const { id, expires_at: expiresAt } = given;
  const values = Object.entries(given.values);
  if (typeof id !== "string" || !values.every(([, value]) => typeof value === "string")) return undefined;
  const entries = values as [string, string][];
  const end = typeof expiresAt === "string" ? expiresAt : null;
  return { id, values: new Map(entries), expiresAt: end, isStub: given.stub === true };
}

/** The receipt of an answer; undefined where there is none, or none that can be read. */
export function readReceipt(answer: unknown): Receipt | undefined {
  const receipt = isRecord(answer) && isRecord(answer.receipt) ? answer.receipt : undefined;
  if (receipt === undefined) return undefined;
  const { seq, leaf, size, root } = receipt;
  const isHash = (value: unknown): value is string => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  return isCount(seq) && isHash(leaf) && isCount(size) && isHash(root) ? { seq, leaf, size, root } : undefined;
}

/** The status of a polled approval; undefined for anything that is not one. */
export function readPollStatus(answer: unknown, approvalId: string): PollStatus | undefined {
  if (!isRecord(answer) || answer.defer_token !== approvalId) return undefined;
  const status = text(answer.status);
  return status !== undefined && pollStatuses.includes(status) ? (status as PollStatus) : undefined;
}

function denialOf(answer: Record<string, unknown>, effect: "deny" | "defer", tool: string): ToolDeniedError {
  const denial = firstRecord(answer.denial, answer.structured_denial);
  const code = text(denial.code) ?? text(answer.code) ?? text(answer.reason_code);
  const ruleRef = text(denial.rule_ref) ?? text(answer.rule_ref);
  const approvalId = text(answer.approval_id) ?? text(answer.defer_token);
  const fallback = effect === "defer" ? "POLICY_DEFER" : "POLICY_DENY";
  const nextSteps = denial.next_steps;
  return new ToolDeniedError({
    tool,
    effect,
    code: code ?? fallback,
    humanMessage: text(denial.human_message) ?? text(answer.reason) ?? code ?? fallback,
    resolution: resolutionOf(denial.resolution) ?? defaultResolution(effect, approvalId, ruleRef),
    ruleRef,
    approvalId,
    actionId: text(answer.action_id),
    nextSteps: Array.isArray(nextSteps) ? nextSteps.filter((step): step is string => typeof step === "string") : [],
  });
}

function defaultResolution(effect: "deny" | "defer", approvalId?: string, ruleRef?: string): Resolution {
  if (effect === "defer" && approvalId !== undefined) return { type: "pending_approval", approval_id: approvalId };
  if (effect === "deny" && ruleRef !== undefined) return { type: "rule_block", rule_id: ruleRef };
  return { type: "manual_audit" };
}

function resolutionOf(value: unknown): Resolution | undefined {
  if (!isRecord(value)) return undefined;
  switch (value.type) {
    case "rule_block":
      return typeof value.rule_id === "string" ? { type: "rule_block", rule_id: value.rule_id } : undefined;
    case "pending_approval":
      return typeof value.approval_id === "string"
        ? { type: "pending_approval", approval_id: value.approval_id }
        : undefined;
    case "retry_after":
      return typeof value.retry_after_seconds === "number"
        ? { type: "retry_after", retry_after_seconds: value.retry_after_seconds }
        : undefined;
    case "budget_reset":
      return typeof value.budget_id === "string"
        ? { type: "budget_reset", budget_id: value.budget_id, resets_at: instant(value.resets_at) }
        : undefined;
    case "pending_approvals":
      return Array.isArray(value.approval_ids)
        ? { type: "pending_approvals", approval_ids: value.approval_ids.filter((id) => typeof id === "string") }
        : undefined;
    case "manual_audit":
      return { type: "manual_audit" };
    default:
      return undefined;
  }
}

function errorText(error: unknown): string {
  return text(error) ?? (isRecord(error) ? text(error.message) : undefined) ?? "an error without words";
}

function instant(value: unknown): string | number | null {
  return typeof value === "string" || typeof value === "number" ? value : null;
}

function firstRecord(...values: readonly unknown[]): Record<string, unknown> {
  return values.find(isRecord) ?? {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A text that says something; the wire writes "" for absent. */
function text(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value : undefined;
}
