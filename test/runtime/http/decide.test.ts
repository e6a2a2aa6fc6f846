// Decisions over HTTP are those of the socket, in answer and record.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { GovernAnswer } from "../../../runtime/doors/agent-protocol.ts";
import type { JsonObject } from "../../../runtime/json.ts";
import { onHttp } from "./client.ts";

const policy = `agent "bot" {
  default deny
  permit search
  defer ask reason "a person looks"
  deny drop reason "never"
  permit pay if args.amount < 100
  rate_limit "search": 3 per hour
}`;

const calls: readonly (readonly [string, object])[] = [
  ["permit", { agent_id: "bot", tool_id: "search", args: { q: "x" } }],
  ["defer", { agent_id: "bot", tool_id: "ask", args: {} }],
  ["deny", { agent_id: "bot", tool_id: "drop" }],
  ["condition", { agent_id: "bot", tool_id: "pay", args: { amount: 99.5 } }],
  ["operation", { agent_id: "bot", tool: "pay", operation: "invoke", args: { args: [], kwargs: { amount: 1 } } }],
  ["no tool", { agent_id: "bot", args: {} }],
  ["bad name", { agent_id: "bot", tool_id: "a//b" }],
  ["unknown members", { agent_id: "bot", tool_id: "search", args: { constructor: 1, toString: "x" }, more: [1] }],
];

/** Without what differs from call to call. */
function lasting(answer: GovernAnswer | JsonObject): object {
  const changing = ["action_id", "call_id", "latency_ms", "latency_us", "receipt", "denial_token", "approval_id"];
  const more = ["defer_token", "structured_denial", "hash", "leaf", "prev", "seq", "time", "mono_us"];
  const kept = Object.entries(answer).filter(
    ([name]) => ![...changing, ...more, "agent_identity", "door"].includes(name),
  );
  return Object.fromEntries(kept);
}

for (const [name, call] of calls) {
  test(`one pipeline: ${name}`, async () => {
    await onHttp(policy, async (http) => {
      const [overSocket] = await http.stack.send({ type: "govern", ...call });
      const { text, status, headers } = await http.ask("/v1/evaluate", { body: call });
      const overHttp = JSON.parse(text) as GovernAnswer;
      assert.equal(lasting(overHttp), lasting(overSocket ?? {}));
      assert.equal(Object.keys(overHttp).sort(), Object.keys(overSocket ?? {}).sort());
      assert.is(status, ["BAD_REQUEST", "BAD_TOOL_NAME"].includes(overHttp.reason_code) ? 400 : 200);
      assert.is(headers["content-type"], "application/json");
      assert.is(headers["access-control-allow-origin"], undefined);
      const [first, second] = (await http.stack.records()).filter(({ type }) => type === "decision");
      assert.equal(lasting(second ?? {}), lasting(first ?? {}));
      assert.is(first?.agent_identity, "claimed");
      assert.match(String(second?.agent_identity), /^token:tok-[0-9a-f]{12}$/);
    });
  });
}

const policyMalformed: readonly (readonly [string, string | Buffer, RegExp])[] = [
  ["D01 empty", "", /not JSON/],
  ["D01 not JSON", "{", /not JSON/],
  ["D01 two documents", '{"tool_id":"search"}{}', /not JSON/],
  ["D01 a scalar", "7", /object/],
  ["D01 a list", "[]", /object/],
  ["D01 a byte order mark", '\ufeff{"tool_id":"search"}', /not JSON/],
  ["D02 no UTF-8", Buffer.from('{"tool_id":"search","x":"\xff"}', "latin1"), /UTF-8/],
  ["D02 a lone surrogate", '{"tool_id":"search","args":{"a":"\\ud800"}}', /not JSON/],
  ["D03 a key twice", '{"tool_id":"drop","tool_id":"search"}', /not JSON/],
  ["D03 a key twice in the depth", '{"tool_id":"search","args":{"a":{"b":1,"b":2}}}', /not JSON/],
  ["D05 __proto__", '{"tool_id":"search","args":{"__proto__":{"x":1}}}', /not JSON/],
  ["D06 too deep", `{"tool_id":"search","args":{"a":${"[".repeat(65)}${"]".repeat(65)}}}`, /not JSON/],
  ["D07 too many keys", `{"tool_id":"search","args":{"a":[${"0,".repeat(100_001)}0]}}`, /not JSON/],
  ["D08 out of range", '{"tool_id":"search","args":{"a":1e400}}', /not JSON/],
];

for (const [name, body, says] of policyMalformed) {
  test(`${name} over HTTP is 400 with a denial that is recorded, and the connection lives on`, async () => {
    await onHttp(policy, async (http) => {
      const { status, text } = await http.ask("/v1/evaluate", { body });
      const answer = JSON.parse(text) as GovernAnswer;
      assert.equal([status, answer.effect, answer.reason_code], [400, "DENY", "BAD_REQUEST"]);
      assert.match(answer.reason, says);
      const records = (await http.stack.records()).filter(({ type }) => type === "decision");
      assert.equal(
        records.map(({ code, agent_id }) => [code, agent_id]),
        [["BAD_REQUEST", "bot"]],
      );
      assert.is((await http.ask("/v1/evaluate", { body: { tool_id: "search" } })).status, 200);
    });
  });
}

test("D09 an integer beyond 2^53 is judged and bound as it was written", async () => {
  await onHttp(policy, async (http) => {
    const digests: unknown[] = [];
    for (const number of ["9007199254740993", "9007199254740992"]) {
      const body = `{"tool_id":"search","args":{"id":${number}}}`;
      digests.push(JSON.parse((await http.ask("/v1/evaluate", { body })).text).args_sha256);
    }
    assert.is(new Set(digests).size, 2);
  });
});

test("C06 E01 a token speaks for its agent alone, in audit mode too", async () => {
  for (const mode of ["enforce", "audit"]) {
    await onHttp(`runtime { mode = "${mode}" }\n${policy}\nagent "other" { default permit }`, async (http) => {
      const answer = JSON.parse(
        (await http.ask("/v1/evaluate", { body: { agent_id: "other", tool_id: "search" } })).text,
      );
      assert.equal([answer.effect, answer.reason_code], ["DENY", "IDENTITY_UNVERIFIED"]);
      const [record] = (await http.stack.records()).filter(({ type }) => type === "decision");
      assert.equal([record?.agent_id, record?.code, record?.effect], ["other", "IDENTITY_UNVERIFIED", "deny"]);
      const { token } = await http.tokenOf("agent", "*");
      const any = await http.ask("/v1/evaluate", { token, body: { agent_id: "other", tool_id: "search" } });
      assert.is(JSON.parse(any.text).effect, "PERMIT");
    });
  }
});

test("the same call sent again gets the recorded answer, and is charged once", async () => {
  await onHttp(policy, async (http) => {
    const body = { tool_id: "search", args: {}, call_id: "c1" };
    const first = JSON.parse((await http.ask("/v1/evaluate", { body })).text);
    const [again] = await http.stack.send({ type: "govern", agent_id: "bot", ...body });
    assert.is(again?.action_id, first.action_id);
    const other = await http.ask("/v1/authorize", { body: { ...body, args: { q: 1 } } });
    assert.is(JSON.parse(other.text).reason_code, "CALL_ID_REUSED");
  });
});

test("reports, costs, outputs and completions go where the socket's go", async () => {
  await onHttp(policy, async (http) => {
    const { action_id } = JSON.parse((await http.ask("/v1/evaluate", { body: { tool_id: "search" } })).text);
    const report = { action_id, status: "success", result: { rows: 3 }, duration_ms: 4.5 };
    const first = await http.ask("/v1/report", { body: report });
    assert.equal([first.status, JSON.parse(first.text).recorded], [200, true]);
    assert.is(JSON.parse((await http.ask("/v1/report", { body: report })).text).recorded, false);
    assert.is((await http.ask("/v1/report", { body: { ...report, action_id: "action-x" } })).status, 404);
    assert.is((await http.ask("/v1/report", { body: { ...report, agent_id: "other" } })).status, 403);
    assert.is((await http.ask("/v1/report", { body: { action_id } })).status, 400);
    const cost = await http.ask("/v1/cost", { body: { action_id, cost_usd: 2 } });
    assert.is(JSON.parse(cost.text).type, "cost");
    const scan = await http.ask("/v1/scan_output", { body: { tool_id: "search", output: "text" } });
    assert.equal(JSON.parse(scan.text).action, "pass");
    const done = await http.ask("/v1/complete", { body: {} });
    assert.is(JSON.parse(done.text).reason_code, "COMPLETED");
    const outcomes = (await http.stack.records()).filter(({ type }) => type === "outcome");
    assert.equal(
      outcomes.map(({ status }) => status),
      ["success"],
    );
  });
});

test("before the first policy calls are denied and readiness says so", async () => {
  await onHttp(null, async (http) => {
    const answer = await http.ask("/v1/evaluate", { body: { tool_id: "search" } });
    assert.equal([answer.status, JSON.parse(answer.text).reason_code], [200, "DAEMON_NOT_READY"]);
    assert.equal(
      [(await http.ask("/readyz", { token: null })).status, (await http.ask("/healthz")).status],
      [503, 200],
    );
    await http.stack.apply(policy);
    assert.is((await http.ask("/readyz", { token: null })).status, 200);
  });
});

test.run();
