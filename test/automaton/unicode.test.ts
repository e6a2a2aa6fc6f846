// Unicode's facts are those of the version that the build wrote down, on every engine: their digest is kept here.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { categoryRanges, scriptRanges, unicodeVersion } from "../../build/unicode.ts";
import { compileSearch, run } from "../../compiler/automaton/index.ts";
import { foldCase, propertyRanges } from "../../compiler/automaton/unicode.ts";

const encoder = new TextEncoder();
const finds = (pattern: string, text: string): boolean => {
  const result = compileSearch(pattern);
  return result.ok && run(result.automaton, encoder.encode(text));
};

test("F12 categories, scripts and folding are the same on every engine", () => {
  const facts: string[] = [unicodeVersion];
  const names = ["C", "L", "M", "N", "P", "S", "Z", ...Object.keys(categoryRanges), ...Object.keys(scriptRanges)];
  for (const name of names) facts.push(`${name} ${propertyRanges(name)?.join()}`);
  for (let point = 0; point < 0x20000; point++) {
    const folded = foldCase([point, point]);
    if (folded.length > 2 || folded[0] !== folded[1]) facts.push(`${point} ${folded.join()}`);
  }
  assert.is(names.length, 209);
  assert.is(
    bytesToHex(sha256(encoder.encode(facts.join("\n")))),
    "c7ec0ca12b8272f9b7102b23bcff8e709c5c5f853c3163f84c854a31b41cf57e",
  );
});

test("categories are apart, cover what their letters stand for, and leave out what is unassigned", () => {
  const owner = new Map<number, string>();
  for (const name of Object.keys(categoryRanges)) {
    const ranges = propertyRanges(name) ?? [];
    for (let i = 0; i < ranges.length; i += 2) {
      for (let point = ranges[i] ?? 0; point <= (ranges[i + 1] ?? -1); point++) {
        assert.not.ok(owner.has(point), `${point} is ${owner.get(point)} and ${name}`);
        owner.set(point, name);
      }
    }
  }
  assert.is(owner.get(0x378), undefined);
  assert.is(owner.get(0x41), "Lu");
  assert.is(propertyRanges("Cs")?.length, 0);
  for (const name of ["Klingon", "toString", "lu", "Grek", "", "LL", "Unassigned"])
    assert.is(propertyRanges(name), undefined);
});

test("E08 what came with recent versions of Unicode is known", () => {
  // Sidetic came with 17, Garay with 16; the lower-case ligature folds to its sibling since 15.1.
  assert.ok(finds("^\\p{Sidetic}$", "\u{10940}"));
  assert.ok(finds("(?i)^\\x{10D50}$", "\u{10D70}"));
  assert.ok(finds("(?i)^\\x{FB05}$", "\uFB06"));
  assert.not.ok(finds("(?i)^\\x{131}$", "I"));
  assert.not.ok(finds("(?i)^\\x{130}$", "i"));
});

test.run();
