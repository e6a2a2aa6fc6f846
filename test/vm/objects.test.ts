// The evaluator without a reader of JSON decides as the whole one does, and says so where it is asked for what it has not.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import * as objects from "../../runtime/evaluator/objects.ts";
import { everyCall, everyPart, imageOf, noon } from "./policies.ts";

const options = { state: "volatile", meterCapacity: 1024 } as const;

test("both machines give the same verdicts and the same state over a history", async () => {
  const whole = loadPolicySync(imageOf(everyPart), options);
  const lean = await objects.loadPolicy(imageOf(everyPart), options);
  for (let round = 0; round < 12; round++) {
    for (const call of everyCall) {
      const at = { now: noon + round * 1000, approved: round % 2 === 0 ? ["default"] : [] };
      assert.equal(lean.decide(call, at), whole.decide(call, at));
    }
    assert.is(lean.stateHash(), whole.stateHash());
  }
  assert.equal(lean.info.policy_hash, whole.info.policy_hash);
});

test("it has neither a reader of JSON nor explanations, and says so by not having them", () => {
  const lean = objects.loadPolicySync(imageOf(everyPart), options);
  assert.is("decideJson" in lean, false);
  assert.is("explain" in lean, false);
});

test.run();
