// Completion gates: an agent may say that it is done when what they require holds, and not before.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const bot = (...requirements: readonly string[]): string => `agent "bot" {
  default deny
  permit pay
  permit tests/run
  defer stripe/refund
  budget money { max = $5, cost = amount, tools = ["pay"] }
  completion_gate { ${requirements.map((one) => `require "${one}"`).join("\n")} }
}
agent "free" { default deny permit pay }`;

async function complete(stack: StackUnderTest, more: object = {}): Promise<GovernAnswer> {
  const [answer] = await stack.send({ type: "complete", agent_id: "bot", session_id: "s", ...more });
  return answer as GovernAnswer;
}

const s = { session_id: "s" };

async function blockedBy(stack: StackUnderTest): Promise<string> {
  const { effect, reason_code, reason } = await complete(stack);
  assert.equal([effect, reason_code], ["DENY", "COMPLETION_BLOCKED"]);
  return reason.replace("these do not hold yet: ", "");
}

async function isDone(stack: StackUnderTest): Promise<void> {
  const { effect, reason_code, reason } = await complete(stack);
  assert.equal([effect, reason_code], ["PERMIT", "COMPLETED"], reason);
}

test("no_pending_approvals: blocked while a call waits, and told which", async () => {
  await onStack(bot("no_pending_approvals"), async (stack) => {
    await isDone(stack);
    const { approval_id } = await stack.ask("stripe/refund", {}, s);
    const blocked = await complete(stack);
    assert.equal(blocked.structured_denial?.resolution, { type: "pending_approvals", approval_ids: [approval_id] });
    await stack.deny(approval_id);
    await isDone(stack);
  });
});

test("min_records and effect count this session's decisions, completions left out", async () => {
  await onStack(bot("min_records:3", "effect:deny"), async (stack) => {
    assert.is(await blockedBy(stack), "min_records:3 (0 so far), effect:deny");
    await stack.ask("pay", { amount: 1 }, s);
    await stack.ask("pay", { amount: 1 }, { session_id: "another" });
    await stack.ask("nothing", {}, s);
    assert.is(await blockedBy(stack), "min_records:3 (2 so far)");
    await stack.restart();
    assert.is(await blockedBy(stack), "min_records:3 (2 so far)");
    await stack.ask("pay", { amount: 1 }, s);
    await isDone(stack);
  });
});

test("a tool, or a pattern, must have been permitted in this session", async () => {
  await onStack(bot("tests/run", "p*"), async (stack) => {
    assert.is(await blockedBy(stack), "tests/run, p*");
    await stack.ask("tests/run", {}, { session_id: "another" });
    await stack.ask("tests/run", {}, s);
    assert.is(await blockedBy(stack), "p*");
    await stack.restart();
    await stack.ask("pay", { amount: 1 }, s);
    await isDone(stack);
  });
});

test("no_uncommitted_writes: each permitted call has its outcome, also over a restart and a reset of the session", async () => {
  await onStack(bot("no_uncommitted_writes"), async (stack) => {
    await isDone(stack);
    const one = await stack.ask("pay", { amount: 1 }, s);
    const two = await stack.ask("tests/run", {}, s);
    assert.is(await blockedBy(stack), "no_uncommitted_writes (2 without an outcome)");
    await stack.send({ type: "report", agent_id: "bot", action_id: one.action_id, status: "success" });
    await stack.send({ type: "session", agent_id: "bot", session_id: "s", op: "reset" });
    await stack.restart();
    assert.is(await blockedBy(stack), "no_uncommitted_writes (1 without an outcome)");
    await stack.send({ type: "report", agent_id: "bot", action_id: two.action_id, status: "failure" });
    await isDone(stack);
    await stack.restart();
    await isDone(stack);
  });
});

test("budget_under_limit: a budget that a reported cost has overdrawn blocks, one used up does not", async () => {
  await onStack(bot("budget_under_limit"), async (stack) => {
    const { action_id } = await stack.ask("pay", { amount: 5 }, s);
    await isDone(stack);
    await stack.send({ type: "cost", agent_id: "bot", action_id, cost_usd: 6 });
    assert.is(await blockedBy(stack), "budget_under_limit (money)");
    await askOperator(stack.dir, "cost", { action_id, cost_usd: 5, actor: "ana" });
    await isDone(stack);
  });
});

test("a completion is a decision on record, charges nothing, and outlives a restart and a change of policy", async () => {
  await onStack(bot("min_records:1"), async (stack) => {
    await stack.ask("pay", { amount: 1 }, s);
    const before = stack.daemon.governor.policies.active?.policy.stateHash();
    const done = await complete(stack, { call_id: "c1" });
    const record = (await stack.records()).find(({ action_id }) => action_id === done.action_id);
    const { action_type, tool, code, effect } = record ?? {};
    assert.equal(
      [action_type, tool, code, effect],
      ["completion_event", "faramesh/tasks/complete", "COMPLETED", "permit"],
    );
    assert.is(stack.daemon.governor.policies.active?.policy.stateHash(), before);
    await stack.restart();
    assert.is(stack.daemon.governor.policies.active?.policy.stateHash(), before);
    assert.is((await complete(stack, { call_id: "c1" })).action_id, done.action_id);
  });
});

test("agents without gates may complete, undeclared and killed ones may not, and a tool of its own is judged by the rules", async () => {
  await onStack(bot("no_pending_approvals"), async (stack) => {
    assert.is((await complete(stack, { agent_id: "free" })).reason_code, "COMPLETED");
    assert.is((await complete(stack, { agent_id: "nobody" })).reason_code, "UNKNOWN_AGENT");
    assert.is((await complete(stack, { tool_id: "tests/run" })).reason_code, "POLICY_PERMIT");
    assert.is((await complete(stack, { tool_id: "nothing" })).reason_code, "POLICY_DENY");
    assert.is(
      (await stack.ask("faramesh/tasks/complete")).reason_code,
      "POLICY_DENY",
      "as a call it is a tool like any",
    );
    await askOperator(stack.dir, "kill", { agent_id: "free", actor: "ana" });
    assert.is((await complete(stack, { agent_id: "free" })).reason_code, "KILL_SWITCH");
  });
});

test("in audit mode a completion runs, and the record says what would have stopped it", async () => {
  await onStack(`runtime { mode = "audit" }\n${bot("min_records:9")}`, async (stack) => {
    const { effect, would, reason_code } = await complete(stack);
    assert.equal([effect, would, reason_code], ["PERMIT", "DENY", "COMPLETION_BLOCKED"]);
  });
});

test.run();
