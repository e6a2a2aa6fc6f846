// The lines of the agent socket: what a client that asks for a decision, for an approval or for its state is answered. Types only.
import type { Code } from "../codes.ts";
import type { Effect } from "../evaluator/types.ts";
import type { DaemonState } from "../stack.ts";
import type { ApprovalStatus } from "./views.ts";

export type Resolution =
  | { readonly type: "rule_block"; readonly rule_id: string }
  | { readonly type: "pending_approval"; readonly approval_id: string }
  | { readonly type: "retry_after"; readonly retry_after_seconds: number }
  | { readonly type: "budget_reset"; readonly budget_id: string; readonly resets_at: string | null }
  | { readonly type: "pending_approvals"; readonly approval_ids: readonly string[] }
  | { readonly type: "manual_audit" };

export interface StructuredDenial {
  readonly code: Code;
  readonly rule_ref?: string;
  readonly human_message: string;
  readonly resolution: Resolution;
  readonly next_steps?: readonly string[];
}

/** What an agent may keep of an answer, to hold the log to it later: `faramesh audit verify --against`. */
export interface Receipt {
  /** Of the decision's record. */
  readonly seq: number;
  /** Its hash, which stands for every record before it too. */
  readonly leaf: string;
  /** The tree under the last checkpoint; 0 before the first. */
  readonly size: number;
  readonly root: string;
}

/** The secret of one permitted call: for its tool alone, and to be kept nowhere. */
export interface DeliveredCredential {
  /** As the policy names it. */
  readonly id: string;
  /** What the record has in its place. */
  readonly ref: string;
  readonly values: { readonly [name: string]: string };
  /** Null where nobody said. */
  readonly expires_at: string | null;
  /** In dev mode, where nobody has the secret: there are no values. */
  readonly stub?: true;
}

/** The answer to a `govern` line. Members without a value are left out. */
export interface GovernAnswer {
  readonly call_id: string;
  readonly action_id: string;
  readonly effect: Uppercase<Effect>;
  /** In audit mode, what enforce would have answered. */
  readonly would?: Uppercase<Effect>;
  /** Whole milliseconds, rounded up. */
  readonly latency_ms: number;
  readonly latency_us: number;
  readonly retry_permitted: boolean;
  readonly reason: string;
  readonly reason_code: Code;
  readonly rule_ref: string | null;
  readonly policy_version: string | null;
  readonly policy_hash: string | null;
  /** SHA-256 in hex of the canonical arguments that were judged. */
  readonly args_sha256?: string;
  /** The approval that a deferred call waits for, or that a permitted call used. */
  readonly approval_id?: string;
  /** The standing grant that a permitted call used. */
  readonly grant_id?: string;
  /** Absent where nothing was recorded. */
  readonly receipt?: Receipt;
  readonly defer_token?: string;
  readonly denial_token?: string;
  readonly structured_denial?: StructuredDenial;
  readonly warnings?: readonly { readonly code: Code; readonly budget_id: string }[];
  readonly credential?: DeliveredCredential;
}

export type DeferStatus = ApprovalStatus | "unknown";

export interface PollDeferAnswer {
  readonly defer_token: string;
  /** A used approval is shown as "approved": the agent's own call consumed it. */
  readonly status: "pending" | "approved" | "denied" | "expired" | "unknown";
}

/** What an agent may know of the daemon. */
export interface AgentStatusAnswer {
  readonly type: "status";
  readonly state: DaemonState;
  readonly policy_version: string | null;
  readonly policy_hash: string | null;
}

/** The answer to a message of a type that this socket does not take. It reads as a denial to whoever expects a decision. */
export interface AgentErrorAnswer {
  readonly type: "error";
  readonly effect: "DENY";
  readonly reason_code: "BAD_REQUEST" | "IDENTITY_UNVERIFIED";
  readonly error: {
    readonly code: "BAD_REQUEST" | "UNKNOWN_TYPE" | "OPERATOR_ONLY" | "TOO_LONG" | "NOT_FOUND" | "IDENTITY_UNVERIFIED";
    readonly message: string;
  };
  readonly call_id?: string;
}
