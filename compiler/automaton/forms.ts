// Patterns that say no more than a comparison of texts does: `^abc`, `abc$`, `^(a|b)$`, `abc`. Found on the parsed tree, so
// that spelling (groups, escapes, flags) does not matter; whatever is not one of these runs as an automaton.
import { parsePattern } from "./parse.ts";
import { type Pattern, PatternError } from "./syntax.ts";

export type LiteralForm =
  | { readonly kind: "equals" | "starts" | "ends" | "contains"; readonly text: string }
  | { readonly kind: "oneOf"; readonly texts: readonly string[] };

/** Most alternatives listed; larger ones stay automata. */
const ALTERNATIVES_MAX = 1000;

/** The comparison that an unanchored search for `pattern` amounts to, or null. */
export function literalForm(pattern: string): LiteralForm | null {
  let tree: Pattern;
  try {
    tree = parsePattern(pattern);
  } catch (error) {
    if (error instanceof PatternError) return null;
    throw error;
  }
  const parts = flatten(tree);
  const begins = isAssertion(parts[0], "beginText");
  const ends = parts.length > (begins ? 1 : 0) && isAssertion(parts.at(-1), "endText");
  const body = parts.slice(begins ? 1 : 0, ends ? -1 : undefined);
  const text = literalOf(body);
  if (text !== null) return { kind: begins && ends ? "equals" : begins ? "starts" : ends ? "ends" : "contains", text };
  const [only] = body;
  if (!begins || !ends || body.length !== 1 || only?.kind !== "choice" || only.parts.length > ALTERNATIVES_MAX)
    return null;
  const texts = only.parts.map((part) => literalOf(flatten(part)));
  return texts.includes(null) ? null : { kind: "oneOf", texts: texts.flatMap((one) => one ?? []) };
}

function flatten(pattern: Pattern): Pattern[] {
  if (pattern.kind === "sequence") return pattern.parts.flatMap(flatten);
  return pattern.kind === "empty" ? [] : [pattern];
}

function isAssertion(pattern: Pattern | undefined, assertion: string): boolean {
  return pattern?.kind === "assertion" && pattern.assertion === assertion;
}

/** The text of a sequence of single characters; null when it is anything else. */
function literalOf(parts: readonly Pattern[]): string | null {
  let text = "";
  for (const part of parts) {
    if (part.kind !== "character" || part.set.length !== 2 || part.set[0] !== part.set[1]) return null;
    text += String.fromCodePoint(part.set[0] ?? 0);
  }
  return text.isWellFormed() ? text : null;
}
