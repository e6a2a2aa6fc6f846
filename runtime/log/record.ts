// What a record says: its types, the members of each, and their order in a line. It must never hold a value that a
// policy redacts; that is done before a body comes here.
import { canonicalJson, canonicalString, type Json, type JsonObject } from "../json.ts";
import { DecisionText, type HeaderTexts } from "./decision.ts";

export const recordTypes = [
  "decision",
  "outcome",
  "policy",
  "approval",
  "grant",
  "phase",
  "agent",
  "cost",
  "snapshot",
  "checkpoint",
  "prune",
  "mark",
] as const;

export type RecordType = (typeof recordTypes)[number];

export const recordVersion = 1;

/** Members that every record has; `time_regression` only where the system's clock had gone back. */
export interface RecordHeader {
  readonly hash: string;
  readonly v: number;
  readonly log_id: string;
  readonly seq: number;
  readonly prev: string;
  readonly type: RecordType;
  readonly time: string;
  readonly mono_us: number;
  readonly boot_id: string;
  readonly policy_version: string | null;
  readonly policy_hash: string | null;
  readonly time_regression?: true;
}

export type Effect = "permit" | "defer" | "deny";

export interface DecisionBody {
  readonly action_id: string;
  readonly call_id: string | null;
  readonly request_id: string | null;
  readonly agent_id: string;
  readonly agent_identity: Json;
  readonly session_id: string;
  readonly tool: string;
  readonly action_type: string;
  readonly args: Json;
  /** What the verdict read of the request besides its arguments; null when nothing. */
  readonly inputs: Json;
  readonly effect: Effect;
  readonly would: Effect | null;
  readonly code: string;
  readonly reason: string;
  readonly rule_ref: string | null;
  readonly rule_digest: string | null;
  readonly steps: Json;
  readonly approval_id: string | null;
  readonly request_digest: string;
  readonly credential_ref: string | null;
  readonly cost_usd: Json;
  readonly latency_us: number;
  readonly delegation: Json;
  /** By which the call came; records of before there were several have none. */
  readonly door: string;
  readonly redacted: Json;
  readonly mode: string;
  readonly dev: boolean;
  readonly tags: Json;
}

export interface OutcomeBody {
  readonly action_id: string;
  /** As reported; "undelivered" by the daemon itself, where nobody took the answer: then no other member is there. */
  readonly status: string;
  readonly agent_id?: string;
  readonly session_id?: string;
  readonly tool?: string;
  /** Redacted as arguments are. */
  readonly result?: Json;
  readonly redacted?: Json;
  readonly duration_ms?: number | null;
  readonly provider?: string | null;
  readonly cost_usd?: Json;
  /** HMAC of what was reported, so that the same report is known again. */
  readonly report_digest?: string;
  /** The operator who reported it; null for the agent. */
  readonly actor?: string | null;
}

export interface PolicyBody {
  readonly version: string;
  readonly image_hash: string;
  readonly machine_hash: string;
  readonly source_hash: string;
  readonly actor: string;
  readonly change: "apply" | "rollback" | "promote";
  readonly restores?: string;
  readonly summary: Json;
}

export interface ApprovalBody {
  readonly approval_id: string;
  readonly change: "opened" | "approved" | "denied" | "consumed" | "returned" | "revoked" | "expired";
  readonly action_id?: string;
  readonly agent_id?: string;
  readonly request_digest?: string;
  readonly rule_digest?: string | null;
  readonly actor?: string;
  readonly reason?: string;
  readonly expires?: string;
}

export interface GrantBody {
  readonly grant_id: string;
  /** "returned": one use was for nothing and is there again. */
  readonly change: "created" | "used" | "returned" | "revoked" | "expired";
  readonly agent_id?: string;
  readonly tool?: string;
  readonly condition?: string | null;
  /** The grant's rule, compiled, in base64. */
  readonly image?: string;
  readonly uses_max?: number | null;
  readonly uses?: number;
  readonly ttl_us?: number;
  readonly action_id?: string;
  readonly actor?: string;
  readonly operator_auth?: string;
  readonly reason?: string;
  readonly expires?: string;
}

export interface PhaseBody {
  readonly agent_id: string;
  /** Of a workflow phase, and of what is done to a session. */
  readonly session_id?: string;
  readonly from: string | null;
  readonly to: string | null;
  /** "duration" for the end of a rollout; "agent" or "operator" moved a session; "open", "close", "reset" were done to one. */
  readonly cause: string;
  readonly actor?: string;
}

export interface AgentBody {
  /** `*`: every agent. */
  readonly agent_id: string;
  readonly change: "kill" | "unkill" | "quiesce" | "resume";
  readonly actor: string;
  readonly operator_auth: string;
  readonly reason: string;
}

export interface CostBody {
  readonly action_id: string;
  readonly agent_id: string;
  readonly session_id: string;
  readonly tool: string;
  /** When the call was decided: its windows are those of that time. */
  readonly called_at: string;
  readonly cost_usd: Json;
  /** "reported" by the agent, which only raises; "settled" by an operator; "returned": the call never ran. */
  readonly change: "reported" | "settled" | "returned";
  /** Id and micro-dollars more or less. */
  readonly budgets: readonly (readonly [string, number])[];
  readonly calls: 0 | -1;
  readonly actor: string | null;
}

/** A statement about the log itself, for instance that a torn tail was cut off. */
export interface MarkBody {
  readonly kind: string;
  readonly detail: Json;
}

export interface RecordBodies {
  readonly decision: DecisionBody;
  readonly outcome: OutcomeBody;
  readonly policy: PolicyBody;
  readonly approval: ApprovalBody;
  readonly grant: GrantBody;
  readonly phase: PhaseBody;
  readonly agent: AgentBody;
  readonly cost: CostBody;
  readonly snapshot: JsonObject;
  readonly checkpoint: JsonObject;
  readonly prune: JsonObject;
  readonly mark: MarkBody;
}

export interface LogEntryInput {
  readonly type: RecordType;
  readonly policy_version: string | null;
  readonly policy_hash: string | null;
  /** the members that belong to the type; none may be undefined or carry the name of a header member */
  readonly body: JsonObject | DecisionText;
}

/** Header members as the log knows them when it renders a record. */
export interface HeaderValues {
  readonly seq: number;
  readonly prev: string;
  readonly time: string;
  readonly monoUs: number;
  readonly timeRegression: boolean;
}

const headerMembers = [
  "boot_id",
  "log_id",
  "mono_us",
  "policy_hash",
  "policy_version",
  "prev",
  "seq",
  "time",
  "time_regression",
  "type",
  "v",
] as const;

const headerNames: ReadonlySet<string> = new Set([...headerMembers, "hash"]);

interface Slot {
  readonly name: string;
  /** `"name":`, with a comma before it in all but the first slot */
  readonly lead: string;
  /** the header member to write here; null for the body member `name` */
  readonly header: (typeof headerMembers)[number] | null;
}

/** RFC 8785 order of the header and these body members. */
function layout(bodyNames: readonly string[]): readonly Slot[] {
  for (const name of bodyNames) {
    if (headerNames.has(name)) throw new TypeError(`a body may not have the header's member \`${name}\``);
    if (name === "__proto__") throw new TypeError("the key `__proto__` is not allowed");
  }
  const isHeader = new Set<string>(headerMembers);
  // UTF-16 code unit order, as RFC 8785 wants; localeCompare would not.
  const names = [...bodyNames, ...headerMembers].sort();
  return names.map((name, index) => ({
    name,
    lead: `${index === 0 ? "" : ","}${canonicalString(name)}:`,
    header: isHeader.has(name) ? (name as Slot["header"]) : null,
  }));
}

/** Renders what follows the hash in a line. One for each log: it holds what never changes between records. */
export class RestRenderer {
  readonly #bootId: string;
  readonly #logId: string;

  constructor(logId: string, bootId: string) {
    this.#logId = canonicalString(logId);
    this.#bootId = canonicalString(bootId);
  }

  /** `<rest>`: canonical members without the opening brace. Throws TypeError for a body that JSON cannot hold. */
  render(entry: LogEntryInput, header: HeaderValues): string {
    const texts: HeaderTexts = {
      bootId: this.#bootId,
      logId: this.#logId,
      monoUs: String(header.monoUs),
      policyHash: canonicalJson(entry.policy_hash),
      policyVersion: canonicalJson(entry.policy_version),
      prev: `"${header.prev}"`,
      seq: String(header.seq),
      time: `"${header.time}"`,
      timeRegression: header.timeRegression,
      version: String(recordVersion),
    };
    // Decisions are the hot path, and their members have fixed places: sorting names costs as much as all the rest.
    if (entry.body instanceof DecisionText) return entry.body.rest(texts);
    let rest = "";
    for (const { name, lead, header: headerName } of layout(Object.keys(entry.body))) {
      if (headerName === null) rest += lead + canonicalJson(entry.body[name] as Json);
      else if (headerName === "type") rest += `${lead}"${entry.type}"`;
      else if (headerName !== "time_regression") rest += lead + texts[headerTextOf[headerName]];
      else if (header.timeRegression) rest += `${lead}true`;
    }
    return `${rest}}`;
  }
}

type PlainHeaderMember = Exclude<(typeof headerMembers)[number], "type" | "time_regression">;

const headerTextOf: Record<PlainHeaderMember, Exclude<keyof HeaderTexts, "timeRegression">> = {
  boot_id: "bootId",
  log_id: "logId",
  mono_us: "monoUs",
  policy_hash: "policyHash",
  policy_version: "policyVersion",
  prev: "prev",
  seq: "seq",
  time: "time",
  v: "version",
};
