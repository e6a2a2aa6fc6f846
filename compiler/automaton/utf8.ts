// A set of code points as a small deterministic machine over the bytes of their UTF-8 encodings (RFC 3629).
// It must never accept bytes that are not the shortest encoding of one code point of the set.

import type { Ranges } from "./ranges.ts";

/** A step: any byte lo..hi leads to node `to` of the same machine, or to DONE. */
export interface ByteStep {
  readonly lo: number;
  readonly hi: number;
  readonly to: number;
}
export const DONE = -1;

/** Nodes refer only to nodes before them; the last node is where a character begins. */
export type Utf8Machine = readonly (readonly ByteStep[])[];

/** Sequences of byte ranges of equal length. */
type ByteRanges = readonly (readonly [lo: number, hi: number])[];

/** First and last code point for each length, without the surrogates, which have no encoding. */
const LENGTHS: readonly (readonly [first: number, last: number, bytes: number])[] = [
  [0x0, 0x7f, 1],
  [0x80, 0x7ff, 2],
  [0x800, 0xd7ff, 3],
  [0xe000, 0xffff, 3],
  [0x10000, 0x10ffff, 4],
];
const LEAD_MARKS: readonly number[] = [0, 0x00, 0xc0, 0xe0, 0xf0];

export function utf8Machine(set: Ranges): Utf8Machine {
  const sequences: ByteRanges[] = [];
  for (let i = 0; i < set.length; i += 2) {
    for (const [first, last, bytes] of LENGTHS) {
      const lo = Math.max(first, set[i] as number);
      const hi = Math.min(last, set[i + 1] as number);
      if (lo <= hi) split(lo, hi, bytes, sequences);
    }
  }
  const nodes: ByteStep[][] = [];
  build(sequences, 0, nodes, new Map());
  return nodes;
}

/** Cuts lo..hi until every part is a product of byte ranges: all its tails are full, or its heads are one byte. */
function split(lo: number, hi: number, bytes: number, out: ByteRanges[]): void {
  for (let shift = 6; shift < 6 * bytes; shift += 6) {
    const tail = (1 << shift) - 1;
    if ((lo & ~tail) === (hi & ~tail)) break;
    if ((lo & tail) !== 0) {
      split(lo, lo | tail, bytes, out);
      split((lo | tail) + 1, hi, bytes, out);
      return;
    }
    if ((hi & tail) !== tail) {
      split(lo, (hi & ~tail) - 1, bytes, out);
      split(hi & ~tail, hi, bytes, out);
      return;
    }
  }
  const from = encode(lo, bytes);
  out.push(encode(hi, bytes).map((byte, i) => [from[i] as number, byte] as const));
}

function encode(point: number, bytes: number): number[] {
  const out = [(LEAD_MARKS[bytes] as number) | (point >> (6 * (bytes - 1)))];
  for (let shift = 6 * (bytes - 2); shift >= 0; shift -= 6) out.push(0x80 | ((point >> shift) & 0x3f));
  return out;
}

/**
 * The node for sorted sequences from byte `depth` on. Sequences that share a head byte have that one byte alone as
 * head, so heads are equal or disjoint, and grouping neighbours makes the machine deterministic. Equal nodes are shared.
 */
function build(
  sequences: readonly ByteRanges[],
  depth: number,
  nodes: ByteStep[][],
  seen: Map<string, number>,
): number {
  const steps: ByteStep[] = [];
  for (let i = 0; i < sequences.length; ) {
    const [lo, hi] = (sequences[i] as ByteRanges)[depth] as readonly [number, number];
    let end = i;
    while (end < sequences.length && sequences[end]?.[depth]?.[0] === lo) end++;
    const group = sequences.slice(i, end);
    const to = (group[0] as ByteRanges).length === depth + 1 ? DONE : build(group, depth + 1, nodes, seen);
    const before = steps.at(-1);
    if (before !== undefined && before.to === to && before.hi + 1 === lo) {
      steps[steps.length - 1] = { lo: before.lo, hi, to };
    } else steps.push({ lo, hi, to });
    i = end;
  }
  const key = steps.map((step) => `${step.lo}-${step.hi}>${step.to}`).join();
  // The outermost node must come last, so it is never shared; nothing inside can equal it anyway.
  const same = depth > 0 ? seen.get(key) : undefined;
  if (same !== undefined) return same;
  nodes.push(steps);
  seen.set(key, nodes.length - 1);
  return nodes.length - 1;
}
