// Syntax tree to program. Runs only on a stack that check found no error in; what it cannot express all the same is
// reported as a finding, never left out.
import { METERS_PER_TOOL_MAX } from "../../vm/shared/abi.ts";
import { Root, RuleEffect } from "../../vm/shared/isa.ts";
import type { Agent, Block, Gate, Pattern, Rule, Span, Stack, Value } from "../ast.ts";
import { blocksOf } from "../blocks.ts";
import type { Finding } from "../diagnostic.ts";
import { patternsOfQuery, queriesOf, queryText } from "../history.ts";
import { LineIndex } from "../lines.ts";
import { scopeOf } from "../names.ts";
import { type SessionBound, sessionBounds } from "../session.ts";
import { blockText, gateText, ruleText } from "../text.ts";
import { zoneOffsets } from "../timezone.ts";
import { lowerAmbient } from "./ambient.ts";
import { type HostBlock, hostBlocks } from "./blocks.ts";
import { lowerBudget } from "./budget.ts";
import { checkCounts, keyName, period } from "./capacity.ts";
import type { LoweredCondition } from "./code.ts";
import { lowerCondition } from "./condition.ts";
import { lowerGate, missingTest } from "./gate.ts";
import { lowerQuery } from "./history.ts";
import { type HostValue, hostValue } from "./host-value.ts";
import { patternsOf } from "./patterns.ts";
import { isRollout, lowerRollouts, lowerStages } from "./phases.ts";
import {
  type AgentEntries,
  type AgentGates,
  AgentPatterns,
  type Entry,
  planAgent,
  type SelectorGate,
} from "./plans.ts";
import { Program, type RulePlace } from "./program.ts";
import { effectWithout } from "./selector.ts";
import { Unlowerable } from "./unlowerable.ts";

export interface Lowered {
  readonly program: Program;
  readonly host: HostSection;
  readonly findings: readonly Finding[];
}

/** What the machine's host reads from the image; canonical JSON in the Host section. */
export interface HostSection {
  readonly runtime: { readonly [name: string]: HostValue };
  /** Rules' notify targets: [rule, target …]. */
  readonly notify: readonly (readonly [number, ...string[]])[];
  /** Rules of rollout phases: [rule, phase]. */
  readonly phaseOfRule: readonly (readonly [number, number])[];
  /** Rules of workflow phases: [rule, stage]. */
  readonly stageOfRule: readonly (readonly [number, number])[];
  /** First rule of each agent, in the order of agents. */
  readonly firstRule: readonly number[];
  /** First budget of each agent. */
  readonly firstBudget: readonly number[];
  /** Absent where the policy has none. */
  readonly blocks?: readonly HostBlock[];
}

export function lowerStack(stack: Stack): Lowered {
  return new Lowering(stack).run();
}

class Lowering {
  readonly #stack: Stack;
  readonly #program = new Program();
  readonly #findings: Finding[] = [];
  readonly #strict: boolean;
  readonly #notify: (readonly [number, ...string[]])[] = [];
  readonly #phaseOfRule: (readonly [number, number])[] = [];
  readonly #stageOfRule: (readonly [number, number])[] = [];
  readonly #lines: readonly LineIndex[];

  constructor(stack: Stack) {
    this.#stack = stack;
    const strict = stack.runtime?.fields.find((f) => f.name === "strict_guards");
    this.#strict = strict?.value.kind === "bool" && strict.value.value;
    this.#lines = stack.sources.map((source) => new LineIndex(source.text));
  }

  run(): Lowered {
    const agents = [...this.#stack.agents, ...(this.#stack.anonymous === null ? [] : [this.#stack.anonymous])];
    const firstRule: number[] = [];
    const firstBudget: number[] = [];
    for (const agent of agents) {
      firstRule.push(this.#program.rules.length);
      firstBudget.push(this.#program.budgets.length);
      this.#lowerAgent(agent);
    }
    const offsets = zoneOffsets(this.#stack);
    if (offsets.some(({ offsetMinutes }) => offsetMinutes !== 0)) this.#program.offsets.push(...offsets);
    const [first] = agents;
    if (first !== undefined) checkCounts(this.#program, first.idSpan, this.#findings);
    const runtime = Object.fromEntries((this.#stack.runtime?.fields ?? []).map((f) => [f.name, hostValue(f.value)]));
    const blocks = hostBlocks(this.#stack);
    const host = {
      runtime,
      notify: this.#notify,
      phaseOfRule: this.#phaseOfRule,
      stageOfRule: this.#stageOfRule,
      firstRule,
      firstBudget,
      ...(blocks.length === 0 ? {} : { blocks }),
    };
    return { program: this.#program, host, findings: this.#findings };
  }

  #lowerAgent(agent: Agent): void {
    const agentIndex = this.#program.agents.length;
    const patterns = new AgentPatterns(patternsOf(agent));
    const left = patterns.left;
    const fieldsOfRule = new Map<number, ReadonlySet<number>>();
    const fieldsOfBudget = new Map<number, readonly number[]>();
    const ruleEntries = (rules: readonly Rule[]): Entry[] =>
      rules.map((rule) => {
        const index = this.#program.rules.length;
        fieldsOfRule.set(index, this.#lowerRule(agent, rule, left));
        return { index, patterns: [rule.pattern.text] };
      });
    // What a spent phase leaves to no rule is denied, so each tool's rules must be known when its plan is made.
    if (agent.phases.some(isRollout))
      this.#refuseLeft(
        left,
        agent.rules.map((rule) => rule.pattern),
      );
    const rules = ruleEntries(agent.rules);
    const entriesOf = new Map(agent.phases.map((phase) => [phase.name, ruleEntries(phase.rules)]));
    const phases = lowerRollouts(this.#program, agent, agentIndex, this.#findings).map(({ phase, number }) => {
      this.#refuseLeft(left, phase.tools);
      const rules = entriesOf.get(phase.name) ?? [];
      for (const entry of rules) this.#phaseOfRule.push([entry.index, number]);
      return { phase: number, tools: phase.tools.map((tool) => tool.text), rules };
    });
    const stages = lowerStages(this.#program, agent, agentIndex).map(({ phase, stage, patterns: visible }) => {
      this.#refuseLeft(left, visible);
      const rules = entriesOf.get(phase.name) ?? [];
      for (const entry of rules) this.#stageOfRule.push([entry.index, stage]);
      return { stage, rules };
    });
    const limitsOfPattern = new Map<string, number>();
    const limits = agent.rateLimits.map((limit) => {
      this.#refuseLeft(left, [limit.pattern]);
      // Each limit counts on its own: the second on a pattern has a number behind it, which no pattern can end in.
      const number = (limitsOfPattern.get(limit.pattern.text) ?? 0) + 1;
      limitsOfPattern.set(limit.pattern.text, number);
      const name = number === 1 ? limit.pattern.text : `${limit.pattern.text} ${number}`;
      const pattern = this.#program.string(keyName(name, "the pattern of a rate limit", limit.span, this.#findings));
      this.#program.limits.push({ pattern, count: limit.count, windowUs: Math.round(limit.windowMs * 1000) });
      return { index: this.#program.limits.length - 1, patterns: [limit.pattern.text] };
    });
    const budgets = [
      ...agent.budgets.map((budget) => {
        const { entry, tools, fields } = lowerBudget(this.#program, agent, budget, this.#findings);
        if (fields.length > 0) fieldsOfBudget.set(entry.index, fields);
        this.#refuseLeft(left, tools);
        return entry;
      }),
      ...lowerAmbient(this.#program, agent, this.#findings).map(({ index, fields }) => {
        fieldsOfBudget.set(index, fields);
        return { index, patterns: null };
      }),
    ];
    const redactions = agent.redactions.flatMap((redaction) => {
      this.#refuseLeft(left, [redaction.pattern]);
      // `args.card` may mean the argument `card`, or one in an argument that is called so: neither is stored.
      const paths = redaction.paths.flatMap(({ text }) => [text, ...(/^args\../.test(text) ? [text.slice(5)] : [])]);
      return paths.map((path) => ({ index: this.#program.string(path), patterns: [redaction.pattern.text] }));
    });
    const defaultEffect = effectNumbers[agent.default?.effect ?? "deny"];
    const gates = this.#lowerGates(agent);
    const entries = {
      defaultEffect,
      rules,
      phases,
      stages,
      ...this.#lowerQueries(agent, left),
      ...this.#lowerSession(agent),
      limits,
      budgets,
      redactions,
      fieldsOfRule,
      fieldsOfBudget,
      gates,
    };
    const id = this.#program.string(agent.id);
    const planned = planAgent(this.#program, id, patterns, entries);
    if (planned === null) {
      const message = `too many names of tools of agent \`${agent.id}\` have the same hash`;
      const help = "such names are chosen to be alike; rename some of them";
      this.#findings.push({ code: "FMS004", message, span: agent.idSpan, help });
      return;
    }
    this.#program.agents.push(planned);
    for (const shape of this.#program.shapes.items) {
      const most = [shape.limits, shape.budgets, shape.tracks, shape.denials].map((list) => list.length);
      if (Math.max(...most) <= METERS_PER_TOOL_MAX) continue;
      const what = "limits, budgets or looks back";
      const message = `one tool of agent \`${agent.id}\` is under more than ${METERS_PER_TOOL_MAX} ${what}`;
      this.#findings.push({ code: "FMS004", message, span: agent.idSpan, help: "join limits whose patterns overlap" });
      break;
    }
  }

  #lowerRule(agent: Agent, rule: Rule, left: ReadonlySet<string>): ReadonlySet<number> {
    const index = this.#program.rules.length;
    const tests: number[] = [];
    if (left.has(rule.pattern.text)) {
      const automaton = this.#program.glob(rule.pattern.text, { separator: "/", ignoreCase: false });
      if (automaton === null) this.#refuseLeft(left, [rule.pattern]);
      else tests.push(automaton);
    }
    const lowered = this.#lowerCondition(agent, rule, tests);
    this.#program.rules.push({
      code: lowered.code,
      effect: effectNumbers[rule.effect],
      strict: this.#strict,
      pattern: this.#program.string(rule.pattern.text),
      reason: rule.reason === null ? null : this.#program.string(rule.reason),
      place: this.#place(rule.span, ruleText(rule)),
    });
    const targets = rule.notify.flatMap((value) => targetText(value));
    if (targets.length > 0) this.#notify.push([index, ...targets]);
    return lowered.fields;
  }

  #place(span: Span, text: string): RulePlace {
    const line = this.#lines[span.source]?.at(span.start) ?? { line: 1, column: 1 };
    return { source: span.source, ...line, text };
  }

  #lowerGates(agent: Agent): AgentGates {
    const fields = new Set<number>();
    const lower = (gate: Gate | null): number[] => {
      if (gate === null) return [];
      const lowered = this.#reported(gate.keywordSpan, () => lowerGate(this.#program, agent, gate));
      for (const field of lowered.fields) fields.add(field);
      this.#program.gates.push({
        code: lowered.code,
        effect: RuleEffect.Deny,
        strict: false,
        pattern: this.#program.string(gate.keyword),
        reason: null,
        place: this.#place(gate.span, gateText(gate)),
      });
      return [this.#program.gates.length - 1];
    };
    const selectors = blocksOf(agent, "selector").flatMap((block) => this.#selectorGate(block) ?? []);
    return { model: lower(agent.modelPolicy), egress: lower(agent.egress), fields, selectors };
  }

  /** Null where calls go on without the value. */
  #selectorGate(block: Block): SelectorGate | null {
    const effect = effectWithout(block);
    if (effect === "permit") return null;
    const name = block.name ?? "";
    const field = this.#program.field(Root.Selectors, [name]);
    this.#program.gates.push({
      code: missingTest(field),
      effect: effect === "defer" ? RuleEffect.Defer : RuleEffect.Deny,
      strict: false,
      pattern: this.#program.string("selector"),
      reason: this.#program.string(name),
      place: this.#place(block.span, blockText(block)),
    });
    return { id: this.#program.string(name), gate: this.#program.gates.length - 1, field };
  }

  #lowerCondition(agent: Agent, rule: Rule, tests: readonly number[]): LoweredCondition {
    const strict = this.#strict && rule.effect !== "permit";
    return this.#reported(rule.span, () => lowerCondition(this.#program, scopeOf(agent, rule), rule, strict, tests));
  }

  /** What cannot be lowered is reported, at `place` where it has none of its own. */
  #reported(place: Span, lower: () => LoweredCondition): LoweredCondition {
    try {
      return lower();
    } catch (error) {
      if (!(error instanceof Unlowerable)) throw error;
      const span = error.finding.span.end === 0 ? place : error.finding.span;
      this.#findings.push({ ...error.finding, span });
      return { code: [], fields: new Set() };
    }
  }

  /** The bounds of the agent's sessions. */
  #lowerSession(agent: Agent): Pick<AgentEntries, "maxDuration" | "idleTimeout"> {
    const bounds = sessionBounds(agent);
    const numberOf = (bound: SessionBound | null): number | null =>
      bound === null ? null : this.#program.number(period(bound.us, "a session's bound", bound.span, this.#findings));
    return { maxDuration: numberOf(bounds.maxDuration), idleTimeout: numberOf(bounds.idleTimeout) };
  }

  /** What the agent's rules look back at: fed by its permitted calls, or by its denials. */
  #lowerQueries(agent: Agent, left: ReadonlySet<string>): Pick<AgentEntries, "tracks" | "denials"> {
    const findings = this.#findings;
    const tracks: AgentEntries["tracks"][number][] = [];
    const denials: number[] = [];
    for (const query of queriesOf(agent)) {
      const patterns = patternsOfQuery(query);
      const span = patterns[0]?.span ?? agent.idSpan;
      this.#refuseLeft(left, patterns);
      keyName(queryText(query), "what a condition looks back at", span, findings);
      if ("windowUs" in query && query.windowUs !== null) period(query.windowUs, "a window", span, findings);
      const track = lowerQuery(this.#program, query);
      if (query.kind === "denials") denials.push(track);
      else tracks.push({ track, places: patterns.map(({ text }) => text) });
    }
    return { tracks, denials };
  }

  #refuseLeft(left: ReadonlySet<string>, patterns: readonly Pattern[]): void {
    for (const pattern of patterns) {
      if (!left.has(pattern.text)) continue;
      const message = `the pattern \`${pattern.text}\` and the agent's others need too many states together`;
      this.#findings.push({
        code: "FMS004",
        message,
        span: pattern.span,
        help: "put `*` at the end of patterns, not before other text",
      });
    }
  }
}

const effectNumbers = {
  permit: RuleEffect.Permit,
  deny: RuleEffect.Deny,
  defer: RuleEffect.Defer,
  "deny!": RuleEffect.Mandatory,
} as const;

function targetText(value: Value): string[] {
  if (value.kind === "list") return value.items.flatMap(targetText);
  return value.kind === "string" || value.kind === "word" ? [value.value] : [];
}
