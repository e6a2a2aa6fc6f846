// The tree of a parsed pattern, after flags and case folding are resolved: what is left to say about matching.
// It must never hold positions or spelling; two patterns with the same tree match the same texts.

import type { Ranges } from "./ranges.ts";

/** Zero-width conditions. The last four need the byte that follows. */
export type Assertion = "beginText" | "beginLine" | "endText" | "endLine" | "wordBoundary" | "notWordBoundary";

export type Pattern =
  | { readonly kind: "empty" }
  /** one character out of a set; the empty set never matches */
  | { readonly kind: "character"; readonly set: Ranges }
  /** one byte out of a set of byte values, whatever character it belongs to; only globs make these */
  | { readonly kind: "byte"; readonly set: Ranges }
  | { readonly kind: "assertion"; readonly assertion: Assertion }
  | { readonly kind: "sequence"; readonly parts: readonly Pattern[] }
  | { readonly kind: "choice"; readonly parts: readonly Pattern[] }
  /** max is undefined where there is no upper bound */
  | { readonly kind: "repeat"; readonly body: Pattern; readonly min: number; readonly max: number | undefined };

export const EMPTY: Pattern = { kind: "empty" };

export function sequence(parts: readonly Pattern[]): Pattern {
  if (parts.length === 0) return EMPTY;
  return parts.length === 1 ? (parts[0] as Pattern) : { kind: "sequence", parts };
}

export function choice(parts: readonly Pattern[]): Pattern {
  return parts.length === 1 ? (parts[0] as Pattern) : { kind: "choice", parts };
}

/**
 * What is wrong with a pattern. Thrown inside this folder only, where a parser is many calls deep; the folder's public
 * functions turn it into a value.
 */
export class PatternError extends Error {
  readonly offset: number;
  readonly help: string | undefined;

  /** `offset` counts UTF-16 code units from the beginning of the pattern. */
  constructor(message: string, offset: number, help?: string) {
    super(message);
    this.offset = offset;
    this.help = help;
  }
}
