import { test } from "uvu";
import * as assert from "uvu/assert";
import { SystemClock } from "../../runtime/clock.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  rules { permit search  permit pay  permit note  defer ask }
  rate_limit "search": 3 per hour
  budget spend { max = $10 tools = ["pay"] cost = amount }
  budget runs { max_calls = 2 tools = ["note"] window = "1d" }
}`;

const stateHash = (stack: StackUnderTest): string =>
  stack.daemon.governor.policies.active?.policy.stateHash() ?? "none";

test("H07 limits, budgets and their state hash are the same after a restart", async () => {
  await onStack(policy, async (stack) => {
    for (let turn = 0; turn < 3; turn++) assert.is((await stack.ask("search")).effect, "PERMIT");
    for (const amount of [1.1, 2.25, 0.000001]) assert.is((await stack.ask("pay", { amount })).effect, "PERMIT");
    assert.is((await stack.ask("pay", { amount: 100 })).reason_code, "BUDGET_EXCEEDED");
    assert.is((await stack.ask("note", {}, { session_id: "s2" })).effect, "PERMIT");
    const before = [stateHash(stack), (await askOperator(stack.dir, "status", {})).budgets] as const;
    await stack.restart();
    assert.is(stateHash(stack), before[0]);
    assert.equal((await askOperator(stack.dir, "status", {})).budgets, before[1]);
    assert.is((await stack.ask("search")).reason_code, "RATE_EXCEEDED");
    assert.is((await stack.ask("note")).effect, "PERMIT");
    assert.is((await stack.ask("note")).reason_code, "BUDGET_EXCEEDED");
  });
});

test("B04 a bucket refills over a restart as if there had been none", async () => {
  let wallMs = Date.UTC(2026, 0, 1);
  const clock = new SystemClock({ wallMs: () => wallMs, monoUs: () => wallMs * 1000 });
  await onStack(
    policy,
    async (stack) => {
      for (let turn = 0; turn < 3; turn++) assert.is((await stack.ask("search")).effect, "PERMIT");
      wallMs += 10 * 60_000;
      await stack.restart();
      assert.is((await stack.ask("search")).reason_code, "RATE_EXCEEDED");
      wallMs += 10 * 60_000;
      await stack.restart();
      assert.is((await stack.ask("search")).effect, "PERMIT");
      assert.is((await stack.ask("search")).reason_code, "RATE_EXCEEDED");
    },
    { clock },
  );
});

test("B01 a wall clock that went back rewinds no bucket", async () => {
  let wallMs = Date.UTC(2026, 0, 1);
  const clock = new SystemClock({ wallMs: () => wallMs, monoUs: () => 0 });
  await onStack(
    policy,
    async (stack) => {
      for (let turn = 0; turn < 3; turn++) await stack.ask("search");
      wallMs -= 3_600_000;
      assert.is((await stack.ask("search")).reason_code, "RATE_EXCEEDED");
      await stack.restart();
      assert.is((await stack.ask("search")).reason_code, "RATE_EXCEEDED");
    },
    { clock },
  );
});

test("H07 counters carried over several versions are the same after a restart", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search");
    await stack.apply(policy.replace("permit note", "permit note  permit more"));
    await stack.ask("search");
    await askOperator(stack.dir, "rollback", { actor: "tester" });
    await stack.ask("pay", { amount: 3 });
    const before = stateHash(stack);
    await stack.restart();
    assert.is(stateHash(stack), before);
    assert.is((await stack.ask("search")).effect, "PERMIT");
    assert.is((await stack.ask("search")).reason_code, "RATE_EXCEEDED");
  });
});

test("H01 parallel calls at the edge of a budget permit exactly what fits", async () => {
  await onStack(policy, async (stack) => {
    const groups = Array.from({ length: 8 }, (_, group) =>
      stack.send(
        ...Array.from({ length: 10 }, (__, index) => {
          return {
            type: "govern",
            call_id: `${group}-${index}`,
            agent_id: "bot",
            tool_id: "pay",
            args: { amount: 0.3 },
          };
        }),
      ),
    );
    const answers = (await Promise.all(groups)).flat();
    assert.is(answers.filter(({ effect }) => effect === "PERMIT").length, 33);
    const { budgets } = await askOperator(stack.dir, "status", {});
    assert.is(budgets.find(({ id }) => id === "spend")?.spent_usd, 9.9);
  });
});

const audit = `runtime { mode = "audit" }\n${policy}`;

test("in audit mode every call runs, is recorded with what it would have been, and moves the counters", async () => {
  await onStack(audit, async (stack) => {
    const seen = async (tool: string, args: object = {}): Promise<readonly unknown[]> => {
      const { effect, would, reason_code, defer_token } = await stack.ask(tool, args);
      return [effect, would, reason_code, defer_token];
    };
    assert.equal(await seen("none"), ["PERMIT", "DENY", "POLICY_DENY", undefined]);
    assert.equal(await seen("ask"), ["PERMIT", "DEFER", "POLICY_DEFER", undefined]);
    assert.equal(await seen("pay", { amount: 9 }), ["PERMIT", "PERMIT", "POLICY_PERMIT", undefined]);
    assert.equal(await seen("pay", { amount: 9 }), ["PERMIT", "DENY", "BUDGET_EXCEEDED", undefined]);
    assert.is((await stack.ask("pay", {}, { agent_id: "nobody" })).effect, "DENY");
    assert.is((await stack.ask("../x")).effect, "DENY");
    assert.equal((await askOperator(stack.dir, "approvals_list", {})).approvals, []);
    const records = (await stack.records()).filter(({ type }) => type === "decision");
    assert.equal(records.map(({ effect, would }) => [effect, would]).slice(0, 2), [
      ["permit", "deny"],
      ["permit", "defer"],
    ]);
    const { budgets } = await askOperator(stack.dir, "status", {});
    await stack.restart();
    assert.equal((await askOperator(stack.dir, "status", {})).budgets, budgets);
    assert.equal(await seen("pay", { amount: 9 }), ["PERMIT", "DENY", "BUDGET_EXCEEDED", undefined]);
    await stack.apply(policy);
    assert.is((await stack.ask("pay", { amount: 9 })).effect, "DENY");
  });
});

test("H07 counters of bytes and of different values are the same after a restart, and show in the status", async () => {
  const counting = `agent "bot" { default permit ambient { max_customers_per_month = 2 max_data_per_month = 200 } redact * args: ["customer"] }`;
  await onStack(counting, async (stack) => {
    for (const customer of ["a", "b", "a"]) assert.is((await stack.ask("read", { customer })).effect, "PERMIT");
    const before = [stateHash(stack), (await askOperator(stack.dir, "status", {})).budgets] as const;
    await stack.restart();
    assert.is(stateHash(stack), before[0]);
    const { budgets } = await askOperator(stack.dir, "status", {});
    assert.equal(budgets, before[1]);
    assert.equal(
      budgets.map(({ id, unit, bytes, max_bytes, calls, max_calls }) => [id, unit, bytes, max_bytes, calls, max_calls]),
      [
        ["ambient.max_customers_per_month", "values", null, null, 2, 2],
        ["ambient.max_data_per_month", "bytes", 30, 200, 3, null],
      ],
    );
    assert.is((await stack.ask("read", { customer: "c" })).reason_code, "AMBIENT_EXCEEDED");
    assert.is((await stack.ask("read", { customer: "b" })).effect, "PERMIT");
    assert.is((await stack.ask("read", { text: "x".repeat(200) })).reason_code, "AMBIENT_EXCEEDED");
    assert.is((await stack.ask("read", { customers: ["a"] })).reason_code, "COST_UNKNOWN");
  });
});

test.run();
