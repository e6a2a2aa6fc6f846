// A partition of 0..count-1 that is refined by marking: the elements of a set stay neighbours in one array, so that
// splitting costs only what was marked. It must never join sets again.
// After A. Valmari, "Fast brief practical DFA minimization", Information Processing Letters 112 (2012).

export class Partition {
  setCount: number;
  /** members, set by set; set s holds positions first[s] .. past[s] - 1 */
  readonly members: Int32Array;
  readonly setOf: Int32Array;
  readonly first: Int32Array;
  readonly past: Int32Array;
  private readonly position: Int32Array;
  private readonly markedIn: Int32Array;
  private touched: number[] = [];

  /** One set of all; or, given ascending boundaries of an order of the members, one set for each stretch. */
  constructor(count: number, order?: Int32Array, starts?: readonly number[]) {
    this.members = order ?? Int32Array.from({ length: count }, (_, i) => i);
    this.setOf = new Int32Array(count);
    this.position = new Int32Array(count);
    this.first = new Int32Array(count + 1);
    this.past = new Int32Array(count + 1);
    this.markedIn = new Int32Array(count + 1);
    const bounds = starts ?? (count > 0 ? [0] : []);
    this.setCount = bounds.length;
    bounds.forEach((start, set) => {
      this.first[set] = start;
      this.past[set] = bounds[set + 1] ?? count;
      for (let i = start; i < (this.past[set] as number); i++) this.setOf[this.members[i] as number] = set;
    });
    for (let i = 0; i < count; i++) this.position[this.members[i] as number] = i;
  }

  /** Moves an unmarked element among the marked ones of its set; each element is marked once between splits. */
  mark(element: number): void {
    const set = this.setOf[element] as number;
    const marked = this.markedIn[set] as number;
    const from = this.position[element] as number;
    const to = (this.first[set] as number) + marked;
    if (from < to) return;
    const other = this.members[to] as number;
    this.members[from] = other;
    this.position[other] = from;
    this.members[to] = element;
    this.position[element] = to;
    this.markedIn[set] = marked + 1;
    if (marked === 0) this.touched.push(set);
  }

  /** Parts the marked from the unmarked in every touched set; the smaller half becomes a new set. */
  split(): void {
    for (const set of this.touched) {
      const first = this.first[set] as number;
      const past = this.past[set] as number;
      const middle = first + (this.markedIn[set] as number);
      this.markedIn[set] = 0;
      if (middle === past) continue;
      const fresh = this.setCount++;
      if (middle - first <= past - middle) {
        this.first[fresh] = first;
        this.past[fresh] = middle;
        this.first[set] = middle;
      } else {
        this.first[fresh] = middle;
        this.past[fresh] = past;
        this.past[set] = middle;
      }
      for (let i = this.first[fresh] as number; i < (this.past[fresh] as number); i++) {
        this.setOf[this.members[i] as number] = fresh;
      }
    }
    this.touched = [];
  }
}
