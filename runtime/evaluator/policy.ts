// A loaded policy: requests in, verdicts out. It checks names, finds the plan of a tool, has the needed values written into
// the machine and reads the answer. Whatever goes wrong on the way is a deny with a code; nothing throws at a request.

import type { HostBlock } from "../../compiler/lower/blocks.ts";
import {
  APPROVED_MAX,
  Cause,
  JSON_COUNTS,
  JSON_PRINCIPAL,
  JsonCode,
  METERS_PER_TOOL_MAX,
  Result,
  VERDICT_CODE_MASK,
  VERDICT_CODE_SHIFT,
  VERDICT_DETAILS,
  VERDICT_RULE_SHIFT,
  VerdictCode,
} from "../../vm/shared/abi.ts";
import { SHAPE_NAMED, SHAPE_SESSION, Shape } from "../../vm/shared/image.ts";
import { RuleEffect } from "../../vm/shared/isa.ts";
import type { Code } from "../codes.ts";
import { urlPart } from "./http.ts";
import { ImageReader } from "./image.ts";
import { infoOf } from "./info.ts";
import type { Machine } from "./machine.ts";
import { type FieldReader, fieldReaders, fieldReads, Marshal } from "./marshal.ts";
import { isIdentifier, isToolName } from "./names.ts";
import { NOW_MAX_MS, Sessions } from "./sessions.ts";
import { readBudgets } from "./snapshot.ts";
import {
  type BudgetState,
  type Effect,
  type EvaluationOptions,
  type EvaluationRequest,
  type Explainer,
  type Explanation,
  type JsonOptions,
  LoadFailure,
  type PhaseMove,
  type PhaseState,
  type Policy,
  type PolicyInfo,
  type RuleInfo,
  type RuntimeValue,
  type SessionAnswer,
  type SessionName,
  type SessionOp,
  type SessionPhase,
  type Shadow,
  type ToolInfo,
  type Verdict,
} from "./types.ts";

/** Tools remembered with their plans; beyond it all are forgotten and found anew. */
const PLANS_MAX = 65_536;

interface Plan {
  readonly index: number;
  readonly readers: readonly FieldReader[];
  readonly limits: number;
  readonly budgets: readonly number[];
  /** Places of sums among the tracks that a permit feeds. */
  readonly sums: readonly number[];
  /** It has limits, budgets or phases, or its agent keeps sessions. */
  readonly stateful: boolean;
  /** Made when first asked for, then given to all that ask. */
  info: ToolInfo | null;
}

export class LoadedPolicy implements Policy {
  readonly info: PolicyInfo;
  readonly #machine: Machine;
  readonly #image: ImageReader;
  readonly #marshal: Marshal;
  readonly #sessions: Sessions;
  readonly #explainer: Explainer | null;
  /** Whether counters have a home here. */
  readonly #counts: boolean;
  readonly #plansOfAgents = new Map<string, Map<string, Plan>>();
  readonly #plans = new Map<number, Plan>();
  #remembered = 0;
  /** Verdicts without details, made once: by rule + 1, each with the word it was made from. */
  readonly #simple: ({ readonly packed: number; readonly verdict: Verdict } | undefined)[];
  #lastAgent = "";
  #lastTools: ReadonlyMap<string, Plan> = new Map();
  #phaseOfRule: ReadonlyMap<number, number> | null = null;
  #stageOfRule: ReadonlyMap<number, number> | null = null;

  constructor(machine: Machine, counts: boolean, explainer: Explainer | null) {
    this.#explainer = explainer;
    this.#machine = machine;
    this.#image = new ImageReader(machine.image);
    this.#marshal = new Marshal(machine);
    this.#counts = counts;
    this.#sessions = new Sessions(machine, this.#image, counts);
    const image = this.#image;
    // Of its full length at once: an array that grows by leaps becomes a slow one.
    this.#simple = new Array(image.rowCount + 1);
    // Read once here: settings that cannot be read refuse the image, not a later call.
    if (image.host.firstBudget.length !== image.agentCount)
      throw new LoadFailure("BAD_IMAGE", "the image names other agents to its host");
    this.info = infoOf(machine, image);
  }

  decide(request: EvaluationRequest, options: EvaluationOptions): Verdict {
    try {
      const plan = this.#planOf(request.agent_id, request.tool_id);
      if (typeof plan === "string") return refusals[plan];
      const prepared = this.#prepare(plan, request, options);
      if (typeof prepared !== "number") return prepared;
      const approved = this.#writeApproved(options.approved);
      return this.#read(this.#machine.decide(plan.index, Math.floor(options.now * 1000), prepared, approved), plan);
    } catch {
      return refusals.MACHINE_FAULT;
    }
  }

  decideBatch(requests: readonly EvaluationRequest[], options: EvaluationOptions): readonly Verdict[] {
    return requests.map((request) => this.decide(request, options));
  }

  decideJson(bytes: Uint8Array, options: JsonOptions): Verdict {
    try {
      const machine = this.#machine;
      if (bytes.length > machine.requestBytes) return refusals.BAD_REQUEST;
      machine.bytes.set(bytes, machine.request);
      const flags = (this.#counts ? JSON_COUNTS : 0) | (options.trustPrincipal === true ? JSON_PRINCIPAL : 0);
      const approved = this.#writeApproved(options.approved);
      let packed = machine.decideJson(bytes.length, Math.floor(options.now * 1000), approved, flags);
      if (packed === JsonCode.Url) packed = this.#decideWithUrl();
      if (packed < 0) return jsonRefusals[packed as Exclude<JsonCode, JsonCode.Url>];
      return this.#read(packed, null);
    } catch {
      return refusals.MACHINE_FAULT;
    }
  }

  /** Parts of the URL for each field that the machine asks for, in its order. */
  #decideWithUrl(): number {
    const machine = this.#machine;
    const at = machine.resultInteger(Result.UrlText);
    const text = decoder.decode(machine.bytes.subarray(at, at + machine.resultInteger(Result.UrlBytes)));
    for (;;) {
      const field = machine.resultInteger(Result.UrlField);
      const value = urlPart(text, this.#image.field(field).path);
      const used = this.#marshal.writeOne(field, value, machine.resultInteger(Result.ArenaUsed));
      const packed = used < 0 ? JsonCode.BadRequest : machine.calls.decideOn(used);
      if (packed !== JsonCode.Url) return packed;
    }
  }

  explain(request: EvaluationRequest, options: EvaluationOptions): Explanation {
    const untold = (verdict: Verdict): Explanation => ({ verdict, rules: [], meters: [] });
    const tell = this.#explainer;
    if (tell === null)
      throw new LoadFailure("NO_EXPLAINER", "pass an explainer in the options to have calls explained");
    try {
      const plan = this.#planOf(request.agent_id, request.tool_id);
      if (typeof plan === "string") return untold(refusals[plan]);
      const prepared = this.#prepare(plan, request, options);
      if (typeof prepared !== "number") return untold(prepared);
      const approved = this.#writeApproved(options.approved);
      const packed = this.#machine.calls.explain(plan.index, Math.floor(options.now * 1000), prepared, approved);
      const verdict = this.#read(packed, plan);
      const redact = this.#redact(plan.index);
      const [machine, image] = [this.#machine as never, this.#image as never];
      return { verdict, ...tell(machine, image, redact, (rule) => this.#rule(rule)) };
    } catch {
      return untold(refusals.MACHINE_FAULT);
    }
  }

  charge(
    call: { agent_id: string; session_id?: string; tool_id: string },
    costsMicro: readonly number[],
    now: number,
    sumsMicro: readonly number[] = [],
  ): void {
    const plan = this.#planOf(call.agent_id, call.tool_id);
    if (typeof plan === "string" || !this.#counts) return;
    const session = call.session_id ?? "default";
    const known = plan.budgets.every((_, i) => (costsMicro[i] ?? 0) >= 0 && Number.isSafeInteger(costsMicro[i] ?? 0));
    const summed = plan.sums.every((_, i) => Number.isSafeInteger(sumsMicro[i] ?? 0));
    if (!isIdentifier(session) || !known || !summed || !(now >= 0 && now <= NOW_MAX_MS)) {
      throw new RangeError("a record of the log holds a session, time, cost or sum that no decision had");
    }
    this.#writeCaller(call.agent_id, session);
    const costs = this.#machine.costs >> 3;
    for (let i = 0; i < plan.budgets.length; i++) this.#machine.numbers[costs + 1 + i] = costsMicro[i] ?? 0;
    for (const [i, place] of plan.sums.entries()) this.#machine.numbers[this.#amountCell(place)] = sumsMicro[i] ?? 0;
    if (this.#machine.calls.charge(plan.index, Math.floor(now * 1000)) !== 1) {
      throw new RangeError("the machine has no room for the counters of the log");
    }
  }

  chargeDenial(call: { agent_id: string; session_id?: string; tool_id: string }, now: number): void {
    const plan = this.#planOf(call.agent_id, call.tool_id);
    if (typeof plan === "string" || !this.#counts || !plan.stateful) return;
    const session = call.session_id ?? "default";
    if (!isIdentifier(session) || !(now >= 0 && now <= NOW_MAX_MS)) {
      throw new RangeError("a record of the log holds a session or time that no decision had");
    }
    this.#writeCaller(call.agent_id, session);
    this.#machine.calls.deny(plan.index, Math.floor(now * 1000));
  }

  #amountCell(place: number): number {
    return (this.#machine.costs >> 3) + METERS_PER_TOOL_MAX + 1 + place;
  }

  activatePhases(now: number): readonly string[] {
    if (!(now >= 0 && now <= NOW_MAX_MS)) throw new RangeError("a phase begins at no such time");
    const started: string[] = [];
    for (let i = 0; i < this.#image.phaseCount; i++) {
      const answer = this.#machine.calls.startPhase(i, Math.floor(now * 1000));
      if (answer < 0) throw new RangeError("the machine has no room for a phase's clock");
      if (answer === 1) started.push(this.#image.phase(i).name);
    }
    return started;
  }

  phases(_now: number): readonly PhaseState[] {
    return Array.from({ length: this.#image.phaseCount }, (_, i) => {
      const { name, agent, durationUs, next } = this.#image.phase(i);
      const start = this.#machine.calls.phaseStart(i);
      const started = start < 0 ? null : start / 1000;
      return { name, agent, started_at: started, ends_at: started === null ? null : started + durationUs / 1000, next };
    });
  }

  sessionPhase(session: SessionName, { now }: { readonly now: number }): SessionPhase | null {
    return this.#sessions.phase(session, now);
  }

  movePhase(move: SessionName & { readonly to: string }, { now }: { readonly now: number }): PhaseMove {
    return this.#sessions.move(move, move.to, now);
  }

  session(op: SessionOp, session: SessionName, { now }: { readonly now: number }): SessionAnswer {
    return this.#sessions.operate(op, session, now);
  }

  budgets(now: number): readonly BudgetState[] {
    return readBudgets(this.#image, this.#machine.snapshot(), now);
  }

  rules(): readonly RuleInfo[] {
    return Array.from({ length: this.#image.ruleCount }, (_, i) => this.#rule(i));
  }

  tool(agentId: string, toolId: string): ToolInfo | null {
    const plan = this.#planOf(agentId, toolId);
    if (plan === "UNKNOWN_AGENT") return null;
    if (typeof plan === "string") return unknownTool;
    plan.info ??= this.#toolInfo(plan);
    return plan.info;
  }

  #toolInfo(plan: Plan): ToolInfo {
    const named = (this.#image.shape(plan.index, Shape.Flags) & SHAPE_NAMED) !== 0;
    const reads = fieldReads(plan.readers).map((read) => Object.freeze(read));
    return Object.freeze({ named, redact: Object.freeze(this.#redact(plan.index)), reads: Object.freeze(reads) });
  }

  runtime(): { readonly [name: string]: RuntimeValue } {
    return this.#image.host.runtime;
  }

  blocks(): readonly HostBlock[] {
    return this.#image.host.blocks ?? [];
  }

  snapshot(): Uint8Array {
    return this.#machine.snapshot();
  }

  restore(bytes: Uint8Array): void {
    this.#machine.restore(bytes);
  }

  stateHash(): string {
    this.#machine.calls.snapshot();
    return this.#machine.resultHash(Result.StateHash);
  }

  /** The plan, or the code under which the call is denied. */
  #planOf(agentId: unknown, toolId: unknown): Plan | "BAD_REQUEST" | "BAD_TOOL_NAME" | "UNKNOWN_AGENT" {
    if (agentId === this.#lastAgent) {
      const known = this.#lastTools.get(toolId as string);
      if (known !== undefined) return known;
    }
    const known = this.#plansOfAgents.get(agentId as string)?.get(toolId as string);
    if (known !== undefined) {
      this.#lastAgent = agentId as string;
      this.#lastTools = this.#plansOfAgents.get(agentId as string) ?? new Map();
      return known;
    }
    if (!isIdentifier(agentId)) return "BAD_REQUEST";
    if (!isToolName(toolId)) return "BAD_TOOL_NAME";
    const machine = this.#machine;
    const index = machine.calls.lookup(machine.writeName(0, agentId), machine.writeName(2, toolId));
    if (index < 0) return "UNKNOWN_AGENT";
    const plan = this.#plan(index);
    if (this.#remembered >= PLANS_MAX) {
      this.#plansOfAgents.clear();
      this.#lastAgent = "";
      this.#lastTools = new Map();
      this.#remembered = 0;
    }
    this.#remembered++;
    // Kept by copies: the request's own strings may be slices that hold on to the whole text they were cut from.
    const agentKey = copyOf(agentId);
    const tools = this.#plansOfAgents.get(agentKey) ?? new Map<string, Plan>();
    tools.set(copyOf(toolId), plan);
    this.#plansOfAgents.set(agentKey, tools);
    return plan;
  }

  #plan(index: number): Plan {
    const known = this.#plans.get(index);
    if (known !== undefined) return known;
    const image = this.#image;
    const limits = image.shape(index, Shape.LimitsCount);
    const budgets = image.shapeList(index, Shape.BudgetsStart, Shape.BudgetsCount);
    const keepsSession = (image.shape(index, Shape.Flags) & SHAPE_SESSION) !== 0;
    const plan = {
      index,
      readers: fieldReaders(image, this.#machine, image.shapeList(index, Shape.FieldsStart, Shape.FieldsCount)),
      limits,
      budgets,
      sums: image
        .shapePairs(index, Shape.TracksStart, Shape.TracksCount)
        .flatMap(([track], i) => (image.isSum(track) ? [i] : [])),
      stateful: keepsSession || limits + budgets.length + image.shape(index, Shape.PhasesCount) > 0,
      info: null,
    };
    this.#plans.set(index, plan);
    return plan;
  }

  /** Writes what the plan needs; bytes of the arena, or the verdict when it cannot be judged. */
  #prepare(plan: Plan, request: EvaluationRequest, options: EvaluationOptions): number | Verdict {
    if (!(options.now >= 0 && options.now <= NOW_MAX_MS)) return refusals.BAD_REQUEST;
    if (request.session_id !== undefined && !isIdentifier(request.session_id)) return refusals.BAD_REQUEST;
    if (plan.stateful) {
      if (!this.#counts) return refusals.STATE_UNAVAILABLE;
      const cost = request.cost_usd ?? 0;
      if (typeof cost !== "number" || !(cost >= 0) || !Number.isFinite(cost)) return refusals.BAD_REQUEST;
      this.#writeCaller(request.agent_id, request.session_id ?? "default");
      this.#machine.numbers[this.#machine.costs >> 3] = cost;
    }
    const used = this.#marshal.write(plan.readers, request);
    return used < 0 ? refusals.BAD_REQUEST : used;
  }

  #writeCaller(agentId: string, sessionId: string): void {
    const machine = this.#machine;
    machine.calls.caller(machine.writeName(0, agentId), machine.writeName(1, sessionId));
  }

  #writeApproved(causes: readonly string[] | undefined): number {
    if (causes === undefined || causes.length === 0) return 0;
    const budgetIndex = (id: string): number[] => {
      const found: number[] = [];
      for (let i = 0; i < this.#image.budgetCount; i++) if (this.#image.budgetId(i) === id) found.push(i);
      return found;
    };
    const packed = causes.flatMap((cause) => {
      if (cause === "default") return [Cause.Default as number];
      const at = cause.indexOf(":");
      const [kind, value] = [cause.slice(0, at), cause.slice(at + 1)];
      if (kind === "rule" && /^\d{1,6}$/.test(value)) return [(Number(value) << 2) | Cause.Rule];
      if (kind === "selector") return this.#selectorGates(value).map((row) => (row << 2) | Cause.Rule);
      return kind === "budget" ? budgetIndex(value).map((i) => (i << 2) | Cause.Budget) : [];
    });
    const count = Math.min(packed.length, APPROVED_MAX);
    for (let i = 0; i < count; i++) this.#machine.words[(this.#machine.approved >> 2) + i] = packed[i] ?? 0;
    return count;
  }

  /** Rows of the gates of selectors with that id, of whichever agent. */
  #selectorGates(id: string): number[] {
    const rows: number[] = [];
    for (let row = this.#image.ruleCount; row < this.#image.rowCount; row++) {
      const { pattern, reason } = this.#image.rule(row);
      if (pattern === "selector" && reason === id) rows.push(row);
    }
    return rows;
  }

  /** `plan` null: the one that the machine found. */
  #read(packed: number, plan: Plan | null): Verdict {
    if ((packed & VERDICT_DETAILS) === 0) {
      const at = packed >>> VERDICT_RULE_SHIFT;
      const known = this.#simple[at];
      if (known !== undefined && known.packed === packed) return known.verdict;
      const verdict = Object.freeze(this.#verdict(packed));
      this.#simple[at] = { packed, verdict };
      return verdict;
    }
    return {
      ...this.#verdict(packed),
      ...this.#details(packed, plan ?? this.#plan(this.#machine.resultInteger(Result.Plan))),
    };
  }

  #verdict(packed: number): Verdict {
    const effect = effects[packed & 3] ?? "deny";
    const code = verdictCodes[((packed >> VERDICT_CODE_SHIFT) & VERDICT_CODE_MASK) as VerdictCode] ?? "MACHINE_FAULT";
    const number = (packed >>> VERDICT_RULE_SHIFT) - 1;
    if (code === "SELECTOR_UNAVAILABLE") return this.#withoutSelector(effect, number);
    const rule = number < 0 ? null : number;
    const cause = code !== "POLICY_DEFER" ? null : rule === null ? "default" : `rule:${rule}`;
    return { effect, code, reason: this.#reason(effect, code, rule), rule, rule_ref: this.#ruleRef(rule), cause };
  }

  #withoutSelector(effect: Effect, row: number): Verdict {
    const id = this.#image.rule(row).reason ?? "";
    const reason = `a rule reads the selector \`${id}\`, which has no value`;
    const cause = effect === "defer" ? `selector:${id}` : null;
    return { effect, code: "SELECTOR_UNAVAILABLE", reason, rule: null, rule_ref: null, cause };
  }

  #reason(effect: Effect, code: Code, rule: number | null): string {
    if (rule === null) return code.startsWith("POLICY_") ? defaultReasons[effect] : (sentences[code] ?? code);
    const row = this.#image.rule(rule);
    return row.reason ?? `${ruleVerbs[effect]} by the rule at ${this.#ruleRef(rule) ?? `number ${rule + 1}`}`;
  }

  #details(packed: number, plan: Plan): Partial<Verdict> {
    const machine = this.#machine;
    const code = verdictCodes[((packed >> VERDICT_CODE_SHIFT) & VERDICT_CODE_MASK) as VerdictCode];
    const details: { -readonly [K in keyof Verdict]?: Verdict[K] } = {};
    if (code === "RATE_EXCEEDED") details.retry_after_seconds = machine.resultNumber(Result.RetryAfterUs) / 1e6;
    const budget = machine.resultInteger(Result.Budget) - 1;
    if (budget >= 0) {
      const resets = machine.resultNumber(Result.ResetsAtUs);
      const id = this.#image.budgetId(budget);
      details.budget = { id, resets_at: resets === 0 ? null : resets / 1000 };
      if ((packed & 3) === RuleEffect.Defer) details.cause = `budget:${id}`;
    }
    const phase = machine.resultInteger(Result.Phase) - 1;
    if (phase >= 0) {
      details.phase = this.#image.phase(phase).name;
      details.shadow = this.#shadow();
    }
    const stage = machine.resultInteger(Result.Stage) - 1;
    if (stage >= 0) details.workflow_phase = this.#image.stage(stage).name;
    if ((packed & 3) === RuleEffect.Permit) {
      const costs = machine.costs >> 3;
      const budgets = plan.budgets.map((index, i) => ({
        id: this.#image.budgetId(index),
        cost_micro: machine.numbers[costs + 1 + i] ?? 0,
      }));
      const sums = plan.sums.map((place) => machine.numbers[this.#amountCell(place)] ?? 0);
      details.charges = {
        budgets,
        limits: machine.resultInteger(Result.LimitsTaken),
        ...(sums.length === 0 ? {} : { sums }),
      };
      const warnings = this.#warnings(plan);
      if (warnings.length > 0) details.warnings = warnings;
    }
    return details;
  }

  #shadow(): Shadow {
    const effect = effects[this.#machine.resultInteger(Result.ShadowEffect) - 1] ?? "deny";
    const number = this.#machine.resultInteger(Result.ShadowRule) - 1;
    const rule = number < 0 ? null : number;
    return { effect, rule, rule_ref: this.#ruleRef(rule) };
  }

  #warnings(plan: Plan): { code: "BUDGET_WARNING"; budget_id: string }[] {
    const low = this.#machine.resultInteger(Result.WarnedLow);
    const high = this.#machine.resultInteger(Result.WarnedHigh);
    if (low === 0 && high === 0) return [];
    return plan.budgets.flatMap((index, i) =>
      ((i < 32 ? low >>> i : high >>> (i - 32)) & 1) === 1
        ? [{ code: "BUDGET_WARNING" as const, budget_id: this.#image.budgetId(index) }]
        : [],
    );
  }

  #ruleRef(rule: number | null): string | null {
    const place = rule === null ? null : this.#image.debug(rule);
    return place === null ? null : `${place.file}:${place.line}`;
  }

  #redact(plan: number): string[] {
    return this.#image.shapeList(plan, Shape.RedactStart, Shape.RedactCount).map((index) => this.#image.string(index));
  }

  #rule(index: number): RuleInfo {
    const image = this.#image;
    const row = image.rule(index);
    const place = image.debug(index);
    this.#phaseOfRule ??= new Map(image.host.phaseOfRule);
    const phase = this.#phaseOfRule.get(index);
    const agent = image.host.firstRule.findLastIndex((first) => first <= index);
    const targets = image.host.notify.find(([rule]) => rule === index)?.slice(1) ?? [];
    return {
      index,
      agent: image.agentId(agent),
      effect: ruleEffects[row.effect] ?? "deny",
      pattern: row.pattern,
      text: place?.text ?? `${ruleEffects[row.effect]} ${row.pattern}`,
      reason: row.reason,
      notify: targets.map(String),
      phase: phase === undefined ? this.#workflowPhaseOf(index) : image.phase(phase).name,
      file: place?.file ?? null,
      line: place?.line ?? null,
    };
  }

  #workflowPhaseOf(rule: number): string | null {
    this.#stageOfRule ??= new Map(this.#image.host.stageOfRule);
    const stage = this.#stageOfRule.get(rule);
    return stage === undefined ? null : this.#image.stage(stage).name;
  }
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The same text in memory of its own. */
function copyOf(text: string): string {
  return decoder.decode(encoder.encode(text));
}

const effects: readonly Effect[] = ["permit", "deny", "defer"];
const ruleEffects = ["permit", "deny", "defer", "deny!"] as const;
const unknownTool: ToolInfo = Object.freeze({ named: false, redact: [], reads: [] });
const ruleVerbs: Record<Effect, string> = { permit: "permitted", deny: "denied", defer: "deferred" };

const verdictCodes: Record<VerdictCode, Code> = {
  [VerdictCode.PolicyPermit]: "POLICY_PERMIT",
  [VerdictCode.PolicyDeny]: "POLICY_DENY",
  [VerdictCode.PolicyDefer]: "POLICY_DEFER",
  [VerdictCode.RateExceeded]: "RATE_EXCEEDED",
  [VerdictCode.BudgetExceeded]: "BUDGET_EXCEEDED",
  [VerdictCode.AmbientExceeded]: "AMBIENT_EXCEEDED",
  [VerdictCode.CostUnknown]: "COST_UNKNOWN",
  [VerdictCode.StateFull]: "STATE_FULL",
  [VerdictCode.StepLimit]: "STEP_LIMIT",
  [VerdictCode.ModelDenied]: "MODEL_DENIED",
  [VerdictCode.EgressDenied]: "EGRESS_DENIED",
  [VerdictCode.SelectorUnavailable]: "SELECTOR_UNAVAILABLE",
  [VerdictCode.PhaseHidden]: "PHASE_HIDDEN",
  [VerdictCode.SessionExpired]: "SESSION_EXPIRED",
};

/** Codes of verdicts that the machine itself gives; all others are given before it is asked, or after. */
export const machineCodes: ReadonlySet<Code> = new Set(Object.values(verdictCodes));

const defaultReasons: Record<Effect, string> = {
  permit: "no rule matches, and the default is permit",
  deny: "no rule permits this call",
  defer: "no rule matches, and the default asks a person",
};

const sentences: Partial<Record<Code, string>> = {
  MODEL_DENIED: "the agent's model policy does not allow this model",
  EGRESS_DENIED: "the agent's egress does not allow this host",
  RATE_EXCEEDED: "the rate limit has no token left",
  BUDGET_EXCEEDED: "the budget has no room for this call",
  AMBIENT_EXCEEDED: "the agent has reached a limit over all its sessions",
  COST_UNKNOWN: "the cost that the budget counts is missing, not a number or negative",
  SESSION_EXPIRED: "the session has lasted too long, or was idle too long",
  PHASE_HIDDEN: "the tool is not visible in the session's phase",
  STATE_FULL: "there is no room for another counter",
  STEP_LIMIT: "the call's values would take too long to compare",
};

function refusal(code: Code, reason: string): Verdict {
  return Object.freeze({ effect: "deny", code, reason, rule: null, rule_ref: null, cause: null });
}

const refusals = {
  BAD_REQUEST: refusal("BAD_REQUEST", "the request holds a value that cannot be judged exactly"),
  BAD_TOOL_NAME: refusal(
    "BAD_TOOL_NAME",
    "tool names are made of A-Z a-z 0-9 _ . / : @ - without empty, . or .. segments",
  ),
  UNKNOWN_AGENT: refusal("UNKNOWN_AGENT", "the policy declares no such agent"),
  STATE_UNAVAILABLE: refusal(
    "STATE_UNAVAILABLE",
    "the policy counts calls, and this evaluator was opened without state",
  ),
  MACHINE_FAULT: refusal("MACHINE_FAULT", "the machine stopped; the call is denied"),
} as const;

const jsonRefusals: Record<Exclude<JsonCode, JsonCode.Url>, Verdict> = {
  [JsonCode.BadRequest]: refusals.BAD_REQUEST,
  [JsonCode.BadToolName]: refusals.BAD_TOOL_NAME,
  [JsonCode.UnknownAgent]: refusals.UNKNOWN_AGENT,
  [JsonCode.StateUnavailable]: refusals.STATE_UNAVAILABLE,
};
