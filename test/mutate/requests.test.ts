// Mutated requests, as objects and as bytes: each gets a verdict, the machine never grows, and what a hostile request left
// behind changes no later verdict. FARAMESH_MUTANTS says how many, FARAMESH_SEED where to begin; test/slow runs a million.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { mutateRequests } from "./run.ts";

const MUTANTS_DEFAULT = 40_000;

test("mutated requests get a verdict each, in bounded memory", () => {
  const mutants = Number(process.env.FARAMESH_MUTANTS ?? MUTANTS_DEFAULT);
  const codes = mutateRequests(mutants, Number(process.env.FARAMESH_SEED ?? 1));
  assert.is(
    [...codes.values()].reduce((sum, count) => sum + count, 0),
    mutants,
  );
  for (const code of ["object POLICY_PERMIT", "object BAD_REQUEST", "bytes POLICY_DENY", "bytes BAD_REQUEST"])
    assert.ok((codes.get(code) ?? 0) * 1000 > mutants, `${code}: ${codes.get(code)} of ${mutants}`);
});

test.run();
