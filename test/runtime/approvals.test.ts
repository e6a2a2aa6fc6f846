import { test } from "uvu";
import * as assert from "uvu/assert";
import { liveApprovalsPerAgentMax } from "../../runtime/approvals.ts";
import { askOperator, callOperator, watchApprovals } from "../../runtime/doors/client.ts";
import { codeOf, onStack } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  rules {
    defer stripe/refund
    defer mail/send
    permit search
  }
  budget spend { max_calls = 1 tools = ["mail/send"] }
}
agent "other" {
  default deny
  rules { defer stripe/refund }
}`;

test("a call that waits keeps its approval id, and once approved passes exactly once", async () => {
  await onStack(policy, async (stack) => {
    const first = await stack.ask("stripe/refund", { amount: 80 });
    assert.is(first.effect, "DEFER");
    assert.is(first.structured_denial?.resolution.type, "pending_approval");
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).defer_token, first.defer_token);
    await stack.approve(first.defer_token, { reason: "fine" });
    const passed = await stack.ask("stripe/refund", { amount: 80 });
    assert.is(passed.effect, "PERMIT");
    assert.is(passed.approval_id, first.defer_token);
    const again = await stack.ask("stripe/refund", { amount: 80 });
    assert.is(again.effect, "DEFER");
    assert.is.not(again.defer_token, first.defer_token);
  });
});

test("G01 an approval fits no other arguments, tool, agent or http part", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 80 });
    await stack.approve(id);
    const others: readonly [string, object, object][] = [
      ["stripe/refund", { amount: 81 }, {}],
      ["stripe/refund", { amount: "80" }, {}],
      ["mail/send", { amount: 80 }, {}],
      ["stripe/refund", { amount: 80 }, { agent_id: "other" }],
      ["stripe/refund", { amount: 80 }, { http: { host: "x.example" } }],
      ["stripe/refund", { args: [1], kwargs: { amount: 80 } }, {}],
    ];
    for (const [tool, args, more] of others) {
      const named = await stack.ask(tool, args, { ...more, approval_id: id });
      assert.is(named.effect, "DENY");
      assert.is(named.reason_code, "APPROVAL_MISMATCH");
      const fresh = await stack.ask(tool, args, more);
      assert.is(fresh.effect, "DEFER");
      assert.is.not(fresh.defer_token, id);
    }
    assert.is((await stack.ask("stripe/refund", { amount: 80 }, { approval_id: id })).effect, "PERMIT");
  });
});

test("G02 a narrowed approval lets only the narrowed form pass", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 80 });
    await stack.approve(id, { args: { amount: 50 } });
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).effect, "DEFER");
    assert.is((await stack.ask("stripe/refund", { amount: 80 }, { approval_id: id })).reason_code, "APPROVAL_MISMATCH");
    assert.is((await stack.ask("stripe/refund", { amount: 50 })).effect, "PERMIT");
    assert.is((await stack.ask("stripe/refund", { amount: 50 })).effect, "DEFER");
  });
});

test("G03 a used approval named again is consumed, and its use stands in the log before the permit", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 80 });
    await stack.approve(id);
    const permit = await stack.ask("stripe/refund", { amount: 80 }, { approval_id: id });
    assert.is(permit.effect, "PERMIT");
    const again = await stack.ask("stripe/refund", { amount: 80 }, { approval_id: id });
    assert.is(again.reason_code, "APPROVAL_CONSUMED");
    const records = await stack.records();
    const used = records.findIndex((record) => record.change === "consumed" && record.approval_id === id);
    const permitted = records.findIndex(
      (record) => record.action_id === permit.action_id && record.type === "decision",
    );
    assert.ok(used >= 0 && used < permitted);
  });
});

test("G04 a thousand parallel redemptions give one permit", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 80 });
    await stack.approve(id);
    const call = { type: "govern", agent_id: "bot", tool_id: "stripe/refund", args: { amount: 80 } };
    const lines = Array.from({ length: 100 }, (_, index) => ({ ...call, call_id: `c${index}` }));
    const groups = Array.from({ length: 10 }, (_, group) =>
      stack.send(...lines.map((line) => ({ ...line, call_id: `${group}-${line.call_id}` }))),
    );
    const answers = (await Promise.all(groups)).flat();
    assert.is(answers.length, 1000);
    assert.is(answers.filter(({ effect }) => effect === "PERMIT").length, 1);
    assert.is(answers.filter(({ effect }) => effect === "DEFER").length, 999);
  });
});

test("G05 the retry of a redeemed call gets the recorded permit, also after a restart", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c1" });
    await stack.approve(id);
    const permit = await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c2" });
    assert.is(permit.effect, "PERMIT");
    await stack.restart();
    const retry = await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c2" });
    assert.equal([retry.effect, retry.action_id, retry.args_sha256], ["PERMIT", permit.action_id, permit.args_sha256]);
    assert.is((await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c3" })).effect, "DEFER");
  });
});

test("a deferred call sent again under its call_id is judged again once a person has spoken", async () => {
  await onStack(policy, async (stack) => {
    const first = await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c1" });
    const again = await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c1" });
    assert.is(again.action_id, first.action_id);
    await stack.approve(first.defer_token);
    assert.is((await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c1" })).effect, "PERMIT");
    assert.is((await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c1" })).effect, "PERMIT");
    assert.is((await stack.ask("stripe/refund", { amount: 80 }, { call_id: "c2" })).effect, "DEFER");
  });
});

test("G06 denied and unknown approvals deny; the denial is told once with the operator's reason", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 80 });
    await stack.deny(id, "not today");
    const told = await stack.ask("stripe/refund", { amount: 80 });
    assert.equal([told.effect, told.reason_code, told.reason], ["DENY", "APPROVAL_DENIED", "not today"]);
    assert.is((await stack.ask("stripe/refund", { amount: 80 }, { approval_id: id })).reason_code, "APPROVAL_DENIED");
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).effect, "DEFER");
    const unknown = `apr-${"0".repeat(32)}`;
    assert.is(
      (await stack.ask("stripe/refund", { amount: 80 }, { approval_id: unknown })).reason_code,
      "APPROVAL_MISMATCH",
    );
  });
});

test("G06 an expired approval defers anew, and denies when it is named", async () => {
  let wallMs = Date.UTC(2026, 0, 1);
  const { SystemClock } = await import("../../runtime/clock.ts");
  const clock = new SystemClock({ wallMs: () => wallMs, monoUs: () => 0 });
  await onStack(
    `runtime { approval_ttl = "1h" }\n${policy}`,
    async (stack) => {
      const { defer_token: id } = await stack.ask("stripe/refund", { amount: 80 });
      await stack.approve(id);
      wallMs += 3_600_000;
      const named = await stack.ask("stripe/refund", { amount: 80 }, { approval_id: id });
      assert.is(named.reason_code, "APPROVAL_EXPIRED");
      const fresh = await stack.ask("stripe/refund", { amount: 80 });
      assert.is(fresh.effect, "DEFER");
      assert.is.not(fresh.defer_token, id);
      const [polled] = await stack.send({ type: "poll_defer", agent_id: "bot", defer_token: id });
      assert.is(Reflect.get(polled ?? {}, "status"), "expired");
    },
    { clock },
  );
});

test("G07 after a swap a new deny wins, the same rule keeps its approval, another rule defers anew", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 80 });
    await stack.approve(id);
    await stack.apply(policy.replace("defer stripe/refund\n", "deny stripe/refund\n"));
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).reason_code, "POLICY_DENY");
    await stack.apply(policy.replace("defer stripe/refund\n", "defer stripe/*\n"));
    const other = await stack.ask("stripe/refund", { amount: 80 });
    assert.is(other.effect, "DEFER");
    assert.is.not(other.defer_token, id);
    await stack.apply(policy.replace("  rules {\n", "  rules {\n    permit first\n"));
    assert.is((await stack.ask("stripe/refund", { amount: 80 })).approval_id, id);
  });
});

test("G08 approval ids carry 128 random bits", async () => {
  await onStack(policy, async (stack) => {
    const ids = new Set<string>();
    for (let amount = 0; amount < 20; amount++) {
      const { defer_token: id } = await stack.ask("stripe/refund", { amount });
      assert.match(id ?? "", /^apr-[0-9a-f]{32}$/);
      ids.add(id ?? "");
    }
    assert.is(ids.size, 20);
  });
});

test("G10 of two resolutions the first in the log wins and the second is told so", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id = "" } = await stack.ask("stripe/refund", { amount: 80 });
    const [approved, denied] = await Promise.all([
      callOperator(stack.dir, "approve_defer", { id, actor: "one" }),
      callOperator(stack.dir, "deny", { id, actor: "two" }),
    ]);
    assert.is(Number(approved.ok) + Number(denied.ok), 1);
    const resolutions = (await stack.records()).filter(({ change }) => change === "approved" || change === "denied");
    assert.is(resolutions.length, 1);
    assert.is(resolutions[0]?.change === "approved", approved.ok);
    assert.is(resolutions[0]?.operator_auth, "same-uid");
    assert.is(await codeOf(stack.approve(id)), "ALREADY_RESOLVED");
  });
});

test("G13 a full queue denies and drops nobody", async () => {
  await onStack(policy, async (stack) => {
    const lines = Array.from({ length: liveApprovalsPerAgentMax + 1 }, (_, amount) => ({
      type: "govern",
      call_id: `c${amount}`,
      agent_id: "bot",
      tool_id: "stripe/refund",
      args: { amount },
    }));
    const answers = await stack.send(...lines);
    const full = answers.filter(({ reason_code }) => reason_code === "APPROVAL_QUEUE_FULL");
    assert.is(full.length, 1);
    assert.is(full[0]?.structured_denial?.resolution.type, "pending_approvals");
    const { approvals } = await askOperator(stack.dir, "approvals_list", { status: "pending" });
    assert.is(approvals.length, liveApprovalsPerAgentMax);
    assert.is((await stack.ask("stripe/refund", { amount: 0 })).effect, "DEFER");
    assert.is((await stack.ask("stripe/refund", { amount: 0 }, { agent_id: "other" })).effect, "DEFER");
  });
});

test("H09 a redeemed approval pays like any permit, and one refused by a later step is kept", async () => {
  await onStack(policy, async (stack) => {
    const one = await stack.ask("mail/send", { to: "a" });
    const two = await stack.ask("mail/send", { to: "b" });
    await stack.approve(one.defer_token);
    await stack.approve(two.defer_token);
    assert.is((await stack.ask("mail/send", { to: "a" })).effect, "PERMIT");
    assert.is((await stack.ask("mail/send", { to: "b" })).reason_code, "BUDGET_EXCEEDED");
    const { approval } = await askOperator(stack.dir, "approvals_show", { id: two.defer_token ?? "" });
    assert.is(approval.status, "approved");
    const { budgets } = await askOperator(stack.dir, "status", {});
    assert.is(budgets[0]?.calls, 1);
  });
});

test("approvals live through a restart: pending, approved, used", async () => {
  await onStack(policy, async (stack) => {
    const pending = await stack.ask("stripe/refund", { amount: 1 });
    const approved = await stack.ask("stripe/refund", { amount: 2 });
    const denied = await stack.ask("stripe/refund", { amount: 3 });
    await stack.approve(approved.defer_token);
    await stack.deny(denied.defer_token, "no");
    await stack.restart();
    assert.is((await stack.ask("stripe/refund", { amount: 1 })).defer_token, pending.defer_token);
    assert.is((await stack.ask("stripe/refund", { amount: 2 })).effect, "PERMIT");
    assert.is((await stack.ask("stripe/refund", { amount: 3 })).reason, "no");
    await stack.restart();
    assert.is((await stack.ask("stripe/refund", { amount: 2 })).effect, "DEFER");
    assert.is((await stack.ask("stripe/refund", { amount: 3 })).effect, "DEFER");
  });
});

test("whoever watches sees what waits, then each change", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: first } = await stack.ask("stripe/refund", { amount: 1 });
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const message of watchApprovals(stack.dir, stop.signal)) {
      if ("ok" in message) {
        seen.push(...message.approvals.map(({ id, status }) => `${id === first} ${status}`));
        await stack.approve(first);
        await stack.ask("stripe/refund", { amount: 1 });
        await stack.ask("stripe/refund", { amount: 2 });
        continue;
      }
      seen.push(message.event);
      if (message.event === "created") stop.abort();
    }
    assert.equal(seen, ["true pending", "approved", "used", "created"]);
  });
});

test.run();
