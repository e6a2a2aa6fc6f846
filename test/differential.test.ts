// Generated policies and calls through the oracle and the machine. FARAMESH_PAIRS says how many, FARAMESH_SEED where to begin.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runPairs } from "./differential/run.ts";

const PAIRS_DEFAULT = 60_000;

test("oracle and machine agree on generated policies and calls", async () => {
  const pairs = Number(process.env.FARAMESH_PAIRS ?? PAIRS_DEFAULT);
  const seed = Number(process.env.FARAMESH_SEED ?? 1);
  const tally = await runPairs(pairs, seed);
  assert.ok(tally.pairs >= pairs);
  assert.ok(tally.refused * 4 <= tally.policies, `${tally.refused} policies refused, ${tally.policies} judged`);
});

test.run();
