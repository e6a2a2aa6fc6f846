// What an operator does while agents call: kill -9, a new policy, a rollback. Nothing acknowledged may be lost, and no
// answer may mix two policies.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Answer, onOutsideStack } from "./stack.ts";

const connections = 8;
const policyBelow = (amount: number): string => `runtime { backend = "sqlite" }
agent "bot" {
  default deny
  permit stripe/charge if amount < ${amount}
  permit search
  budget daily { max = $100000 max_calls = 4000 tools = ["stripe/*"] }
  rate_limit "search": 3 per 31d
}
`;
const search = (id: string): string =>
  `{"type":"govern","call_id":"${id}","agent_id":"bot","session_id":"s","tool_id":"search","args":{}}\n`;
const amountOf = ({ call_id }: Answer): number => Number(call_id.split("-")[1]) % 1000;

test("A03 B04 H07 kill -9 under load loses no acknowledged decision, no budget and no rate", () =>
  onOutsideStack(policyBelow(500), async (stack) => {
    const codes = (answers: readonly Answer[]): string[] => answers.map(({ reason_code }) => reason_code);
    assert.equal(codes(await stack.lines(search("a") + search("b"))), ["POLICY_PERMIT", "POLICY_PERMIT"]);
    const pid = await stack.pid();
    const load = stack.load(connections, 2000);
    await load.begun;
    process.kill(pid, "SIGKILL");
    const acknowledged = await load.answers;
    assert.ok(acknowledged.length > 0 && acknowledged.length < connections * 2000);

    assert.is((await stack.run("apply")).code, 0);
    const verify = await stack.json("audit", "verify");
    assert.is(verify.ok, true, JSON.stringify(verify));
    const recorded = await stack.recorded();
    const lost = acknowledged.filter(({ action_id, effect }) => recorded.get(action_id)?.toUpperCase() !== effect);
    assert.equal(lost, []);
    const permits = [...recorded.values()].filter((effect) => effect === "permit").length - 2;
    const { budgets } = (await stack.json("status")) as { budgets: { calls: number }[] };
    assert.is(budgets[0]?.calls, permits);
    assert.equal(codes(await stack.lines(search("c") + search("d"))), ["POLICY_PERMIT", "RATE_EXCEEDED"]);
  }));

test("F03 apply and rollback under load lose no call, and each answer is that of one policy", () =>
  onOutsideStack(policyBelow(500), async (stack) => {
    const load = stack.load(connections, 2000);
    await load.begun;
    await stack.apply(policyBelow(250));
    assert.is((await stack.run("rollback", "--to", "v1")).code, 0);
    const answers = await load.answers;
    assert.is(answers.length, connections * 2000);
    assert.is(new Set(answers.map(({ call_id }) => call_id)).size, answers.length);
    const hashes = new Map(answers.map(({ policy_version, policy_hash }) => [policy_version, policy_hash]));
    const ceilings: Record<string, number> = { v1: 500, v2: 250 };
    for (const answer of answers) {
      assert.is(answer.policy_hash, hashes.get(answer.policy_version));
      const isPermitted = amountOf(answer) < (ceilings[answer.policy_version] ?? 0);
      const wanted = isPermitted ? ["POLICY_PERMIT", "BUDGET_EXCEEDED"] : ["POLICY_DENY"];
      assert.ok(wanted.includes(answer.reason_code), JSON.stringify(answer));
    }
    // A swap keeps what was spent: the budget of both policies is one.
    assert.is(answers.filter(({ effect }) => effect === "PERMIT").length, 4000);
    assert.is((await stack.json("audit", "verify")).ok, true);
  }));

test("C13 ten thousand calls in flight on one connection are all answered, each as its own", () =>
  onOutsideStack(policyBelow(500).replace("4000", "10000"), async (stack) => {
    const answers = await stack.load(1, 10_000).answers;
    assert.is(new Set(answers.map(({ call_id }) => call_id)).size, 10_000);
    for (const answer of answers) assert.is(answer.effect === "PERMIT", amountOf(answer) < 500, answer.call_id);
  }));

test.run();
