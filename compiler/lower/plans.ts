// From the patterns of an agent to its plans: for every tool name there can be, which rules, limits, budgets and redactions
// apply. Exact names get a row each; all other names are told apart by one automaton over the agent's globs.

import { SHAPE_NAMED, SHAPE_SESSION, SHAPE_TIME } from "../../vm/shared/image.ts";
import { Root, RuleEffect } from "../../vm/shared/isa.ts";
import type { Pattern } from "../ast.ts";
import { compileDispatch, type Dispatch } from "../automaton/index.ts";
import { exactTable } from "../exact.ts";
import type { Program, ProgramAgent, ProgramShape } from "./program.ts";

/** Bounds of one agent's dispatch automaton; globs beyond are tested rule by rule. Each entry is a word in a plan of the image. */
const DISPATCH_LIMITS = { states: 20_000, entries: 2_000_000 };

/** A rule, limit, budget or other entry, and the patterns it applies to; no patterns mean every tool. */
export interface Entry {
  readonly index: number;
  readonly patterns: readonly string[] | null;
}

/** Gates stand before every tool of the agent. */
export interface AgentGates {
  readonly model: readonly number[];
  readonly egress: readonly number[];
  readonly fields: ReadonlySet<number>;
  readonly selectors: readonly SelectorGate[];
}

/** Refuses a call whose rules read a selector that has no value. */
export interface SelectorGate {
  /** String of the selector's id. */
  readonly id: number;
  readonly gate: number;
  readonly field: number;
}

export interface AgentEntries {
  readonly defaultEffect: RuleEffect;
  /** The agent's own rules, deny! among them. */
  readonly rules: readonly Entry[];
  readonly phases: readonly {
    readonly phase: number;
    readonly tools: readonly string[];
    readonly rules: readonly Entry[];
  }[];
  /** Workflow phases in the order of the policy. */
  readonly stages: readonly { readonly stage: number; readonly rules: readonly Entry[] }[];
  /** What rules look back at, with the patterns that fill each place. */
  readonly tracks: readonly { readonly track: number; readonly places: readonly string[] }[];
  readonly denials: readonly number[];
  /** Numbers of microseconds, or null. */
  readonly maxDuration: number | null;
  readonly idleTimeout: number | null;
  readonly limits: readonly Entry[];
  readonly budgets: readonly Entry[];
  /** Index: string of a path. */
  readonly redactions: readonly Entry[];
  /** Fields read by each rule, and by each budget for its cost. */
  readonly fieldsOfRule: ReadonlyMap<number, ReadonlySet<number>>;
  readonly fieldsOfBudget: ReadonlyMap<number, readonly number[]>;
  readonly gates: AgentGates;
}

export function isGlob(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

export function isEveryTool(pattern: string): boolean {
  return pattern === "*" || pattern === "**";
}

/** The automaton over an agent's globs. */
export class AgentPatterns {
  readonly globs: readonly string[];
  readonly exact: readonly string[];
  readonly #dispatch: Dispatch | null;

  constructor(allPatterns: readonly Pattern[]) {
    const texts = [...new Set(allPatterns.map((p) => p.text))];
    this.globs = texts.filter(isGlob);
    this.exact = texts.filter((text) => !isGlob(text));
    this.#dispatch = this.globs.length === 0 ? null : compileDispatch(this.globs, DISPATCH_LIMITS);
  }

  get dispatch(): Dispatch | null {
    return this.#dispatch;
  }

  /** Globs that must be tested one by one, since together they would need too many states. */
  get left(): ReadonlySet<string> {
    return new Set((this.#dispatch?.left ?? []).map((i) => this.globs[i] ?? ""));
  }

  /** Numbers of the globs that match an exact name. */
  setOf(name: string): readonly number[] {
    const dispatch = this.#dispatch;
    if (dispatch === null) return [];
    let state = dispatch.start;
    for (const byte of new TextEncoder().encode(name)) {
      state = dispatch.next[state * dispatch.classCount + (dispatch.classOf[byte] ?? 0)] ?? 0;
    }
    return dispatch.sets[dispatch.accept[state] ?? 0] ?? [];
  }
}

/** The agent's row; null where its tools have names that no table takes. */
export function planAgent(
  program: Program,
  id: number,
  patterns: AgentPatterns,
  entries: AgentEntries,
): ProgramAgent | null {
  const planner = new Planner(program, patterns, entries);
  const exact = patterns.exact.map((name) => ({
    name: program.string(name),
    plan: planner.plan(patterns.setOf(name), name),
    text: name,
  }));
  const dispatch = patterns.dispatch;
  const plansOfSets = dispatch === null ? [] : dispatch.sets.map((set) => planner.plan(set, null));
  const table = exact.length === 0 ? null : exactTable(exact);
  if (table === null && exact.length > 0) return null;
  return {
    id,
    exact: table,
    dispatch:
      dispatch === null
        ? null
        : {
            classOf: dispatch.classOf,
            classCount: dispatch.classCount,
            stateCount: dispatch.stateCount,
            next: dispatch.next,
            start: dispatch.start,
            planOfState: dispatch.accept.map((set) => plansOfSets[set] ?? 0),
          },
    defaultPlan: planner.plan([], null),
  };
}

/** Entries by pattern, so that a plan costs what applies to it and not what the policy holds. */
class Lookup {
  readonly #byPattern = new Map<string, number[]>();
  readonly #always: number[] = [];
  readonly #entries: readonly Entry[];

  constructor(entries: readonly Entry[], left: ReadonlySet<string>) {
    this.#entries = entries;
    for (const [position, entry] of entries.entries()) {
      for (const pattern of entry.patterns ?? []) {
        if (left.has(pattern)) this.#always.push(position);
        else {
          const list = this.#byPattern.get(pattern);
          if (list === undefined) this.#byPattern.set(pattern, [position]);
          else list.push(position);
        }
      }
      if (entry.patterns === null) this.#always.push(position);
    }
  }

  /** In the order of the policy, each once. */
  find(applying: readonly string[]): Entry[] {
    const positions = new Set(this.#always);
    for (const pattern of applying) for (const position of this.#byPattern.get(pattern) ?? []) positions.add(position);
    return [...positions].sort((a, b) => a - b).flatMap((position) => this.#entries[position] ?? []);
  }
}

class Planner {
  readonly #program: Program;
  readonly #patterns: AgentPatterns;
  readonly #entries: AgentEntries;
  readonly #rules: Lookup;
  readonly #phaseRules: readonly Lookup[];
  readonly #stageRules: readonly Lookup[];
  readonly #limits: Lookup;
  readonly #budgets: Lookup;
  readonly #redactions: Lookup;

  constructor(program: Program, patterns: AgentPatterns, entries: AgentEntries) {
    this.#program = program;
    this.#patterns = patterns;
    this.#entries = entries;
    const left = patterns.left;
    this.#rules = new Lookup(entries.rules, left);
    this.#phaseRules = entries.phases.map((phase) => new Lookup(phase.rules, left));
    this.#stageRules = entries.stages.map((stage) => new Lookup(stage.rules, left));
    this.#limits = new Lookup(entries.limits, left);
    this.#budgets = new Lookup(entries.budgets, left);
    this.#redactions = new Lookup(entries.redactions, left);
  }

  plan(globs: readonly number[], name: string | null): number {
    const applying = globs.flatMap((i) => this.#patterns.globs[i] ?? []);
    if (name !== null) applying.push(name);
    const matching = this.#rules.find(applying);
    const effectOf = (entry: Entry): number => this.#program.rules[entry.index]?.effect ?? RuleEffect.Deny;
    const mandatory = matching.filter((entry) => effectOf(entry) === RuleEffect.Mandatory).map((entry) => entry.index);
    const rules = matching.filter((entry) => effectOf(entry) !== RuleEffect.Mandatory).map((entry) => entry.index);
    const phases = this.#entries.phases.flatMap((phase, i) =>
      phase.tools.some((tool) => applying.includes(tool))
        ? [{ phase: phase.phase, rules: (this.#phaseRules[i]?.find(applying) ?? []).map((entry) => entry.index) }]
        : [],
    );
    const stages = this.#entries.stages.flatMap(({ stage }, i) => {
      const own = this.#stageRules[i]?.find(applying) ?? [];
      return own.length === 0 ? [] : [{ stage, rules: own.map((entry) => entry.index) }];
    });
    const limits = this.#limits.find(applying).map((entry) => entry.index);
    const budgets = this.#budgets.find(applying).map((entry) => entry.index);
    const phaseRules = [...phases, ...stages].flatMap((p) => p.rules);
    const tracks = this.#tracks(new Set(applying));
    const read = this.#fields([...mandatory, ...rules, ...phaseRules], budgets, tracks);
    const selectors = this.#selectorsOf(read);
    const fields = [...new Set([...read, ...selectors.map(({ field }) => field)])].sort((a, b) => a - b);
    const readsTime = fields.some((field) => this.#program.fields.items[field]?.root === Root.Time);
    const named = applying.some((pattern) => !isEveryTool(pattern));
    const shape = this.#program.shape({
      defaultEffect: phases.length > 0 && matching.length === 0 ? RuleEffect.Deny : this.#entries.defaultEffect,
      fields,
      mandatory,
      phases,
      stages,
      tracks,
      denials: this.#entries.denials,
      maxDuration: this.#entries.maxDuration,
      idleTimeout: this.#entries.idleTimeout,
      limits,
      budgets,
      redact: [...new Set(this.#redactions.find(applying).map((entry) => entry.index))],
      modelGates: this.#entries.gates.model,
      egressGates: this.#entries.gates.egress,
      selectorGates: selectors.map(({ gate }) => gate),
      flags: (named ? SHAPE_NAMED : 0) | (readsTime ? SHAPE_TIME : 0) | (this.#keepsSessions ? SHAPE_SESSION : 0),
    });
    return this.#program.plan({ shape, rules });
  }

  /** Sessions of the agent have state, whatever the tool. */
  get #keepsSessions(): boolean {
    const { stages, tracks, denials, maxDuration, idleTimeout } = this.#entries;
    return stages.length + tracks.length + denials.length > 0 || maxDuration !== null || idleTimeout !== null;
  }

  #tracks(applying: ReadonlySet<string>): { track: number; places: number }[] {
    return this.#entries.tracks.flatMap(({ track, places }) => {
      const bits = places.reduce((sum, pattern, place) => (applying.has(pattern) ? sum + 2 ** place : sum), 0);
      return bits === 0 ? [] : [{ track, places: bits }];
    });
  }

  /** Gates of the selectors that some of the fields belong to. */
  #selectorsOf(fields: readonly number[]): readonly SelectorGate[] {
    const { selectors } = this.#entries.gates;
    if (selectors.length === 0) return selectors;
    const ids = new Set<number>();
    for (const index of fields) {
      const { root, path } = this.#program.fields.items[index] ?? { root: null, path: [] };
      const [first] = path;
      if (root === Root.Selectors && first !== undefined && "string" in first) ids.add(first.string);
    }
    return selectors.filter(({ id }) => ids.has(id));
  }

  #fields(rules: readonly number[], budgets: readonly number[], tracks: ProgramShape["tracks"]): number[] {
    const fields = new Set<number>(this.#entries.gates.fields);
    for (const rule of rules) for (const field of this.#entries.fieldsOfRule.get(rule) ?? []) fields.add(field);
    for (const budget of budgets) {
      for (const field of this.#entries.fieldsOfBudget.get(budget) ?? []) fields.add(field);
    }
    for (const { track } of tracks) {
      const field = this.#program.tracks.items[track]?.field ?? null;
      if (field !== null) fields.add(field);
    }
    return [...fields].sort((a, b) => a - b);
  }
}
