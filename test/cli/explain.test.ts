// explain: run as a process on a real stack; the log and the stored images are all it has.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { cli } from "./run-cli.ts";

const policy = `
agent "bot" {
  default deny
  rules {
    permit stripe/refund if amount < $500
    defer  stripe/refund if amount < 1000
    permit pay/card if card == "4242" and amount < 3
    permit search_docs
  }
  rate_limit "search_docs": 1 per hour
  budget session { max_calls = 2 }
  redact pay/card args: ["card"]
}`;

async function explain(stack: StackUnderTest, ...words: readonly (string | undefined)[]): Promise<string> {
  const { code, stdout, stderr } = await cli(stack.dir, "explain", ...words.map((word) => word ?? ""));
  assert.is(code, 0, stderr);
  return stdout;
}

function holds(text: string, ...parts: readonly string[]): void {
  for (const part of parts) assert.ok(text.includes(part), `no \`${part}\` in:\n${text}`);
}

test("a denial shows each rule in the author's words and why it did not match", async () => {
  await onStack(policy, async (stack) => {
    const { action_id = "" } = await stack.ask("stripe/refund", { amount: 8000 });
    const text = await explain(stack, action_id);
    holds(text, action_id, '{"amount":8000}', "v1", "POLICY_DENY", "no rule permits this call");
    holds(text, "rule#1 permit stripe/refund if amount < $500 → no match (8000 ≥ 500)");
    holds(text, "rule#2 defer stripe/refund if amount < 1000 → no match (8000 ≥ 1000)");
    assert.is(await explain(stack, "decision", action_id.slice(0, -2)), text);
    for (const id of ["action-0000", "99", ""]) assert.is((await cli(stack.dir, "explain", id)).code, 1);
  });
});

test("a missing argument is named as such", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("stripe/refund");
    holds(await explain(stack, action_id), "→ no match (amount is missing)");
  });
});

test("an explanation is of the version that decided, not of the active one", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("stripe/refund", { amount: 700 });
    await stack.apply(policy.replace("$500", "$900"));
    const text = await explain(stack, action_id);
    holds(
      text,
      "rule#1 permit stripe/refund if amount < $500 → no match",
      "rule#2 defer stripe/refund if amount < 1000 → match",
    );
    assert.not.ok(text.includes("$900"));
  });
});

test("I05 where a rule reads a redacted value the recorded outcome stands", async () => {
  await onStack(policy, async (stack) => {
    const permitted = await stack.ask("pay/card", { card: "4242", amount: 1 });
    const denied = await stack.ask("pay/card", { card: "5555", amount: 1 });
    holds(await explain(stack, permitted.action_id), "PERMIT", "amount < 3 → match", "redacted");
    const text = await explain(stack, denied.action_id);
    holds(text, "DENY", "amount < 3 → no match", "redacted");
    assert.not.ok(text.includes("5555"));
  });
});

test("limits and budgets are told", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    const limited = await explain(stack, (await stack.ask("search_docs")).action_id);
    holds(limited, "RATE_EXCEEDED", "rule#4 permit search_docs → match", "no token left");
    await stack.ask("stripe/refund", { amount: 1 });
    const spent = await explain(stack, (await stack.ask("stripe/refund", { amount: 1 })).action_id);
    holds(spent, "BUDGET_EXCEEDED", "rule#1 permit stripe/refund if amount < $500 → match", "session");
  });
});

test("I05 a limit that refused a call on a redacted value is told, and its rule is not said to fail", async () => {
  const text = `agent "bot" {
    default deny
    rules { permit pay/card if card == "4242" and amount < 3 }
    rate_limit "pay/card": 1 per hour
    redact pay/card args: ["card"]
  }`;
  await onStack(text, async (stack) => {
    await stack.ask("pay/card", { card: "4242", amount: 1 });
    const { action_id, reason_code } = await stack.ask("pay/card", { card: "4242", amount: 1 });
    assert.is(reason_code, "RATE_EXCEEDED");
    const told = await explain(stack, action_id);
    holds(told, "amount < 3 → not known (card is redacted)", "limit: no token left");
    assert.not.ok(told.includes("no match"), told);
  });
});

test("several tests of one rule each name their value", async () => {
  await onStack(`agent "bot" { default deny rules { permit t/x if a == 1 and b == 2 } }`, async (stack) => {
    holds(await explain(stack, (await stack.ask("t/x", { a: 1, b: 3 })).action_id), "→ no match (a 1 = 1; b 3 ≠ 2)");
  });
});

test("of a tool that no rule names it says that only keys and types were kept", async () => {
  await onStack(`agent "bot" { default deny rules { permit t/x } }`, async (stack) => {
    holds(await explain(stack, (await stack.ask("t/y", { a: 1 })).action_id), '{"a":"number"}', "only keys and types");
  });
});

test("what was read besides the arguments explains the call too", async () => {
  await onStack(`agent "bot" { default deny rules { permit t/x if model == "large" } }`, async (stack) => {
    const { action_id } = await stack.ask("t/x", {}, { model: "small" });
    holds(await explain(stack, action_id), '{"model":"small"}', '→ no match (model "small" ≠ "large")');
  });
});

test("what would have let the call through is told with the rule that would permit it and the one in the way", async () => {
  const rules =
    'deny stripe/refund if amount > 600\n permit stripe/refund if to == "a"\n permit t/x if to matches "a+"';
  await onStack(`agent "bot" {\n default deny\n rules {\n ${rules}\n }\n}`, async (stack) => {
    const refund = await explain(stack, (await stack.ask("stripe/refund", { amount: 800, to: "a" })).action_id);
    holds(refund, "would be permitted if amount <= 600 (rule#2); rule#1 stands in the way");
    const other = await explain(stack, (await stack.ask("t/x", { to: "c" })).action_id);
    assert.not.ok(other.includes("would be permitted"), other);
  });
});

test("what was refused before any rule says so", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("search_docs", {}, { agent_id: "nobody" });
    const text = await explain(stack, action_id);
    holds(text, "UNKNOWN_AGENT");
    assert.not.ok(text.includes("rule#"));
  });
});

test("an approval leads to its call, and the call to what became of it", async () => {
  await onStack(policy, async (stack) => {
    const deferred = await stack.ask("stripe/refund", { amount: 700 });
    await stack.approve(deferred.defer_token, { reason: "fine" });
    const used = await stack.ask("stripe/refund", { amount: 700 });
    const text = await explain(stack, "approval", (deferred.defer_token ?? "").slice(0, 14));
    holds(text, deferred.action_id ?? "?", deferred.defer_token ?? "?", "approved by tester", "fine");
    holds(await explain(stack, used.action_id), "PERMIT", deferred.defer_token ?? "?");
  });
});

test("a call that was approved and refused by a budget then is told up to the budget, with its approval", async () => {
  const spent = `agent "bot" {\n  default deny\n  defer pay\n  budget day { max = $5 tools = ["pay"] cost = amount }\n}`;
  await onStack(spent, async (stack) => {
    const deferred = await stack.ask("pay", { amount: 7 });
    await stack.approve(deferred.defer_token, { reason: "fine" });
    const { action_id } = await stack.ask("pay", { amount: 7 });
    holds(
      await explain(stack, action_id),
      "BUDGET_EXCEEDED",
      "rule#1 defer pay → match",
      "day",
      deferred.defer_token ?? "?",
    );
  });
});

test("in audit mode it tells what would have been", async () => {
  await onStack(`runtime { mode = "audit" }\n${policy}`, async (stack) => {
    const { action_id } = await stack.ask("stripe/refund", { amount: 8000 });
    holds(await explain(stack, action_id), "PERMIT (would DENY)", "(8000 ≥ 500)");
  });
});

test("I01 I02 what an agent supplied cannot steer the terminal or forge a line", async () => {
  await onStack(policy.replace("amount < $500", 'note == "x"'), async (stack) => {
    const { action_id } = await stack.ask("stripe/refund", { amount: 1, note: "a\u001b]0;t\u0007\u202eb\n→ PERMIT" });
    const text = await explain(stack, action_id);
    assert.not.match(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    assert.not.match(text, /^→ PERMIT/m);
  });
});

test("a rule is found by number and by place", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("stripe/refund", { amount: 1 });
    const text = await explain(stack, "rule", "1");
    holds(text, "permit stripe/refund if amount < $500", "governance.fms:5", "1 permit");
    assert.is(await explain(stack, "rule", "governance.fms:5"), text);
    for (const word of ["0", "77", "governance.fms:1"])
      assert.is((await cli(stack.dir, "explain", "rule", word)).code, 1);
  });
});

test.run();
