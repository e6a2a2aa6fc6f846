// What rules look back at: held to a plain list of past calls, through restarts, swaps and full machines.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Policy, Verdict } from "../../runtime/evaluator/index.ts";
import { noon, open, randomOf } from "./policies.ts";

type Args = { readonly [name: string]: string | number | boolean | null };

function call(policy: Policy, tool_id: string, args: Args = {}, now = noon, session_id = "s"): Verdict {
  return policy.decide({ agent_id: "a", tool_id, args, session_id }, { now });
}

/** What the first rule of `ask` finds, as its trace tells. */
function numberOf(policy: Policy, now = noon, session_id = "s"): number {
  const { rules } = policy.explain({ agent_id: "a", tool_id: "ask", session_id }, { now });
  return Number(rules[0]?.tests[0]?.found);
}

function truthOf(policy: Policy, now = noon): string | undefined {
  return policy.explain({ agent_id: "a", tool_id: "ask", session_id: "s" }, { now }).rules[0]?.tests[0]?.found;
}

const asking = (expression: string): string => `agent "a" { default permit deny ask if ${expression} deny bad }`;

test("with no history, counts and sums are 0 and the rest is false", () => {
  for (const number of ["history_tool_count(t)", "session.count(t)", "session.sum(t.n)", "deny_count_within(60)"]) {
    assert.is(numberOf(open(asking(`${number} > 5`))), 0, number);
  }
  for (const truth of ["history_contains_within(t, 60)", "history_sequence(t, u)"]) {
    assert.is(truthOf(open(asking(truth))), "false", truth);
  }
});

test("only permitted calls of this agent, in this session, that match the pattern count; the current one does not", () => {
  const policy = open(`agent "a" {
    default defer
    deny pay/big
    permit pay/* if history_tool_count(pay/*) < 2
    deny ask if history_tool_count("pay/*") > 9
  } agent "b" { default permit }`);
  assert.equal([call(policy, "pay/a").effect, numberOf(policy)], ["permit", 1]);
  call(policy, "pay/big");
  call(policy, "other");
  call(policy, "pay/a/deep");
  call(policy, "pay/a", {}, noon, "another");
  policy.decide({ agent_id: "b", tool_id: "pay/a", session_id: "s" }, { now: noon });
  assert.is(numberOf(policy), 1);
  assert.equal([call(policy, "pay/b").effect, call(policy, "pay/b").effect, numberOf(policy)], ["permit", "defer", 2]);
});

test("a sequence is one in order, with others between, each call in one place", () => {
  const fed = (...tools: readonly string[]): string | undefined => {
    const policy = open(asking('history_sequence("crm/*", "crm/read", mail)'));
    for (const tool of tools) call(policy, tool);
    return truthOf(policy);
  };
  assert.is(fed("crm/read", "mail"), "false");
  assert.is(fed("crm/read", "x", "crm/read", "mail"), "true");
  assert.is(fed("mail", "crm/a", "crm/read"), "false");
  assert.is(fed("crm/a", "mail", "crm/read", "y", "mail", "z"), "true");
  assert.is(fed("crm/a", "crm/b", "mail"), "false");
});

test("H06 a window holds a call until its length has passed, and not a microsecond more", () => {
  const policy = open(`agent "a" { default permit
    deny ask if history_contains_within(t, 60) deny ask if session.count(t, window=1m) > 9 and session.sum(t.n, 1m) > 9
  }`);
  call(policy, "t", { n: 2.5 });
  const told = (now: number): (string | undefined)[] =>
    policy
      .explain({ agent_id: "a", tool_id: "ask", session_id: "s" }, { now })
      .rules.flatMap(({ tests }) => tests.map(({ found }) => found));
  assert.equal(told(noon + 59_999.999), ["true"]);
  assert.equal(told(noon + 60_000), ["false", "0"]);
  assert.is(numberOf(open(asking("session.count(t, window=1m) > 9"))), 0);
});

test("H05 sums are exact: ten times 0.1 is 1, and what is no number adds nothing", () => {
  for (const sum of ["session.sum(t.n)", "session.sum(t.n, window=1h)"]) {
    const policy = open(asking(`${sum} > 100`));
    for (let i = 0; i < 10; i++) call(policy, "t", { n: 0.1 });
    assert.is(numberOf(policy), 1);
    for (const n of ["5", true, null]) assert.is(call(policy, "t", { n }).effect, "permit");
    assert.is(call(policy, "t").effect, "permit");
    assert.is(numberOf(policy), 1);
    call(policy, "t", { n: -3.0000005 });
    assert.is(numberOf(policy), -2.000001);
    assert.is(call(policy, "t", { n: 2 ** 53 }).code, "BAD_REQUEST");
    for (let i = 0; i < 3; i++) call(policy, "t", { n: 2 ** 53 - 1 });
    assert.is(numberOf(policy), Number((2n ** 53n - 1n) * 3n - 2_000_001n) / 1e6);
  }
});

test("the argument of a sum stands behind the first dot after the last slash", () => {
  const policy = open(asking('session.sum("api.v1/refund.cart.items[1].price") > 9'));
  const cart = { items: [{ price: 9 }, { price: 4 }] };
  policy.decide({ agent_id: "a", tool_id: "api.v1/refund", session_id: "s", args: { cart } }, { now: noon });
  assert.is(numberOf(policy), 4);
});

test("denials count whatever their code, but not what never reaches the machine", () => {
  const policy = open(`agent "a" {
    default permit
    model_policy { deny "old" }
    rate_limit slow: 1 per hour
    deny ask if deny_count_within(10m) > 9
    deny bad
  }`);
  call(policy, "bad");
  policy.decide({ agent_id: "a", tool_id: "t", session_id: "s", model: "old" }, { now: noon });
  call(policy, "slow");
  call(policy, "slow");
  call(policy, "not a name");
  policy.decide({ agent_id: "a", tool_id: "t", session_id: "" }, { now: noon });
  policy.explain({ agent_id: "a", tool_id: "bad", session_id: "s" }, { now: noon });
  assert.is(numberOf(policy), 3);
  assert.equal([numberOf(policy, noon + 599_999.999), numberOf(policy, noon + 600_000)], [3, 0]);
  for (let i = 0; i < 1500; i++) call(policy, "bad", {}, noon + i);
  assert.is(numberOf(policy, noon + 1500), 1024);
});

test("H10 a window of 1,024 is full, and a call that would need more is denied until one has passed", () => {
  const policy = open(asking("session.count(t, window=1m) > 5000"));
  for (let i = 0; i < 1024; i++) assert.is(call(policy, "t", {}, noon + i).effect, "permit");
  const hash = policy.stateHash();
  assert.is(call(policy, "t", {}, noon + 2000).code, "STATE_FULL");
  assert.is(
    policy.explain({ agent_id: "a", tool_id: "t", session_id: "s" }, { now: noon + 2000 }).verdict.code,
    "STATE_FULL",
  );
  assert.is(call(policy, "other", {}, noon + 2000).effect, "permit");
  assert.is(numberOf(policy, noon + 2000), 1024);
  assert.is(call(policy, "t", {}, noon + 60_000).effect, "permit");
  assert.is.not(policy.stateHash(), hash);
});

test("B01 a clock that goes back brings nothing back and loses nothing", () => {
  const policy = open(asking("session.count(t, window=1m) > 9"));
  call(policy, "t", {}, noon + 120_000);
  call(policy, "t", {}, noon);
  assert.equal([numberOf(policy, noon), numberOf(policy, noon + 179_999)], [2, 2]);
  assert.is(numberOf(policy, noon + 180_000), 0);
});

/** The policy that the plain list is held against; `ask` reads every kind. */
const every = `agent "a" {
  default permit
  deny bad
  deny ask if history_tool_count("p/*") > 1e9 deny ask if session.sum(p/a.n) > 1e9
  deny ask if session.count("**", window=10s) > 1e9 deny ask if session.sum(p/*.n, window=7s) > 1e9
  deny ask if deny_count_within(5) > 1e9 deny ask if history_sequence("p/*", q, p/b) and x == 1
}`;

interface Past {
  readonly tool: string;
  readonly micro: number;
  readonly at: number;
  readonly permitted: boolean;
}

function expected(past: readonly Past[], now: number): string[] {
  const calls = past.filter(({ permitted }) => permitted);
  const inside = (seconds: number) => (one: Past) => now - one.at < seconds * 1000;
  const sum = (list: readonly Past[]): string => String(list.reduce((total, { micro }) => total + micro, 0) / 1e6);
  const ofP = calls.filter(({ tool }) => tool.startsWith("p/"));
  let place = 0;
  for (const { tool } of calls) {
    const fits = [tool.startsWith("p/"), tool === "q", tool === "p/b"][place] === true;
    if (fits) place++;
  }
  return [
    String(ofP.length),
    sum(calls.filter(({ tool }) => tool === "p/a")),
    String(calls.filter(inside(10)).length),
    sum(ofP.filter(inside(7))),
    String(past.filter(({ permitted }) => !permitted).filter(inside(5)).length),
    String(place === 3),
  ];
}

test("H03 H07 H09 random histories agree with a plain list, in any order of sessions, and through restarts", () => {
  const random = randomOf(11);
  const sessions = ["s", "t", "u"];
  let policy = open(every, { meterCapacity: 64 });
  const past = new Map<string, Past[]>(sessions.map((session) => [session, []]));
  let now = noon;
  for (let i = 0; i < 3000; i++) {
    now += random(3) === 0 ? 0 : random(1500);
    const session = sessions[random(3)] ?? "s";
    const list = past.get(session) ?? [];
    const found = policy
      .explain({ agent_id: "a", tool_id: "ask", session_id: session }, { now })
      .rules.flatMap(({ tests }) => tests.slice(0, 1).map((one) => one.found));
    assert.equal(found, expected(list, now), `call ${i}`);
    const tool = ["p/a", "p/b", "q", "bad", "r"][random(5)] ?? "r";
    const micro = random(2_000_000) - 500_000;
    const { effect } = call(policy, tool, { n: micro / 1e6 }, now, session);
    assert.is(effect === "permit", tool !== "bad");
    list.push({ tool, micro, at: now, permitted: effect === "permit" });
    if (random(40) !== 0) continue;
    const restarted = open(every, { meterCapacity: 64 });
    restarted.restore(policy.snapshot());
    assert.is(restarted.stateHash(), policy.stateHash());
    policy = restarted;
  }
});

test("H07 what a recorded permit and denial took is taken again to the last bit", () => {
  const live = open(every);
  const again = open(every);
  const random = randomOf(5);
  for (let i = 0; i < 500; i++) {
    const now = noon + i * 100;
    const tool = ["p/a", "p/b", "q", "bad", "r"][random(5)] ?? "r";
    const verdict = call(live, tool, { n: random(1_000_000) / 1e6 }, now);
    const recorded = { agent_id: "a", tool_id: tool, session_id: "s" };
    if (verdict.effect === "permit") again.charge(recorded, [], now, verdict.charges?.sums);
    else again.chargeDenial(recorded, now);
  }
  assert.is(again.stateHash(), live.stateHash());
});

test("H08 a query keeps what it saw through policies that do not ask it", () => {
  const first = open(asking("session.count(t, window=1h) > 9"));
  for (let i = 0; i < 20; i++) call(first, "t");
  const between = open('agent "a" { default permit }');
  between.restore(first.snapshot());
  call(between, "t");
  const back = open(asking("session.count(t, window=1h) > 99"));
  back.restore(between.snapshot());
  assert.is(numberOf(back), 20);
  const wider = open(asking("session.count(t, window=2h) > 99"));
  wider.restore(back.snapshot());
  assert.is(numberOf(wider), 0);
});

test("a session idle for a day begins anew, with no history", () => {
  const policy = open(asking("history_tool_count(t) > 9"));
  call(policy, "t");
  assert.equal([numberOf(policy, noon + 86_399_999), numberOf(policy, noon + 86_400_000)], [1, 0]);
  call(policy, "u", {}, noon + 86_400_000);
  assert.is(numberOf(policy, noon + 86_400_000), 0);
  call(policy, "t", {}, noon + 86_400_000);
  assert.is(numberOf(policy, noon + 86_400_000), 1);
});

test("a full machine denies STATE_FULL, and room that time gives back is used", () => {
  const policy = open(asking("session.count(t, window=1m) > 9"), { meterCapacity: 8 });
  let permits = 0;
  for (let i = 0; i < 40; i++) if (call(policy, "t", {}, noon, `s${i}`).effect === "permit") permits++;
  assert.is(permits, 4, "a meter each for session and window");
  assert.is(call(policy, "t", {}, noon, "s39").code, "STATE_FULL");
  assert.is(call(policy, "t", {}, noon + 60_000, "s39").effect, "permit");
  const many = open(asking("session.count(t, window=1m) > 5000"), { meterCapacity: 8 });
  let events = 0;
  while (call(many, "t", {}, noon + events).effect === "permit") events++;
  assert.is(events, 75, "five blocks of fifteen");
  assert.is(call(many, "t", {}, noon + 60_000).effect, "permit");
});

test("F02 denials without room leave a count that cannot be told, which denies", () => {
  const policy = open(`agent "a" { default permit deny bad permit ask if deny_count_within(10m) < 3 }`, {
    meterCapacity: 2,
  });
  call(policy, "bad", {}, noon, "x");
  call(policy, "bad", {}, noon, "y");
  call(policy, "bad", {}, noon, "z");
  assert.is(call(policy, "ask", {}, noon, "z").code, "STATE_FULL");
  assert.is(numberOf(policy, noon, "x"), 1);
});

test.run();
