// Unicode facts (categories, scripts, simple case folding) of the one version that the build wrote down.
// It must never ask the JavaScript engine: another engine would give another image for the same policy.

import { categoryRanges, scriptRanges, simpleFolds } from "../../build/unicode.ts";
import { contains, EVERYTHING, type Ranges, toRanges } from "./ranges.ts";

/** The only code points beyond ASCII that fold to a letter of ASCII, `k` and `s`. */
const KELVIN_SIGN = 0x212a;
const LONG_S = 0x17f;

const DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/** Bounded by the number of categories and scripts that exist, since unknown names are not kept. */
const known = new Map<string, Ranges>();
let orbits: ReadonlyMap<number, readonly number[]> | undefined;

/** The code points of a category (`Lu`), a script (`Greek`) or `Any`; undefined where there is no such name. */
export function propertyRanges(name: string): Ranges | undefined {
  const before = known.get(name);
  if (before !== undefined) return before;
  const ranges = name === "Any" ? EVERYTHING : (categoryOf(name) ?? scriptOf(name));
  if (ranges !== undefined) known.set(name, ranges);
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

/** One letter stands for all categories that begin with it; `C` leaves out unassigned code points, as RE2's does. */
function categoryOf(name: string): Ranges | undefined {
  if (Object.hasOwn(categoryRanges, name)) return rangesIn(categoryRanges[name] as string);
  // Half surrogate pairs have no encoding: a category without characters.
  if (name === "Cs") return [];
  const parts = name.length === 1 ? Object.keys(categoryRanges).filter((part) => part.startsWith(name)) : [];
  return parts.length === 0 ? undefined : toRanges(parts.flatMap((part) => rangesIn(categoryRanges[part] as string)));
}

function scriptOf(name: string): Ranges | undefined {
  return Object.hasOwn(scriptRanges, name) ? rangesIn(scriptRanges[name] as string) : undefined;
}

function rangesIn(text: string): Ranges {
  const out: number[] = [];
  let end = 0;
  const numbers = numbersIn(text);
  for (let i = 0; i < numbers.length; i += 2) {
    const first = end + (numbers[i] as number);
    end = first + (numbers[i + 1] as number);
    out.push(first, end - 1);
  }
  return toRanges(out);
}

/** Five bits a character, the lowest first; a character of the second half says that more follow. */
function numbersIn(text: string): number[] {
  const out: number[] = [];
  let number = 0;
  let weight = 1;
  for (const character of text) {
    const digit = DIGITS.indexOf(character);
    number += (digit % 32) * weight;
    weight *= 32;
    if (digit >= 32) continue;
    out.push(number);
    number = 0;
    weight = 1;
  }
  return out;
}

/** Code point → the others that fold to the same one, by simple folding (CaseFolding.txt, C and S). */
function findOrbits(): ReadonlyMap<number, readonly number[]> {
  const groups = new Map<number, number[]>();
  const numbers = numbersIn(simpleFolds);
  let first = 0;
  for (let i = 0; i < numbers.length; i += 4) {
    first += numbers[i] as number;
    const move = numbers[i + 3] as number;
    const way = move % 2 === 1 ? -(move - 1) / 2 : move / 2;
    for (let n = 0; n < (numbers[i + 2] as number); n++) {
      const from = first + n * (numbers[i + 1] as number);
      const group = groups.get(from + way) ?? [from + way];
      group.push(from);
      groups.set(from + way, group);
    }
  }
  return new Map(
    [...groups.values()].flatMap((group) => group.map((member) => [member, group.toSorted((a, b) => a - b)])),
  );
}
