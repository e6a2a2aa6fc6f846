// What an agent's policy says of one class of tools, as clauses in the order in which they are asked: the first that holds
// decides. This is the order of steps 5 to 9 of a decision, without the counters.
import type { Agent, Phase, Rule } from "../ast.ts";
import { blocksOf } from "../blocks.ts";
import { scopeOf } from "../names.ts";
import { every, type Formula, type FormulaReader, known, negated, some } from "./formula.ts";
import type { Place, Places } from "./place.ts";
import { rulesWith } from "./rule-index.ts";
import type { ToolClass } from "./tool-classes.ts";

export type Effect = "permit" | "defer" | "deny";

/** Why a clause is there: a rule, or what stands around the rules. */
export type Source = Rule | "default" | "phase" | "model_policy";

export interface Clause {
  readonly holds: Formula;
  /** A rule of `deny!`, `deny` or `defer` under strict guards holds where its condition has no answer. */
  readonly strict: boolean;
  readonly effect: Effect;
  readonly source: Source;
}

export interface Clauses {
  /** The last one always holds. */
  readonly list: readonly Clause[];
  /** What refuses or defers calls that the list permits, in order. */
  readonly gates: readonly { readonly holds: Formula; readonly effect: "deny" | "defer"; readonly name: string }[];
}

/** An agent as analysis sees it; null where a policy has none of that name, and denies everything. */
export interface Subject {
  readonly agent: Agent | null;
  readonly strict: boolean;
  /** Denials and deferrals are recorded and not carried out. */
  readonly isAudit: boolean;
  /** "" for UTC. */
  readonly zone: string;
}

export function clausesOf(subject: Subject, tools: ToolClass, places: Places, reader: FormulaReader): Clauses {
  const { agent } = subject;
  if (agent === null) {
    return { list: [{ holds: known(true), strict: false, effect: "deny", source: "default" }], gates: [] };
  }
  return new ClauseWriter(agent, subject.strict, tools, places, reader).write();
}

class ClauseWriter {
  readonly #agent: Agent;
  readonly #strict: boolean;
  readonly #tools: ToolClass;
  readonly #places: Places;
  readonly #reader: FormulaReader;
  readonly #list: Clause[] = [];

  constructor(agent: Agent, strict: boolean, tools: ToolClass, places: Places, reader: FormulaReader) {
    this.#agent = agent;
    this.#strict = strict;
    this.#tools = tools;
    this.#places = places;
    this.#reader = reader;
  }

  write(): Clauses {
    const agent = this.#agent;
    const { modelPolicy, egress } = agent;
    const workflow = agent.phases.filter(({ durationMs }) => durationMs === null);
    const rollouts = agent.phases.filter(
      ({ durationMs, tools }) => durationMs !== null && tools.some(({ text }) => this.#tools.patterns.has(text)),
    );
    if (modelPolicy !== null) this.#say(this.#reader.gate(modelPolicy, agent), "deny", "model_policy");
    this.#rules(agent.rules, known(true), true);
    for (const phase of rollouts) this.#rules(phase.rules, this.#runs(phase), true);
    for (const [i, phase] of workflow.entries()) this.#rules(phase.rules, this.#isIn(workflow, i), true);
    const showing = workflow.map((phase) => this.#matching(phase.rules).length > 0);
    if (showing.includes(true)) {
      const shown = workflow.flatMap((_, i) => (showing[i] === true ? [this.#isIn(workflow, i)] : []));
      this.#say(negated(some(shown)), "deny", "phase");
    }
    for (const phase of rollouts) this.#rules(phase.rules, this.#runs(phase), false);
    for (const [i, phase] of workflow.entries()) this.#rules(phase.rules, this.#isIn(workflow, i), false);
    this.#rules(agent.rules, known(true), false);
    const unmentioned = rollouts.length > 0 && this.#matching(agent.rules).length === 0;
    this.#say(known(true), unmentioned ? "deny" : (agent.default?.effect ?? "deny"), "default");
    const gates = this.#selectorGates();
    if (egress !== null) gates.push({ holds: this.#reader.gate(egress, agent), effect: "deny", name: "egress" });
    return { list: this.#list, gates };
  }

  #say(holds: Formula, effect: Effect, source: Source): void {
    this.#list.push({ holds, strict: false, effect, source });
  }

  #matching(rules: readonly Rule[]): readonly Rule[] {
    return rulesWith(rules, this.#tools.patterns);
  }

  #rules(rules: readonly Rule[], when: Formula, mandatory: boolean): void {
    for (const rule of this.#matching(rules)) {
      if ((rule.effect === "deny!") !== mandatory) continue;
      const names = scopeOf(this.#agent, rule);
      const parts = [when, ...rule.network.map((matcher) => this.#reader.matcher(matcher, names))];
      if (rule.condition !== null) parts.push(this.#reader.condition(rule.condition, names));
      const strict = this.#strict && rule.effect !== "permit";
      const effect = rule.effect === "deny!" ? "deny" : rule.effect;
      this.#list.push({ holds: every(parts), strict, effect, source: rule });
    }
  }

  /** The session's workflow phase; one that the policy does not have is the first. */
  #isIn(phases: readonly Phase[], index: number): Formula {
    const place = this.#phasePlace();
    const is = (name: string): Formula => {
      const question = { kind: "equal", value: { kind: "text", value: name } } as const;
      return { kind: "test", place, test: this.#places.test(place, { views: [], question, otherwise: false }) };
    };
    const phase = phases[index];
    if (phase === undefined) return known(false);
    return index > 0 ? is(phase.name) : negated(some(phases.slice(1).map(({ name }) => is(name))));
  }

  #phasePlace(): Place {
    return this.#places.at("phase", () => ({
      words: "phase",
      holder: { kind: "phase" },
      domain: { kind: "text", optional: false },
      isFree: false,
    }));
  }

  #runs({ name }: Phase): Formula {
    const place = this.#places.at(`rollout ${name}`, () => ({
      words: `rollout ${name}`,
      holder: { kind: "rollout", name },
      domain: { kind: "given", values: [true, false].map((value) => ({ kind: "bool", value })) },
      isFree: false,
    }));
    return {
      kind: "test",
      place,
      test: this.#places.test(place, { views: [], question: { kind: "truth" }, otherwise: false }),
    };
  }

  /** A selector that a rule for the tool reads must have a value before a call is permitted. */
  #selectorGates(): { holds: Formula; effect: "deny" | "defer"; name: string }[] {
    const read = this.#reader.selectorsRead();
    return blocksOf(this.#agent, "selector").flatMap(({ name, entries }) => {
      const value = entries.find((entry) => entry.name === "on_unavailable")?.values[0];
      const effect = value?.kind === "word" || value?.kind === "string" ? value.value : "deny";
      if (name === null || !read.has(name) || effect === "permit") return [];
      const place = this.#reader.selector(name);
      const test = this.#places.test(place, { views: [], question: { kind: "missing" }, otherwise: false });
      const holds = { kind: "test", place, test } as const;
      return [{ holds, effect: effect === "defer" ? ("defer" as const) : ("deny" as const), name: `selector ${name}` }];
    });
  }
}
