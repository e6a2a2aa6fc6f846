// Exact reasoning against the machine, on policies and calls by chance. FARAMESH_POLICIES says how many, FARAMESH_SEED where to begin.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { holdAgainstMachine } from "./agreement.ts";

const POLICIES_DEFAULT = 200;

test("what analysis is sure of, the machine does", async () => {
  const policies = Number(process.env.FARAMESH_POLICIES ?? POLICIES_DEFAULT);
  const tally = await holdAgainstMachine(policies, Number(process.env.FARAMESH_SEED ?? 1));
  assert.ok(tally.sure > tally.unsure, JSON.stringify(tally));
  assert.ok(tally.beyond * 50 < tally.sure, JSON.stringify(tally));
});

test.run();
