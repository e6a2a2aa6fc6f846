// Tables of strings by hash: from a slot's text to a number that was put beside it when the image was loaded. A table is
// cells u32 - 1, longest string u32, longest way u32, reserved u32, then cells of string + 1 u32 and number u32, at most half
// of them in use. Hashes need no secret: which strings are in a table is the policy's choice, not the caller's.
import * as image from "./image";
import { Kind, TAG_OTHER } from "./shared/isa";
import { lengthOf, pointerOf, sameBytes, tagOf } from "./value";

export const TABLE_HEADER_BYTES: u32 = 16;
export const TABLE_CELL_BYTES: u32 = 8;

/** Cells of a table for `count` strings. */
export function cellsFor(count: u32): u32 {
  let cells: u32 = 4;
  while (cells < count * 2) cells <<= 1;
  return cells;
}

export function tableBytes(count: u32): u32 {
  return TABLE_HEADER_BYTES + cellsFor(count) * TABLE_CELL_BYTES;
}

/** Lays an empty table. */
export function beginTable(table: u32, count: u32): void {
  const cells = cellsFor(count);
  memory.fill(table, 0, TABLE_HEADER_BYTES + cells * TABLE_CELL_BYTES);
  store<u32>(table, cells - 1);
}

/** Puts a string of the image in with a number; one that is there keeps its own. Answers its number. */
export function putString(table: u32, constant: u32, number: u32): u32 {
  const mask = load<u32>(table);
  const text = image.stringAt(constant);
  const length = image.stringLength(constant);
  let place = hashText(text, length) & mask;
  let way: u32 = 1;
  while (true) {
    const cell = table + TABLE_HEADER_BYTES + place * TABLE_CELL_BYTES;
    const known = load<u32>(cell);
    if (known == 0) {
      store<u32>(cell, constant + 1);
      store<u32>(cell, number, 4);
      store<u32>(table, max(load<u32>(table, 4), length), 4);
      store<u32>(table, max(load<u32>(table, 8), way), 8);
      return number;
    }
    if (image.stringLength(known - 1) == length && sameBytes(image.stringAt(known - 1), text, length)) return load<u32>(cell, 4);
    place = (place + 1) & mask;
    way++;
  }
}

/** The number beside the slot's string, or -1. */
export function findString(table: u32, slot: u32): i32 {
  const tag = tagOf(slot);
  if (tag == TAG_OTHER) return -1;
  const text = tag == 0 ? pointerOf(slot) : image.stringAt(tag - 1);
  const length = tag == 0 ? lengthOf(slot) : image.stringLength(tag - 1);
  if (length > load<u32>(table, 4)) return -1;
  const mask = load<u32>(table);
  let place = hashText(text, length) & mask;
  while (true) {
    const cell = table + TABLE_HEADER_BYTES + place * TABLE_CELL_BYTES;
    const known = load<u32>(cell);
    if (known == 0) return -1;
    if (known == tag || (image.stringLength(known - 1) == length && sameBytes(image.stringAt(known - 1), text, length))) return load<i32>(cell, 4);
    place = (place + 1) & mask;
  }
}

/** Members of a set, all of them strings. */
export function areStrings(members: u32, count: u32): bool {
  for (let m: u32 = 0; m < count; m++) if (load<u32>(members + m * 8) != Kind.String) return false;
  return true;
}

/** Eight bytes a turn; the last ones together. */
function hashText(text: u32, length: u32): u32 {
  let hash: u64 = <u64>length * 0x9e3779b97f4a7c15;
  while (length >= 8) {
    hash = (hash ^ load<u64>(text)) * 0x9e3779b97f4a7c15;
    hash ^= hash >> 32;
    text += 8;
    length -= 8;
  }
  let last: u64 = 0;
  while (length > 0) {
    length--;
    last = (last << 8) | load<u8>(text + length);
  }
  hash = (hash ^ last) * 0x9e3779b97f4a7c15;
  return <u32>(hash >> 40);
}
