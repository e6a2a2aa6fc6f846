// Examples of what two policies decide differently, put to both. FARAMESH_POLICIES says how many, FARAMESH_SEED where to begin.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { tryWitnesses } from "./witnesses.ts";

const PAIRS_DEFAULT = 80;

test("the example of each certain difference is answered as was said", async () => {
  const pairs = Number(process.env.FARAMESH_POLICIES ?? PAIRS_DEFAULT);
  const tally = await tryWitnesses(pairs, Number(process.env.FARAMESH_SEED ?? 1));
  assert.ok(tally.confirmed > tally.untried, JSON.stringify(tally));
});

test.run();
