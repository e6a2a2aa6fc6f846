// Which bytes a machine need not tell apart. Classes here are runs of neighbouring bytes; merging runs that behave
// alike comes after minimisation. It must never split less than conditions need.

import type { Nfa } from "./nfa.ts";

export interface ByteClasses {
  readonly classOf: Uint8Array;
  readonly count: number;
  /** first byte of each class */
  readonly first: readonly number[];
}

const NEWLINE: readonly number[] = [0x0a, 0x0b];
const WORD_BOUNDS: readonly number[] = [0x30, 0x3a, 0x41, 0x5b, 0x5f, 0x60, 0x61, 0x7b];
const CONTINUATION_BOUNDS: readonly number[] = [0x80, 0xc0];

export function byteClasses(nfa: Nfa): ByteClasses {
  const cuts = new Uint8Array(257);
  const cut = (bounds: readonly number[]): void => {
    for (const bound of bounds) cuts[bound] = 1;
  };
  for (const node of nfa.nodes) {
    if (node.kind === "bytes") for (const { lo, hi } of node.steps) cut([lo, hi + 1]);
    if (node.kind !== "condition") continue;
    if (node.assertion === "beginLine" || node.assertion === "endLine") cut(NEWLINE);
    if (node.assertion === "wordBoundary" || node.assertion === "notWordBoundary") {
      cut(WORD_BOUNDS);
      cut(CONTINUATION_BOUNDS);
    }
  }
  const classOf = new Uint8Array(256);
  const first = [0];
  for (let byte = 1; byte < 256; byte++) {
    if (cuts[byte] === 1) first.push(byte);
    classOf[byte] = first.length - 1;
  }
  return { classOf, count: first.length, first };
}
