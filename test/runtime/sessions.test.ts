// Sessions over the sockets: workflow phases, history and bounds, who may ask for what, and all of it after a restart.
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { Past } from "../../runtime/past.ts";
import { codeOf, onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  session { max_duration = 30d }
  redact pay args: ["amount"]
  permit search
  permit pay if session.sum(pay.amount) + amount <= 10 and deny_count_within(1h) < 5
  permit report if history_sequence(search, pay)
  phase intake { permit read }
  phase work { permit write }
  phase close { permit send }
}`;

const stateHash = (stack: StackUnderTest): string =>
  stack.daemon.governor.policies.active?.policy.stateHash() ?? "none";

/** The answer to one line on the agents' socket. */
async function say(stack: StackUnderTest, line: Record<string, unknown>): Promise<Record<string, unknown>> {
  const [answer] = await stack.send({ agent_id: "bot", ...line });
  return { ...answer } as Record<string, unknown>;
}

const codes = async (stack: StackUnderTest, ...tools: readonly string[]): Promise<string[]> => {
  const found: string[] = [];
  for (const tool of tools) found.push((await stack.ask(tool)).reason_code);
  return found;
};

test("a message that names a session alone is of the agent that the connection's last call named", async () => {
  await onStack(policy, async (stack) => {
    const move = { type: "phase", session_id: "s", to: "work" };
    const [refused] = await stack.send(move);
    assert.is(refused?.reason_code, "BAD_REQUEST");
    const call = { type: "govern", agent_id: "bot", session_id: "s", tool_id: "search", args: {} };
    const answers = await stack.send(call, move, { type: "session", session_id: "s", op: "inspect" });
    const ofType = (type: string): object => answers.find((answer) => Reflect.get(answer, "type") === type) ?? {};
    assert.equal([Reflect.get(ofType("phase"), "moved"), Reflect.get(ofType("session"), "phase")], [true, "work"]);
    const other = { ...call, agent_id: "other" };
    const strangers = await stack.send(other, { type: "session", session_id: "s", op: "inspect" });
    assert.equal(strangers.map(({ reason_code }) => reason_code).sort(), ["BAD_REQUEST", "UNKNOWN_AGENT"]);
  });
});

test("an agent moves its session to the next phase only, an operator to any, and each move is a record", async () => {
  await onStack(policy, async (stack) => {
    assert.equal(await codes(stack, "read", "write"), ["POLICY_PERMIT", "PHASE_HIDDEN"]);
    const skipped = await say(stack, { type: "phase", to: "close", call_id: "c1" });
    assert.equal([skipped.type, skipped.call_id], ["error", "c1"]);
    const moved = { type: "phase", session_id: "default", from: "intake", to: "work", moved: true };
    assert.equal(await say(stack, { type: "phase", to: "work" }), moved);
    assert.equal(await say(stack, { type: "phase", to: "work" }), { ...moved, from: "work", moved: false });
    assert.is((await say(stack, { type: "phase", to: "intake" })).type, "error");
    assert.is((await say(stack, { type: "phase", to: 3 })).type, "error");
    assert.is((await say(stack, { type: "phase", to: "work", session_id: {} })).type, "error");
    assert.equal(await codes(stack, "read", "write"), ["PHASE_HIDDEN", "POLICY_PERMIT"]);
    const back = { agent_id: "bot", to: "intake", actor: "ann" };
    assert.is((await askOperator(stack.dir, "phase", back)).moved, true);
    assert.is(await codeOf(askOperator(stack.dir, "phase", { ...back, to: "nowhere" })), "BAD_REQUEST");
    const records = (await stack.records()).filter(({ type }) => type === "phase");
    assert.equal(
      records.map(({ session_id, from, to, cause, actor }) => [session_id, from, to, cause, actor ?? null]),
      [
        ["default", "intake", "work", "agent", null],
        ["default", "work", "intake", "operator", "ann"],
      ],
    );
  });
});

test("H07 phases, histories, denials and bounds are the same after a restart, with redacted arguments too", async () => {
  await onStack(policy, async (stack) => {
    await codes(stack, "search", "read", "write", "nothing");
    assert.is((await stack.ask("pay", { amount: 4.25 })).effect, "PERMIT");
    await say(stack, { type: "phase", to: "work" });
    await say(stack, { type: "session", op: "open", session_id: "other" });
    await stack.ask("search", {}, { session_id: "gone" });
    await say(stack, { type: "session", op: "reset", session_id: "gone" });
    const before = stateHash(stack);
    await stack.restart();
    assert.is(stateHash(stack), before);
    assert.is((await stack.ask("pay", { amount: 5.76 })).effect, "DENY");
    assert.is((await stack.ask("pay", { amount: 5.75 })).effect, "PERMIT");
    assert.equal(await codes(stack, "report", "write", "read"), ["POLICY_PERMIT", "POLICY_PERMIT", "PHASE_HIDDEN"]);
    await codes(stack, "nothing", "nothing");
    assert.is((await stack.ask("pay", { amount: 0 })).effect, "DENY");
    await stack.restart();
    assert.is((await stack.ask("pay", { amount: 0 })).effect, "DENY");
    await say(stack, { type: "session", op: "close" });
    assert.is((await stack.ask("pay", { amount: 9 })).effect, "PERMIT");
    const past = new Past(join(stack.dir, ".faramesh", "policies"), (image) =>
      loadPolicySync(image, { state: "volatile" }),
    );
    for (const record of await stack.records()) past.take(record);
    assert.is(past.active?.policy.stateHash(), stateHash(stack), "commands that look back see the same");
  });
});

test("a session message tells what there is, and refuses what is none", async () => {
  await onStack(policy, async (stack) => {
    const none = {
      type: "session",
      session_id: "default",
      began_at: null,
      active_at: null,
      expired: false,
      phase: "intake",
    };
    assert.equal(await say(stack, { type: "session", op: "inspect" }), { ...none, op: "inspect", changed: false });
    const opened = await say(stack, { type: "session", op: "open" });
    assert.equal([opened.changed, typeof opened.began_at], [true, "number"]);
    for (const line of [
      { op: "destroy" },
      { op: 1 },
      {},
      { op: "open", agent_id: "nobody" },
      { op: "open", session_id: "" },
    ]) {
      assert.is((await say(stack, { type: "session", ...line })).type, "error", JSON.stringify(line));
    }
    const before = (await stack.records()).length;
    await say(stack, { type: "session", op: "inspect" });
    await say(stack, { type: "session", op: "open" });
    assert.is((await stack.records()).length, before);
  });
});

test("before a policy is active nothing of a session can be asked", async () => {
  await onStack(null, async (stack) => {
    assert.is((await say(stack, { type: "session", op: "inspect" })).type, "error");
    assert.is((await say(stack, { type: "phase", to: "work" })).type, "error");
  });
});

test.run();
