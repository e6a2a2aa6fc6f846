// The automata of an analysis, each made once however many rules and policies ask for its text.
import { compileGlob, compileSearch, type GlobOptions } from "../automaton/index.ts";
import type { TextPattern } from "./test.ts";

/** Automata by their text, so that both policies and all rules share them. */
export class Patterns {
  readonly #known = new Map<string, TextPattern | null>();

  search(text: string): TextPattern | null {
    return this.#at(`search ${text}`, text, () => compileSearch(text));
  }

  glob(text: string, options: GlobOptions): TextPattern | null {
    return this.#at(`glob ${options.separator ?? ""} ${options.ignoreCase} ${text}`, text, () =>
      compileGlob(text, options),
    );
  }

  #at(name: string, text: string, make: () => ReturnType<typeof compileSearch>): TextPattern | null {
    const before = this.#known.get(name);
    if (before !== undefined) return before;
    const made = make();
    const pattern = made.ok && made.automaton.kind === "table" ? { name, text, automaton: made.automaton } : null;
    this.#known.set(name, pattern);
    return pattern;
  }
}
