// Counters of different values and of bytes: exact however many there are, never forgotten early, rebuilt from what was charged.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { EvaluationRequest, Policy, Verdict } from "../../runtime/evaluator/index.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import { noon, open } from "./policies.ts";

const DAY_MS = 86_400_000;

const ofCustomers = (most: number, meterCapacity: number): Policy =>
  open(`agent "a" { default permit ambient { max_customers_per_day = ${most} } }`, { meterCapacity });

const call = (args: EvaluationRequest["args"]): EvaluationRequest => ({ agent_id: "a", tool_id: "t", args });

test("C08 as many values as the limit says, each counted once", () => {
  const policy = ofCustomers(1000, 4096);
  const code = (customer: string): string => policy.decide(call({ customer }), { now: noon }).code;
  for (const round of [0, 1]) {
    for (let i = 0; i < 1000; i++) assert.is(code(`customer ${i}`), "POLICY_PERMIT", `round ${round}, ${i}`);
  }
  assert.is(code("customer 1000"), "AMBIENT_EXCEEDED");
  assert.is(code("customer 0"), "POLICY_PERMIT");
});

test("C08 without room a new value is STATE_FULL, a known one is not, and none is forgotten before its window ends", () => {
  const policy = ofCustomers(1000, 16);
  const code = (customer: number, now = noon): string => policy.decide(call({ customer }), { now }).code;
  // One meter counts, the others are values.
  for (let i = 0; i < 15; i++) assert.is(code(i), "POLICY_PERMIT");
  const hash = policy.stateHash();
  assert.is(code(15), "STATE_FULL");
  assert.is(policy.stateHash(), hash);
  for (let i = 0; i < 15; i++) assert.is(code(i), "POLICY_PERMIT");
  assert.is(code(16), "STATE_FULL");
  const next = Math.ceil(noon / DAY_MS) * DAY_MS;
  assert.is(code(16, next - 1), "STATE_FULL");
  assert.is(code(16, next), "POLICY_PERMIT");
});

test("H07 a snapshot and what was charged give the same state", () => {
  const text =
    'agent "a" { default permit budget daily { max = $100 cost = 2 } ambient { max_customers = 9 max_bytes = 1mb max_calls = 50 max_orders_per_hour = 3 } }';
  const policy = open(text, { meterCapacity: 64 });
  const again = open(text, { meterCapacity: 64 });
  const seen: (Verdict["charges"] | undefined)[] = [];
  for (let i = 0; i < 12; i++) {
    const request = call({ customer_id: i % 4, order: i % 3 === 0 ? null : `o${i % 2}`, text: "x".repeat(i) });
    const { charges } = policy.decide(request, { now: noon + i });
    seen.push(charges);
    const costs = charges?.budgets.map(({ cost_micro }) => cost_micro) ?? [];
    again.charge(request, costs, noon + i, charges?.sums, charges?.counted);
  }
  assert.equal(
    seen[1]?.budgets.map(({ id }) => id),
    ["daily", "ambient.max_calls"],
  );
  const [values, bytes, orders] = seen[1]?.counted ?? [];
  assert.ok(/^[0-9a-f]{64}$/.test(String(values)) && /^[0-9a-f]{64}$/.test(String(orders)));
  // 1; customer_id 8; order and its text; text and its one letter.
  assert.is(bytes, 1 + (11 + 8) + (5 + 2) + (4 + 1));
  assert.is(seen[3]?.counted?.[2], null);
  assert.is(again.stateHash(), policy.stateHash());
  const restored = open(text, { meterCapacity: 64 });
  restored.restore(policy.snapshot());
  assert.is(restored.stateHash(), policy.stateHash());
  const units = Object.fromEntries(restored.budgets(noon + 20).map((b) => [b.id, [b.unit, b.spent_micro, b.calls]]));
  assert.equal(units["ambient.max_customers"], ["values", 0, 4]);
  assert.equal(units["ambient.max_orders_per_hour"], ["values", 0, 2]);
  assert.equal(units["ambient.max_bytes"]?.[0], "bytes");
  assert.equal(units.daily, ["usd", 24_000_000, 12]);
});

test("what no decision took is refused when it is charged", () => {
  const policy = open('agent "a" { default permit ambient { max_customers = 9 max_bytes = 1mb } }', {
    meterCapacity: 64,
  });
  const digest = "ab".repeat(32);
  for (const counted of [
    ["ab", 1],
    [digest, -1],
    [digest, 0.5],
    [7, 1],
    [digest, "x"],
    [digest.toUpperCase(), 1],
  ]) {
    assert.throws(() => policy.charge(call({}), [], noon, [], counted), /no decision had/, JSON.stringify(counted));
  }
  policy.charge(call({}), [], noon, [], [digest, 5]);
  policy.charge(call({}), [], noon, [], []);
  assert.is(policy.budgets(noon).find(({ unit }) => unit === "values")?.calls, 1);
});

test("the size of arguments is the same as objects and as JSON, however it is written", () => {
  const text = 'agent "a" { default permit ambient { max_bytes = 1gb } }';
  const policy = open(text, { meterCapacity: 64 });
  const encoder = new TextEncoder();
  const size = (args: string): unknown =>
    policy.decideJson(encoder.encode(`{"agent_id":"a","tool_id":"t","args":${args}}`), { now: noon }).charges
      ?.counted?.[0];
  for (const [json, bytes] of [
    ["{}", 1],
    ["null", 1],
    ['{"a":1}', 10],
    ['{ "\\u0061" : 1.0e0 }', 10],
    ['{"é":"\\ud83d\\ude00"}', 1 + 2 + 4],
    ['{"a":[true,false,null,[],{}]}', 1 + 1 + 1 + 5],
    [`{"a":0.${"1".repeat(23)}}`, 1 + 1 + 8],
    [`{"a":0.${"1".repeat(24)}}`, 1 + 1 + 26],
    [`{"a":-1${"0".repeat(30)}}`, 1 + 1 + 32],
  ] as const) {
    assert.is(size(json), bytes, json);
  }
  const of = (args: EvaluationRequest["args"]): unknown =>
    policy.decide(call(args), { now: noon }).charges?.counted?.[0];
  assert.is(of({ a: 0.1, b: undefined } as never), 10);
  assert.is(of({ a: new JsonNumber("1".repeat(40), 1e39, false) }), 1 + 1 + 40);
  const deep = { a: {} };
  deep.a = deep;
  assert.is(policy.decide(call(deep as never), { now: noon }).code, "BAD_REQUEST");
  assert.is(policy.decide(call({ a: "\ud800" }), { now: noon }).code, "BAD_REQUEST");
  assert.is(policy.decide(call({ "\udc00": 1 }), { now: noon }).code, "BAD_REQUEST");
});

test.run();
