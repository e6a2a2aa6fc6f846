// The most that a policy could say to a tool, for lists that agents are shown: never less than a call gets.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  deny! never reason "x"
  permit open
  permit some if amount < 5
  deny some
  permit shut if amount < 5
  defer ask
  deny no
  permit odd if amount == nil
  phase work { permit staged }
}
agent "loose" { default defer  deny no  deny maybe if amount > 1 }`;

const most: readonly (readonly [agent: string, tool: string, most: string])[] = [
  ["bot", "never", "deny"],
  ["bot", "open", "permit"],
  ["bot", "some", "permit"],
  ["bot", "shut", "permit"],
  ["bot", "ask", "defer"],
  ["bot", "no", "deny"],
  ["bot", "odd", "permit"],
  ["bot", "staged", "permit"],
  ["bot", "unnamed", "deny"],
  ["loose", "anything", "defer"],
  ["loose", "no", "deny"],
  ["loose", "maybe", "defer"],
  ["nobody", "open", "deny"],
];

test("the message `reach` says the most that each tool could get", async () => {
  await onStack(policy, async (stack) => {
    for (const [agent_id, tool, expected] of most) {
      const [answer] = await stack.send({ type: "reach", agent_id, tools: [tool] });
      assert.equal(Reflect.get(Object(answer), "tools"), [{ most: expected, tool }], `${agent_id} ${tool}`);
    }
    const [bad] = await stack.send({ type: "reach", agent_id: "bot", tools: [7] });
    assert.is(bad?.reason_code, "BAD_REQUEST");
    const [many] = await stack.send({ type: "reach", agent_id: "bot", tools: Array.from({ length: 1025 }, () => "x") });
    assert.is(many?.reason_code, "BAD_REQUEST");
    assert.is((await stack.records()).filter(({ type }) => type === "decision").length, 0, "it is no decision");
  });
});

test("in audit mode every tool of a known agent may run", async () => {
  await onStack(`runtime { mode = "audit" }\n${policy}`, async (stack) => {
    const [answer] = await stack.send({ type: "reach", agent_id: "bot", tools: ["never", "no"] });
    assert.equal(Reflect.get(Object(answer), "tools"), [
      { most: "permit", tool: "never" },
      { most: "permit", tool: "no" },
    ]);
  });
});

test.run();
