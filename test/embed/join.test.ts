// Built policies decide as their images do: the same verdicts, explanations and states; the same bytes at every build.
import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { joinPolicy } from "../../runtime/embed/join.ts";
import { moduleOf } from "../../runtime/evaluator/carried.ts";
import {
  type EvaluationRequest,
  LoadFailure,
  loadPolicy,
  loadPolicySync,
  type Policy,
} from "../../runtime/evaluator/index.ts";
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
    exports.filter((name) => /load|allocate|hashes|global/.test(name)),
    [],
  );
  const { wasm: bare } = joinPolicy(imageOf('agent "a" { default deny permit t if n < 5 }'));
  assert.ok(bare.length < 31_000, String(bare.length));
  assert.is(info.policy_hash, loadPolicySync(image).info.policy_hash);
});

/** A policy without counters, sessions and phases, one with reasons and a pattern. */
const still = `agent "a" {
  default deny
  permit t if n < 5 reason: "few"
  defer mail/* if to matches "^[a-z]+@example[.]com$"
}`;
const stillCalls: readonly EvaluationRequest[] = [
  { agent_id: "a", tool_id: "t", args: { n: 4 } },
  { agent_id: "a", tool_id: "t", args: { n: "4" } },
  { agent_id: "a", tool_id: "mail/send", args: { to: "me@example.com" } },
  { agent_id: "a", tool_id: "mail/send", args: { to: "me@example.org" } },
  { agent_id: "b", tool_id: "t" },
  { agent_id: "a", tool_id: "a//b" },
];

test("a policy that counts nothing is built without what moves counters, and says the same", () => {
  const from = loadPolicySync(imageOf(still), { state: "volatile" });
  const module = moduleOf(joinPolicy(imageOf(still)).wasm.slice());
  const names = WebAssembly.Module.exports(module).map(({ name }) => name);
  assert.equal(
    names.filter((name) => /charge|deny|settle|phase|stage|session|snapshot|restore$/i.test(name)),
    [],
  );
  for (const options of [{}, { state: "volatile" as const }]) {
    const policy = loadPolicySync(module, options);
    for (const call of stillCalls) {
      const bytes = new TextEncoder().encode(JSON.stringify(call));
      assert.equal(policy.decide(call, { now: noon }), from.decide(call, { now: noon }));
      assert.equal(policy.decideJson(bytes, { now: noon }), from.decideJson(bytes, { now: noon }));
      assert.equal(policy.explain(call, { now: noon }), from.explain(call, { now: noon }));
    }
    assert.is(policy.stateHash(), from.stateHash());
    assert.equal(policy.snapshot(), from.snapshot());
    policy.restore(from.snapshot());
    assert.equal(policy.info, from.info);
    assert.equal([policy.phases(noon), policy.budgets(noon), policy.activatePhases(noon)], [[], [], []]);
    const session = { agent_id: "a", session_id: "s" };
    assert.is(policy.sessionPhase(session, { now: noon }), null);
    assert.equal(policy.movePhase({ ...session, to: "x" }, { now: noon }).ok, false);
  }
  const policy = loadPolicySync(module, { state: "volatile" });
  const session = { agent_id: "a", session_id: "s" };
  const nothing = { ok: true, changed: false, began_at: null, active_at: null, expired: false, phase: null };
  assert.equal(policy.session("inspect", session, { now: noon }), nothing);
  assert.equal(policy.session("close", session, { now: noon }), nothing);
  assert.equal(policy.session("open", session, { now: noon }), { ok: false, code: "STATE_FULL" });
  const counted = loadPolicySync(image, { state: "volatile", ...small });
  for (const call of everyCall) counted.decide(call, { now: noon });
  refused(() => policy.restore(counted.snapshot()), "STATE_FULL");
  refused(() => policy.restore(Uint8Array.of(1, 2, 3)), "STATE_FULL");
});

test("without its reader of JSON a module decides on objects alone", () => {
  const { wasm: bare, json } = joinPolicy(imageOf(still), { json: false });
  const names = WebAssembly.Module.exports(moduleOf(bare.slice())).map(({ name }) => name);
  assert.is(json, false);
  assert.equal(
    names.filter((name) => /decideJson|decideOn|explain/.test(name)),
    [],
  );
  const policy = loadPolicySync(moduleOf(bare.slice()));
  const from = loadPolicySync(imageOf(still));
  for (const call of stillCalls) assert.equal(policy.decide(call, { now: noon }), from.decide(call, { now: noon }));
  refused(() => policy.decideJson(new Uint8Array(2), { now: noon }), "NO_READER");
  const [call] = stillCalls;
  if (call !== undefined) refused(() => policy.explain(call, { now: noon }), "NO_EXPLAINER");
});

test("the longest JSON that a module takes is chosen when it is built", () => {
  const module = moduleOf(joinPolicy(imageOf(still), { requestBytes: 64 }).wasm.slice());
  const policy = loadPolicySync(module);
  const decide = (text: string): string => policy.decideJson(new TextEncoder().encode(text), { now: noon }).code;
  assert.is(decide('{"agent_id":"a","tool_id":"t","args":{"n":4}}'), "POLICY_PERMIT");
  assert.is(decide(`{"agent_id":"a","tool_id":"t","args":{"n":4}}${" ".repeat(64)}`), "BAD_REQUEST");
});

function refused(work: () => unknown, code: string): void {
  try {
    work();
  } catch (error) {
    assert.instance(error, LoadFailure);
    assert.is((error as LoadFailure).code, code);
    return;
  }
  assert.unreachable(code);
}

test("what cannot be opened or built is refused with a code", () => {
  refused(() => loadPolicySync(wholeMachine.module()), "BAD_MODULE");
  refused(() => loadPolicySync(image, { module: built }), "BAD_MODULE");
  refused(() => loadPolicySync(built, { meterCapacity: 8 }), "BAD_OPTION");
  refused(() => loadPolicySync(moduleOf(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))), "BAD_MODULE");
  const changed = image.slice();
  changed[200] = (changed[200] ?? 0) ^ 1;
  refused(() => joinPolicy(changed), "BAD_DIGEST");
});

test.run();
