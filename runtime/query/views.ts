// The tables that a question may ask of: which columns they have, of which type, from which member of a record. Data alone;
// docs/queries.md is held to it. It knows no file and no database.
import type { RecordType } from "../log/record.ts";

/** How a member is read from a line; structures stay JSON. */
export type Stored = "VARCHAR" | "BIGINT" | "DOUBLE" | "BOOLEAN" | "JSON";

/** What a question gets. Money has six digits after the point, times are UTC. */
export type ColumnType = Stored | "TIMESTAMP" | "DECIMAL(18,6)";

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly says: string;
}

export interface View {
  readonly name: string;
  /** null: records of every type */
  readonly type: RecordType | null;
  readonly says: string;
  readonly columns: readonly Column[];
}

const column = (name: string, type: ColumnType, says: string): Column => ({ name, type, says });

const seq = column("seq", "BIGINT", "place in the log, from 1");
const time = column("time", "TIMESTAMP", "UTC");
const hash = column("hash", "VARCHAR", "of the record, hexadecimal");
const policyVersion = column("policy_version", "VARCHAR", "the policy then in force: v17");
const actionId = column("action_id", "VARCHAR", "the decision's");
const agentId = column("agent_id", "VARCHAR", "");
const sessionId = column("session_id", "VARCHAR", "");
const tool = column("tool", "VARCHAR", "");
const actor = column("actor", "VARCHAR", "who did it");
const reason = column("reason", "VARCHAR", "");
const costUsd = column("cost_usd", "DECIMAL(18,6)", "US dollars");
const expires = column("expires", "TIMESTAMP", "UTC");
const header = [seq, time] as const;

const decisions: View = {
  name: "decisions",
  type: "decision",
  says: "What was decided, a row a call.",
  columns: [
    ...header,
    actionId,
    column("call_id", "VARCHAR", "the caller's name of the call"),
    column("request_id", "VARCHAR", "the run that the call belongs to"),
    agentId,
    sessionId,
    tool,
    column("action_type", "VARCHAR", "tool_call, delegate, completion_event or model_call"),
    column("effect", "VARCHAR", "permit, defer or deny"),
    column("would", "VARCHAR", "in audit mode, what would have been"),
    column("code", "VARCHAR", "see codes.md"),
    reason,
    column("rule_ref", "VARCHAR", "file and line of the rule"),
    column("approval_id", "VARCHAR", "the approval that it waits for or used"),
    costUsd,
    column("latency_us", "BIGINT", "microseconds to the verdict"),
    column("mode", "VARCHAR", "enforce or audit"),
    column("door", "VARCHAR", "by which it came: socket, socket/sdk, socket/hook, http …"),
    column("dev", "BOOLEAN", "of a daemon in development"),
    policyVersion,
    column("policy_hash", "VARCHAR", ""),
    column("rule_digest", "VARCHAR", ""),
    column("request_digest", "VARCHAR", "equal for equal calls"),
    column("credential_ref", "VARCHAR", ""),
    column("agent_identity", "JSON", ""),
    column("args", "JSON", "as they are stored: redacted"),
    column("inputs", "JSON", "what else the verdict read"),
    column(
      "steps",
      "JSON",
      "what each step said; `at` is the step that decided: `ready`, `agent`, `identity`, `session`, `model`, `deny!`, `phases`, `rules`, `egress`, `ambient`, `rates`, `budgets`, `credential` or `answer`",
    ),
    column("delegation", "JSON", ""),
    column("redacted", "JSON", "paths that were replaced"),
    column("tags", "JSON", ""),
    hash,
  ],
};

const outcomes: View = {
  name: "outcomes",
  type: "outcome",
  says: "What became of permitted calls, as it was reported.",
  columns: [
    ...header,
    actionId,
    agentId,
    sessionId,
    tool,
    column("status", "VARCHAR", ""),
    column("result", "JSON", "as it is stored: redacted"),
    column("duration_ms", "DOUBLE", "milliseconds"),
    column("provider", "VARCHAR", ""),
    costUsd,
    actor,
    policyVersion,
    hash,
  ],
};

const approvals: View = {
  name: "approvals",
  type: "approval",
  says: "What happened to approvals, a row a change.",
  columns: [
    ...header,
    column("approval_id", "VARCHAR", ""),
    column("change", "VARCHAR", "opened, approved, denied, consumed, returned, revoked or expired"),
    actionId,
    agentId,
    sessionId,
    tool,
    actor,
    reason,
    column("rule_digest", "VARCHAR", ""),
    column("request_digest", "VARCHAR", ""),
    expires,
    policyVersion,
    hash,
  ],
};

const policies: View = {
  name: "policies",
  type: "policy",
  says: "Which policy came into force when.",
  columns: [
    ...header,
    column("version", "VARCHAR", "v17"),
    column("change", "VARCHAR", "apply, rollback or promote"),
    actor,
    column("restores", "VARCHAR", "the version that a rollback brings back"),
    column("image_hash", "VARCHAR", ""),
    column("source_hash", "VARCHAR", ""),
    column("policy_hash", "VARCHAR", ""),
    column("summary", "JSON", ""),
    hash,
  ],
};

const costs: View = {
  name: "costs",
  type: "cost",
  says: "Costs that became known after the decision.",
  columns: [
    ...header,
    actionId,
    agentId,
    sessionId,
    tool,
    column("change", "VARCHAR", "reported, settled or returned"),
    costUsd,
    column("called_at", "TIMESTAMP", "of the decision, UTC"),
    column("budgets", "JSON", "[[budget, millionths of a dollar], …]"),
    column("calls", "BIGINT", "0, or -1 for a call that was given back"),
    actor,
    policyVersion,
    hash,
  ],
};

const grants: View = {
  name: "grants",
  type: "grant",
  says: "Standing grants, a row a change.",
  columns: [
    ...header,
    column("grant_id", "VARCHAR", ""),
    column("change", "VARCHAR", "created, used, returned, revoked or expired"),
    agentId,
    tool,
    column("condition", "VARCHAR", ""),
    column("uses", "BIGINT", "after this use"),
    column("uses_max", "BIGINT", ""),
    actionId,
    actor,
    reason,
    expires,
    policyVersion,
    hash,
  ],
};

const phases: View = {
  name: "phases",
  type: "phase",
  says: "Rollouts that ended, sessions that moved.",
  columns: [
    ...header,
    agentId,
    sessionId,
    column("from_phase", "VARCHAR", "the record's `from`"),
    column("to_phase", "VARCHAR", "the record's `to`"),
    column("cause", "VARCHAR", ""),
    actor,
    policyVersion,
    hash,
  ],
};

const agents: View = {
  name: "agents",
  type: "agent",
  says: "Agents that were killed, quiesced and resumed.",
  columns: [...header, agentId, column("change", "VARCHAR", ""), actor, reason, policyVersion, hash],
};

const marks: View = {
  name: "marks",
  type: "mark",
  says: "What the log says of itself: torn tails, keys, hosts.",
  columns: [...header, column("kind", "VARCHAR", ""), column("detail", "JSON", ""), hash],
};

const records: View = {
  name: "records",
  type: null,
  says: "Every record, with what all have.",
  columns: [
    ...header,
    column(
      "type",
      "VARCHAR",
      "decision, outcome, policy, approval, grant, phase, agent, cost, snapshot, checkpoint, prune, mark",
    ),
    actionId,
    policyVersion,
    column("policy_hash", "VARCHAR", ""),
    column("prev", "VARCHAR", "hash of the record before"),
    column("boot_id", "VARCHAR", "the machine's run"),
    column("mono_us", "BIGINT", "monotonic microseconds within it"),
    column("time_regression", "BOOLEAN", "the system's clock had gone back"),
    hash,
  ],
};

export const views: readonly View[] = [
  decisions,
  outcomes,
  approvals,
  policies,
  costs,
  grants,
  phases,
  agents,
  marks,
  records,
];

/** Columns whose member is called otherwise, since the name is a word of SQL. */
const memberNames: Readonly<Record<string, string>> = { from_phase: "from", to_phase: "to" };

export function memberOf({ name }: Column): string {
  return memberNames[name] ?? name;
}

/** Times and money are stored as texts and numbers of JSON; they are read as texts and turned where a question asks. */
export function storedType({ type }: Column): Stored {
  return type === "TIMESTAMP" || type === "DECIMAL(18,6)" ? "VARCHAR" : type;
}

/** Every member that a view reads, with the type that it is read as: the columns of the files and of archives. */
export function storedMembers(): ReadonlyMap<string, Stored> {
  const found = new Map<string, Stored>();
  for (const one of views.flatMap((view) => view.columns)) {
    const stored = storedType(one);
    const before = found.get(memberOf(one));
    if (before !== undefined && before !== stored) throw new TypeError(`\`${one.name}\` has two types`);
    found.set(memberOf(one), stored);
  }
  return found;
}
