// The finished machine, how it is made from a pattern's tree, and the reference way to run it: a table of states, or the
// positions of the pattern where the table would be too large.
// It must never stand in a request's path: the VM runs the same machines by its own code.

import { ACCEPTED, DEAD, type Dfa, determinize } from "./dfa.ts";
import { joinClasses, walkOrder } from "./layout.ts";
import { AUTOMATON_STATE_LIMIT, WORK_LIMIT } from "./limits.ts";
import { groupStates } from "./minimize.ts";
import { Nfa } from "./nfa.ts";
import { type Positions, positionsOf, runPositions } from "./positions.ts";
import { type Pattern, PatternError, sequence } from "./syntax.ts";

/**
 * A deterministic automaton over UTF-8 bytes. State 0 is dead (no match can follow), state 1 is accepted (a match was
 * found); both lead only to themselves. The last class, classCount - 1, stands for the end of the text and leads from
 * every state to 0 or 1.
 */
export interface Table {
  readonly kind: "table";
  /** 256 entries, byte → class */
  readonly classOf: Uint8Array;
  readonly classCount: number;
  readonly stateCount: number;
  /** stateCount rows of classCount states */
  readonly next: Uint16Array;
  readonly start: number;
}

export type Automaton = Table | Positions;

/** `positions`: never a table. For tests, which hold the two against each other. */
export type Form = "smallest" | "positions";

export type AutomatonResult =
  | { readonly ok: true; readonly automaton: Automaton }
  /** offset counts UTF-16 code units from the beginning of the pattern */
  | { readonly ok: false; readonly message: string; readonly help?: string; readonly offset: number };

/** Runs `make`, turning a PatternError into a value. Anything else thrown is a bug and passes. */
export function asResult(make: () => Automaton): AutomatonResult {
  try {
    return { ok: true, automaton: make() };
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    const { message, help, offset } = error;
    return help === undefined ? { ok: false, message, offset } : { ok: false, message, help, offset };
  }
}

/** The machine that finds the pattern anywhere. Throws PatternError beyond the limits. */
export function searchAutomaton(pattern: Pattern, form: Form): Automaton {
  return build(pattern, form, (nfa) => nfa.addSearch(nfa.addPattern(pattern, nfa.addMatch(0))));
}

/** The machine that takes the whole text for the pattern. Throws PatternError beyond the limits. */
export function fullAutomaton(pattern: Pattern, form: Form): Automaton {
  const whole = sequence([pattern, { kind: "assertion", assertion: "endText" }]);
  return build(whole, form, (nfa) => nfa.addPattern(whole, nfa.addMatch(0)));
}

/** Whether the automaton accepts the text. Linear; stops where the answer is known. */
export function run(automaton: Automaton, text: Uint8Array): boolean {
  if (automaton.kind === "positions") return runPositions(automaton, text);
  const { classOf, classCount, next } = automaton;
  let state = automaton.start;
  for (const byte of text) {
    if (state <= ACCEPTED) break;
    state = next[state * classCount + (classOf[byte] as number)] as number;
  }
  if (state > ACCEPTED) state = next[state * classCount + classCount - 1] as number;
  return state === ACCEPTED;
}

function build(pattern: Pattern, form: Form, begin: (nfa: Nfa) => number): Automaton {
  const table = form === "positions" ? undefined : tableOf(begin);
  return table ?? positionsOf(pattern, begin);
}

/** The table of states; undefined where it would be too large. */
function tableOf(begin: (nfa: Nfa) => number): Table | undefined {
  const nfa = new Nfa();
  try {
    const start = begin(nfa);
    const dfa = determinize(nfa, start, { states: AUTOMATON_STATE_LIMIT, work: WORK_LIMIT, collect: false });
    return dfa === "states" || dfa === "work" ? undefined : finish(dfa);
  } catch (error) {
    // Written out in bytes, a class of characters can be a hundred nodes; as a position it is one.
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}

function finish(dfa: Dfa): Table {
  // Joining classes first makes the partition's arrays as narrow as they can be.
  const columns = joinClasses(dfa.classes, dfa.next, dfa.stateCount);
  const width = columns.classCount;
  const narrow = new Int32Array(dfa.stateCount * width);
  for (let state = 0; state < dfa.stateCount; state++) {
    columns.from.forEach((column, i) => {
      narrow[state * width + i] = dfa.next[state * dfa.classes.count + column] as number;
    });
  }
  const table = { stateCount: dfa.stateCount, classCount: width, next: narrow, endMatches: dfa.endMatches };
  const groupOf = groupStates(table);
  const memberOf = new Map<number, number>();
  groupOf.forEach((group, state) => {
    if (!memberOf.has(group)) memberOf.set(group, state);
  });
  const represent = (state: number): number => memberOf.get(groupOf[state] as number) as number;
  const target = (state: number, column: number): number => represent(narrow[state * width + column] as number);
  const allColumns = columns.from.map((_, i) => i);
  const order = walkOrder(represent(dfa.start), [represent(DEAD), represent(ACCEPTED)], allColumns, target);
  return layOut(order, represent(dfa.start), columns, target, dfa.endMatches);
}

function layOut(
  order: readonly number[],
  start: number,
  columns: { readonly classOf: Uint8Array; readonly classCount: number },
  target: (state: number, column: number) => number,
  endMatches: Uint8Array,
): Table {
  const numberOf = new Map(order.map((state, number) => [state, number]));
  const width = columns.classCount;
  const rows = new Int32Array(order.length * width);
  order.forEach((state, row) => {
    for (let i = 0; i < width; i++) rows[row * width + i] = numberOf.get(target(state, i)) as number;
  });
  // Minimising may have made more columns equal.
  const first = Array.from({ length: width }, (_, i) => i);
  const joined = joinClasses({ classOf: columns.classOf, count: width, first }, rows, order.length);
  const classCount = joined.classCount + 1;
  const next = new Uint16Array(order.length * classCount);
  order.forEach((state, row) => {
    joined.from.forEach((column, i) => {
      next[row * classCount + i] = rows[row * width + column] as number;
    });
    next[row * classCount + classCount - 1] = endMatches[state] === 1 ? ACCEPTED : DEAD;
  });
  const number = numberOf.get(start) as number;
  return { kind: "table", classOf: joined.classOf, classCount, stateCount: order.length, next, start: number };
}
