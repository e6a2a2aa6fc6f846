// RE2's syntax where its search corpus is silent, the shape of the tables, and agreement with another engine.

import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compileFull, compileSearch, isUnanchored, run, type Table } from "../../compiler/automaton/index.ts";

const encoder = new TextEncoder();

function compiled(pattern: string, compile = compileSearch): Table {
  const result = compile(pattern);
  if (!result.ok) throw new Error(`${pattern}: ${result.message}`);
  if (result.automaton.kind !== "table") throw new Error(`${pattern} is too large for a table`);
  return result.automaton;
}

const finds = (pattern: string, text: string): boolean => run(compiled(pattern), encoder.encode(text));

type Row = readonly [pattern: string, found: readonly string[], missed: readonly string[]];

const ROWS: readonly Row[] = [
  ["^\\a\\f\\t\\n\\r\\v$", ["\x07\x0c\t\n\r\x0b"], ["aftnrv"]],
  ["^\\123\\0\\07\\x7F\\x{1F600}$", ["S\0\x07\x7f😀"], ["123"]],
  ["^\\Qa.b*\\E+$", ["a.b*", "a.b***"], ["axb*", "a.ba.b"]],
  ["\\Qa|b", ["a|b"], ["a", "b"]],
  ["^\\.\\_\\-\\@\\/$", ["._-@/"], ["a_-@/"]],
  ["^[[:alpha:][:^digit:]]$", ["a", "é", "-"], ["1"]],
  ["^[\\d\\-x]$", ["1", "-", "x"], ["y"]],
  ["^[\\D]$", ["é", "a"], ["1"]],
  ["^[^\\W]$", ["a", "_"], ["é", "-"]],
  ["^[]a]$", ["]", "a"], ["b"]],
  ["^[^]a]$", ["b"], ["]", "a"]],
  ["^[a-]$", ["a", "-"], ["b"]],
  ["^\\s$", [" ", "\t", "\n", "\f", "\r"], ["\v", "\u00a0", "x"]],
  ["^[[:space:]]$", ["\v"], ["\u00a0"]],
  ["^\\pL$", ["a", "é", "本"], ["1", "-"]],
  ["^\\p{Lu}$", ["A", "É"], ["a", "é"]],
  ["^\\P{^Greek}$", ["α"], ["a"]],
  ["^[\\p{Greek}\\p{Han}]$", ["α", "本"], ["a"]],
  ["^\\pC$", ["\0", "\u200b"], ["a", "\u0378"]],
  ["(?i)^k$", ["k", "K", "\u212a"], ["j"]],
  ["(?i)^\\x{212a}$", ["k", "K"], ["j"]],
  ["(?i)^s$", ["s", "S", "ſ"], []],
  ["(?i)^[^k]$", ["j"], ["k", "K", "\u212a"]],
  ["(?i)^[i]$", ["i", "I"], ["ı", "İ"]],
  ["(?i)^Σ$", ["σ", "ς", "Σ"], ["s"]],
  ["(?i)^straße$", ["STRAẞE"], ["strasse"]],
  ["(?i)^\\p{Lu}$", ["a", "é"], ["1"]],
  ["(?i)^\\w$", ["ſ"], ["é"]],
  ["^a(?i)b(?-i)c$", ["aBc", "abc"], ["Abc", "abC"]],
  ["^(?:a(?i)b|c)d$", ["aBd", "Cd", "cd"], ["CD", "abD"]],
  ["^(?i:a)b$", ["Ab"], ["AB"]],
  ["(?s)^.$", ["\n"], []],
  ["^.$", ["é", "😀"], ["\n", ""]],
  ["(?s-i:a.b)", ["a\nb"], ["A\nb"]],
  ["a$", ["a"], ["a\n"]],
  ["a\\z", ["a"], ["a\n"]],
  ["(?m)a$", ["a", "a\n", "a\nb"], ["ab"]],
  ["(?m)^b", ["a\nb"], ["ab"]],
  ["(?m)\\Ab", ["b"], ["a\nb"]],
  ["\\bé\\b", [], ["é"]],
  ["\\Bé\\B", ["é"], ["aé"]],
  // Between a, á and x no place is free of word boundaries, the middle of á's bytes not being a place.
  ["\\B", ["", "--"], ["xáx"]],
  ["^a{,2}$", ["a{,2}"], ["aa"]],
  ["^a{x$", ["a{x"], []],
  ["^a{2,3}?$", ["aa", "aaa"], ["a", "aaaa"]],
  ["(?U)^a+$", ["aaa"], [""]],
  ["^(?P<year>\\d{4})-(?<month>\\d\\d)$", ["2024-01"], ["24-01"]],
  ["^(|a)b(c|)$", ["b", "ab", "abc"], ["a"]],
  ["[^\\s\\S]", [], ["", "a"]],
  ["\\x{d800}", [], ["a", "\ufffd"]],
];

for (const [pattern, found, missed] of ROWS) {
  test(`E08 \`${pattern}\` means what it means in RE2`, () => {
    for (const text of found) assert.ok(finds(pattern, text), `${pattern} finds ${JSON.stringify(text)}`);
    for (const text of missed) assert.not.ok(finds(pattern, text), `${pattern} misses ${JSON.stringify(text)}`);
  });
}

test("bytes that are not UTF-8 are no character, and what stands after them is still found", () => {
  const bad = Uint8Array.from([0xff, 0xc3, 0x66, 0x6f, 0x6f, 0xed, 0xa0, 0x80]);
  assert.ok(run(compiled("foo"), bad));
  assert.not.ok(run(compiled("(?s)^.*$"), bad));
  assert.not.ok(run(compiled("(?s)."), Uint8Array.from([0x80, 0xff, 0xc0, 0xaf, 0xf5, 0xed, 0xa0, 0x80])));
});

test("states 0 and 1 are sinks, the end decides, and nothing else decides late", () => {
  for (const pattern of ["", "a", "a$", "^$", "\\bfoo\\b", "(?m)^x$", "[^\\s\\S]", "\\pL+\\d", "(a*)*", "\\B"]) {
    for (const automaton of [compiled(pattern), compiled(pattern, compileFull)]) {
      const { classOf, classCount, stateCount, next, start } = automaton;
      assert.is(next.length, stateCount * classCount);
      assert.ok(start < stateCount && classOf.length === 256);
      for (let i = 0; i < classCount; i++) assert.equal([next[i], next[classCount + i]], [0, 1]);
      for (let s = 0; s < stateCount; s++) assert.ok((next[s * classCount + classCount - 1] ?? 2) <= 1);
      assert.ok(next.every((state) => state < stateCount) && classOf.every((c) => c < classCount - 1));
    }
  }
  assert.equal([compiled("a").stateCount, compiled("").start, compiled("[^\\s\\S]").start], [3, 1, 0]);
});

test("the same pattern gives the same bytes, and equal languages the same table", () => {
  assert.equal(compiled("(?:foo|bar)+\\b"), compiled("(?:foo|bar)+\\b"));
  assert.equal(compiled("foo|fob"), compiled("fo[bo]"));
  assert.equal(compiled("a{2,}", compileFull), compiled("aaa*", compileFull));
});

test("E07 a pattern that can match inside a longer text is known as such", () => {
  for (const pattern of ["^a$", "\\Aa\\z", "^(a|b)$", "^a$|^b$", "(?i)^a$", "^$", "(^a)(b$)", "\\b^a$", "(?:^a$)+"]) {
    assert.is(isUnanchored(pattern), false, pattern);
  }
  for (const pattern of ["a", "^a", "a$", "^a|b$", "(?m)^a$", "(^a)?b$", "a*^b$", "^a$|b", "(", ""]) {
    assert.is(isUnanchored(pattern), true, pattern);
  }
});

// Nothing beyond U+FFFF here: V8 finds empty matches with look-around in the middle of a surrogate pair.
const atom = fc.constantFrom("a", "b", "[ab]", "[^a]", ".", "\\d", "\\w", "\\W", "é", "[é-ö1]", "\\n", "本");
const zeroWidth = fc.constantFrom("(?:^)", "(?:$)", "(?:\\b)", "(?:\\B)", "(?:)");
const repetition = fc.constantFrom(
  "",
  "",
  "",
  "*",
  "+",
  "?",
  "{2}",
  "{1,3}",
  "{0,2}",
  "{2,}",
  "*?",
  "+?",
  "??",
  "{1,2}?",
);
const { tree } = fc.letrec<{ tree: string }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    atom,
    zeroWidth,
    fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `${a}${b}`),
    fc.tuple(tie("tree"), tie("tree")).map(([a, b]) => `(?:${a}|${b})`),
    fc.tuple(tie("tree"), repetition).map(([a, times]) => `(${a})${times}`),
  ),
}));
const text = fc.string({ unit: fc.constantFrom("a", "b", "A", "1", "_", "-", "\n", "é", "Ö", "本"), maxLength: 8 });
const flags = fc.constantFrom("", "i", "m", "s", "im", "ms");

test("searches and whole matches agree with JavaScript's engine where the two languages are one", () => {
  fc.assert(
    fc.property(tree, flags, fc.array(text, { minLength: 1, maxLength: 6 }), (pattern, letters, texts) => {
      const source = letters === "" ? pattern : `(?${letters})${pattern}`;
      const search = compiled(source);
      const full = compiled(source, compileFull);
      for (const sample of texts) {
        const bytes = encoder.encode(sample);
        const seen = JSON.stringify(sample);
        assert.is(run(search, bytes), new RegExp(pattern, `${letters}u`).test(sample), `search on ${seen}`);
        // JavaScript has no \A and \z; look-around says "the very ends" whatever the flags.
        const whole = new RegExp(`(?<![^])(?:${pattern})(?![^])`, `${letters}u`);
        assert.is(run(full, bytes), whole.test(sample), `whole match on ${seen}`);
      }
    }),
    { numRuns: 1500 },
  );
});

test.run();
