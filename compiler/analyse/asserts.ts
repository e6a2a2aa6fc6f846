// Whether what a policy asserts holds of every call that there can be. "proved" is said only where no call is left over;
// where reasoning cannot tell, calls that may break the assert are named, and it is for others to try them.
import type { Agent, Assert, Stack } from "../ast.ts";
import { topNames } from "../check/assert.ts";
import type { NamesOf } from "../names.ts";
import { patternsOf, subjectOf, toolWords } from "./access.ts";
import { clausesOf } from "./clauses.ts";
import { Space } from "./decision.ts";
import { Beyond, NEVER } from "./diagram.ts";
import { every, FormulaReader, known } from "./formula.ts";
import { POLICY_STEPS_MAX } from "./limits.ts";
import { Patterns } from "./patterns.ts";
import { Places } from "./place.ts";
import { type SearchBudget, searchCall } from "./search.ts";
import { type ToolClass, toolClasses } from "./tool-classes.ts";
import { type Witness, witnessOf } from "./witness.ts";
import { describe } from "./words.ts";

/** Calls that break an assert, or that may. */
export interface Breach {
  /** The tool, or the patterns that its names fit. */
  readonly tool: string;
  /** Stretches of calls, "" for all; at most `STRETCHES_MAX`. */
  readonly when: readonly string[];
  readonly isCut: boolean;
  readonly example: Witness;
  /** False where it hangs on what reasoning cannot see: the past of a session, two arguments compared. */
  readonly isCertain: boolean;
  /** Calls that were tried where it is not certain; the last is the example if it broke the assert. */
  readonly tried: number;
}

/** Whether a call breaks the assert, as whoever executes it says. */
export type Breaks = (asked: Asked, call: Witness) => boolean;

export interface JudgedAssert {
  readonly assert: Assert;
  /** Whose calls: an id, null for the anonymous agent. */
  readonly agent: string | null;
  /** None of them, and none unknown: the assert is proved. Limits, budgets and malformed calls are left out. */
  readonly breaches: readonly Breach[];
  /** Tools of which nothing is known, and why. */
  readonly unknown: readonly { readonly tool: string; readonly why: string }[];
}

/** Stretches that one breach names. */
const STRETCHES_MAX = 4;
/** Breaches of one assert that are told; one of each class of tools. */
const BREACHES_MAX = 8;

/** An assert and the agent whose calls it is of; names in it are looked up in `names`. */
export interface Asked {
  readonly assert: Assert;
  readonly agent: Agent;
  readonly id: string | null;
  readonly names: NamesOf;
}

/** The asserts of a policy, those of the top level once for each agent. The policy must have no errors. */
export function assertsOf(stack: Stack): Asked[] {
  return agentsOf(stack).flatMap(({ agent, id }) => [
    ...agent.asserts.map((assert) => ({ assert, agent, id, names: agent })),
    ...stack.asserts.map((assert) => ({ assert, agent, id, names: topNames })),
  ]);
}

/** Every agent that the policy governs, the anonymous one as null. */
export function agentsOf({ agents, anonymous }: Stack): { readonly agent: Agent; readonly id: string | null }[] {
  const named = agents.map((agent) => ({ agent, id: agent.id }));
  return anonymous === null ? named : [...named, { agent: anonymous, id: null }];
}

/** In the order in which they were asked. `breaks` is asked where reasoning alone finds no call that surely breaks an assert. */
export function judgeAsserts(stack: Stack, asked: readonly Asked[], breaks: Breaks): JudgedAssert[] {
  const patterns = new Patterns();
  const budget = { steps: 0, calls: 0 };
  return asked.map((one) => new AssertJudge(stack, one, patterns, breaks).judge(budget));
}

interface Budget extends SearchBudget {
  /** Of combining diagrams. */
  steps: number;
}

class AssertJudge {
  readonly #stack: Stack;
  readonly #asked: Asked;
  readonly #patterns: Patterns;
  readonly #breaks: Breaks;
  readonly #breaches: Breach[] = [];
  readonly #unknown: { tool: string; why: string }[] = [];

  constructor(stack: Stack, asked: Asked, patterns: Patterns, breaks: Breaks) {
    this.#stack = stack;
    this.#asked = asked;
    this.#patterns = patterns;
    this.#breaks = breaks;
  }

  judge(budget: Budget): JudgedAssert {
    const { assert, agent, id } = this.#asked;
    const pattern = assert.rule.pattern.text;
    try {
      const classes = toolClasses([...patternsOf(agent), pattern]);
      for (const tools of classes) if (tools.patterns.has(pattern)) this.#class(tools, budget);
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
      this.#unknown.push({ tool: pattern, why: error.message });
    }
    return { assert, agent: id, breaches: this.#breaches, unknown: this.#unknown };
  }

  #class(tools: ToolClass, budget: Budget): void {
    if (this.#breaches.length === BREACHES_MAX) return;
    try {
      if (budget.steps > POLICY_STEPS_MAX) throw new Beyond("the policy is too large");
      budget.steps += this.#look(tools, budget);
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
      this.#unknown.push({ tool: toolWords(tools), why: error.message });
    }
  }

  /** Returns the steps that it took. */
  #look(tools: ToolClass, budget: Budget): number {
    const { assert, agent, id, names } = this.#asked;
    const subject = subjectOf(this.#stack, agent);
    const places = new Places();
    const setting = { tool: tools.isSingle ? tools.example : null, agent: id, zone: subject.zone };
    const reader = new FormulaReader(places, setting, this.#patterns);
    // Before the assert is read: what it reads is no reason for a selector's gate.
    const clauses = clausesOf(subject, tools, places, reader);
    const { condition, network, effect } = assert.rule;
    const parts = [known(true), ...network.map((matcher) => reader.matcher(matcher, names))];
    if (condition !== null) parts.push(reader.condition(condition, names));
    const formula = every(parts);
    const space = new Space(places.ordered());
    const { diagrams } = space;
    const { effects } = space.decision(clauses);
    const said = effects[effect === "deny!" ? "deny" : effect];
    const meant = diagrams.and(space.possible, space.answers(formula).yes);
    const broken = assert.quantifier === "never" ? diagrams.and(meant, said) : diagrams.minus(meant, said);
    const certain = space.certain(broken);
    const set = certain === NEVER ? broken : certain;
    const example = witnessOf(space, set, id, tools);
    if (example !== null) {
      const { lines, isCut } = describe(space, set, STRETCHES_MAX);
      const isCertain = certain !== NEVER;
      const near = { agent: id, tools, budget };
      const { call, tried } = isCertain
        ? { call: null, tried: 0 }
        : searchCall(space, set, near, (one) => this.#breaks(this.#asked, one));
      const breach = { tool: toolWords(tools), when: lines, isCut, example: call ?? example, isCertain, tried };
      this.#breaches.push(breach);
    }
    return diagrams.steps;
  }
}
