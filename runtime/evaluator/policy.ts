// A loaded policy: requests in, verdicts out. It checks names, finds the plan of a tool, has the needed values written into
// the machine and reads the answer. Whatever goes wrong on the way is a deny with a code; nothing throws at a request.
import type { HostBlock } from "../../compiler/lower/blocks.ts";
import { APPROVED_MAX, Cause, JSON_COUNTS, JSON_PRINCIPAL, JsonCode, Result } from "../../vm/shared/abi.ts";
import { SHAPE_NAMED, Shape } from "../../vm/shared/image.ts";
import { urlPart } from "./http.ts";
import { ImageReader } from "./image.ts";
import { infoOf } from "./info.ts";
import type { Machine } from "./machine.ts";
import { fieldReads, Marshal } from "./marshal.ts";
import { isIdentifier } from "./names.ts";
import { amountCell, type Plan, Plans } from "./plans.ts";
import { NOW_MAX_MS, Sessions } from "./sessions.ts";
import { settleBudgets } from "./settle.ts";
import { readBudgets } from "./snapshot.ts";
import {
  type BudgetDelta,
  type BudgetState,
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
  type Settlement,
  type ToolInfo,
  type Verdict,
} from "./types.ts";
import { jsonRefusals, refusals, Verdicts } from "./verdicts.ts";

export class LoadedPolicy implements Policy {
  readonly info: PolicyInfo;
  readonly #machine: Machine;
  readonly #image: ImageReader;
  readonly #marshal: Marshal;
  readonly #sessions: Sessions;
  readonly #explainer: Explainer | null;
  /** Whether counters have a home here. */
  readonly #counts: boolean;
  readonly #plans: Plans;
  readonly #verdicts: Verdicts;
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
    this.#plans = new Plans(machine, image);
    this.#verdicts = new Verdicts(machine, image, this.#plans);
    // Read once here: settings that cannot be read refuse the image, not a later call.
    if (image.host.firstBudget.length !== image.agentCount)
      throw new LoadFailure("BAD_IMAGE", "the image names other agents to its host");
    this.info = infoOf(machine, image);
  }

  decide(request: EvaluationRequest, options: EvaluationOptions): Verdict {
    try {
      const plan = this.#plans.of(request.agent_id, request.tool_id);
      if (typeof plan === "string") return refusals[plan];
      const prepared = this.#prepare(plan, request, options, false);
      if (prepared < 0) return unprepared(prepared);
      const approved = options.approved === undefined ? 0 : this.#writeApproved(options.approved);
      return this.#verdicts.read(
        this.#machine.decide(plan.index, Math.floor(options.now * 1000), prepared, approved),
        plan,
      );
    } catch {
      return refusals.MACHINE_FAULT;
    }
  }

  decideBatch(requests: readonly EvaluationRequest[], options: EvaluationOptions): readonly Verdict[] {
    return requests.map((request) => this.decide(request, options));
  }

  decideJson(bytes: Uint8Array, options: JsonOptions): Verdict {
    const machine = this.#machine;
    if (machine.decideJson === undefined) throw new LoadFailure("NO_READER", "this evaluator has no reader of JSON");
    try {
      if (bytes.length > machine.requestBytes) return refusals.BAD_REQUEST;
      machine.bytes.set(bytes, machine.request);
      const flags = (this.#counts ? JSON_COUNTS : 0) | (options.trustPrincipal === true ? JSON_PRINCIPAL : 0);
      const approved = this.#writeApproved(options.approved);
      let packed = machine.decideJson(bytes.length, Math.floor(options.now * 1000), approved, flags);
      if (packed === JsonCode.Url) packed = this.#decideWithUrl();
      if (packed < 0) return jsonRefusals[packed as Exclude<JsonCode, JsonCode.Url>];
      return this.#verdicts.read(packed, null);
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
      const packed = used < 0 ? JsonCode.BadRequest : (machine.calls.decideOn?.(used) ?? JsonCode.BadRequest);
      if (packed !== JsonCode.Url) return packed;
    }
  }

  explain(request: EvaluationRequest, options: EvaluationOptions): Explanation {
    const untold = (verdict: Verdict): Explanation => ({ verdict, rules: [], meters: [] });
    const tell = this.#explainer;
    if (tell === null)
      throw new LoadFailure("NO_EXPLAINER", "pass an explainer in the options to have calls explained");
    try {
      const plan = this.#plans.of(request.agent_id, request.tool_id);
      if (typeof plan === "string") return untold(refusals[plan]);
      const prepared = this.#prepare(plan, request, options, true);
      if (prepared < 0) return untold(unprepared(prepared));
      const approved = this.#writeApproved(options.approved);
      const packed = this.#machine.calls.explain(plan.index, Math.floor(options.now * 1000), prepared, approved);
      const verdict = this.#verdicts.read(packed, plan);
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
    const plan = this.#plans.of(call.agent_id, call.tool_id);
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
    for (const [i, place] of plan.sums.entries())
      this.#machine.numbers[amountCell(this.#machine, place)] = sumsMicro[i] ?? 0;
    if (this.#machine.calls.charge(plan.index, Math.floor(now * 1000)) !== 1) {
      throw new RangeError("the machine has no room for the counters of the log");
    }
  }

  settle(call: SessionName, deltas: readonly BudgetDelta[], settlement: Settlement): boolean {
    return this.#counts && settleBudgets(this.#machine, this.#image, call, deltas, settlement);
  }

  chargeDenial(call: { agent_id: string; session_id?: string; tool_id: string }, now: number): void {
    const plan = this.#plans.of(call.agent_id, call.tool_id);
    if (typeof plan === "string" || !this.#counts || !plan.stateful) return;
    const session = call.session_id ?? "default";
    if (!isIdentifier(session) || !(now >= 0 && now <= NOW_MAX_MS)) {
      throw new RangeError("a record of the log holds a session or time that no decision had");
    }
    this.#writeCaller(call.agent_id, session);
    this.#machine.calls.deny(plan.index, Math.floor(now * 1000));
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
    const plan = this.#plans.of(agentId, toolId);
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

  /** Writes what the plan needs; bytes of the arena, or below zero when it cannot be judged. */
  #prepare(plan: Plan, request: EvaluationRequest, options: EvaluationOptions, whole: boolean): number {
    if (!(options.now >= 0 && options.now <= NOW_MAX_MS)) return BAD_REQUEST;
    if (request.session_id !== undefined && !isIdentifier(request.session_id)) return BAD_REQUEST;
    if (plan.stateful) {
      if (!this.#counts) return STATE_UNAVAILABLE;
      const cost = request.cost_usd ?? 0;
      if (typeof cost !== "number" || !(cost >= 0) || !Number.isFinite(cost)) return BAD_REQUEST;
      this.#writeCaller(request.agent_id, request.session_id ?? "default");
      this.#machine.numbers[this.#machine.costs >> 3] = cost;
    }
    return this.#marshal.write(plan.readers, request, whole);
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
      // Rows behind the rules are gates, which only their own causes approve.
      if (kind === "rule" && /^\d{1,6}$/.test(value))
        return Number(value) < this.#image.ruleCount ? [(Number(value) << 2) | Cause.Rule] : [];
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

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What cannot be prepared; the first is what Marshal answers too. */
const BAD_REQUEST = -1;
const STATE_UNAVAILABLE = -2;

function unprepared(why: number): Verdict {
  return why === STATE_UNAVAILABLE ? refusals.STATE_UNAVAILABLE : refusals.BAD_REQUEST;
}

const ruleEffects = ["permit", "deny", "defer", "deny!"] as const;
const unknownTool: ToolInfo = Object.freeze({ named: false, redact: [], reads: [] });
