// Numbers, money and strings that decideJson reads out of a document: exact or refused, and of another kind than none.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { encoder, isRead, permits } from "./both-ways.ts";
import { noon, open } from "./policies.ts";

test("D08 D09 numbers are exact or refused, the latter only where a rule reads them if they fit a double", () => {
  for (const lexeme of [
    "1e400",
    "-1e400",
    "1e309",
    "1.7976931348623159e308",
    "NaN",
    "Infinity",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e+",
    "0x1",
    "1_0",
  ]) {
    assert.is(permits("x == 1", `{"x":1,"n":${lexeme}}`), "BAD_REQUEST", lexeme);
  }
  for (const lexeme of ["-0", "0.0", "-0e5", "1e-400", "-1e-999999999999"])
    assert.is(permits("n == 0 and n >= 0", `{"n":${lexeme}}`), true, lexeme);
  for (const lexeme of ["9007199254740992", "9007199254740993", "-9007199254740993", "1e300", "9007199254740991.5"]) {
    assert.is(permits("n > 1", `{"n":${lexeme}}`), "BAD_REQUEST", lexeme);
    assert.is(permits("n contains 1", `{"n":[1,${lexeme}]}`), "BAD_REQUEST", lexeme);
    assert.is(permits("x == 1", `{"n":${lexeme},"x":1}`), true, lexeme);
    assert.is(permits("n != nil", `{"n":[[${lexeme}],{"n":${lexeme}}]}`), true, lexeme);
  }
  assert.is(permits("n == 9007199254740991", '{"n":9007199254740991}'), true);
  assert.is(permits("n == 0.3", '{"n":0.30000000000000004}'), false);
  assert.is(permits("n == 0.3", '{"n":0.299999999999999988897769753748}'), true);
});

test("D10 money is the nearest micro-dollar of what was written", () => {
  const policy = 'agent "a" { default permit budget daily { max = $100 cost = amount } }';
  const costs = ["0.1", "0.2", "1e-1", "0.29", "2.007", "0.0000011"].map((amount) => {
    const bytes = encoder.encode(`{"agent_id":"a","tool_id":"t","args":{"amount":${amount}}}`);
    return open(policy).decideJson(bytes, { now: noon }).charges?.budgets[0]?.cost_micro;
  });
  assert.equal(costs, [100_000, 200_000, 100_000, 290_000, 2_007_000, 2]);
});

test("D11 D12 a value of another kind, and none, satisfy neither a comparison nor its opposite", () => {
  for (const args of ['{"n":"5"}', '{"n":true}', '{"n":[5]}', '{"n":{"n":5}}', "{}", '{"N":5}', "null"]) {
    for (const condition of ["n == 5", "n != 5", "n < 9", "not (n < 9)", "n not in [1, 2]"])
      assert.is(permits(condition, args), false, `${condition} of ${args}`);
  }
  assert.is(permits("n == nil", '{"n":null}'), true);
});

test("D13 D14 strings are read whole, whatever is in them and however they are written", () => {
  const texts = [
    "a\u0000b",
    "a\r\nb",
    "a\u2028b",
    "\ufeffa",
    "é",
    "e\u0301",
    "😀",
    "\u007f",
    "\u0000",
    '"\\/\b\f\n\r\t',
    "",
    "x".repeat(300),
  ];
  for (const text of texts) {
    const escaped = [...text]
      .flatMap((c) => c.split(""))
      .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join("");
    for (const written of [
      JSON.stringify(text),
      `"${escaped}"`,
      `"${escaped.toUpperCase().replaceAll("\\U", "\\u")}"`,
    ]) {
      assert.is(
        permits("s == u and len(s) == n", `{"s":${written},"u":${JSON.stringify(text)},"n":${[...text].length}}`),
        true,
        written,
      );
      assert.is(permits("s == u", `{"s":${written},"u":${JSON.stringify(`${text}.`)}}`), false, written);
    }
  }
  for (const bad of ["\\x", "\\", "\\u12", "\\u12g4", "\\U0041", "\\'", "\n", "\u0000", "\t"])
    assert.is(isRead(`{"agent_id":"a","tool_id":"t","n":"${bad}"}`), false, bad);
});

test.run();
