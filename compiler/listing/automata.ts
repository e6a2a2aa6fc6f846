// Automata as text, both ways: the classes of bytes and a line for each state, or for automata of positions their bytes.
// They are data between braces of the language; nothing here says what they accept.
import { AUTOMATON_HEADER_BYTES, DISPATCH_HEADER_BYTES, POSITION_HEADER_BYTES } from "../../vm/shared/image.ts";
import type { Bytes } from "../bytes.ts";
import { Cursor, ListingFailure } from "./cursor.ts";
import type { Line } from "./items.ts";

const CLASSES = 256;
/** Bytes on a line of hexadecimal digits. */
const HEX_BYTES = 32;
/** Most states of one automaton that are read; the compiler makes fewer. */
const STATES_MAX = 1_000_000;

/** An automaton from its first byte to the first of the next. */
export function automatonText(index: number, bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const classes = view.getUint16(0, true);
  if (classes === 0) {
    const parts = `${view.getUint32(12, true)} kinds of characters, ${view.getUint32(16, true)} arrows`;
    const head = `automaton ${index}: ${view.getUint32(4, true)} positions in ${view.getUint16(2, true)} words, ${parts}`;
    return [head, ...hexLines(bytes)];
  }
  const states = view.getUint32(4, true);
  const head = `automaton ${index}: ${states} states, ${classes} classes of bytes, begins in ${view.getUint16(2, true)}`;
  const lines = [head, ...classLines(bytes.subarray(8, 8 + CLASSES))];
  for (let state = 0; state < states; state++) {
    const next = cells(view, AUTOMATON_HEADER_BYTES + state * classes * 4, classes);
    lines.push(`  state ${state}: ${next.map((offset) => offset / (classes * 4)).join(" ")}`);
  }
  return lines;
}

/** The automaton of an agent's tools, behind its header's line. */
export function dispatchText(bytes: Uint8Array): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [classes, states, start] = [view.getUint32(0, true), view.getUint32(4, true), view.getUint32(8, true)];
  const plansAt = DISPATCH_HEADER_BYTES + states * classes * 4;
  const plans = cells(view, plansAt, states);
  const listed = [...new Set(plans)].sort((a, b) => a - b).join(" ");
  const lines = [
    `  other tools → by ${states} states, ${classes} classes of bytes, begins in ${start} → plan ${listed}`,
    ...classLines(bytes.subarray(16, 16 + CLASSES)).map((line) => `  ${line}`),
  ];
  for (let state = 0; state < states; state++) {
    const next = cells(view, DISPATCH_HEADER_BYTES + state * classes * 4, classes);
    lines.push(`    state ${state}: ${next.join(" ")} → plan ${plans[state]}`);
  }
  return lines;
}

/** Bytes of a dispatch automaton without its padding. Throws RangeError where it says more than there is. */
export function dispatchBytes(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return DISPATCH_HEADER_BYTES + (view.getUint32(0, true) + 1) * view.getUint32(4, true) * 4;
}

function cells(view: DataView, at: number, count: number): number[] {
  if (at + count * 4 > view.byteLength) throw new RangeError("an automaton points outside of the image");
  return Array.from({ length: count }, (_, i) => view.getUint32(at + i * 4, true));
}

/** `  bytes 61-7a 5f: class 1`, the classes in their order. */
function classLines(classOf: Uint8Array): string[] {
  const ranges = new Map<number, string[]>();
  for (let from = 0; from < CLASSES; ) {
    const name = classOf[from] ?? 0;
    let to = from;
    while (to + 1 < CLASSES && classOf[to + 1] === name) to++;
    const list = ranges.get(name) ?? [];
    list.push(from === to ? hex(from) : `${hex(from)}-${hex(to)}`);
    ranges.set(name, list);
    from = to + 1;
  }
  return [...ranges].sort(([a], [b]) => a - b).map(([name, list]) => `  bytes ${list.join(" ")}: class ${name}`);
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}

export function hexLines(bytes: Uint8Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += HEX_BYTES)
    lines.push(`  hex ${[...bytes.subarray(at, at + HEX_BYTES)].map(hex).join("")}`);
  return lines;
}

/** Every line that is left, as bytes. */
export function readHex(lines: readonly Line[], into: Bytes): void {
  for (const { text, line } of lines) {
    const cursor = new Cursor(text, line);
    cursor.expect("hex ");
    const digits = cursor.match(/(?:[0-9a-f]{2})+/y) ?? cursor.fail("pairs of hexadecimal digits");
    cursor.end();
    into.raw(Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16)));
  }
}

/** `head` stands behind `automaton 3: `. */
export function readAutomaton(head: Cursor, body: readonly Line[], section: Bytes): void {
  const count = head.whole(STATES_MAX);
  if (head.eat(" positions in ")) {
    head.rest();
    const start = section.length;
    readHex(body, section);
    if (section.length - start < POSITION_HEADER_BYTES) head.fail("the bytes of an automaton of positions");
    section.align();
    return;
  }
  head.expect(" states, ");
  const classes = head.whole(CLASSES);
  head.expect(" classes of bytes, begins in ");
  const start = head.whole(0xffff);
  head.end();
  if (classes === 0) head.fail("at least one class of bytes");
  const { classOf, states } = readStates(head, body, count, classes, false);
  section.u16(classes).u16(start).u32(count).raw(classOf);
  for (const { next } of states) for (const state of next) section.u32(state * classes * 4);
  section.align();
}

/** `head` stands behind `other tools → by `. */
export function readDispatch(head: Cursor, body: readonly Line[], section: Bytes): void {
  const count = head.whole(STATES_MAX);
  head.expect(" states, ");
  const classes = head.whole(CLASSES);
  head.expect(" classes of bytes, begins in ");
  const start = head.whole();
  head.expect(" → plan ");
  head.rest();
  const { classOf, states } = readStates(head, body, count, classes, true);
  section.u32(classes).u32(count).u32(start).u32(0).raw(classOf);
  for (const { next } of states) for (const state of next) section.u32(state);
  for (const { plan } of states) section.u32(plan);
  section.align();
}

interface State {
  readonly next: readonly number[];
  readonly plan: number;
}

function readStates(
  head: Cursor,
  body: readonly Line[],
  count: number,
  classes: number,
  plans: boolean,
): { classOf: Uint8Array; states: State[] } {
  const classOf = new Uint8Array(CLASSES);
  const seen = new Uint8Array(CLASSES);
  const states: State[] = [];
  for (const { text, line } of body) {
    const cursor = new Cursor(text, line);
    if (cursor.eat("bytes ")) readClass(cursor, classOf, seen);
    else {
      cursor.expect("state ");
      if (cursor.whole() !== states.length) cursor.fail(`state ${states.length}: they are counted from 0`);
      cursor.expect(":");
      const next = Array.from({ length: classes }, () => {
        cursor.expect(" ");
        return cursor.whole(count - 1);
      });
      if (plans) cursor.expect(" → plan ");
      states.push({ next, plan: plans ? cursor.whole() : 0 });
    }
    cursor.end();
  }
  if (states.length !== count)
    throw new ListingFailure(head.line, `${count} states are announced and ${states.length} follow`);
  const missing = seen.indexOf(0);
  if (missing >= 0) throw new ListingFailure(head.line, `byte ${hex(missing)} is in no class`);
  return { classOf, states };
}

function readClass(cursor: Cursor, classOf: Uint8Array, seen: Uint8Array): void {
  const bytes: number[] = [];
  do {
    const range = cursor.match(/[0-9a-f]{2}(?:-[0-9a-f]{2})?/y) ?? cursor.fail("a range of bytes like `61-7a`");
    const [from = 0, to = from] = range.split("-").map((digits) => Number.parseInt(digits, 16));
    for (let byte = from; byte <= to; byte++) bytes.push(byte);
  } while (cursor.eat(" "));
  cursor.expect(": class ");
  const name = cursor.whole(CLASSES - 1);
  for (const byte of bytes) {
    if (seen[byte] === 1) cursor.fail(`each byte once: ${hex(byte)} has a class already; a line`);
    seen[byte] = 1;
    classOf[byte] = name;
  }
}
