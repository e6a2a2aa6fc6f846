// Text tests as machines that read bytes and end with a label: for each kind of test one whose labels tell its answers
// apart. What is asked of one place is followed by all of them at once in text-regions.
import type { Table } from "../automaton/index.ts";

/** A deterministic machine over bytes; a text's label is that of the state in which it ends. */
export interface TextMachine {
  /** 256 entries. */
  readonly classOf: Uint8Array;
  readonly classCount: number;
  readonly start: number;
  /** state * classCount + class */
  readonly next: ArrayLike<number>;
  readonly labels: ArrayLike<number>;
}

/** Label 1 where the automaton accepts. */
export function machineOfTable(table: Table): TextMachine {
  const { classOf, classCount, next, start, stateCount } = table;
  const labels = Array.from({ length: stateCount }, (_, state) =>
    state === 1 || next[state * classCount + classCount - 1] === 1 ? 1 : 0,
  );
  return { classOf, classCount, next, start, labels };
}

const encoder = new TextEncoder();

/** Collects states row by row over the bytes that matter; the last class is every other byte. */
class Rows {
  readonly classOf: Uint8Array;
  readonly classCount: number;
  readonly next: number[] = [];
  readonly labels: number[] = [];

  constructor(bytes: Iterable<number>) {
    const known = [...new Set(bytes)].sort((a, b) => a - b);
    // 256 bytes that all matter need no class for the others.
    this.classCount = Math.min(known.length + 1, 256);
    this.classOf = new Uint8Array(256).fill(this.classCount - 1);
    for (const [i, byte] of known.entries()) this.classOf[byte] = i;
  }

  add(label: number, otherwise: number): number {
    for (let i = 0; i < this.classCount; i++) this.next.push(otherwise);
    this.labels.push(label);
    return this.labels.length - 1;
  }

  lead(from: number, byte: number, to: number): void {
    this.next[from * this.classCount + (this.classOf[byte] as number)] = to;
  }

  target(from: number, byte: number): number {
    return this.next[from * this.classCount + (this.classOf[byte] as number)] as number;
  }

  machine(start: number): TextMachine {
    const { classOf, classCount, next, labels } = this;
    return withFewClasses({ classOf, classCount, start, next, labels });
  }
}

/** The same machine with bytes in one class that lead the same way everywhere. */
function withFewClasses(machine: TextMachine): TextMachine {
  const { classOf, classCount, next, labels } = machine;
  const states = labels.length;
  const numbers = new Map<string, number>();
  const first: number[] = [];
  const numberOf = Array.from({ length: classCount }, (_, column) => {
    const targets: number[] = [];
    for (let state = 0; state < states; state++) targets.push(next[state * classCount + column] as number);
    const key = targets.join();
    const known = numbers.get(key) ?? numbers.size;
    if (known === numbers.size) {
      numbers.set(key, known);
      first.push(column);
    }
    return known;
  });
  const narrow = new Int32Array(states * first.length);
  for (let state = 0; state < states; state++) {
    for (const [i, column] of first.entries())
      narrow[state * first.length + i] = next[state * classCount + column] as number;
  }
  return {
    ...machine,
    classOf: classOf.map((column) => numberOf[column] as number),
    classCount: first.length,
    next: narrow,
  };
}

/** Label i + 1 for the i-th text, 0 for every other. */
export function machineOfTexts(texts: readonly string[]): TextMachine {
  const all = texts.map((text) => encoder.encode(text));
  const rows = new Rows(all.flatMap((bytes) => [...bytes]));
  const dead = rows.add(0, 0);
  const start = rows.add(0, dead);
  for (const [i, bytes] of all.entries()) {
    let state = start;
    for (const byte of bytes) {
      const known = rows.target(state, byte);
      const next = known === dead ? rows.add(0, dead) : known;
      rows.lead(state, byte, next);
      state = next;
    }
    rows.labels[state] = i + 1;
  }
  return rows.machine(start);
}

/** Label 0 before the text in byte order, 1 for the text itself, 2 behind it. */
export function machineOfOrder(text: string): TextMachine {
  const bytes = encoder.encode(text);
  const rows = new Rows(Array.from({ length: 256 }, (_, byte) => byte));
  const less = rows.add(0, 0);
  const more = rows.add(2, 1);
  const states = [...bytes].map(() => rows.add(0, less));
  const whole = rows.add(1, more);
  for (const [i, byte] of bytes.entries()) {
    const state = states[i] as number;
    for (let other = 0; other < 256; other++) rows.lead(state, other, other < byte ? less : more);
    rows.lead(state, byte, states[i + 1] ?? whole);
  }
  return rows.machine(states[0] ?? whole);
}

/** Texts that begin with, end with or hold a text: the states are how much of it has just been read (Knuth, Morris, Pratt). */
export function machineOfPart(kind: string, text: string): TextMachine {
  const bytes = encoder.encode(text);
  const classOf = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  const size = bytes.length;
  const next = new Int32Array((size + 2) * 256);
  const labels = new Uint8Array(size + 2);
  labels[size] = 1;
  const dead = size + 1;
  next.fill(dead, dead * 256);
  // The state that the longest proper end of what was read leads to.
  let shorter = 0;
  for (let state = 0; state <= size; state++) {
    for (let byte = 0; byte < 256; byte++) {
      const back = kind === "starts" ? dead : state === 0 ? 0 : (next[shorter * 256 + byte] as number);
      next[state * 256 + byte] = back;
    }
    if (state === size) {
      if (kind !== "ends") next.fill(size, size * 256, size * 256 + 256);
      break;
    }
    const byte = bytes[state] as number;
    const follows = next[shorter * 256 + byte] as number;
    next[state * 256 + byte] = state + 1;
    if (state > 0) shorter = follows;
  }
  return withFewClasses({ classOf, classCount: 256, start: 0, next, labels });
}

/** Label n for a text of n code points, `most` for that many and more. */
export function machineOfLength(most: number): TextMachine {
  const classOf = new Uint8Array(256);
  // Class 1: bytes that go on with a code point.
  for (let byte = 0x80; byte < 0xc0; byte++) classOf[byte] = 1;
  const next: number[] = [];
  const labels: number[] = [];
  for (let length = 0; length <= most; length++) {
    next.push(Math.min(length + 1, most), length);
    labels.push(length);
  }
  return { classOf, classCount: 2, start: 0, next, labels };
}

/** The same machine for a text whose ASCII letters are first made lower, or upper, case. */
export function withCase(machine: TextMachine, to: "lower" | "upper"): TextMachine {
  const classOf = machine.classOf.slice();
  const [from, by] = to === "lower" ? [0x41, 0x20] : [0x61, -0x20];
  for (let byte = from; byte < from + 26; byte++) classOf[byte] = machine.classOf[byte + by] as number;
  return { ...machine, classOf };
}

function machineOfUtf8(): TextMachine {
  const rows = new Rows(Array.from({ length: 256 }, (_, byte) => byte));
  const start = rows.add(1, 1);
  const broken = rows.add(0, 1);
  const span = (from: number, low: number, high: number, to: number): void => {
    for (let byte = low; byte <= high; byte++) rows.lead(from, byte, to);
  };
  const tail = (low: number, high: number, to: number): number => {
    const state = rows.add(0, broken);
    span(state, low, high, to);
    return state;
  };
  const one = tail(0x80, 0xbf, start);
  const two = tail(0x80, 0xbf, one);
  span(start, 0, 0x7f, start);
  span(start, 0xc2, 0xdf, one);
  span(start, 0xe0, 0xe0, tail(0xa0, 0xbf, one));
  span(start, 0xe1, 0xec, two);
  span(start, 0xed, 0xed, tail(0x80, 0x9f, one));
  span(start, 0xee, 0xef, two);
  span(start, 0xf0, 0xf0, tail(0x90, 0xbf, two));
  span(start, 0xf1, 0xf3, tail(0x80, 0xbf, two));
  span(start, 0xf4, 0xf4, tail(0x80, 0x8f, two));
  return rows.machine(start);
}

/** The state of utf8Machine in which a text can be given up. */
export const UTF8_BROKEN = 1;

/** Label 1 for well-formed UTF-8; state 1 is where nothing can be well formed any more. */
export const utf8Machine: TextMachine = machineOfUtf8();
