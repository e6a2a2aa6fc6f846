// A sieve says of a long list of rules which of them can still match, before any is run. Most conditions begin with tests that
// must hold for the rule to match: a number against a threshold, a string against constants. Of each field that many rules
// test so, the value is looked up once, among all their constants; the row found there has a bit for each rule that passes
// its own test. Rules that every row lets pass are then run in their order, as if those before them had failed one by one.
//
//   sieve    segments u32, steps u32, rules u32, reserved u32, then SEGMENT_BYTES for each: first rule u32 (within the list), selectors u32, their
//            place u32, reserved u32, the rules as a row of bits
//   selector slot u32 (address), kind u32 (Kind.Number or Kind.String), keys u32, count u32 (numbers, or strings), rows u32,
//            tests u32, reserved 8 bytes
//   keys     f64 in order; or a table of strings, with the row's number beside each
//   rows     ROW_BYTES each. Numbers: below the first, the first, between it and the second, …, above the last, no number.
//            Strings: each in turn, any other, no string.
import * as image from "./image";
import * as memoryMap from "./memory";
import { ruleMatches } from "./execute";
import { Kind, RuleEffect } from "./shared/isa";
import { findString } from "./strings";
import { kindOf, numberOf } from "./value";

export const SEGMENT_RULES: u32 = 256;
/** A bit for each rule of a segment. */
export const ROW_BYTES: u32 = 32;
export const SIEVE_HEADER_BYTES: u32 = 16;
export const SEGMENT_BYTES: u32 = 16 + ROW_BYTES;
export const SELECTOR_BYTES: u32 = 32;
/** With so few rules left, running them takes no longer than another look. */
const FEW: i64 = 6;

/** Which rules of a list are asked for. */
export const enum Asked {
  All,
  /** `deny!` */
  Mandatory,
  Others,
}

/** The sieve of a list of rules, by its place in the pool; 0 where it has none. */
@inline
export function sieveAt(start: u32, count: u32): u32 {
  const sieve = memoryMap.sieves == 0 || count == 0 ? 0 : load<u32>(memoryMap.sieves + (start << 2));
  return sieve != 0 && load<u32>(sieve, 8) == count ? sieve : 0;
}

/** The first rule of the list that matches, of those that are asked for, or -1. */
export function firstOfSieve(sieve: u32, list: u32, asked: Asked): i32 {
  let segment = sieve + SIEVE_HEADER_BYTES;
  for (let left = load<u32>(sieve); left > 0; left--, segment += SEGMENT_BYTES) {
    const rule = firstOfSegment(segment, list + (load<u32>(segment) << 2), asked);
    if (rule >= 0) return rule;
  }
  return -1;
}

function firstOfSegment(segment: u32, rules: u32, asked: Asked): i32 {
  let a = load<u64>(segment, 16);
  let b = load<u64>(segment, 24);
  let c = load<u64>(segment, 32);
  let d = load<u64>(segment, 40);
  let selector = load<u32>(segment, 8);
  for (let left = load<u32>(segment, 4); left > 0; left--, selector += SELECTOR_BYTES) {
    if (<i64>(popcnt(a) + popcnt(b) + popcnt(c) + popcnt(d)) <= FEW) break;
    const row = rowOf(selector);
    a &= load<u64>(row);
    b &= load<u64>(row, 8);
    c &= load<u64>(row, 16);
    d &= load<u64>(row, 24);
  }
  let rule = firstOfWord(a, rules, asked);
  if (rule < 0) rule = firstOfWord(b, rules + 256, asked);
  if (rule < 0) rule = firstOfWord(c, rules + 512, asked);
  return rule < 0 ? firstOfWord(d, rules + 768, asked) : rule;
}

function firstOfWord(bits: u64, rules: u32, asked: Asked): i32 {
  while (bits != 0) {
    const rule = load<u32>(rules + (<u32>ctz(bits) << 2));
    if (isAskedFor(rule, asked) && ruleMatches(rule)) return <i32>rule;
    bits &= bits - 1;
  }
  return -1;
}

@inline
export function isAskedFor(rule: u32, asked: Asked): bool {
  return asked == Asked.All || (load<u8>(image.rules + (rule << 4), 6) == RuleEffect.Mandatory) == (asked == Asked.Mandatory);
}

function rowOf(selector: u32): u32 {
  const slot = load<u32>(selector);
  const keys = load<u32>(selector, 8);
  const count = load<u32>(selector, 12);
  const rows = load<u32>(selector, 16);
  if (load<i32>(selector, 4) == Kind.String) {
    if (kindOf(slot) != Kind.String) return rows + (count + 1) * ROW_BYTES;
    const found = findString(keys, slot);
    return rows + (found < 0 ? count : <u32>found) * ROW_BYTES;
  }
  if (kindOf(slot) != Kind.Number) return rows + (2 * count + 1) * ROW_BYTES;
  const value = numberOf(slot);
  const below = keysBelow(keys, count, value);
  const isKey = below < count && load<f64>(keys + (below << 3)) == value;
  return rows + (2 * below + (isKey ? 1 : 0)) * ROW_BYTES;
}

/** How many of the keys are less than the value. */
export function keysBelow(keys: u32, count: u32, value: f64): u32 {
  let from: u32 = 0;
  while (count > 0) {
    const half = count >> 1;
    const isLess = load<f64>(keys + ((from + half) << 3)) < value;
    from = isLess ? from + half + 1 : from;
    count = isLess ? count - half - 1 : half;
  }
  return from;
}
