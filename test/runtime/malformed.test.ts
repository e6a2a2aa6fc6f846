import { test } from "uvu";
import * as assert from "uvu/assert";
import { canonicalJson, type JsonObject, parseJson } from "../../runtime/json.ts";
import { readCall } from "../../runtime/request.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  rules {
    permit pay if amount < $500
    permit stripe/refund
    permit stripe
    permit odd if args.toString == "x"
    permit proto if x != nil
  }
}`;

const govern = (members: string): string =>
  `{"type":"govern","call_id":"c1","agent_id":"bot","tool_id":"pay",${members}}`;

/** What is sent → the code that it is denied with. The connection must live on. */
const malformed: readonly (readonly [string, string | Buffer, string])[] = [
  ["D01 an empty line", "", "BAD_REQUEST"],
  ["D01 null", "null", "BAD_REQUEST"],
  ["D01 a scalar", "17", "BAD_REQUEST"],
  ["D01 a string", '"govern"', "BAD_REQUEST"],
  ["D01 a list", "[]", "BAD_REQUEST"],
  ["D01 broken JSON", '{"type":"govern"', "BAD_REQUEST"],
  ["D01 trailing garbage", `${govern('"args":{"amount":1}')} x`, "BAD_REQUEST"],
  ["D01 two documents", `${govern('"args":{"amount":1}')}{}`, "BAD_REQUEST"],
  ["D01 a byte order mark", `\ufeff${govern('"args":{"amount":1}')}`, "BAD_REQUEST"],
  ["D01 no type", '{"agent_id":"bot","tool_id":"pay","args":{"amount":1}}', "BAD_REQUEST"],
  [
    "D02 invalid UTF-8",
    Buffer.concat([Buffer.from('{"type":"govern","x":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    "BAD_REQUEST",
  ],
  [
    "D02 an overlong form",
    Buffer.concat([Buffer.from('{"a":"'), Buffer.from([0xc0, 0xaf]), Buffer.from('"}')]),
    "BAD_REQUEST",
  ],
  ["D02 a lone surrogate", govern('"args":{"amount":1,"t":"\\ud800"}'), "BAD_REQUEST"],
  ["D03 a duplicate key", govern('"args":{"amount":600,"amount":1}'), "BAD_REQUEST"],
  ["D03 a duplicate key deep inside", govern('"args":{"amount":1,"a":[{"b":1,"b":2}]}'), "BAD_REQUEST"],
  ["D03 a duplicate key by escape", govern('"args":{"amount":600,"\\u0061mount":1}'), "BAD_REQUEST"],
  ["D05 __proto__", govern('"args":{"amount":1,"__proto__":{"admin":true}}'), "BAD_REQUEST"],
  ["D06 65 levels", govern(`"args":{"amount":1,"a":${"[".repeat(65)}${"]".repeat(65)}}`), "BAD_REQUEST"],
  ["D06 a hundred thousand levels", `${"[".repeat(100_000)}${"]".repeat(100_000)}`, "BAD_REQUEST"],
  ["D07 too many elements", govern(`"args":{"amount":1,"a":[${"0,".repeat(200_000)}0]}`), "BAD_REQUEST"],
  ["D08 an infinite number", govern('"args":{"amount":1e400}'), "BAD_REQUEST"],
  ["D08 NaN", govern('"args":{"amount":NaN}'), "BAD_REQUEST"],
  ["D09 an integer beyond 2^53 that a rule reads", govern('"args":{"amount":9007199254740993}'), "BAD_REQUEST"],
  ["D11 a number sent as text", govern('"args":{"amount":"1"}'), "POLICY_DENY"],
  ["D12 a missing field", govern('"args":{}'), "POLICY_DENY"],
  ["arguments that are a list", govern('"args":[1]'), "BAD_REQUEST"],
  ["arguments under another protocol's name", govern('"arguments":{"amount":1}'), "BAD_REQUEST"],
  ["keyword arguments alone", govern('"kwargs":{"amount":1}'), "BAD_REQUEST"],
  ["a foreign action type", govern('"args":{"amount":1},"action_type":"root"'), "BAD_REQUEST"],
  ["too many tags", govern(`"args":{"amount":1},"tags":${JSON.stringify(Array(17).fill("t"))}`), "BAD_REQUEST"],
  ["H04 a negative cost", govern('"args":{"amount":1},"cost_usd":-1'), "BAD_REQUEST"],
  ["H04 a huge cost", govern('"args":{"amount":1},"cost_usd":1e300'), "BAD_REQUEST"],
  ["H04 a cost that is text", govern('"args":{"amount":1},"cost_usd":"1"'), "BAD_REQUEST"],
  ["C07 no agent", '{"type":"govern","tool_id":"pay","args":{"amount":1}}', "BAD_REQUEST"],
  ["C07 an empty agent", '{"type":"govern","agent_id":"","tool_id":"pay","args":{"amount":1}}', "BAD_REQUEST"],
  [
    "C07 an unknown agent",
    '{"type":"govern","agent_id":"nobody","tool_id":"pay","args":{"amount":1}}',
    "UNKNOWN_AGENT",
  ],
  ["C07 a path as agent", '{"type":"govern","agent_id":"../bot","tool_id":"pay","args":{"amount":1}}', "BAD_REQUEST"],
  ["C07 an agent of 4 KB", `{"type":"govern","agent_id":"${"a".repeat(4096)}","tool_id":"pay"}`, "BAD_REQUEST"],
  ["E06 no tool", '{"type":"govern","agent_id":"bot"}', "BAD_REQUEST"],
  ["two names for the tool", '{"type":"govern","agent_id":"bot","tool":"stripe","tool_id":"pay"}', "BAD_REQUEST"],
];

test("D01 malformed requests are denied with their code, recorded, and the connection lives on", async () => {
  await onStack(policy, async (stack) => {
    for (const [index, [name, sent, code]] of malformed.entries()) {
      const line = typeof sent === "string" ? sent.replace('"c1"', `"c${index}"`) : sent;
      const end = Buffer.from(`\n${govern('"args":{"amount":2}').replace("c1", `last${index}`)}\n`);
      const answers = (await stack.exchange([Buffer.concat([Buffer.from(line), end])])).map((text) => JSON.parse(text));
      const bad = answers.find(({ call_id }) => call_id !== `last${index}`);
      assert.equal([bad?.effect, bad?.reason_code], ["DENY", code], name);
      assert.is(answers.find(({ call_id }) => call_id === `last${index}`)?.effect, "PERMIT", name);
      const record = (await stack.records()).find(({ action_id }) => action_id === bad?.action_id);
      assert.is(record?.code, code, name);
    }
    assert.is(Reflect.get({}, "admin"), undefined);
  });
});

const badNames = [
  "stripе/refund",
  "stripe//refund",
  "./x",
  "a/../b",
  "stripe/",
  "/stripe",
  "a b",
  "pay ",
  "a%2fb",
  "ｐay",
  "pay\u200b",
  "..",
  "x".repeat(257),
];

test("E01 E02 E04 E06 names outside the alphabet, with bad segments or too long are refused", async () => {
  await onStack(policy, async (stack) => {
    for (const name of badNames) assert.is((await stack.ask(name, { amount: 1 })).reason_code, "BAD_TOOL_NAME", name);
  });
});

test("E03 a name in other letter cases is another tool", async () => {
  await onStack(policy, async (stack) => {
    assert.is((await stack.ask("pay", { amount: 1 })).effect, "PERMIT");
    for (const name of ["Pay", "PAY", "pAy"]) {
      assert.is((await stack.ask(name, { amount: 1 })).reason_code, "POLICY_DENY", name);
    }
  });
});

test("D05 names of Object.prototype in arguments are data, and missing where they are not sent", async () => {
  await onStack(policy, async (stack) => {
    assert.is((await stack.ask("odd", {})).effect, "DENY");
    assert.is((await stack.ask("odd", { toString: "x" })).effect, "PERMIT");
    assert.is(
      (await stack.ask("pay", { amount: 1, constructor: { prototype: 1 }, hasOwnProperty: 2 })).effect,
      "PERMIT",
    );
  });
});

/** tool, operation and arguments as clients of the field send them → the name and arguments that are judged. */
const forms: readonly (readonly [object, string, object])[] = [
  [{ tool_id: "stripe", tool: "stripe", operation: "refund" }, "stripe/refund", {}],
  [{ tool: "stripe", operation: "invoke" }, "stripe", {}],
  [{ tool: "stripe", tool_id: "else", operation: "refund" }, "stripe/refund", {}],
  [{ tool_id: "stripe/refund/invoke" }, "stripe/refund", {}],
  [{ tool: "stripe/refund" }, "stripe/refund", {}],
  [{ tool_id: "pay", args: { args: [], kwargs: { amount: 1 } } }, "pay", { amount: 1 }],
  [{ tool_id: "pay", args: { args: [5], kwargs: { amount: 1 } } }, "pay", { amount: 1 }],
  [{ tool_id: "pay", args: { kwargs: { amount: 1 } } }, "pay", { kwargs: { amount: 1 } }],
  [{ tool_id: "pay", args: { args: [], kwargs: {}, more: 1 } }, "pay", { args: [], kwargs: {}, more: 1 }],
  [{ tool_id: "pay", args: null, session_id: null, tags: null, http: null, operation: "" }, "pay", {}],
];

test("the forms that clients use name the same tool and arguments", () => {
  for (const [members, tool, args] of forms) {
    const parsed = parseJson(Buffer.from(JSON.stringify({ agent_id: "bot", ...members })));
    assert.ok(parsed.ok);
    const read = readCall(parsed.value as JsonObject, false);
    assert.ok(read.ok, JSON.stringify(members));
    assert.is(read.call.request.tool_id, tool);
    assert.is(canonicalJson(read.call.args), canonicalJson(args as JsonObject));
  }
});

test("positional arguments bind the call though no rule reads them", () => {
  const canonicalOf = (positional: readonly number[]): string => {
    const read = readCall(
      { agent_id: "bot", tool_id: "pay", args: { args: positional, kwargs: { amount: 1 } } },
      false,
    );
    assert.ok(read.ok);
    return read.call.canonical;
  };
  assert.is.not(canonicalOf([1]), canonicalOf([2]));
  const plain = readCall({ agent_id: "bot", tool_id: "pay", args: { amount: 1 } }, false);
  assert.is(plain.ok && plain.call.canonical, canonicalOf([]));
});

test("the text that is hashed is the canonical JSON of the four members", () => {
  const http = { method: "GET", host: "x" };
  const read = readCall({ agent_id: "b", tool_id: "t", args: { z: 1, a: 2 }, http }, false);
  assert.is(read.ok && read.call.canonical, canonicalJson({ tool_id: "t", http, args: { a: 2, z: 1 }, agent_id: "b" }));
});

test("a principal that nobody verified is not shown to the policy, but in dev mode", () => {
  const message = { agent_id: "b", tool_id: "t", principal: { role: "admin" } };
  const [plain, dev] = [readCall(message, false), readCall(message, true)];
  assert.is(plain.ok && plain.call.request.principal, undefined);
  assert.equal(dev.ok && dev.call.request.principal, { role: "admin" });
});

test("JSON-RPC carries the same messages, ids as they came", async () => {
  await onStack(policy, async (stack) => {
    const rpc = async (line: string): Promise<Record<string, unknown>> =>
      JSON.parse((await lines(stack, line))[0] ?? "{}");
    const params = '{"agent_id":"bot","tool":"stripe","operation":"refund","args":{}}';
    const answer = await rpc(`{"jsonrpc":"2.0","id":7,"method":"govern","params":${params}}`);
    assert.is(answer.id, 7);
    assert.is(Reflect.get(Object(answer.result), "effect"), "PERMIT");
    const unknown = await rpc('{"jsonrpc":"2.0","id":"x","method":"nothing","params":{}}');
    assert.equal([unknown.id, Reflect.get(Object(unknown.error), "code")], ["x", -32601]);
    const broken = await rpc('{"jsonrpc":"1.0","id":{"a":1},"method":"govern"}');
    assert.equal([broken.id, Reflect.get(Object(broken.error), "code")], [null, -32600]);
  });
});

test("unknown types get an error answer that reads as a denial", async () => {
  await onStack(policy, async (stack) => {
    for (const type of ["sessions", "scan", "toString", "__proto__", ""]) {
      const answer = JSON.parse((await lines(stack, JSON.stringify({ type, call_id: "c9" })))[0] ?? "{}");
      assert.equal(
        [answer.type, answer.effect, answer.error.code, answer.call_id],
        ["error", "DENY", "UNKNOWN_TYPE", "c9"],
      );
    }
  });
});

test("redacted values and arguments of tools that no rule names are nowhere on disk", async () => {
  const secret = "4242424242424242";
  const redacting = `agent "bot" { default deny rules { permit pay  permit x/** } redact pay args: ["card", "items[].card"] }`;
  await onStack(redacting, async (stack) => {
    await stack.ask("pay", { card: secret, items: [{ card: secret }], plain: "kept" });
    await stack.ask("unheard/of", { card: secret });
    await stack.ask("pay", { card: secret, pad: "x".repeat(60_000) });
    const text = JSON.stringify(await stack.records());
    assert.is(text.includes(secret), false);
    assert.is(text.includes("kept"), true);
    const [first] = (await stack.records()).filter(({ type }) => type === "decision");
    assert.equal(first?.redacted, ["card", "items[].card"]);
  });
});

async function lines(stack: StackUnderTest, line: string): Promise<readonly string[]> {
  return stack.exchange([Buffer.from(`${line}\n`)]);
}

test.run();
