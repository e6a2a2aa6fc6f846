// What a daemon under a soak holds: samples that it takes of itself after a full collection, and the line through them. It must never
// judge one sample alone.
import { existsSync, readFileSync } from "node:fs";

export interface Sample {
  readonly atMs: number;
  readonly rssBytes: number;
  /** the engine's heap with what hangs on it outside, but for the machines' memory */
  readonly heapBytes: number;
  /** memory of each machine that is alive, smallest first */
  readonly machineBytes: readonly number[];
}

/** Code that is loaded before the daemon, which runs with `--expose-gc`: a line of JSON in `file` every `everyMs`. */
export function samplerOf(file: string, everyMs: number): string {
  return `
import { appendFileSync } from "node:fs";
const alive = new Set();
const own = WebAssembly.Instance;
const kept = (instance) => {
  for (const one of Object.values(instance.exports)) if (one instanceof WebAssembly.Memory) alive.add(new WeakRef(one));
  return instance;
};
WebAssembly.Instance = new Proxy(own, { construct: (target, list) => kept(Reflect.construct(target, list)) });
const instantiate = WebAssembly.instantiate;
WebAssembly.instantiate = async (...list) => {
  const made = await instantiate(...list);
  kept(made.instance ?? made);
  return made;
};
setInterval(() => {
  globalThis.gc();
  const machineBytes = [];
  for (const reference of alive) {
    const memory = reference.deref();
    if (memory === undefined) alive.delete(reference);
    else machineBytes.push(memory.buffer.byteLength);
  }
  const { rss, heapUsed, external } = process.memoryUsage();
  machineBytes.sort((a, b) => a - b);
  const outside = external - machineBytes.reduce((sum, bytes) => sum + bytes, 0);
  const sample = { atMs: Date.now(), rssBytes: rss, heapBytes: heapUsed + outside, machineBytes };
  appendFileSync(${JSON.stringify(file)}, JSON.stringify(sample) + "\\n");
}, ${everyMs}).unref();
`;
}

/** The whole lines of a sampler's file. */
export function samplesOf(file: string): readonly Sample[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line) as Sample);
}

/** How much the least-squares line through `of` rises from the first sample to the last. */
export function riseOf(samples: readonly Sample[], of: (sample: Sample) => number): number {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined) return 0;
  const times = samples.map(({ atMs }) => atMs - first.atMs);
  const values = samples.map(of);
  const [meanTime, meanValue] = [meanOf(times), meanOf(values)];
  let [above, below] = [0, 0];
  for (const [index, time] of times.entries()) {
    above += (time - meanTime) * ((values[index] ?? meanValue) - meanValue);
    below += (time - meanTime) ** 2;
  }
  return below === 0 ? 0 : (above / below) * (last.atMs - first.atMs);
}

export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}
