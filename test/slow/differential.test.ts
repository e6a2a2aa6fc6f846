// The same as differential.test.ts with more pairs, from a seed of the day's own unless FARAMESH_SEED names one.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runPairs } from "../differential/run.ts";

const PAIRS_DEFAULT = 10_000_000;
/** Seeds below are those of the everyday test. */
const SEED_FIRST = 1_000_000;

test("oracle and machine agree on many generated policies and calls", async () => {
  const pairs = Number(process.env.FARAMESH_PAIRS ?? PAIRS_DEFAULT);
  const seed = Number(process.env.FARAMESH_SEED ?? SEED_FIRST + (Date.now() % 1_000_000_000));
  process.stdout.write(`seed ${seed}\n`);
  assert.ok((await runPairs(pairs, seed)).pairs >= pairs);
});

test.run();
