// What globs take, as a table: the same one that compiler/automaton/README.md prints.

import { test } from "uvu";
import * as assert from "uvu/assert";
import { compileGlob, type GlobOptions, run } from "../../compiler/automaton/index.ts";

const encoder = new TextEncoder();

function matches(glob: string, text: string, options: GlobOptions): boolean {
  const result = compileGlob(glob, options);
  if (!result.ok) throw new Error(result.message);
  return run(result.automaton, encoder.encode(text));
}

type Row = readonly [glob: string, taken: readonly string[], refused: readonly string[]];

const SEGMENTED: readonly Row[] = [
  [
    "stripe/refund",
    ["stripe/refund"],
    ["stripe", "stripe/refunds", "xstripe/refund", "Stripe/refund", "stripe/refund/"],
  ],
  ["stripe/*", ["stripe/refund", "stripe/"], ["stripe", "stripe/a/b", "stripe/refund/", "stripes/a", "stripe//a"]],
  ["read_*", ["read_file", "read_"], ["read", "read_a/b", "xread_file"]],
  ["*_file", ["read_file", "_file"], ["a/read_file", "read_files"]],
  ["*/refund", ["stripe/refund", "/refund"], ["refund", "a/b/refund"]],
  ["a*c", ["ac", "abc", "abbc"], ["a/c", "abcd"]],
  ["a?c", ["abc", "aéc", "a本c", "a😀c"], ["ac", "a/c", "abbc"]],
  ["a/**", ["a/b", "a/b/c", "a/"], ["a", "ab", "b/a/b"]],
  ["**/x", ["x", "a/x", "a/b/x", "/x"], ["ax", "x/a", "a/xy"]],
  ["a/**/b", ["a/b", "a/x/b", "a/x/y/b", "a//b"], ["ab", "a/xb", "a/b/c", "a"]],
  ["a/**/**", ["a/b", "a/b/c"], ["a"]],
  ["a/*/c", ["a/b/c", "a//c"], ["a/c", "a/b/b/c"]],
  ["a**b", ["ab", "axxb"], ["a/b"]],
  ["*", ["anything", "a/b/c", ""], []],
  ["**", ["anything", "a/b/c", ""], []],
  ["*/*", ["a/b", "/"], ["a", "a/b/c"]],
  ["", [""], ["a"]],
  ["a.b[c]{d}\\e+$", ["a.b[c]{d}\\e+$"], ["aXb[c]{d}\\e+$", "a.bc{d}\\e+$"]],
  ["a?", ["ab"], ["a", "a\n\n"]],
];

for (const [glob, taken, refused] of SEGMENTED) {
  test(`E05 the glob \`${glob}\` keeps to its table, between separators`, () => {
    const options = { separator: "/", ignoreCase: false } as const;
    for (const text of taken) assert.ok(matches(glob, text, options), `${glob} takes ${text}`);
    for (const text of refused) assert.not.ok(matches(glob, text, options), `${glob} refuses ${text}`);
  });
}

const WHOLE: readonly Row[] = [
  ["*.example.com", ["api.example.com", "a/b.example.com", ".example.com"], ["example.com", "api.example.com.evil"]],
  ["Bearer *", ["Bearer a/b=="], ["bearer a", "Bearer"]],
  ["a**b", ["ab", "a/x/b"], ["a/x"]],
  ["?", ["/", "é"], ["", "ab"]],
];

for (const [glob, taken, refused] of WHOLE) {
  test(`E05 the glob \`${glob}\` keeps to its table, without separators`, () => {
    const options = { separator: null, ignoreCase: false };
    for (const text of taken) assert.ok(matches(glob, text, options), `${glob} takes ${text}`);
    for (const text of refused) assert.not.ok(matches(glob, text, options), `${glob} refuses ${text}`);
  });
}

test("E05 a glob that ignores case does so for ASCII letters and for nothing else", () => {
  const options = { separator: null, ignoreCase: true };
  assert.ok(matches("*.KayaK.com", "API.kAYAk.COM", options));
  assert.not.ok(matches("kayak.com", "\u212aayak.com", options), "a Kelvin sign is no k");
  assert.not.ok(matches("é", "É", options));
  assert.not.ok(matches("a@b", "a`b", options), "@ and ` differ by the bit that tells letters' cases apart");
});

test("E10 a glob that is too long, or not Unicode, is refused with a place", () => {
  const long = compileGlob("a".repeat(10_001), { separator: "/", ignoreCase: false });
  assert.is(long.ok, false);
  assert.match(long.ok ? "" : long.message, /longer than 10000 characters/);
  const half = compileGlob("ab\ud800", { separator: "/", ignoreCase: false });
  assert.is(half.ok ? -1 : half.offset, 2);
});

test.run();
