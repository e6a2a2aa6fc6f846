// Regular expressions compiled once for check and whoever comes after it. Bounded; the oldest goes first.
import { type AutomatonResult, compileSearch } from "../automaton/index.ts";

/** Compiled expressions kept. */
const KEPT = 512;
const compiled = new Map<string, AutomatonResult>();

/** The automaton that finds `pattern` anywhere in a text, or why there is none. */
export function searchFor(pattern: string): AutomatonResult {
  const known = compiled.get(pattern);
  if (known !== undefined) return known;
  const made = compileSearch(pattern);
  if (compiled.size >= KEPT) {
    const [oldest] = compiled.keys();
    if (oldest !== undefined) compiled.delete(oldest);
  }
  compiled.set(pattern, made);
  return made;
}
