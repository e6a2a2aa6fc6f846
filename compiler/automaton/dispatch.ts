// Many globs in one machine that says which of them a name matches. It must never guess: a glob that does not fit is
// handed back to be matched alone, and the machine is exact about the others.

import { DEAD, type Dfa, determinize } from "./dfa.ts";
import { wildness } from "./glob.ts";
import { addGlobTree, globParts } from "./glob-tree.ts";
import { joinClasses, walkOrder } from "./layout.ts";
import { DISPATCH_NODE_LIMIT, DISPATCH_WORK_LIMIT } from "./limits.ts";
import { Nfa } from "./nfa.ts";
import { type Pattern, PatternError } from "./syntax.ts";

/** Several globs (separator "/") joined. State 0 is dead. There is no class for the end: `accept` answers there. */
export interface Dispatch {
  /** 256 entries, byte → class */
  readonly classOf: Uint8Array;
  readonly classCount: number;
  readonly stateCount: number;
  /** stateCount rows of classCount states */
  readonly next: Uint32Array;
  readonly start: number;
  /** state → index into `sets` of the globs that accept when the text ends in that state */
  readonly accept: Uint32Array;
  /** ascending indexes into the globs; sets[0] is empty */
  readonly sets: readonly (readonly number[])[];
  /** ascending indexes of globs that did not fit, or are not globs at all, and must be compiled one by one */
  readonly left: readonly number[];
}

/** The number that fits is sought to this part of all globs, since each attempt builds a machine. */
const SEARCH_PRECISION = 1 / 64;

export interface DispatchLimits {
  readonly states: number;
  /** Globs that apply, summed over all sets; a glob that is left out counts in each of them. */
  readonly entries: number;
}

/**
 * Joins as many globs as fit. Globs with wild parts before literal text multiply each other's states, so they are the
 * first to be left out; how many fit is found by halving.
 */
export function compileDispatch(globs: readonly string[], limits: DispatchLimits): Dispatch {
  const parts = globs.map(globParts);
  const all = globs.map((_, i) => i);
  const wild = globs.map(wildness);
  const order = all.filter((i) => parts[i] !== undefined);
  order.sort((a, b) => (wild[a] as number) - (wild[b] as number) || a - b);
  let fits = 0;
  let best = EMPTY_MACHINE;
  let tooMany = order.length + 1;
  for (let count = order.length; tooMany - fits > 1 + order.length * SEARCH_PRECISION; count = (fits + tooMany) >> 1) {
    const candidate = attempt(parts, order.slice(0, count), limits.states);
    if (candidate === undefined || !hasRoom(candidate, globs.length - count, limits.entries)) tooMany = count;
    else {
      fits = count;
      best = candidate;
    }
  }
  const inside = new Set(order.slice(0, fits));
  return layOut(
    best,
    all.filter((i) => !inside.has(i)),
  );
}

/** What stands for no globs at all. */
const EMPTY_MACHINE: Dfa = {
  classes: { classOf: new Uint8Array(256), count: 1, first: [0] },
  stateCount: 1,
  next: new Int32Array(1),
  endMatches: new Uint8Array(1),
  tags: [[]],
  start: DEAD,
};

function attempt(
  globs: readonly (readonly Pattern[] | undefined)[],
  chosen: readonly number[],
  stateLimit: number,
): Dfa | undefined {
  const nfa = new Nfa(DISPATCH_NODE_LIMIT);
  try {
    const limits = { states: stateLimit, work: DISPATCH_WORK_LIMIT, collect: true };
    const dfa = determinize(nfa, addGlobTree(nfa, globs, chosen), limits);
    return dfa === "states" || dfa === "work" ? undefined : dfa;
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}

/** Whether those who lay out a list for each set of globs can do so: few left over for many sets is as much as many for few. */
function hasRoom(dfa: Dfa, left: number, limit: number): boolean {
  const known = new Set<string>();
  let entries = left;
  for (const tags of dfa.tags) {
    if (tags.length === 0) continue;
    const key = tags.join();
    if (known.has(key)) continue;
    known.add(key);
    entries += tags.length + left;
    if (entries > limit) return false;
  }
  return true;
}

function layOut(dfa: Dfa, left: readonly number[]): Dispatch {
  const width = dfa.classes.count;
  const columns = joinClasses(dfa.classes, dfa.next, dfa.stateCount);
  const target = (state: number, column: number): number => dfa.next[state * width + column] as number;
  const order = walkOrder(dfa.start, [DEAD], columns.from, target);
  const numberOf = new Map(order.map((state, number) => [state, number]));
  const next = new Uint32Array(order.length * columns.classCount);
  const accept = new Uint32Array(order.length);
  const sets: (readonly number[])[] = [[]];
  const setNumbers = new Map<string, number>([["", 0]]);
  order.forEach((state, row) => {
    columns.from.forEach((column, i) => {
      next[row * columns.classCount + i] = numberOf.get(target(state, column)) as number;
    });
    const tags = dfa.tags[state] ?? [];
    const key = tags.join();
    const number = setNumbers.get(key) ?? sets.length;
    if (number === sets.length) {
      sets.push(tags);
      setNumbers.set(key, number);
    }
    accept[row] = number;
  });
  const { classOf, classCount } = columns;
  return {
    classOf,
    classCount,
    stateCount: order.length,
    next,
    start: numberOf.get(dfa.start) as number,
    accept,
    sets,
    left,
  };
}
