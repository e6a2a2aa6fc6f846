// A reader of TextMate grammars, as far as docs/editor uses them: at each place the leftmost match of the first pattern, as
// the format's manual says. It knows match, captures, begin, end, patterns and include of the same file, and nothing else.

export interface Pattern {
  readonly name?: string;
  readonly match?: string;
  readonly begin?: string;
  readonly end?: string;
  readonly include?: string;
  readonly captures?: { readonly [index: string]: { readonly name: string } };
  readonly patterns?: readonly Pattern[];
}

export interface Grammar {
  readonly scopeName: string;
  readonly patterns: readonly Pattern[];
  readonly repository: { readonly [name: string]: { readonly patterns: readonly Pattern[] } };
}

export interface Scoped {
  readonly text: string;
  readonly scope: string;
}

/** Matches looked for in one line, at most. */
const matchesMax = 10_000;

/** The patterns with their inclusions put in place. */
export function flatten(grammar: Grammar, patterns: readonly Pattern[]): Pattern[] {
  return patterns.flatMap((pattern) => {
    if (pattern.include === undefined) return [pattern];
    const named = grammar.repository[pattern.include.replace(/^#/, "")];
    if (named === undefined) throw new Error(`${pattern.include} is not in the grammar`);
    return flatten(grammar, named.patterns);
  });
}

/** The parts of a line that have a scope, in order. */
export function scopesOf(grammar: Grammar, line: string): Scoped[] {
  const found: Scoped[] = [];
  const top = flatten(grammar, grammar.patterns);
  let inside: Pattern | null = null;
  let at = 0;
  for (let i = 0; i < matchesMax && at <= line.length; i++) {
    const end: Pattern[] = inside?.end === undefined ? [] : [{ match: inside.end, name: inside.name }];
    const next = firstMatch(inside === null ? top : [...end, ...flatten(grammar, inside.patterns ?? [])], line, at);
    const stop = next === null ? line.length : next.from;
    if (inside !== null && stop > at) found.push({ text: line.slice(at, stop), scope: inside.name ?? "" });
    if (next === null) break;
    found.push(...next.scopes);
    at =
      next.to > at
        ? next.to
        : next.to + (next.pattern.begin === undefined && next.pattern.match !== inside?.end ? 1 : 0);
    if (next.pattern.begin !== undefined) inside = next.pattern;
    else if (inside !== null && next.pattern.match === inside.end) inside = null;
  }
  return found.filter(({ text }) => text !== "");
}

interface Match {
  readonly pattern: Pattern;
  readonly from: number;
  readonly to: number;
  readonly scopes: readonly Scoped[];
}

function firstMatch(patterns: readonly Pattern[], line: string, at: number): Match | null {
  let best: Match | null = null;
  for (const pattern of patterns) {
    const regex = new RegExp(pattern.match ?? pattern.begin ?? "", "dg");
    regex.lastIndex = at;
    const match = regex.exec(line);
    if (match === null || (best !== null && match.index >= best.from)) continue;
    const scopes: Scoped[] = pattern.name === undefined ? [] : [{ text: match[0], scope: pattern.name }];
    for (const [index, { name }] of Object.entries(pattern.captures ?? {})) {
      scopes.push({ text: match[Number(index)] ?? "", scope: name });
    }
    best = { pattern, from: match.index, to: match.index + match[0].length, scopes };
  }
  return best;
}
