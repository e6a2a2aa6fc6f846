// Recorded calls judged again: which come out differently, and which cannot be judged because something was not kept.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { type ReplayReport, replay } from "../../runtime/replay.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const inAgent = (body: string): string => `agent "bot" { default deny\n${body}\n}`;

type Counts = Pick<ReplayReport, "total" | "notReplayable" | "transitions">;

async function against(stack: StackUnderTest, candidate: string, sinceUs = 0): Promise<Counts> {
  const { total, notReplayable, transitions } = await reportOf(stack, candidate, sinceUs, 0);
  return { total, notReplayable, transitions };
}

async function reportOf(
  stack: StackUnderTest,
  candidate: string,
  sinceUs: number,
  samples: number,
): Promise<ReplayReport> {
  const { image } = compile(candidate, { file: "governance.fms" });
  if (image === undefined) throw new Error("the candidate does not compile");
  return replay({
    walDir: stack.daemon.walDir,
    policiesDir: stackPaths(stack.dir).policies,
    activeImageHash: stack.daemon.governor.policies.active?.activation.imageHash ?? "",
    candidate: image,
    load: (bytes) => loadPolicySync(bytes, { state: "volatile" }),
    sinceUs,
    samples,
  });
}

test("a narrower rule denies what it permitted; the same policy changes nothing", () =>
  onStack(inAgent("permit pay if amount < 500\npermit other"), async (stack) => {
    for (const amount of [100, 300, 400, 900]) await stack.ask("pay", { amount });
    await stack.ask("other");
    const same = await against(stack, inAgent("permit pay if amount < 500\npermit other"));
    assert.equal(same, { total: 5, notReplayable: 0, transitions: [] });
    const report = await against(stack, inAgent("permit pay if amount < 250"));
    assert.equal(report.transitions, [
      { tool: "pay", from: "permit", to: "deny", count: 2 },
      { tool: "other", from: "permit", to: "deny", count: 1 },
    ]);
    assert.equal(await against(stack, inAgent("permit pay"), Number.MAX_SAFE_INTEGER), {
      total: 0,
      notReplayable: 0,
      transitions: [],
    });
  }));

test("each policy counts for itself, from the counters as they stood", () =>
  onStack(inAgent('permit s\nrate_limit "s": 3 per hour'), async (stack) => {
    for (let i = 0; i < 5; i++) await stack.ask("s");
    const wider = await against(stack, inAgent('permit s\nrate_limit "s": 4 per hour'));
    assert.equal(wider.transitions, [{ tool: "s", from: "deny", to: "permit", count: 1 }]);
    const tighter = await against(stack, inAgent('permit s\nrate_limit "s": 1 per hour'));
    assert.equal(tighter.transitions, [{ tool: "s", from: "permit", to: "deny", count: 2 }]);
    // The first three are before the window: their tokens are gone for both.
    const fourth = (await stack.records()).filter(({ type }) => type === "decision")[3];
    const sinceUs = Date.parse(String(fourth?.time)) * 1000;
    assert.is((await against(stack, inAgent('permit s\nrate_limit "s": 3 per hour'), sinceUs)).transitions.length, 0);
  }));

test("I05 a redacted value that a rule reads makes a call not replayable, one that no rule reads does not", () =>
  onStack(inAgent('permit pay if amount < 500\nredact pay args: ["card", "amount2"]'), async (stack) => {
    await stack.ask("pay", { amount: 100, card: "4242" });
    await stack.ask("pay", { amount: 100 });
    const unread = await against(stack, inAgent("deny pay"));
    assert.equal(unread, {
      total: 2,
      notReplayable: 0,
      transitions: [{ tool: "pay", from: "permit", to: "deny", count: 2 }],
    });
    const read = await against(stack, inAgent('deny pay if card == "4242"'));
    assert.equal(read, {
      total: 2,
      notReplayable: 1,
      transitions: [{ tool: "pay", from: "permit", to: "deny", count: 1 }],
    });
  }));

test("arguments kept as keys and types only are not taken for values", () =>
  onStack(inAgent("permit pay"), async (stack) => {
    await stack.ask("unnamed", { amount: 1 });
    const reading = await against(stack, inAgent("permit unnamed if amount < 5"));
    assert.equal(reading, { total: 1, notReplayable: 1, transitions: [] });
    const blind = await against(stack, inAgent("permit unnamed"));
    assert.equal(blind.transitions, [{ tool: "unnamed", from: "deny", to: "permit", count: 1 }]);
  }));

test("an approval holds under the candidate only for the same rule", () =>
  onStack(inAgent("defer pay"), async (stack) => {
    const { approval_id } = await stack.ask("pay", { n: 1 });
    await stack.approve(approval_id);
    assert.is((await stack.ask("pay", { n: 1 })).effect, "PERMIT");
    assert.equal((await against(stack, inAgent("defer pay"))).transitions, []);
    const other = await against(stack, inAgent("defer pay if n == 1"));
    assert.equal(other.transitions, [{ tool: "pay", from: "permit", to: "defer", count: 1 }]);
  }));

test("agents that neither policy knows, and calls that were never judged, are not replayable", () =>
  onStack(inAgent("permit pay"), async (stack) => {
    await stack.ask("pay", {}, { agent_id: "stranger" });
    await stack.ask("pay", {}, { session_id: "x".repeat(5000) });
    const report = await against(stack, inAgent("deny pay"));
    assert.equal(report, { total: 2, notReplayable: 2, transitions: [] });
  }));

test("effects in practice are compared: audit permits what enforce denies", () =>
  onStack(`runtime { mode = "audit" }\n${inAgent("permit pay if n < 5")}`, async (stack) => {
    for (const n of [1, 9]) assert.is((await stack.ask("pay", { n })).effect, "PERMIT");
    const report = await against(stack, inAgent("permit pay if n < 5"));
    assert.equal(report.transitions, [{ tool: "pay", from: "permit", to: "deny", count: 1 }]);
  }));

test("what else a rule reads was kept only where the policy then in force read it", () =>
  onStack(inAgent('permit pay if purpose("refund")\npermit other'), async (stack) => {
    for (const tool of ["pay", "other"]) await stack.ask(tool, {}, { purpose: "refund" });
    const known = await against(stack, inAgent('deny pay if purpose("refund")\npermit other'));
    assert.equal(known, {
      total: 2,
      notReplayable: 0,
      transitions: [{ tool: "pay", from: "permit", to: "deny", count: 1 }],
    });
    const unknown = await against(stack, inAgent('permit pay if purpose("refund")\ndeny other if purpose("refund")'));
    assert.equal(unknown, { total: 2, notReplayable: 1, transitions: [] });
  }));

test("samples are the latest calls of each kind, as their records have them", () =>
  onStack(inAgent('permit pay\npermit other\nredact pay args: ["card"]'), async (stack) => {
    for (const amount of [1, 2, 3]) await stack.ask("pay", { amount, card: "4242" });
    await stack.ask("other", { a: "b" });
    const { samples } = await reportOf(stack, inAgent("deny pay if amount > 1\npermit pay\ndefer other"), 0, 1);
    assert.equal(
      samples.map(({ tool, from, to, ruleRef, agent }) => [tool, from, to, ruleRef, agent]),
      [
        ["pay", "permit", "deny", "governance.fms:2", "bot"],
        ["other", "permit", "defer", "governance.fms:4", "bot"],
      ],
    );
    const text = JSON.stringify(samples[0]?.args);
    assert.match(text, '"amount":3');
    assert.match(text, "$redacted");
    assert.not.match(text, "4242");
    assert.equal((await reportOf(stack, inAgent("deny pay"), 0, 0)).samples, []);
  }));

test("I05 calls that cannot be replayed are told with their tool and the cause", () =>
  onStack(inAgent('permit pay\npermit other\nredact pay args: ["card"]'), async (stack) => {
    await stack.ask("pay", { card: "4242" });
    await stack.ask("pay", { card: "4343" });
    await stack.ask("other", {}, { agent_id: "stranger" });
    const { unreplayable, notReplayable } = await reportOf(stack, inAgent('permit pay if card == "4242"'), 0, 0);
    assert.is(notReplayable, 3);
    assert.equal(unreplayable, [
      { tool: "pay", why: "not kept", count: 2 },
      { tool: "other", why: "other agent", count: 1 },
    ]);
  }));

test("what only the candidate's rules look back at is found before the window", () =>
  onStack(inAgent("permit open\npermit pay"), async (stack) => {
    await stack.ask("open");
    for (const amount of [40, 50]) await stack.ask("pay", { amount });
    const records = (await stack.records()).filter(({ type }) => type === "decision");
    const sinceUs = Date.parse(String(records[2]?.time)) * 1000;
    const opened = inAgent('permit open\npermit pay if history_tool_count("open") == 1');
    assert.equal(await against(stack, opened, sinceUs), { total: 1, notReplayable: 0, transitions: [] });
    const never = inAgent('permit open\npermit pay if history_tool_count("open") == 0');
    assert.equal((await against(stack, never, sinceUs)).transitions, [
      { tool: "pay", from: "permit", to: "deny", count: 1 },
    ]);
    const sum = (most: number): string =>
      inAgent(`permit open\npermit pay if session.sum("pay.amount", window=1h) < ${most}`);
    assert.equal((await against(stack, sum(41), sinceUs)).transitions, []);
    assert.is((await against(stack, sum(40), sinceUs)).transitions.length, 1);
  }));

test("what the version in force looks back at is found too, where it came into force within the window", () =>
  onStack(inAgent("permit open\npermit pay"), async (stack) => {
    await stack.ask("open");
    await stack.ask("pay", { amount: 40 });
    const opened = inAgent('permit open\npermit pay if history_tool_count("open") == 1');
    await stack.apply(opened);
    await stack.ask("pay", { amount: 50 });
    const records = (await stack.records()).filter(({ type }) => type === "decision");
    const sinceUs = Date.parse(String(records[1]?.time)) * 1000;
    assert.equal(await against(stack, opened, sinceUs), { total: 2, notReplayable: 0, transitions: [] });
    // All of it was permitted, so that a policy that permits all changes nothing.
    assert.equal((await against(stack, inAgent("permit open\npermit pay"), sinceUs)).transitions, []);
    const narrower = inAgent('permit open\npermit pay if history_tool_count("open") == 1 and amount < 45');
    assert.equal((await against(stack, narrower, sinceUs)).transitions, [
      { tool: "pay", from: "permit", to: "deny", count: 1 },
    ]);
  }));

test("what an older version had counted of a query and nobody kept up since is not taken for the past", () => {
  const opened = inAgent('permit open\npermit pay if history_tool_count("open") == 1');
  return onStack(opened, async (stack) => {
    await stack.ask("open");
    await stack.ask("pay");
    // From here on nobody counts: the next calls of `open` are found in the log alone.
    await stack.apply(inAgent("permit open\npermit pay"));
    for (let i = 0; i < 2; i++) await stack.ask("open");
    await stack.ask("pay");
    const records = (await stack.records()).filter(({ type }) => type === "decision");
    const sinceUs = Date.parse(String(records.at(-1)?.time)) * 1000;
    assert.equal((await against(stack, opened, sinceUs)).transitions, [
      { tool: "pay", from: "permit", to: "deny", count: 1 },
    ]);
    assert.equal((await against(stack, opened.replace("== 1", "== 3"), sinceUs)).transitions, []);
  });
});

test.run();
