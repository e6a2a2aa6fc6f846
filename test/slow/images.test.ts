// The same as mutate/images.test.ts with a million mutants of each kind, from a seed of the day's own unless FARAMESH_SEED
// names one. FARAMESH_DIGEST=renewed or kept runs one kind alone.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../generate/random.ts";
import { runMutants } from "../mutate/image.ts";
import { subjects } from "../mutate/subjects.ts";

const MUTANTS_DEFAULT = 1_000_000;
const GENERATED = 40;

const mutants = Number(process.env.FARAMESH_MUTANTS ?? MUTANTS_DEFAULT);
const seed = Number(process.env.FARAMESH_SEED ?? Date.now() % 1_000_000_000);
const only = process.env.FARAMESH_DIGEST;
const all = subjects(GENERATED, seed);

for (const digest of ["renewed", "kept"] as const) {
  if (only !== undefined && only !== digest) continue;
  test(`F01 F02 a million changed images, digests ${digest}`, () => {
    const random = new Random(seed);
    process.stdout.write(`seed ${seed}, digests ${digest}\n`);
    const tally = runMutants(all, mutants, (bound) => random.below(bound), digest, "reused");
    process.stdout.write(`${JSON.stringify(tally)}\n`);
    assert.is(tally.refused + tally.ran, mutants);
    if (digest === "kept") assert.is(tally.ran, 0);
    else assert.ok(tally.ran > mutants / 20, JSON.stringify(tally));
  });
}

test.run();
