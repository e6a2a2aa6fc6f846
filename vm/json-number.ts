// Numbers of JSON (RFC 8259) as the nearest doubles, ties to even, exactly as ECMAScript reads them. It never rounds twice:
// what short arithmetic cannot tell is compared in full.
import { exactOrder } from "./decimal";

/** The number that was read last. */
export let number: f64 = 0;

/** 5^27, and the first 64 bits of 1 / 5^27. */
const FIVES: u64 = 0x6765c793fa10079d;
const FIVES_INVERSE: u64 = 0x9e74d1b791e07e48;
const FIVES_POWER: i32 = 27;
/** Exponents that are written go no farther; more digits than a request has bytes cannot outweigh it. */
const EXPONENT_MAX: i32 = 100000000;
/** Digits that fit 64 bits whatever they are. */
const DIGITS_WHOLE: u32 = 19;

@inline
function digitAt(at: u32): u32 {
  return <u32>load<u8>(at) - 48;
}

/** Reads the number at `at`. Returns the place behind it; 0 when it is none, or beyond the range of a double. */
export function readNumber(at: u32): u32 {
  const negative = load<u8>(at) == 0x2d;
  if (negative) at++;
  const start = at;
  let digit = digitAt(at++);
  if (digit > 9) return 0;
  let whole: u64 = digit;
  if (digit != 0) {
    while ((digit = digitAt(at)) <= 9) {
      whole = whole * 10 + digit;
      at++;
    }
  } else if (digitAt(at) <= 9) return 0;
  let digits = at - start;
  let exponent: i32 = 0;
  if (load<u8>(at) == 0x2e) {
    const point = at++;
    while ((digit = digitAt(at)) <= 9) {
      whole = whole * 10 + digit;
      at++;
    }
    exponent = <i32>(point + 1 - at);
    if (exponent == 0) return 0;
    digits = at - start - 1;
  }
  let written: i32 = 0;
  if ((load<u8>(at) | 0x20) == 0x65) {
    const sign: u32 = load<u8>(++at);
    if (sign == 0x2b || sign == 0x2d) at++;
    if (digitAt(at) > 9) return 0;
    while ((digit = digitAt(at)) <= 9) {
      if (written < EXPONENT_MAX) written = written * 10 + <i32>digit;
      at++;
    }
    if (sign == 0x2d) written = -written;
  }
  const value = digits <= DIGITS_WHOLE ? nearest(whole, exponent + written, false, start, written) : nearestLong(start, written);
  number = negative ? -value : value;
  return value < Infinity ? at : 0;
}

/** The same for more digits than 64 bits hold: the first of them, and whether others follow. */
function nearestLong(start: u32, written: i32): f64 {
  let whole: u64 = 0;
  let digits: u32 = 0;
  let exponent = written;
  let more = false;
  let fraction = false;
  for (let at = start; ; at++) {
    const digit = digitAt(at);
    if (digit > 9) {
      if (load<u8>(at) != 0x2e) break;
      fraction = true;
    } else if (digits < DIGITS_WHOLE) {
      whole = whole * 10 + digit;
      if (whole != 0) digits++;
      if (fraction) exponent--;
    } else {
      if (digit != 0) more = true;
      if (!fraction) exponent++;
    }
  }
  return nearest(whole, exponent, more, start, written);
}

/** The double nearest to whole * 10^exponent, or to something less than (whole + 1) * 10^exponent where there is `more`. */
function nearest(whole: u64, exponent: i32, more: bool, start: u32, written: i32): f64 {
  if (whole >> 53 == 0) {
    // Both are exact doubles, so that one operation rounds rightly (Clinger 1990).
    if (exponent == 0) return <f64>whole;
    if (exponent >= -22 && exponent <= 22) {
      let power: f64 = 1;
      for (let i = abs(exponent); i > 0; i--) power *= 10;
      return exponent < 0 ? <f64>whole / power : <f64>whole * power;
    }
  }
  if (whole == 0 || exponent < -343) return 0;
  if (exponent > 308) return Infinity;
  return nearestWide(whole, exponent, more, start, written);
}

/** In 64 bits, with the error kept: the truth is between `bits` and `bits + error`, times 2^binary. */
function nearestWide(whole: u64, exponent: i32, more: bool, start: u32, written: i32): f64 {
  let shift = clz(whole);
  let bits = whole << shift;
  let error: u64 = more ? (<u64>1) << shift : 0;
  let binary = exponent - <i32>shift;
  let fives = exponent % FIVES_POWER;
  let steps = exponent / FIVES_POWER;
  if (fives < 0) {
    fives += FIVES_POWER;
    steps--;
  }
  let factor: u64 = 1;
  for (; fives > 0; fives--) factor *= 5;
  let scale: i32 = 64;
  for (let step = abs(steps); step >= 0; step--) {
    if (factor != 1) {
      shift = clz(factor);
      factor <<= shift;
      bits = highProduct(bits, factor);
      error = highProduct(error, factor) + 4;
      binary += scale - <i32>shift;
      if (bits >> 63 == 0) {
        bits <<= 1;
        error <<= 1;
        binary--;
      }
    }
    factor = steps > 0 ? FIVES : FIVES_INVERSE;
    scale = steps > 0 ? 64 : -62;
  }
  return rounded(bits, error, binary + 63, start, written);
}

/** `power` is the exponent of the highest of the bits. */
function rounded(bits: u64, error: u64, power: i32, start: u32, written: i32): f64 {
  if (power > 1023) return Infinity;
  const least = max(power, -1022);
  const dropped: u64 = <u64>(11 + least - power);
  let kept: u64 = 0;
  let order: i32 = 0;
  if (dropped > 65) return 0;
  if (dropped < 64) {
    kept = bits >> dropped;
    const low = bits & (((<u64>1) << dropped) - 1);
    const half = (<u64>1) << (dropped - 1);
    order = low > half ? 1 : low + error < half ? -1 : 0;
  }
  if (order == 0) {
    order = exactOrder(start, written, 2 * kept + 1, least - 53);
    if (order == 0 && (kept & 1) != 0) order = 1;
  }
  if (order > 0) kept++;
  // The highest kept bit adds to the exponent, as does one that rounding carries.
  return reinterpret<f64>(((<u64>(least + 1022)) << 52) + kept);
}

/** The higher half of a product of 128 bits. */
function highProduct(a: u64, b: u64): u64 {
  const aLow = a & 0xffffffff;
  const aHigh = a >> 32;
  const bLow = b & 0xffffffff;
  const bHigh = b >> 32;
  const middle = aHigh * bLow + ((aLow * bLow) >> 32);
  return aHigh * bHigh + (middle >> 32) + ((aLow * bHigh + (middle & 0xffffffff)) >> 32);
}
