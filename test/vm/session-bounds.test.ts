// How long a session lasts, how long it may be idle, and what opening, closing and resetting it change.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Policy, SessionOp } from "../../runtime/evaluator/index.ts";
import { noon, open } from "./policies.ts";

const minute = 60_000;
const hour = 60 * minute;

function bounded(fields: string): Policy {
  return open(`agent "a" {
    default permit
    model_policy { deny "old" }
    session { ${fields} }
    budget session { max_calls = 4 }
    rate_limit slow: 1 per day
    deny! bad
    deny ask if session.count("**", window=1h) > 99
    deny ask if deny_count_within(10m) > 99
    phase first { permit t }
    phase second { permit t }
  }`);
}

const code = (policy: Policy, now: number, tool_id = "t"): string =>
  policy.decide({ agent_id: "a", session_id: "s", tool_id }, { now }).code;
const session = (policy: Policy, op: SessionOp, now: number) =>
  policy.session(op, { agent_id: "a", session_id: "s" }, { now });

test("max_duration ends a session so long after its first permit, to the microsecond, and it stays ended", () => {
  const policy = bounded("max_duration = 1h");
  assert.is(code(policy, noon, "bad"), "POLICY_DENY");
  assert.is(code(policy, noon + minute), "POLICY_PERMIT");
  assert.is(code(policy, noon + minute + hour - 0.001), "POLICY_PERMIT");
  assert.is(code(policy, noon + minute + hour), "SESSION_EXPIRED");
  assert.is(code(policy, noon + 20 * hour, "bad"), "SESSION_EXPIRED");
  const old = { agent_id: "a", session_id: "s", tool_id: "t", model: "old" };
  assert.is(policy.decide(old, { now: noon + 20 * hour }).code, "SESSION_EXPIRED");
  const { verdict } = policy.explain(old, { now: noon + 20 * hour });
  assert.equal([verdict.code, verdict.rule], ["SESSION_EXPIRED", null]);
});

test("idle_timeout counts from the latest permit; a denied call and a move are no activity", () => {
  const policy = bounded('idle_timeout = "30m"');
  code(policy, noon);
  code(policy, noon + 29 * minute);
  code(policy, noon + 40 * minute, "bad");
  policy.movePhase({ agent_id: "a", session_id: "s", to: "second" }, { now: noon + 50 * minute });
  assert.is(code(policy, noon + 59 * minute - 0.001), "POLICY_PERMIT");
  assert.is(code(policy, noon + 89 * minute), "SESSION_EXPIRED");
  assert.is(code(policy, noon + 23 * hour), "SESSION_EXPIRED");
  assert.is(code(policy, noon + 25 * hour), "POLICY_PERMIT", "forgotten after a day, it begins anew");
});

test("B01 a clock that goes back does not bring a session back", () => {
  const policy = bounded("max_duration = 1h");
  code(policy, noon);
  policy.decide({ agent_id: "a", session_id: "other", tool_id: "t" }, { now: noon + 2 * hour });
  assert.is(code(policy, noon), "SESSION_EXPIRED");
});

for (const op of ["close", "reset"] as const) {
  test(`${op} forgets begin, phase, history and denials, and never a limit or a budget`, () => {
    const policy = bounded("max_duration = 1h");
    code(policy, noon);
    code(policy, noon, "slow");
    code(policy, noon, "bad");
    policy.movePhase({ agent_id: "a", session_id: "s", to: "second" }, { now: noon });
    const found = (): (string | undefined)[] =>
      policy
        .explain({ agent_id: "a", session_id: "s", tool_id: "ask" }, { now: noon })
        .rules.flatMap(({ tests }) => tests.map((one) => one.found));
    assert.equal(found(), ["2", "1"]);
    const before = { ok: true, began_at: noon, active_at: noon, expired: false, phase: "second" };
    assert.equal(session(policy, "inspect", noon), { ...before, changed: false });
    assert.equal(session(policy, "inspect", noon + hour), { ...before, changed: false, expired: true });
    assert.equal(session(policy, op, noon + hour), {
      ok: true,
      changed: true,
      began_at: null,
      active_at: null,
      expired: false,
      phase: "first",
    });
    assert.equal(session(policy, op, noon + hour).ok && session(policy, op, noon + hour), {
      ok: true,
      changed: false,
      began_at: null,
      active_at: null,
      expired: false,
      phase: "first",
    });
    assert.equal(found(), ["0", "0"]);
    const copy = open('agent "a" { default permit }');
    copy.restore(policy.snapshot());
    assert.is(copy.stateHash(), policy.stateHash());
    assert.is(code(policy, noon + hour, "slow"), "RATE_EXCEEDED");
    assert.equal([code(policy, noon + hour), code(policy, noon + hour)], ["POLICY_PERMIT", "POLICY_PERMIT"]);
    assert.is(code(policy, noon + hour), "BUDGET_EXCEEDED");
    assert.is(code(policy, noon + 2 * hour), "SESSION_EXPIRED");
  });
}

test("open begins a session once; other sessions and agents are not touched", () => {
  const policy = bounded("max_duration = 1h");
  assert.equal(session(policy, "open", noon), {
    ok: true,
    changed: true,
    began_at: noon,
    active_at: noon,
    expired: false,
    phase: "first",
  });
  const hash = policy.stateHash();
  const again = session(policy, "open", noon + 2 * hour);
  assert.equal([again.ok && again.changed, again.ok && again.expired], [false, true]);
  assert.is(policy.stateHash(), hash);
  assert.is(code(policy, noon + hour), "SESSION_EXPIRED");
  assert.is(policy.session("inspect", { agent_id: "a" }, { now: noon }).ok, true);
  assert.equal(policy.session("open", { agent_id: "b" }, { now: noon }), { ok: false, code: "UNKNOWN_AGENT" });
  assert.equal(policy.session("open", { agent_id: "a", session_id: "" }, { now: noon }), {
    ok: false,
    code: "BAD_REQUEST",
  });
});

test("a session that the machine has no room for is refused", () => {
  const policy = open('agent "a" { default permit session { idle_timeout = 1h } }', { meterCapacity: 2 });
  const opened = (session_id: string) => policy.session("open", { agent_id: "a", session_id }, { now: noon }).ok;
  assert.equal([opened("x"), opened("y"), opened("z"), opened("x")], [true, true, false, true]);
  assert.ok(policy.info.stateful);
});

test.run();
