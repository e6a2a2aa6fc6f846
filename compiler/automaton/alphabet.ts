// The characters that a pattern tells apart, numbered: a symbol stands for all code points that every set of the pattern
// treats alike. It must never be asked about a set that it was not made for.

import type { Neighbour } from "./conditions.ts";
import { SYMBOL_LIMIT } from "./limits.ts";
import { MAX_CODE_POINT, negate, type Ranges } from "./ranges.ts";
import { type Pattern, PatternError } from "./syntax.ts";

/** Bytes that begin no character or a broken one; a continuation byte that continues nothing. No set holds them. */
export const BROKEN = 0;
export const STRAY = 1;
const FIRST_SYMBOL = 2;

const SURROGATES: Ranges = [0xd800, 0xdfff];
const NEWLINE: Ranges = [0x0a, 0x0a];
const WORD: Ranges = [0x30, 0x39, 0x41, 0x5a, 0x5f, 0x5f, 0x61, 0x7a];

export class Alphabet {
  readonly symbolCount: number;
  /** what each symbol is to a condition beside it */
  readonly neighbours: readonly Neighbour[];
  /** first code points of the pieces, ascending, each up to the next; the last is one past all code points */
  readonly bounds: readonly number[];
  /** the symbol of each piece; BROKEN for the surrogates, which have no encoding */
  readonly symbolOf: readonly number[];
  private readonly known = new Map<Ranges, Ranges>();

  /** Throws PatternError where the pattern tells too many characters apart. */
  constructor(pattern: Pattern) {
    const sets = new Map<string, Ranges>();
    for (const set of [NEWLINE, WORD]) sets.set(set.join(), set);
    addSets(pattern, sets);
    const cuts = new Set([0, SURROGATES[0] as number, (SURROGATES[1] as number) + 1, MAX_CODE_POINT + 1]);
    for (const set of sets.values()) {
      for (let i = 0; i < set.length; i += 2) cuts.add(set[i] as number).add((set[i + 1] as number) + 1);
    }
    this.bounds = [...cuts].sort((a, b) => a - b);
    const groups = this.group([...sets.values()]);
    const surrogates = this.pieceAt(SURROGATES[0] as number);
    const numbers = new Map<number, number>();
    this.symbolOf = groups.map((group, piece) => {
      if (piece === surrogates) return BROKEN;
      const number = numbers.get(group) ?? FIRST_SYMBOL + numbers.size;
      numbers.set(group, number);
      return number;
    });
    this.symbolCount = FIRST_SYMBOL + numbers.size;
    if (this.symbolCount > SYMBOL_LIMIT) {
      throw new PatternError(`the pattern tells more than ${SYMBOL_LIMIT} kinds of characters apart`, 0);
    }
    const neighbours: Neighbour[] = Array.from({ length: this.symbolCount }, () => "other");
    neighbours[STRAY] = "continuation";
    for (const [lo, hi] of pairs(this.symbolsOf(NEWLINE))) neighbours.fill("newline", lo, hi + 1);
    for (const [lo, hi] of pairs(this.symbolsOf(WORD))) neighbours.fill("word", lo, hi + 1);
    this.neighbours = neighbours;
  }

  /** The symbols of a set of the pattern, as ranges of numbers. */
  symbolsOf(set: Ranges): Ranges {
    const before = this.known.get(set);
    if (before !== undefined) return before;
    const symbols = new Set<number>();
    for (const [lo, hi] of pairs(set)) {
      for (let piece = this.pieceAt(lo); (this.bounds[piece] as number) <= hi; piece++) {
        symbols.add(this.symbolOf[piece] as number);
      }
    }
    symbols.delete(BROKEN);
    const ranges = [...symbols].sort((a, b) => a - b).flatMap((symbol) => [symbol, symbol]);
    this.known.set(set, ranges);
    return ranges;
  }

  /** What a run of any bytes but those of ASCII that `set` leaves out takes, a broken character included. */
  symbolsOfBytes(set: Ranges): Ranges {
    return [BROKEN, STRAY].flatMap((symbol) => [symbol, symbol]).concat(this.symbolsOf(charactersOf(set)));
  }

  private pieceAt(point: number): number {
    let low = 0;
    let high = this.bounds.length - 2;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.bounds[middle] as number) <= point) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** For each piece a number, equal where all sets agree. Each set parts every group that it cuts. */
  private group(sets: readonly Ranges[]): number[] {
    const groups: number[] = this.bounds.slice(0, -1).map(() => 0);
    let count = 1;
    for (const set of sets) {
      const parted = new Map<number, number>();
      for (const [lo, hi] of pairs(set)) {
        for (let piece = this.pieceAt(lo); (this.bounds[piece] as number) <= hi; piece++) {
          const old = groups[piece] as number;
          const fresh = parted.get(old) ?? count++;
          parted.set(old, fresh);
          groups[piece] = fresh;
        }
      }
    }
    return groups;
  }
}

/** A set of bytes, of which only globs have any, as characters: those beyond ASCII are never left out. */
function charactersOf(set: Ranges): Ranges {
  return negate(negate(set).filter((bound) => bound < 0x80));
}

function* pairs(set: Ranges): Generator<readonly [lo: number, hi: number]> {
  for (let i = 0; i < set.length; i += 2) yield [set[i] as number, set[i + 1] as number];
}

function addSets(pattern: Pattern, sets: Map<string, Ranges>): void {
  switch (pattern.kind) {
    case "character":
      sets.set(pattern.set.join(), pattern.set);
      return;
    case "byte":
      sets.set(`bytes ${pattern.set.join()}`, charactersOf(pattern.set));
      return;
    case "repeat":
      addSets(pattern.body, sets);
      return;
    case "sequence":
    case "choice":
      for (const part of pattern.parts) addSets(part, sets);
      return;
    case "empty":
    case "assertion":
  }
}
