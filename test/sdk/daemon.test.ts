// The SDK against the daemon itself: discovery of the socket, permits, denials, approvals, and what is left after a stop.
import { mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { stopDaemon } from "../../cli/daemon.ts";
import { compile } from "../../compiler/index.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { spawnDaemon } from "../../runtime/launch.ts";
import { governedTools, latestReceipt, SocketTransport, ToolDeniedError } from "../../runtime/sdk/index.ts";

const policy = `agent "bot" {
  default deny
  permit pay if amount <= 100 and to.name != "eve"
  defer pay reason "ask first"
  rate_limit "ping": 1 per hour
  permit ping
}`;

let dir = "";
const started = process.cwd();
const transport = new SocketTransport();
const ran: unknown[] = [];
const tools = {
  pay: (args: { amount: number; to: { name: string } }) => ran.push(args),
  ping: () => ran.push("ping"),
  other: () => ran.push("other"),
};

async function refusal(call: Promise<unknown>): Promise<ToolDeniedError> {
  const outcome: unknown = await call.catch((error: unknown) => error);
  if (outcome instanceof ToolDeniedError) return outcome;
  throw new Error(`not denied: ${String(outcome)}`);
}

test.before(async () => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "fms-sdk-")));
  await spawnDaemon(dir, { durability: "async" });
  const { image } = compile(policy, { file: "governance.fms" });
  if (image === undefined) throw new Error("the test's policy does not compile");
  const sources = [{ file: "governance.fms", text: policy }];
  await askOperator(dir, "apply", { image: Buffer.from(image).toString("base64"), sources, actor: "test" });
  delete process.env.FARAMESH_SOCKET;
  process.chdir(dir);
});

test.after(async () => {
  await transport.close();
  // Until its process has ended it may still write into the folder that goes.
  await stopDaemon(dir, process.env);
  process.chdir(started);
  rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
});

test.before.each(() => {
  ran.length = 0;
});

test("the highest receipt is kept for each transport", async () => {
  const own = new SocketTransport();
  assert.is(latestReceipt(own), null);
  const { pay } = governedTools(tools, { agentId: "bot", transport: own });
  await pay({ amount: 1, to: { name: "ann" } });
  const first = latestReceipt(own);
  await pay({ amount: 1, to: { name: "ann" } });
  const second = latestReceipt(own);
  await own.close();
  assert.match(second?.leaf ?? "", /^[0-9a-f]{64}$/);
  assert.is(second?.seq, (first?.seq ?? 0) + 1);
});

test("D13 permits are for the arguments that were judged, whatever they hold", async () => {
  const { pay } = governedTools(tools, { agentId: "bot", transport });
  const odd = { amount: -0, to: { name: "Zoë \u2028 \u0000 😀" }, 10: 1e21, 9: [0.1, 5e-324], list: [null, true, {}] };
  await pay(odd);
  assert.equal(ran, [{ ...odd, amount: 0 }]);
});

test("denials carry the daemon's words and run nothing", async () => {
  const governed = governedTools(tools, { agentId: "bot", transport });
  const blocked = await refusal(governed.other());
  assert.equal([blocked.code, blocked.resolution.type], ["POLICY_DENY", "rule_block"]);
  assert.match(blocked.actionId ?? "", /^action-/);
  await governed.ping();
  const limited = await refusal(governed.ping());
  assert.equal([limited.code, limited.resolution.type], ["RATE_EXCEEDED", "retry_after"]);
  assert.is((await refusal(governedTools(tools, { agentId: "nobody", transport }).ping())).code, "UNKNOWN_AGENT");
  assert.equal(ran, ["ping"]);
});

test("a deferred call waits for its approval and runs once", async () => {
  const { pay } = governedTools(tools, { agentId: "bot", transport });
  const blocking = governedTools(tools, { agentId: "bot", transport, onDefer: "block", pollMs: 5 });
  const args = { amount: 500, to: { name: "ada" } };
  const { approvalId, resolution } = await refusal(pay(args));
  assert.equal(resolution, { type: "pending_approval", approval_id: approvalId });
  const waiting = blocking.pay(args);
  await askOperator(dir, "approve_defer", { id: approvalId ?? "", actor: "test" });
  await waiting;
  assert.equal(ran, [args]);
  assert.is((await refusal(pay(args))).code, "POLICY_DEFER");
});

test("an operator's no reaches the agent with its reason", async () => {
  const blocking = governedTools(tools, { agentId: "bot", transport, onDefer: "block", pollMs: 5 });
  const args = { amount: 600, to: { name: "ada" } };
  const { approvalId } = await refusal(governedTools(tools, { agentId: "bot", transport }).pay(args));
  const waiting = refusal(blocking.pay(args));
  await askOperator(dir, "deny", { id: approvalId ?? "", reason: "not today", actor: "test" });
  const error = await waiting;
  assert.is(error.code, "APPROVAL_DENIED");
  assert.match(error.humanMessage, "not today");
  assert.equal(ran, []);
});

test("without the daemon nothing runs", async () => {
  await stopDaemon(dir, process.env);
  const { ping } = governedTools(tools, { agentId: "bot", transport });
  const error = await refusal(ping());
  assert.ok(["DAEMON_UNREACHABLE", "DAEMON_NOT_READY"].includes(error.code), error.code);
  assert.equal(ran, []);
});

test.run();
