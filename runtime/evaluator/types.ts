// What goes into the evaluator and what comes out: the public shapes, shared by the daemon, the SDK and edge functions.
import type { HostBlock } from "../../compiler/lower/blocks.ts";
import type { Code } from "../codes.ts";
import type { JsonNumber } from "./number.ts";

export type Effect = "permit" | "defer" | "deny";

/** A value of a request: JSON as `JSON.parse` gives it, or as the strict reader gives it (null prototypes, JsonNumber). */
export type RequestValue =
  | null
  | boolean
  | number
  | string
  | JsonNumber
  | readonly RequestValue[]
  | { readonly [key: string]: RequestValue };

export interface RequestHttp {
  readonly host?: string;
  readonly port?: number;
  readonly method?: string;
  readonly path?: string;
  readonly query?: { readonly [key: string]: RequestValue };
  readonly headers?: { readonly [key: string]: RequestValue };
}

/** One call to be judged. Members that a policy does not read are ignored here. */
export interface EvaluationRequest {
  readonly agent_id: string;
  readonly tool_id: string;
  /** Absent: "default". */
  readonly session_id?: string;
  readonly args?: { readonly [key: string]: RequestValue };
  readonly action_type?: string;
  readonly http?: RequestHttp;
  readonly principal?: { readonly [key: string]: RequestValue };
  readonly model?: string;
  readonly purpose?: string;
  readonly delegation?: { readonly [key: string]: RequestValue };
  /** Values of the policy's selectors by id, from the host and never from the agent. */
  readonly selectors?: { readonly [id: string]: RequestValue };
  /** Dollars; what the call costs when the budget does not say itself. */
  readonly cost_usd?: number;
}

export interface EvaluationOptions {
  /**
   * Milliseconds since 1970, UTC; fractions are microseconds. Conditions see this time as it is. Counters and phases never go
   * back: for them an earlier time than the last counts as the last.
   */
  readonly now: number;
  /** Causes (see Verdict.cause) that a person has approved for this very call: there a defer becomes a permit and evaluation goes on. */
  readonly approved?: readonly string[];
}

export interface JsonOptions extends EvaluationOptions {
  /** Whether rules may see the request's `principal`: only where somebody verified it before. Default false. */
  readonly trustPrincipal?: boolean;
}

/** The outcome that the rest of the policy would have given, beside a rollout phase's. */
export interface Shadow {
  readonly effect: Effect;
  readonly rule: number | null;
  readonly rule_ref: string | null;
}

export interface Verdict {
  readonly effect: Effect;
  readonly code: Code;
  /** The rule's `reason`, or a sentence of ours. */
  readonly reason: string;
  /** Index of the deciding rule in the image, null when the default, a limit or a check decided. */
  readonly rule: number | null;
  /** "governance.fms:12", null when the image carries no source map or no rule decided. */
  readonly rule_ref: string | null;
  /** For a defer, what it hangs on: "rule:<index>", "default", "budget:<id>" or "selector:<id>". Pass it in `approved` to go past it. */
  readonly cause: string | null;
  /** Name of the rollout phase that decided. */
  readonly phase?: string;
  /** Name of the workflow phase that the session is in, where such phases name the tool. */
  readonly workflow_phase?: string;
  readonly shadow?: Shadow;
  readonly retry_after_seconds?: number;
  readonly budget?: {
    readonly id: string /** Milliseconds since 1970; null for a session budget. */;
    readonly resets_at: number | null;
  };
  /** BUDGET_WARNING, once per window, with the budget's id. */
  readonly warnings?: readonly { readonly code: "BUDGET_WARNING"; readonly budget_id: string }[];
  /** For a permit, what was taken: the matching budgets in the policy's order with micro-dollars each, and how many limits gave a token. */
  readonly charges?: Charges;
}

export interface Charges {
  readonly budgets: readonly { readonly id: string; readonly cost_micro: number }[];
  readonly limits: number;
  /** Micro-units that rules of the agent sum up (session.sum), in the policy's order; absent where they sum up nothing of the tool. */
  readonly sums?: readonly number[];
  /** What the agent's counters of bytes and of different values took, in the policy's order; absent where it has none. */
  readonly counted?: readonly Counted[];
}

/** Bytes; or the SHA-256 of the counted value in hex, null where the call had none. */
export type Counted = number | string | null;

/** One test of a condition, as it was evaluated. */
export interface TestTrace {
  /** "amount", "args.to", "len(items)". */
  readonly operand: string;
  readonly operator: string;
  /** The constant or other operand it was compared with, printed. */
  readonly expected: string;
  /** The value found, printed; "missing" when absent; "redacted" when the policy redacts that path for this tool. */
  readonly found: string;
  readonly result: "true" | "false" | "unknown";
}

export interface RuleTrace {
  readonly rule: number;
  /** "permit stripe/refund if amount < $500". */
  readonly text: string;
  readonly rule_ref: string | null;
  readonly outcome: "match" | "no match";
  readonly tests: readonly TestTrace[];
}

export interface Explanation {
  readonly verdict: Verdict;
  /** Rules in the order in which they were tried. */
  readonly rules: readonly RuleTrace[];
  /** What gates, limits and budgets said, in order, in words. */
  readonly meters: readonly string[];
}

/**
 * Tells the machine's steps in words: `explainer` of the evaluator's second module, which who only decides does not ship.
 * What it is given is for the evaluator alone to know.
 */
export type Explainer = (machine: never, image: never, plan: number) => Omit<Explanation, "verdict">;

export interface RuleInfo {
  readonly index: number;
  readonly agent: string;
  readonly effect: "permit" | "deny" | "defer" | "deny!";
  readonly pattern: string;
  /** Canonical text, the same for both dialects: `permit stripe/charge if amount < $500`. */
  readonly text: string;
  readonly reason: string | null;
  readonly notify: readonly string[];
  readonly phase: string | null;
  readonly file: string | null;
  readonly line: number | null;
}

/** A session of an agent. */
export interface SessionName {
  readonly agent_id: string;
  /** Absent: "default". */
  readonly session_id?: string;
}

export interface SessionPhase {
  readonly name: string;
  /** The one declared after it; null for the last. */
  readonly next: string | null;
}

export type SessionRefusalCode = "BAD_REQUEST" | "UNKNOWN_AGENT" | "UNKNOWN_PHASE" | "STATE_UNAVAILABLE" | "STATE_FULL";

/** `reset` forgets as `close` does; only the words in the log differ. */
export type SessionOp = "open" | "close" | "reset" | "inspect";

/** A session after the operation. */
export type SessionAnswer =
  | {
      readonly ok: true;
      /** Whether the operation changed anything. */
      readonly changed: boolean;
      /** Milliseconds since 1970; null before the session has begun. */
      readonly began_at: number | null;
      readonly active_at: number | null;
      /** It has passed a bound of its agent's `session` block: every call is denied SESSION_EXPIRED. */
      readonly expired: boolean;
      /** Its workflow phase, where the agent has such phases. */
      readonly phase: string | null;
    }
  | { readonly ok: false; readonly code: SessionRefusalCode };

/** `moved` is false where the session was in that phase already: nothing changed then. */
export type PhaseMove =
  | { readonly ok: true; readonly moved: boolean; readonly from: string; readonly to: string }
  | { readonly ok: false; readonly code: SessionRefusalCode };

export interface PhaseState {
  readonly name: string;
  readonly agent: string;
  /** Milliseconds since 1970; null before its predecessor has ended or before activation. */
  readonly started_at: number | null;
  readonly ends_at: number | null;
  readonly next: string;
}

export interface BudgetState {
  readonly id: string;
  readonly agent: string;
  /** Empty unless the budget counts by session. */
  readonly session: string;
  /** What it counts beside calls: micro-dollars; bytes, which stand in `spent_micro` and `max_micro` then; or, instead of calls, different values. */
  readonly unit: "usd" | "bytes" | "values";
  readonly spent_micro: number;
  readonly max_micro: number | null;
  readonly calls: number;
  readonly max_calls: number | null;
}

/** A budget's id, and micro-dollars more or less. */
export type BudgetDelta = readonly [budget: string, deltaMicro: number];

export interface Settlement {
  /** Milliseconds since 1970 of the call. */
  readonly calledAt: number;
  /** -1 where the call is to count no more. */
  readonly calls: 0 | -1;
}

export interface PolicyInfo {
  /** Of the image, and of its instructions. */
  readonly format_version: number;
  readonly isa_version: number;
  /** SHA-256 in hex over the sections that decide. */
  readonly policy_hash: string;
  /** SHA-256 in hex over the whole image. */
  readonly image_hash: string;
  readonly agents: readonly string[];
  /** True when undeclared agents are governed by flat rules. */
  readonly anonymous: boolean;
  /** The names and patterns of tools that rules are about, each once, in the order of the policy. */
  readonly tools: readonly string[];
  /** Limits in the order of the policy; `name` is the pattern, with a number behind it for further ones on the same. */
  readonly limits: readonly { readonly name: string; readonly count: number; readonly window_seconds: number }[];
  /** Ids of budgets, in the order of the policy. */
  readonly budgets: readonly string[];
  readonly rules: number;
  readonly image_bytes: number;
  /** More steps than this no decision of this policy can take. */
  readonly worst_case_steps: number;
  /** True when the policy has limits, budgets, phases or keeps sessions, so that decisions change state. */
  readonly stateful: boolean;
}

/** What the host of the machine needs to know of a tool beyond its verdict. */
export interface ToolInfo {
  /** True when some rule other than a bare `*` or `**` names the tool or a pattern that fits it. */
  readonly named: boolean;
  /** Paths to be redacted before anything is stored: "a.b", "items[].card". */
  readonly redact: readonly string[];
  /** What the tool's rules, gates and budgets read of a request, beyond its names and time. */
  readonly reads: readonly FieldRead[];
  /** A budget that holds money, or an ambient limit of it, takes what a call of the tool costs from the request's `cost_usd`. */
  readonly needsCost: boolean;
}

/** A value of the request by its place: member of EvaluationRequest, then names and list positions. */
export interface FieldRead {
  readonly member: "args" | "action_type" | "model" | "purpose" | "principal" | "delegation" | "http" | "selectors";
  readonly path: readonly (string | number)[];
}

export interface Policy {
  readonly info: PolicyInfo;
  decide(request: EvaluationRequest, options: EvaluationOptions): Verdict;
  /** One decision after the other, each as decide gives it: a later one sees what an earlier one took. */
  decideBatch(requests: readonly EvaluationRequest[], options: EvaluationOptions): readonly Verdict[];
  /**
   * Judges one request of the daemon's form as raw JSON (RFC 8259, UTF-8): the members of EvaluationRequest, and beside them
   * `tool`, `operation`, `model_name` and the ids that a record keeps; null counts as absent. What two readers could
   * understand differently is denied BAD_REQUEST: broken UTF-8, duplicate keys, lone surrogates, numbers beyond a double,
   * more than 64 levels or 100,000 keys and list members. The bytes are copied and not kept.
   */
  decideJson(bytes: Uint8Array, options: JsonOptions): Verdict;
  /** The same decision without any change of state, with every step. Throws LoadFailure where no explainer was given. */
  explain(request: EvaluationRequest, options: EvaluationOptions): Explanation;
  /**
   * Takes what a recorded permit took, without judging: how counters and histories are rebuilt from the log. Costs and sums are those of
   * its verdict's `charges`; what is missing counts as 0.
   */
  charge(
    call: { agent_id: string; session_id?: string; tool_id: string },
    costsMicro: readonly number[],
    now: number,
    sumsMicro?: readonly number[],
    counted?: readonly Counted[],
  ): void;
  /**
   * Corrects what an earlier permit took from the budgets named. Where the window of that call is over, nothing changes. Whether
   * anything did.
   */
  settle(call: SessionName, deltas: readonly BudgetDelta[], settlement: Settlement): boolean;
  /** What a call's arguments add to the sums that rules look back at, for `charge`: in micro-units, 0 for what is no number. */
  amounts(call: { agent_id: string; tool_id: string; args?: EvaluationRequest["args"] }): readonly number[];
  /** Sessions and what rules look back at in them, at that time: opaque, for `addHistory` of another policy. */
  history(now: number): readonly Uint8Array[];
  /** Takes over what another policy has seen of queries and sessions that this one does not keep up itself. Throws LoadFailure where there is no room. */
  addHistory(entries: readonly Uint8Array[], now: number): void;
  /** Notes a recorded denial, which the machine gave, where rules count denials. */
  chargeDenial(call: { agent_id: string; session_id?: string; tool_id: string }, now: number): void;
  /** Starts the clocks of phases that have none yet (same name, same content: kept). Returns the names started. */
  activatePhases(now: number): readonly string[];
  /** Rollout phases. */
  phases(now: number): readonly PhaseState[];
  /** Begins a session, forgets it, or looks at it. What limits and budgets hold is never forgotten here. */
  session(op: SessionOp, session: SessionName, options: { readonly now: number }): SessionAnswer;
  /** The workflow phase of a session; null for an agent without such phases. */
  sessionPhase(session: SessionName, options: { readonly now: number }): SessionPhase | null;
  /** Moves a session to a workflow phase of its agent. Who may ask for which is for the caller to say. */
  movePhase(move: SessionName & { readonly to: string }, options: { readonly now: number }): PhaseMove;
  budgets(now: number): readonly BudgetState[];
  rules(): readonly RuleInfo[];
  /** Null for an agent that the policy does not govern. */
  tool(agentId: string, toolId: string): ToolInfo | null;
  /** Settings of `runtime { }` that the daemon reads, as values; durations in seconds, sizes in bytes. */
  runtime(): { readonly [name: string]: RuntimeValue };
  /** Blocks that the daemon reads: providers, credentials, gates of completion … */
  blocks(): readonly HostBlock[];
  /** The counters in their canonical, versioned form, keyed by names. */
  snapshot(): Uint8Array;
  restore(bytes: Uint8Array): void;
  /** SHA-256 in hex over snapshot(). */
  stateHash(): string;
}

/** What the small evaluators and built modules open: all that decides and that keeps its state. */
export type EdgePolicy = Pick<
  Policy,
  | "info"
  | "decide"
  | "decideBatch"
  | "decideJson"
  | "explain"
  | "activatePhases"
  | "session"
  | "sessionPhase"
  | "movePhase"
  | "snapshot"
  | "restore"
  | "stateHash"
>;

/** What the evaluator opens for those who ask with objects. */
export type ObjectPolicy = Omit<EdgePolicy, "decideJson" | "explain">;

/** What the smallest evaluator opens: it keeps no state, and what counts is denied STATE_UNAVAILABLE. */
export type StatelessPolicy = Pick<ObjectPolicy, "info" | "decide" | "decideBatch">;

export type RuntimeValue = string | number | boolean | null | { readonly env: string } | readonly RuntimeValue[];

/** Why an image or a snapshot was refused. */
export class LoadFailure extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.name = "LoadFailure";
    this.code = code;
  }
}
