// Built policies decide as their images do: the same verdicts, explanations and states; the same bytes at every build.
import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { joinPolicy } from "../../runtime/embed/join.ts";
import { moduleOf } from "../../runtime/evaluator/carried.ts";
import { LoadFailure, loadPolicy, loadPolicySync, type Policy } from "../../runtime/evaluator/index.ts";
import { wholeMachine } from "../../runtime/evaluator/whole-machine.ts";
import { everyCall, everyPart, imageOf, noon } from "../vm/policies.ts";

const image = imageOf(everyPart);
const small = { meterCapacity: 1024, arenaBytes: 65_536 };
const { wasm, info } = joinPolicy(image, small);
const built = moduleOf(wasm.slice());

/** Everything a policy says about a history of calls. */
function history(policy: Policy): unknown[] {
  policy.activatePhases(noon);
  const said: unknown[] = [
    policy.info.policy_hash,
    policy.info.image_hash,
    policy.info.worst_case_steps,
    policy.rules(),
  ];
  for (let round = 0; round < 12; round++) {
    for (const call of everyCall) {
      const at = { now: noon + round * 1000, approved: round % 2 === 0 ? ["default"] : [] };
      said.push(policy.explain(call, at), policy.decide(call, at));
    }
    said.push(policy.stateHash(), policy.budgets(noon + round * 1000));
  }
  return said;
}

test("a built policy says what its image says, over a history", () => {
  const fromImage = loadPolicySync(image, { state: "volatile", ...small });
  assert.equal(history(loadPolicySync(built, { state: "volatile" })), history(fromImage));
});

test("each opening of a built policy begins anew, and snapshots pass between it and its image", async () => {
  const [one, other] = [await loadPolicy(built, { state: "volatile" }), loadPolicySync(built, { state: "volatile" })];
  const empty = other.stateHash();
  for (const call of everyCall) one.decide(call, { now: noon });
  assert.is.not(one.stateHash(), empty);
  assert.is(other.stateHash(), empty);
  const fromImage = loadPolicySync(image, { state: "volatile", ...small });
  fromImage.restore(one.snapshot());
  assert.is(fromImage.stateHash(), one.stateHash());
});

test("opened without state, a built policy that counts denies", () => {
  const policy = loadPolicySync(built);
  const call = { agent_id: "pay", tool_id: "stripe/refund", args: {} };
  assert.is(policy.decide(call, { now: noon }).code, "STATE_UNAVAILABLE");
});

test("a policy is built to the same bytes each time", () => {
  const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
  assert.is(hash(joinPolicy(image, small).wasm), hash(wasm));
});

test("the loader is gone from it, and what is left is smaller than machine and image together", () => {
  const exports = WebAssembly.Module.exports(built).map(({ name }) => name);
  assert.equal(
    exports.filter((name) => /load|allocate|imageHash|global/.test(name)),
    [],
  );
  const { wasm: bare } = joinPolicy(imageOf('agent "a" { default deny permit t if n < 5 }'));
  assert.ok(bare.length < 33_000, String(bare.length));
  assert.is(info.policy_hash, loadPolicySync(image).info.policy_hash);
});

test("what cannot be opened or built is refused with a code", () => {
  const refused = (work: () => unknown, code: string): void => {
    try {
      work();
    } catch (error) {
      assert.instance(error, LoadFailure);
      assert.is((error as LoadFailure).code, code);
      return;
    }
    assert.unreachable(code);
  };
  refused(() => loadPolicySync(wholeMachine.module()), "BAD_MODULE");
  refused(() => loadPolicySync(image, { module: built }), "BAD_MODULE");
  refused(() => loadPolicySync(built, { meterCapacity: 8 }), "BAD_OPTION");
  refused(() => loadPolicySync(moduleOf(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))), "BAD_MODULE");
  const changed = image.slice();
  changed[200] = (changed[200] ?? 0) ^ 1;
  refused(() => joinPolicy(changed), "BAD_DIGEST");
});

test.run();
