// The evaluator in the agent's own process: the same policy decides, and what needs a daemon is refused.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { governedTools, LocalTransport, ToolDeniedError } from "../../runtime/sdk/index.ts";

function imageOf(text: string): Uint8Array {
  const { image } = compile(text, { file: "governance.fms" });
  if (image === undefined) throw new Error(`does not compile: ${text}`);
  return image;
}

const text = `agent "bot" {
  default deny
  permit pay if amount <= 100 and principal.team == "ops"
  permit pay if amount <= 10
  defer pay reason "ask first"
  rate_limit "ping": 1 per hour
  permit ping
  budget "day" { max = $1, cost = amount, tools = ["spend"] }
  permit spend
}`;

async function refusal(call: Promise<unknown>): Promise<ToolDeniedError> {
  const outcome: unknown = await call.catch((error: unknown) => error);
  if (outcome instanceof ToolDeniedError) return outcome;
  throw new Error(`not denied: ${String(outcome)}`);
}

const tools = {
  pay: (args: { amount: number }) => args.amount,
  ping: () => "pong",
  spend: (args: { amount: number }) => args.amount,
  other: () => "ran",
};

const forms: readonly [string, () => LocalTransport][] = [
  ["an image", () => new LocalTransport(imageOf(text), { state: "volatile", now: () => 0 })],
  ["an open policy", () => new LocalTransport(loadPolicySync(imageOf(text), { state: "volatile" }), { now: () => 0 })],
];
for (const [name, made] of forms) {
  test(`${name} decides: permits, denials with their rule, limits and budgets with their resolution`, async () => {
    const governed = governedTools(tools, { agentId: "bot", transport: made(), onDefer: "block" });
    assert.is(await governed.pay({ amount: 10 }), 10);
    const asked = await refusal(governed.pay({ amount: 11 }));
    assert.equal([asked.effect, asked.code, asked.humanMessage], ["defer", "POLICY_DEFER", "ask first"]);
    assert.is(asked.ruleRef, "governance.fms:5");
    assert.is((await refusal(governed.other())).code, "POLICY_DENY");
    assert.is(await governed.ping(), "pong");
    assert.equal((await refusal(governed.ping())).resolution, { type: "retry_after", retry_after_seconds: 3600 });
    assert.is(await governed.spend({ amount: 0.75 }), 0.75);
    const spent = await refusal(governed.spend({ amount: 0.75 }));
    assert.equal([spent.code, spent.resolution.type], ["BUDGET_EXCEEDED", "budget_reset"]);
    assert.is((await refusal(governedTools(tools, { agentId: "x", transport: made() }).ping())).code, "UNKNOWN_AGENT");
  });
}

test("a principal counts only where the process says that it verified it", async () => {
  const call = (trustPrincipal: boolean) => {
    const transport = new LocalTransport(imageOf(text), { state: "volatile", trustPrincipal });
    return governedTools(tools, { agentId: "bot", transport, principal: { team: "ops" } }).pay({ amount: 50 });
  };
  assert.is((await refusal(call(false))).code, "POLICY_DEFER");
  assert.is(await call(true), 50);
});

test("without a place for counters, what a policy counts is denied", async () => {
  const governed = governedTools(tools, { agentId: "bot", transport: new LocalTransport(imageOf(text)) });
  assert.is((await refusal(governed.ping())).code, "STATE_UNAVAILABLE");
});

const daemonOnly = [
  'identity "i" { type = "spiffe" }\nagent "bot" { default permit }',
  'agent "bot" { default permit credential "pay" { scope = ["pay"] } }',
];
for (const policy of daemonOnly) {
  test(`a policy that the daemon must enforce is refused: ${policy.slice(0, 20)}`, async () => {
    const image = imageOf(policy);
    const governed = governedTools(tools, { agentId: "bot", transport: new LocalTransport(image) });
    const error = await refusal(governed.pay({ amount: 1 }));
    assert.is(error.code, "POLICY_UNUSABLE");
    assert.match(error.humanMessage, "which only the daemon enforces");
    assert.throws(() => new LocalTransport(loadPolicySync(image)), /only the daemon/);
  });
}

test("an image that cannot be opened denies, and later changes to its bytes change nothing", async () => {
  const broken = governedTools(tools, { agentId: "bot", transport: new LocalTransport(new Uint8Array(64)) });
  assert.is((await refusal(broken.pay({ amount: 1 }))).code, "POLICY_UNUSABLE");
  const image = imageOf(text);
  const transport = new LocalTransport(image, { state: "volatile" });
  image.fill(0);
  assert.is(await governedTools(tools, { agentId: "bot", transport }).pay({ amount: 1 }), 1);
});

test.run();
