// One request's JSON (RFC 8259) in one walk: checked whole, and noted as nodes, so that any value is then found by its path
// without looking at the text again. It merges nothing, rounds nothing twice and repairs nothing: what two readers could
// understand differently is refused. A tree's nodes stand in the order of the text, a container before its members:
//
//   first eight bytes of the key u64, key u32, bytes of the key u32, then as a slot: kind u32, length u32, payload 8 bytes.
//   A number's length is the place of its text; a container's length counts its members, its payload is the place behind
//   its last node and, of an object of more than FEW_KEYS, a list of its members sorted by key.
import * as memoryMap from "./memory";
import { NODE_BYTES, FRAME_BYTES } from "./memory";
import { number, readNumber } from "./json-number";
import { oddBytes, plainEnd, readOddText, textBytes } from "./json-text";
import { orderBytes, sameBytes } from "./value";
import { JSON_DEPTH_MAX } from "./shared/abi";
import { Kind } from "./shared/isa";

/** Behind the lists that the document has so far. */
let sortedEnd: u32 = 0;

/** Objects of so many keys are searched from their start; larger ones are sorted. */
const FEW_KEYS: u32 = 16;

export const KEY_HEAD: u32 = 0;
export const KEY: u32 = 8;
export const KEY_BYTES: u32 = 12;
/** Where a node is as a slot. */
export const VALUE: u32 = 16;
export const LENGTH: u32 = 20;
export const PAYLOAD: u32 = 24;
const SORTED: u32 = 28;

@inline
export function kindAt(node: u32): i32 {
  return load<i32>(node, VALUE);
}

@inline
export function lengthAt(node: u32): u32 {
  return load<u32>(node, LENGTH);
}

/** The node behind this one and all that is within it. */
@inline
export function after(node: u32): u32 {
  return kindAt(node) >= Kind.List ? load<u32>(node, PAYLOAD) : node + NODE_BYTES;
}

@inline
function skipSpace(at: u32): u32 {
  return load<u8>(at) > 32 ? at : spaceEnd(at);
}

/** Apart, since what has no space between its marks is read without a loop. */
function spaceEnd(at: u32): u32 {
  let byte: u32 = load<u8>(at);
  while (byte == 32 || byte == 10 || byte == 13 || byte == 9) byte = load<u8>(++at);
  return at;
}

/** The first eight bytes of a text, zeros where it is shorter. */
@inline
export function headOf(text: u32, length: u32): u64 {
  const head = load<u64>(text);
  if (length >= 8) return head;
  return length == 0 ? 0 : head & (0xffffffffffffffff >> (64 - (length << 3)));
}

/** Reads `bytes` of the request area. False when they are no JSON object, or one that is refused. */
export function readDocument(bytes: u32): bool {
  let at = memoryMap.request;
  const end = at + bytes;
  // By hand: V8 leaves the machine for memory.fill and memory.copy, which costs more than so few bytes.
  for (let i: u32 = 0; i < 32; i += 8) store<u64>(end + i, 0);
  const nodesEnd = memoryMap.nodes + memoryMap.nodesMax * NODE_BYTES;
  sortedEnd = memoryMap.sorted;
  at = skipSpace(at);
  if (load<u8>(at) != 0x7b) return false;
  // The container that is open, the bracket that closes it, how many members it has, which of 64 hashes their keys have.
  let parent = memoryMap.nodes;
  let close: u32 = 0x7d;
  let count: u32 = 0;
  let seen: u64 = 0;
  let frame = memoryMap.frames;
  let node = parent + NODE_BYTES;
  store<i32>(parent, Kind.Object, VALUE);
  at = skipSpace(at + 1);
  let empty = load<u8>(at) == 0x7d;
  while (node < nodesEnd) {
    if (!empty) {
      // A member begins at `at`.
      if (close == 0x7d) {
        if (load<u8>(at) != 0x22) return false;
        const key = at + 1;
        let head = load<u64>(key);
        const odd = oddBytes(head);
        let length: u32 = 0;
        if (odd != 0) {
          length = <u32>(ctz(odd) >> 3);
          head &= ((odd & (0 - odd)) >> 7) - 1;
        } else length = plainEnd(key + 8) - key;
        at = key + length;
        // Its quote and a colon, as nearly everybody writes them; else each by itself.
        if (load<u16>(at) == 0x3a22) at += 2;
        else {
          if (load<u8>(at) == 0x22) at++;
          else {
            at = readOddText(key, at);
            if (at == 0) return false;
            length = textBytes;
            head = headOf(key, length);
          }
          at = skipSpace(at);
          if (load<u8>(at++) != 0x3a) return false;
        }
        at = skipSpace(at);
        store<u64>(node, head, KEY_HEAD);
        store<u32>(node, key, KEY);
        store<u32>(node, length, KEY_BYTES);
        const tail = length > 8 ? load<u64>(key + length - 8) : 0;
        const bit = (<u64>1) << (((head ^ tail) * 0x9e3779b97f4a7c15) >> 58);
        if ((seen & bit) != 0 && count <= FEW_KEYS && hasKey(parent, node)) return false;
        seen |= bit;
        // "__proto__": a prototype in too many languages.
        if (head == 0x5f6f746f72705f5f && length == 9 && load<u8>(key, 8) == 0x5f) return false;
      }
      count++;
      // Its value stands at `at`.
      const byte: u32 = load<u8>(at);
      if (byte == 0x22) {
        const text = at + 1;
        at = plainEnd(text);
        let length = at - text;
        if (load<u8>(at) == 0x22) at++;
        else {
          at = readOddText(text, at);
          if (at == 0) return false;
          length = textBytes;
        }
        store<i32>(node, Kind.String, VALUE);
        store<u32>(node, length, LENGTH);
        store<u32>(node, text, PAYLOAD);
      } else if ((byte | 0x20) == 0x7b) {
        if (frame == memoryMap.frames + (JSON_DEPTH_MAX - 1) * FRAME_BYTES) return false;
        store<u32>(frame, parent);
        store<u32>(frame, (count << 8) | close, 4);
        store<u64>(frame, seen, 8);
        frame += FRAME_BYTES;
        parent = node;
        count = 0;
        seen = 0;
        // The closing bracket is two above the opening one, as the brace.
        close = byte + 2;
        store<i32>(node, byte == 0x7b ? <i32>Kind.Object : <i32>Kind.List, VALUE);
        node += NODE_BYTES;
        at = skipSpace(at + 1);
        empty = load<u8>(at) == close;
        continue;
      } else {
        at = byte - 48 <= 9 || byte == 0x2d ? putNumber(at, node) : readWord(at, byte, node);
        if (at == 0) return false;
      }
      node += NODE_BYTES;
    }
    empty = false;
    while (true) {
      at = skipSpace(at);
      const mark: u32 = load<u8>(at++);
      if (mark == 0x2c) {
        at = skipSpace(at);
        break;
      }
      if (mark != close) return false;
      store<u32>(parent, count, LENGTH);
      store<u32>(parent, node, PAYLOAD);
      if (count > FEW_KEYS && close == 0x7d && !sortKeys(parent, count)) return false;
      if (frame == memoryMap.frames) return skipSpace(at) == end;
      frame -= FRAME_BYTES;
      parent = load<u32>(frame);
      close = load<u32>(frame, 4);
      seen = load<u64>(frame, 8);
      count = close >> 8;
      close &= 0xff;
    }
  }
  return false;
}

/** A number's node, and the place behind its text; 0 when it is none. */
function putNumber(at: u32, node: u32): u32 {
  store<i32>(node, Kind.Number, VALUE);
  store<u32>(node, at, LENGTH);
  let whole: u32 = 0;
  let end = at;
  for (let digit: u32 = 0; (digit = <u32>load<u8>(end) - 48) <= 9; end++) whole = whole * 10 + digit;
  const next: u32 = load<u8>(end);
  // Few digits and nothing else, as most are.
  if (end - at - 1 < 9 && (end - at == 1 || load<u8>(at) != 48) && next != 0x2e && (next | 0x20) != 0x65) {
    store<f64>(node, <f64>whole, PAYLOAD);
    return end;
  }
  end = readNumber(at);
  if (end != 0) store<f64>(node, number, PAYLOAD);
  return end;
}

/** true, false or null. */
function readWord(at: u32, byte: u32, node: u32): u32 {
  const word = load<u32>(at);
  if (word == 0x6c6c756e) {
    store<i32>(node, Kind.Null, VALUE);
    return at + 4;
  }
  store<i32>(node, Kind.Bool, VALUE);
  store<u32>(node, <u32>(byte == 0x74), PAYLOAD);
  if (word == 0x65757274) return at + 4;
  return byte == 0x66 && load<u32>(at, 1) == 0x65736c61 ? at + 5 : 0;
}

@inline
function isKey(node: u32, head: u64, text: u32, length: u32): bool {
  return load<u64>(node, KEY_HEAD) == head && load<u32>(node, KEY_BYTES) == length && (length <= 8 || sameBytes(load<u32>(node, KEY), text, length));
}

/** Some member of the open object has the key of `node`. */
function hasKey(parent: u32, node: u32): bool {
  for (let member = parent + NODE_BYTES; member < node; member = after(member)) {
    if (isKey(member, load<u64>(node, KEY_HEAD), load<u32>(node, KEY), load<u32>(node, KEY_BYTES))) return true;
  }
  return false;
}

/** Lists the members of an object by key: no two of many keys are compared twice, whatever hash they have. False when two are the same. */
function sortKeys(parent: u32, count: u32): bool {
  const list = sortedEnd;
  store<u32>(parent, list, SORTED);
  sortedEnd += count << 2;
  let member = parent + NODE_BYTES;
  for (let i: u32 = 0; i < count; i++, member = after(member)) store<u32>(list + (i << 2), member);
  for (let i = count / 2; i > 0; i--) sink(list, i - 1, count);
  for (let last = count - 1; last > 0; last--) {
    const top = load<u32>(list);
    store<u32>(list, load<u32>(list + (last << 2)));
    store<u32>(list + (last << 2), top);
    sink(list, 0, last);
  }
  for (let i: u32 = 1; i < count; i++) {
    if (orderKeys(load<u32>(list + (i << 2) - 4), load<u32>(list + (i << 2))) == 0) return false;
  }
  return true;
}

/** A heap whose greatest key is its first. */
function sink(list: u32, at: u32, count: u32): void {
  const node = load<u32>(list + (at << 2));
  for (let child: u32 = 2 * at + 1; child < count; child = 2 * at + 1) {
    if (child + 1 < count && orderKeys(load<u32>(list + (child << 2)), load<u32>(list + (child << 2), 4)) < 0) child++;
    const larger = load<u32>(list + (child << 2));
    if (orderKeys(node, larger) >= 0) break;
    store<u32>(list + (at << 2), larger);
    at = child;
  }
  store<u32>(list + (at << 2), node);
}

function orderKeys(a: u32, b: u32): i32 {
  return orderKey(a, load<u64>(b, KEY_HEAD), load<u32>(b, KEY), load<u32>(b, KEY_BYTES));
}

/** By the first eight bytes as a number, then as bytes: any order that is one will do. */
function orderKey(node: u32, head: u64, text: u32, length: u32): i32 {
  const own = load<u64>(node, KEY_HEAD);
  if (own != head) return own < head ? -1 : 1;
  return orderBytes(load<u32>(node, KEY), load<u32>(node, KEY_BYTES), text, length);
}

/** The member of an object under a name, or 0. */
export function memberOf(holder: u32, text: u32, length: u32): u32 {
  if (holder == 0 || kindAt(holder) != Kind.Object) return 0;
  const head = headOf(text, length);
  const count = lengthAt(holder);
  if (count > FEW_KEYS) {
    const list = load<u32>(holder, SORTED);
    let low: u32 = 0;
    let high = count;
    while (low < high) {
      const middle = (low + high) >> 1;
      const node = load<u32>(list + (middle << 2));
      const order = orderKey(node, head, text, length);
      if (order == 0) return node;
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return 0;
  }
  let member = holder + NODE_BYTES;
  for (let i: u32 = 0; i < count; i++, member = after(member)) if (isKey(member, head, text, length)) return member;
  return 0;
}

/** The member of a list by its place, or 0. */
export function elementOf(holder: u32, index: u32): u32 {
  if (holder == 0 || kindAt(holder) != Kind.List || index >= lengthAt(holder)) return 0;
  let member = holder + NODE_BYTES;
  for (; index > 0; index--) member = after(member);
  return member;
}
