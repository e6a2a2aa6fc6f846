// Numbers that between them give every answer that tests of a place can give. What a view computes from a number rises or
// falls all along, piece by piece, so its answers change at few doubles, and each of these is found exactly.
import { NUMBER_MAX, type Sample } from "./sample.ts";
import { type Test, type View, viewed } from "./test.ts";

/** A point, or the numbers strictly between two points; a bound is null where there is none. */
export interface Stretch {
  readonly low: number | null;
  readonly high: number | null;
  readonly isPoint: boolean;
  /** A number in it. */
  readonly sample: number;
}

/** Stretches that make up all numbers: both sides of every change are points, and between two of them nothing changes. */
export function stretchesOf(tests: readonly Test[]): Stretch[] {
  const critical = new Set<number>([0]);
  for (const test of tests)
    for (const x of changesOf(test)) if (Math.abs(x) <= NUMBER_MAX) critical.add(x === 0 ? 0 : x);
  const sorted = [...critical].sort((a, b) => a - b);
  const all: Stretch[] = [];
  const open = (low: number | null, high: number | null, sample: number | null): void => {
    if (sample !== null) all.push({ low, high, isPoint: false, sample });
  };
  open(null, sorted[0] ?? null, below(sorted[0] ?? 0));
  for (const [i, x] of sorted.entries()) {
    all.push({ low: x, high: x, isPoint: true, sample: x });
    const next = sorted[i + 1];
    open(x, next ?? null, next === undefined ? above(x) : inside(x, next));
  }
  return all;
}

/** Natural numbers up to `most`, at which an answer may differ from that of the number before; null when some lie beyond. */
export function lengthsOf(tests: readonly Test[], most: number): number[] | null {
  const changes = new Set<number>([0, 1]);
  for (const test of tests) {
    const at = test.views.findIndex(({ kind }) => kind === "length" || kind === "count");
    if (at < 0) continue;
    for (const x of changesOf({ ...test, views: test.views.slice(at + 1) })) {
      for (const n of [Math.floor(x), Math.ceil(x), Math.ceil(x) + 1]) {
        if (n > most) return null;
        if (n >= 0) changes.add(n);
      }
    }
  }
  return [...changes].sort((a, b) => a - b);
}

/** Doubles on either side of each change of the test's answer; the text's own constants where nothing is computed. */
function changesOf({ views, question }: Test): number[] {
  const constants = constantsOf(question);
  if (views.some(({ kind }) => kind !== "negate" && kind !== "arithmetic")) return [];
  if (views.length === 0) return constants;
  const changes: number[] = [];
  for (const [low, high] of pieces(views)) {
    const predicates: ((value: Sample) => boolean)[] = [(value) => value.kind === "number"];
    for (const constant of constants) {
      predicates.push((value) => value.kind === "number" && value.value < constant);
      predicates.push((value) => value.kind === "number" && value.value <= constant);
    }
    changes.push(low, high);
    for (const holds of predicates) changes.push(...turns(low, high, (x) => holds(through(views, x))));
  }
  return changes;
}

function constantsOf(question: Test["question"]): number[] {
  const values =
    question.kind === "equal" || question.kind === "less"
      ? [question.value]
      : question.kind === "member"
        ? question.items
        : [];
  return values.flatMap((value) => (value.kind === "number" ? [value.value] : []));
}

function through(views: readonly View[], x: number): Sample {
  return views.reduce<Sample>((value, view) => viewed(view, value), { kind: "number", value: x });
}

/** Stretches on which every view rises or falls: a division by what is computed turns where that is zero. */
function pieces(views: readonly View[]): [number, number][] {
  const cuts = new Set<number>([-NUMBER_MAX, NUMBER_MAX]);
  for (const [i, view] of views.entries()) {
    if (view.kind !== "arithmetic" || view.operator !== "/" || !view.reversed) continue;
    const before = views.slice(0, i);
    for (const [low, high] of pieces(before)) {
      for (const side of [(x: number) => x < 0, (x: number) => x <= 0]) {
        const found = turns(low, high, (x) => {
          const value = through(before, x);
          return value.kind === "number" && side(value.value);
        });
        for (const x of found) cuts.add(x);
      }
    }
  }
  const sorted = [...cuts].sort((a, b) => a - b);
  return sorted.slice(1).map((high, i) => [sorted[i] as number, high]);
}

/** The two neighbouring doubles between which a condition that changes at most once changes; none where it does not. */
function turns(low: number, high: number, holds: (x: number) => boolean): number[] {
  const atLow = holds(low);
  if (atLow === holds(high)) return [];
  let [a, b] = [positionOf(low), positionOf(high)];
  while (b - a > 1n) {
    const middle = (a + b) / 2n;
    if (holds(doubleAt(middle)) === atLow) a = middle;
    else b = middle;
  }
  return [doubleAt(a), doubleAt(b)];
}

const float = new Float64Array(1);
const bits = new BigInt64Array(float.buffer);

/** Doubles in order, as integers in order. */
function positionOf(x: number): bigint {
  float[0] = x === 0 ? 0 : x;
  const word = bits[0] as bigint;
  return word >= 0n ? word : -(word & 0x7fff_ffff_ffff_ffffn);
}

function doubleAt(position: bigint): number {
  bits[0] = position >= 0n ? position : -position;
  const size = float[0] as number;
  return position >= 0n ? size : -size;
}

export const nextDouble = (x: number): number => doubleAt(positionOf(x) + 1n);
export const previousDouble = (x: number): number => doubleAt(positionOf(x) - 1n);
export const areNeighbours = (a: number, b: number): boolean => nextDouble(a) >= b;

/** A number strictly between the two, a round one where there is one. */
function inside(a: number, b: number): number | null {
  const middle = a + (b - a) / 2;
  for (const digits of [1e3, 1e2, 10, 1]) {
    const round = Math.round(middle / digits) * digits;
    if (a < round && round < b) return round;
  }
  if (a < middle && middle < b) return middle;
  const next = nextDouble(a);
  return next < b ? next : null;
}

function below(x: number): number | null {
  const round = Math.ceil(x) - 1;
  return round >= -NUMBER_MAX ? round : null;
}

function above(x: number): number | null {
  const round = Math.floor(x) + 1;
  return round > x && round <= NUMBER_MAX ? round : null;
}
