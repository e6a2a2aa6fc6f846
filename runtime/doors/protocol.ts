// The words that pass through the two sockets: every operator request with its answer, and the agent socket's lines.
// Types and tables only; both the daemon and the command line import it, so it must never import either.
import type { Code } from "../codes.ts";
import type { Effect, SessionOp } from "../evaluator/types.ts";
import type { HoldView } from "../holds.ts";
import type { Json, JsonObject } from "../json.ts";
import type { CostAnswer, ReportAnswer } from "../reports.ts";
import type { PhaseAnswer, SessionView } from "../session-keeper.ts";
import type { DaemonState } from "../stack.ts";
import type { TokenRole, TokenView } from "../tokens.ts";

// ---- operator socket: one JSON object a line, `{type, token, …}` → `{ok: true, …}` or an OperatorRefusal ----

export const operatorErrorCodes = [
  "BAD_REQUEST",
  "UNAUTHORIZED",
  "UNKNOWN_TYPE",
  "NOT_FOUND",
  "NOT_READY",
  "ALREADY_RESOLVED",
  "BAD_IMAGE",
  "UNSUPPORTED",
  "NO_EARLIER_VERSION",
  "AUDIT_UNAVAILABLE",
  "INTERNAL",
] as const;
export type OperatorErrorCode = (typeof operatorErrorCodes)[number];

export interface OperatorRefusal {
  readonly ok: false;
  readonly code: OperatorErrorCode;
  readonly message: string;
}

/** A file of the policy as it was read: `file` relative to the stack directory, the entry file first. */
export interface SourceText {
  readonly file: string;
  readonly text: string;
}

export type ApprovalStatus = "pending" | "approved" | "denied" | "expired" | "used";

/** One approval, as `approvals list --format json` prints it. Times are RFC 3339. */
export interface ApprovalView {
  readonly id: string;
  readonly agent_id: string;
  readonly session_id: string;
  readonly tool: string;
  /** As stored: redacted. */
  readonly args: Json;
  readonly deferred_at: string;
  readonly expires_at: string;
  readonly rule_ref: string | null;
  /** Why the call was deferred: the rule's reason or ours. */
  readonly context: string;
  readonly status: ApprovalStatus;
  /** "rule:<digest>", "budget:<id>" or "default". */
  readonly cause: string;
  /** HMAC of the call it is bound to. */
  readonly request_digest: string;
  readonly resolved_at: string | null;
  readonly resolved_by: string | null;
  readonly reason: string | null;
  /** Set when `approve --args` narrowed it: redacted as `args` are. */
  readonly narrowed_args: Json | null;
  readonly used_at: string | null;
}

export type GrantStatus = "active" | "used_up" | "revoked" | "expired";

/** One standing grant, as `approvals grants list --format json` prints it. Times are RFC 3339. */
export interface GrantView {
  readonly id: string;
  readonly agent_id: string;
  /** Pattern. */
  readonly tool: string;
  /** As the compiler prints it; null: every call of the tool. */
  readonly condition: string | null;
  readonly status: GrantStatus;
  readonly uses: number;
  readonly uses_max: number | null;
  readonly created_at: string;
  readonly created_by: string;
  readonly reason: string;
  readonly expires_at: string;
  readonly ended_at: string | null;
  readonly ended_by: string | null;
}

export interface WalStatus {
  readonly dir: string;
  readonly last_seq: number;
  /** Milliseconds since the log was last brought to disk; null before the first time. */
  readonly last_sync_ms: number | null;
  /** Records appended and not yet durable. */
  readonly lag: number;
  readonly bytes: number;
  readonly segments: number;
  readonly latched: boolean;
  /** Checkpoints or the head could not be written lately: decisions go on, for about a minute. */
  readonly degraded: boolean;
  /** Records under the last checkpoint; null without one. */
  readonly checkpoint_size: number | null;
  /** The first record that was not pruned. */
  readonly first_seq: number;
}

/** What a prune removes, or removed. */
export interface PrunedView {
  /** names within the log's directory, lowest first */
  readonly segments: readonly string[];
  readonly first_seq: number;
  /** of the first record that stays */
  readonly first_kept: number;
  readonly bytes: number;
  /** of the prune record; null for one that was only planned */
  readonly seq: number | null;
}

export interface PolicySource {
  /** Entry file, relative to the stack directory. */
  readonly file: string | null;
  /** SHA-256 in hex over the sources as applied (see `sourceHash` in policy.ts): for drift. */
  readonly source_hash: string | null;
  /** SHA-256 in hex of each source's text, in order. */
  readonly files: readonly { readonly file: string; readonly sha256: string }[];
}

export interface BudgetView {
  readonly id: string;
  /** Null unless it counts by session. */
  readonly session: string | null;
  /** What it counts: dollars and calls; bytes of arguments; different values, in `calls` and `max_calls` then. */
  readonly unit: "usd" | "bytes" | "values";
  readonly spent_usd: number;
  readonly max_usd: number | null;
  /** Null unless the unit is bytes. */
  readonly bytes: number | null;
  readonly max_bytes: number | null;
  readonly calls: number;
  readonly max_calls: number | null;
}

export interface StatusAnswer {
  readonly ok: true;
  readonly daemon: {
    readonly state: DaemonState;
    readonly pid: number;
    readonly uptime_seconds: number;
    readonly started_at: string;
    /** Absolute path of the agent socket. */
    readonly socket: string;
    readonly operator_socket: string;
    /** Address of the HTTP door; null without one. */
    readonly http: string | null;
    readonly operator_auth: "same-uid";
    readonly dev: boolean;
    /** "v17"; null before the first apply. */
    readonly policy_version: string | null;
    readonly policy_hash: string | null;
    readonly image_hash: string | null;
    readonly policy_source: PolicySource;
    readonly applied_at: string | null;
    readonly applied_by: string | null;
    /** True when the active version was reached by a rollback. */
    readonly rolled_back: boolean;
    readonly highest_version: string | null;
    readonly runtime_mode: "enforce" | "audit" | null;
    readonly durability: string | null;
    readonly time_regression: boolean;
    readonly connections: number;
    readonly decisions: { readonly permit: number; readonly defer: number; readonly deny: number };
    readonly wal: WalStatus;
  };
  readonly providers: readonly { readonly name: string; readonly type: string; readonly status: string }[];
  /** Sentences about what the policy declares and the daemon does not carry out. */
  readonly notices: readonly string[];
  readonly budgets: readonly (BudgetView & { readonly agent: string })[];
  readonly approvals: { readonly pending: number; readonly oldest_age_seconds: number | null };
  /** Standing grants in force. */
  readonly grants: { readonly active: number };
  /** Agents that are killed or quiesced; `*` stands for all. */
  readonly stopped: readonly HoldView[];
  readonly limits: readonly {
    readonly name: string;
    readonly count: number;
    readonly window_seconds: number;
  }[];
  readonly phases: readonly {
    readonly name: string;
    readonly agent: string;
    /** Null before its clock has started; 0 when spent. */
    readonly ends_in_seconds: number | null;
    readonly next: string;
    readonly state: "waiting" | "running" | "spent";
  }[];
}

export interface ApplyAnswer {
  readonly ok: true;
  readonly version: string;
  readonly policy_hash: string;
  readonly image_hash: string;
  /** False: the active policy is this one already and nothing was written. */
  readonly changed: boolean;
  /** True when it replaced a running policy in place. */
  readonly swapped: boolean;
  /** True when it is the first policy of this stack's log. */
  readonly first: boolean;
  /** Phases whose clocks this apply started. */
  readonly phases_started: readonly string[];
}

export interface RollbackAnswer {
  readonly ok: true;
  readonly version: string;
  readonly from_version: string;
  readonly policy_hash: string;
  readonly image_hash: string;
  /** False: that version is the active one already. */
  readonly changed: boolean;
}

export interface VersionView {
  readonly version: string;
  readonly policy_hash: string;
  readonly image_hash: string;
  readonly source_hash: string;
  readonly actor: string;
  readonly change: "apply" | "rollback" | "promote";
  readonly summary: string;
  readonly time: string;
  readonly active: boolean;
}

/** An agent, or `*` for all of them. */
export interface AgentView {
  readonly agent_id: string;
  /** The policy in force names it. */
  readonly declared: boolean;
  readonly state: "active" | "quiesced" | "killed";
  /** What stops it: its own holds and those of all. */
  readonly holds: readonly HoldView[];
  readonly pending_approvals: number;
  readonly active_grants: number;
}

export interface AgentDetail extends AgentView {
  readonly completion_gates: readonly string[];
  readonly budgets: readonly BudgetView[];
  /** Ids of the approvals that wait. */
  readonly pending: readonly string[];
  readonly grants: readonly GrantView[];
}

/** `agent_id` `*` means every agent. */
interface AgentOrder {
  request: { agent_id: string; reason?: string; actor: string };
  answer: { ok: true; changed: boolean; agent: AgentView };
}

/** What the caller sends and what comes back, by `type`. `token` is added by the client. */
export interface OperatorCalls {
  ping: { request: object; answer: { ok: true; state: DaemonState; pid: number } };
  status: { request: object; answer: StatusAnswer };
  apply: {
    /** `image` is base64; `actor` names who asks; `summary` is a line for `history`. */
    request: { image: string; sources: readonly SourceText[]; actor: string; summary?: string };
    answer: ApplyAnswer;
  };
  /** `to` is "v17" or "17"; absent: the highest version ever active below the active one. */
  rollback: { request: { to?: string; actor: string }; answer: RollbackAnswer };
  history: { request: object; answer: { ok: true; versions: readonly VersionView[] } };
  /** The daemon answers, drains and ends with exit code 0. */
  stop: { request: { actor?: string }; answer: { ok: true; pid: number } };
  /** Signs what the log holds now; the tree signed has at least the records of before the request. */
  checkpoint: { request: object; answer: { ok: true; size: number; root: string } };
  /** The next key is made on a token where `pkcs11` names one, else where the one in force is. */
  rotate_key: {
    request: {
      actor?: string;
      pkcs11?: { module: string; token: string; pinEnv?: string; pinFile?: string };
    };
    answer: { ok: true; key: string };
  };
  /** Forgets the salts of redacted values: of those named, or of all days before one. `erased` counts salts, or days. */
  erase_salts: {
    request: {
      commitments?: readonly string[];
      before?: string;
      subject?: string;
      reason?: string;
      actor: string;
    };
    answer: { ok: true; seq: number; erased: number };
  };
  /**
   * Removes the oldest segments that need not be kept, as many as one prune takes; with `dry_run` says only which. `archive` names the
   * files that hold what goes.
   */
  prune: {
    request: {
      keep_seconds?: number;
      keep_bytes?: number;
      from_seq?: number;
      dry_run?: boolean;
      archive?: readonly { readonly file: string; readonly sha256: string }[];
      reason?: string;
      actor: string;
    };
    answer: { ok: true; pruned: PrunedView | null };
  };
  approvals_list: {
    request: { status?: ApprovalStatus; agent_id?: string };
    answer: { ok: true; approvals: readonly ApprovalView[] };
  };
  approvals_show: { request: { id: string }; answer: { ok: true; approval: ApprovalView } };
  /** With `args` only the narrowed call passes. ALREADY_RESOLVED when another resolution came first. */
  approve_defer: {
    request: { id: string; reason?: string; args?: JsonObject; actor: string };
    answer: { ok: true; approval: ApprovalView };
  };
  deny: { request: { id: string; reason?: string; actor: string }; answer: { ok: true; approval: ApprovalView } };
  /** Moves a session to any workflow phase of its agent. `session_id` absent: "default". */
  phase: {
    request: { agent_id: string; session_id?: string; to: string; actor: string };
    answer: { ok: true } & PhaseAnswer;
  };
  session: {
    request: { agent_id: string; session_id?: string; op: SessionOp; actor: string };
    answer: { ok: true } & SessionView;
  };
  /** The outcome of a permitted call; "credential_failure" gives back what was taken for it. */
  report: {
    request: { action_id: string; status: string; result?: Json; cost_usd?: number; actor: string };
    answer: { ok: true } & ReportAnswer;
  };
  /** What a permitted call cost: it settles either way. */
  cost: { request: { action_id: string; cost_usd: number; actor: string }; answer: { ok: true } & CostAnswer };
  agents_list: { request: object; answer: { ok: true; all: AgentView; agents: readonly AgentView[] } };
  agents_show: { request: { agent_id: string }; answer: { ok: true; agent: AgentDetail } };
  kill: AgentOrder;
  unkill: AgentOrder;
  quiesce: AgentOrder;
  resume: AgentOrder;
  /** `image` is the one rule of the grant, compiled, in base64. */
  grants_add: {
    request: {
      agent_id: string;
      image: string;
      ttl_seconds: number;
      uses_max?: number;
      reason?: string;
      actor: string;
    };
    answer: { ok: true; grant: GrantView };
  };
  grants_list: { request: { agent_id?: string }; answer: { ok: true; grants: readonly GrantView[] } };
  grants_revoke: { request: { id: string; reason?: string; actor: string }; answer: { ok: true; grant: GrantView } };
  /** `agent_id` `*`: any agent. The answer is the only place where the token ever stands. */
  tokens_create: {
    request: { role: TokenRole; agent_id?: string; ttl_seconds?: number; actor: string };
    answer: { ok: true; token: string; created: TokenView };
  };
  tokens_list: { request: object; answer: { ok: true; tokens: readonly TokenView[] } };
  tokens_revoke: { request: { id: string; actor: string }; answer: { ok: true; revoked: TokenView } };
}

/** Answered by `{ok: true, approvals: […pending]}` and then one ApprovalEvent a line until the client ends. */
export interface ApprovalsWatch {
  request: object;
  answer: { ok: true; approvals: readonly ApprovalView[] };
}

export interface ApprovalEvent {
  readonly event: "created" | "approved" | "denied" | "expired" | "used";
  readonly approval: ApprovalView;
}

export type OperatorType = keyof OperatorCalls;
export type OperatorRequest<T extends OperatorType> = OperatorCalls[T]["request"];
export type OperatorAnswer<T extends OperatorType> = OperatorCalls[T]["answer"];

/** Every type that only the operator's socket takes; on the agent's it needs the right `admin_token`. */
export const operatorTypes: Readonly<
  Record<Exclude<OperatorType, SharedType> | "approvals_watch" | LaterOperatorType, true>
> = {
  ping: true,
  apply: true,
  rollback: true,
  history: true,
  stop: true,
  checkpoint: true,
  rotate_key: true,
  erase_salts: true,
  prune: true,
  approvals_list: true,
  approvals_show: true,
  approvals_watch: true,
  approve_defer: true,
  deny: true,
  status: true,
  agents_list: true,
  agents_show: true,
  kill: true,
  unkill: true,
  quiesce: true,
  resume: true,
  grants: true,
  grants_add: true,
  grants_list: true,
  grants_revoke: true,
  tokens_create: true,
  tokens_list: true,
  tokens_revoke: true,
  swap: true,
  supervisor: true,
};

/** Types of both sockets: an agent may ask for less. */
type SharedType = "phase" | "session" | "report" | "cost";

/** Operator types of the protocol that this daemon does not carry out: refused and recorded like the others. */
type LaterOperatorType = "grants" | "swap" | "supervisor";

// ---- agent socket ----

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

/** The answer to a `govern` line. Members without a value are left out. */
export interface GovernAnswer {
  readonly call_id: string;
  readonly action_id: string;
  readonly effect: Uppercase<Effect>;
  /** In audit mode, what enforce would have answered. */
  readonly would?: Uppercase<Effect>;
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
  readonly reason_code: "BAD_REQUEST";
  readonly error: {
    readonly code: "BAD_REQUEST" | "UNKNOWN_TYPE" | "OPERATOR_ONLY" | "TOO_LONG" | "NOT_FOUND";
    readonly message: string;
  };
  readonly call_id?: string;
}
