// The one error that an agent sees when a tool did not run: what was decided, and what would change it.
// It must never be thrown after a line of the tool has run, and never carries arguments.

/** Codes of denials that this side makes because no usable decision arrived; the daemon's own are in runtime/codes.ts. */
export const sdkCodes = {
  DAEMON_UNREACHABLE: "no daemon could be asked, or it went away before it answered",
  DAEMON_TIMEOUT: "the daemon did not answer in time",
  POLICY_UNUSABLE: "the policy that decides in this process cannot be opened, or needs the daemon",
  BAD_ANSWER: "the answer could not be read, or was not an answer to this call",
  UNKNOWN_EFFECT: "the answer carries an effect that this version does not know",
  ARGS_MISMATCH: "the arguments that were judged are not the arguments of this call",
  ARGS_NOT_PLAIN: "the arguments hold something that JSON cannot carry unchanged",
  TOO_MANY_IN_FLIGHT: "too many calls wait for their answers already",
  APPROVAL_TIMEOUT: "nobody approved the call in time",
  APPROVAL_LOST: "the approval that was waited for expired, or the daemon does not know it",
  TOOL_WITHHELD: "the MCP server's tool could be taken for another, or has changed since it was first shown",
  ABORTED: "the caller's signal ended the wait",
} as const satisfies Record<string, string>;

export type SdkCode = keyof typeof sdkCodes;

/** What would let the call through; members are named as on the wire. */
export type Resolution =
  | { readonly type: "rule_block"; readonly rule_id: string }
  | { readonly type: "pending_approval"; readonly approval_id: string }
  | { readonly type: "retry_after"; readonly retry_after_seconds: number }
  | { readonly type: "budget_reset"; readonly budget_id: string; readonly resets_at: string | number | null }
  | { readonly type: "pending_approvals"; readonly approval_ids: readonly string[] }
  | { readonly type: "manual_audit" };

export interface Denial {
  /** The tool's name as it was judged. */
  readonly tool: string;
  /** "defer": a person has to say yes first; "deny": everything else. */
  readonly effect: "deny" | "defer";
  /** A code of the daemon (POLICY_DENY, RATE_EXCEEDED …) or one of `sdkCodes`. */
  readonly code: string;
  readonly humanMessage: string;
  readonly resolution: Resolution;
  /** "governance.fms:12". */
  readonly ruleRef?: string;
  /** "apr-…", for a defer. */
  readonly approvalId?: string;
  /** "action-…", the record in the log; absent when no daemon decided. */
  readonly actionId?: string;
  readonly nextSteps?: readonly string[];
  readonly cause?: unknown;
}

export class ToolDeniedError extends Error {
  readonly tool: string;
  readonly effect: "deny" | "defer";
  readonly code: string;
  readonly humanMessage: string;
  readonly resolution: Resolution;
  readonly ruleRef: string | undefined;
  readonly approvalId: string | undefined;
  readonly actionId: string | undefined;
  readonly nextSteps: readonly string[];

  constructor(denial: Denial) {
    const verb = denial.effect === "defer" ? "waits for approval" : "denied";
    super(`${denial.tool} ${verb} (${denial.code}): ${denial.humanMessage}`, { cause: denial.cause });
    this.name = "ToolDeniedError";
    this.tool = denial.tool;
    this.effect = denial.effect;
    this.code = denial.code;
    this.humanMessage = denial.humanMessage;
    this.resolution = denial.resolution;
    this.ruleRef = denial.ruleRef;
    this.approvalId = denial.approvalId;
    this.actionId = denial.actionId;
    this.nextSteps = denial.nextSteps ?? [];
  }
}

/** A denial of ours. `detail` says more than the code's own sentence; nothing but a person's look resolves it. */
export function sdkDenial(tool: string, code: SdkCode, detail?: string, cause?: unknown): ToolDeniedError {
  return new ToolDeniedError({
    tool,
    effect: "deny",
    code,
    humanMessage: detail ?? sdkCodes[code],
    resolution: { type: "manual_audit" },
    cause,
  });
}
