// The door of this folder: patterns and globs in, automata or an explanation out. Pure; it must never touch a file,
// a clock or the network, and whatever the pattern, it answers within the limits of limits.ts.

import { mayMatchInside } from "./anchoring.ts";
import { type AutomatonResult, asResult, type Form, fullAutomaton, searchAutomaton } from "./automaton.ts";
import { type GlobOptions, parseGlob } from "./glob.ts";
import { parsePattern } from "./parse.ts";
import { PatternError } from "./syntax.ts";

export { type Automaton, type AutomatonResult, type Form, run, type Table } from "./automaton.ts";
export { compileDispatch, type Dispatch, type DispatchLimits } from "./dispatch.ts";
export { type LiteralForm, literalForm } from "./forms.ts";
export type { GlobOptions } from "./glob.ts";
export {
  AUTOMATON_STATE_LIMIT,
  NESTING_LIMIT,
  NFA_NODE_LIMIT,
  POSITION_LIMIT,
  REGEX_LENGTH_LIMIT,
  REPEAT_LIMIT,
} from "./limits.ts";
export { type Arrow, type Masks, masksOf } from "./masks.ts";
export type { Positions } from "./positions.ts";

/** RE2 syntax; accepts a text in which the pattern is found anywhere. */
export function compileSearch(pattern: string, form: Form = "smallest"): AutomatonResult {
  return asResult(() => searchAutomaton(parsePattern(pattern), form));
}

/** RE2 syntax; accepts a text that the pattern matches from beginning to end. */
export function compileFull(pattern: string, form: Form = "smallest"): AutomatonResult {
  return asResult(() => fullAutomaton(parsePattern(pattern), form));
}

/** The glob against the whole text; README.md has the table of what `*`, `?` and `**` take. */
export function compileGlob(glob: string, options: GlobOptions, form: Form = "smallest"): AutomatonResult {
  return asResult(() => fullAutomaton(parseGlob(glob, options), form));
}

/** True when a match may start or end inside a longer text; true also for what is not a pattern at all. */
export function isUnanchored(pattern: string): boolean {
  try {
    return mayMatchInside(parsePattern(pattern));
  } catch (error) {
    if (error instanceof PatternError) return true;
    throw error;
  }
}
