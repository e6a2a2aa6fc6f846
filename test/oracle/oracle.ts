// A policy's meaning, read straight from the language page over the syntax tree: slow, obvious, and sharing no code with
// the lowering or the machine, so that where the two agree both are likely right. It must never be made clever.
import type { Agent, Phase, Rule, Stack } from "../../compiler/ast.ts";
import type { Code } from "../../runtime/codes.ts";
import type {
  Effect,
  EvaluationOptions,
  EvaluationRequest,
  SessionName,
  Shadow,
} from "../../runtime/evaluator/types.ts";
import { type AmbientLimit, ambientLimits, VolumeBook } from "./ambient.ts";
import { type BudgetAnswer, BudgetBook, budgetCovers } from "./budget.ts";
import { truth } from "./condition.ts";
import { egressRefuses, modelPolicyRefuses } from "./gate.ts";
import { globMatches } from "./glob.ts";
import { isFull, type Query, queriesOfAgent } from "./history.ts";
import { type Call, scoped, sessionOf } from "./name.ts";
import { networkMatches } from "./network.ts";
import { PhaseClocks } from "./phase-clock.ts";
import { RateBook } from "./rate-limit.ts";
import { readsUnjudgeable } from "./reads.ts";
import { requestFault } from "./request-checks.ts";
import { missingSelector } from "./selector.ts";
import { keepsSessions, namesTool, SessionBook, workflowPhases } from "./session.ts";
import { zoneOf } from "./timezone.ts";

/** Codes of the language page; the runtime's table has others beside them. */
export type OracleCode = Code | "AMBIENT_EXCEEDED" | "SELECTOR_UNAVAILABLE";

export interface OracleVerdict {
  readonly effect: Effect;
  readonly code: OracleCode;
  readonly rule: number | null;
  readonly rule_ref: string | null;
  readonly cause: string | null;
  readonly phase?: string;
  readonly workflow_phase?: string;
  readonly shadow?: Shadow;
  readonly retry_after_seconds?: number;
  readonly budget?: { readonly id: string };
  readonly warnings?: readonly { readonly code: "BUDGET_WARNING"; readonly budget_id: string }[];
  readonly charges?: {
    readonly budgets: readonly { readonly id: string; readonly cost_micro: number }[];
    readonly limits: number;
  };
}

/** What rules and default say, before limits and budgets. */
interface Ruling {
  readonly effect: Effect;
  readonly rule: number | null;
  /** The rollout phase that decided. */
  readonly phase: Phase | null;
  /** The workflow phase of the session, where such phases name the tool and have been looked at. */
  readonly workflow: Phase | null;
  /** True when that phase does not show the tool. */
  readonly hidden?: true;
}

type Said = Omit<OracleVerdict, "effect" | "code">;

export class Oracle {
  private readonly stack: Stack;
  private readonly strict: boolean;
  private readonly zone: string | null;
  /** Every rule in the order in which rules are numbered. */
  private readonly numbered: readonly Rule[];
  /** What each agent's rules ask of the past. */
  private readonly queries: ReadonlyMap<Agent, readonly Query[]>;
  private readonly ambient: ReadonlyMap<Agent, readonly AmbientLimit[]>;
  private readonly clocks = new PhaseClocks();
  private readonly rates = new RateBook();
  private readonly books = new BudgetBook();
  private readonly volumes = new VolumeBook();
  private readonly sessions = new SessionBook();
  private lastUs = 0n;

  constructor(stack: Stack) {
    this.stack = stack;
    const strict = stack.runtime?.fields.find((f) => f.name === "strict_guards")?.value;
    this.zone = zoneOf(stack);
    this.strict = strict !== undefined && strict.kind === "bool" && strict.value;
    this.queries = new Map(this.agents().map((agent) => [agent, queriesOfAgent(agent)]));
    this.ambient = new Map(this.agents().map((agent) => [agent, ambientLimits(agent)]));
    this.numbered = this.agents().flatMap((agent) => [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)]);
  }

  /** Starts the clocks of the rollout phases that have none. `now` in milliseconds since 1970. */
  activatePhases(now: number): void {
    const phased = this.agents().filter((agent) => agent.phases.some(({ durationMs }) => durationMs !== null));
    for (const agent of phased) this.clocks.activate(agent, this.advance(this.clock(microseconds(now))));
  }

  /** The session's workflow phase; null for an agent without such phases. */
  sessionPhase(session: SessionName, options: { readonly now: number }): { readonly name: string } | null {
    const agent = this.agentOf(session.agent_id);
    if (agent === null) return null;
    const nowUs = this.clock(microseconds(options.now));
    return this.sessions.phase(agent, session.agent_id, session.session_id ?? "default", nowUs);
  }

  /** Moves a session to a workflow phase of its agent; false where there is no such phase. */
  movePhase(move: SessionName & { readonly to: string }, options: { readonly now: number }): boolean {
    const agent = this.agentOf(move.agent_id);
    const known = agent !== null && workflowPhases(agent).some((phase) => phase.name === move.to);
    if (!known) return false;
    const nowUs = this.clock(microseconds(options.now));
    if (this.sessionPhase(move, options)?.name === move.to) return true;
    this.sessions.move(move.agent_id, move.session_id ?? "default", move.to, this.advance(nowUs));
    return true;
  }

  /** Begins a session that has not begun, or forgets one. */
  session(op: "open" | "close" | "reset", session: SessionName, options: { readonly now: number }): void {
    const agent = this.agentOf(session.agent_id);
    // Rules without an agent are for every agent, but not for what is no name of one.
    if (agent === null || requestFault({ ...session, tool_id: "any" }) !== null) return;
    const id = session.session_id ?? "default";
    const nowUs = this.clock(microseconds(options.now));
    // Forgetting keeps no time, so that it moves no clock.
    if (op !== "open") this.sessions.close(session.agent_id, id);
    else if (this.sessions.open(session.agent_id, id, nowUs)) this.advance(nowUs);
  }

  /** Judges a call, and remembers that it was denied where it was. */
  decide(request: EvaluationRequest, options: EvaluationOptions): OracleVerdict {
    const verdict = this.judge(request, options);
    const agent = this.agentOf(request.agent_id);
    const remembers = agent !== null && this.queriesOf(agent).some((query) => query.name === "deny_count_within");
    if (remembers && verdict.effect === "deny" && !uncounted.includes(verdict.code)) {
      const nowUs = this.advance(this.clock(microseconds(options.now)));
      this.sessions.deny(request.agent_id, sessionOf(request), nowUs);
    }
    return verdict;
  }

  private judge(request: EvaluationRequest, options: EvaluationOptions): OracleVerdict {
    const fault = requestFault(request);
    if (fault !== null) return refusal(fault);
    const agent = this.agentOf(request.agent_id);
    if (agent === null) return refusal("UNKNOWN_AGENT");
    const requestUs = microseconds(options.now);
    const nowUs = this.counts(agent, request.tool_id) ? this.clock(requestUs) : requestUs;
    const session = sessionOf(request);
    const call: Call = {
      agent,
      request,
      zone: this.zone,
      requestUs,
      nowUs,
      permitted: this.sessions.permitted(request.agent_id, session, nowUs),
      denied: this.sessions.denied(request.agent_id, session),
    };
    if (readsUnjudgeable(call)) return refusal("BAD_REQUEST");
    if (this.sessions.expired(agent, request.agent_id, session, nowUs)) return refusal("SESSION_EXPIRED");
    if (modelPolicyRefuses(call)) return refusal("MODEL_DENIED");
    const ruling = this.rule(call);
    const said = this.said(call, ruling);
    if (ruling.hidden) return { ...said, effect: "deny", code: "PHASE_HIDDEN" };
    if (ruling.effect === "deny") return { ...said, effect: "deny", code: "POLICY_DENY" };
    if (ruling.effect === "defer") {
      const cause = ruling.rule === null ? "default" : `rule:${ruling.rule}`;
      if (!isApproved(options, cause)) return { ...said, cause, effect: "defer", code: "POLICY_DEFER" };
    }
    return { ...inPhase(ruling), ...this.permitted(call, options, said) };
  }

  /** What would be a permit: selectors, egress, then all that counts. */
  private permitted(call: Call, options: EvaluationOptions, said: Said): OracleVerdict {
    const missing = missingSelector(call, options.approved ?? []);
    if (missing?.effect === "deny") return refusal("SELECTOR_UNAVAILABLE");
    if (missing !== null) return { ...metered("defer", "SELECTOR_UNAVAILABLE"), cause: missing.cause };
    return egressRefuses(call) ? refusal("EGRESS_DENIED") : this.meter(call, options, said);
  }

  /** Limits, then budgets, and only when all agree is anything taken. */
  private meter(call: Call, options: EvaluationOptions, said: Said): OracleVerdict {
    const { agent, request, nowUs } = call;
    const limits = agent.rateLimits.filter((limit) => globMatches(limit.pattern.text, request.tool_id));
    const ambient = this.askAll(call, options, this.ambientOf(agent), "AMBIENT_EXCEEDED");
    if ("effect" in ambient) return ambient;
    for (const limit of limits) {
      const waitUs = this.rates.waitUs(request.agent_id, limit, nowUs);
      if (waitUs > 0n) return { ...metered("deny", "RATE_EXCEEDED"), retry_after_seconds: Number(waitUs) / 1e6 };
    }
    const covering = agent.budgets.filter((b) => budgetCovers(b, request.tool_id));
    const ofMoney = covering.map((budget): AmbientLimit => ({ kind: "budget", budget }));
    const spending = this.askAll(call, options, ofMoney, "BUDGET_EXCEEDED");
    if ("effect" in spending) return spending;
    const answers = [...spending.answers, ...ambient.answers];
    if (isFull(call, this.queriesOf(agent))) return metered("deny", "STATE_FULL");
    if (this.counts(agent, request.tool_id)) this.advance(nowUs);
    if (keepsSessions(agent, this.queriesOf(agent))) {
      const done = { tool: request.tool_id, args: request.args, atUs: nowUs };
      this.sessions.permit(request.agent_id, sessionOf(request), done);
    }
    for (const limit of limits) this.rates.take(request.agent_id, limit, nowUs);
    for (const answer of answers) answer.take();
    return {
      ...said,
      effect: "permit",
      code: "POLICY_PERMIT",
      warnings: answers.filter((a) => a.warns).map((a) => ({ code: "BUDGET_WARNING", budget_id: a.id })),
      charges: {
        budgets: answers.flatMap(({ id, costMicro }) =>
          costMicro === null ? [] : [{ id, cost_micro: Number(costMicro) }],
        ),
        limits: limits.length,
      },
    };
  }

  /**
   * deny! rules of the agent, of its rollouts, of the session's workflow phase; whether that phase shows the tool; then
   * rules in the same order, but the agent's last, then the default.
   */
  private rule(call: Call): Ruling {
    const rollouts = this.activePhases(call);
    const mandatory = this.firstMatch(call, call.agent.rules, true);
    if (mandatory !== null) return { ...this.ruled(mandatory), workflow: null };
    const { workflow, named } = this.workflowOf(call);
    const said = named ? workflow : null;
    for (const phase of rollouts) {
      const rule = this.firstMatch(call, phase.rules, true);
      if (rule !== null) return { ...this.ruled(rule), phase, workflow: said };
    }
    const refused = this.refusedByWorkflow(call);
    if (refused !== null) return refused;
    for (const phase of rollouts) {
      const rule = this.firstMatch(call, phase.rules, false);
      if (rule !== null) return { ...this.ruled(rule), phase, workflow: said };
    }
    return this.ownRuling(call);
  }

  /** A deny! of the session's workflow phase, or that phases name the tool and the session's does not; null elsewhere. */
  private refusedByWorkflow(call: Call): Ruling | null {
    const { workflow, named } = this.workflowOf(call);
    const denied = workflow === null ? null : this.firstMatch(call, workflow.rules, true);
    if (denied !== null) return { ...this.ruled(denied), workflow: named ? workflow : null };
    if (!named || workflow === null || namesTool(workflow, call.request.tool_id)) return null;
    return { effect: "deny", rule: null, phase: null, workflow, hidden: true };
  }

  private ruled(rule: Rule): Omit<Ruling, "workflow"> {
    return { effect: plainEffect(rule), rule: this.numberOf(rule), phase: null };
  }

  /** The workflow phase that the session is in, and whether any such phase names the tool. */
  private workflowOf(call: Call): { readonly workflow: Phase | null; readonly named: boolean } {
    const { agent, request, nowUs } = call;
    return {
      workflow: this.sessions.phase(agent, request.agent_id, sessionOf(request), nowUs),
      named: workflowPhases(agent).some((phase) => namesTool(phase, request.tool_id)),
    };
  }

  /** What is said where no rollout decides: the session's workflow phase, the agent's rules, the default. */
  private ownRuling(call: Call): Ruling {
    const { agent, request } = call;
    const { workflow: current, named } = this.workflowOf(call);
    const workflow = named ? current : null;
    const rule =
      (current === null ? null : this.firstMatch(call, current.rules, false)) ??
      this.firstMatch(call, agent.rules, false);
    if (rule !== null) return { ...this.ruled(rule), workflow };
    const listed = agent.phases.some((phase) => phase.durationMs !== null && lists(phase, request.tool_id));
    const mentioned = agent.rules.some((r) => globMatches(r.pattern.text, request.tool_id));
    if (listed && !mentioned) return { effect: "deny", rule: null, phase: null, workflow };
    return { effect: agent.default?.effect ?? "deny", rule: null, phase: null, workflow };
  }

  private activePhases(call: Call): readonly Phase[] {
    return call.agent.phases.filter(
      (phase) => lists(phase, call.request.tool_id) && this.clocks.active(call.agent, phase, call.nowUs),
    );
  }

  private firstMatch(call: Call, rules: readonly Rule[], mandatory: boolean): Rule | null {
    return rules.find((rule) => (rule.effect === "deny!") === mandatory && this.matches(call, rule)) ?? null;
  }

  private matches(call: Call, rule: Rule): boolean {
    if (!globMatches(rule.pattern.text, call.request.tool_id)) return false;
    const within = scoped(call, rule);
    if (!rule.network.every((matcher) => networkMatches(within, matcher))) return false;
    if (rule.condition === null) return true;
    const answer = truth(within, rule.condition);
    return answer === true || (answer === "unknown" && this.strict && rule.effect !== "permit");
  }

  private said(call: Call, ruling: Ruling): Said {
    const place = {
      rule: ruling.rule,
      rule_ref: this.refOf(ruling.rule),
      cause: null,
      ...inPhase(ruling),
    };
    if (ruling.phase === null) return place;
    const own = this.refusedByWorkflow(call) ?? this.ownRuling(call);
    const shadow = { effect: own.effect, rule: own.rule, rule_ref: this.refOf(own.rule) };
    return { ...place, phase: ruling.phase.name, shadow };
  }

  private refOf(index: number | null): string | null {
    const rule = index === null ? undefined : this.numbered[index];
    const source = rule === undefined ? undefined : this.stack.sources[rule.span.source];
    if (rule === undefined || source === undefined) return null;
    return `${source.file}:${source.text.slice(0, rule.span.start).split("\n").length}`;
  }

  private numberOf(rule: Rule): number {
    return this.numbered.indexOf(rule);
  }

  private agentOf(id: string): Agent | null {
    return this.agents().find((agent) => agent.id === id) ?? this.stack.anonymous;
  }

  private ambientOf(agent: Agent): readonly AmbientLimit[] {
    return this.ambient.get(agent) ?? [];
  }

  private queriesOf(agent: Agent): readonly Query[] {
    return this.queries.get(agent) ?? [];
  }

  /** What each of them says, or the verdict of the first that has no room. */
  private askAll(
    call: Call,
    options: EvaluationOptions,
    limits: readonly AmbientLimit[],
    code: "AMBIENT_EXCEEDED" | "BUDGET_EXCEEDED",
  ): OracleVerdict | { readonly answers: readonly BudgetAnswer[] } {
    const answers: BudgetAnswer[] = [];
    for (const limit of limits) {
      const answer =
        limit.kind === "budget"
          ? this.books.ask(scoped(call, limit.budget), limit.budget)
          : this.volumes.ask(call, limit.volume);
      const { id } = limit.kind === "budget" ? limit.budget : limit.volume;
      if (answer === "unknown cost") return { ...metered("deny", "COST_UNKNOWN"), budget: { id } };
      if (answer.exceeded === "deny") return { ...metered("deny", code), budget: { id } };
      const cause = `budget:${id}`;
      if (answer.exceeded === "defer" && !isApproved(options, cause)) {
        return { ...metered("defer", code), cause, budget: { id } };
      }
      answers.push(answer);
    }
    return { answers };
  }

  /** True when a call of the tool moves counters or what is remembered of sessions, whether or not it is permitted. */
  private counts(agent: Agent, tool: string): boolean {
    return (
      agent.rateLimits.some((limit) => globMatches(limit.pattern.text, tool)) ||
      agent.budgets.some((budget) => budgetCovers(budget, tool)) ||
      this.ambientOf(agent).length > 0 ||
      agent.phases.some((phase) => lists(phase, tool)) ||
      keepsSessions(agent, this.queriesOf(agent))
    );
  }

  private agents(): readonly Agent[] {
    return this.stack.anonymous === null ? this.stack.agents : [...this.stack.agents, this.stack.anonymous];
  }

  /** An earlier time than that of the last permit of a counted tool counts as that one. */
  private clock(us: bigint): bigint {
    return us > this.lastUs ? us : this.lastUs;
  }

  private advance(us: bigint): bigint {
    this.lastUs = us;
    return us;
  }
}

/** Denials of calls that never came as far as the rules. */
const uncounted: readonly OracleCode[] = ["BAD_REQUEST", "BAD_TOOL_NAME", "UNKNOWN_AGENT"];

const microseconds = (milliseconds: number): bigint => BigInt(Math.floor(milliseconds * 1000));

function inPhase({ workflow }: Ruling): { readonly workflow_phase?: string } {
  return workflow === null ? {} : { workflow_phase: workflow.name };
}

const lists = (phase: Phase, tool: string): boolean => phase.tools.some((pattern) => globMatches(pattern.text, tool));
const plainEffect = (rule: Rule): Effect => (rule.effect === "deny!" ? "deny" : rule.effect);
const isApproved = (options: EvaluationOptions, cause: string): boolean => options.approved?.includes(cause) ?? false;

function metered(effect: Effect, code: OracleCode): OracleVerdict {
  return { effect, code, rule: null, rule_ref: null, cause: null };
}

const refusal = (code: OracleCode): OracleVerdict => metered("deny", code);
