// The same as mutate/requests.test.ts with a million mutants, from a seed of the day's own unless FARAMESH_SEED names one.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { mutateRequests, printed } from "../mutate/run.ts";

const MUTANTS_DEFAULT = 1_000_000;

test("a million mutated requests get a verdict each, in bounded memory", () => {
  const mutants = Number(process.env.FARAMESH_MUTANTS ?? MUTANTS_DEFAULT);
  const seed = Number(process.env.FARAMESH_SEED ?? Date.now() % 1_000_000_000);
  process.stdout.write(`seed ${seed}\n`);
  const codes = mutateRequests(mutants, seed);
  process.stdout.write(`${printed(codes)}\n`);
  assert.is(
    [...codes.values()].reduce((sum, count) => sum + count, 0),
    mutants,
  );
});

test.run();
