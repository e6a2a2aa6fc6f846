// A policy's meaning, read straight from the language page over the syntax tree: slow, obvious, and sharing no code with
// the lowering or the machine, so that where the two agree both are likely right. It must never be made fast.
import type { Agent, Phase, Rule, Stack } from "../../compiler/ast.ts";
import type { Code } from "../../runtime/codes.ts";
import type { Effect, EvaluationOptions, EvaluationRequest, Shadow } from "../../runtime/evaluator/types.ts";
import { type BudgetAnswer, BudgetBook, budgetCovers } from "./budget.ts";
import { truth } from "./condition.ts";
import { egressRefuses, modelPolicyRefuses } from "./gate.ts";
import { globMatches } from "./glob.ts";
import type { Call } from "./name.ts";
import { networkMatches } from "./network.ts";
import { PhaseClocks } from "./phase-clock.ts";
import { RateBook } from "./rate-limit.ts";
import { readsUnjudgeable } from "./reads.ts";
import { requestFault } from "./request-checks.ts";

export interface OracleVerdict {
  readonly effect: Effect;
  readonly code: Code;
  readonly rule: number | null;
  readonly rule_ref: string | null;
  readonly cause: string | null;
  readonly phase?: string;
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
  readonly phase: Phase | null;
}

type Said = Omit<OracleVerdict, "effect" | "code">;

export class Oracle {
  private readonly stack: Stack;
  private readonly strict: boolean;
  /** Every rule in the order in which rules are numbered. */
  private readonly numbered: readonly Rule[];
  private readonly clocks = new PhaseClocks();
  private readonly rates = new RateBook();
  private readonly books = new BudgetBook();
  private lastUs = 0n;

  constructor(stack: Stack) {
    this.stack = stack;
    const strict = stack.runtime?.fields.find((f) => f.name === "strict_guards")?.value;
    this.strict = strict !== undefined && strict.kind === "bool" && strict.value;
    this.numbered = this.agents().flatMap((agent) => [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)]);
  }

  /** Starts the clocks of the rollout phases that have none. `now` in milliseconds since 1970. */
  activatePhases(now: number): void {
    const phased = this.agents().filter((agent) => agent.phases.length > 0);
    for (const agent of phased) this.clocks.activate(agent, this.advance(this.clock(microseconds(now))));
  }

  decide(request: EvaluationRequest, options: EvaluationOptions): OracleVerdict {
    const fault = requestFault(request);
    if (fault !== null) return refusal(fault);
    const agent = this.agents().find((a) => a.id === request.agent_id) ?? this.stack.anonymous;
    if (agent === null) return refusal("UNKNOWN_AGENT");
    const requestUs = microseconds(options.now);
    if (readsUnjudgeable({ agent, request, requestUs, nowUs: requestUs })) return refusal("BAD_REQUEST");
    const call: Call = {
      agent,
      request,
      requestUs,
      nowUs: counts(agent, request.tool_id) ? this.clock(requestUs) : requestUs,
    };

    if (modelPolicyRefuses(call)) return refusal("MODEL_DENIED");
    const ruling = this.rule(call);
    const said = this.said(call, ruling);
    if (ruling.effect === "deny") return { ...said, effect: "deny", code: "POLICY_DENY" };
    if (ruling.effect === "defer") {
      const cause = ruling.rule === null ? "default" : `rule:${ruling.rule}`;
      if (!isApproved(options, cause)) return { ...said, cause, effect: "defer", code: "POLICY_DEFER" };
    }
    if (egressRefuses(call)) return refusal("EGRESS_DENIED");
    return this.meter(call, options, said);
  }

  /** What would be a permit: limits, then budgets, and only when all agree is anything taken. */
  private meter(call: Call, options: EvaluationOptions, said: Said): OracleVerdict {
    const { agent, request, nowUs } = call;
    const limits = agent.rateLimits.filter((limit) => globMatches(limit.pattern.text, request.tool_id));
    for (const limit of limits) {
      const waitUs = this.rates.waitUs(request.agent_id, limit, nowUs);
      if (waitUs > 0n) return { ...metered("deny", "RATE_EXCEEDED"), retry_after_seconds: Number(waitUs) / 1e6 };
    }
    const answers: BudgetAnswer[] = [];
    for (const budget of agent.budgets.filter((b) => budgetCovers(b, request.tool_id))) {
      const answer = this.books.ask(call, budget);
      if (answer === "unknown cost") return { ...metered("deny", "COST_UNKNOWN"), budget: { id: budget.id } };
      if (answer.exceeded === "deny") return { ...metered("deny", "BUDGET_EXCEEDED"), budget: { id: budget.id } };
      const cause = `budget:${budget.id}`;
      if (answer.exceeded === "defer" && !isApproved(options, cause)) {
        return { ...metered("defer", "BUDGET_EXCEEDED"), cause, budget: { id: budget.id } };
      }
      answers.push(answer);
    }
    if (counts(agent, request.tool_id)) this.advance(nowUs);
    for (const limit of limits) this.rates.take(request.agent_id, limit, nowUs);
    for (const answer of answers) this.books.take(answer);
    return {
      ...said,
      effect: "permit",
      code: "POLICY_PERMIT",
      warnings: answers.filter((a) => a.warns).map((a) => ({ code: "BUDGET_WARNING", budget_id: a.id })),
      charges: { budgets: answers.map((a) => ({ id: a.id, cost_micro: Number(a.costMicro) })), limits: limits.length },
    };
  }

  /** deny! rules, then the first active phase that has an answer, then the agent's rules, then the default. */
  private rule(call: Call): Ruling {
    const phases = this.activePhases(call);
    const mandatory = this.firstMatch(call, call.agent.rules, true);
    if (mandatory !== null) return { effect: "deny", rule: this.numberOf(mandatory), phase: null };
    for (const phase of phases) {
      const rule = this.firstMatch(call, phase.rules, true);
      if (rule !== null) return { effect: "deny", rule: this.numberOf(rule), phase };
    }
    for (const phase of phases) {
      const rule = this.firstMatch(call, phase.rules, false);
      if (rule !== null) return { effect: plainEffect(rule), rule: this.numberOf(rule), phase };
    }
    return this.ownRuling(call);
  }

  private ownRuling(call: Call): Ruling {
    const { agent, request } = call;
    const rule = this.firstMatch(call, agent.rules, false);
    if (rule !== null) return { effect: plainEffect(rule), rule: this.numberOf(rule), phase: null };
    const listed = agent.phases.some((phase) => phase.durationMs !== null && lists(phase, request.tool_id));
    const mentioned = agent.rules.some((r) => globMatches(r.pattern.text, request.tool_id));
    if (listed && !mentioned) return { effect: "deny", rule: null, phase: null };
    return { effect: agent.default?.effect ?? "deny", rule: null, phase: null };
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
    if (!rule.network.every((matcher) => networkMatches(call, matcher))) return false;
    if (rule.condition === null) return true;
    const answer = truth(call, rule.condition);
    return answer === true || (answer === "unknown" && this.strict && rule.effect !== "permit");
  }

  private said(call: Call, ruling: Ruling): Said {
    const place = { rule: ruling.rule, rule_ref: this.refOf(ruling.rule), cause: null };
    if (ruling.phase === null) return place;
    const own = this.ownRuling(call);
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

const microseconds = (milliseconds: number): bigint => BigInt(Math.floor(milliseconds * 1000));

/** True when a call of the tool is under a limit, a budget or a rollout phase, whether or not it is permitted. */
function counts(agent: Agent, tool: string): boolean {
  return (
    agent.rateLimits.some((limit) => globMatches(limit.pattern.text, tool)) ||
    agent.budgets.some((budget) => budgetCovers(budget, tool)) ||
    agent.phases.some((phase) => lists(phase, tool))
  );
}

const lists = (phase: Phase, tool: string): boolean => phase.tools.some((pattern) => globMatches(pattern.text, tool));
const plainEffect = (rule: Rule): Effect => (rule.effect === "deny!" ? "deny" : rule.effect);
const isApproved = (options: EvaluationOptions, cause: string): boolean => options.approved?.includes(cause) ?? false;

function metered(effect: Effect, code: Code): OracleVerdict {
  return { effect, code, rule: null, rule_ref: null, cause: null };
}

const refusal = (code: Code): OracleVerdict => metered("deny", code);
