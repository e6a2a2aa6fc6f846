// The evaluator without counters decides as the whole one does wherever nothing is counted, and denies wherever something is.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { machineText } from "../../build/machine-stateless.ts";
import { compile } from "../../compiler/index.ts";
import { bytesOf, moduleOf } from "../../runtime/evaluator/carried.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { Machine } from "../../runtime/evaluator/machine.ts";
import * as stateless from "../../runtime/evaluator/stateless.ts";
import { LoadFailure } from "../../runtime/evaluator/types.ts";
import { VERDICT_CODE_MASK, VERDICT_CODE_SHIFT, VerdictCode } from "../../vm/shared/abi.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { callDrafts } from "../generate/request.ts";
import { everyCall, everyPart, imageOf, noon } from "./policies.ts";

test("both machines give the same verdicts, of policies that count nothing and of those that would", async () => {
  let [counting, other] = [0, 0];
  for (let seed = 1; seed <= 60; seed++) {
    const random = new Random(seed);
    const { image } = compile(policyText(policyDraft(random, random.oneIn(3))), { file: "governance.fms" });
    if (image === undefined) continue;
    const whole = loadPolicySync(image);
    const lean = await stateless.loadPolicy(image);
    assert.is(lean.info.image_hash, whole.info.image_hash);
    assert.is(lean.info.worst_case_steps, whole.info.worst_case_steps);
    for (const { request } of callDrafts(random, 40, "forward", false)) {
      const verdict = lean.decide(request, { now: noon });
      assert.equal(verdict, whole.decide(request, { now: noon }), JSON.stringify(request));
      if (verdict.code === "STATE_UNAVAILABLE") counting++;
      else other++;
    }
  }
  assert.ok(counting > 50 && other > 200, `${counting} ${other}`);
});

test("what would have to be counted is denied, and nothing can open it with state", () => {
  const image = imageOf(everyPart);
  const [lean, whole] = [stateless.loadPolicySync(image), loadPolicySync(image)];
  for (const call of everyCall) assert.equal(lean.decide(call, { now: noon }), whole.decide(call, { now: noon }));
  assert.ok(everyCall.some((call) => lean.decide(call, { now: noon }).code === "STATE_UNAVAILABLE"));
  assert.throws(
    () => stateless.loadPolicySync(image, { state: "volatile" } as stateless.StatelessOptions),
    (error: unknown) => error instanceof LoadFailure && error.code === "BAD_OPTION",
  );
  for (const name of ["decideJson", "explain", "snapshot", "movePhase"]) assert.is(name in lean, false, name);
});

test("the machine itself never permits what it cannot count, should a host ask it", () => {
  const image = imageOf('agent "a" {\n  default permit\n  rate_limit "t": 1 per hour\n  permit t\n}');
  const machine = new Machine(moduleOf(bytesOf(machineText)), image, 0);
  const plan = machine.calls.lookup(machine.writeName(0, "a"), machine.writeName(2, "t"));
  const packed = machine.decide(plan, noon * 1000, 0, 0);
  assert.is(packed & 3, 1);
  assert.is((packed >> VERDICT_CODE_SHIFT) & VERDICT_CODE_MASK, VerdictCode.StateFull);
});

test("a changed image is refused as the whole evaluator refuses it", () => {
  const image = imageOf(everyPart);
  image[image.length - 9] = ~(image[image.length - 9] ?? 0);
  assert.throws(
    () => stateless.loadPolicySync(image),
    (error: unknown) => error instanceof LoadFailure && error.code === "BAD_DIGEST",
  );
});

test.run();
