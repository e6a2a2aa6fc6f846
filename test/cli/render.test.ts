// Text from outside on its way to a terminal: nothing in it may move a cursor, hide, turn the line around or begin a line.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bar, columns, countText, durationText, jsonText, shortened, visible } from "../../cli/render.ts";
import { JsonNumber } from "../../runtime/evaluator/index.ts";

const hostile: readonly (readonly [string, string])[] = [
  ["\u001b]52;c;aGk=\u0007", "\\u001b]52;c;aGk=\\u0007"],
  ["\u001b]8;;http://evil\u001b\\", "\\u001b]8;;http://evil\\u001b\\"],
  ["\u001b[2J\u001b[H", "\\u001b[2J\\u001b[H"],
  ["\u009b31m", "\\u009b31m"],
  ["a\u007fb", "a\\u007fb"],
  ["\u202egnp.exe", "\\u202egnp.exe"],
  ["\u2066x\u2069", "\\u2066x\\u2069"],
  ["zero\u200bwidth\ufeff", "zero\\u200bwidth\\ufeff"],
  ["\u{e0041}", "\\udb40\\udc41"],
  ["\ud800", "\\ud800"],
  ["line\u2028line\u2029", "line\\u2028line\\u2029"],
  ["a\nb\r\tc", "a\\nb\\r\\tc"],
  ["für ✓ 日本 🙂", "für ✓ 日本 🙂"],
];

for (const [raw, shown] of hostile) {
  test(`I01 ${JSON.stringify(shown)} is what is shown`, () => {
    assert.is(visible(raw), shown);
    const json = jsonText({ [raw]: [raw] });
    assert.equal(JSON.parse(json), { [raw]: [raw] });
    assert.not.match(json, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/);
  });
}

test("I02 a newline in a field stays in its line", () => {
  const forged = "x\n[2026-05-17T19:30:01Z] action-FORGED  bot  tool  PERMIT  ok";
  assert.is(visible(forged).split("\n").length, 1);
  assert.is(jsonText({ forged }, 0).split("\n").length, 1);
});

test("I07 a huge field is cut with a mark that says how much is left out", () => {
  assert.is(shortened("abc", 3), "abc");
  assert.is(shortened("x".repeat(1_000_000), 5), "xxxxx… (999,995 characters more)");
  assert.is(shortened("\n\n\n", 2), "\\n… (4 characters more)");
});

test("numbers are printed as they were received", () => {
  const value = {
    a: new JsonNumber("9007199254740993", 9007199254740992, false),
    b: 1.5,
    c: null,
    d: [],
    e: {},
    f: undefined,
  };
  assert.is(jsonText(value, 0), '{"a":9007199254740993,"b":1.5,"c":null,"d":[],"e":{}}');
});

test("words for counts, durations and shares", () => {
  assert.equal(
    [0, 1, 14_329].map((count) => countText(count, "record")),
    ["0 records", "1 record", "14,329 records"],
  );
  assert.equal([0, 59, 60, 192, 3600, 100_000].map(durationText), [
    "0 s",
    "59 s",
    "1 min",
    "3 min 12 s",
    "1 h",
    "1 d 3 h",
  ]);
  assert.equal(
    [-1, 0, 0.5, 1, 7].map(bar).map((text) => text.replace(/░/g, "").length),
    [0, 0, 10, 20, 20],
  );
  assert.equal(
    columns([
      ["a", "b"],
      ["\u001b[31mccc\u001b[39m", "d"],
    ]),
    ["a    b", "\u001b[31mccc\u001b[39m  d"],
  );
});

test.run();
