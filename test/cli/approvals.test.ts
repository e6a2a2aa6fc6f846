// approvals: run as processes beside a real daemon, as a person and as a script would.
import { userInfo } from "node:os";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { eventText } from "../../cli/commands/approvals.ts";
import type { ApprovalEvent } from "../../runtime/doors/protocol.ts";
import type { ApprovalView } from "../../runtime/doors/views.ts";
import { onStack } from "../runtime/stack-under-test.ts";
import { snapshotOf } from "./in-process.ts";
import { cli, cliJson, RunningCli } from "./run-cli.ts";

const policy = `
agent "bot" {
  default deny
  rules {
    defer stripe/refund
  }
  redact stripe/refund args: ["card"]
}`;

const approvedView: ApprovalView = {
  id: "apr-00000000000000000000000000000000",
  agent_id: "bot",
  session_id: "default",
  tool: "stripe/refund",
  args: {},
  deferred_at: "2026-05-17T19:30:00.000000Z",
  expires_at: "2026-05-18T19:30:00.000000Z",
  rule_ref: null,
  context: "",
  status: "approved",
  cause: "rule:0",
  request_digest: "",
  resolved_at: "2026-05-17T19:31:00.000000Z",
  resolved_by: "ana",
  reason: "",
  narrowed_args: null,
  used_at: null,
};
const card = "4242424242424242";
const hostile = "x\u001b]52;c;aGk=\u0007\u202ey\nforged";

async function listed(dir: string, ...words: readonly string[]): Promise<readonly ApprovalView[]> {
  return (await cliJson(dir, "approvals", ...words)).approvals as readonly ApprovalView[];
}

test("list, pending and show tell what waits, redacted", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80, card });
    const [approval, ...others] = await listed(stack.dir, "list");
    assert.is(others.length, 0);
    assert.equal([approval?.id, approval?.agent_id, approval?.tool], [id, "bot", "stripe/refund"]);
    assert.equal([approval?.rule_ref, approval?.status], ["governance.fms:5", "pending"]);
    assert.match(approval?.context ?? "", "governance.fms:5");
    assert.match(approval?.deferred_at ?? "", /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
    assert.equal(await listed(stack.dir, "pending"), [approval]);
    assert.equal(await listed(stack.dir, "list", "--status", "denied"), []);
    assert.equal(await listed(stack.dir, "list", "--agent", "another"), []);
    const row = await cli(stack.dir, "approvals", "pending");
    const sheet = await cli(stack.dir, "approvals", "show", id.slice(0, 12));
    for (const { code, stdout } of [row, sheet]) {
      assert.is(code, 0);
      for (const text of [id, "pending", "bot", "stripe/refund", '{"amount":80,'])
        assert.ok(stdout.includes(text), stdout);
      assert.not.ok(stdout.includes(card));
    }
    assert.ok(sheet.stdout.includes("governance.fms:5"));
    assert.is((await cliJson(stack.dir, "approvals", "show", id)).approval !== undefined, true);
  });
});

test("words that name nothing, or more than one thing, are refused", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("stripe/refund", { amount: 1 });
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 2 });
    assert.is((await cli(stack.dir, "approvals", "list", "--status", "lost")).code, 64);
    for (const words of [
      ["show", "apr-"],
      ["show", "apr-nobody"],
      ["approve", ""],
      ["deny", "apr-"],
    ]) {
      const { code, stderr } = await cli(stack.dir, "approvals", ...words);
      assert.is(code, 1);
      assert.match(stderr, "✗");
    }
    for (const args of ["[1]", "{", "7", '{"a":1,"a":2}']) {
      assert.is((await cli(stack.dir, "approvals", "approve", id, "--args", args)).code, 64);
    }
    assert.is((await listed(stack.dir, "pending")).length, 2);
  });
});

test("approve lets the call through once and is remembered with who and why", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80 });
    const { approval } = await cliJson(stack.dir, "approvals", "approve", id.slice(0, 14), "--reason", "checked");
    assert.is((approval as ApprovalView).status, "approved");
    assert.is((await stack.ask("stripe/refund", { amount: 81 })).effect, "DEFER");
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).effect, "PERMIT");
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).effect, "DEFER");
    const [resolved, ...others] = await listed(stack.dir, "history");
    assert.is(others.length, 0);
    const { username } = userInfo();
    assert.equal([resolved?.status, resolved?.resolved_by, resolved?.reason], ["used", username, "checked"]);
    const again = await cli(stack.dir, "approvals", "deny", id);
    assert.is(again.code, 1);
    assert.match(again.stderr, "is used");
  });
});

test("approve --args keeps the digits of a number and passes only that form", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80 });
    const { code, stdout } = await cli(
      stack.dir,
      "approvals",
      "approve",
      id,
      "--args",
      '{"amount":9007199254740993}',
      "--format",
      "json",
    );
    assert.is(code, 0);
    assert.match(stdout, /"narrowed_args":\s*\{\s*"amount":\s*9007199254740993\s*\}/);
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).effect, "DEFER");
    const call = (amount: string): string =>
      `{"type":"govern","agent_id":"bot","tool_id":"stripe/refund","args":{"amount":${amount}}}`;
    assert.is((await stack.send(call("9007199254740992")))[0]?.effect, "DEFER");
    assert.is((await stack.send(call("9007199254740993")))[0]?.effect, "PERMIT");
  });
});

test("deny tells the agent the person's reason, once", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80 });
    assert.is((await cli(stack.dir, "approvals", "deny", id, "--reason", "wrong account")).code, 0);
    const answer = await stack.ask("stripe/refund", { amount: 80 });
    assert.equal([answer.effect, answer.reason], ["DENY", "wrong account"]);
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).effect, "DEFER");
  });
});

test("watch gives what waits and then each change, one JSON a line", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: first = "" } = await stack.ask("stripe/refund", { amount: 1 });
    const watch = new RunningCli(stack.dir, ["approvals", "watch", "--format", "json"]);
    await watch.until(first);
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 2 });
    await watch.until(id);
    await stack.deny(id, "no");
    await watch.until('"denied"');
    watch.process.kill("SIGINT");
    await watch.ended;
    const lines = watch.stdout.trimEnd().split("\n").slice(1);
    const events = lines.map((line) => JSON.parse(line) as ApprovalEvent);
    assert.equal(
      events.map(({ event, approval }) => [event, approval.id]),
      [
        ["created", id],
        ["denied", id],
      ],
    );
  });
});

test("I01 I02 what an agent supplied cannot steer the terminal or forge a line", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { note: hostile });
    for (const words of [
      ["list"],
      ["show", id],
      ["list", "--format", "json"],
      ["deny", id, "--reason", hostile],
      ["history"],
    ]) {
      const { code, stdout, stderr } = await cli(stack.dir, "approvals", ...words);
      assert.is(code, 0);
      assert.not.match(stdout + stderr, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      assert.not.match(stdout + stderr, /^forged/m);
    }
  });
});

test("history says when, by whom and why", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80 });
    await stack.approve(id, { reason: "known customer" });
    await stack.ask("stripe/refund", { amount: 80 });
    const { stdout } = await cli(stack.dir, "approvals", "history");
    assert.match(stdout, /used .* \d{4}-\S+Z by tester: known customer, used \d{4}-\S+Z\n$/);
  });
});

test("without a daemon the readers read the log, say so, and change nothing", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80, card });
    const { defer_token: denied = "" } = await stack.ask("stripe/refund", { amount: 81 });
    await stack.deny(denied, "no");
    const all = await listed(stack.dir, "list");
    await stack.stop();
    const before = snapshotOf(stack.dir);
    assert.equal(await listed(stack.dir, "list"), all);
    assert.equal(
      (await listed(stack.dir, "pending")).map((one) => one.id),
      [id],
    );
    assert.equal(
      (await listed(stack.dir, "history")).map((one) => [one.id, one.reason]),
      [[denied, "no"]],
    );
    const { code, stdout, stderr } = await cli(stack.dir, "approvals", "show", id.slice(0, 12));
    assert.is(code, 0);
    assert.match(stdout, id);
    assert.match(stderr, "no daemon runs");
    assert.equal(snapshotOf(stack.dir), before);
  });
});

test("watch ends with 1 when the daemon does", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80 });
    const watch = new RunningCli(stack.dir, ["approvals", "watch"]);
    await watch.until(id);
    await stack.stop();
    const { code, stderr } = await watch.ended;
    assert.is(code, 1);
    assert.match(stderr, "the daemon ended");
  });
});

test("an approval that expired unused is not told as expired by the person who approved it", () => {
  const approval = { ...approvedView, status: "expired" } as const;
  const line = eventText({ event: "expired", approval });
  assert.match(line, "  expired  bot  ");
  assert.not.match(line, "ana");
  assert.match(eventText({ event: "approved", approval: approvedView }), "  approved by ana  ");
});

test("without a daemon nobody can approve, and the command that helps is named", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80 });
    await stack.stop();
    for (const words of [["approve", id], ["deny", id], ["watch"]]) {
      const { code, stdout, stderr } = await cli(stack.dir, "approvals", ...words);
      assert.is(code, 1);
      assert.is(stdout, "");
      assert.match(stderr, "faramesh apply");
    }
    const { code, stdout } = await cli(stack.dir, "approvals", "approve", id, "--format", "json");
    assert.is(code, 1);
    assert.type((JSON.parse(stdout) as { error: unknown }).error, "object");
  });
});

test.run();
