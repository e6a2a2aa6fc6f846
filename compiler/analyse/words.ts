// A set of calls in words: `amount in [250, 500), currency is "EUR"`. Each line is one stretch of the set, places joined by
// commas; values of a place are ranges of numbers, texts by their tests, and kinds.

import type { Space } from "./decision.ts";
import { ALWAYS, NEVER, type Node } from "./diagram.ts";
import { areNeighbours, nextDouble, previousDouble, type Stretch } from "./number-regions.ts";
import type { Place } from "./place.ts";
import type { Region } from "./regions.ts";
import { type Constant, NUMBER_MAX, type Sample } from "./sample.ts";
import type { Test, View } from "./test.ts";

export interface Described {
  /** Stretches, each "amount in [250, 500), to missing"; "" where nothing is asked. */
  readonly lines: readonly string[];
  /** True when there are more than were asked for. */
  readonly isCut: boolean;
}

/** At most `most` stretches of the set. */
export function describe(space: Space, set: Node, most: number): Described {
  const { diagrams } = space;
  const lines: string[] = [];
  let isCut = false;
  const walk = (node: Node, parts: readonly string[]): void => {
    if (node === NEVER || isCut) return;
    if (node === ALWAYS) {
      if (lines.length === most) isCut = true;
      else lines.push(parts.join(", "));
      return;
    }
    const level = diagrams.dimensionOf(node);
    const groups = new Map<Node, number[]>();
    for (const [i, child] of diagrams.childrenOf(node).entries()) {
      if (child !== NEVER) groups.set(child, [...(groups.get(child) ?? []), i]);
    }
    for (const [child, chosen] of groups) {
      const words = valuesWords(space.places[level] as Place, space.regions[level] ?? [], chosen);
      walk(child, words === "" ? parts : [...parts, words]);
    }
  };
  walk(set, []);
  return { lines, isCut };
}

const kindWords: Readonly<Record<Sample["kind"], string>> = {
  missing: "missing",
  unknown: "undecided",
  null: "null",
  bool: "true or false",
  number: "a number",
  text: "text",
  list: "a list",
  object: "an object",
};

const noneWords: Readonly<Record<Sample["kind"], string>> = {
  missing: "there",
  unknown: "decided",
  null: "not null",
  bool: "neither true nor false",
  number: "no number",
  text: "no text",
  list: "no list",
  object: "no object",
};

/** What the chosen regions of a place have in common, in words. */
function valuesWords(place: Place, regions: readonly Region[], chosen: readonly number[]): string {
  if (chosen.length === regions.length) return "";
  const here = new Set(chosen.map((i) => regions[i] as Region));
  if (place.holder.kind === "rollout") return rolloutWords(place.holder.name, here);
  const isNumeric = [...here].some(({ stretches }) => stretches.length > 0);
  const asked = isNumeric ? null : testedWords(place, regions, here);
  return `${place.words} ${asked ?? kindParts(place, regions, here).join(" or ")}`;
}

/** A rollout runs or does not. */
function rolloutWords(name: string, here: ReadonlySet<Region>): string {
  const runs = [...here].some(({ sample }) => sample.kind === "bool" && sample.value);
  return `the rollout ${name} ${runs ? "runs" : "does not run"}`;
}

/** Kinds that are in it as a whole by their names, the others by what of them is in it. */
function kindParts(place: Place, regions: readonly Region[], here: ReadonlySet<Region>): string[] {
  const kinds = [...new Set(regions.map(({ sample }) => sample.kind))];
  const of = (kind: Sample["kind"]): Region[] => regions.filter(({ sample }) => sample.kind === kind);
  const whole = kinds.filter((kind) => of(kind).every((region) => here.has(region)));
  const parts = kinds.flatMap((kind) => {
    const all = of(kind);
    const chosen = all.filter((region) => here.has(region));
    return chosen.length === 0 || chosen.length === all.length ? [] : partWords(place, all, chosen);
  });
  const others = kinds.filter((kind) => !whole.includes(kind));
  const [other] = others;
  if (whole.length > 2 && others.length === 1 && other !== undefined) return [...parts, noneWords[other]];
  return [...parts, ...whole.map((kind) => kindWords[kind])];
}

function partWords(place: Place, all: readonly Region[], chosen: readonly Region[]): string[] {
  if (chosen.some(({ stretches }) => stretches.length > 0)) return ranges(chosen);
  const tested = testedWords(place, all, new Set(chosen));
  if (tested === null) return chosen.map(({ sample }) => sampleWords(sample));
  return [`${all[0]?.sample.kind === "list" ? "a list, " : ""}${tested}`];
}

/** One test, or two, that hold for the chosen regions and for no other; null where there are none. */
function testedWords(place: Place, all: readonly Region[], chosen: ReadonlySet<Region>): string | null {
  const sides = place.tests.flatMap((test, i) => [
    { words: testWords(test), holds: (region: Region) => region.answers[i] === true },
    { words: `not ${testWords(test)}`, holds: (region: Region) => region.answers[i] === false },
  ]);
  const isThem = (holds: (region: Region) => boolean): boolean =>
    all.every((region) => holds(region) === chosen.has(region));
  const one = sides.find(({ holds }) => isThem(holds));
  if (one !== undefined) return one.words;
  if (sides.length > SIDES_TRIED_MAX) return null;
  for (const a of sides) {
    for (const b of sides) {
      if (isThem((region) => a.holds(region) && b.holds(region))) return `${a.words} and ${b.words}`;
    }
  }
  return null;
}

/** Tests of one place, and their negations, of which pairs are tried as words. */
const SIDES_TRIED_MAX = 64;

function testWords({ views, question }: Test): string {
  const seen = views.map(viewWords).join("");
  switch (question.kind) {
    case "equal":
      return `${seen}${constantWords(question.value)}`;
    case "less":
      return `${seen}${question.orEqual ? "<=" : "<"} ${constantWords(question.value)}`;
    case "member":
      return `${seen}in [${question.items.map(constantWords).join(", ")}]`;
    case "within":
    case "contains":
    case "hasItem":
      return `${seen}contains ${constantWords(question.value)}`;
    case "starts":
      return `${seen}starts_with ${JSON.stringify(question.text)}`;
    case "ends":
      return `${seen}ends_with ${JSON.stringify(question.text)}`;
    case "matches":
      return `${seen}matches ${JSON.stringify(question.pattern.text)}`;
    case "anyMatches":
      return `${seen}with a member that matches ${JSON.stringify(question.pattern.text)}`;
    case "folded":
      return `${seen}${JSON.stringify(question.text)}`;
    case "truth":
      return `${seen}true`;
    case "absent":
    case "missing":
      return `${seen}missing`;
  }
}

function viewWords(view: View): string {
  switch (view.kind) {
    case "length":
    case "count":
      return "of length ";
    case "lower":
      return "in lower case ";
    case "upper":
      return "in upper case ";
    case "negate":
      return "negated ";
    case "arithmetic":
      return view.reversed ? `${view.by} ${view.operator} it ` : `${view.operator} ${view.by} `;
  }
}

function constantWords(value: Constant): string {
  return value.kind === "null" ? "null" : JSON.stringify(value.value);
}

/** Neighbouring stretches are joined. */
function ranges(chosen: readonly Region[]): string[] {
  const stretches = chosen
    .flatMap((region) => region.stretches)
    .sort((a, b) => (a.low ?? -Infinity) - (b.low ?? -Infinity) || Number(b.isPoint) - Number(a.isPoint));
  const runs: Stretch[][] = [];
  for (const stretch of stretches) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run !== undefined && last !== undefined && follows(last, stretch)) run.push(stretch);
    else runs.push([stretch]);
  }
  return runs.map(runWords);
}

/** Whether nothing lies between the two. */
function follows(a: Stretch, b: Stretch): boolean {
  if (a.high === null || b.low === null) return false;
  return a.isPoint && b.isPoint ? areNeighbours(a.high, b.low) : a.high === b.low && a.isPoint !== b.isPoint;
}

function runWords(run: readonly Stretch[]): string {
  const first = run[0] as Stretch;
  const last = run.at(-1) as Stretch;
  const low = first.low === null || first.low <= -NUMBER_MAX ? null : bound(first.low, first.isPoint, previousDouble);
  const high = last.high === null || last.high >= NUMBER_MAX ? null : bound(last.high, last.isPoint, nextDouble);
  if (low === null && high === null) return "a number";
  if (first === last && first.isPoint) return `${first.sample}`;
  if (low === null) return `${high?.isIn === true ? "<=" : "<"} ${high?.value}`;
  if (high === null) return `${low.isIn ? ">=" : ">"} ${low.value}`;
  return `in ${low.isIn ? "[" : "("}${low.value}, ${high.value}${high.isIn ? "]" : ")"}`;
}

/** `<= 49.99999999999999` says the same as `< 50`: the shorter number is told. */
function bound(value: number, isIn: boolean, beyond: (x: number) => number): { value: number; isIn: boolean } {
  const other = beyond(value);
  return isIn && String(other).length < String(value).length ? { value: other, isIn: false } : { value, isIn };
}

function sampleWords(sample: Sample): string {
  switch (sample.kind) {
    case "bool":
    case "number":
      return String(sample.value);
    case "text":
      return `like ${JSON.stringify(sample.value)}`;
    case "list":
      return sample.items.length === 0 ? "an empty list" : `a list like ${listWords(sample.items)}`;
    default:
      return kindWords[sample.kind];
  }
}

function listWords(items: readonly Sample[]): string {
  const shown = items.slice(0, 3).map((item) => ("value" in item ? JSON.stringify(item.value) : kindWords[item.kind]));
  return `[${shown.join(", ")}${items.length > 3 ? ", …" : ""}]`;
}
