// Hostile patterns end, and those refused say by which limit; constructs of other engines are refused in plain words.

import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  AUTOMATON_STATE_LIMIT,
  type Automaton,
  compileFull,
  compileSearch,
  NESTING_LIMIT,
  REGEX_LENGTH_LIMIT,
  REPEAT_LIMIT,
  run,
} from "../../compiler/automaton/index.ts";

const encoder = new TextEncoder();

function compiled(pattern: string): Automaton {
  const result = compileSearch(pattern);
  if (!result.ok) throw new Error(result.message);
  return result.automaton;
}

const nest = (depth: number): string => `${"(".repeat(depth)}a${")".repeat(depth)}`;

/** Patterns that hang backtracking engines, with a text that each must still judge rightly. */
const SLOW_ELSEWHERE: readonly (readonly [pattern: string, text: string, expected: boolean])[] = [
  ["(a*)*", "b", true],
  ["^(a+)+$", `${"a".repeat(50_000)}b`, false],
  ["^(a|a)*$", `${"a".repeat(50_000)}b`, false],
  ["^(a|aa)+$", `${"a".repeat(50_000)}b`, false],
  ["(x+x+)+y", "x".repeat(50_000), false],
  ["(.*){10}[ab]{20}", `${"a".repeat(19)}c`, false],
  ["(.*){10}[ab]{20}", "ab".repeat(10), true],
  ["^(([a-z])+.)+[A-Z]([a-z])+$", "a".repeat(50_000), false],
  ["(.*,){11}P", "1,2,3,4,5,6,7,8,9,10,11,P", true],
  ["^(?:a?){50}a{50}$", "a".repeat(49), false],
  ["^(?:a?){50}a{50}$", "a".repeat(50), true],
  ["(?:x*){1000}y", "x".repeat(1000), false],
  [nest(NESTING_LIMIT), "a", true],
];

for (const [pattern, text, expected] of SLOW_ELSEWHERE) {
  test(`E09 \`${pattern.slice(0, 30)}\` is a table like any other`, () => {
    const automaton = compiled(pattern);
    assert.ok(automaton.kind === "table" && automaton.stateCount <= AUTOMATON_STATE_LIMIT);
    assert.is(run(automaton, encoder.encode(text)), expected);
  });
}

/** Patterns whose states would double with each count: they run by their positions. */
const LARGE: readonly (readonly [pattern: string, text: string, expected: boolean])[] = [
  ["(a|b)*a(a|b){20}$", `a${"b".repeat(20)}`, true],
  ["(a|b)*a(a|b){20}$", `a${"b".repeat(21)}`, false],
  ["a.{20}b", `xa${"é".repeat(20)}b`, true],
  ["a.{20}b", `xa${"é".repeat(19)}b`, false],
  ["\\pL{1000}", "本".repeat(1000), true],
  ["\\pL{1000}", "本".repeat(999), false],
  ["(?i)k.{0,200}\\b本", `\u212a${"k".repeat(199)} 本`, false],
  ["(?i)k.{0,200}\\bs", `\u212a${"k".repeat(199)} \u017f`, false],
  ["(?i)k.{0,200}\\bs", `\u212a${"k".repeat(199)} S`, true],
  ["(?m)a.{30}$", `b\na${"b".repeat(30)}\nc`, true],
  ["(?m)a.{30}$", `a${"b".repeat(29)}\nc`, false],
];

for (const [pattern, text, expected] of LARGE) {
  test(`E09 \`${pattern}\` is ${expected ? "found" : "missed"} without a table`, () => {
    const automaton = compiled(pattern);
    assert.is(automaton.kind, "positions");
    assert.is(run(automaton, encoder.encode(text)), expected);
  });
}

const TOO_BIG: readonly (readonly [pattern: string, message: RegExp])[] = [
  ["((a{1000}){1000})", /multiply to more than 1000 repetitions/],
  ["(?:(?:a{10}){10}){11}", /multiply to more than 1000/],
  ["(?:a{2,}){501}", /multiply to more than 1000/],
  [`a{${REPEAT_LIMIT + 1}}`, /repeats more than 1000 times/],
  ["a{9876543210}", /repeats more than 1000 times/],
  ["a".repeat(REGEX_LENGTH_LIMIT + 1), /longer than 10000 characters/],
  [nest(NESTING_LIMIT + 1), /nested more than 1000 deep/],
  [nest(4_000), /nested more than 1000 deep/],
  ["a.{500}b.{500}c.{500}d.{500}e.{100}f", /more than 10000 automaton states, and more than 2048 positions/],
  ["^(?:a?b?c?){1000}$", /more than 10000 automaton states, and more than 2048 positions/],
];

for (const [pattern, message] of TOO_BIG) {
  test(`E10 \`${pattern.slice(0, 30)}\` is refused, and the limit is named`, () => {
    const result = compileSearch(pattern);
    assert.is(result.ok, false);
    if (!result.ok) assert.match(result.message, message);
  });
}

test("E10 whole matches have the same limits, and the refusal proposes a remedy", () => {
  const result = compileFull(".*a.{700}b.{700}c.{700}");
  assert.is(result.ok, false);
  if (result.ok) return;
  assert.match(result.message, /more than 10000 automaton states/);
  assert.match(result.help ?? "", /make the counts in `\{n,m\}` smaller/);
});

test("E10 counts within the limit compile", () => {
  for (const pattern of [`a{${REPEAT_LIMIT}}`, "(?:(?:a{10}){10}){10}", "(?:a*){1000}"]) {
    assert.ok(compileFull(pattern).ok, pattern);
  }
});

const REFUSED: readonly (readonly [pattern: string, offset: number, message: RegExp])[] = [
  ["a(?=b)", 1, /look-ahead is not supported: patterns run in linear time/],
  ["a(?!b)", 1, /negative look-ahead is not supported/],
  ["(?<=a)b", 0, /look-behind is not supported/],
  ["(?<!a)b", 0, /negative look-behind is not supported/],
  ["(a)\\1", 3, /back-references such as `\\1` are not supported/],
  ["(?P<n>a)(?P=n)", 8, /back-references are not supported/],
  ["(?<n>a)\\k<n>", 7, /back-references are not supported/],
  ["(?>a)", 0, /atomic groups are not supported/],
  ["(?#x)", 0, /comments are not supported/],
  ["a*+", 2, /possessive repetition is not supported/],
  ["a++", 2, /possessive repetition is not supported/],
  ["\\C", 0, /`\\C` is not supported: patterns match whole characters/],
  ["a\\Z", 1, /write `\\z` or `\$`/],
  ["a**", 2, /`\*` repeats a repetition/],
  ["a{2}{3}", 4, /repeats a repetition/],
  ["*a", 0, /`\*` has nothing before it to repeat/],
  ["(?i)*", 4, /has nothing before it/],
  ["a|*", 2, /has nothing before it/],
  ["(a", 0, /`\(` is never closed/],
  ["a)", 1, /`\)` closes nothing/],
  ["x[a", 1, /`\[` is never closed/],
  ["[]", 0, /`\[` is never closed/],
  ["[z-a]", 1, /the range `z-a` runs backwards/],
  ["[a-\\d]", 3, /unknown escape `\\d`/],
  ["[[:foo:]]", 1, /unknown class `\[:foo:\]`/],
  ["a{3,2}", 1, /at least 3 and at most 2/],
  ["\\p{Klingon}", 0, /unknown Unicode class `\\p\{Klingon\}`/],
  ["\\p{Script=Greek}", 0, /unknown Unicode class/],
  ["\\p", 0, /needs a name/],
  ["\\x{110000}", 0, /beyond the last character/],
  ["\\xG", 0, /two hexadecimal digits/],
  ["\\y", 0, /unknown escape `\\y`/],
  ["\\é", 0, /unknown escape `\\é`/],
  ["a\\", 1, /lone backslash/],
  ["(?x)a", 0, /unknown group `\(\?x\)`/],
  ["(?P<a>x)(?P<a>y)", 8, /two groups are named `a`/],
  ["(?P<a-b>x)", 0, /a group's name/],
  ["a\ud800", 1, /half of a surrogate pair/],
];

for (const [pattern, offset, message] of REFUSED) {
  test(`E10 \`${pattern}\` is refused in words, at its place`, () => {
    const result = compileSearch(pattern);
    assert.is(result.ok, false);
    if (result.ok) return;
    assert.match(result.message, message);
    assert.is(result.offset, offset);
  });
}

test.run();
