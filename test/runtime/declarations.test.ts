// Blocks that the daemon reads: what it refuses because it cannot carry them out, in which mode, and that nothing is taken.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { shortcomings } from "../../runtime/declarations.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import type { StatusAnswer } from "../../runtime/doors/views.ts";
import { onStack } from "./stack-under-test.ts";

const bot = (blocks: string): string => `agent "bot" {
  default deny
  permit search
  permit stripe/refund
  defer stripe/payout
  rate_limit "stripe/*": 1 per hour
  budget daily { max_calls = 1 }
  ${blocks}
}`;

test("A declared identity denies every claimed call, but for agents that the policy does not know", async () => {
  const policy = `identity "spire" { type = "spiffe" }\n${bot("")}`;
  const keys = `runtime { mode = enforce } identity "pods" { type = "k8s-projected" audience = ["a"] jwks_file = "keys.json" }\n${bot("")}`;
  await onStack(null, async (stack) => {
    writeFileSync(join(stack.dir, "keys.json"), '{"keys":[]}');
    await stack.apply(keys);
    assert.is((await stack.ask("search")).reason_code, "IDENTITY_UNVERIFIED");
    assert.is((await stack.ask("nothing")).reason_code, "IDENTITY_UNVERIFIED");
    assert.is((await stack.ask("search", {}, { agent_id: "other" })).reason_code, "UNKNOWN_AGENT");
    const [record] = (await stack.records()).filter(({ type }) => type === "decision");
    assert.equal([record?.effect, record?.code, record?.agent_identity], ["deny", "IDENTITY_UNVERIFIED", "claimed"]);
  });
  await onStack(
    policy,
    async (stack) => {
      assert.is((await stack.ask("search")).effect, "PERMIT");
      const [record] = (await stack.records()).filter(({ type }) => type === "decision");
      assert.equal([record?.agent_identity, record?.dev], ["claimed", true]);
    },
    { dev: true },
  );
});

test("A covered tool is denied without its secret, and neither limit nor budget nor approval is taken", async () => {
  await onStack(bot('credential stripe { backend vault path "p" }'), async (stack) => {
    const denied = await stack.ask("stripe/refund");
    assert.equal([denied.effect, denied.reason_code], ["DENY", "CREDENTIAL_UNAVAILABLE"]);
    assert.is(denied.structured_denial?.resolution.type, "manual_audit");
    const deferred = await stack.ask("stripe/payout");
    assert.is(deferred.effect, "DEFER");
    await stack.approve(deferred.approval_id);
    assert.is((await stack.ask("stripe/payout")).reason_code, "CREDENTIAL_UNAVAILABLE");
    assert.is((await stack.ask("stripe/refund")).reason_code, "CREDENTIAL_UNAVAILABLE");
    assert.is((await stack.ask("search")).effect, "PERMIT", "the budget's one call is still there");
    assert.is((await stack.ask("stripe/unknown")).reason_code, "POLICY_DENY");
    const decisions = (await stack.records()).filter(({ type }) => type === "decision");
    const first = decisions.find(({ code }) => code === "CREDENTIAL_UNAVAILABLE");
    assert.equal(first?.steps, { at: "credential", rule: 1 });
    await stack.restart();
    assert.is((await stack.ask("search")).reason_code, "BUDGET_EXCEEDED");
  });
});

test("In dev mode a stub stands for the secret, and the record says so", async () => {
  await onStack(
    bot('credential vaulted { scope "stripe/*" }'),
    async (stack) => {
      assert.is((await stack.ask("stripe/refund")).effect, "PERMIT");
      const [record] = (await stack.records()).filter(({ type }) => type === "decision");
      assert.is(record?.credential_ref, "dev-stub:vaulted");
    },
    { dev: true },
  );
});

test("Delegations are denied, declared or not, and completions until the gates hold", async () => {
  await onStack(bot('completion_gate { require "no_pending_approvals" }'), async (stack) => {
    assert.is((await stack.ask("search", {}, { action_type: "delegate" })).reason_code, "DELEGATION_DENIED");
    assert.is((await stack.ask("search", {}, { action_type: "completion_event" })).effect, "PERMIT");
    const { approval_id } = await stack.ask("stripe/payout");
    const waiting = await stack.ask("search", {}, { action_type: "completion_event" });
    assert.equal([waiting.effect, waiting.reason_code], ["DENY", "COMPLETION_BLOCKED"]);
    assert.match(waiting.reason, "no_pending_approvals");
    assert.equal(waiting.structured_denial?.resolution, { type: "pending_approvals", approval_ids: [approval_id] });
  });
  await onStack(bot(""), async (stack) => {
    assert.is((await stack.ask("search", {}, { action_type: "completion_event" })).effect, "PERMIT");
  });
});

test("J12 an agent cannot hand over the value of a selector, and without one a call that reads it is denied", async () => {
  const policy = bot('permit gold if account.tier == "gold" or amount == 1\n selector account { source "x" }');
  await onStack(policy, async (stack) => {
    const call = { selectors: { account: { tier: "gold" } } };
    assert.is((await stack.ask("gold", {}, call)).reason_code, "POLICY_DENY");
    assert.is((await stack.ask("gold", { amount: 1 }, call)).reason_code, "SELECTOR_UNAVAILABLE");
  });
});

test("status tells of providers and of what is declared without effect", async () => {
  const policy = `provider "github" { type = "mcp" command = "x" }\n${bot('alert { on = "deny" notify = "ops" }')}`;
  await onStack(policy, async (stack) => {
    const told = (): Promise<StatusAnswer> => askOperator(stack.dir, "status", {});
    while ((await told()).providers[0]?.status === "starting") await new Promise((resolve) => setTimeout(resolve, 5));
    const { providers, notices } = await told();
    assert.equal(
      providers.map(({ name, type, status }) => [name, type, status]),
      [["github", "mcp", "not_started"]],
    );
    assert.equal(
      [...notices],
      [
        "alerts are not delivered: `ops` is none of https://…, slack://…, mailto:… and pagerduty",
        "providers of type `mcp` are declared, and `mcp_proxy_port` is not set: nothing serves them",
      ],
    );
  });
});

test("Blocks that are carried out are no shortcoming", () => {
  assert.equal(shortcomings([{ keyword: "trust", agent: null, name: null, fields: { key: ["a", "b"] } }]), []);
  assert.is(shortcomings([{ keyword: "trust", agent: null, name: null, fields: { inbound: "a" } }]).length, 1);
  assert.equal(shortcomings([{ keyword: "session", agent: "a", name: null, fields: {} }]), []);
});

test.run();
