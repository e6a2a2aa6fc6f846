// Sets of code points as sorted, disjoint, non-touching inclusive pairs [lo, hi, lo, hi, …].
// It knows nothing of patterns or of UTF-8, and never changes a set that it was given.

export type Ranges = readonly number[];

export const MAX_CODE_POINT = 0x10ffff;
export const NOTHING: Ranges = [];
export const EVERYTHING: Ranges = [0, MAX_CODE_POINT];

/** The set of any pairs, in whatever order and however overlapping. */
export function toRanges(pairs: readonly number[]): Ranges {
  const order: [number, number][] = [];
  for (let i = 0; i + 1 < pairs.length; i += 2) order.push([pairs[i] as number, pairs[i + 1] as number]);
  order.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const out: number[] = [];
  for (const [lo, hi] of order) {
    const end = out.at(-1);
    if (end !== undefined && lo <= end + 1) out[out.length - 1] = Math.max(end, hi);
    else out.push(lo, hi);
  }
  return out;
}

/** Every code point that is not in the set. */
export function negate(set: Ranges): Ranges {
  const out: number[] = [];
  let from = 0;
  for (let i = 0; i < set.length; i += 2) {
    const lo = set[i] as number;
    if (lo > from) out.push(from, lo - 1);
    from = (set[i + 1] as number) + 1;
  }
  if (from <= MAX_CODE_POINT) out.push(from, MAX_CODE_POINT);
  return out;
}

export function contains(set: Ranges, codePoint: number): boolean {
  let low = 0;
  let high = set.length / 2 - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    if (codePoint < (set[2 * middle] as number)) high = middle - 1;
    else if (codePoint > (set[2 * middle + 1] as number)) low = middle + 1;
    else return true;
  }
  return false;
}
