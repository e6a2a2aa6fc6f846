// Of the calls that rollout phases decide, those of which the rest of the policy would say otherwise: what the end of each phase
// will change. It counts verdicts that others made.
import type { Effect, Policy, Verdict } from "./evaluator/types.ts";

/** Calls to one tool under one phase that one rule, or the default, would decide otherwise. */
export interface Shadowed {
  readonly tool: string;
  readonly from: Effect;
  readonly to: Effect;
  /** Of what would decide: `governance.fms:14`, and the rule's text; null for the default. */
  readonly ruleRef: string | null;
  readonly rule: string | null;
  readonly count: number;
}

export interface PhaseShadow {
  readonly agent: string;
  readonly phase: string;
  /** Calls that the phase decided. */
  readonly decided: number;
  /** Most first. */
  readonly differing: readonly Shadowed[];
}

export class Shadows {
  readonly #rules: ReturnType<Policy["rules"]>;
  readonly #phases = new Map<string, { agent: string; phase: string; decided: number; by: Map<string, Shadowed> }>();

  constructor(policy: Policy) {
    this.#rules = policy.rules();
  }

  take(agent: string, tool: string, { effect: from, phase, shadow }: Verdict): void {
    if (phase === undefined || shadow === undefined) return;
    const key = JSON.stringify([agent, phase]);
    const found = this.#phases.get(key) ?? { agent, phase, decided: 0, by: new Map<string, Shadowed>() };
    this.#phases.set(key, found);
    found.decided++;
    const { effect: to, rule, rule_ref: ruleRef } = shadow;
    if (from === to) return;
    const callKey = JSON.stringify([tool, from, to, rule]);
    const count = (found.by.get(callKey)?.count ?? 0) + 1;
    const text = rule === null ? null : (this.#rules[rule]?.text ?? null);
    found.by.set(callKey, { tool, from, to, ruleRef, rule: text, count });
  }

  report(): readonly PhaseShadow[] {
    return [...this.#phases.values()].map(({ by, ...phase }) => {
      const differing = [...by.values()];
      differing.sort((a, b) => b.count - a.count || (a.tool < b.tool ? -1 : a.tool > b.tool ? 1 : 0));
      return { ...phase, differing };
    });
  }
}
