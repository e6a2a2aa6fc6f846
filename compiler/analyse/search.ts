// Calls that are worth trying where an answer hangs on what regions cannot see: a sum of two arguments, one compared with another.
// It proposes and claims nothing: each call is for others to put to the machine. The same set always gives the same calls.
import type { Space } from "./decision.ts";
import { NEVER, type Node } from "./diagram.ts";
import { PATH_CALLS_MAX, SEARCH_CALLS_MAX, SEARCHED_PATHS_MAX } from "./limits.ts";
import type { Holder } from "./place.ts";
import type { Reads } from "./reads.ts";
import type { Region } from "./regions.ts";
import { type Constant, NUMBER_MAX, type Sample } from "./sample.ts";
import { answer } from "./test.ts";
import type { ToolClass } from "./tool-classes.ts";
import { likingOf, type Witness, witnessFrom } from "./witness.ts";

/** Constants that are put together with each other. */
const FEW = 6;

/** Members of the longest list that is tried. */
const LIST_ITEMS = 3;

/** A region for each level that the set asks about before it comes to what cannot be seen. */
type Path = ReadonlyMap<number, Region>;

/** What is left of the work, counted up to `SEARCH_CALLS_MAX`. */
export interface SearchBudget {
  calls: number;
}

/** The first call near the set that whoever executes it accepts; null where none is found among those that were tried. */
export function searchCall(
  space: Space,
  set: Node,
  { agent, tools, budget }: { readonly agent: string | null; readonly tools: ToolClass; readonly budget: SearchBudget },
  accepts: (call: Witness) => boolean,
): { readonly call: Witness | null; readonly tried: number } {
  let tried = 0;
  for (const call of callsToTry(space, set, agent, tools)) {
    if (budget.calls === SEARCH_CALLS_MAX) break;
    budget.calls++;
    tried++;
    if (accepts(call)) return { call, tried };
  }
  return { call: null, tried };
}

/** Nothing where the set hangs on nothing that a call can show. */
function* callsToTry(space: Space, set: Node, agent: string | null, tools: ToolClass): Generator<Witness> {
  const { holders, constants, hasRemainder } = readIn(space, set);
  if (holders.length === 0) return;
  const levels = holders.map((holder) => space.places.findIndex((place) => sameHolder(place.holder, holder)));
  const known = levels.flatMap((level) => (space.regions[level] ?? []).map(({ sample }) => sample));
  const values = valuesOf([...constants, ...known.filter(isConstant)], hasRemainder);
  for (const path of pathsOf(space, set)) {
    const pools = levels.map((level) => poolOf(space, level, path.get(level), values));
    const fixed = [...path].map(([level, { sample }]) => [space.places[level]?.holder, sample] as const);
    for (const chosen of combinations(pools)) {
      const read = holders.map((holder, i) => [holder, chosen[i] ?? null] as const);
      yield witnessFrom([...fixed, ...read.filter(([, sample]) => sample !== null)], agent, tools);
    }
  }
}

/** What the places that cannot be seen read, of those that the set hangs on. */
function readIn({ diagrams, places }: Space, set: Node): Reads {
  const holders: Holder[] = [];
  const constants: Constant[] = [];
  let hasRemainder = false;
  const seen = new Set<Node>();
  const levels = new Set<number>();
  const open = [set];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    const children = diagrams.childrenOf(node);
    if (children.length === 0 || seen.has(node)) continue;
    seen.add(node);
    levels.add(diagrams.dimensionOf(node));
    open.push(...children);
  }
  for (const level of [...levels].sort((a, b) => a - b)) {
    const { reads } = places[level] ?? {};
    if (reads === undefined) continue;
    constants.push(...reads.constants);
    hasRemainder ||= reads.hasRemainder;
    for (const holder of reads.holders)
      if (isShown(holder) && !holders.some((one) => sameHolder(one, holder))) holders.push(holder);
  }
  return { holders, constants, hasRemainder };
}

/** Whether a call can be made to hold a value there. */
function isShown(holder: Holder): boolean {
  return "path" in holder || holder.kind === "purpose" || holder.kind === "session" || holder.kind === "model";
}

function sameHolder(a: Holder, b: Holder): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The most plausible first, at most `SEARCHED_PATHS_MAX`. */
function pathsOf({ diagrams, places, regions }: Space, set: Node): Path[] {
  const paths: Path[] = [];
  const walk = (node: Node, path: Path): void => {
    if (paths.length === SEARCHED_PATHS_MAX || node === NEVER) return;
    const children = diagrams.childrenOf(node);
    const level = diagrams.dimensionOf(node);
    // What cannot be seen comes last, and a set that is not empty has calls there.
    if (children.length === 0 || places[level]?.holder.kind === "nowhere") {
      paths.push(path);
      return;
    }
    const liking = likingOf(places[level]);
    const ordered = (regions[level] ?? []).map((region, i) => ({ region, child: children[i] as Node }));
    ordered.sort((a, b) => liking(b.region.sample) - liking(a.region.sample));
    for (const { region, child } of ordered) walk(child, new Map([...path, [level, region]]));
  };
  walk(set, new Map());
  return paths;
}

function isConstant(sample: Sample): sample is Constant {
  return sample.kind === "number" || sample.kind === "text" || sample.kind === "bool" || sample.kind === "null";
}

/** What lies at, beside and between the constants, numbers and texts by turns, the likeliest first. */
function valuesOf(constants: readonly Constant[], hasRemainder: boolean): readonly Sample[] {
  const ofNumbers = numbersOf(
    distinct(constants.flatMap((one) => (one.kind === "number" ? [one.value] : []))),
    hasRemainder,
  );
  const texts = constants.flatMap((one) => (one.kind === "text" ? [one.value] : []));
  const cases = [...texts, "a"].flatMap((text) => [text.toUpperCase(), text.toLowerCase()]);
  const ofTexts = distinct([...texts, "a", "b", ...cases, ...texts.map((text) => `${text}a`)]);
  const mostlyNumbers = texts.length === 0 && constants.some(({ kind }) => kind === "number");
  const samples: Sample[] = [];
  for (let i = 0; i < Math.max(ofNumbers.length, ofTexts.length); i++) {
    const [number, text] = [ofNumbers[i], mostlyNumbers ? undefined : ofTexts[i]];
    if (number !== undefined) samples.push({ kind: "number", value: number });
    if (text !== undefined) samples.push({ kind: "text", value: text });
  }
  const items = samples.slice(0, LIST_ITEMS);
  const lists = Array.from(
    { length: LIST_ITEMS + 1 },
    (_, length): Sample => ({ kind: "list", items: items.slice(0, length) }),
  );
  return [...samples, { kind: "bool", value: true }, { kind: "bool", value: false }, ...lists];
}

function numbersOf(constants: readonly number[], hasRemainder: boolean): number[] {
  const few = constants.slice(0, FEW);
  const pairs = few.flatMap((a) => few.map((b) => [a, b] as const));
  const remainders = !hasRemainder
    ? []
    : pairs.flatMap(([m, r]) => few.flatMap((n) => [n - (n % m) + r, n - (n % m) + m + r]));
  const beside = constants.flatMap((n) => [n + 1, n - 1]);
  const between = pairs.flatMap(([a, b]) => [a + b, a - b, a / 2, a * b, a / b]);
  return distinct([...constants, 1, 0, ...remainders, ...beside, 2, -1, ...between, 10, 1000]).filter(
    (n) => Number.isFinite(n) && Math.abs(n) <= NUMBER_MAX,
  );
}

function distinct<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

/** Values for one place that stay in its region; null leaves it as the path has it. */
function poolOf(
  space: Space,
  level: number,
  region: Region | undefined,
  samples: readonly Sample[],
): (Sample | null)[] {
  if (region === undefined) return [...samples, null];
  const { tests } = space.places[level] ?? { tests: [] };
  const stays = (sample: Sample): boolean => tests.every((test, i) => answer(test, sample) === region.answers[i]);
  return [...samples.filter(stays), null];
}

/** One of each pool, at most `PATH_CALLS_MAX` together; the first of each pool first. */
function* combinations(pools: readonly (readonly (Sample | null)[])[]): Generator<readonly (Sample | null)[]> {
  const each = Math.max(2, Math.floor(PATH_CALLS_MAX ** (1 / pools.length)));
  const cut = pools.map((pool) => (pool.length <= each ? pool : [...pool.slice(0, each - 1), null]));
  const total = Math.min(
    PATH_CALLS_MAX,
    cut.reduce((product, pool) => product * pool.length, 1),
  );
  for (let n = 0; n < total; n++) {
    let rest = n;
    yield cut.map((pool) => {
      const one = pool[rest % pool.length] ?? null;
      rest = Math.floor(rest / pool.length);
      return one;
    });
  }
}
