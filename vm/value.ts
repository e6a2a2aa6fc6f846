// Comparisons of slots: three-valued, by kind; strings by their UTF-8 bytes. Reads slots and constants, writes nothing.
import * as image from "./image";
import * as memoryMap from "./memory";
import { Kind, Tri } from "./shared/isa";
import { findString } from "./strings";

/** Bytes compared in the search of one text within another, beyond 16 for each byte of both; then the step limit is reached. */
const SEARCH_WORK: u64 = 1 << 20;

/** Set when a search or a pattern gave up; the decision is then denied. */
export let exhausted: bool = false;

export function setExhausted(value: bool): void {
  exhausted = value;
}

@inline
export function tri(truth: bool): i32 {
  return truth ? Tri.True : Tri.False;
}

@inline
export function kindOf(slot: u32): i32 {
  return load<i32>(slot);
}

@inline
export function lengthOf(slot: u32): u32 {
  return load<u32>(slot, 4);
}

@inline
export function pointerOf(slot: u32): u32 {
  return load<u32>(slot, 8);
}

@inline
export function numberOf(slot: u32): f64 {
  return load<f64>(slot, 8);
}

/** Which string of the image the slot's string is, see SLOT_BYTES. */
@inline
export function tagOf(slot: u32): u32 {
  return load<u32>(slot, 12);
}

/** The slot's string is the constant. */
@inline
export function isConstant(slot: u32, constant: u32): bool {
  const tag = tagOf(slot);
  if (tag != 0) return tag == constant + 1;
  return lengthOf(slot) == image.stringLength(constant) && sameBytes(pointerOf(slot), image.stringAt(constant), lengthOf(slot));
}

export function sameBytes(a: u32, b: u32, length: u32): bool {
  if (length >= 8) {
    // The last eight bytes once more together, instead of each that is left.
    const last = length - 8;
    for (let i: u32 = 0; i < last; i += 8) if (load<u64>(a + i) != load<u64>(b + i)) return false;
    return load<u64>(a + last) == load<u64>(b + last);
  }
  if (length >= 4) return load<u32>(a) == load<u32>(b) && load<u32>(a + length - 4) == load<u32>(b + length - 4);
  for (let i: u32 = 0; i < length; i++) if (load<u8>(a + i) != load<u8>(b + i)) return false;
  return true;
}

/** Negative, zero or positive, as memcmp, the shorter first where one begins the other. */
export function orderBytes(a: u32, aLength: u32, b: u32, bLength: u32): i32 {
  const order = memory.compare(a, b, min(aLength, bLength));
  return order != 0 ? order : aLength == bLength ? 0 : aLength < bLength ? -1 : 1;
}

const LOWS: u64 = 0x0101010101010101;
const SEVENS: u64 = 0x7f7f7f7f7f7f7f7f;

/** Eight places a turn: those where the part's first byte stands, and its last where that would be, are looked at. */
export function containsBytes(text: u32, textLength: u32, part: u32, partLength: u32): bool {
  if (partLength == 0) return true;
  if (partLength > textLength) return false;
  work = SEARCH_WORK + 16 * (<u64>textLength + partLength);
  const last = text + textLength - partLength;
  const first = LOWS * <u64>load<u8>(part);
  const final = LOWS * <u64>load<u8>(part + partLength - 1);
  let at = text;
  for (; last - at >= 7 && at <= last; at += 8) {
    const odd = (load<u64>(at) ^ first) | (load<u64>(at + partLength - 1) ^ final);
    // The highest bit of each byte that is zero, and of no other.
    let places = ~(((odd & SEVENS) + SEVENS) | odd | SEVENS);
    for (; places != 0; places &= places - 1) {
      if (isPartAt(at + <u32>(ctz(places) >> 3), part, partLength)) return true;
      if (exhausted) return false;
    }
  }
  for (; at <= last; at++) {
    if (load<u8>(at) != load<u8>(part)) continue;
    if (isPartAt(at, part, partLength)) return true;
    if (exhausted) return false;
  }
  return false;
}

/** Of the search that is going on. */
let work: u64 = 0;

function isPartAt(at: u32, part: u32, length: u32): bool {
  let i: u32 = 1;
  while (i < length && load<u8>(at + i) == load<u8>(part + i)) i++;
  if (i == length) return true;
  if (work < i) exhausted = true;
  else work -= i;
  return false;
}

export function startsBytes(text: u32, textLength: u32, part: u32, partLength: u32): bool {
  return partLength <= textLength && sameBytes(text, part, partLength);
}

export function endsBytes(text: u32, textLength: u32, part: u32, partLength: u32): bool {
  return partLength <= textLength && sameBytes(text + textLength - partLength, part, partLength);
}

/** Equality of a string with a constant that is lower case, ASCII letters of the string lowered. */
export function equalFolded(slot: u32, constant: u32): i32 {
  if (kindOf(slot) != Kind.String) return Tri.Unknown;
  const length = lengthOf(slot);
  if (length != image.stringLength(constant)) return Tri.False;
  const a = pointerOf(slot);
  const b = image.stringAt(constant);
  for (let i: u32 = 0; i < length; i++) if (lowered(load<u8>(a + i)) != load<u8>(b + i)) return Tri.False;
  return Tri.True;
}

@inline
export function lowered(byte: u8): u8 {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}

/** a == b for two slots; unknown unless of one kind that has values. */
export function equal(a: u32, b: u32): i32 {
  const kind = kindOf(a);
  if (kind != kindOf(b)) return Tri.Unknown;
  switch (kind) {
    case Kind.Null: return Tri.True;
    case Kind.Bool: return tri(load<u32>(a, 8) == load<u32>(b, 8));
    case Kind.Number: return tri(numberOf(a) == numberOf(b));
    case Kind.String: return tri(lengthOf(a) == lengthOf(b) && sameBytes(pointerOf(a), pointerOf(b), lengthOf(a)));
    default: return Tri.Unknown;
  }
}

export function less(a: u32, b: u32, orEqual: bool): i32 {
  const kind = kindOf(a);
  if (kind != kindOf(b)) return Tri.Unknown;
  if (kind == Kind.Number) return tri(orEqual ? numberOf(a) <= numberOf(b) : numberOf(a) < numberOf(b));
  if (kind != Kind.String) return Tri.Unknown;
  const order = orderBytes(pointerOf(a), lengthOf(a), pointerOf(b), lengthOf(b));
  return tri(orEqual ? order <= 0 : order < 0);
}

/** a is a member of the list b: true, or false where some member has a's kind or there is none, or unknown. */
export function inList(a: u32, b: u32): i32 {
  const kind = kindOf(a);
  if (kindOf(b) != Kind.List || kind == Kind.Missing || kind == Kind.Unknown || kind >= Kind.List) return Tri.Unknown;
  let sameKind = lengthOf(b) == 0;
  let member = pointerOf(b);
  for (let i = lengthOf(b); i > 0; i--, member += 16) {
    const answer = equal(a, member);
    if (answer == Tri.True) return Tri.True;
    if (answer == Tri.False) sameKind = true;
  }
  return sameKind ? Tri.False : Tri.Unknown;
}

/** a is in a constant set, by the same rule. */
export function inSet(a: u32, set: u32): i32 {
  const kind = kindOf(a);
  const table = memoryMap.setTables == 0 ? 0 : load<u32>(memoryMap.setTables + (set << 2));
  if (table != 0) return kind == Kind.String ? tri(findString(table, a) >= 0) : <i32>Tri.Unknown;
  let member = image.members + load<u32>(image.sets + set * 8) * 8;
  let sameKind = false;
  for (let i = load<u32>(image.sets + set * 8, 4); i > 0; i--, member += 8) {
    if (load<i32>(member) != kind) continue;
    const reference = load<u32>(member, 4);
    let same = false;
    switch (kind) {
      case Kind.Null: same = true; break;
      case Kind.Bool: same = load<u32>(a, 8) == reference; break;
      case Kind.Number: same = numberOf(a) == load<f64>(image.numbers + reference * 8); break;
      case Kind.String: same = isConstant(a, reference); break;
      default: return Tri.Unknown;
    }
    if (same) return Tri.True;
    sameKind = true;
  }
  return sameKind ? Tri.False : Tri.Unknown;
}

/** The list or string a contains b. */
export function contains(a: u32, b: u32): i32 {
  const kind = kindOf(a);
  const sought = kindOf(b);
  if (sought == Kind.Missing || sought >= Kind.List) return Tri.Unknown;
  if (kind == Kind.List) {
    let member = pointerOf(a);
    for (let i = lengthOf(a); i > 0; i--, member += 16) if (equal(member, b) == Tri.True) return Tri.True;
    return Tri.False;
  }
  if (kind != Kind.String || sought != Kind.String) return Tri.Unknown;
  return tri(containsBytes(pointerOf(a), lengthOf(a), pointerOf(b), lengthOf(b)));
}

export function containsString(a: u32, constant: u32): i32 {
  const kind = kindOf(a);
  const text = image.stringAt(constant);
  const length = image.stringLength(constant);
  if (kind == Kind.String) return tri(containsBytes(pointerOf(a), lengthOf(a), text, length));
  if (kind != Kind.List) return Tri.Unknown;
  let member = pointerOf(a);
  for (let i = lengthOf(a); i > 0; i--, member += 16) {
    if (kindOf(member) == Kind.String && lengthOf(member) == length && sameBytes(pointerOf(member), text, length)) return Tri.True;
  }
  return Tri.False;
}

/** The list a has a member of `kind` with this value; `bits` of a boolean, `number` of a number. */
export function containsScalar(a: u32, kind: i32, number: f64, bits: u32): i32 {
  if (kindOf(a) != Kind.List) return Tri.Unknown;
  let member = pointerOf(a);
  for (let i = lengthOf(a); i > 0; i--, member += 16) {
    if (kindOf(member) != kind) continue;
    if (kind == Kind.Number ? numberOf(member) == number : load<u32>(member, 8) == bits) return Tri.True;
  }
  return Tri.False;
}

/** Code points of UTF-8 text: bytes that do not continue another. */
export function codePoints(text: u32, length: u32): u32 {
  let count: u32 = 0;
  for (let i: u32 = 0; i < length; i++) count += <u32>((load<u8>(text + i) & 0xc0) != 0x80);
  return count;
}
