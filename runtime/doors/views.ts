// What an operator is shown of a daemon: approvals, grants, versions, agents, budgets, its status. Shapes alone, the same on the
// operator's socket, over HTTP and in the outputs of commands.
import type { HoldView } from "../holds.ts";
import type { Json } from "../json.ts";
import type { DaemonState } from "../stack.ts";
import type { Door } from "./kinds.ts";

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

/** A door that is open. */
export interface DoorView {
  readonly door: Door;
  readonly address: string;
  readonly can_be_bypassed: boolean;
  /** Who can make a call without asking there. */
  readonly bypass: string;
}

export interface ProviderView {
  readonly name: string;
  readonly type: string;
  /** `stub`: in dev mode, in the place of one that is not there; `not_started`: nothing here takes it up. */
  readonly status: "starting" | "ready" | "down" | "stub" | "not_started";
  /** Why it is down or stubbed, without any value. */
  readonly why: string | null;
  /** Starts after the first. */
  readonly restarts: number;
}

export interface CredentialView {
  readonly id: string;
  readonly agent_id: string;
  /** Patterns of the tools that it covers. */
  readonly tools: readonly string[];
  readonly backend: string | null;
  readonly path: string | null;
  readonly ttl_seconds: number | null;
  /** What would stand in a record for its secret; null where nobody could give it now. */
  readonly ref: string | null;
  /** Why nobody could. */
  readonly why: string | null;
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
    /** `external`: by a key that the daemon cannot read, on a token. */
    readonly signing: "local" | "external";
    /** `verified`: the policy has an `identity` block, and a call whose id is only claimed is denied. */
    readonly agent_ids: "claimed" | "verified";
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
  readonly doors: readonly DoorView[];
  readonly providers: readonly ProviderView[];
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

/** An agent that the daemon runs on an operator's order. */
export interface RunView {
  readonly run: string;
  readonly agent_id: string;
  /** The program alone: arguments may hold what is nobody else's business. Null for the policy's `supervised_command`. */
  readonly program: string | null;
  readonly state: "running" | "stopping" | "ended";
  readonly pid: number | null;
  /** RFC 3339 */
  readonly started_at: string;
  readonly ended_at: string | null;
  /** 128 and the number of a signal; null while it runs, or where it could not be started */
  readonly exit_code: number | null;
  /** the last that was said of its start and end */
  readonly said: string;
  /** file of its output; moved to `<name>.1` when it has 8 MiB */
  readonly output: string;
}
