// Limits, budgets and room: exact against integers, at every edge, whatever the clock does.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Policy } from "../../runtime/evaluator/index.ts";
import { noon, open, randomOf } from "./policies.ts";

const call = { agent_id: "a", tool_id: "t" };

/** A bucket of `count` tokens per `windowUs`, in exact integers: what was taken and has not flowed back. */
class Bucket {
  #level = 0n;
  #at = 0n;
  readonly #count: bigint;
  readonly #windowUs: bigint;

  constructor(count: number, windowUs: number) {
    this.#count = BigInt(count);
    this.#windowUs = BigInt(windowUs);
  }

  /** Microseconds to wait, 0 when there is a token; an earlier time than that of the last token counts as that one. */
  wait(nowUs: bigint): bigint {
    const over = this.#levelAt(nowUs) + this.#windowUs - this.#count * this.#windowUs;
    return over <= 0n ? 0n : (over + this.#count - 1n) / this.#count;
  }

  take(nowUs: bigint): void {
    this.#level = this.#levelAt(nowUs) + this.#windowUs;
    if (nowUs > this.#at) this.#at = nowUs;
  }

  #levelAt(nowUs: bigint): bigint {
    if (nowUs <= this.#at) return this.#level;
    const flowed = (nowUs - this.#at) * this.#count;
    return flowed > this.#level ? 0n : this.#level - flowed;
  }
}

test("H03 B01 B02 rate limits agree with integers, also where the clock jumps", () => {
  for (const [seed, { count, window, windowUs }] of [
    { count: 5, window: "minute", windowUs: 60e6 },
    { count: 7, window: "second", windowUs: 1e6 },
    { count: 1_000_000, window: "31d", windowUs: 2_678_400e6 },
    { count: 3, window: "7ms", windowUs: 7000 },
  ].entries()) {
    const policy = open(`agent "a" { default permit rate_limit "t": ${count} per ${window} }`);
    const bucket = new Bucket(count, windowUs);
    const random = randomOf(seed + 1);
    let nowUs = noon * 1000;
    for (let i = 0; i < 3000; i++) {
      const kind = random(20);
      if (kind === 0) nowUs -= random(windowUs);
      else if (kind === 1) nowUs += windowUs + random(windowUs);
      else nowUs += random(Math.max(2, Math.floor((2 * windowUs) / count)));
      const verdict = policy.decide(call, { now: nowUs / 1000 });
      const time = BigInt(Math.floor((nowUs / 1000) * 1000));
      const wait = bucket.wait(time);
      assert.is(verdict.effect, wait === 0n ? "permit" : "deny", `${count} per ${window}, call ${i}`);
      if (wait === 0n) bucket.take(time);
      else assert.is(verdict.retry_after_seconds, Number(wait) / 1e6);
    }
  }
});

test("B02 a jump of a year refills no more than the capacity", () => {
  const policy = open('agent "a" { default permit rate_limit "t": 3 per hour }');
  policy.decide(call, { now: noon });
  const later = noon + 365 * 86_400_000;
  const effects = Array.from({ length: 4 }, () => policy.decide(call, { now: later }).effect);
  assert.equal(effects, ["permit", "permit", "permit", "deny"]);
});

test("two limits on one pattern count each on its own", () => {
  const policy = open('agent "a" { default permit rate_limit "t": 2 per second rate_limit "t": 3 per hour }');
  const at = (ms: number): string => policy.decide(call, { now: noon + ms }).effect;
  assert.equal([at(0), at(0), at(0), at(1000), at(2000)], ["permit", "permit", "deny", "permit", "deny"]);
  assert.is(policy.decide(call, { now: noon + 3000 }).retry_after_seconds, 1200 - 3);
});

test("a limit's window changed by a swap gives the same answers before and after a restart", () => {
  const [minute, hour] = ["minute", "hour"].map((w) => `agent "a" { default permit rate_limit "t": 2 per ${w} }`);
  const old = open(minute ?? "");
  old.decide(call, { now: noon });
  old.decide(call, { now: noon });
  const live = open(hour ?? "");
  live.restore(old.snapshot());
  assert.is(live.decide(call, { now: noon + 59_000 }).effect, "deny");
  const restarted = open(hour ?? "");
  live.decide({ agent_id: "a", tool_id: "t" }, { now: noon + 60_000 });
  restarted.restore(live.snapshot());
  const now = noon + 61_000;
  assert.equal(live.decide(call, { now }), restarted.decide(call, { now }));
  assert.is(live.stateHash(), restarted.stateHash());
});

const paying = (fields: string): Policy => open(`agent "a" { default permit budget b { ${fields} cost = amount } }`);
const pay = (policy: Policy, amount: unknown, now = noon) =>
  policy.decide({ ...call, args: amount === undefined ? {} : { amount: amount as number } }, { now });

test("H01 budgets permit up to the ceiling exactly", () => {
  const random = randomOf(7);
  for (let round = 0; round < 30; round++) {
    const policy = paying("max = $10");
    let spent = 0n;
    for (let i = 0; i < 60; i++) {
      const micro = random(1_000_000) + 1;
      const { effect, charges } = pay(policy, micro / 1e6);
      const fits = spent + BigInt(micro) <= 10_000_000n;
      assert.is(effect, fits ? "permit" : "deny");
      if (!fits) continue;
      assert.is(charges?.budgets[0]?.cost_micro, micro);
      spent += BigInt(micro);
    }
    assert.is(policy.budgets(noon)[0]?.spent_micro, Number(spent));
    assert.is(pay(policy, Number(10_000_000n - spent) / 1e6).effect, "permit");
    assert.is(pay(policy, 0.000001).effect, "deny");
  }
});

test("H04 a cost that is missing, of another kind, negative or beyond count is unknown", () => {
  const policy = paying("max = $100");
  for (const bad of [undefined, null, "5", true, [5], { n: 5 }, -0.01, -1e-12, 9_007_199_254.75]) {
    const { effect, code } = pay(policy, bad);
    assert.equal([effect, code], ["deny", "COST_UNKNOWN"], JSON.stringify(bad));
  }
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, 1e300, 2 ** 53]) {
    assert.is(pay(policy, bad).code, "BAD_REQUEST", String(bad));
  }
  for (const bad of [Number.NaN, -1, Number.POSITIVE_INFINITY]) {
    assert.is(policy.decide({ ...call, args: { amount: 1 }, cost_usd: bad }, { now: noon }).code, "BAD_REQUEST");
  }
  assert.is(policy.budgets(noon)[0]?.spent_micro, 0);
  assert.is(pay(policy, 0).effect, "permit");
  assert.is(pay(policy, -0).effect, "permit");
});

test("D10 the smallest costs are rounded up, never to nothing", () => {
  const policy = paying("max = $0.000002");
  assert.equal(
    [pay(policy, 1e-12).effect, pay(policy, 4e-10).effect, pay(policy, 1e-7).effect],
    ["permit", "permit", "deny"],
  );
});

test("H05 a million times $0.10 is exactly $100,000.00", () => {
  const policy = paying("max = $100000");
  const request = { ...call, args: { amount: 0.1 } };
  for (let i = 0; i < 1_000_000; i++) policy.decide(request, { now: noon });
  assert.is(policy.budgets(noon)[0]?.spent_micro, 100_000_000_000);
  assert.is(policy.budgets(noon)[0]?.calls, 1_000_000);
  assert.is(policy.decide(request, { now: noon }).code, "BUDGET_EXCEEDED");
});

test("H06 a window ends at its boundary and not a microsecond before", () => {
  const midnight = Date.UTC(2024, 2, 1);
  const policy = paying("max = $1");
  assert.is(pay(policy, 1, midnight - 1).effect, "permit");
  const refused = pay(policy, 1, midnight - 0.001);
  assert.is(refused.code, "BUDGET_EXCEEDED");
  assert.is(refused.budget?.resets_at, midnight);
  assert.is(pay(policy, 1, midnight).effect, "permit");
  assert.is(pay(policy, 1, midnight).effect, "deny");
});

test("B01 a clock that goes back opens no window again", () => {
  const policy = paying("max = $1");
  const day = 86_400_000;
  assert.is(pay(policy, 1, noon).effect, "permit");
  assert.is(pay(policy, 1, noon + day).effect, "permit");
  for (const back of [noon, noon - 3650 * day, 0]) assert.is(pay(policy, 0.5, back).effect, "deny");
  assert.is(pay(policy, 1, noon + 2 * day).effect, "permit");
});

test("H08 a swap keeps what was spent in the window", () => {
  const old = paying("max = $10");
  pay(old, 6);
  const swapped = paying("max = $8 max_calls = 9");
  swapped.restore(old.snapshot());
  assert.is(pay(swapped, 2.000001).effect, "deny");
  assert.is(pay(swapped, 2).effect, "permit");
  const lower = paying("max = $5");
  lower.restore(swapped.snapshot());
  assert.is(pay(lower, 0).effect, "deny");
});

test("H10 sums at the end of their range stay there and refuse", () => {
  const policy = paying("max = $9007199254 on_exceed = audit");
  for (let i = 0; i < 5000; i++) assert.is(pay(policy, 9_007_199_254).effect, "permit");
  const strict = paying("max = $9007199254");
  strict.restore(policy.snapshot());
  assert.is(pay(strict, 0).effect, "deny");
});

test("C08 sessions beyond the capacity are STATE_FULL, and evict nothing", () => {
  const policy = open('agent "a" { default permit budget session { max_calls = 1 } }', { meterCapacity: 4 });
  const of = (session: number, now = noon) => policy.decide({ ...call, session_id: `s${session}` }, { now }).code;
  assert.equal(
    [0, 1, 2, 3].map((s) => of(s)),
    Array(4).fill("POLICY_PERMIT"),
  );
  assert.equal(
    [4, 5, 6].map((s) => of(s)),
    Array(3).fill("STATE_FULL"),
  );
  const hash = policy.stateHash();
  assert.equal(
    [0, 1, 2, 3].map((s) => of(s)),
    Array(4).fill("BUDGET_EXCEEDED"),
  );
  assert.is(policy.stateHash(), hash);
  const stale = noon + 86_400_000;
  assert.is(policy.explain({ ...call, session_id: "s9" }, { now: stale }).verdict.code, "POLICY_PERMIT");
  assert.is(policy.stateHash(), hash, "explain lets go of nothing");
  assert.is(of(9, stale), "POLICY_PERMIT");
  assert.is(of(0, stale), "POLICY_PERMIT");
});

test("C09 keys of names that join alike are different keys", () => {
  const counted = open(
    'agent "a" { default permit budget session { max_calls = 1 } }\nagent "a/b" { default permit budget session { max_calls = 1 } }',
  );
  const pairs = [
    ["a", "b/c"],
    ["a/b", "c"],
    ["a", "b"],
    ["a", "b\u0000"],
    ["a", "\u0001\u0000b"],
    ["a", "default"],
  ];
  for (const [agent_id = "", session_id = ""] of pairs) {
    assert.is(
      counted.decide({ agent_id, session_id, tool_id: "t" }, { now: noon }).effect,
      "permit",
      `${agent_id} ${session_id}`,
    );
    assert.is(counted.decide({ agent_id, session_id, tool_id: "t" }, { now: noon }).effect, "deny");
  }
  assert.is(counted.decide({ agent_id: "a", tool_id: "t" }, { now: noon }).effect, "deny", 'absent is "default"');
});

test("the longest names leave the request's cost and the verdict as they are", () => {
  const agent_id = "a".repeat(256);
  const policy = open(
    `agent "${agent_id}" {\n default permit\n rate_limit "${"**/".repeat(340)}**": 5 per minute\n budget daily { max = $9 }\n}`,
  );
  const long = { agent_id, session_id: "s".repeat(256), tool_id: "t".repeat(256), cost_usd: 2.5 };
  const verdict = policy.decide(long, { now: noon });
  assert.is(verdict.code, "POLICY_PERMIT");
  assert.equal(verdict.charges?.budgets, [{ id: "daily", cost_micro: 2_500_000 }]);
});

test("a warning is said once in each window", () => {
  const policy = paying("max = $10 warn_at = 0.8");
  const warned = [7, 1, 1].map((amount) => pay(policy, amount).warnings?.map((w) => w.budget_id));
  assert.equal(warned, [undefined, ["b"], undefined]);
  assert.equal(pay(policy, 9, noon + 86_400_000).warnings?.length, 1);
});

test.run();
