// A policy whose rules look back at what the one before did not: it knows the calls from before it, as if it had been in force, and
// so do a restart, a rollback and who judges the log again.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SystemClock } from "../../runtime/clock.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { verifyReplay } from "../../runtime/verify-replay.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const tools = ["search", "pay", "mail", "count", "within", "sum", "sum-hour", "sequence", "denied"];
const plain = `agent "bot" {
  default deny
${tools.map((tool) => `  permit ${tool}\n`).join("")}}`;
const looking = `agent "bot" {
  default deny
  permit search
  permit mail
  permit pay if session.sum(pay.amount) + amount <= $100
  permit count if history_tool_count(pay) == 3
  permit within if history_contains_within(search, 1h)
  permit sum if session.sum(pay.amount) == 60.5
  permit sum-hour if session.sum(pay.amount, window=1h) == 40.5 and session.count(pay, window=1h) == 2
  permit sequence if history_sequence(search, pay, mail)
  permit denied if deny_count_within(1h) == 2
}`;

const questions = ["denied", "count", "within", "sum", "sum-hour", "sequence"];

const stateHash = (stack: StackUnderTest): string =>
  stack.daemon.governor.policies.active?.policy.stateHash() ?? "none";
const rollback = (stack: StackUnderTest, to: string) => askOperator(stack.dir, "rollback", { to, actor: "tester" });

class Time {
  ms = Date.UTC(2026, 0, 5);
  readonly clock = new SystemClock({ wallMs: () => this.ms, monoUs: () => this.ms * 1000 });
}

/** Twice denied, three times paid, once searched and mailed, over an hour and a half. */
async function work(stack: StackUnderTest, time: Time): Promise<void> {
  await stack.ask("search");
  await stack.ask("pay", { amount: 20 });
  time.ms += 3_600_000;
  for (const tool of ["nothing", "no/thing"]) await stack.ask(tool);
  await stack.ask("search");
  await stack.ask("pay", { amount: 20 });
  await stack.ask("pay", { amount: 20.5 });
  await stack.ask("mail");
  await stack.ask("pay", { amount: 1000 }, { session_id: "another" });
  time.ms += 1_800_000;
}

/** Before any of them is permitted, which changes nothing that they ask for. */
async function answers(stack: StackUnderTest): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const tool of questions) found[tool] = (await stack.ask(tool)).effect;
  return found;
}

const allPermitted = Object.fromEntries(questions.map((tool) => [tool, "PERMIT"]));

async function verified(stack: StackUnderTest): Promise<number> {
  const { policies } = stackPaths(stack.dir);
  const report = await verifyReplay({ walDir: stack.daemon.walDir, policiesDir: policies });
  assert.equal([report.mismatched, report.notReplayable, report.stopped], [0, 0, null], JSON.stringify(report.first));
  return report.matched;
}

/** A test that begins where the work was done under `plain`, and `looking` came in force after it. */
function afterLookingBack(rest: (stack: StackUnderTest, time: Time) => Promise<void>): () => Promise<void> {
  return async () => {
    const time = new Time();
    const begin = async (stack: StackUnderTest): Promise<void> => {
      await work(stack, time);
      await stack.apply(looking);
      await rest(stack, time);
    };
    await onStack(plain, begin, { clock: time.clock });
  };
}

test(
  "a new policy knows the window's past, and the calls that ended before it",
  afterLookingBack(async (stack) => {
    assert.equal(await answers(stack), allPermitted);
    assert.is((await stack.ask("pay", { amount: 39.51 })).effect, "DENY");
    assert.is((await stack.ask("pay", { amount: 39.5 })).effect, "PERMIT");
    assert.is((await stack.ask("pay", { amount: 0.01 })).effect, "DENY");
    assert.is((await stack.ask("within", {}, { session_id: "another" })).effect, "DENY");
    assert.is((await stack.ask("within", {}, { session_id: "third" })).effect, "DENY");
    assert.ok((await verified(stack)) > 15);
  }),
);

test("what it knows is what it would have seen itself", async () => {
  const histories: string[] = [];
  for (const first of [plain, looking]) {
    const time = new Time();
    await onStack(
      first,
      async (stack) => {
        await stack.ask("search");
        await stack.ask("pay", { amount: 20 });
        time.ms += 60_000;
        await stack.ask("mail", {}, { session_id: "other" });
        for (const tool of ["nothing", "nothing"]) await stack.ask(tool);
        await stack.apply(looking);
        const { active } = stack.daemon.governor.policies;
        const entries = active?.policy.history(time.ms) ?? [];
        histories.push(entries.map((entry) => Buffer.from(entry).toString("hex")).join("\n"));
      },
      { clock: time.clock },
    );
  }
  assert.ok((histories[0] ?? "").split("\n").length > 8);
  assert.is(histories[0], histories[1]);
});

test(
  "H07 a restart finds the same state, from a snapshot and from the log alone",
  afterLookingBack(async (stack) => {
    const before = stateHash(stack);
    await stack.restart();
    assert.is(stateHash(stack), before);
    assert.equal(await answers(stack), allPermitted);
    const after = stateHash(stack);
    await stack.restart();
    assert.is(stateHash(stack), after);
  }),
);

test(
  "back and forth between versions, calls under either count",
  afterLookingBack(async (stack) => {
    await rollback(stack, "v1");
    await stack.ask("pay", { amount: 30 });
    await rollback(stack, "v2");
    const before = stateHash(stack);
    assert.is((await stack.ask("count")).effect, "DENY", "four payments by now");
    assert.is((await stack.ask("pay", { amount: 10 })).effect, "DENY");
    assert.is((await stack.ask("pay", { amount: 9.5 })).effect, "PERMIT");
    await stack.restart();
    assert.not.equal(stateHash(stack), before);
    assert.is((await stack.ask("pay", { amount: 0.01 })).effect, "DENY");
    await verified(stack);
  }),
);

test("calls that are made while it looks back are not missed", async () => {
  const time = new Time();
  await onStack(
    plain,
    async (stack) => {
      for (let i = 0; i < 50; i++) await stack.ask("search");
      const applied = stack.apply(looking.replace("history_tool_count(pay) == 3", "history_tool_count(search) >= 150"));
      const during = Promise.all(Array.from({ length: 100 }, () => stack.ask("search")));
      await Promise.all([applied, during]);
      assert.is((await stack.ask("count")).effect, "PERMIT");
      await verified(stack);
    },
    { clock: time.clock },
  );
});

test("a session that was closed has no past, and what was redacted adds nothing to a sum", async () => {
  const time = new Time();
  const hiding = `agent "bot" { default permit redact pay args: ["amount"] session { max_duration = 9h } }`;
  await onStack(
    hiding,
    async (stack) => {
      await stack.ask("pay", { amount: 90 });
      await stack.ask("search", {}, { session_id: "closed" });
      await stack.send({ type: "session", op: "close", agent_id: "bot", session_id: "closed" });
      await stack.ask("search");
      await stack.apply(looking);
      assert.is((await stack.ask("within", {}, { session_id: "closed" })).effect, "DENY");
      assert.is((await stack.ask("within")).effect, "PERMIT");
      assert.is((await stack.ask("pay", { amount: 100 })).effect, "PERMIT");
    },
    { clock: time.clock },
  );
});

test("a policy that asks nothing new writes no histories", async () => {
  await onStack(looking, async (stack) => {
    await stack.ask("search");
    await stack.apply(looking.replace("permit mail", "permit mail/send"));
    const marks = (await stack.records()).filter(({ type, kind }) => type === "mark" && kind === "history");
    assert.equal(marks, []);
  });
});

test.run();
