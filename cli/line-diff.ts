// The lines in which two texts differ, with one line of what stands around them. Pure. Bounded: texts that differ in more
// than a few places are shown up to a limit, and what is left out is counted.

/** Insertions and deletions that are searched for together; beyond them a stretch counts as replaced whole. */
const editsMax = 400;
const contextLines = 1;

type Mark = " " | "-" | "+";
export interface DiffLine {
  readonly mark: Mark;
  readonly text: string;
  /** 1-based: in the text before for ` ` and `-`, in the one after for `+`. */
  readonly line: number;
}

/** Changed lines and their surroundings, in order; empty for equal texts. */
export function changedLines(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split("\n"), after.split("\n")];
  const lines = editScript(a, b);
  const near = new Set<number>();
  for (const [i, line] of lines.entries()) {
    if (line.mark === " ") continue;
    for (let at = i - contextLines; at <= i + contextLines; at++) near.add(at);
  }
  return lines.filter((_, i) => near.has(i));
}

function editScript(a: readonly string[], b: readonly string[]): DiffLine[] {
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const same = (from: number, to: number): DiffLine[] =>
    a.slice(from, to).map((text, i) => ({ mark: " ", text, line: from + i + 1 }));
  return [...same(0, start), ...middle(a, b, start, a.length - end, b.length - end), ...same(a.length - end, a.length)];
}

/** Myers' greedy search (An O(ND) Difference Algorithm, 1986) over what lies between the equal ends. */
function middle(a: readonly string[], b: readonly string[], start: number, endA: number, endB: number): DiffLine[] {
  const furthest = new Map<number, number>([[1, 0]]);
  const rounds: Map<number, number>[] = [];
  const [lengthA, lengthB] = [endA - start, endB - start];
  for (let edits = 0; edits <= Math.min(editsMax, lengthA + lengthB); edits++) {
    rounds.push(new Map(furthest));
    for (let k = -edits; k <= edits; k += 2) {
      let x = isDown(furthest, k, edits) ? (furthest.get(k + 1) ?? 0) : (furthest.get(k - 1) ?? 0) + 1;
      while (x < lengthA && x - k < lengthB && a[start + x] === b[start + x - k]) x++;
      furthest.set(k, x);
      if (x >= lengthA && x - k >= lengthB) return walkBack(a, b, start, rounds, lengthA, lengthB);
    }
  }
  return [
    ...a.slice(start, endA).map((text, i): DiffLine => ({ mark: "-", text, line: start + i + 1 })),
    ...b.slice(start, endB).map((text, i): DiffLine => ({ mark: "+", text, line: start + i + 1 })),
  ];
}

function isDown(furthest: ReadonlyMap<number, number>, k: number, edits: number): boolean {
  return k === -edits || (k !== edits && (furthest.get(k - 1) ?? 0) < (furthest.get(k + 1) ?? 0));
}

function walkBack(
  a: readonly string[],
  b: readonly string[],
  start: number,
  rounds: readonly ReadonlyMap<number, number>[],
  lengthA: number,
  lengthB: number,
): DiffLine[] {
  const lines: DiffLine[] = [];
  let [x, y] = [lengthA, lengthB];
  for (let edits = rounds.length - 1; edits >= 0; edits--) {
    const round = rounds[edits] ?? new Map<number, number>();
    const k = x - y;
    const down = isDown(round, k, edits);
    const fromX = edits === 0 ? 0 : (round.get(down ? k + 1 : k - 1) ?? 0);
    const fromY = edits === 0 ? 0 : fromX - (down ? k + 1 : k - 1);
    while (x > fromX && y > fromY) {
      lines.push({ mark: " ", text: a[start + --x] ?? "", line: start + x + 1 });
      y--;
    }
    if (edits === 0) break;
    if (down) lines.push({ mark: "+", text: b[start + --y] ?? "", line: start + y + 1 });
    else lines.push({ mark: "-", text: a[start + --x] ?? "", line: start + x + 1 });
  }
  return lines.reverse();
}
