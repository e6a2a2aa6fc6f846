// How long a policy takes for each of a list of requests: the same decisions again and again, each by itself on the clock,
// beside what it costs to decide nothing and to parse the same bytes. It judges no figure and writes nothing.
import { monotonicNs } from "../clock.ts";
import type { Policy, Verdict } from "../evaluator/types.ts";
import { Histogram, type Times } from "./histogram.ts";
import type { Sample } from "./traffic.ts";

/** Readings that tell what a reading itself takes. */
const CALIBRATION_ROUNDS = 20_000;
/** Part of the time that is for warming up: V8 compiles what it sees often. */
const WARMUP_SHARE = 0.2;
const WARMUP_MAX_NS = 500_000_000;

export interface MeasureOptions {
  /** Opened afresh for this: its counters are set back before each round. */
  readonly policy: Policy;
  /** A policy without conditions, for the floor. */
  readonly empty: Policy;
  readonly samples: readonly Sample[];
  /** Decisions on objects to be timed; null for as many as fit the time. */
  readonly iterations: number | null;
  readonly durationMs: number;
  onProgress?(done: number, total: number): void;
}

/** Times of some of the requests. */
export interface Part {
  readonly name: string;
  /** Requests of the list that it has. */
  readonly requests: number;
  readonly times: Times;
}

export interface RulePart extends Part {
  /** Index of the rule; null where no rule decided, and the code tells what did. */
  readonly rule: number | null;
  readonly code: string;
}

export interface Measured {
  /** decide on a parsed request. */
  readonly object: Histogram;
  /** decideJson on its bytes. */
  readonly json: Histogram;
  /** decide under the empty policy, and the bytes as text through JSON.parse. */
  readonly emptyPolicy: Times;
  readonly jsonParse: Times;
  readonly tools: readonly Part[];
  readonly rules: readonly RulePart[];
  /** How often each code comes up in one pass over the requests. */
  readonly codes: Readonly<Record<string, number>>;
  /** Tests of conditions, by request: the middle one of all, and the most. */
  readonly tests: { readonly typical: number; readonly most: number };
  readonly rounds: number;
  /** What a reading of the clock and an empty call took; it is taken off each time. */
  readonly clockNs: number;
  /** Bytes of the process's heap at the end, less those after warming up. */
  readonly heapGrowthBytes: number;
}

/** Throws RangeError where there are no samples. */
export function measure(options: MeasureOptions): Measured {
  const { policy, empty, samples } = options;
  if (samples.length === 0) throw new RangeError("there are no requests to measure");
  const begin = policy.snapshot();
  const rewind = (): void => policy.restore(begin);
  const verdicts = samples.map(({ request, now }) => policy.decide(request, { now }));
  rewind();
  const tests = testsOf(policy, samples);
  const groups = groupsOf(samples, verdicts);
  const ways: readonly Way[] = [
    { run: (i) => policy.decide(at(samples, i).request, at(samples, i)), into: new Histogram(), rewinds: true },
    { run: (i) => policy.decideJson(at(samples, i).bytes, at(samples, i)), into: new Histogram(), rewinds: true },
    { run: (i) => empty.decide(at(samples, i).request, at(samples, i)), into: new Histogram(), rewinds: false },
    { run: (i) => JSON.parse(at(samples, i).bytes.toString()), into: new Histogram(), rewinds: false },
  ];
  const clockNs = calibrate(samples.length);
  const round = (keep: boolean): void => {
    for (const [index, way] of ways.entries()) {
      if (way.rewinds && policy.info.stateful) rewind();
      turn(way, samples.length, clockNs, keep, index === 0 ? groups : null);
    }
  };
  const [object, json, emptyPolicy, jsonParse] = ways as [Way, Way, Way, Way];
  const warmNs = Math.min(WARMUP_MAX_NS, options.durationMs * 1e6 * WARMUP_SHARE);
  for (const start = monotonicNs(); Number(monotonicNs() - start) < warmNs; ) round(false);
  const heapBefore = process.memoryUsage().heapUsed;
  let rounds = 0;
  const start = monotonicNs();
  for (let isOver = false; !isOver; ) {
    round(true);
    rounds++;
    const elapsedMs = Number(monotonicNs() - start) / 1e6;
    const { iterations, durationMs } = options;
    isOver = iterations === null ? elapsedMs >= durationMs : object.into.count >= iterations;
    if (iterations === null) options.onProgress?.(Math.min(elapsedMs, durationMs), durationMs);
    else options.onProgress?.(Math.min(object.into.count, iterations), iterations);
  }
  rewind();
  const codes: Record<string, number> = {};
  for (const { code } of verdicts) codes[code] = (codes[code] ?? 0) + 1;
  return {
    object: object.into,
    json: json.into,
    emptyPolicy: emptyPolicy.into.times(),
    jsonParse: jsonParse.into.times(),
    tools: groups.tools.parts.map(({ name, requests, into }) => ({ name, requests, times: into.times() })),
    rules: groups.rules.parts.map(({ name, requests, rule, code, into }) => {
      return { name, requests, rule, code, times: into.times() };
    }),
    codes,
    tests,
    rounds,
    clockNs,
    heapGrowthBytes: process.memoryUsage().heapUsed - heapBefore,
  };
}

/** What is timed, and where its times go. */
interface Way {
  readonly run: (sample: number) => unknown;
  readonly into: Histogram;
  /** It moves the policy's counters. */
  readonly rewinds: boolean;
}

/** What runs return goes here, so that no call can be left out as useless. */
export let sink: unknown = null;

/** Every request once. */
function turn({ run, into }: Way, count: number, clockNs: number, keep: boolean, groups: Groups | null): void {
  for (let i = 0; i < count; i++) {
    const before = monotonicNs();
    sink = run(i);
    const ns = Number(monotonicNs() - before) - clockNs;
    if (!keep) continue;
    into.add(ns);
    groups?.tools.of[i]?.add(ns);
    groups?.rules.of[i]?.add(ns);
  }
}

/** The same loop around nothing: the median of what it takes. */
function calibrate(count: number): number {
  const into = new Histogram();
  const nothing: Way = { run: (i) => i, into, rewinds: false };
  for (let done = 0; done < CALIBRATION_ROUNDS; done += count)
    turn(nothing, count, 0, done * 4 > CALIBRATION_ROUNDS, null);
  if (into.count === 0) turn(nothing, count, 0, true, null);
  return into.percentile(0.5);
}

interface Group {
  readonly name: string;
  readonly rule: number | null;
  readonly code: string;
  readonly into: Histogram;
  requests: number;
}

interface Grouping {
  readonly parts: readonly Group[];
  /** By sample. */
  readonly of: readonly Histogram[];
}

interface Groups {
  readonly tools: Grouping;
  readonly rules: Grouping;
}

function groupsOf(samples: readonly Sample[], verdicts: readonly Verdict[]): Groups {
  return {
    tools: grouping(samples, ({ request }) => ({ name: request.tool_id, rule: null, code: "" })),
    rules: grouping(verdicts, ({ rule, rule_ref, code }) => {
      return { name: rule === null ? code : (rule_ref ?? `rule#${rule + 1}`), rule, code };
    }),
  };
}

/** The largest groups first. */
function grouping<T>(items: readonly T[], keyOf: (item: T) => Omit<Group, "into" | "requests">): Grouping {
  const groups = new Map<string, Group>();
  const of = items.map((item) => {
    const key = keyOf(item);
    const id = JSON.stringify([key.name, key.rule, key.code]);
    const group = groups.get(id) ?? { ...key, into: new Histogram(), requests: 0 };
    group.requests++;
    groups.set(id, group);
    return group.into;
  });
  return { parts: [...groups.values()].sort((a, b) => b.requests - a.requests || (a.name < b.name ? -1 : 1)), of };
}

function testsOf(policy: Policy, samples: readonly Sample[]): { typical: number; most: number } {
  const counts = samples
    .map(({ request, now }) => {
      const { rules } = policy.explain(request, { now });
      return rules.reduce((sum, { tests }) => sum + tests.length, 0);
    })
    .sort((a, b) => a - b);
  return { typical: counts[counts.length >> 1] ?? 0, most: counts.at(-1) ?? 0 };
}

function at(samples: readonly Sample[], index: number): Sample {
  const sample = samples[index];
  if (sample === undefined) throw new RangeError("no such request");
  return sample;
}
