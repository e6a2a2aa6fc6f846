// Last steps to a table that is the same, byte for byte, for the same pattern: classes that behave alike are joined,
// states are numbered in the order a breadth-first walk meets them. It must never change what is matched.

import type { ByteClasses } from "./byte-classes.ts";

export interface Columns {
  readonly classOf: Uint8Array;
  readonly classCount: number;
  /** one of the old classes for each new one */
  readonly from: readonly number[];
}

/** Joins classes whose columns are equal in all rows, numbering them in the order of their first byte. */
export function joinClasses(classes: ByteClasses, next: Int32Array, rowCount: number): Columns {
  const from: number[] = [];
  const joined: number[] = [];
  const candidates = new Map<number, number[]>();
  for (let column = 0; column < classes.count; column++) {
    let hash = 0;
    for (let row = 0; row < rowCount; row++) {
      hash = (Math.imul(hash, 0x01000193) ^ (next[row * classes.count + column] as number)) | 0;
    }
    const alike = candidates.get(hash) ?? [];
    const same = alike.find((other) => sameColumn(next, classes.count, rowCount, column, from[other] as number));
    if (same !== undefined) joined.push(same);
    else {
      joined.push(from.length);
      candidates.set(hash, [...alike, from.length]);
      from.push(column);
    }
  }
  const classOf = classes.classOf.map((old) => joined[old] as number);
  return { classOf, classCount: from.length, from };
}

function sameColumn(next: Int32Array, width: number, rowCount: number, a: number, b: number): boolean {
  for (let row = 0; row < rowCount; row++) if (next[row * width + a] !== next[row * width + b]) return false;
  return true;
}

/** States reachable from `start`, those in `fixed` first, the others in breadth-first order of `columns`. */
export function walkOrder(
  start: number,
  fixed: readonly number[],
  columns: readonly number[],
  target: (state: number, column: number) => number,
): number[] {
  const order = [...new Set([...fixed, start])];
  const seen = new Set(order);
  for (let i = fixed.length; i < order.length; i++) {
    for (const column of columns) {
      const to = target(order[i] as number, column);
      if (seen.has(to)) continue;
      seen.add(to);
      order.push(to);
    }
  }
  return order;
}
