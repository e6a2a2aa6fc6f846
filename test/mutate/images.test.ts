// Images changed by chance: with the digest that was theirs they are refused; with one that fits they are refused or run
// within their bounds. FARAMESH_MUTANTS says how many of each, FARAMESH_SEED where to begin; test/slow runs a million.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../generate/random.ts";
import { runMutants } from "./image.ts";
import { subjects } from "./subjects.ts";

const MUTANTS_DEFAULT = 10_000;
const GENERATED = 12;

const mutants = Number(process.env.FARAMESH_MUTANTS ?? MUTANTS_DEFAULT);
const seed = Number(process.env.FARAMESH_SEED ?? 1);
const random = new Random(seed);
const all = subjects(GENERATED, seed);

test(`F01 ${mutants} changed images with fitting digests are refused, or run within bounds (seed ${seed})`, () => {
  const tally = runMutants(all, mutants, (bound) => random.below(bound), "renewed");
  assert.is(tally.refused + tally.ran, mutants);
  assert.ok(tally.refused > mutants / 3, JSON.stringify(tally));
  assert.ok(tally.ran > mutants / 20, JSON.stringify(tally));
});

test(`F02 ${mutants} changed images whose digest was kept are refused (seed ${seed})`, () => {
  const tally = runMutants(all, mutants, (bound) => random.below(bound), "kept");
  assert.equal(tally, { refused: mutants, ran: 0 });
});

test.run();
