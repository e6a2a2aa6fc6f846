// The program between the syntax tree and the bytes of an image: constants and lists named once, rules as instructions with
// symbolic temporaries, tables as rows. lower fills it in the order of the policy; encode writes it as it stands.

import type { BudgetWindow, CostKind, Track } from "../../vm/shared/image.ts";
import type { Kind, Mode, Op, Root } from "../../vm/shared/isa.ts";
import {
  type Automaton,
  type AutomatonResult,
  compileGlob,
  compileSearch,
  type GlobOptions,
} from "../automaton/index.ts";
import type { ExactTable } from "../exact.ts";
import type { OffsetChange } from "../timezone.ts";

/** A slot: a field by its index, or a temporary of the rule. */
export type SlotRef = { readonly field: number } | { readonly temporary: number };

export interface Instruction {
  readonly op: Op;
  readonly mode: Mode | number;
  readonly a: SlotRef;
  /** A constant's index, or a slot for operations of slots. */
  readonly b: number | SlotRef;
  readonly c: SlotRef | null;
  /** Instructions to skip, or JUMP_FAIL, JUMP_MATCH. */
  readonly jump: number;
}

export interface ProgramField {
  readonly root: Root;
  /** Names by string index, list indexes as they are; a TimePart for Root.Time. */
  readonly path: readonly ({ readonly string: number } | { readonly index: number })[];
}

export interface SetMember {
  readonly kind: Kind;
  readonly reference: number;
}

export interface ProgramRule {
  readonly code: readonly Instruction[];
  readonly effect: number;
  readonly strict: boolean;
  readonly pattern: number;
  /** String index, or null. */
  readonly reason: number | null;
  readonly place: RulePlace;
}

export interface RulePlace {
  readonly source: number;
  readonly line: number;
  readonly column: number;
  readonly text: string;
}

/** All lists are indexes: of rules, limits, budgets, fields, strings. */
export interface ProgramPlan {
  readonly shape: number;
  readonly rules: readonly number[];
}

export interface ProgramShape {
  readonly defaultEffect: number;
  readonly fields: readonly number[];
  readonly mandatory: readonly number[];
  readonly phases: readonly { readonly phase: number; readonly rules: readonly number[] }[];
  /** Workflow phases that name the tools; in the agent's others they are hidden. */
  readonly stages: readonly { readonly stage: number; readonly rules: readonly number[] }[];
  /** What a permit feeds; places are bits. */
  readonly tracks: readonly { readonly track: number; readonly places: number }[];
  /** Tracks that a denial feeds. */
  readonly denials: readonly number[];
  /** Numbers of microseconds, or null. */
  readonly maxDuration: number | null;
  readonly idleTimeout: number | null;
  readonly limits: readonly number[];
  readonly budgets: readonly number[];
  readonly redact: readonly number[];
  /** Indexes of gates, not of rules. */
  readonly modelGates: readonly number[];
  readonly egressGates: readonly number[];
  readonly selectorGates: readonly number[];
  readonly flags: number;
}

export interface ProgramAgent {
  readonly id: number;
  /** Exact tool names and their plans; null where there are none. */
  readonly exact: ExactTable | null;
  readonly dispatch: ProgramDispatch | null;
  readonly defaultPlan: number;
}

export interface ProgramDispatch {
  readonly classOf: Uint8Array;
  readonly classCount: number;
  readonly stateCount: number;
  readonly next: Uint32Array;
  readonly start: number;
  readonly planOfState: Uint32Array;
}

export interface ProgramLimit {
  readonly pattern: number;
  readonly count: number;
  readonly windowUs: number;
}

/** Amounts in micro-dollars; -1 where there is none. */
export interface ProgramBudget {
  readonly id: number;
  readonly window: BudgetWindow;
  readonly windowUs: number;
  readonly onExceed: number;
  readonly costKind: CostKind;
  readonly costField: number;
  /** Fields that are looked at where the first has no value; two at most. */
  readonly otherFields: readonly number[];
  readonly costConstantMicro: number;
  readonly maxMicro: number;
  readonly dailyMicro: number;
  readonly maxCalls: number;
  readonly warnAtMicro: number;
  /** A limit of `ambient`. */
  readonly ambient: boolean;
}

/** A workflow phase. */
export interface ProgramStage {
  readonly name: number;
  readonly agent: number;
  /** The agent's first, and how many it has. */
  readonly first: number;
  readonly count: number;
  readonly tag: bigint;
}

/** A query over a session's calls. */
export interface ProgramTrack {
  readonly name: number;
  readonly kind: Track;
  readonly places: number;
  /** Of a sum. */
  readonly field: number | null;
  /** 0 for the whole session. */
  readonly windowUs: number;
}

/** A rollout phase. */
export interface ProgramPhase {
  readonly key: number;
  readonly name: number;
  readonly previous: number | null;
  readonly agent: number;
  readonly durationUs: number;
  readonly next: number;
}

/** Gives each distinct key a number, in order of first appearance. */
export class Interner<T> {
  readonly items: T[] = [];
  readonly #numbers = new Map<string, number>();

  add(key: string, make: () => T): number {
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.items.length;
    this.items.push(make());
    this.#numbers.set(key, number);
    return number;
  }
}

export class Program {
  readonly strings = new Interner<string>();
  readonly numbers = new Interner<number>();
  readonly fields = new Interner<ProgramField>();
  readonly sets = new Interner<readonly SetMember[]>();
  readonly automata = new Interner<Automaton>();
  readonly shapes = new Interner<ProgramShape>();
  readonly plans = new Interner<ProgramPlan>();
  readonly rules: ProgramRule[] = [];
  /** Written behind the rules, as rows that no rule's number names. */
  readonly gates: ProgramRule[] = [];
  readonly agents: ProgramAgent[] = [];
  readonly limits: ProgramLimit[] = [];
  readonly budgets: ProgramBudget[] = [];
  readonly phases: ProgramPhase[] = [];
  readonly stages: ProgramStage[] = [];
  readonly tracks = new Interner<ProgramTrack>();
  /** Of the time zone, in order; none for UTC. */
  readonly offsets: OffsetChange[] = [];
  temporaries = 0;

  string(text: string): number {
    return this.strings.add(text, () => text);
  }

  number(value: number): number {
    const plain = value === 0 ? 0 : value;
    return this.numbers.add(String(plain), () => plain);
  }

  field(root: Root, path: readonly (string | number)[]): number {
    const parts = path.map((part) => (typeof part === "number" ? { index: part } : { string: this.string(part) }));
    const key = `${root}:${parts.map((p) => ("index" in p ? `#${p.index}` : `s${p.string}`)).join(",")}`;
    return this.fields.add(key, () => ({ root, path: parts }));
  }

  set(members: readonly SetMember[]): number {
    return this.sets.add(members.map((m) => `${m.kind}:${m.reference}`).join(","), () => members);
  }

  readonly #searches = new Map<string, AutomatonResult>();

  /** The automaton of a pattern, compiled once. */
  search(pattern: string): AutomatonResult {
    const known = this.#searches.get(pattern);
    if (known !== undefined) return known;
    const compiled = compileSearch(pattern);
    this.#searches.set(pattern, compiled);
    return compiled;
  }

  /** The automaton of a glob, as an index; null when it needs too many states. */
  glob(glob: string, options: GlobOptions): number | null {
    const compiled = compileGlob(glob, options);
    const key = `glob${options.separator ?? ""}${options.ignoreCase ? "i" : ""}:${glob}`;
    return compiled.ok ? this.automaton(key, compiled.automaton) : null;
  }

  automaton(key: string, automaton: Automaton): number {
    return this.automata.add(key, () => automaton);
  }

  shape(shape: ProgramShape): number {
    return this.shapes.add(JSON.stringify(shape), () => shape);
  }

  plan(plan: ProgramPlan): number {
    return this.plans.add(`${plan.shape}:${plan.rules.join(",")}`, () => plan);
  }
}
