// Nondeterministic machine → the positions of a pattern (Glushkov's automaton), for patterns whose deterministic machine
// is too large. A position is a place in the pattern that has just taken a character; conditions are resolved into which
// character may come next. It must never grow with the text: what it has reached is a set of positions.

import { Alphabet } from "./alphabet.ts";
import { Closure } from "./closure.ts";
import type { Neighbour } from "./conditions.ts";
import { type Decoder, decoderOf, symbolsIn } from "./decoder.ts";
import { ARROW_LIMIT, AUTOMATON_STATE_LIMIT, POSITION_LIMIT, WORK_LIMIT } from "./limits.ts";
import { arrowCount } from "./masks.ts";
import { Nfa, type NfaNode } from "./nfa.ts";
import { type Pattern, PatternError } from "./syntax.ts";

export interface Positions {
  readonly kind: "positions";
  readonly decoder: Decoder;
  readonly symbolCount: number;
  /** whether the empty text matches */
  readonly matchesEmpty: boolean;
  /** positions that the first character may reach */
  readonly start: readonly number[];
  readonly places: readonly Place[];
}

export interface Place {
  /** ascending; the symbols that reach it */
  readonly symbols: readonly number[];
  /** ascending; the positions that the next character may reach */
  readonly follow: readonly number[];
  /** reached: the answer is yes, whatever follows */
  readonly accepts: boolean;
  /** reached by the last character: the answer is yes */
  readonly endsMatch: boolean;
}

/** The positions of what `begin` adds to a machine for the pattern. Throws PatternError beyond the limits. */
export function positionsOf(pattern: Pattern, begin: (nfa: Nfa) => number): Positions {
  const alphabet = new Alphabet(pattern);
  const nfa = new Nfa(undefined, alphabet);
  const start = begin(nfa);
  const { first, places } = new Exploration(nfa, alphabet).run(start);
  const { start: kept, places: numbered } = withoutDead(first.follow, places);
  if (arrowCount(numbered) > ARROW_LIMIT) throw tooLarge();
  return {
    kind: "positions",
    decoder: decoderOf(alphabet),
    symbolCount: alphabet.symbolCount,
    matchesEmpty: first.endsMatch || first.accepts,
    start: kept,
    places: numbered,
  };
}

/** Whether the automaton accepts the text. The reference way; the VM does the same 64 positions at a time. */
export function runPositions(automaton: Positions, text: Uint8Array): boolean {
  if (text.length === 0) return automaton.matchesEmpty;
  let allowed: ReadonlySet<number> = new Set(automaton.start);
  let atEnd = false;
  for (const symbol of symbolsIn(automaton.decoder, text)) {
    const next = new Set<number>();
    atEnd = false;
    for (const position of allowed) {
      const place = automaton.places[position] as Place;
      if (!place.symbols.includes(symbol)) continue;
      if (place.accepts) return true;
      if (place.endsMatch) atEnd = true;
      for (const to of place.follow) next.add(to);
    }
    allowed = next;
  }
  return atEnd;
}

/** What the neighbours are joined to where the pattern's conditions cannot tell them apart. */
function labelsFor(nodes: readonly NfaNode[]): ReadonlyMap<Neighbour, Neighbour> {
  const asked = new Set(nodes.flatMap((node) => (node.kind === "condition" ? [node.assertion] : [])));
  const inside = asked.has("notWordBoundary");
  const words = inside || asked.has("wordBoundary");
  const lines = asked.has("beginLine") || asked.has("endLine");
  return new Map<Neighbour, Neighbour>([
    ["newline", lines ? "newline" : "other"],
    ["word", words ? "word" : "other"],
    ["continuation", inside ? "continuation" : "other"],
    ["other", "other"],
  ]);
}

/** A position not numbered yet: a node with steps (or the match behind a condition), reached by symbols of one label. */
interface Draft {
  readonly node: number;
  readonly label: Neighbour;
  readonly symbols: readonly number[];
}

/** What may follow a place in the pattern. */
interface Ahead {
  readonly accepts: boolean;
  readonly endsMatch: boolean;
  readonly follow: readonly number[];
}

class Exploration {
  private readonly nodes: readonly NfaNode[];
  private readonly closure: Closure;
  private readonly labels: ReadonlyMap<Neighbour, Neighbour>;
  private readonly alphabet: Alphabet;
  private readonly drafts: Draft[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly known = new Map<string, Ahead>();

  constructor(nfa: Nfa, alphabet: Alphabet) {
    this.nodes = nfa.nodes;
    this.closure = new Closure(nfa, false);
    this.labels = labelsFor(nfa.nodes);
    this.alphabet = alphabet;
  }

  run(start: number): { first: Ahead; places: Place[] } {
    const first = this.ahead(start, "edge");
    const places: Place[] = [];
    // A position may have been seen after those that follow it: they are numbered by their nodes in the end.
    for (let i = 0; i < this.drafts.length; i++) {
      const { node, label, symbols } = this.drafts[i] as Draft;
      const from = this.nodes[node];
      const target = from?.kind === "bytes" ? from.steps[0]?.to : undefined;
      const ahead = target === undefined ? ACCEPTS : this.ahead(target, label);
      places.push({ symbols, ...ahead });
      if (this.drafts.length > 2 * POSITION_LIMIT || this.closure.work > WORK_LIMIT) throw tooLarge();
    }
    return this.inOrder(first, places);
  }

  /** Numbers positions in the order of the pattern, so that most arrows lead to the next one. */
  private inOrder(first: Ahead, places: readonly Place[]): { first: Ahead; places: Place[] } {
    const order = places.map((_, i) => i).sort((a, b) => this.nodeOf(b) - this.nodeOf(a) || a - b);
    const numberOf = new Map(order.map((old, number) => [old, number]));
    const renumber = (follow: readonly number[]): number[] =>
      follow.map((old) => numberOf.get(old) as number).sort((a, b) => a - b);
    return {
      first: { ...first, follow: renumber(first.follow) },
      places: order.map((old) => {
        const place = places[old] as Place;
        return { ...place, follow: renumber(place.follow) };
      }),
    };
  }

  private nodeOf(draft: number): number {
    return (this.drafts[draft] as Draft).node;
  }

  private ahead(node: number, left: Neighbour): Ahead {
    const key = `${node} ${left}`;
    const before = this.known.get(key);
    if (before !== undefined) return before;
    const made = this.lookAhead(node, left);
    this.known.set(key, made);
    return made;
  }

  private lookAhead(node: number, left: Neighbour): Ahead {
    const { closure } = this;
    // At the beginning a match must still wait for the first character, or for the end.
    if (closure.close([node], left, undefined)) {
      return left === "edge" ? { ...ACCEPTS, follow: this.matchesOn(this.labels.values()) } : ACCEPTS;
    }
    const open = closure.found;
    if (!closure.waits) return { accepts: false, endsMatch: false, follow: this.positions(open, undefined) };
    const endsMatch = closure.close(open, left, "edge");
    const follow = new Set<number>();
    for (const right of new Set(this.labels.values())) {
      const next = closure.close(open, left, right) ? this.matchesOn([right]) : this.positions(closure.found, right);
      for (const position of next) follow.add(position);
    }
    return { accepts: false, endsMatch, follow: [...follow] };
  }

  /** Positions that accept on any symbol of the labels: a match that only had to see what comes next. */
  private matchesOn(labels: Iterable<Neighbour>): number[] {
    return [...new Set(labels)].map((label) => {
      const symbols = this.between(0, this.alphabet.symbolCount - 1, label);
      return this.position(`match ${label}`, { node: MATCH_NODE, label, symbols });
    });
  }

  private positions(nodes: readonly number[], right: Neighbour | undefined): number[] {
    const labels = right === undefined ? new Set(this.labels.values()) : [right];
    return nodes.flatMap((id) => {
      const node = this.nodes[id] as NfaNode;
      if (node.kind !== "bytes") return [];
      return [...labels].flatMap((label) => {
        const key = `${id} ${label}`;
        const known = this.numbers.get(key);
        if (known !== undefined) return [known];
        const symbols = node.steps.flatMap(({ lo, hi }) => this.between(lo, hi, label));
        return symbols.length === 0 ? [] : [this.position(key, { node: id, label, symbols })];
      });
    });
  }

  private position(key: string, draft: Draft): number {
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const number = this.drafts.length;
    this.numbers.set(key, number);
    this.drafts.push(draft);
    return number;
  }

  private between(lo: number, hi: number, label: Neighbour): number[] {
    const symbols: number[] = [];
    for (let symbol = lo; symbol <= hi; symbol++) {
      if (this.labels.get(this.alphabet.neighbours[symbol] as Neighbour) === label) symbols.push(symbol);
    }
    return symbols;
  }
}

/** Stands behind all nodes in the order of the pattern. */
const MATCH_NODE = -1;
const ACCEPTS: Ahead = { accepts: true, endsMatch: true, follow: [] };

/** Leaves out positions from which nothing matches, so that a text that cannot match any more is known to. */
function withoutDead(first: readonly number[], places: readonly Place[]): { start: number[]; places: Place[] } {
  const sources: number[][] = places.map(() => []);
  places.forEach((place, i) => {
    for (const to of place.follow) sources[to]?.push(i);
  });
  const alive = new Uint8Array(places.length);
  const stack = places.flatMap((place, i) => (place.accepts || place.endsMatch ? [i] : []));
  for (const position of stack) alive[position] = 1;
  for (let position = stack.pop(); position !== undefined; position = stack.pop()) {
    for (const from of sources[position] as number[]) {
      if (alive[from] === 1) continue;
      alive[from] = 1;
      stack.push(from);
    }
  }
  const kept = places.flatMap((_, i) => (alive[i] === 1 ? [i] : []));
  if (kept.length > POSITION_LIMIT) throw tooLarge();
  const numberOf = new Map(kept.map((old, number) => [old, number]));
  const renumber = (follow: readonly number[]): number[] => follow.flatMap((old) => numberOf.get(old) ?? []);
  return {
    start: renumber(first),
    places: kept.map((old) => {
      const place = places[old] as Place;
      return { ...place, follow: renumber(place.follow) };
    }),
  };
}

/** Positions are tried only where the table was too large, so that both limits are named. */
function tooLarge(): PatternError {
  const help = "make the counts in `{n,m}` smaller, anchor the pattern with `^`, or split it into several conditions";
  const limits = `${AUTOMATON_STATE_LIMIT} automaton states, and more than ${POSITION_LIMIT} positions`;
  return new PatternError(`the pattern needs more than ${limits}`, 0, help);
}
