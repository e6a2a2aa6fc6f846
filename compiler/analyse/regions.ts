// The values of one place, split into regions: all values of a region give the same answers to every test that the
// policies ask of the place. A region keeps one of its values, which is what examples are made of.
import type { Table } from "../automaton/index.ts";
import { Beyond } from "./diagram.ts";
import { LENGTH_MAX, MEMBER_KINDS_MAX, REGIONS_MAX } from "./limits.ts";
import { lengthsOf, type Stretch, stretchesOf } from "./number-regions.ts";
import { asciiLower, type Constant, missing, type Sample, type Tri, textSample } from "./sample.ts";
import { answer, type Test } from "./test.ts";
import {
  machineOfLength,
  machineOfOrder,
  machineOfPart,
  machineOfTable,
  machineOfTexts,
  type TextMachine,
  withCase,
} from "./text-machine.ts";
import { textsOf } from "./text-regions.ts";

/** What a place can hold at all. */
export type Domain =
  | { readonly kind: "json" }
  | { readonly kind: "text"; readonly optional: boolean }
  /** A number; a natural one where `whole` says so. */
  | { readonly kind: "number"; readonly whole: boolean }
  /** One of these. */
  | { readonly kind: "given"; readonly values: readonly Sample[] };

export interface Region {
  readonly sample: Sample;
  /** One for each test. */
  readonly answers: readonly Tri[];
  /** Of a region of numbers, ascending. */
  readonly stretches: readonly Stretch[];
}

interface Candidate {
  readonly sample: Sample;
  readonly stretch: Stretch | null;
}

/** Throws Beyond where the tests tell too much apart. */
export function regionsOf(domain: Domain, tests: readonly Test[]): Region[] {
  const regions = new Map<string, Region & { readonly stretches: Stretch[] }>();
  for (const { sample, stretch } of candidatesOf(domain, tests)) {
    const answers = tests.map((test) => answer(test, sample));
    const key = answers.map((one) => (one === null ? "u" : one ? "t" : "f")).join("") + shapeOf(sample);
    const known = regions.get(key) ?? { sample, answers, stretches: [] };
    const region = niceness(sample) > niceness(known.sample) ? { ...known, sample } : known;
    if (stretch !== null) region.stretches.push(stretch);
    regions.set(key, region);
    if (regions.size > REGIONS_MAX) throw new Beyond("too many regions");
  }
  return [...regions.values()];
}

/** Among equals, what a person would rather read in an example. */
function niceness(sample: Sample): number {
  if (sample.kind === "number") return (Number.isInteger(sample.value) ? 2 : 0) + (sample.value >= 0 ? 1 : 0);
  return sample.kind === "text" && sample.value !== "" ? 1 : 0;
}

/** Kinds stay apart even where no test tells them apart, so that words can name them. */
function shapeOf({ kind }: Sample): string {
  return kind;
}

function candidatesOf(domain: Domain, tests: readonly Test[]): Candidate[] {
  const plain = (samples: readonly Sample[]): Candidate[] => samples.map((sample) => ({ sample, stretch: null }));
  if (domain.kind === "given") return plain(domain.values);
  if (domain.kind === "number") {
    return numbers(tests).filter(({ sample }) => !domain.whole || isNatural(sample));
  }
  const texts = plain(textSamples(tests));
  if (domain.kind === "text") return domain.optional ? [...texts, ...plain([missing])] : texts;
  return [
    ...numbers(tests),
    ...texts,
    ...plain([
      { kind: "bool", value: true },
      { kind: "bool", value: false },
      ...listSamples(tests),
      { kind: "object" },
      { kind: "null" },
      missing,
    ]),
  ];
}

function numbers(tests: readonly Test[]): Candidate[] {
  return stretchesOf(tests).map((stretch) => ({ sample: { kind: "number", value: stretch.sample }, stretch }));
}

function isNatural(sample: Sample): boolean {
  return sample.kind === "number" && sample.value >= 0 && Number.isInteger(sample.value);
}

function textSamples(tests: readonly Test[]): Sample[] {
  return textsOf(textMachines(tests)).map(textSample);
}

function textMachines(tests: readonly Test[]): TextMachine[] {
  const machines = new Map<string, TextMachine>();
  const equals = new Map<string, Set<string>>();
  let longest = 0;
  for (const test of tests) {
    const cased = caseOf(test);
    const add = (name: string, make: () => TextMachine): void => {
      const key = `${cased.join(" ")} ${name}`;
      if (!machines.has(key)) machines.set(key, cased.reduceRight<TextMachine>(withCase, make()));
    };
    const { question } = test;
    if (test.views.some(({ kind }) => kind === "length")) longest = Math.max(longest, longestOf(test));
    else if (test.views.length > cased.length) continue;
    else if (question.kind === "equal" || question.kind === "member") {
      const key = cased.join(" ");
      const known = equals.get(key) ?? new Set<string>();
      for (const text of textConstants(question)) known.add(text);
      equals.set(key, known);
    } else if (question.kind === "folded") {
      add(`folded ${question.text}`, () => withCase(machineOfTexts([asciiLower(question.text)]), "lower"));
    } else if (question.kind === "less" && question.value.kind === "text") {
      const { value } = question.value;
      add(`order ${value}`, () => machineOfOrder(value));
    } else if (question.kind === "matches") {
      const { automaton, name } = question.pattern;
      if (automaton.kind !== "table") throw new Beyond("a pattern without a table");
      add(`matches ${name}`, () => machineOfTable(automaton as Table));
    } else {
      const text = partOf(question);
      if (text !== null) add(`${question.kind} ${text}`, () => machineOfPart(question.kind, text));
    }
  }
  for (const [key, texts] of equals) {
    const cased = key === "" ? [] : (key.split(" ") as ("lower" | "upper")[]);
    if (texts.size > 0)
      machines.set(`${key} equal`, cased.reduceRight<TextMachine>(withCase, machineOfTexts([...texts])));
  }
  if (longest > 0) machines.set("length", machineOfLength(longest));
  return [...machines.values()];
}

/** The changes of case that a test's views begin with, first applied first. */
function caseOf({ views }: Test): ("lower" | "upper")[] {
  const cased: ("lower" | "upper")[] = [];
  for (const { kind } of views) {
    if (kind !== "lower" && kind !== "upper") break;
    cased.push(kind);
  }
  return cased;
}

function longestOf(test: Test): number {
  const lengths = lengthsOf([test], LENGTH_MAX);
  if (lengths === null) throw new Beyond("a length that is too long");
  return (lengths.at(-1) ?? 0) + 1;
}

function textConstants(question: Extract<Test["question"], { kind: "equal" | "member" }>): string[] {
  const values = question.kind === "equal" ? [question.value] : question.items;
  return values.flatMap((value) => (value.kind === "text" ? [value.value] : []));
}

function partOf(question: Test["question"]): string | null {
  if (question.kind === "starts" || question.kind === "ends") return question.text;
  return question.kind === "contains" && question.value.kind === "text" ? question.value.value : null;
}

/** Lists with every set of the members that tests tell apart, at every length that matters. */
function listSamples(tests: readonly Test[]): Sample[] {
  const lengths = lengthsOf(tests, LENGTH_MAX);
  if (lengths === null) throw new Beyond("a length that is too long");
  const members = memberSamples(tests);
  if (members.length > MEMBER_KINDS_MAX) throw new Beyond("too many kinds of members");
  const lists: Sample[] = [];
  for (let set = 0; set < 2 ** members.length; set++) {
    const chosen = members.filter((_, i) => (set >> i) & 1);
    const [filler] = chosen;
    if (filler === undefined) {
      lists.push({ kind: "list", items: [] });
      continue;
    }
    const fitting = [chosen.length, ...lengths.filter((length) => length > chosen.length)];
    for (const length of fitting) {
      const more = Array.from({ length: length - chosen.length }, () => filler);
      lists.push({ kind: "list", items: [...chosen, ...more] });
    }
  }
  return lists;
}

/** Members that tests of the list tell apart, one of each kind that matters. */
function memberSamples(tests: readonly Test[]): Sample[] {
  const asked: Test[] = [];
  let kindsMatter = false;
  for (const { views, question } of tests) {
    if (views.length > 0) continue;
    const constant = memberConstant(question);
    if (constant !== null) asked.push({ views: [], question: { kind: "equal", value: constant }, otherwise: null });
    if (question.kind === "anyMatches")
      asked.push({ views: [], question: { kind: "matches", pattern: question.pattern }, otherwise: null });
    kindsMatter ||= question.kind === "within";
  }
  const candidates: Sample[] = [
    ...textSamples(asked),
    ...stretchesOf(asked).map(({ sample }): Sample => ({ kind: "number", value: sample })),
    { kind: "bool", value: true },
    { kind: "bool", value: false },
    { kind: "null" },
    { kind: "object" },
  ];
  const kinds = new Map<string, Sample>();
  for (const sample of candidates) {
    const answers = asked.map((test) => answer(test, sample) === true);
    const kind = kindsMatter ? sample.kind : "";
    const key = `${kind} ${answers.join()}`;
    if (!kinds.has(key)) kinds.set(key, sample);
  }
  return [...kinds.values()];
}

function memberConstant(question: Test["question"]): Constant | null {
  switch (question.kind) {
    case "contains":
    case "hasItem":
    case "within":
      return question.value;
    default:
      return null;
  }
}
