// What may stand at a place: the cases beside this file, where `‸` marks the place. And that no text, however broken, is too
// much for it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile, complete } from "../../compiler/index.ts";
import { agentWords, clauses, operators, packWords, phaseWords, topWords } from "../../compiler/statements.ts";
import { keywords } from "../../compiler/tokens.ts";

interface Case {
  readonly name: string;
  readonly text: string;
  readonly has?: readonly string[];
  readonly not?: readonly string[];
  /** All of them, in any order. */
  readonly only?: readonly string[];
}

const read = (name: string): string => readFileSync(fileURLToPath(new URL(name, import.meta.url)), "utf8");
const cases = read("completions.jsonl")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Case);

for (const { name, text, has = [], not = [], only } of cases) {
  test(`completions: ${name}`, () => {
    const offset = text.indexOf("‸");
    assert.ok(offset >= 0);
    const { items, start, end } = complete(text.replace("‸", ""), offset);
    const labels = items.map(({ label }) => label);
    assert.is(end, offset);
    assert.ok(start <= end);
    for (const label of has) assert.ok(labels.includes(label), `${label} lacks among ${labels.join(" ")}`);
    for (const label of not) assert.not(labels.includes(label), `${label} is among ${labels.join(" ")}`);
    if (only !== undefined) assert.equal(labels.toSorted(), only.toSorted());
  });
}

test("the words that are offered are words of the language", () => {
  for (const word of [...topWords, ...agentWords, ...packWords, ...phaseWords, ...clauses, ...operators])
    assert.ok(word === "deny!" || keywords.has(word), word);
});

test("every place of a policy, cut off there or not, has an answer, and every completion begins as the word does", () => {
  const text = read("../conformance/whole/payments.fms");
  assert.ok(compile(text, { file: "a.fms" }).image !== undefined);
  let offered = 0;
  for (let offset = 0; offset <= text.length; offset++) {
    for (const written of [text, text.slice(0, offset), text.slice(offset)]) {
      const at = Math.min(offset, written.length);
      const { items, start, end } = complete(written, at);
      const word = written.slice(start, end).toLowerCase();
      for (const { label } of items) assert.ok(label.toLowerCase().startsWith(word));
      offered += items.length;
    }
  }
  assert.ok(offered > 10_000);
});

test("rubbish and places beyond the text have an answer", () => {
  for (const text of [
    "",
    "}}}}",
    "{{{{",
    '"',
    "\0\0",
    "agent",
    "permit",
    "\ud800",
    "(".repeat(1_000),
    "a ".repeat(1_000),
  ])
    for (const offset of [-1, 0, 1, text.length, text.length + 5])
      assert.ok(Array.isArray(complete(text, offset).items));
});

test.run();
