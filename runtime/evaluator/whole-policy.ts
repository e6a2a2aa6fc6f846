// A loaded policy with all that the daemon asks of it beyond verdicts: counters rebuilt from a log, what phases and budgets
// hold, what the policy says of rules and tools, and the settings that the host of the machine reads.
import type { HostBlock } from "../../compiler/lower/blocks.ts";
import type { HostSection } from "../../compiler/lower/lower.ts";
import { Budget, CostKind, SHAPE_NAMED, Shape } from "../../vm/shared/image.ts";
import { amountsOf } from "./amounts.ts";
import { noDecision, writeCharges } from "./charges.ts";
import { historyIn, withHistory } from "./history.ts";
import { readHost } from "./image-host.ts";
import { budgetAmount } from "./image-rows.ts";
import { JsonPolicy } from "./json-policy.ts";
import { type Machine, NOW_MAX_MS } from "./machine.ts";
import { fieldReads } from "./marshal.ts";
import { isIdentifier } from "./names.ts";
import type { Plan } from "./plans.ts";
import { type AgentQueries, queriesOfAgents } from "./queries.ts";
import { Rules, redactOf } from "./rules.ts";
import { settleBudgets } from "./settle.ts";
import { readBudgets } from "./snapshot.ts";
import {
  type BudgetDelta,
  type BudgetState,
  type Counted,
  type EvaluationRequest,
  type Explainer,
  LoadFailure,
  type PhaseState,
  type Policy,
  type RuleInfo,
  type RuntimeValue,
  type SessionName,
  type Settlement,
  type ToolInfo,
} from "./types.ts";

export class WholePolicy extends JsonPolicy implements Policy {
  readonly #host: HostSection;
  readonly #rules: Rules;
  /** Made when first asked for. */
  #queries: readonly AgentQueries[] | null = null;

  constructor(machine: Machine, counts: boolean, explainer: Explainer | null) {
    super(machine, counts, explainer);
    // Read once here: settings that cannot be read refuse the image, not a later call.
    this.#host = readHost(this.image);
    this.#rules = new Rules(this.image, this.#host);
    if (this.#host.firstBudget.length !== this.image.agentCount)
      throw new LoadFailure("BAD_IMAGE", "the image names other agents to its host");
  }

  charge(
    call: { agent_id: string; session_id?: string; tool_id: string },
    costsMicro: readonly number[],
    now: number,
    sumsMicro: readonly number[] = [],
    counted: readonly Counted[] = [],
  ): void {
    const plan = this.plans.of(call.agent_id, call.tool_id);
    if (typeof plan === "string" || !this.counts) return;
    const session = call.session_id ?? "default";
    if (!isIdentifier(session) || !(now >= 0 && now <= NOW_MAX_MS)) throw noDecision();
    writeCharges(this.machine, plan, costsMicro, sumsMicro, counted);
    this.writeCaller(call.agent_id, session);
    if ((this.machine.calls.charge?.(plan.index, Math.floor(now * 1000)) ?? 1) !== 1) {
      throw new RangeError("the machine has no room for the counters of the log");
    }
  }

  amounts(call: { agent_id: string; tool_id: string; args?: EvaluationRequest["args"] }): readonly number[] {
    const plan = this.plans.of(call.agent_id, call.tool_id);
    return typeof plan === "string" ? [] : amountsOf(this.image, plan, call.args);
  }

  history(now: number): readonly Uint8Array[] {
    this.machine.calls.advance?.(Math.floor(now * 1000));
    return historyIn(this.machine.snapshot());
  }

  addHistory(entries: readonly Uint8Array[], now: number): void {
    this.machine.calls.advance?.(Math.floor(now * 1000));
    this.#queries ??= queriesOfAgents(this.image);
    const agents = this.#queries;
    const isKeptUp = (agent: string, query: string | null): boolean => {
      const index = this.image.agentOf(agent);
      const own = index === null ? undefined : agents[index];
      return own !== undefined && (query === null ? own.keepsSessions : own.queries.has(query));
    };
    this.machine.restore(withHistory(this.machine.snapshot(), entries, isKeptUp));
  }

  settle(call: SessionName, deltas: readonly BudgetDelta[], settlement: Settlement): boolean {
    return this.counts && settleBudgets(this.machine, this.image, this.#host, call, deltas, settlement);
  }

  chargeDenial(call: { agent_id: string; session_id?: string; tool_id: string }, now: number): void {
    const plan = this.plans.of(call.agent_id, call.tool_id);
    if (typeof plan === "string" || !this.counts || !plan.stateful) return;
    const session = call.session_id ?? "default";
    if (!isIdentifier(session) || !(now >= 0 && now <= NOW_MAX_MS)) {
      throw new RangeError("a record of the log holds a session or time that no decision had");
    }
    this.writeCaller(call.agent_id, session);
    this.machine.calls.deny?.(plan.index, Math.floor(now * 1000));
  }

  phases(_now: number): readonly PhaseState[] {
    return Array.from({ length: this.image.phaseCount }, (_, i) => {
      const { name, agent, durationUs, next } = this.image.phase(i);
      const start = this.machine.calls.phaseStart?.(i) ?? -1;
      const started = start < 0 ? null : start / 1000;
      return { name, agent, started_at: started, ends_at: started === null ? null : started + durationUs / 1000, next };
    });
  }

  budgets(now: number): readonly BudgetState[] {
    return readBudgets(this.image, this.#host, this.machine.snapshot(), now);
  }

  rules(): readonly RuleInfo[] {
    return Array.from({ length: this.image.ruleCount }, (_, i) => this.#rules.info(i));
  }

  tool(agentId: string, toolId: string): ToolInfo | null {
    const plan = this.plans.of(agentId, toolId);
    if (plan === "UNKNOWN_AGENT") return null;
    if (typeof plan === "string") return unknownTool;
    plan.info ??= this.#toolInfo(plan);
    return plan.info;
  }

  #toolInfo(plan: Plan): ToolInfo {
    const named = (this.image.shape(plan.index, Shape.Flags) & SHAPE_NAMED) !== 0;
    const reads = fieldReads(plan.readers).map((read) => Object.freeze(read));
    return Object.freeze({
      named,
      redact: Object.freeze(redactOf(this.image, plan.index)),
      reads: Object.freeze(reads),
      needsCost: plan.budgets.some((budget, i) => plan.costKinds[i] === CostKind.Request && this.#holdsMoney(budget)),
    });
  }

  #holdsMoney(budget: number): boolean {
    return [Budget.Max, Budget.Daily].some((ceiling) => budgetAmount(this.image, budget, ceiling) >= 0);
  }

  runtime(): { readonly [name: string]: RuntimeValue } {
    return this.#host.runtime;
  }

  blocks(): readonly HostBlock[] {
    return this.#host.blocks ?? [];
  }
}

const unknownTool: ToolInfo = Object.freeze({ named: false, redact: [], reads: [], needsCost: false });
