// Killed and quiesced agents: denied from the moment of the order, over restarts and swaps, until an operator lets go.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { codeOf, onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit search
  defer stripe/refund
}
agent "other" {
  default deny
  permit search
}`;

type Change = "kill" | "unkill" | "quiesce" | "resume";

function order(stack: StackUnderTest, change: Change, agent_id = "bot", reason = ""): Promise<{ changed: boolean }> {
  return askOperator(stack.dir, change, { agent_id, reason, actor: "ana" });
}

async function codeFor(stack: StackUnderTest, agent_id = "bot"): Promise<string> {
  return (await stack.ask("search", {}, { agent_id })).reason_code;
}

test("a killed agent is denied, the others are not, and the record names who killed it and why", async () => {
  await onStack(policy, async (stack) => {
    assert.is((await order(stack, "kill", "bot", "leaks data")).changed, true);
    const denied = await stack.ask("search");
    assert.is(denied.reason_code, "KILL_SWITCH");
    assert.is(denied.reason, "this agent is killed: leaks data");
    assert.is(denied.retry_permitted, false);
    assert.is(await codeFor(stack, "other"), "POLICY_PERMIT");
    assert.is(await codeFor(stack, "nobody"), "UNKNOWN_AGENT");
    const record = (await stack.records()).find(({ type }) => type === "agent");
    const { agent_id, change, actor, reason, operator_auth } = record ?? {};
    assert.equal([agent_id, change, actor, reason, operator_auth], ["bot", "kill", "ana", "leaks data", "same-uid"]);
  });
});

test("kills and quiesces outlive restart, swap and rollback, and end by their own orders only", async () => {
  await onStack(policy, async (stack) => {
    await order(stack, "kill");
    await order(stack, "quiesce", "other");
    await stack.restart();
    assert.equal([await codeFor(stack), await codeFor(stack, "other")], ["KILL_SWITCH", "AGENT_QUIESCED"]);
    await stack.apply(policy.replace("permit search", "permit search if true == true"));
    assert.equal([await codeFor(stack), await codeFor(stack, "other")], ["KILL_SWITCH", "AGENT_QUIESCED"]);
    assert.is((await order(stack, "resume")).changed, false);
    assert.is(await codeFor(stack), "KILL_SWITCH");
    assert.is((await order(stack, "unkill")).changed, true);
    assert.is((await order(stack, "resume", "other")).changed, true);
    assert.equal([await codeFor(stack), await codeFor(stack, "other")], ["POLICY_PERMIT", "POLICY_PERMIT"]);
    await stack.restart();
    assert.equal([await codeFor(stack), await codeFor(stack, "other")], ["POLICY_PERMIT", "POLICY_PERMIT"]);
  });
});

test("an order that changes nothing writes nothing", async () => {
  await onStack(policy, async (stack) => {
    await order(stack, "quiesce");
    assert.is((await order(stack, "quiesce")).changed, false);
    assert.is((await order(stack, "unkill")).changed, false);
    assert.is((await stack.records()).filter(({ type }) => type === "agent").length, 1);
  });
});

test("all agents are stopped at once, and a kill of one outlives that of all", async () => {
  await onStack(policy, async (stack) => {
    await order(stack, "kill", "bot");
    await order(stack, "kill", "*");
    assert.is((await stack.ask("search", {}, { agent_id: "other" })).reason, "all agents are killed");
    await order(stack, "unkill", "*");
    assert.equal([await codeFor(stack), await codeFor(stack, "other")], ["KILL_SWITCH", "POLICY_PERMIT"]);
    await order(stack, "quiesce", "*");
    assert.equal([await codeFor(stack), await codeFor(stack, "other")], ["KILL_SWITCH", "AGENT_QUIESCED"]);
  });
});

test("a permit that was given is not given once more to an agent that was killed since", async () => {
  await onStack(policy, async (stack) => {
    const more = { call_id: "c1" };
    const first = await stack.ask("search", {}, more);
    assert.is(first.effect, "PERMIT");
    await order(stack, "kill");
    assert.is((await stack.ask("search", {}, more)).reason_code, "KILL_SWITCH");
    await order(stack, "unkill");
    assert.is((await stack.ask("search", {}, more)).action_id, first.action_id);
  });
});

test("an approved call of a killed agent does not pass, and keeps its approval", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 1 });
    await stack.approve(id);
    await order(stack, "kill");
    assert.is((await stack.ask("stripe/refund", { amount: 1 })).reason_code, "KILL_SWITCH");
    await order(stack, "unkill");
    assert.is((await stack.ask("stripe/refund", { amount: 1 })).effect, "PERMIT");
  });
});

test("in audit mode killed and quiesced agents are denied all the same", async () => {
  await onStack(`runtime { mode = "audit" }\n${policy}`, async (stack) => {
    await order(stack, "kill");
    await order(stack, "quiesce", "other");
    const answers = [await stack.ask("search"), await stack.ask("search", {}, { agent_id: "other" })];
    assert.equal(
      answers.map(({ effect, reason_code, would }) => [effect, reason_code, would]),
      [
        ["DENY", "KILL_SWITCH", undefined],
        ["DENY", "AGENT_QUIESCED", undefined],
      ],
    );
  });
});

test("kill_switch_default holds all agents until an operator sets the switch, over restarts too", async () => {
  const on = `system main { kill_switch_default = true }\n${policy}`;
  await onStack(on, async (stack) => {
    assert.is(await codeFor(stack), "KILL_SWITCH");
    const { all } = await askOperator(stack.dir, "agents_list", {});
    assert.equal([all.state, all.holds[0]?.since], ["killed", null]);
    assert.is((await order(stack, "unkill", "*")).changed, true);
    assert.is(await codeFor(stack), "POLICY_PERMIT");
    await stack.restart();
    assert.is(await codeFor(stack), "POLICY_PERMIT");
  });
  await onStack(on.replace("true", '"off"'), async (stack) => assert.is(await codeFor(stack), "POLICY_PERMIT"));
});

test("orders are the operator's: on the agents' socket they are refused and recorded", async () => {
  await onStack(policy, async (stack) => {
    const answers = await stack.send({ type: "unkill", agent_id: "bot" }, { type: "kill", agent_id: "other" });
    assert.equal(
      answers.map((answer) => Reflect.get(answer, "error").code),
      ["OPERATOR_ONLY", "OPERATOR_ONLY"],
    );
    assert.is(await codeFor(stack, "other"), "POLICY_PERMIT");
    const marks = (await stack.records()).filter(({ kind }) => kind === "operator_refused");
    assert.is(marks.length, 2);
  });
});

test("a stopped agent moves no session, and its streams end with the reason", async () => {
  await onStack(policy, async (stack) => {
    const socket = await stack.connect();
    let text = "";
    socket.on("data", (chunk) => (text += String(chunk)));
    const ended = new Promise<void>((resolve) => socket.once("end", () => resolve()));
    socket.write(`${JSON.stringify({ type: "audit_subscribe", agent_id: "bot" })}\n`);
    while (!text.includes("subscribed")) await new Promise((resolve) => setTimeout(resolve, 5));
    await order(stack, "kill");
    await ended;
    socket.destroy();
    const lines = text.trim().split("\n");
    assert.equal(JSON.parse(lines.at(-1) ?? ""), { type: "ended", reason: "the agent was killed" });
    const [refused] = await stack.send({ type: "session", agent_id: "bot", op: "reset" });
    assert.is(Reflect.get(refused ?? {}, "error").message, "this agent is stopped");
  });
});

test("an order without an agent, or with one that is too long, is refused", async () => {
  await onStack(policy, async (stack) => {
    assert.is(await codeOf(order(stack, "kill", "")), "BAD_REQUEST");
    assert.is(await codeOf(order(stack, "kill", "x".repeat(257))), "BAD_REQUEST");
  });
});

test.run();
