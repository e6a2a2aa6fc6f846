// The same as test/analyse with more policies, from a seed of the day's own unless FARAMESH_SEED names one. FARAMESH_SHARD=2/4
// takes the second of four parts, so that several machines can share them.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { holdAgainstMachine } from "../analyse/agreement.ts";
import { tryGenerated } from "../analyse/asserts.ts";
import { tryAll } from "../analyse/brute.ts";
import { tryWitnesses } from "../analyse/witnesses.ts";

const POLICIES_DEFAULT = 10_000;
/** Seeds below are those of the everyday tests. */
const SEED_FIRST = 1_000_000;

const all = Number(process.env.FARAMESH_POLICIES ?? POLICIES_DEFAULT);
const begun = Number(process.env.FARAMESH_SEED ?? SEED_FIRST + (Date.now() % 1_000_000_000));
const [part, parts] = shardOf(process.env.FARAMESH_SHARD ?? "1/1");
const policies = Math.ceil(all / parts);
/** Parts do not overlap: a policy that is refused takes a seed, too, so each part has room for twice as many. */
const seed = begun + (part - 1) * policies * 2;

/** Throws for anything but `i/n` with i from 1 to n. */
function shardOf(text: string): [number, number] {
  const [i, n] = text.split("/").map(Number);
  if (i === undefined || n === undefined || !Number.isInteger(i) || !Number.isInteger(n) || i < 1 || i > n)
    throw new Error(`FARAMESH_SHARD is \`${text}\`; write 1/4 for the first of four parts`);
  return [i, n];
}

test("what analysis finds of small policies, trying every call finds", () => {
  const { differences, calls } = tryAll(policies, seed);
  assert.equal(differences, []);
  assert.ok(calls > policies);
});

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
