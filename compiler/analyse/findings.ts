// What exact reasoning finds wrong with one policy: rules that no call reaches, conditions that nothing fulfils, and strict
// rules that a more lenient one before them cuts into. Only what is certain is said; what was beyond the bounds is told as unknown.
import type { Agent, Phase, Rule, Stack } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { patternsOf, subjectOf } from "./access.ts";
import { type Clauses, clausesOf, type Effect, type Subject } from "./clauses.ts";
import { type Decided, Space } from "./decision.ts";
import { Beyond, NEVER, type Node } from "./diagram.ts";
import { FormulaReader } from "./formula.ts";
import { idleLimits, standIns } from "./idle.ts";
import { POLICY_STEPS_MAX } from "./limits.ts";
import { Patterns } from "./patterns.ts";
import { Places } from "./place.ts";
import { type ToolClass, toolClasses } from "./tool-classes.ts";
import { rulesOf, Unknowns } from "./unknown.ts";
import { witnessOf } from "./witness.ts";

/** What is known of a rule over all classes of tools that it names. */
interface Known {
  /** Some call fulfils it. */
  canHold: boolean;
  /** Some call is decided by it. */
  canDecide: boolean;
  /** False where a class of its tools was beyond the bounds. */
  isKnown: boolean;
  /** Rules that between them answer its calls. */
  readonly covers: Set<Rule>;
  /** Classes of tools in which some call fulfils it. */
  readonly classes: Set<ToolClass>;
  /** Rules that would answer all that it decides as it does; null where something would change without it. */
  standIns: Set<Rule> | null;
}

/** Two rules of which the first is the more lenient. */
interface Crossing {
  readonly first: Rule;
  readonly second: Rule;
  /** Calls that only the first, only the second, or both hold for. */
  firstAlone: boolean;
  secondAlone: boolean;
  both: string | null;
}

const leniency: Readonly<Record<Effect, number>> = { permit: 2, defer: 1, deny: 0 };
/** Rules of one class that are compared in pairs. */
const PAIRED_RULES_MAX = 100;

/** The policy must have no errors. Findings are in no order. */
export function reasonAbout(stack: Stack): Finding[] {
  const agents = stack.anonymous === null ? stack.agents : [...stack.agents, stack.anonymous];
  const patterns = new Patterns();
  const budget = { steps: 0 };
  return agents.flatMap((agent) => {
    const id = agent === stack.anonymous ? null : agent.id;
    return new AgentFindings(agent, id, subjectOf(stack, agent), patterns).find(budget);
  });
}

class AgentFindings {
  readonly #agent: Agent;
  readonly #id: string | null;
  readonly #subject: Subject;
  readonly #patterns: Patterns;
  /** Rules that belong to a phase. */
  readonly #phases: ReadonlyMap<Rule, Phase>;
  readonly #known = new Map<Rule, Known>();
  readonly #crossings = new Map<string, Crossing>();
  readonly #unknowns = new Unknowns();

  constructor(agent: Agent, id: string | null, subject: Subject, patterns: Patterns) {
    this.#agent = agent;
    this.#id = id;
    this.#subject = subject;
    this.#patterns = patterns;
    this.#phases = new Map(agent.phases.flatMap((phase) => phase.rules.map((rule) => [rule, phase])));
  }

  find(budget: { steps: number }): Finding[] {
    let classes: readonly ToolClass[];
    try {
      classes = toolClasses(patternsOf(this.#agent));
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
      this.#unknowns.note("fire", error.message, rulesOf(this.#agent));
      classes = [];
    }
    for (const tools of classes) this.#class(tools, budget);
    const idle = idleLimits({ ...this.#subject, agent: this.#agent }, this.#id, this.#patterns, budget, this.#unknowns);
    const found = [...this.#ruleFindings(), ...this.#orderFindings(), ...this.#redundantFindings(), ...idle];
    return [...found, ...this.#unknowns.findings()];
  }

  #class(tools: ToolClass, budget: { steps: number }): void {
    const places = new Places();
    const setting = { tool: tools.isSingle ? tools.example : null, agent: this.#id, zone: this.#subject.zone };
    const reader = new FormulaReader(places, setting, this.#patterns);
    const clauses = clausesOf(this.#subject, tools, places, reader);
    try {
      if (budget.steps > POLICY_STEPS_MAX) throw new Beyond("the policy is too large");
      this.#look(clauses, new Space(places.ordered()), tools, budget);
    } catch (error) {
      if (!(error instanceof Beyond)) throw error;
      const rules = clauses.list.flatMap(({ source }) => (typeof source === "string" ? [] : [source]));
      for (const rule of rules) this.#of(rule).isKnown = false;
      this.#unknowns.note("fire", error.message, rules);
    }
  }

  #look(clauses: Clauses, space: Space, tools: ToolClass, budget: { steps: number }): void {
    const decided = space.decision(clauses).clauses;
    const rules = decided.filter(({ clause }) => typeof clause.source !== "string");
    for (const [i, one] of rules.entries()) {
      const known = this.#of(one.clause.source as Rule);
      if (one.holds !== NEVER) {
        known.canHold = true;
        known.classes.add(tools);
      }
      if (one.decides !== NEVER) known.canDecide = true;
      else if (!known.canDecide) for (const rule of coversOf(space, one, rules.slice(0, i))) known.covers.add(rule);
    }
    if (rules.length < PAIRED_RULES_MAX) {
      this.#cross(space, rules, tools);
      for (const [i, one] of decided.entries()) this.#standIn(space, one, decided.slice(i + 1));
    } else {
      const sources = rules.map(({ clause }) => clause.source as Rule);
      for (const rule of sources) this.#of(rule).standIns = null;
      this.#unknowns.note("order", `${PAIRED_RULES_MAX} rules of one tool or more are not compared in pairs`, sources);
    }
    budget.steps += space.diagrams.steps;
  }

  #standIn(space: Space, one: Decided, behind: readonly Decided[]): void {
    const { source } = one.clause;
    if (typeof source === "string" || one.decides === NEVER) return;
    const known = this.#of(source);
    const found = known.standIns === null ? null : standIns(space, one, behind);
    // Between a phase and what comes after it the order is the phase's meaning.
    if (found?.some((rule) => this.#phases.get(rule) !== this.#phases.get(source)) !== false) known.standIns = null;
    else for (const rule of found) known.standIns?.add(rule);
  }

  #cross(space: Space, rules: readonly Decided[], tools: ToolClass): void {
    const { diagrams } = space;
    for (const [i, a] of rules.entries()) {
      for (const b of rules.slice(i + 1)) {
        if (leniency[a.clause.effect] <= leniency[b.clause.effect]) continue;
        const [first, second] = [a.clause.source as Rule, b.clause.source as Rule];
        // Between a phase and what comes after it the order is the phase's meaning.
        if (this.#phases.get(first) !== this.#phases.get(second)) continue;
        const crossing = this.#crossing(first, second);
        const both = space.certain(diagrams.and(a.decides, b.holds));
        if (both !== NEVER && crossing.both === null) crossing.both = this.#example(space, both, tools);
        if (diagrams.minus(a.holds, b.holds) !== NEVER) crossing.firstAlone = true;
        if (diagrams.minus(b.holds, a.holds) !== NEVER) crossing.secondAlone = true;
      }
    }
  }

  #example(space: Space, set: Node, tools: ToolClass): string | null {
    const witness = witnessOf(space, set, this.#id, tools);
    if (witness === null) return null;
    const { args, tool_id } = witness.request;
    return `${tool_id} ${JSON.stringify(args)}`;
  }

  #of(rule: Rule): Known {
    const none = {
      canHold: false,
      canDecide: false,
      isKnown: true,
      covers: new Set<Rule>(),
      classes: new Set<ToolClass>(),
      standIns: new Set<Rule>(),
    };
    const known = this.#known.get(rule) ?? none;
    this.#known.set(rule, known);
    return known;
  }

  #crossing(first: Rule, second: Rule): Crossing {
    const key = `${first.span.source}:${first.span.start} ${second.span.source}:${second.span.start}`;
    const none = { first, second, firstAlone: false, secondAlone: false, both: null };
    const crossing = this.#crossings.get(key) ?? none;
    this.#crossings.set(key, crossing);
    return crossing;
  }

  /** Whether the one has calls of tools for which the other has none. */
  #isElsewhere(one: Rule, other: Rule): boolean {
    const { classes } = this.#of(other);
    return [...this.#of(one).classes].some((tools) => !classes.has(tools));
  }

  #ruleFindings(): Finding[] {
    return [...this.#known].flatMap(([rule, { canHold, canDecide, isKnown, covers }]): Finding[] => {
      if (!isKnown || canDecide || rule.origin !== undefined) return [];
      if (!canHold)
        return [
          {
            code: "FMS080",
            message: "no call fulfils this rule: its conditions exclude each other",
            span: rule.span,
            help: "correct the condition, or remove the rule",
          },
        ];
      const related = [...covers]
        .slice(0, RELATED_MAX)
        .map(({ span }) => ({ message: "a rule that answers first", span }));
      return [
        {
          code: "FMS051",
          message: "this rule can never fire: the rules before it answer all its calls",
          span: rule.span,
          help: "move it up, or remove it",
          related,
        },
      ];
    });
  }

  /** A rule with a reason or somebody to tell says more than its effect, and a `deny!` holds whatever is written later. */
  #redundantFindings(): Finding[] {
    return [...this.#known].flatMap(([rule, { canDecide, isKnown, standIns: others }]): Finding[] => {
      const saysMore = rule.reason !== null || rule.notify.length > 0 || rule.reeval !== null;
      if (!isKnown || !canDecide || others === null || others.size === 0) return [];
      // Of two that make each other needless one is told: the one that never fires.
      if ([...others].some((other) => !this.#of(other).canDecide)) return [];
      if (saysMore || rule.effect === "deny!" || rule.origin !== undefined) return [];
      const related = [...others].slice(0, RELATED_MAX).map(({ span }) => ({ message: "answers the same", span }));
      return [
        {
          code: "FMS085",
          message: `this ${rule.effect} changes nothing: rules behind it answer all its calls in the same way`,
          span: rule.span,
          help: "remove it, or give it a reason of its own",
          related,
        },
      ];
    });
  }

  #orderFindings(): Finding[] {
    const told = new Set<Rule>();
    return [...this.#crossings.values()].flatMap(({ first, second, firstAlone, secondAlone, both }): Finding[] => {
      const crosses =
        (firstAlone || this.#isElsewhere(first, second)) && (secondAlone || this.#isElsewhere(second, first));
      if (both === null || !crosses || told.has(second)) return [];
      told.add(second);
      if (first.origin !== undefined || second.origin !== undefined) return [];
      const does = first.effect === "permit" ? "permits" : "defers";
      return [
        {
          code: "FMS081",
          message: `this ${second.effect} does not reach calls that a rule before it ${does}: ${both}`,
          span: second.span,
          help: `move it above that rule, if it is to ${second.effect} them`,
          related: [{ message: "the rule that answers first", span: first.span }],
        },
      ];
    });
  }
}

/** Covering rules that a message names. */
const RELATED_MAX = 3;

/** Rules before one that is never reached, those that take its calls, first ones first. */
function coversOf({ diagrams }: Space, one: Decided, before: readonly Decided[]): Rule[] {
  let left = one.holds;
  const covers: Rule[] = [];
  for (const { clause, holds } of before) {
    if (left === NEVER) break;
    const rest = diagrams.minus(left, holds);
    if (rest !== left) covers.push(clause.source as Rule);
    left = rest;
  }
  return covers;
}
