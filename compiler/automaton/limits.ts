// The bounds of pattern compilation, each with its unit. It must never hold logic.
// They are chosen so that the most hostile pattern is answered, one way or the other, in well under two seconds.

/** Longest pattern or glob accepted, in UTF-16 code units. */
export const REGEX_LENGTH_LIMIT = 10_000;

/** Largest count in `{n,m}`, and largest product of nested counts (RE2 has the same bound). */
export const REPEAT_LIMIT = 1_000;

/** Deepest nesting of groups (RE2 has the same bound). */
export const NESTING_LIMIT = 1_000;

/** Largest nondeterministic machine, in nodes, after repeats are written out. */
export const NFA_NODE_LIMIT = 100_000;

/** Largest deterministic machine, in states, before minimisation; state numbers must fit 16 bits. */
export const AUTOMATON_STATE_LIMIT = 10_000;

/** Work allowed for one deterministic machine, in visits to nodes while sets are built. */
export const WORK_LIMIT = 12_000_000;

/** Longest attempt to join many globs, in the same visits; several attempts are made. */
export const DISPATCH_WORK_LIMIT = 3_000_000;

/** Largest machine of joined globs, in nodes: about one for each byte of the globs. */
export const DISPATCH_NODE_LIMIT = 400_000;

/** Largest automaton of positions, in positions; the machine's scratch words are sized by it. */
export const POSITION_LIMIT = 2_048;

/** Arrows of such an automaton beyond those to itself and to the next position, in words of 64 positions. */
export const ARROW_LIMIT = 8_192;

/** Kinds of characters that one such automaton tells apart. */
export const SYMBOL_LIMIT = 1_024;
