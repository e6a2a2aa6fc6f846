// Every recorded decision comes out again when it is judged by the policy and the machine that the log names; one that was written
// otherwise is found, and one of which something was not kept is never called good.
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { sha256Hex } from "../../runtime/log/line.ts";
import { ownMachineHash } from "../../runtime/machines.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { type VerifyReplayReport, verifyReplay } from "../../runtime/verify-replay.ts";
import { imageOf, onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit search
  permit pay if amount < 100
  permit card/charge if card.kind == "visa"
  defer refund if amount > 10
  defer ask
  deny! search if query contains "secret"
  rate_limit "search": 4 per hour
  budget spend { max = $150 tools = ["pay"] cost = amount on_exceed = "defer" }
  redact card/charge args: ["card.kind"]
}`;

function again(stack: StackUnderTest, span: { fromUs?: number; toUs?: number } = {}): Promise<VerifyReplayReport> {
  const { policies: policiesDir } = stackPaths(stack.dir);
  return verifyReplay({ walDir: stack.daemon.walDir, policiesDir, ...span });
}

async function traffic(stack: StackUnderTest): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await stack.ask("search", { query: turn === 3 ? "a secret" : "x" });
  for (const amount of [99, 100, 60, "no number"]) await stack.ask("pay", { amount });
  const { approval_id } = await stack.ask("refund", { amount: 20 });
  if (approval_id !== undefined) await stack.approve(approval_id);
  await stack.ask("refund", { amount: 20 });
  const denied = await stack.ask("ask", { n: 1 });
  if (denied.approval_id !== undefined) await stack.deny(denied.approval_id, "no");
  await stack.ask("ask", { n: 1 });
  const image = imageOf(`agent "bot" {\n  default deny\n  permit ask\n}`);
  await askOperator(stack.dir, "grants_add", { agent_id: "bot", image, ttl_seconds: 60, actor: "ana", reason: "" });
  await stack.ask("ask", { n: 2 });
  await stack.ask("unknown/tool");
  await stack.ask("search", {}, { agent_id: "nobody" });
  await stack.ask("../bad");
}

test("every decision comes out as recorded, while the daemon goes on writing", async () => {
  await onStack(policy, async (stack) => {
    await traffic(stack);
    const report = await again(stack);
    assert.equal([report.mismatched, report.first, report.stopped], [0, null, null]);
    assert.is(report.matched + report.notJudged + report.notReplayable, report.decisions);
    assert.ok(report.matched >= 16, String(report.matched));
  });
});

test("counters and approvals are carried over versions, audit mode and restarts", async () => {
  await onStack(policy, async (stack) => {
    await traffic(stack);
    await stack.apply(`runtime { mode = "audit" }\n${policy.replace("amount < 100", "amount < 90")}`);
    await traffic(stack);
    await stack.restart();
    await traffic(stack);
    const report = await again(stack);
    assert.equal([report.mismatched, report.first, report.stopped], [0, null, null]);
  });
});

test("a call that was approved and then refused by another step comes out again, and its approval stays", async () => {
  const narrow = `agent "bot" {
  default deny
  defer pay if amount > 10
  permit pay
  defer card/charge
  budget spend { max = $100 tools = ["pay"] cost = amount }
  budget cards { max_calls = 1 tools = ["card/charge"] on_exceed = "defer" }
}`;
  await onStack(narrow, async (stack) => {
    const { approval_id } = await stack.ask("pay", { amount: 200 });
    await stack.approve(approval_id);
    for (let turn = 0; turn < 2; turn++) {
      const refused = await stack.ask("pay", { amount: 200 });
      assert.equal([refused.effect, refused.reason_code], ["DENY", "BUDGET_EXCEEDED"]);
    }
    const image = imageOf(`agent "bot" {\n  default deny\n  permit card/charge\n}`);
    const grant = { agent_id: "bot", image, ttl_seconds: 60, uses_max: 1, actor: "ana" };
    await askOperator(stack.dir, "grants_add", grant);
    assert.is((await stack.ask("card/charge", { n: 1 })).effect, "PERMIT");
    const first = await stack.ask("card/charge", { n: 2 });
    await stack.approve(first.approval_id);
    const second = await stack.ask("card/charge", { n: 2 });
    assert.is.not(second.approval_id, first.approval_id, "the budget asks for itself");
    await stack.deny(second.approval_id, "enough");
    assert.is((await stack.ask("card/charge", { n: 2 })).reason_code, "APPROVAL_DENIED");
    const report = await again(stack);
    assert.equal([report.mismatched, report.first, report.stopped, report.notReplayable], [0, null, null, 0]);
    const carried = (await stack.records()).flatMap(({ steps }) => Reflect.get(Object(steps), "carried_by") ?? []);
    assert.equal(carried, [approval_id, approval_id, first.approval_id, first.approval_id]);
  });
});

test("a value that was redacted makes its decision not replayable, never good", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("card/charge", { card: { kind: "visa" } });
    await stack.ask("card/charge", { card: { kind: "amex" } });
    const { decisions, matched, notReplayable } = await again(stack);
    assert.equal([decisions, matched, notReplayable], [2, 0, 2]);
  });
});

test("a decision that the policy does not give is found, with its place, field, and both values", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search");
    const { governor } = stack.daemon;
    const { active } = governor.policies;
    const [honest] = (await stack.records()).filter(({ type }) => type === "decision");
    assert.ok(honest !== undefined && active !== null);
    // Whoever has the daemon's rights can append what was never decided: it is chained and signed like any other.
    const header = new Set("hash v log_id seq prev type time mono_us boot_id policy_version policy_hash".split(" "));
    const body = Object.fromEntries(Object.entries(honest ?? {}).filter(([name]) => !header.has(name)));
    const stamp = { version: active?.version ?? null, policyHash: active?.activation.policyHash ?? null };
    const forged = { ...body, tool: "unknown/tool", steps: {}, rule_digest: null };
    const { seq } = governor.ledger.append("decision", stamp, forged, governor.ledger.clock.now());
    await governor.ledger.durable(seq);
    const { first, mismatched, matched } = await again(stack);
    assert.equal([mismatched, matched], [1, 1]);
    assert.equal(
      [first?.seq, first?.file, first?.field, first?.expected, first?.found],
      [seq, "00000001.wal", "effect", "permit", "deny"],
    );
  });
});

test("of a span the state before it counts, from a snapshot where there is one", async () => {
  await onStack(policy, async (stack) => {
    await traffic(stack);
    await stack.daemon.snapshot();
    const fromUs = stack.daemon.governor.ledger.clock.now().wallUs;
    await stack.ask("search");
    await stack.ask("pay", { amount: 5 });
    const inSpan = await again(stack, { fromUs });
    assert.equal([inSpan.decisions, inSpan.matched, inSpan.mismatched], [2, 2, 0]);
    assert.ok(inSpan.fromSeq > 0);
    assert.is((await again(stack, { toUs: fromUs })).mismatched, 0);
    rmSync(join(stack.daemon.walDir, "snapshots"), { recursive: true });
    assert.equal(await again(stack, { fromUs }), { ...inSpan, fromSeq: 0 });
  });
});

test("the machine that decided is kept, named by the log, and run again; one that is gone or changed is not replaced", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search");
    const { policies } = stackPaths(stack.dir);
    const named = (await stack.records()).find(({ type }) => type === "policy");
    assert.is(named?.machine_hash, ownMachineHash());
    assert.ok(readdirSync(policies).includes(`${ownMachineHash()}.wasm`));
    // As another version of the program would have left it: its machine differs by a custom section.
    const other = Buffer.concat([
      readFileSync(join(policies, `${ownMachineHash()}.wasm`)),
      Buffer.from([0, 2, 1, 0x78]),
    ]);
    const otherPath = join(policies, `${sha256Hex(other)}.wasm`);
    writeFileSync(otherPath, other);
    const { ledger } = stack.daemon.governor;
    const stamp = { version: String(named?.version), policyHash: String(named?.policy_hash) };
    const detail = { sha256: sha256Hex(other) };
    await ledger.durable(ledger.append("mark", stamp, { kind: "machine", detail }, ledger.clock.now()).seq);
    await stack.ask("search");
    assert.equal((await again(stack)).matched, 2);
    writeFileSync(otherPath, other.subarray(0, -1));
    const changed = await again(stack);
    assert.equal([changed.matched, changed.notReplayable], [1, 1]);
    assert.match(changed.stopped ?? "", /is not the machine/);
    rmSync(otherPath);
    assert.match((await again(stack)).stopped ?? "", /is not kept/);
    await stack.restart();
    assert.is((await stack.records()).filter(({ kind }) => kind === "machine").length, 2, "its own is named again");
  });
});

test("a copied stack is judged again without a daemon", async () => {
  await onStack(policy, async (stack) => {
    await traffic(stack);
    await stack.stop();
    const copy = `${stack.dir}-copy`;
    cpSync(stack.dir, copy, { recursive: true });
    try {
      const report = await verifyReplay({ walDir: join(copy, "faramesh-wal"), policiesDir: stackPaths(copy).policies });
      assert.equal([report.mismatched, report.stopped], [0, null]);
      assert.ok(report.matched > 10);
    } finally {
      rmSync(copy, { recursive: true });
    }
  });
});

test.run();
