// Positions as words of 64 bits, for a machine that moves 64 of them at a time. Arrows to the next position are a shift,
// those to itself a mask, and only the others are written out. It must never change what follows what.

import type { Place, Positions } from "./positions.ts";

const WORD_BITS = 64;

/** Sets of positions: bit p % 64 of word p / 64. */
export interface Masks {
  readonly words: number;
  readonly start: BigUint64Array;
  /** followed by the next position */
  readonly shift: BigUint64Array;
  /** followed by themselves */
  readonly self: BigUint64Array;
  /** with other arrows */
  readonly others: BigUint64Array;
  readonly accepts: BigUint64Array;
  readonly endsMatch: BigUint64Array;
  /** per symbol, one set behind the other: the positions that it reaches */
  readonly reach: BigUint64Array;
  /** the other arrows of position p are arrows[first[p]] up to arrows[first[p + 1]] */
  readonly first: Uint32Array;
  readonly arrows: readonly Arrow[];
}

/** Followed by these positions of one word. */
export interface Arrow {
  readonly word: number;
  readonly mask: bigint;
}

export function masksOf(positions: Positions): Masks {
  const { places, symbolCount } = positions;
  const words = Math.max(1, Math.ceil(places.length / WORD_BITS));
  const setOf = (members: Iterable<number>): BigUint64Array => {
    const set = new BigUint64Array(words);
    for (const member of members) set[Math.floor(member / WORD_BITS)] = wordOf(set, member) | bit(member);
    return set;
  };
  const where = (test: (place: Place, position: number) => boolean): BigUint64Array =>
    setOf(places.flatMap((place, i) => (test(place, i) ? [i] : [])));
  const reach = new BigUint64Array(symbolCount * words);
  places.forEach((place, i) => {
    for (const symbol of place.symbols) {
      const at = symbol * words + Math.floor(i / WORD_BITS);
      reach[at] = (reach[at] as bigint) | bit(i);
    }
  });
  const first = new Uint32Array(words * WORD_BITS + 1);
  const arrows: Arrow[] = [];
  for (let i = 0; i < words * WORD_BITS; i++) {
    const place = places[i];
    if (place !== undefined) arrows.push(...arrowsOf(place, i));
    first[i + 1] = arrows.length;
  }
  return {
    words,
    start: setOf(positions.start),
    shift: where((place, i) => place.follow.includes(i + 1)),
    self: where((place, i) => place.follow.includes(i)),
    others: where((_, i) => first[i] !== first[i + 1]),
    accepts: where((place) => place.accepts),
    endsMatch: where((place) => place.endsMatch),
    reach,
    first,
    arrows,
  };
}

/** How many arrows must be written out. */
export function arrowCount(places: readonly Place[]): number {
  return places.reduce((count, place, i) => count + arrowsOf(place, i).length, 0);
}

function arrowsOf(place: Place, position: number): Arrow[] {
  const masks = new Map<number, bigint>();
  for (const to of place.follow) {
    if (to === position || to === position + 1) continue;
    const word = Math.floor(to / WORD_BITS);
    masks.set(word, (masks.get(word) ?? 0n) | bit(to));
  }
  return [...masks].map(([word, mask]) => ({ word, mask }));
}

function wordOf(set: BigUint64Array, position: number): bigint {
  return set[Math.floor(position / WORD_BITS)] as bigint;
}

function bit(position: number): bigint {
  return 1n << BigInt(position % WORD_BITS);
}
