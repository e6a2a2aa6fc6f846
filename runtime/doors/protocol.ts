// The operator socket: one JSON object a line, `{type, token, …}` → `{ok: true, …}` or an OperatorRefusal. Types and tables only;
// both the daemon and the command line import it, so it must never import either.
import type { SessionOp } from "../evaluator/types.ts";
import type { Json, JsonObject } from "../json.ts";
import type { CostAnswer, ReportAnswer } from "../reports.ts";
import type { PhaseAnswer, SessionView } from "../session-keeper.ts";
import type { DaemonState } from "../stack.ts";
import type { TokenRole, TokenView } from "../tokens.ts";
import type {
  AgentDetail,
  AgentView,
  ApplyAnswer,
  ApprovalStatus,
  ApprovalView,
  CredentialView,
  GrantView,
  PrunedView,
  RollbackAnswer,
  RunView,
  StatusAnswer,
  VersionView,
} from "./views.ts";

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
  /** `note` goes before the summary that history shows. */
  rollback: { request: { to?: string; actor: string; note?: string }; answer: RollbackAnswer };
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
    request: {
      action_id: string;
      status: string;
      result?: Json;
      cost_usd?: number;
      model?: string;
      usage?: JsonObject;
      actor: string;
    };
    answer: { ok: true } & ReportAnswer;
  };
  /** What a permitted call cost, in dollars or by its tokens: it settles either way. */
  cost: {
    request: { action_id: string; cost_usd?: number; model?: string; usage?: JsonObject; actor: string };
    answer: { ok: true } & CostAnswer;
  };
  credentials_list: {
    request: { agent_id?: string; tool?: string };
    answer: { ok: true; credentials: readonly CredentialView[] };
  };
  /** Asks for the secret as a call would, and drops it: `names` are those of its values. */
  credential_probe: {
    request: { agent_id: string; id: string; actor: string };
    answer: {
      ok: true;
      credential: CredentialView;
      obtained: boolean;
      why: string | null;
      names: readonly string[];
      expires_at: string | null;
    };
  };
  agents_list: { request: object; answer: { ok: true; all: AgentView; agents: readonly AgentView[] } };
  agents_show: { request: { agent_id: string }; answer: { ok: true; agent: AgentDetail } };
  /** Agents that the daemon runs itself, fenced in as the policy says. Answers with those that the order is about. */
  supervisor: {
    request:
      | { op: "list" }
      | {
          op: "launch";
          agent_id: string;
          /** empty: the policy's `supervised_command` */
          command: readonly string[];
          /** absolute paths, as the next two */
          working_dir: string;
          reads: readonly string[];
          writes: readonly string[];
          actor: string;
        }
      /** the name of a run or of an agent, or `*` */
      | { op: "stop"; run: string; actor: string };
    answer: { ok: true; runs: readonly RunView[] };
  };
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
  credentials_list: true,
  credential_probe: true,
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
type LaterOperatorType = "grants" | "swap";
