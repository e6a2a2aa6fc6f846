// The soak of half an hour (FARAMESH_SOAK_SECONDS): once the daemon's bounded tables are full, what it holds stays as it is. A seed of the
// day's own unless FARAMESH_SEED names one.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { assertSoak, wordsOf } from "../soak/assert-soak.ts";
import { riseOf, type Sample } from "../soak/memory.ts";
import { soak } from "../soak/soak.ts";

const SECONDS_DEFAULT = 1800;
const seconds = Number(process.env.FARAMESH_SOAK_SECONDS ?? SECONDS_DEFAULT);
const seed = Number(process.env.FARAMESH_SEED ?? Date.now() % 1_000_000_000);

/** Calls are remembered for a minute; the latest 65,536 permits take longer to come together where the machine is busy. */
const warmUpMs = Math.max(120_000, seconds * 200);
/** What a moment of collecting and keeping a snapshot moves by itself; a table that is not bounded is far more. */
const heapRiseBytesMax = 32 * 1024 * 1024;
/** What the system counts also holds what the engine has not given back yet. */
const rssRiseBytesMax = 64 * 1024 * 1024;

test(`A25 H01 G04 F03 ${seconds} s at full load: as much memory at the end as after the warm-up, and the log verifies`, async () => {
  process.stdout.write(`seed ${seed}\n`);
  const timing = { durationMs: seconds * 1000, sampleMs: 2000, deskMs: 100, swapMs: 4000, pruneMs: 60_000 };
  const outcome = await soak({ ...timing, seed });
  process.stdout.write(`${wordsOf(outcome)}\n`);
  const began = outcome.samples[0]?.atMs ?? 0;
  const samples = outcome.samples.filter(({ atMs }) => atMs - began > warmUpMs);
  const held = samples.filter((_, index) => index % 10 === 0);
  const series = held.map(({ rssBytes, heapBytes }) => `${rssBytes >> 20}/${heapBytes >> 20}`);
  process.stdout.write(`after the warm-up, rss/heap in MiB: ${series.join(" ")}\n`);
  assertSoak(outcome);
  assert.ok(samples.length >= 10, "too short to say anything of memory");
  const rise = (of: (sample: Sample) => number): number => riseOf(samples, of);
  assert.ok(rise(({ heapBytes }) => heapBytes) <= heapRiseBytesMax, "the heap grows");
  assert.ok(rise(({ rssBytes }) => rssBytes) <= rssRiseBytesMax, "the process grows");
});

test.run();
