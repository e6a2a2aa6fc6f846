// Snapshots: canonical, and refused whole when the machine could not have written them.
import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { LoadFailure, type Policy } from "../../runtime/evaluator/index.ts";
import { noon, open, randomOf } from "./policies.ts";

const text = `agent "a" {
  default permit
  rate_limit "t": 3 per minute
  budget daily { max = $10 daily = $8 warn_at = 0.5 cost = 1 }
  budget session { max_calls = 9 }
  ambient { max_bytes = 1kb, max_ns = 5 }
  deny bad
  deny q if session.sum(t.n) + session.count(t, window=1h) + session.sum(t.n, window=2h) + deny_count_within(10m) > 99
  deny q if history_contains_within(t, 60)
  phase first { permit x }
  phase second { permit x }
  phase "trial" { duration = "2h" next = "enforce" tools = ["p"] rules { permit p } }
}`;
const HEAD_BYTES = 24;

function used(): Policy {
  const policy = open(text, { meterCapacity: 64 });
  policy.activatePhases(noon);
  for (const session_id of ["x", "y"]) {
    for (const tool_id of ["t", "bad", "bad"])
      policy.decide({ agent_id: "a", tool_id, session_id, args: { n: -2.5 } }, { now: noon });
  }
  for (const session_id of ["y", "z"]) policy.movePhase({ agent_id: "a", session_id, to: "second" }, { now: noon });
  return policy;
}

function refusal(policy: Policy, bytes: Uint8Array): string | null {
  try {
    policy.restore(bytes);
    return null;
  } catch (error) {
    if (error instanceof LoadFailure) return error.code;
    throw error;
  }
}

/** Where each entry begins, and its key's length. */
function entries(bytes: Uint8Array): { at: number; key: number; values: number; kind: number }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const found = [];
  for (let at = HEAD_BYTES; at < bytes.length; ) {
    const key = view.getUint16(at, true);
    found.push({ at, key, values: at + 4 + key, kind: view.getUint8(at + 2) });
    const events = ![7, 8].includes(view.getUint8(at + 2)) ? 0 : Number(view.getBigInt64(at + 4 + key + 16, true));
    at += 4 + key + 48 + events * 16;
  }
  return found;
}

test("H07 a restored state has the same bytes, hash and answers", () => {
  const policy = used();
  const copy = open(text, { meterCapacity: 64 });
  copy.restore(policy.snapshot());
  assert.equal(copy.snapshot(), policy.snapshot());
  assert.is(copy.stateHash(), policy.stateHash());
  assert.is(policy.stateHash(), createHash("sha256").update(policy.snapshot()).digest("hex"));
  for (let i = 0; i < 12; i++) {
    const [one, two] = [policy, copy].map((p) => p.decide({ agent_id: "a", tool_id: "t" }, { now: noon + i * 9000 }));
    assert.equal(one, two);
  }
  assert.is(copy.stateHash(), policy.stateHash());
});

test("snapshots do not tell in which order counters were made", () => {
  const sessions = Array.from({ length: 40 }, (_, i) => `s${i * 7919}`);
  const make = (order: readonly string[]): string => {
    const policy = open('agent "a" { default permit budget session { max_calls = 5 } }');
    for (const session_id of order) policy.decide({ agent_id: "a", tool_id: "t", session_id }, { now: noon });
    return policy.stateHash();
  };
  assert.is(make(sessions), make([...sessions].reverse()));
  assert.is.not(make(sessions), make(sessions.slice(1)));
});

test("a policy without counters of its own still takes the state of nothing", () => {
  const bare = open('agent "a" { default permit }');
  bare.restore(bare.snapshot());
  assert.is(refusal(open('agent "a" { default permit }', { meterCapacity: 2 }), used().snapshot()), "STATE_FULL");
});

test("snapshots that are cut, longer, foreign or of another version are refused, and nothing changes", () => {
  const policy = used();
  const bytes = policy.snapshot();
  const hash = policy.stateHash();
  for (let length = 0; length < bytes.length; length++) {
    assert.is(refusal(policy, bytes.slice(0, length)), "BAD_SNAPSHOT", `${length} bytes`);
  }
  assert.is(refusal(policy, new Uint8Array([...bytes, 0])), "BAD_SNAPSHOT");
  for (const version of [0, 2, 0xffffffff]) {
    const other = bytes.slice();
    new DataView(other.buffer).setUint32(4, version, true);
    assert.is(refusal(policy, other), "UNSUPPORTED_SNAPSHOT");
  }
  assert.is(refusal(policy, new Uint8Array(1 << 20)), "STATE_FULL");
  assert.is(policy.stateHash(), hash);
});

/** Changes of one entry's six values, and of the events behind them, that no machine writes. */
const impossible: readonly { readonly kind: number; readonly value: number; readonly to: bigint }[] = [
  { kind: 1, value: 0, to: 1n << 62n },
  { kind: 1, value: 1, to: 1n },
  { kind: 1, value: 1, to: 1n << 50n },
  { kind: 1, value: 2, to: 1n << 60n },
  { kind: 1, value: 2, to: 0n },
  { kind: 1, value: 4, to: 1n },
  { kind: 2, value: 0, to: (1n << 63n) - 1n },
  { kind: 2, value: 0, to: -1n },
  { kind: 2, value: 1, to: (1n << 63n) - 1n },
  { kind: 2, value: 2, to: 1n << 60n },
  { kind: 2, value: 4, to: 1n << 60n },
  { kind: 2, value: 5, to: 1n << 60n },
  { kind: 3, value: 0, to: 1n << 60n },
  { kind: 3, value: 1, to: 1n },
  { kind: 4, value: 0, to: 1n << 60n },
  { kind: 4, value: 1, to: 1n },
  { kind: 4, value: 2, to: 1n << 62n },
  { kind: 4, value: 2, to: -1n },
  { kind: 4, value: 3, to: 0n },
  { kind: 4, value: 3, to: 1n << 60n },
  { kind: 4, value: 4, to: 0n },
  { kind: 4, value: 4, to: 1n << 60n },
  { kind: 4, value: 5, to: 1n },
  { kind: 5, value: 0, to: 0n },
  { kind: 5, value: 0, to: 1n << 62n },
  { kind: 5, value: 1, to: 7n },
  { kind: 5, value: 2, to: 1n },
  { kind: 6, value: 0, to: 0n },
  { kind: 6, value: 0, to: 1n << 60n },
  { kind: 6, value: 1, to: 0n },
  { kind: 6, value: 3, to: 0n },
  { kind: 6, value: 3, to: 1n << 60n },
  { kind: 7, value: 0, to: 1n },
  { kind: 7, value: 1, to: 0n },
  { kind: 7, value: 2, to: 0n },
  { kind: 7, value: 2, to: 1025n },
  { kind: 7, value: 2, to: -1n },
  { kind: 7, value: 3, to: 1n },
  { kind: 7, value: 5, to: 1n },
  { kind: 7, value: 6, to: 1n << 60n },
  { kind: 7, value: 6, to: 1n },
  { kind: 7, value: 7, to: 1n << 60n },
  { kind: 8, value: 1, to: 1n },
  { kind: 8, value: 7, to: 1n },
  { kind: 8, value: 8, to: 0n },
];

test("H10 values that could wrap a sum, or lie in the future, are refused", () => {
  const policy = used();
  const bytes = policy.snapshot();
  const hash = policy.stateHash();
  for (const { kind, value, to } of impossible) {
    for (const entry of entries(bytes).filter((e) => e.kind === kind)) {
      const hostile = bytes.slice();
      new DataView(hostile.buffer).setBigInt64(entry.values + value * 8, to, true);
      assert.is(refusal(policy, hostile), "BAD_SNAPSHOT", `kind ${kind}, value ${value} = ${to}`);
    }
  }
  for (const latest of [-1n, 1n << 60n, 0n]) {
    const hostile = bytes.slice();
    new DataView(hostile.buffer).setBigInt64(16, latest, true);
    assert.is(refusal(policy, hostile), "BAD_SNAPSHOT");
  }
  assert.is(policy.stateHash(), hash);
});

test("C09 keys out of order, twice, or of parts that do not add up are refused", () => {
  const policy = used();
  const bytes = policy.snapshot();
  const [first, second] = entries(bytes);
  assert.ok(first !== undefined && second !== undefined);
  const block = (e: { at: number; values: number }): number[] => [...bytes.slice(e.at, e.values + 48)];
  const swapped = bytes.slice();
  swapped.set([...block(second), ...block(first)], first.at);
  assert.is(refusal(policy, swapped), "BAD_SNAPSHOT");
  const joined = bytes.slice();
  joined[first.at + 5] = 200;
  assert.is(refusal(policy, joined), "BAD_SNAPSHOT");
  const twice = new Uint8Array([...bytes.slice(0, HEAD_BYTES), ...block(first), ...bytes.slice(HEAD_BYTES)]);
  new DataView(twice.buffer).setUint32(8, entries(twice).length, true);
  assert.is(refusal(policy, twice), "BAD_SNAPSHOT");
});

test("changed snapshots are refused with the state unchanged, or restored to what they say", () => {
  const policy = used();
  const bytes = policy.snapshot();
  const random = randomOf(3);
  let restored = 0;
  for (let i = 0; i < 20_000; i++) {
    const hostile = bytes.slice();
    for (let n = 1 + random(3); n > 0; n--) hostile[random(hostile.length)] = random(256);
    const hash = policy.stateHash();
    const code = refusal(policy, hostile);
    if (code !== null) assert.is(policy.stateHash(), hash);
    else {
      restored++;
      assert.equal(policy.snapshot(), hostile, "what is accepted is canonical");
    }
  }
  assert.ok(restored > 0 && restored < 20_000);
});

test.run();
