// A pattern means the same as a table and as positions, for whatever bytes: both forms of generated patterns and globs are
// asked about the same texts, broken UTF-8 among them.
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type AutomatonResult, compileFull, compileGlob, compileSearch, run } from "../../compiler/automaton/index.ts";

const RUNS = Number(process.env.FARAMESH_RUNS ?? 3_000);

const conditions = ["^", "$", "\\b", "\\B", "(?m:^)", "(?m:$)", "\\A", "\\z"];
const characters = [
  "a",
  "é",
  ".",
  "[^a]",
  "\\w",
  "\\W",
  "\\n",
  "(?s:.)",
  "(?i:k)",
  "\\pL",
  "[a-é]",
  "\\d",
  "[^\\s\\S]",
  "本",
  "\\P{Greek}",
];
const repetition = fc.constantFrom("", "", "", "*", "+", "?", "{2}", "{0,3}", "{2,}", "*?", "{0}");
const { tree } = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.constantFrom(...characters),
    fc.constantFrom(...conditions),
    fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `(?:${a}|${b})`),
    fc.tuple(tie("tree"), repetition).map(([a, times]) => `(?:${a})${times}`),
  ),
}));
/** Characters, and pieces of characters. */
const pieces = [
  "61",
  "6b",
  "31",
  "0a",
  "20",
  "2f",
  "c3a9",
  "e2848a",
  "e284aa",
  "e69cac",
  "f09f9880",
  "ceb1",
  "80",
  "ff",
  "c3",
  "e284",
  "eda080",
  "f09f",
  "c0af",
  "e08080",
  "f4908080",
];
const bytes = fc.array(fc.constantFrom(...pieces), { maxLength: 7 }).map((list) => Buffer.from(list.join(""), "hex"));

/** The answers of a table and of positions; null where one of them does not exist. */
function answers(table: AutomatonResult, positions: AutomatonResult, text: Uint8Array): [boolean, boolean] | null {
  if (!table.ok || !positions.ok || table.automaton.kind !== "table") return null;
  assert.is(positions.automaton.kind, "positions");
  return [run(table.automaton, text), run(positions.automaton, text)];
}

test("E08 a table and positions give the same answers", () => {
  let compared = 0;
  const check = fc.property(tree, fc.array(bytes, { minLength: 8, maxLength: 8 }), (pattern, texts) => {
    for (const compile of [compileSearch, compileFull]) {
      const [table, positions] = [compile(pattern), compile(pattern, "positions")];
      for (const text of texts) {
        const both = answers(table, positions, text);
        if (both === null) continue;
        compared++;
        assert.is(both[1], both[0], `${compile.name} of ${pattern} on ${text.toString("hex")}`);
      }
    }
  });
  fc.assert(check, { numRuns: RUNS });
  assert.ok(compared > RUNS * 8, `only ${compared} answers were compared`);
});

test("globs mean the same in both forms", () => {
  const glob = fc.array(fc.constantFrom("a", "K", "é", "*", "**", "?", "/", "/**/", "."), { maxLength: 6 });
  const check = fc.property(glob, fc.boolean(), fc.boolean(), fc.array(bytes), (parts, split, ignoreCase, texts) => {
    const options = { separator: split ? ("/" as const) : null, ignoreCase };
    const text = parts.join("");
    const [table, positions] = [compileGlob(text, options), compileGlob(text, options, "positions")];
    for (const one of texts) {
      const both = answers(table, positions, one);
      if (both !== null) assert.is(both[1], both[0], `${text} on ${one.toString("hex")}`);
    }
  });
  fc.assert(check, { numRuns: RUNS });
});

test("the same pattern gives the same positions", () => {
  for (const pattern of ["a.{20}b", "\\pL{100}\\b", "(?mi)^k.{30}s$"]) {
    assert.equal(compileSearch(pattern, "positions"), compileSearch(pattern, "positions"));
  }
});

test.run();
