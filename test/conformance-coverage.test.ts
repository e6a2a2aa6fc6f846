// The language against the suite: each production of the grammar and each part of it, each word, function, method and field
// stands in some policy of conformance/, or in a text that waits there for its meaning and is refused by name until then.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { budgetFields } from "../compiler/check/budget.ts";
import { functionNames, methodNames } from "../compiler/check/condition.ts";
import { compile } from "../compiler/index.ts";
import { keywords } from "../compiler/tokens.ts";
import { blockForms, blockUses } from "./conformance/block-uses.ts";
import { treeOf } from "./conformance/engine.ts";
import { caseSets, waitingTexts } from "./conformance/sets.ts";
import { allParts, collectUses, type Uses } from "./conformance/uses.ts";

/** Productions for pieces of YAML, which never stand in a text. */
const piecesAlone = new Set(["ruleAlone", "conditionAlone", "costAlone", "assertAlone"]);

const uses: Uses = { parts: new Set(), words: new Set() };
for (const { spellings } of caseSets()) {
  for (const { file, text, imports } of spellings) {
    if (!/\.(fms|fpl)$/.test(file)) continue;
    collectUses(text, uses);
    for (const [, imported] of imports ?? []) collectUses(imported.text, uses);
  }
}

for (const { text } of waitingTexts()) collectUses(text, uses);

/** The trees of every policy that is written as text. */
const trees = [
  ...caseSets().flatMap(({ spellings }) => spellings),
  ...waitingTexts().map(({ text }) => ({ text, file: "policy.fms", imports: undefined })),
]
  .filter(({ file }) => /\.(fms|fpl)$/.test(file))
  .map(({ file, text, imports }) => treeOf(text, file, imports));

const unused = (names: Iterable<string>): string[] => [...names].filter((name) => !uses.words.has(name)).sort();

test("what waits for its meaning is refused by name and for nothing else", () => {
  for (const { place, text } of waitingTexts()) {
    const { diagnostics } = compile(text, { file: "policy.fms" });
    const errors = diagnostics.filter((d) => d.severity === "error").map(({ code }) => code);
    assert.equal([...new Set(errors)], ["FMS010"], `${place}: ${text}`);
  }
});

test("every field of every block, with every form of its values", () => {
  const used = new Set(trees.flatMap(blockUses));
  const wanted = blockForms();
  assert.ok(wanted.length > 150, `${wanted.length}`);
  assert.equal(wanted.filter((form) => !used.has(form)).sort(), []);
});

test("every production, with each of its parts", () => {
  const parts = [...allParts()].filter((part) => !piecesAlone.has(part.split(".")[0] ?? ""));
  assert.ok(parts.length > 150, `${parts.length}`);
  assert.equal(parts.filter((part) => !uses.parts.has(part)).sort(), []);
});

test("every word of the language", () => {
  assert.ok(keywords.size > 60);
  assert.equal(unused(keywords.keys()), []);
});

test("every operator and sign", () => {
  const signs = "== != < <= > >= =~ && || + - * / % ! ( ) [ ] { } = : , ; .".split(" ");
  assert.equal(unused(signs), []);
});

test("every function and method", () => {
  assert.equal(unused([...functionNames, ...methodNames]), []);
});

test("every field of a budget", () => {
  assert.equal(unused(budgetFields), []);
});

test("every unit", () => {
  const units = "ms s m h d w kb mb gb".split(" ");
  const written = [...uses.words].flatMap((word) => [...word.matchAll(/\d([a-z]+)/g)].map((match) => match[1]));
  assert.equal(
    units.filter((unit) => !written.includes(unit)),
    [],
  );
  assert.ok([...uses.words].some((word) => word.startsWith("$")));
});

test.run();
