// Syntax tree to program. Runs only on a stack that check found no error in; what it cannot express all the same is
// reported as a finding, never left out.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import { METERS_PER_TOOL_MAX } from "../../vm/shared/abi.ts";
import { BUDGET_AUDIT, BudgetWindow, CostKind } from "../../vm/shared/image.ts";
import { Root, RuleEffect } from "../../vm/shared/isa.ts";
import type {
  Agent,
  Block,
  Budget,
  BudgetField,
  Field,
  Gate,
  Pattern,
  Phase,
  Rule,
  Span,
  Stack,
  Value,
} from "../ast.ts";
import { blocksOf } from "../blocks.ts";
import type { Finding } from "../diagnostic.ts";
import { patternsOfQuery, queriesOf, queryText } from "../history.ts";
import { LineIndex } from "../lines.ts";
import { resolveName, scopeOf } from "../names.ts";
import { type SessionBound, sessionBounds } from "../session.ts";
import { blockText, gateText, ruleText } from "../text.ts";
import { zoneOffsets } from "../timezone.ts";
import { lowerAmbient } from "./ambient.ts";
import { type HostBlock, hostBlocks } from "./blocks.ts";
import { amount, checkCounts, keyName, period } from "./capacity.ts";
import { type LoweredCondition, lowerCondition, Unlowerable } from "./condition.ts";
import { lowerGate, missingTest } from "./gate.ts";
import { lowerQuery } from "./history.ts";
import { type HostValue, hostValue } from "./host-value.ts";
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

const DAY_US = 86_400_000_000;

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
    const phases = this.#lowerPhases(agent, agentIndex, left, entriesOf);
    const stages = this.#lowerStages(agent, agentIndex, left, entriesOf);
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
      ...agent.budgets.map((budget) => this.#lowerBudget(agent, budget, left, fieldsOfBudget)),
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

  /** Predecessors first, so that a clock's chain is read backwards only. */
  #lowerPhases(
    agent: Agent,
    agentIndex: number,
    left: ReadonlySet<string>,
    entriesOf: ReadonlyMap<string, readonly Entry[]>,
  ): { phase: number; tools: readonly string[]; rules: readonly Entry[] }[] {
    const findings = this.#findings;
    const numbers = new Map<string, number>();
    const rollouts = agent.phases.filter(isRollout);
    for (const phase of chainOrder(rollouts)) {
      const previous = rollouts.find((p) => p.next?.name === phase.name);
      numbers.set(phase.name, this.#program.phases.length);
      this.#program.phases.push({
        key: this.#program.string(keyName(phaseKey(agent.id, phase), "a phase's name", phase.nameSpan, findings)),
        name: this.#program.string(phase.name),
        previous: previous === undefined ? null : (numbers.get(previous.name) ?? null),
        agent: agentIndex,
        durationUs: period(Math.round((phase.durationMs ?? 0) * 1000), "a phase's duration", phase.nameSpan, findings),
        next: this.#program.string(phase.next?.name ?? "enforce"),
      });
    }
    return rollouts.map((phase) => {
      const number = numbers.get(phase.name) ?? 0;
      this.#refuseLeft(left, phase.tools);
      const rules = entriesOf.get(phase.name) ?? [];
      for (const entry of rules) this.#phaseOfRule.push([entry.index, number]);
      return { phase: number, tools: phase.tools.map((tool) => tool.text), rules };
    });
  }

  #lowerStages(
    agent: Agent,
    agentIndex: number,
    left: ReadonlySet<string>,
    entriesOf: ReadonlyMap<string, readonly Entry[]>,
  ): { stage: number; rules: readonly Entry[] }[] {
    const workflow = agent.phases.filter((phase) => !isRollout(phase));
    const first = this.#program.stages.length;
    return workflow.map((phase, i) => {
      // Whether a tool is visible is a question of its plan.
      this.#refuseLeft(
        left,
        phase.rules.map((rule) => rule.pattern),
      );
      const name = this.#program.string(phase.name);
      const tag = stageTag(phase.name);
      this.#program.stages.push({ name, agent: agentIndex, first, count: workflow.length, tag });
      const rules = entriesOf.get(phase.name) ?? [];
      for (const entry of rules) this.#stageOfRule.push([entry.index, first + i]);
      return { stage: first + i, rules };
    });
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

  #lowerBudget(
    agent: Agent,
    budget: Budget,
    left: ReadonlySet<string>,
    fieldsOfBudget: Map<number, readonly number[]>,
  ): Entry {
    const findings = this.#findings;
    const field = (name: string): BudgetField | undefined => budget.fields.find((f) => f.name === name);
    const number = (name: string): number | null => {
      const value = field(name)?.value;
      return value?.kind === "number" ? value.value : null;
    };
    const micro = (name: "max" | "daily"): number => {
      const dollars = number(name);
      return dollars === null ? -1 : amount(dollars, name, field(name)?.span ?? budget.idSpan, findings);
    };
    const window = windowOf(budget.id, field("window"));
    period(window.windowUs, "the window of a budget", field("window")?.span ?? budget.idSpan, findings);
    const maxMicro = micro("max");
    const warnAt = number("warn_at");
    const index = this.#program.budgets.length;
    const cost = this.#cost(agent, budget, field("cost"));
    if (cost.costKind === CostKind.Field) fieldsOfBudget.set(index, [cost.costField]);
    this.#program.budgets.push({
      id: this.#program.string(keyName(budget.id, "a budget's name", budget.idSpan, findings)),
      ...window,
      onExceed: exceedNumbers[textOf(field("on_exceed")?.value) ?? "deny"] ?? RuleEffect.Deny,
      ...cost,
      otherFields: [],
      maxMicro,
      dailyMicro: micro("daily"),
      maxCalls: number("max_calls") ?? -1,
      warnAtMicro: warnAt === null || maxMicro < 0 ? -1 : roundedUp(maxMicro * warnAt),
      ambient: false,
    });
    const tools = field("tools")?.value;
    const patterns = tools?.kind === "list" ? tools.items.flatMap((item) => textOf(item) ?? []) : textOf(tools);
    const listed = patterns === undefined ? null : [patterns].flat();
    this.#refuseLeft(
      left,
      (listed ?? []).map((text) => ({ text, span: tools?.span ?? budget.idSpan })),
    );
    return { index, patterns: listed };
  }

  #cost(
    agent: Agent,
    budget: Budget,
    field: BudgetField | undefined,
  ): { costKind: CostKind; costField: number; costConstantMicro: number } {
    const value = field?.value;
    const constant = (dollars: number) => ({
      costKind: CostKind.Constant,
      costField: 0,
      costConstantMicro: amount(dollars, "cost", field?.span ?? agent.idSpan, this.#findings),
    });
    if (value?.kind === "number") return constant(value.value);
    const path =
      value?.kind === "name"
        ? value.path
        : value?.kind === "word" || value?.kind === "string"
          ? value.value.split(".")
          : null;
    if (path === null) return { costKind: CostKind.Request, costField: 0, costConstantMicro: 0 };
    const found = resolveName(scopeOf(agent, budget), path);
    if (found.kind === "value" && found.value.kind === "number") return constant(found.value.value);
    if (found.kind !== "field" || found.length) {
      const span = field?.span ?? agent.idSpan;
      this.#findings.push({
        code: "FMS012",
        message: "`cost` names no argument",
        span,
        help: "write `cost = amount` or a number",
      });
      return { costKind: CostKind.Request, costField: 0, costConstantMicro: 0 };
    }
    const costField = this.#program.field(found.field.root, found.field.path);
    return { costKind: CostKind.Field, costField, costConstantMicro: 0 };
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

/** Up to a whole number, past the noise that a product of binary fractions carries: 203000.00000000003 is 203000. */
function roundedUp(amount: number): number {
  return Math.ceil(Math.floor(amount * 1000 + 0.5) / 1000);
}

const exceedNumbers: Record<string, number> = { deny: RuleEffect.Deny, defer: RuleEffect.Defer, audit: BUDGET_AUDIT };

function patternsOf(agent: Agent): Pattern[] {
  const ofBudget = (budget: Budget): Pattern[] => {
    const tools = budget.fields.find((f) => f.name === "tools")?.value;
    const items = tools === undefined ? [] : tools.kind === "list" ? tools.items : [tools];
    return items.flatMap((item) => {
      const text = textOf(item);
      return text === undefined ? [] : [{ text, span: item.span }];
    });
  };
  return [
    ...agent.rules.map((rule) => rule.pattern),
    ...agent.phases.flatMap((phase) => [...phase.tools, ...phase.rules.map((rule) => rule.pattern)]),
    ...agent.rateLimits.map((limit) => limit.pattern),
    ...agent.budgets.flatMap(ofBudget),
    ...agent.redactions.map((redaction) => redaction.pattern),
    ...queriesOf(agent).flatMap(patternsOfQuery),
  ];
}

function chainOrder(phases: readonly Phase[]): Phase[] {
  const ordered: Phase[] = [];
  const visit = (phase: Phase): void => {
    if (ordered.includes(phase)) return;
    const previous = phases.find((p) => p.next?.name === phase.name);
    if (previous !== undefined && previous !== phase) visit(previous);
    ordered.push(phase);
  };
  for (const phase of phases) visit(phase);
  return ordered;
}

/** With a duration a rollout, without it a phase of the sessions' workflow. */
function isRollout(phase: Phase): boolean {
  return phase.durationMs !== null;
}

/** A number from 1 to 2^62 - 1 that stands for a workflow phase's name in counters. */
function stageTag(name: string): bigint {
  const digest = sha256(utf8ToBytes(name));
  const high = new DataView(digest.buffer, digest.byteOffset).getBigUint64(0);
  return (high % ((1n << 62n) - 1n)) + 1n;
}

/** A phase's clock is kept by name and content: the same text again does not start it anew. The digest tells apart what joins alike. */
function phaseKey(agentId: string, phase: Phase): string {
  const content = [
    agentId,
    phase.name,
    phase.durationMs,
    phase.next?.name ?? "enforce",
    phase.tools.map((t) => t.text),
    phase.rules.map(ruleText),
  ];
  return `${agentId}/${phase.name}/${bytesToHex(sha256(utf8ToBytes(JSON.stringify(content))))}`;
}

function windowOf(id: string, field: BudgetField | undefined): { window: BudgetWindow; windowUs: number } {
  const value = field?.value;
  const word = textOf(value);
  const session = word === "session" || (value === undefined && id === "session");
  if (session) return { window: BudgetWindow.Session, windowUs: DAY_US };
  const seconds = value?.kind === "number" ? value.value : 86_400;
  return { window: BudgetWindow.Aligned, windowUs: Math.round(seconds * 1e6) };
}

function textOf(value: Field["value"] | BudgetField["value"] | undefined): string | undefined {
  return value?.kind === "string" || value?.kind === "word" ? value.value : undefined;
}

function targetText(value: Value): string[] {
  if (value.kind === "list") return value.items.flatMap(targetText);
  return value.kind === "string" || value.kind === "word" ? [value.value] : [];
}
