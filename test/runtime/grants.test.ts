// Standing grants: they turn a defer into a permit for the calls that they are for, exactly as often as they say, and no longer.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SystemClock } from "../../runtime/clock.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import type { GrantView } from "../../runtime/doors/views.ts";
import { grantsPerAgentMax } from "../../runtime/grants.ts";
import { codeOf, imageOf, onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  defer stripe/refund
  defer mail/send
  permit search
  budget spend { max_calls = 3 tools = ["mail/send"] on_exceed = "defer" }
  redact stripe/refund args: ["card"]
}
agent "other" {
  default deny
  defer stripe/refund
}`;

interface Wanted {
  readonly agent?: string;
  readonly rule?: string;
  readonly ttl?: number;
  readonly uses?: number;
}

async function grant(stack: StackUnderTest, wanted: Wanted = {}): Promise<GrantView> {
  const { agent = "bot", rule = "stripe/refund", ttl = 3600, uses } = wanted;
  const image = imageOf(`agent "${agent}" {\n  default deny\n  permit ${rule}\n}`);
  const request = {
    agent_id: agent,
    image,
    ttl_seconds: ttl,
    actor: "ana",
    reason: "known",
    ...(uses === undefined ? {} : { uses_max: uses }),
  };
  return (await askOperator(stack.dir, "grants_add", request)).grant;
}

async function list(stack: StackUnderTest): Promise<readonly GrantView[]> {
  return (await askOperator(stack.dir, "grants_list", {})).grants;
}

async function effectOf(stack: StackUnderTest, tool: string, args: object = {}, more: object = {}): Promise<string> {
  return (await stack.ask(tool, args, more)).effect;
}

test("a grant lets the deferred calls that it is for pass, and no others", async () => {
  await onStack(policy, async (stack) => {
    const { id } = await grant(stack, { rule: "stripe/* if amount < 100" });
    const passed = await stack.ask("stripe/refund", { amount: 80 });
    assert.equal([passed.effect, passed.grant_id], ["PERMIT", id]);
    assert.is(await effectOf(stack, "stripe/refund", { amount: 100 }), "DEFER");
    assert.is(await effectOf(stack, "stripe/refund", {}), "DEFER", "a condition that cannot be judged is not met");
    assert.is(await effectOf(stack, "mail/send"), "DEFER");
    assert.is(await effectOf(stack, "stripe/refund", { amount: 80 }, { agent_id: "other" }), "DEFER");
    assert.is(await effectOf(stack, "stripe/payout", { amount: 80 }), "DENY", "a grant opens nothing that is denied");
    const [shown] = await list(stack);
    assert.equal(
      [shown?.tool, shown?.condition, shown?.uses, shown?.status],
      ["stripe/*", "amount < 100", 1, "active"],
    );
  });
});

test("each use is a record before its decision, which names it", async () => {
  await onStack(policy, async (stack) => {
    const { id } = await grant(stack, { uses: 2 });
    const { action_id } = await stack.ask("stripe/refund");
    const records = await stack.records();
    const use = records.find(({ type, change }) => type === "grant" && change === "used");
    const decision = records.find((record) => record.action_id === action_id && record.type === "decision");
    assert.equal([use?.grant_id, use?.action_id, use?.uses], [id, action_id, 1]);
    assert.ok(Number(use?.seq) < Number(decision?.seq));
    assert.equal((decision?.steps as { used: string[] } | undefined)?.used, [id]);
  });
});

test("G04 a thousand parallel calls under a grant of seven uses give seven permits", async () => {
  await onStack(policy, async (stack) => {
    await grant(stack, { uses: 7 });
    const calls = Array.from({ length: 1000 }, (_, i) => ({
      type: "govern",
      agent_id: "bot",
      tool_id: "stripe/refund",
      args: { amount: i % 10 },
      call_id: `c${i}`,
    }));
    const parts = Array.from({ length: 10 }, (_, i) => calls.slice(i * 100, i * 100 + 100));
    const answers = (await Promise.all(parts.map((part) => stack.send(...part)))).flat();
    assert.is(answers.filter(({ effect }) => effect === "PERMIT").length, 7);
    assert.is(answers.filter(({ effect }) => effect === "DEFER").length, 993);
    const [shown] = await list(stack);
    assert.equal([shown?.uses, shown?.status], [7, "used_up"]);
  });
});

test("one use carries a call past all that defers it, and a call that is refused takes none", async () => {
  await onStack(policy, async (stack) => {
    await grant(stack, { rule: "mail/*", uses: 5 });
    for (let i = 0; i < 4; i++) assert.is(await effectOf(stack, "mail/send", { i }), "PERMIT");
    assert.is((await list(stack))[0]?.uses, 4);
    await stack.apply(policy.replace("defer mail/send", "deny mail/send"));
    assert.is(await effectOf(stack, "mail/send"), "DENY");
    assert.is((await list(stack))[0]?.uses, 4);
  });
});

test("a grant that is over keeps no machine, and one whose use is given back has its rule again", async () => {
  await onStack(policy, async (stack) => {
    const { grants } = stack.daemon.governor;
    await grant(stack, { uses: 1 });
    const [shown] = await list(stack);
    const id = shown?.id ?? "";
    const permitted = await stack.ask("stripe/refund", { amount: 1 });
    assert.equal([permitted.effect, grants.get(id)?.status, grants.get(id)?.rule], ["PERMIT", "used_up", null]);
    const report = { action_id: permitted.action_id, status: "credential_failure", actor: "tester" };
    assert.is((await askOperator(stack.dir, "report", report)).returned, true);
    assert.is(grants.get(id)?.status, "active");
    assert.is(await effectOf(stack, "stripe/refund", { amount: 1 }), "PERMIT");
    await stack.restart();
    assert.is(stack.daemon.governor.grants.get(id)?.rule, null);
  });
});

test("grants, their uses and their end outlive restart and swap", async () => {
  await onStack(policy, async (stack) => {
    const kept = await grant(stack, { uses: 2 });
    const gone = await grant(stack, { rule: "mail/*" });
    await stack.ask("stripe/refund");
    await askOperator(stack.dir, "grants_revoke", { id: gone.id, actor: "ben", reason: "no more" });
    await stack.restart();
    await stack.apply(policy.replace("permit search", ""));
    const shown = await list(stack);
    assert.equal(
      shown.map(({ id, status, uses, ended_by }) => [id, status, uses, ended_by]),
      [
        [kept.id, "active", 1, null],
        [gone.id, "revoked", 0, "ben"],
      ],
    );
    assert.is(await effectOf(stack, "mail/send"), "DEFER");
    assert.is(await effectOf(stack, "stripe/refund"), "PERMIT");
    assert.is(await effectOf(stack, "stripe/refund"), "DEFER");
    assert.is(await codeOf(askOperator(stack.dir, "grants_revoke", { id: gone.id, actor: "ben" })), "ALREADY_RESOLVED");
  });
});

test("B02 A28 a grant ends by the wall clock and by the monotonic one, whichever comes first", async () => {
  const start = 1_800_000_000_000;
  for (const [wallMs, monoUs] of [
    [61_000, 0],
    [-3_600_000, 61_000_000],
  ] as const) {
    const passed = { wallMs: 0, monoUs: 0 };
    const source = { wallMs: () => start + passed.wallMs, monoUs: () => 1_000_000 + passed.monoUs };
    await onStack(
      policy,
      async (stack) => {
        await grant(stack, { ttl: 60 });
        assert.is(await effectOf(stack, "stripe/refund", { amount: 1 }), "PERMIT");
        Object.assign(passed, { wallMs, monoUs });
        assert.is(await effectOf(stack, "stripe/refund", { amount: 2 }), "DEFER");
        assert.is((await list(stack))[0]?.status, "expired");
      },
      { clock: new SystemClock(source, "boot") },
    );
  }
});

test("an operator's no to this very call wins over a grant", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 5 });
    await grant(stack);
    await stack.deny(id, "not this one");
    assert.is((await stack.ask("stripe/refund", { amount: 5 })).reason_code, "APPROVAL_DENIED");
    assert.is(await effectOf(stack, "stripe/refund", { amount: 5 }), "PERMIT");
  });
});

test("what is no single rule of one agent, or has no end, is refused", async () => {
  await onStack(policy, async (stack) => {
    const add = (text: string, more: object = {}): Promise<unknown> =>
      askOperator(stack.dir, "grants_add", {
        agent_id: "bot",
        image: imageOf(text),
        ttl_seconds: 60,
        actor: "a",
        ...more,
      });
    const bot = (rules: string): string => `agent "bot" {\n  default deny\n  ${rules}\n}`;
    const wrong = [
      bot("permit a\n  permit b"),
      bot("defer a"),
      bot("permit a if history_tool_count(b) > 1"),
      bot("permit a\n  rate_limit a: 1 per hour"),
      'agent "else" { default deny permit a }',
      "permit a",
    ];
    for (const text of wrong) assert.is(await codeOf(add(text)), "BAD_IMAGE", text);
    assert.is(await codeOf(add(bot("permit a"), { image: "AAAA" })), "BAD_IMAGE");
    for (const ttl_seconds of [0, -1, 1.5, 1e12])
      assert.is(await codeOf(add(bot("permit a"), { ttl_seconds })), "BAD_REQUEST");
    for (const uses_max of [0, -1, "3"]) assert.is(await codeOf(add(bot("permit a"), { uses_max })), "BAD_REQUEST");
    for (let i = 0; i < grantsPerAgentMax; i++) await add(bot("permit a"));
    assert.is(await codeOf(add(bot("permit a"))), "BAD_REQUEST");
    assert.is((await askOperator(stack.dir, "status", {})).grants.active, grantsPerAgentMax);
  });
});

test("in audit mode a grant is used as it would have been", async () => {
  await onStack(`runtime { mode = "audit" }\n${policy}`, async (stack) => {
    await grant(stack, { uses: 1 });
    const answers = [await stack.ask("stripe/refund"), await stack.ask("stripe/refund")];
    assert.equal(
      answers.map(({ effect, would }) => [effect, would]),
      [
        ["PERMIT", "PERMIT"],
        ["PERMIT", "DEFER"],
      ],
    );
    assert.is((await askOperator(stack.dir, "status", {})).approvals.pending, 0);
  });
});

test.run();
