// The same as test/analyse with more policies, from a seed of the day's own unless FARAMESH_SEED names one.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { holdAgainstMachine } from "../analyse/agreement.ts";
import { tryGenerated } from "../analyse/asserts.ts";
import { tryWitnesses } from "../analyse/witnesses.ts";

const POLICIES_DEFAULT = 10_000;
/** Seeds below are those of the everyday tests. */
const SEED_FIRST = 1_000_000;

const policies = Number(process.env.FARAMESH_POLICIES ?? POLICIES_DEFAULT);
const seed = Number(process.env.FARAMESH_SEED ?? SEED_FIRST + (Date.now() % 1_000_000_000));

test("what analysis is sure of, the machine does", async () => {
  process.stdout.write(`seed ${seed}\n`);
  const { sure, unsure } = await holdAgainstMachine(policies, seed);
  assert.ok(sure > unsure);
});

test("no call breaks an assert that is said to be proved, and every counter-example is confirmed", async () => {
  const { broken, proved } = await tryGenerated(policies, seed);
  assert.equal(broken, []);
  assert.ok(proved > 0);
});

test("the example of each certain difference is answered as was said", async () => {
  const { confirmed, untried } = await tryWitnesses(policies, seed);
  assert.ok(confirmed > untried);
});

test.run();
