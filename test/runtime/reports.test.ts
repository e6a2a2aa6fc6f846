// What became of permitted calls and what they cost: recorded once, believed only as far as the reporter may be, and in the budgets.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { codeOf, imageOf, onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit pay
  permit model
  permit card/charge
  defer stripe/refund
  budget money { max = $10, cost = amount, tools = ["pay", "stripe/refund"] }
  budget calls { max_calls = 4, tools = ["pay", "model", "stripe/refund"], window = 1h }
  redact card/charge args: ["card.number"]
}
agent "other" { default deny permit pay }`;

type Answer = { readonly [name: string]: unknown };

async function say(stack: StackUnderTest, message: object): Promise<Answer> {
  const [answer] = await stack.send({ agent_id: "bot", ...message });
  return answer as unknown as Answer;
}

function errorOf(answer: Answer): string {
  return String((answer.error as { code?: string } | undefined)?.code);
}

async function budgets(stack: StackUnderTest): Promise<Record<string, readonly [number, number]>> {
  const status = await askOperator(stack.dir, "status", {});
  const own = status.budgets.filter(({ agent }) => agent === "bot");
  return Object.fromEntries(own.map(({ id, spent_usd, calls }) => [id, [Number(spent_usd), calls] as const]));
}

async function last(stack: StackUnderTest, type: string): Promise<JsonObject> {
  return (await stack.records()).filter((record) => record.type === type).at(-1) ?? {};
}

test("an outcome is recorded once: the same again writes nothing, another is refused", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("pay", { amount: 1 });
    const report = {
      type: "report",
      action_id,
      status: "success",
      result: { id: 7 },
      duration_ms: 12.5,
      provider: "bank",
    };
    const first = await say(stack, report);
    assert.equal([first.type, first.recorded, first.returned], ["report", true, false]);
    assert.is((await say(stack, report)).recorded, false);
    await stack.restart();
    assert.is((await say(stack, report)).recorded, false);
    assert.is(errorOf(await say(stack, { ...report, status: "failure" })), "BAD_REQUEST");
    const outcomes = (await stack.records()).filter(({ type }) => type === "outcome");
    assert.is(outcomes.length, 1);
    const [{ agent_id, tool, status, result, duration_ms, provider, actor } = {} as JsonObject] = outcomes;
    assert.equal([agent_id, tool, status, duration_ms, provider, actor], ["bot", "pay", "success", 12.5, "bank", null]);
    assert.is(JSON.stringify(result), '{"id":7}');
  });
});

test("a report or a cost may leave its agent out: only its agent was told the action_id", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("pay", { amount: 1 });
    const [cost, report] = await stack.send(
      { type: "cost", action_id, cost_usd: 2 },
      { type: "report", action_id, status: "success" },
    );
    assert.equal([Reflect.get(Object(cost), "changed"), Reflect.get(Object(report), "recorded")], [true, true]);
    const named = { type: "cost", action_id, cost_usd: 3 };
    for (const agent_id of [null, 7, ""])
      assert.ok(errorOf(await say(stack, { ...named, agent_id })) !== "", String(agent_id));
  });
});

test("nobody reports on another's action, on a denied one or on one that never was", async () => {
  await onStack(policy, async (stack) => {
    const mine = await stack.ask("pay", { amount: 1 });
    const denied = await stack.ask("nothing");
    const told = async (message: object): Promise<string> =>
      errorOf(await say(stack, { status: "success", ...message }));
    assert.is(await told({ type: "report", action_id: mine.action_id, agent_id: "other" }), "NOT_FOUND");
    assert.is(await told({ type: "cost", action_id: mine.action_id, agent_id: "other", cost_usd: 5 }), "NOT_FOUND");
    assert.is(await told({ type: "report", action_id: denied.action_id }), "NOT_FOUND");
    assert.is(await told({ type: "report", action_id: "action-01ARZ3NDEKTSV4RRFFQ69G5FAV" }), "NOT_FOUND");
    assert.is(await told({ type: "report" }), "BAD_REQUEST");
    assert.is(await told({ type: "report", action_id: mine.action_id, status: "" }), "BAD_REQUEST");
    assert.is(await told({ type: "report", action_id: mine.action_id, status: "x".repeat(65) }), "BAD_REQUEST");
    for (const cost_usd of [-1, "1", null, 1e10, true]) {
      assert.is(await told({ type: "cost", action_id: mine.action_id, cost_usd }), "BAD_REQUEST");
    }
    assert.equal((await budgets(stack)).money, [1, 1]);
  });
});

test("I05 a result is stored as redacted as arguments are", async () => {
  await onStack(policy, async (stack) => {
    const report = async (tool: string, result: unknown): Promise<string> => {
      const { action_id } = await stack.ask(tool, { amount: 0 });
      await say(stack, { type: "report", action_id, status: "success", result });
      return JSON.stringify((await last(stack, "outcome")).result);
    };
    assert.match(
      await report("card/charge", { card: { number: "4242424242424242" }, ok: true }),
      /^\{"card":\{"number":\{"\$redacted":"[^"]+"\}\},"ok":true\}$/,
    );
    assert.match(await report("card/charge", "paid with 4242424242424242"), /^\{"\$redacted":"[^"]+"\}$/);
    assert.match(await report("model", "x".repeat(9000)), /\$truncated/);
    assert.is(JSON.stringify(await stack.records()).includes("4242424242424242"), false);
  });
});

test("an agent's word on a cost only raises, and never by more than the difference", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("pay", { amount: 2 });
    const raised = await say(stack, { type: "cost", action_id, cost_usd: 3.5 });
    assert.equal(raised, {
      type: "cost",
      action_id,
      changed: true,
      budgets: [
        { id: "money", cost_usd: 3.5 },
        { id: "calls", cost_usd: 3.5 },
      ],
    });
    assert.equal((await budgets(stack)).money, [3.5, 1]);
    assert.is((await say(stack, { type: "cost", action_id, cost_usd: 1 })).changed, false);
    assert.is((await say(stack, { type: "cost", action_id, cost_usd: 3.5 })).changed, false);
    assert.equal((await budgets(stack)).money, [3.5, 1]);
    const record = await last(stack, "cost");
    assert.equal([record.change, record.agent_id, record.actor], ["reported", "bot", null]);
    assert.equal(record.budgets, [
      ["money", 1_500_000],
      ["calls", 3_500_000],
    ]);
  });
});

test("a raised cost counts against the ceiling, and may pass it", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("pay", { amount: 2 });
    await say(stack, { type: "report", action_id, status: "success", cost_usd: 11 });
    assert.equal((await budgets(stack)).money, [11, 1]);
    assert.is((await stack.ask("pay", { amount: 0.01 })).reason_code, "BUDGET_EXCEEDED");
  });
});

test("an operator settles either way, and says so in the record", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("pay", { amount: 8 });
    const settled = await askOperator(stack.dir, "cost", { action_id, cost_usd: 0.25, actor: "ana" });
    assert.is(settled.changed, true);
    assert.equal((await budgets(stack)).money, [0.25, 1]);
    const { change, actor, called_at } = await last(stack, "cost");
    assert.equal([change, actor], ["settled", "ana"]);
    assert.is(called_at, (await last(stack, "decision")).time);
    assert.is((await stack.ask("pay", { amount: 9 })).effect, "PERMIT");
  });
});

test("H07 corrected budgets are the same after restarts and swaps", async () => {
  await onStack(policy, async (stack) => {
    const one = await stack.ask("pay", { amount: 2 });
    const two = await stack.ask("pay", { amount: 3 });
    await say(stack, { type: "cost", action_id: one.action_id, cost_usd: 4 });
    await askOperator(stack.dir, "cost", { action_id: two.action_id, cost_usd: 1, actor: "ana" });
    const before = stack.daemon.governor.policies.active?.policy.stateHash();
    await stack.restart();
    assert.is(stack.daemon.governor.policies.active?.policy.stateHash(), before);
    await stack.apply(policy.replace("max = $10", "max = $20"));
    await say(stack, { type: "cost", action_id: two.action_id, cost_usd: 6 });
    assert.equal((await budgets(stack)).money, [10, 2]);
    const after = stack.daemon.governor.policies.active?.policy.stateHash();
    await stack.restart();
    assert.is(stack.daemon.governor.policies.active?.policy.stateHash(), after);
    assert.equal((await budgets(stack)).money, [10, 2]);
  });
});

test("a credential failure that an operator reports gives budgets, approval and grant back; an agent's word gives nothing", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 5 });
    await stack.approve(id);
    const approved = await stack.ask("stripe/refund", { amount: 5 });
    assert.is(approved.effect, "PERMIT");
    const failed = { action_id: approved.action_id, status: "credential_failure" };
    const claimed = await say(stack, { type: "report", ...failed });
    assert.equal([claimed.recorded, claimed.returned], [true, false]);
    assert.equal((await budgets(stack)).money, [5, 1]);
    const returned = await askOperator(stack.dir, "report", { ...failed, actor: "ana" });
    assert.is(returned.returned, true);
    assert.equal(await budgets(stack), { money: [0, 0], calls: [0, 0] });
    assert.is((await askOperator(stack.dir, "report", { ...failed, actor: "ana" })).recorded, false);
    await stack.restart();
    assert.equal(await budgets(stack), { money: [0, 0], calls: [0, 0] });
    const again = await stack.ask("stripe/refund", { amount: 5 });
    assert.equal([again.effect, again.approval_id], ["PERMIT", id]);
    assert.is((await stack.ask("stripe/refund", { amount: 5 })).effect, "DEFER");
    const image = imageOf('agent "bot" {\n  default deny\n  permit stripe/refund\n}');
    await askOperator(stack.dir, "grants_add", { agent_id: "bot", image, ttl_seconds: 60, uses_max: 1, actor: "ana" });
    const granted = await stack.ask("stripe/refund", { amount: 1 });
    await askOperator(stack.dir, "report", {
      action_id: granted.action_id,
      status: "credential_failure",
      actor: "ana",
    });
    await stack.restart();
    assert.is((await stack.ask("stripe/refund", { amount: 1 })).effect, "PERMIT");
    assert.is((await stack.ask("stripe/refund", { amount: 1 })).effect, "DEFER");
    assert.is(errorOf(await say(stack, { type: "cost", action_id: granted.action_id, cost_usd: 9 })), "BAD_REQUEST");
  });
});

test("the admin token on the agents' socket makes a report an operator's", async () => {
  await onStack(policy, async (stack) => {
    const { readFileSync } = await import("node:fs");
    const token = readFileSync(`${stack.dir}/.faramesh/runtime/operator/token`, "utf8").trim();
    const { action_id } = await stack.ask("pay", { amount: 8 });
    await say(stack, { type: "cost", action_id, cost_usd: 1, admin_token: "wrong" });
    assert.equal((await budgets(stack)).money, [8, 1]);
    await say(stack, { type: "cost", action_id, cost_usd: 1, admin_token: token, actor: "ana" });
    assert.equal((await budgets(stack)).money, [1, 1]);
  });
});

test("an output comes back without what the policy redacts, and no longer than may be kept", async () => {
  await onStack(`system main { max_output_bytes 100 }\n${policy}`, async (stack) => {
    const scan = (output: unknown, more: object = {}): Promise<Answer> =>
      say(stack, { type: "scan_output", tool_id: "card/charge", output, ...more });
    const taken = await scan({ card: { number: "4242", exp: "12/30" }, n: 7 });
    assert.equal(taken.output, { card: { number: "[REDACTED]", exp: "12/30" }, n: 7 });
    assert.equal([taken.action, taken.redacted, taken.truncated], ["redact", ["card.number"], false]);
    assert.is((await scan('{"card":{"number":"4242"}}')).output, '{"card":{"number":"[REDACTED]"}}');
    const args = { card: { number: "4242424242424242" } };
    const echoed = await scan("charged 4242424242424242 today", { args });
    assert.equal([echoed.output, echoed.redacted], ["charged [REDACTED] today", ["*"]]);
    const whole = await scan("ü".repeat(60));
    assert.equal([whole.output, whole.truncated], ["ü".repeat(50), true]);
    assert.equal((await scan({ long: "x".repeat(200) })).output, { $truncated: 211 });
    assert.equal(await scan("fine"), {
      type: "scan_output",
      action: "pass",
      output: "fine",
      redacted: [],
      truncated: false,
    });
    assert.is(errorOf(await scan("fine", { agent_id: "nobody" })), "BAD_REQUEST");
    assert.is(errorOf(await say(stack, { type: "scan_output", tool_id: "card/charge" })), "BAD_REQUEST");
  });
});

test("JSON-RPC carries reports and costs too", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("pay", { amount: 1 });
    const params = { agent_id: "bot", action_id, cost_usd: 2 };
    const answers = (await stack.send(
      { jsonrpc: "2.0", id: 1, method: "cost", params },
      { jsonrpc: "2.0", id: 2, method: "cost", params: { ...params, action_id: "none" } },
    )) as unknown as readonly Answer[];
    const [right, wrong] = [1, 2].map((id) => answers.find((answer) => answer.id === id));
    assert.is((right?.result as Answer | undefined)?.changed, true);
    assert.is((wrong?.error as Answer | undefined)?.code, -32600);
  });
});

test("a report before any policy, or on a daemon that ends, is refused", async () => {
  await onStack(null, async (stack) => {
    assert.is(errorOf(await say(stack, { type: "report", action_id: "a", status: "success" })), "BAD_REQUEST");
    assert.is(
      await codeOf(askOperator(stack.dir, "report", { action_id: "a", status: "ok", actor: "a" })),
      "NOT_READY",
    );
  });
});

test.run();
