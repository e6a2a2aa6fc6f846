// A policy whose counters live in a store: instances count together, and what store or recorder do not answer for is denied.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DecisionRecord, LoadFailure, loadPolicy, type StateStore, share } from "../../runtime/evaluator/index.ts";
import { imageOf, noon, open } from "./policies.ts";

const text = `agent "a" {
  default deny
  rate_limit "t": 5 per minute
  permit t
  permit free
  phase trial { tools later duration 7d permit later }
}`;
const image = imageOf(text.replace(/ {2}phase.*\n/, ""));
const call = { agent_id: "a", tool_id: "t" };

/** A value with a version in memory; each answer comes a turn later, as from a network. */
class MemoryStore implements StateStore {
  reads = 0;
  conflicts = 0;
  #held: { state: Uint8Array; version: string } | null = null;

  async read(): Promise<{ state: Uint8Array; version: string } | null> {
    this.reads++;
    await Promise.resolve();
    return this.#held;
  }

  async write(state: Uint8Array, version: string | null): Promise<boolean> {
    await Promise.resolve();
    if ((this.#held?.version ?? null) !== version) {
      this.conflicts++;
      return false;
    }
    this.#held = { state: state.slice(), version: String(Number(version ?? "0") + 1) };
    return true;
  }
}

test("instances that share a store count together, however their calls cross", async () => {
  const store = new MemoryStore();
  const policies = await Promise.all([1, 2, 3].map(() => loadPolicy(image, { store })));
  const verdicts = await Promise.all(
    [0, 1, 2, 0, 1, 2, 0, 1].map((at, i) => policies[at]?.decide(call, { now: noon + i })),
  );
  const codes = verdicts.map((verdict) => verdict?.code).sort();
  assert.equal(codes, [...Array(5).fill("POLICY_PERMIT"), ...Array(3).fill("RATE_EXCEEDED")]);
  assert.ok(store.conflicts > 0);
});

test("a store's counters are those of one instance that sees all calls", async () => {
  const store = new MemoryStore();
  const alone = open(text.replace(/ {2}phase.*\n/, ""));
  for (let i = 0; i < 12; i++) {
    const at = { now: noon + i * 9000 };
    const request = i % 4 === 3 ? { ...call, tool_id: "free" } : call;
    const fresh = await loadPolicy(image, { store });
    assert.equal(await fresh.decide(request, at), alone.decide(request, at));
  }
  assert.equal((await store.read())?.state, alone.snapshot());
});

test("a store that fails, answers rubbish or is written by others each time denies STATE_UNAVAILABLE", async () => {
  const rubbish = { state: Uint8Array.of(1, 2, 3), version: "1" };
  const broken: readonly StateStore[] = [
    { read: () => Promise.reject(new Error("down")), write: async () => true },
    { read: async () => null, write: () => Promise.reject(new Error("down")) },
    { read: async () => null, write: async () => false },
    { read: async () => rubbish, write: async () => true },
    {
      read: () => {
        throw new Error("at once");
      },
      write: async () => true,
    },
  ];
  for (const store of broken) {
    const policy = await loadPolicy(image, { store });
    const { effect, code } = await policy.decide(call, { now: noon });
    assert.equal([effect, code], ["deny", "STATE_UNAVAILABLE"]);
  }
});

test("a policy that counts nothing never asks the store", async () => {
  const store = new MemoryStore();
  const policy = await loadPolicy(imageOf('agent "a" { default deny permit t }'), { store });
  assert.is((await policy.decide(call, { now: noon })).effect, "permit");
  assert.is(store.reads, 0);
});

test("each decision is handed out before it is answered, without arguments and without an approval", async () => {
  const records: DecisionRecord[] = [];
  const policy = await loadPolicy(imageOf('agent "a" { default defer permit t if n < 5 }'), {
    onRecord: (record) => void records.push(record),
  });
  const secret = { agent_id: "a", tool_id: "t", session_id: "s", args: { n: 4, card: "4111" }, cost_usd: 2 };
  const verdict = await policy.decide(secret, { now: noon });
  assert.equal(records, [
    {
      time: noon,
      policy_hash: policy.info.policy_hash,
      agent_id: "a",
      session_id: "s",
      tool_id: "t",
      action_type: null,
      cost_usd: 2,
      verdict,
      approval_id: null,
    },
  ]);
  assert.is((await policy.decide({ agent_id: "a", tool_id: "u" }, { now: noon })).effect, "defer");
  assert.equal([records[1]?.verdict.effect, records[1]?.approval_id], ["defer", null]);
  assert.not.match(JSON.stringify(records), "4111");
});

test("what cannot be recorded is denied AUDIT_UNAVAILABLE", async () => {
  const refusing = [
    () => {
      throw new Error("full");
    },
    () => Promise.reject(new Error("full")),
  ];
  for (const onRecord of refusing) {
    const policy = await loadPolicy(imageOf('agent "a" { default deny permit t }'), { onRecord });
    const { effect, code, rule } = await policy.decide(call, { now: noon });
    assert.equal([effect, code, rule], ["deny", "AUDIT_UNAVAILABLE", null]);
  }
});

test("clocks of phases stand in the store too, and begin once", async () => {
  const store = new MemoryStore();
  const [one, other] = [await loadPolicy(imageOf(text), { store }), share(open(text), { store })];
  const later = { agent_id: "a", tool_id: "later" };
  assert.is((await one.decide(later, { now: noon })).effect, "deny");
  assert.equal(await one.activatePhases(noon), ["trial"]);
  assert.equal(await other.activatePhases(noon + 1), []);
  assert.is((await other.decide(later, { now: noon + 2 })).phase, "trial");
});

test("counters have one home", async () => {
  try {
    await loadPolicy(image, { store: new MemoryStore(), state: "volatile" });
    assert.unreachable();
  } catch (error) {
    assert.instance(error, LoadFailure);
    assert.is((error as LoadFailure).code, "BAD_OPTION");
  }
});

test.run();
