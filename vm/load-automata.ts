// The part of the proof that is about automata: every table is closed, every set has only positions that there are, every
// row leads to symbols or to rows before it. After it the machine runs them without checks.
import * as image from "./image";
import {
  AUTOMATON_HEADER_BYTES, POSITION_ARROW_BYTES, POSITION_ARROWS_MAX, POSITION_FIRST_BYTES, POSITION_HEADER_BYTES, POSITION_ROW,
  POSITION_ROW_BYTES, POSITION_ROWS_MAX, POSITION_SYMBOLS_MAX, POSITION_WORDS_MAX, PositionMask,
} from "./shared/image";

/** -1 when right, else the automaton. They follow each other without gaps. */
export function verifyAutomata(): i32 {
  if (load<u32>(image.automataIndex) != 0) return 0;
  for (let i: u32 = 0; i < image.automataCount; i++) {
    const start = load<u32>(image.automataIndex + i * 4);
    const end = load<u32>(image.automataIndex + i * 4, 4);
    if (start % 8 != 0 || start > end || end > image.automataBytes || end - start < <u32>AUTOMATON_HEADER_BYTES) return i;
    const at = image.automata + start;
    if (load<u16>(at) == 0 ? !positionsHold(at, end - start) : !tableHolds(at, end - start)) return i;
  }
  return load<u32>(image.automataIndex + image.automataCount * 4) == image.automataBytes ? -1 : <i32>image.automataCount;
}

function tableHolds(at: u32, bytes: u32): bool {
  const classes: u32 = load<u16>(at);
  const states = load<u32>(at, 4);
  if (classes < 1 || classes > 257 || states < 2 || states > 0xffff || load<u16>(at, 2) >= states) return false;
  const cells = states * classes;
  if (((AUTOMATON_HEADER_BYTES + cells * 4 + 7) & ~7) != bytes) return false;
  for (let c: u32 = 0; c < 256; c++) if (load<u8>(at + 8 + c) >= classes) return false;
  const rowBytes = classes * 4;
  for (let c: u32 = 0; c < cells; c++) {
    const row = load<u32>(at + AUTOMATON_HEADER_BYTES + c * 4);
    if (row % rowBytes != 0 || row / rowBytes >= states) return false;
    if (c < 2 * classes && row != (c < classes ? 0 : rowBytes)) return false;
  }
  return true;
}

function positionsHold(at: u32, bytes: u32): bool {
  const words: u32 = load<u16>(at, 2);
  const positions = load<u32>(at, 4);
  const rows = load<u32>(at, 8);
  const symbols = load<u32>(at, 12);
  const arrows = load<u32>(at, 16);
  if (words < 1 || words > <u32>POSITION_WORDS_MAX || positions > words * 64 || rows > <u32>POSITION_ROWS_MAX) return false;
  if (symbols < 1 || symbols > <u32>POSITION_SYMBOLS_MAX || arrows > <u32>POSITION_ARROWS_MAX || load<u32>(at, 20) > 1) return false;
  const sets: u32 = <u32>PositionMask.End + symbols;
  const fixed = POSITION_HEADER_BYTES + POSITION_FIRST_BYTES + rows * POSITION_ROW_BYTES;
  if (fixed + sets * words * 8 + words * 256 + 8 + arrows * POSITION_ARROW_BYTES != bytes) return false;
  if (!entriesHold(at + POSITION_HEADER_BYTES, rows, symbols)) return false;
  const masks = at + fixed;
  for (let s: u32 = 0; s < sets; s++) {
    for (let w: u32 = 0; w < words; w++) if ((load<u64>(masks + (s * words + w) * 8) & ~within(w, positions)) != 0) return false;
  }
  return arrowsHold(masks + sets * words * 8, words, positions, arrows);
}

/** Bytes of ASCII are symbols at once; a row leads to symbols or to rows before it, so that a character ends. */
function entriesHold(first: u32, rows: u32, symbols: u32): bool {
  for (let b: u32 = 0; b < 256; b++) if (!entryHolds(load<u16>(first + b * 2), b < 0x80 ? 0 : rows, symbols)) return false;
  for (let r: u32 = 0; r < rows; r++) {
    const row = first + POSITION_FIRST_BYTES + r * POSITION_ROW_BYTES;
    for (let b: u32 = 0; b < 64; b++) if (!entryHolds(load<u16>(row + b * 2), r, symbols)) return false;
  }
  return true;
}

function entryHolds(entry: u32, rows: u32, symbols: u32): bool {
  return (entry & POSITION_ROW) != 0 ? (entry & 0x7fff) < rows : entry < symbols;
}

/** The positions of a word that there are. */
function within(word: u32, positions: u32): u64 {
  if (positions >= (word + 1) * 64) return ~(<u64>0);
  return positions <= word * 64 ? 0 : (<u64>1 << <u64>(positions - word * 64)) - 1;
}

function arrowsHold(index: u32, words: u32, positions: u32, arrows: u32): bool {
  let before: u32 = 0;
  for (let p: u32 = 0; p <= words * 64; p++) {
    const first = load<u32>(index + p * 4);
    if (first < before || first > arrows || (p == 0 && first != 0)) return false;
    before = first;
  }
  if (before != arrows || load<u32>(index + words * 256, 4) != 0) return false;
  for (let i: u32 = 0; i < arrows; i++) {
    const arrow = index + words * 256 + 8 + i * POSITION_ARROW_BYTES;
    const word = load<u32>(arrow);
    if (word >= words || load<u32>(arrow, 4) != 0 || (load<u64>(arrow, 8) & ~within(word, positions)) != 0) return false;
  }
  return true;
}
