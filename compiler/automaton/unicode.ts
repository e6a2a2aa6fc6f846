// Unicode facts (categories, scripts, simple case folding), read out of the JavaScript engine when first asked for.
// It must never carry tables of its own: they would go stale, and they are large.

import { contains, EVERYTHING, negate, type Ranges, toRanges } from "./ranges.ts";

const SURROGATES: Ranges = [0xd800, 0xdfff];
const CHUNK_CODE_POINTS = 0x1000;
/** The only code points beyond ASCII that fold to a letter of ASCII, `k` and `s`. */
const KELVIN_SIGN = 0x212a;
const LONG_S = 0x17f;

/** RE2's general categories. `C` leaves out unassigned code points, as there; JavaScript's own `C` does not. */
const CATEGORIES: readonly string[] = [
  ..."C Cc Cf Co Cs L Ll Lm Lo Lt Lu M Mc Me Mn N Nd Nl No".split(" "),
  ..."P Pc Pd Pe Pf Pi Po Ps S Sc Sk Sm So Z Zl Zp Zs".split(" "),
];

/** Bounded by the number of categories and scripts that exist, since unknown names are not kept. */
const known = new Map<string, Ranges>();
let orbits: ReadonlyMap<number, readonly number[]> | undefined;

/**
 * The code points of a category (`Lu`), a script (`Greek`) or `Any`; undefined where the engine knows no such name.
 * A first answer costs one pass over all code points, some milliseconds; later ones are free.
 */
export function propertyRanges(name: string): Ranges | undefined {
  const before = known.get(name);
  if (before !== undefined) return before;
  const expression = propertyExpression(name);
  if (expression === undefined) return undefined;
  const ranges = name === "Any" ? EVERYTHING : scan(expression);
  known.set(name, ranges);
  return ranges;
}

/** The set with everything added that differs from a member by simple case folding only (RE2's `(?i)`). */
export function foldCase(set: Ranges): Ranges {
  // Nearly every folded set is ASCII, and needs nothing of the large table.
  orbits ??= (set.at(-1) ?? 0) < 0x80 ? undefined : findOrbits();
  if (orbits === undefined) return foldAscii(set);
  const pairs = [...set];
  if (set.length === 2 && set[0] === set[1]) {
    for (const other of orbits.get(set[0] as number) ?? []) pairs.push(other, other);
  } else {
    for (const [member, orbit] of orbits) {
      if (contains(set, member)) for (const other of orbit) pairs.push(other, other);
    }
  }
  return toRanges(pairs);
}

function foldAscii(set: Ranges): Ranges {
  const pairs = [...set];
  for (let upper = 0x41; upper <= 0x5a; upper++) {
    const lower = upper | 0x20;
    if (!contains(set, upper) && !contains(set, lower)) continue;
    pairs.push(upper, upper, lower, lower);
    if (upper === 0x4b) pairs.push(KELVIN_SIGN, KELVIN_SIGN);
    if (upper === 0x53) pairs.push(LONG_S, LONG_S);
  }
  return toRanges(pairs);
}

function propertyExpression(name: string): RegExp | undefined {
  if (!/^[A-Za-z][A-Za-z_]*$/.test(name)) return undefined;
  if (name === "C") return /[\p{Cc}\p{Cf}\p{Co}]+/gu;
  if (name === "Any" || CATEGORIES.includes(name)) return new RegExp(`\\p{${name}}+`, "gu");
  try {
    return new RegExp(`\\p{Script=${name}}+`, "gu");
  } catch {
    return undefined;
  }
}

/** Where an expression of the form `x+` matches, over every code point but the surrogates, which UTF-8 cannot say. */
function scan(expression: RegExp): Ranges {
  const pairs: number[] = [];
  for (let first = 0; first < 0x110000; first += CHUNK_CODE_POINTS) {
    const unitsEach = first < 0x10000 ? 1 : 2;
    for (const match of chunk(first).matchAll(expression)) {
      const lo = first + match.index / unitsEach;
      pairs.push(lo, lo + match[0].length / unitsEach - 1);
    }
  }
  return toRanges(pairs);
}

/** The text of CHUNK_CODE_POINTS code points from `first` on; a space stands in for each surrogate. */
function chunk(first: number): string {
  const units = new Uint16Array(CHUNK_CODE_POINTS * (first < 0x10000 ? 1 : 2));
  for (let i = 0; i < CHUNK_CODE_POINTS; i++) {
    const point = first + i;
    if (point < 0x10000) units[i] = contains(SURROGATES, point) ? 0x20 : point;
    else {
      units[2 * i] = 0xd7c0 + (point >> 10);
      units[2 * i + 1] = 0xdc00 | (point & 0x3ff);
    }
  }
  return String.fromCharCode(...units);
}

/**
 * Code point → the others that fold to the same one. Upper and lower case propose, and the engine's own
 * case-insensitive matching (simple folding, by its specification) decides: it refuses `ı`/`I`, for instance.
 */
function findOrbits(): ReadonlyMap<number, readonly number[]> {
  const groupOf = new Map<number, number[]>();
  const cased = scan(/[\p{Changes_When_Lowercased}\p{Changes_When_Uppercased}]+/gu);
  const uncased = negate(cased);
  for (let i = 0; i < cased.length; i += 2) {
    for (let point = cased[i] as number; point <= (cased[i + 1] as number); point++) {
      const text = String.fromCodePoint(point);
      const upper = text.toUpperCase();
      for (const other of [upper, upper.toLowerCase(), text.toLowerCase()]) {
        const partner = other.codePointAt(0) as number;
        if (partner === point || other.length !== String.fromCodePoint(partner).length) continue;
        if (contains(uncased, partner) || groupOf.get(point)?.includes(partner)) continue;
        if (new RegExp(`^\\u{${point.toString(16)}}$`, "iu").test(other)) join(groupOf, point, partner);
      }
    }
  }
  return groupOf;
}

function join(groupOf: Map<number, number[]>, a: number, b: number): void {
  const members = new Set([a, b, ...(groupOf.get(a) ?? []), ...(groupOf.get(b) ?? [])]);
  const group = [...members].sort((x, y) => x - y);
  for (const member of group) groupOf.set(member, group);
}
