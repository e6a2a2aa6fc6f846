// A part of the exhaustive run of small expressions; test/slow/expressions.test.ts makes the whole.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { expressionsOf, runExhaustive } from "./exhaustive.ts";

/** Of the expressions one in so many, a number that shares no factor with the sizes of the families. */
const STRIDE = 41;

test("the expressions are all there, once each", () => {
  const all = [...expressionsOf({ atoms: ["a"], unary: ["*"], atomsMax: 2, operatorsMax: 1 })];
  assert.equal(all, ["(?:a)", "(?:(?:a)(?:a))", "(?:(?:a)|(?:a))", "(?:(?:a)*)"]);
});

test("E08 small expressions match the texts that the engine's RegExp matches, in both forms", () => {
  assert.ok(runExhaustive(STRIDE) > 200_000);
});

test.run();
