// Every small expression against every short text, in both forms of an automaton. Progress goes to standard error.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runExhaustive } from "../automaton/exhaustive.ts";

/** Answers that are compared at least: what RE2's exhaustive tests hold. */
const ANSWERS_MIN = 11_400_000;

test("E08 every small expression matches the texts that the engine's RegExp matches, in both forms", () => {
  const stride = Number(process.env.FARAMESH_STRIDE ?? 1);
  const compared = runExhaustive(stride, (line) => process.stderr.write(`${line}\n`));
  assert.ok(compared * stride >= ANSWERS_MIN, `only ${compared} answers were compared`);
});

test.run();
