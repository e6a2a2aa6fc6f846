// Tools under a table of decisions: what runs, with which arguments, and what the caller is told.
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  governedTools,
  type StubRule,
  StubTransport,
  ToolDeniedError,
  type Transport,
} from "../../runtime/sdk/index.ts";

const agentId = "bot";

async function denied(run: () => unknown): Promise<ToolDeniedError> {
  try {
    await run();
  } catch (error) {
    if (error instanceof ToolDeniedError) return error;
    throw error;
  }
  throw new Error("the call was not denied");
}

function oneTool(rule: StubRule) {
  const ran: unknown[] = [];
  const transport = new StubTransport({ pay: rule });
  const tools = { pay: (args: unknown) => ran.push(args) };
  return { ran, transport, pay: governedTools(tools, { agentId, transport, pollMs: 1 }).pay };
}

/** Each answer, and the code that the caller sees; none of them runs the tool. */
const refusedAnswers: readonly [string, StubRule, string][] = [
  ["deny", "deny", "POLICY_DENY"],
  ["defer", "defer", "POLICY_DEFER"],
  ["unknown effect", { effect: "ALLOW" }, "UNKNOWN_EFFECT"],
  ["effect in mixed case", { effect: "Permit" }, "UNKNOWN_EFFECT"],
  ["no effect", {}, "UNKNOWN_EFFECT"],
  ["effect of another kind", { effect: ["PERMIT"] }, "UNKNOWN_EFFECT"],
  ["an inherited name as effect", { effect: "constructor" }, "UNKNOWN_EFFECT"],
  ["another call's answer", { effect: "PERMIT", call_id: "c0" }, "BAD_ANSWER"],
  ["an error beside a permit", { effect: "PERMIT", error: "unknown type" }, "BAD_ANSWER"],
  ["an error object", { type: "error", error: { code: "BAD_REQUEST", message: "no" }, effect: "PERMIT" }, "BAD_ANSWER"],
  ["other arguments", { effect: "PERMIT", args_sha256: "0".repeat(64) }, "ARGS_MISMATCH"],
  ["hash of another kind", { effect: "PERMIT", args_sha256: 7 }, "ARGS_MISMATCH"],
];

for (const [name, rule, code] of refusedAnswers) {
  test(`${name} runs nothing and is ${code}`, async () => {
    const { pay, ran } = oneTool(rule);
    const error = await denied(() => pay({ amount: 1 }));
    assert.is(error.code, code);
    assert.equal(ran, []);
  });
}

for (const answer of [null, 7, "PERMIT", [], [{ effect: "PERMIT" }], undefined]) {
  test(`the answer ${JSON.stringify(answer)} is no permit`, async () => {
    const transport: Transport = { govern: async () => answer, pollDefer: async () => answer };
    const run = governedTools(
      function pay() {
        return "ran";
      },
      { agentId, transport },
    );
    assert.is((await denied(run)).code, "BAD_ANSWER");
  });
}

test("a transport that throws is a denial", async () => {
  const transport: Transport = {
    govern: () => Promise.reject(new Error("no route")),
    pollDefer: () => Promise.reject(new Error("no route")),
  };
  const { pay } = governedTools({ pay: () => "ran" }, { agentId, transport });
  assert.is((await denied(pay)).code, "DAEMON_UNREACHABLE");
});

test("a transport that never answers is a denial", async () => {
  const transport: Transport = { govern: () => new Promise(() => {}), pollDefer: () => new Promise(() => {}) };
  const { pay } = governedTools({ pay: () => "ran" }, { agentId, transport, timeoutMs: 5 });
  assert.is((await denied(pay)).code, "DAEMON_TIMEOUT");
});

test("a permit runs the tool with a copy of the arguments as they were at the call", async () => {
  const { pay, ran, transport } = oneTool("permit");
  const args = { amount: 1, to: { name: "a" }, none: undefined };
  const done = pay(args);
  args.amount = 1_000_000;
  args.to.name = "b";
  assert.is(await done, 1);
  assert.equal(ran, [{ amount: 1, to: { name: "a" } }]);
  assert.equal(transport.requests[0]?.args, { amount: 1, to: { name: "a" } });
});

test("the transport cannot change what runs", async () => {
  const { pay, ran } = oneTool((request) => {
    (request.args as { amount: number }).amount = 5;
    return "permit";
  });
  await pay({ amount: 1 });
  assert.equal(ran, [{ amount: 1 }]);
});

test("D13 the hash of the judged bytes is compared with the canonical arguments", async () => {
  // sha256 of {"a":"é","b":[1e+21,0.1]}, computed with sha256sum.
  const args_sha256 = "540bd2ab8af4824f887bd047a674b0d9d13195a721a03f60e49ddf1ef31518b0";
  assert.is(
    (await denied(() => oneTool({ effect: "PERMIT", args_sha256 }).pay({ b: [1e21, 0.1], a: "é" }))).code,
    "ARGS_MISMATCH",
  );
  const right = oneTool({
    effect: "PERMIT",
    args_sha256: "540bd2ab8af4824f887bd047a674b0d9d13195a721a03f60e49ddf1ef31518bd",
  });
  await right.pay({ b: [1e21, 0.1], a: "é" });
  assert.is(right.ran.length, 1);
});

test("an accessor is read once, for what is judged and what runs alike", async () => {
  let reads = 0;
  const { pay, ran } = oneTool("permit");
  await pay({
    get amount() {
      reads += 1;
      return reads;
    },
  });
  assert.equal(ran, [{ amount: 1 }]);
});

const notPlain: readonly [string, object][] = [
  ["args.when is a Date", { when: new Date(0) }],
  ["args.n is NaN", { n: Number.NaN }],
  ["args.big is of type bigint", { big: 1n }],
  ["args.f is of type function", { f: () => 1 }],
  ["args.list[0] is of type undefined", { list: [undefined] }],
  ["args.m.k is a Map", { m: { k: new Map() } }],
  ["args.s is a string with half of a character", { s: "\ud800" }],
  ["args.__proto__ is a key that is not allowed", JSON.parse('{"__proto__":{"admin":true}}')],
];
for (const [message, args] of notPlain) {
  test(`D05 ${message}: refused before anything is asked`, async () => {
    const { pay, ran, transport } = oneTool("permit");
    const error = await denied(() => pay(args));
    assert.is(error.code, "ARGS_NOT_PLAIN");
    assert.ok(error.humanMessage.startsWith(message), error.humanMessage);
    assert.equal([ran.length, transport.requests.length], [0, 0]);
  });
}

test("D06 arguments that contain themselves are refused", async () => {
  const args: Record<string, unknown> = {};
  args.self = args;
  assert.is((await denied(() => oneTool("permit").pay(args))).code, "ARGS_NOT_PLAIN");
});

test("a denial carries what the answer says", async () => {
  const resolution = { type: "retry_after", retry_after_seconds: 40 };
  const denial = {
    code: "RATE_EXCEEDED",
    rule_ref: "governance.fms:9",
    human_message: "slow down",
    resolution,
    next_steps: ["wait"],
  };
  const answer = { effect: "DENY", reason_code: "X", reason: "y", action_id: "action-7", structured_denial: denial };
  const error = await denied(() => oneTool(answer).pay({}));
  assert.equal(
    [
      error.code,
      error.humanMessage,
      error.ruleRef,
      error.actionId,
      error.resolution,
      error.nextSteps,
      error.approvalId,
    ],
    ["RATE_EXCEEDED", "slow down", "governance.fms:9", "action-7", resolution, ["wait"], undefined],
  );
  assert.is(error.message, "pay denied (RATE_EXCEEDED): slow down");
});

const resolutions: readonly [unknown, object][] = [
  [
    { type: "rule_block", rule_id: "r" },
    { type: "rule_block", rule_id: "r" },
  ],
  [
    { type: "budget_reset", budget_id: "b", resets_at: null },
    { type: "budget_reset", budget_id: "b", resets_at: null },
  ],
  [
    { type: "pending_approvals", approval_ids: ["a"] },
    { type: "pending_approvals", approval_ids: ["a"] },
  ],
  [{ type: "manual_audit" }, { type: "manual_audit" }],
  [
    { type: "retry_after", retry_after_seconds: "soon" },
    { type: "rule_block", rule_id: "f.fms:1" },
  ],
  [{ type: "something_new" }, { type: "rule_block", rule_id: "f.fms:1" }],
];
for (const [given, expected] of resolutions) {
  test(`resolution ${JSON.stringify(given)}`, async () => {
    const answer = { effect: "deny", code: "POLICY_DENY", rule_ref: "f.fms:1", denial: { resolution: given } };
    assert.equal((await denied(() => oneTool(answer).pay({}))).resolution, expected);
  });
}

test("a deferred call names its approval", async () => {
  const error = await denied(() => oneTool("defer").pay({}));
  assert.is(error.approvalId, "apr-stub-1");
  assert.equal(error.resolution, { type: "pending_approval", approval_id: "apr-stub-1" });
  assert.is(error.effect, "defer");
});

test("block: an approved call runs, asked again under a new call_id", async () => {
  const transport = new StubTransport({ pay: "defer" });
  const poll = transport.pollDefer.bind(transport);
  let polls = 0;
  transport.pollDefer = (request) => {
    polls += 1;
    if (polls === 2) transport.approve(request.defer_token);
    return poll(request);
  };
  const { pay } = governedTools({ pay: () => "ran" }, { agentId, transport, onDefer: "block", pollMs: 1 });
  assert.is(await pay(), "ran");
  assert.is(polls, 2);
  assert.is(new Set(transport.requests.map((request) => request.call_id)).size, 2);
  assert.is(transport.requests[1]?.approval_id, "apr-stub-1");
});

test("block: an operator's no is a denial", async () => {
  const transport = new StubTransport({ pay: "defer" });
  const { pay } = governedTools({ pay: () => "ran" }, { agentId, transport, onDefer: "block", pollMs: 1 });
  const error = denied(pay);
  while (transport.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
  transport.deny("apr-stub-1");
  assert.is((await error).code, "APPROVAL_DENIED");
});

test("block: without a person the call is denied when the time is over", async () => {
  const transport = new StubTransport({ pay: "defer" });
  const options = { agentId, transport, onDefer: "block", pollMs: 1, timeoutMs: 30 } as const;
  assert.is((await denied(governedTools({ pay: () => "ran" }, options).pay)).code, "APPROVAL_TIMEOUT");
});

for (const [status, code] of [
  ["expired", "APPROVAL_LOST"],
  ["unknown", "APPROVAL_LOST"],
  ["yes", "BAD_ANSWER"],
  [undefined, "BAD_ANSWER"],
] as const) {
  test(`block: the status ${status} is ${code}`, async () => {
    const transport = new StubTransport({ pay: "defer" });
    transport.pollDefer = async (request) => ({ defer_token: request.defer_token, status });
    const options = { agentId, transport, onDefer: "block", pollMs: 1 } as const;
    assert.is((await denied(governedTools({ pay: () => "ran" }, options).pay)).code, code);
  });
}

test("the caller's signal ends the wait", async () => {
  const controller = new AbortController();
  const transport = new StubTransport({ pay: "defer" });
  const options = { agentId, transport, onDefer: "block", signal: controller.signal } as const;
  const error = denied(governedTools({ pay: () => "ran" }, options).pay);
  controller.abort();
  assert.is((await error).code, "ABORTED");
});

test("a permit that comes after the signal runs nothing", async () => {
  const controller = new AbortController();
  const { ran, pay } = oneTool("permit");
  const tools = governedTools(
    { pay: (args: unknown) => ran.push(args) },
    {
      agentId,
      signal: controller.signal,
      transport: {
        govern: async (request) => {
          controller.abort();
          return { call_id: request.call_id, effect: "PERMIT" };
        },
        pollDefer: async () => null,
      },
    },
  );
  assert.is((await denied(() => tools.pay({}))).code, "ABORTED");
  assert.equal(ran, []);
  assert.is(await pay({}), 1);
});

test("hooks may put a value in place of the result", async () => {
  const transport = new StubTransport({ ask: "defer", never: "deny" });
  const tools = governedTools(
    { ask: () => "ran", never: () => "ran" },
    {
      agentId,
      transport,
      onDefer: (error, call) => `wait for ${error.approvalId} of ${call.tool} ${JSON.stringify(call.args)}`,
      onDeny: (error) => (error.code === "POLICY_DENY" ? `no: ${error.humanMessage}` : undefined),
    },
  );
  assert.is(await tools.ask(), "wait for apr-stub-1 of ask {}");
  assert.is(await tools.never(), "no: the stub denies it");
});

test("failing open cannot be had", () => {
  const options = { agentId, failOpen: true as unknown as false, transport: new StubTransport({}) };
  assert.throws(() => governedTools({}, options), /cannot be true/);
});

test.run();
