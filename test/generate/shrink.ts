// Makes a failing pair of policy and calls smaller, one greedy step at a time: whatever can go while it still fails, goes.
import type { EvaluationRequest, RequestValue } from "../../runtime/evaluator/types.ts";
import type { AgentDraft, PhaseDraft, PolicyDraft, RuleDraft } from "./policy.ts";
import type { CallDraft } from "./request.ts";

export interface Pair {
  readonly policy: PolicyDraft;
  readonly calls: readonly CallDraft[];
  /** The call before which the phases' clocks are started, and at what time; null when they never are. */
  readonly activation: { readonly call: number; readonly now: number } | null;
  /** The call before which the machine is exchanged for a new one with the same counters. */
  readonly restart: { readonly call: number; readonly from: "snapshot" | "charges" } | null;
}

/** Tries of one shrinking. */
const TRIES_MAX = 4_000;

/** The smallest pair found that still fails. `fails` is asked of smaller pairs only. */
export async function shrink(pair: Pair, fails: (pair: Pair) => Promise<boolean>): Promise<Pair> {
  let best = pair;
  let tries = 0;
  for (let smaller = true; smaller && tries < TRIES_MAX; ) {
    smaller = false;
    for (const candidate of candidates(best)) {
      if (++tries > TRIES_MAX) break;
      if (await fails(candidate)) {
        best = candidate;
        smaller = true;
        break;
      }
    }
  }
  return best;
}

function* candidates(pair: Pair): Generator<Pair> {
  const first = pair.activation === null ? null : { ...pair.activation, call: 0 };
  for (const calls of without(pair.calls)) yield { ...pair, calls, activation: first };
  if (pair.restart !== null) yield { ...pair, restart: null };
  if (pair.restart !== null && pair.restart.call > 0)
    yield { ...pair, restart: { ...pair.restart, call: pair.restart.call - 1 } };
  if (pair.activation !== null) yield { ...pair, activation: null };
  for (const policy of policies(pair.policy)) yield { ...pair, policy };
  for (const [i, call] of pair.calls.entries()) {
    if (call.session !== undefined) yield { ...pair, calls: pair.calls.with(i, { ...call, session: undefined }) };
    if (call.move !== undefined) yield { ...pair, calls: pair.calls.with(i, { ...call, move: undefined }) };
    for (const request of requests(call.request)) yield { ...pair, calls: pair.calls.with(i, { ...call, request }) };
    if (call.options.approved === undefined) continue;
    yield { ...pair, calls: pair.calls.with(i, { ...call, options: { now: call.options.now } }) };
    for (const approved of without(call.options.approved)) {
      yield { ...pair, calls: pair.calls.with(i, { ...call, options: { ...call.options, approved } }) };
    }
  }
}

function* without<T>(list: readonly T[]): Generator<T[]> {
  for (let size = Math.ceil(list.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < list.length; at += size) yield list.toSpliced(at, size);
  }
}

function* policies(policy: PolicyDraft): Generator<PolicyDraft> {
  for (const agents of without(policy.agents)) yield { ...policy, agents };
  for (const flat of rulesOf(policy.flat)) yield { ...policy, flat };
  for (const packs of without(policy.packs)) yield { ...policy, packs };
  for (const [i, pack] of policy.packs.entries()) {
    for (const lines of without(pack.lines)) yield { ...policy, packs: policy.packs.with(i, { ...pack, lines }) };
    for (const rules of rulesOf(pack.rules)) yield { ...policy, packs: policy.packs.with(i, { ...pack, rules }) };
  }
  if (policy.timezone !== null) yield { ...policy, timezone: null };
  if (policy.strict) yield { ...policy, strict: false };
  if (policy.older) yield { ...policy, older: false };
  for (const [i, agent] of policy.agents.entries()) {
    for (const smaller of agents(agent)) yield { ...policy, agents: policy.agents.with(i, smaller) };
  }
}

function* agents(agent: AgentDraft): Generator<AgentDraft> {
  for (const rules of rulesOf(agent.rules)) yield { ...agent, rules };
  for (const variables of without(agent.variables)) yield { ...agent, variables };
  for (const limits of without(agent.limits)) yield { ...agent, limits };
  for (const gates of without(agent.gates)) yield { ...agent, gates };
  for (const uses of without(agent.uses)) yield { ...agent, uses };
  for (const budgets of without(agent.budgets)) yield { ...agent, budgets };
  for (const [i, budget] of agent.budgets.entries()) {
    for (const fields of without(budget.fields))
      yield { ...agent, budgets: agent.budgets.with(i, { ...budget, fields }) };
  }
  for (const smaller of without(agent.phases)) yield { ...agent, phases: smaller };
  for (const [i, phase] of agent.phases.entries()) {
    for (const smaller of phases(phase)) yield { ...agent, phases: agent.phases.with(i, smaller) };
  }
}

function* phases(phase: PhaseDraft): Generator<PhaseDraft> {
  for (const rules of rulesOf(phase.rules)) yield { ...phase, rules };
  for (const tools of without(phase.tools)) if (tools.length > 0) yield { ...phase, tools };
  if (phase.next !== null) yield { ...phase, next: null };
}

function* rulesOf(rules: readonly RuleDraft[]): Generator<RuleDraft[]> {
  yield* without(rules);
  for (const [i, rule] of rules.entries()) {
    for (const network of without(rule.network)) yield rules.with(i, { ...rule, network });
    if (rule.condition === null) continue;
    yield rules.with(i, { ...rule, condition: null });
    for (const part of rule.condition.parts) yield rules.with(i, { ...rule, condition: part });
  }
}

function* requests(request: EvaluationRequest): Generator<EvaluationRequest> {
  const members = [
    "http",
    "principal",
    "delegation",
    "args",
    "model",
    "purpose",
    "session_id",
    "action_type",
    "cost_usd",
    "selectors",
  ] as const;
  for (const member of members) if (request[member] !== undefined) yield { ...request, [member]: undefined };
  for (const member of ["args", "http", "principal", "delegation", "selectors"] as const) {
    for (const smaller of objects(request[member])) yield { ...request, [member]: smaller };
  }
}

function* objects(object: object | undefined): Generator<{ [key: string]: RequestValue }> {
  const entries = Object.entries(object ?? {}) as [string, RequestValue][];
  for (const kept of without(entries)) yield Object.fromEntries(kept);
}
