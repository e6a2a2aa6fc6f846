// The grammar for editors: its words are the compiler's, and samples get the scopes that a theme colours.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { check } from "../../compiler/index.ts";
import { keywords } from "../../compiler/tokens.ts";
import { flatten, type Grammar, type Pattern, scopesOf } from "./scopes.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const grammar = JSON.parse(readFileSync(join(root, "docs/editor/faramesh.tmLanguage.json"), "utf8")) as Grammar;

/** The words of a pattern whose alternatives are words, by the scope that it gives them. */
function wordsOf(scope: string): string[] {
  const pattern = flatten(grammar, grammar.patterns).find(({ name }) => name === scope);
  const words = /\(\?:([A-Za-z_|]+)\)/.exec(pattern?.match ?? "")?.[1];
  if (words === undefined) throw new Error(`no words for ${scope}`);
  return words.split("|");
}

const wordScopes = [
  "keyword.control.effect.faramesh",
  "storage.type.block.faramesh",
  "keyword.other.clause.faramesh",
  "keyword.operator.word.faramesh",
  "constant.language.faramesh",
  "support.type.property-name.faramesh",
];

test("every pattern compiles, without what only one engine knows", () => {
  const every = (patterns: readonly Pattern[]): Pattern[] =>
    patterns.flatMap((pattern) => [pattern, ...every(pattern.patterns ?? [])]);
  const patterns = every([...grammar.patterns, ...Object.values(grammar.repository).flatMap((part) => part.patterns)]);
  const texts = patterns.flatMap(({ match, begin, end }) => [match, begin, end].filter((text) => text !== undefined));
  assert.ok(texts.length > 20);
  for (const text of texts) {
    assert.not.throws(() => new RegExp(text));
    assert.not.match(text, /\(\?<[A-Za-z]|\\p\{|\\k</);
  }
  assert.is(grammar.scopeName, "source.faramesh");
});

test("the words are the parser's, each in one group", () => {
  const all = wordScopes.flatMap(wordsOf);
  assert.equal([...all].sort(), [...keywords.keys()].sort());
  assert.is(new Set(all).size, all.length);
});

test("the functions and methods are those that the compiler knows", () => {
  const codesOf = (condition: string): string[] =>
    check(`agent a { default permit deny t if ${condition} }`, { file: "p" }).map(({ code }) => code);
  assert.ok(codesOf("nothing_of_ours(x)").includes("FMS020"));
  assert.ok(codesOf("x.nothing_of_ours(y)").includes("FMS020"));
  const functions = wordsOf("support.function.faramesh").filter((name) => name !== "env");
  for (const name of functions) assert.not.ok(codesOf(`${name}("x")`).includes("FMS020"), name);
  for (const name of wordsOf("support.function.method.faramesh")) {
    assert.not.ok(codesOf(`x.${name}("y")`).includes("FMS020"), name);
  }
  const page = readFileSync(join(root, "docs/language.md"), "utf8");
  const shown = [...page.matchAll(/(?<![\w.])([a-z][a-z_]+)\((?=["\w])/g)].map((match) => match[1] ?? "");
  assert.ok(shown.length > 0);
  assert.equal(
    shown.filter((name) => !wordsOf("support.function.faramesh").includes(name)),
    [],
  );
});

const samples: readonly (readonly [string, readonly (readonly [string, string])[]])[] = [
  ["# a comment { }", [["# a comment { }", "comment.line.number-sign.faramesh"]]],
  ["deny a/b // why", [["deny", "keyword.control.effect.faramesh"], ["a/b", "entity.name.function.tool.faramesh"], ["// why", "comment.line.double-slash.faramesh"]]],
  ["deny! a#b", [["deny!", "keyword.control.effect.mandatory.faramesh"], ["a#b", "entity.name.function.tool.faramesh"]]],
  ["  permit stripe/* if amount < $500.50", [["permit", "keyword.control.effect.faramesh"], ["stripe/*", "entity.name.function.tool.faramesh"], ["if", "keyword.other.clause.faramesh"], ["<", "keyword.operator.faramesh"], ["$500.50", "constant.numeric.money.faramesh"]]],
  ["  allow \"x\" when a and not b", [["allow", "keyword.control.effect.faramesh"], ["\"", "string.quoted.double.faramesh"], ["x", "string.quoted.double.faramesh"], ["\"", "string.quoted.double.faramesh"], ["when", "keyword.other.clause.faramesh"], ["and", "keyword.operator.word.faramesh"], ["not", "keyword.operator.word.faramesh"]]],
  ["  assert never permit pay/* if x", [["assert", "storage.type.block.faramesh"], ["never", "keyword.other.clause.faramesh"], ["permit", "keyword.control.effect.faramesh"], ["pay/*", "entity.name.function.tool.faramesh"], ["if", "keyword.other.clause.faramesh"]]],
  ["agent bot {", [["agent", "storage.type.block.faramesh"], ["{", "punctuation.section.block.faramesh"]]],
  ["default deny", [["default", "storage.type.block.faramesh"], ["deny", "keyword.control.effect.faramesh"]]],
  ["window = 1h30m", [["=", "keyword.operator.assignment.faramesh"], ["1h30m", "constant.numeric.duration.faramesh"]]],
  ["max 10mb 1e3 -4", [["max", "support.type.property-name.faramesh"], ["10mb", "constant.numeric.size.faramesh"], ["1e3", "constant.numeric.faramesh"], ["-4", "constant.numeric.faramesh"]]],
  ["if len(x) > 2", [["if", "keyword.other.clause.faramesh"], ["len", "support.function.faramesh"], ["(", "punctuation.section.brackets.faramesh"], [")", "punctuation.section.brackets.faramesh"], [">", "keyword.operator.faramesh"], ["2", "constant.numeric.faramesh"]]],
  ["if x.starts_with('a')", [["if", "keyword.other.clause.faramesh"], ["starts_with", "support.function.method.faramesh"], ["(", "punctuation.section.brackets.faramesh"], ["'", "string.quoted.single.faramesh"], ["a", "string.quoted.single.faramesh"], ["'", "string.quoted.single.faramesh"], [")", "punctuation.section.brackets.faramesh"]]],
  ["x == true", [["==", "keyword.operator.faramesh"], ["true", "constant.language.faramesh"]]],
  ["reason \"a\\n#b", [["reason", "keyword.other.clause.faramesh"], ["\"", "string.quoted.double.faramesh"], ["a", "string.quoted.double.faramesh"], ["\\n", "constant.character.escape.faramesh"], ["#b", "string.quoted.double.faramesh"]]],
  ["rate_limit stripe/*: 3 per hour", [["rate_limit", "storage.type.block.faramesh"], ["stripe/*", "entity.name.function.tool.faramesh"], [":", "punctuation.separator.faramesh"], ["3", "constant.numeric.faramesh"], ["per", "keyword.other.clause.faramesh"], ["hour", "support.type.property-name.faramesh"]]],
  ["deny-all allow_list agent.name", []],
]; // biome-ignore format: a table

for (const [line, expected] of samples) {
  test(`scopes of ${line}`, () => {
    assert.equal(
      scopesOf(grammar, line).map(({ text, scope }) => [text, scope]),
      expected,
    );
  });
}

test.run();
