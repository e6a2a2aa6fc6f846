// One policy and a sequence of calls, judged by the oracle and by the machine: where they first part, and how.
import type { EvaluationRequest, Policy, SessionName, Verdict } from "../../runtime/evaluator/types.ts";
import type { Engine, Judgement } from "../conformance/engine.ts";
import { type PolicyDraft, policyText } from "../generate/policy.ts";
import type { Pair } from "../generate/shrink.ts";

export const FILE = "policy.fms";

export interface Disagreement {
  /** Position of the call. */
  readonly call: number;
  /** First member of the verdict that differs. */
  readonly member: string;
  readonly oracle: string;
  readonly machine: string;
}

/** How to open a text; a refused policy gives the lines at fault. */
export interface Engines {
  oracle(text: string): Engine;
  machine(text: string): Promise<Policy | { readonly refusedLines: readonly number[] }>;
}

/** Calls judged alike, or where they were not; null when the policy does not compile. */
export async function compare(engines: Engines, pair: Pair): Promise<Disagreement | number | null> {
  const text = policyText(pair.policy);
  const opened = await engines.machine(text);
  if ("refusedLines" in opened) return null;
  const history = new History(opened);
  const oracle = engines.oracle(text);
  for (const [i, call] of pair.calls.entries()) {
    if (i === pair.activation?.call) {
      oracle.activatePhases(pair.activation.now);
      history.activate(pair.activation.now);
    }
    if (i === pair.restart?.call) await history.restart(engines, text, pair.restart.from);
    const { agent_id, session_id } = call.request;
    if (call.session !== undefined) {
      oracle.session(call.session, { agent_id, session_id }, call.options);
      history.session(call.session, { agent_id, session_id }, call.options.now);
    }
    if (call.move !== undefined) {
      const move = { agent_id, session_id, to: call.move };
      oracle.movePhase(move, call.options);
      history.move(move, call.options.now);
    }
    const machine = history.machine;
    const explained = i % EXPLAINED_EVERY === 0 ? machine.explain(call.request, call.options).verdict : null;
    const verdict = machine.decide(call.request, call.options);
    history.record(call.request, call.options.now, verdict);
    const expected = comparable(oracle.decide(call.request, call.options));
    for (const found of [
      comparable(verdict),
      ...(explained === null ? [] : [withoutWarnings(comparable(explained))]),
    ]) {
      const member = Object.keys(found).find((key) => expected[key] !== found[key]);
      if (member !== undefined) return { call: i, member, oracle: print(expected), machine: print(found) };
    }
  }
  return pair.calls.length;
}

/** Every so many calls are explained before they are decided: the same verdict, and no counter moved. */
const EXPLAINED_EVERY = 7;

/** The machine as it stands, and what a log would hold of it. */
class History {
  machine: Policy;
  private latest = 0;
  /** In order, as a log holds them. */
  private readonly events: ((machine: Policy) => void)[] = [];

  constructor(machine: Policy) {
    this.machine = machine;
  }

  activate(now: number): void {
    this.machine.activatePhases(now);
    this.events.push((machine) => machine.activatePhases(now));
  }

  session(op: "open" | "close" | "reset", session: SessionName, now: number): void {
    this.latest = Math.max(this.latest, now);
    const at = this.latest;
    const { ok } = this.machine.session(op, session, { now });
    if (ok) this.events.push((machine) => machine.session(op, session, { now: at }));
  }

  move(move: SessionName & { readonly to: string }, now: number): void {
    this.latest = Math.max(this.latest, now);
    const at = this.latest;
    const { ok } = this.machine.movePhase(move, { now });
    if (ok) this.events.push((machine) => machine.movePhase(move, { now: at }));
  }

  record(request: EvaluationRequest, now: number, verdict: Verdict): void {
    this.latest = Math.max(this.latest, now);
    const at = this.latest;
    const fromMachine = !["BAD_REQUEST", "BAD_TOOL_NAME", "UNKNOWN_AGENT"].includes(verdict.code);
    if (verdict.effect === "deny" && fromMachine) this.events.push((machine) => machine.chargeDenial(request, at));
    if (verdict.charges === undefined) return;
    const costs = verdict.charges.budgets.map((b) => b.cost_micro);
    const { sums, counted } = verdict.charges;
    this.events.push((machine) => machine.charge(request, costs, at, sums, counted));
  }

  /** Goes on with another instance, its counters taken from a snapshot or built from what was charged. */
  async restart(engines: Engines, text: string, from: "snapshot" | "charges"): Promise<void> {
    const next = await engines.machine(text);
    if ("refusedLines" in next) throw new Error("a policy that compiled does not compile again");
    if (from === "snapshot") next.restore(this.machine.snapshot());
    else for (const again of this.events) again(next);
    this.machine = next;
  }
}

/** An explanation changes nothing, so that it need not say which warning it would have marked. */
function withoutWarnings(members: { [member: string]: string }): { [member: string]: string } {
  return Object.fromEntries(Object.entries(members).filter(([name]) => name !== "warnings"));
}

/** The policy without the rules that the compiler refuses, one after the other; null when it refuses something else. */
export async function acceptable(engines: Engines, policy: PolicyDraft): Promise<PolicyDraft | null> {
  let draft = policy;
  for (let attempt = 0; attempt < 8; attempt++) {
    const text = policyText(draft);
    const opened = await engines.machine(text);
    if (!("refusedLines" in opened)) return draft;
    const lines = text.split("\n");
    const refused = new Set(opened.refusedLines.map((line) => (lines[line - 1] ?? "").trim()));
    const next = dropRules(draft, refused);
    if (policyText(next) === text) return null;
    draft = next;
  }
  return null;
}

function dropRules(policy: PolicyDraft, refused: ReadonlySet<string>): PolicyDraft {
  const one = (rule: PolicyDraft["flat"][number]): boolean => {
    const alone = { ...policy, strict: false, timezone: null, packs: [], agents: [], flat: [rule] };
    return !refused.has(policyText(alone).trim());
  };
  return {
    ...policy,
    flat: policy.flat.filter(one),
    packs: policy.packs.map((pack) => ({
      ...pack,
      lines: pack.lines.filter((line) => !refused.has(line)),
      rules: pack.rules.filter(one),
    })),
    agents: policy.agents.map((agent) => ({
      ...agent,
      rules: agent.rules.filter(one),
      gates: agent.gates.filter((line) => !refused.has(line)),
      uses: agent.uses.filter((line) => !refused.has(`use ${line}`)),
      variables: agent.variables.filter((line) => !refused.has(`var ${line}`)),
      phases: agent.phases.map((phase) => ({ ...phase, rules: phase.rules.filter(one) })),
    })),
  };
}

/** What both must say, each member as text. Beside a refusal by a limit or budget, a phase is told by neither. */
function comparable(verdict: Judgement): { [member: string]: string } {
  const ruled = verdict.code.startsWith("POLICY_");
  const members: { [member: string]: unknown } = {
    effect: verdict.effect,
    code: verdict.code,
    rule: verdict.rule,
    rule_ref: verdict.rule_ref,
    cause: verdict.cause,
    workflow_phase: verdict.workflow_phase ?? null,
    phase: ruled ? (verdict.phase ?? null) : null,
    shadow: ruled && verdict.shadow ? [verdict.shadow.effect, verdict.shadow.rule, verdict.shadow.rule_ref] : null,
    retry_after_seconds: verdict.retry_after_seconds ?? null,
    budget: ["BUDGET_EXCEEDED", "AMBIENT_EXCEEDED"].includes(verdict.code) ? (verdict.budget?.id ?? null) : null,
    warnings: (verdict.warnings ?? []).map((w) => w.budget_id),
    budgets: (verdict.charges?.budgets ?? []).map((b) => [b.id, b.cost_micro]),
    limits: verdict.charges?.limits ?? 0,
  };
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, JSON.stringify(value)]));
}

function print(members: { [member: string]: string }): string {
  return Object.entries(members)
    .filter(([name, value]) => value !== "null" && value !== "[]" && !(name === "limits" && value === "0"))
    .map(([name, value]) => `${name} ${value}`)
    .join(", ");
}
