// Whether a decimal number is above or below a binary one, in whole numbers of any length that a double's neighbourhood needs.
// Rarely asked: where 64 bits cannot tell.
import * as memoryMap from "./memory";

/** Digits that can decide; of those behind them it matters only whether one is not zero. */
const DIGITS_MAX: i32 = 770;

/** Sign of (the digits at `start`) * 10^written - odd * 2^power. */
export function exactOrder(start: u32, written: i32, odd: u64, power: i32): i32 {
  const decimal = memoryMap.bigs;
  const binary = decimal + memoryMap.BIG_BYTES;
  const exponent = readDigits(decimal, start) + written;
  store<u32>(binary, 2);
  store<u64>(binary, odd, 4);
  multiplyFives(exponent < 0 ? binary : decimal, abs(exponent));
  const shift = exponent - power;
  shiftLeft(shift < 0 ? binary : decimal, abs(shift));
  return order(decimal, binary);
}

// A big number: its limbs' count, then limbs of 32 bits, the lowest first. The highest may be zero.

/** The digits, at most DIGITS_MAX, as a whole number; returns the power of ten that it is to be multiplied by. */
function readDigits(big: u32, start: u32): i32 {
  store<u32>(big, 0);
  let exponent: i32 = 0;
  let digits: i32 = 0;
  let fraction = false;
  let more = false;
  for (let at = start; ; at++) {
    const digit = <u32>load<u8>(at) - 48;
    if (digit > 9) {
      if (load<u8>(at) != 0x2e) break;
      fraction = true;
      continue;
    }
    if (digits < DIGITS_MAX) {
      if (digits > 0 || digit != 0) {
        multiplyAdd(big, 10, digit);
        digits++;
      }
      if (fraction) exponent--;
    } else {
      more = more || digit != 0;
      if (!fraction) exponent++;
    }
  }
  if (!more) return exponent;
  multiplyAdd(big, 10, 1);
  return exponent - 1;
}

function multiplyAdd(big: u32, factor: u32, addend: u32): void {
  let limbs = load<u32>(big);
  let carry: u64 = addend;
  let at = big + 4;
  for (let i: u32 = 0; i < limbs; i++, at += 4) {
    carry += <u64>load<u32>(at) * factor;
    store<u32>(at, <u32>carry);
    carry >>= 32;
  }
  if (carry == 0) return;
  store<u32>(at, <u32>carry);
  store<u32>(big, limbs + 1);
}

function multiplyFives(big: u32, power: i32): void {
  for (; power >= 13; power -= 13) multiplyAdd(big, 1220703125, 0);
  for (; power > 0; power--) multiplyAdd(big, 5, 0);
}

function shiftLeft(big: u32, bits: i32): void {
  const whole = <u32>bits >> 5;
  if (whole > 0) {
    memory.copy(big + 4 + whole * 4, big + 4, load<u32>(big) * 4);
    memory.fill(big + 4, 0, whole * 4);
    store<u32>(big, load<u32>(big) + whole);
  }
  if ((bits & 31) != 0) multiplyAdd(big, 1 << (bits & 31), 0);
}

function order(a: u32, b: u32): i32 {
  for (let i = max(load<u32>(a), load<u32>(b)); i > 0; i--) {
    const x = limbAt(a, i);
    const y = limbAt(b, i);
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

/** Limbs are counted from 1. */
function limbAt(big: u32, limb: u32): u32 {
  return limb <= load<u32>(big) ? load<u32>(big + limb * 4) : 0;
}
