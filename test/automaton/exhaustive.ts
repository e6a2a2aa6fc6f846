// Every small regular expression against every short text, as RE2's own exhaustive tests do it: expressions are all trees
// of so many atoms and operators, texts all words of a small alphabet. The judge is the engine's RegExp, which agrees with
// RE2 on whether such an expression matches. Both forms of an automaton answer, searched and from end to end.
import * as assert from "uvu/assert";
import { type Automaton, compileFull, compileSearch, type Form, run } from "../../compiler/automaton/index.ts";

interface Family {
  readonly name: string;
  readonly atoms: readonly string[];
  /** Operators behind one operand; between two there are always concatenation and alternation. */
  readonly unary: readonly string[];
  readonly atomsMax: number;
  readonly operatorsMax: number;
  readonly letters: readonly string[];
  readonly lengthMax: number;
}

const families: readonly Family[] = [
  { name: "literals and egrep's operators", atoms: ["a", "b"], unary: ["*", "+", "?"], atomsMax: 3, operatorsMax: 5, letters: ["a", "b"], lengthMax: 6 },
  { name: "four literals", atoms: ["a", "b"], unary: ["*", "?"], atomsMax: 4, operatorsMax: 4, letters: ["a", "b"], lengthMax: 6 },
  { name: "any character and classes", atoms: ["a", ".", "[ab]", "[^a]"], unary: ["*", "+?", "??"], atomsMax: 3, operatorsMax: 3, letters: ["a", "b", "c", "\n"], lengthMax: 3 },
  { name: "anchors", atoms: ["a", "^", "$", "(?:)"], unary: ["*", "+", "?"], atomsMax: 3, operatorsMax: 4, letters: ["a", "b"], lengthMax: 5 },
  { name: "borders of words", atoms: ["a", "\\b", "\\B", "\\W"], unary: ["*", "?"], atomsMax: 3, operatorsMax: 3, letters: ["a", " ", "_"], lengthMax: 4 },
  { name: "counted repetition", atoms: ["a", "b"], unary: ["{0}", "{2}", "{1,2}", "{0,3}", "{2,}", "*?"], atomsMax: 2, operatorsMax: 3, letters: ["a", "b"], lengthMax: 7 },
  { name: "characters of several bytes", atoms: ["é", ".", "[α-ω]", "[^😀]"], unary: ["*", "?", "{2}"], atomsMax: 2, operatorsMax: 3, letters: ["é", "α", "😀", "a"], lengthMax: 3 },
]; // biome-ignore format: a table

/** All expressions of a family: what a stack machine can make of its atoms and operators, as RE2 enumerates them. */
export function* expressionsOf({
  atoms,
  unary,
  atomsMax,
  operatorsMax,
}: Omit<Family, "name" | "letters" | "lengthMax">) {
  const seen = new Set<string>();
  function* grow(stack: readonly string[], atomCount: number, operatorCount: number): Generator<string> {
    const [top] = stack.slice(-1);
    if (stack.length === 1 && top !== undefined && !seen.has(top)) {
      seen.add(top);
      yield top;
    }
    if (atomCount < atomsMax && stack.length <= operatorsMax - operatorCount)
      for (const atom of atoms) yield* grow([...stack, `(?:${atom})`], atomCount + 1, operatorCount);
    if (operatorCount >= operatorsMax || top === undefined) return;
    for (const sign of unary) yield* grow([...stack.slice(0, -1), `(?:${top}${sign})`], atomCount, operatorCount + 1);
    const under = stack.at(-2);
    if (under === undefined) return;
    for (const join of ["", "|"])
      yield* grow([...stack.slice(0, -2), `(?:${under}${join}${top})`], atomCount, operatorCount + 1);
  }
  yield* grow([], 0, 0);
}

/** All words of up to so many letters, the empty one first. */
function wordsOf(letters: readonly string[], lengthMax: number): string[] {
  const words = [""];
  let longest = [""];
  for (let length = 1; length <= lengthMax; length++) {
    longest = longest.flatMap((word) => letters.map((letter) => word + letter));
    words.push(...longest);
  }
  return words;
}

const forms: readonly Form[] = ["smallest", "positions"];
const EXPRESSIONS_BETWEEN_REPORTS = 5_000;

/** Tries every `stride`-th expression of each family; returns how many answers were compared. `report` gets progress. */
export function runExhaustive(stride: number, report: (line: string) => void = () => undefined): number {
  const encoder = new TextEncoder();
  let compared = 0;
  for (const family of families) {
    const texts = wordsOf(family.letters, family.lengthMax);
    const bytes = texts.map((text) => encoder.encode(text));
    let count = 0;
    for (const source of expressionsOf(family)) {
      if (count++ % stride !== 0) continue;
      compared += compareOne(source, texts, bytes);
      if (count % EXPRESSIONS_BETWEEN_REPORTS === 0)
        report(`${family.name}: ${count} expressions, ${compared} answers`);
    }
    report(`${family.name}: ${count} expressions over ${texts.length} texts; ${compared} answers so far`);
  }
  return compared;
}

function compareOne(source: string, texts: readonly string[], bytes: readonly Uint8Array[]): number {
  let compared = 0;
  for (const [kind, compile, judge] of [
    ["search", compileSearch, new RegExp(source, "u")],
    ["full", compileFull, new RegExp(`^(?:${source})$`, "u")],
  ] as const) {
    const wanted = texts.map((text) => judge.test(text));
    for (const form of forms) {
      const automaton = automatonOf(compile(source, form), source);
      for (const [i, text] of bytes.entries()) {
        if (run(automaton, text) !== wanted[i])
          assert.unreachable(`${kind} ${form}: ${source} on ${JSON.stringify(texts[i])} must be ${wanted[i]}`);
      }
      compared += texts.length;
    }
  }
  return compared;
}

function automatonOf(result: ReturnType<typeof compileSearch>, source: string): Automaton {
  if (!result.ok) throw new Error(`${source} does not compile: ${result.message}`);
  return result.automaton;
}
