// Many globs as one tree that shares their common beginnings, so that a thousand prefixes cost no more states than
// letters. It must never join two globs further than their parts are the same.

import { type GlobOptions, parseGlob } from "./glob.ts";
import type { Nfa } from "./nfa.ts";
import { type Pattern, PatternError } from "./syntax.ts";

const OPTIONS: GlobOptions = { separator: "/", ignoreCase: false };

interface Branch {
  readonly part: Pattern;
  readonly to: number;
}

interface Knot {
  readonly branches: Map<string, Branch>;
  /** globs that end here */
  readonly tags: number[];
}

/** The parts of a glob in order, to be shared between trees; undefined for what is no glob. */
export function globParts(glob: string): readonly Pattern[] | undefined {
  try {
    return flatten(parseGlob(glob, OPTIONS));
  } catch (error) {
    if (error instanceof PatternError) return undefined;
    throw error;
  }
}

function flatten(pattern: Pattern): readonly Pattern[] {
  if (pattern.kind === "empty") return [];
  return pattern.kind === "sequence" ? pattern.parts.flatMap(flatten) : [pattern];
}

/** Adds the chosen globs to the machine; the node where all begin. Throws PatternError when the machine is full. */
export function addGlobTree(
  nfa: Nfa,
  globs: readonly (readonly Pattern[] | undefined)[],
  chosen: readonly number[],
): number {
  const knots: Knot[] = [{ branches: new Map(), tags: [] }];
  for (const tag of chosen) {
    const parts = globs[tag];
    if (parts === undefined) continue;
    let at = knots[0] as Knot;
    for (const part of parts) {
      const key = part.kind === "character" ? part.set.join() : JSON.stringify(part);
      let branch = at.branches.get(key);
      if (branch === undefined) {
        branch = { part, to: knots.length };
        knots.push({ branches: new Map(), tags: [] });
        at.branches.set(key, branch);
      }
      at = knots[branch.to] as Knot;
    }
    at.tags.push(tag);
  }
  const entries: number[] = [];
  // A knot is made before those it leads to, so that backwards every target is there already.
  for (let i = knots.length - 1; i >= 0; i--) {
    const { branches, tags } = knots[i] as Knot;
    const ways = tags.map((tag) => nfa.addMatch(tag));
    for (const { part, to } of branches.values()) ways.push(nfa.addPattern(part, entries[to] as number));
    entries[i] = ways.length === 1 ? (ways[0] as number) : nfa.addFork(ways);
  }
  return entries[0] as number;
}
