// Times in nanoseconds, counted in classes that grow with them: memory is constant however many are taken, and a
// percentile is at most a thirty-second above the truth. It never forgets the longest.

/** Classes of each power of two. Times below this are exact. */
const STEPS = 32;
const STEP_BITS = 5;
/** 2^42 ns is more than an hour. */
const OCTAVES = 38;

export interface Times {
  readonly count: number;
  readonly meanNs: number;
  readonly p50Ns: number;
  readonly p90Ns: number;
  readonly p99Ns: number;
  readonly p999Ns: number;
  readonly maxNs: number;
}

/** Times from `fromNs` to below `toNs`. */
export interface Bar {
  readonly fromNs: number;
  readonly toNs: number;
  readonly count: number;
}

export class Histogram {
  readonly #counts = new Float64Array(STEPS * (OCTAVES + 1));
  #count = 0;
  #sum = 0;
  #max = 0;

  get count(): number {
    return this.#count;
  }

  add(ns: number): void {
    const time = Math.max(0, Math.round(ns));
    const index = Math.min(classOf(time), this.#counts.length - 1);
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#count++;
    this.#sum += time;
    if (time > this.#max) this.#max = time;
  }

  /** The smallest time that `share` of all times (0 to 1) do not pass, rounded up to its class. 0 when there is none. */
  percentile(share: number): number {
    let left = Math.ceil(this.#count * share);
    for (const [index, count] of this.#counts.entries()) {
      left -= count;
      if (left <= 0 && count > 0) return Math.min(firstOf(index + 1) - 1, this.#max);
    }
    return this.#max;
  }

  times(): Times {
    return {
      count: this.#count,
      meanNs: this.#count === 0 ? 0 : this.#sum / this.#count,
      p50Ns: this.percentile(0.5),
      p90Ns: this.percentile(0.9),
      p99Ns: this.percentile(0.99),
      p999Ns: this.percentile(0.999),
      maxNs: this.#max,
    };
  }

  /** Four bars to a power of two, from the first that holds anything to the last. */
  bars(): Bar[] {
    const perBar = STEPS / 4;
    const bars: Bar[] = [];
    for (let index = 0; index < this.#counts.length; index += perBar) {
      const count = this.#counts.subarray(index, index + perBar).reduce((sum, one) => sum + one, 0);
      bars.push({ fromNs: firstOf(index), toNs: firstOf(index + perBar), count });
    }
    const first = bars.findIndex(({ count }) => count > 0);
    return first < 0 ? [] : bars.slice(first, bars.findLastIndex(({ count }) => count > 0) + 1);
  }
}

/** Classes of width one below STEPS, then STEPS of them to each doubling. */
function classOf(time: number): number {
  if (time < STEPS) return time;
  const octave = Math.floor(Math.log2(time)) - STEP_BITS;
  return STEPS * (octave + 1) + Math.floor(time / 2 ** octave) - STEPS;
}

/** The smallest time of a class. */
function firstOf(index: number): number {
  const octave = Math.floor(index / STEPS) - 1;
  return octave < 0 ? index : (STEPS + (index % STEPS)) * 2 ** octave;
}
