// decideJson on documents of every kind: hostile shapes, spellings of one request, the bounds of its members. Whatever stands here
// is also judged by way of objects, and both must agree.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeBy, encoder, isRead, permits, within } from "./both-ways.ts";
import { noon, open } from "./policies.ts";

const plain = '{"agent_id":"a","tool_id":"t"}';

test("D01 what is no document, or more than one, or no object, is refused", () => {
  const none = [
    "",
    " ",
    "null",
    "true",
    "0",
    '"a"',
    "[]",
    `[${plain}]`,
    `${plain}${plain}`,
    `${plain},`,
    `${plain} x`,
    `\ufeff${plain}`,
  ];
  for (const text of [...none, `${plain}\u0000`, `\u0000${plain}`, plain.slice(0, -1), `{${plain}}`])
    assert.is(isRead(text), false, text);
  for (let cut = 0; cut < plain.length; cut++) assert.is(isRead(plain.slice(0, cut)), false);
  assert.is(isRead(`\t\r\n ${plain} \n`), true);
  assert.is(isRead(`\u000b${plain}`), false);
  assert.is(isRead(plain.replace("{", "{\u00a0")), false);
});

test("D02 bytes that are not UTF-8 are refused wherever they stand, and characters at the edges are not", () => {
  const at = (hex: string): Uint8Array => within(Buffer.from(`22${hex}22`, "hex"));
  const bad = [
    "80",
    "bf",
    "c0af",
    "c1bf",
    "c2",
    "c220",
    "e080af",
    "e09fbf",
    "eda080",
    "edbfbf",
    "e282",
    "e28220",
    "f08080af",
    "f08fbfbf",
    "f4908080",
    "f5808080",
    "f09f98",
    "f09f9820",
    "fe",
    "ff",
  ];
  for (const hex of bad) {
    assert.is(isRead(at(hex)), false, hex);
    assert.is(isRead(at(`${"61".repeat(37)}${hex}`)), false, hex);
    const key = Buffer.concat([
      encoder.encode('{"agent_id":"a","tool_id":"t","'),
      Buffer.from(hex, "hex"),
      encoder.encode('":1}'),
    ]);
    assert.is(isRead(key), false, hex);
  }
  for (const hex of ["c280", "dfbf", "e0a080", "ed9fbf", "ee8080", "efbfbf", "f0908080", "f48fbfbf", "7f"])
    assert.is(isRead(at(hex)), true, hex);
});

test("D02 lone surrogates are refused, pairs are one character", () => {
  for (const text of [
    "\\ud800",
    "\\udc00",
    "\\udc00\\ud800",
    "\\ud800\\ud800",
    "\\ud800x",
    "\\ud83d\\n",
    "\\ud83d\\u0041",
    "\\uD83",
    "\\ud83d\\udc0",
  ]) {
    assert.is(isRead(`{"agent_id":"a","tool_id":"t","note":"${text}"}`), false, text);
  }
  assert.is(permits('s == "\\ud83d\\ude00"', '{"s":"\\ud83d\\uDE00"}'), true);
  assert.is(permits('s == "\\ud83d\\ude00"', '{"s":"😀"}'), true);
});

test("D03 duplicate keys are refused at any depth, however they are written", () => {
  const doubled = [
    '{"x":1,"x":1}',
    '{"x":1,"\\u0078":2}',
    '{"é":1,"\\u00e9":1}',
    '{"":1,"":2}',
    '{"a":{"b":[{"c":1,"c":2}]}}',
    '{"longer than eight":1,"y":2,"longer than eight":3}',
  ];
  for (const args of doubled) assert.is(permits("x != nil", args), "BAD_REQUEST", args);
  assert.is(isRead('{"agent_id":"a","tool_id":"t","agent_id":"a"}'), false);
  const distinct = [
    '{"x":{"x":{"x":1}}}',
    '[{"x":1},{"x":1}]',
    '{"12345678":1,"123456789":1,"1234567":1,"12345670":1}',
  ];
  for (const value of distinct) assert.is(permits("v != nil", `{"v":${value}}`), true, value);
  for (const count of [15, 16, 17, 18, 100, 5000]) {
    const keys = Array.from({ length: count }, (_, i) => `"key number ${i % 7 === 0 ? i : -i}":${i}`);
    assert.is(permits("v == nil", `{${keys.join(",")}}`), true, String(count));
    for (const again of [0, 1, count >> 1, count - 1]) {
      assert.is(permits("v == nil", `{${[...keys, keys[again]].join(",")}}`), "BAD_REQUEST", `${count} ${again}`);
      assert.is(permits("v == nil", `{${[keys[again], ...keys].join(",")}}`), "BAD_REQUEST", `${count} ${again}`);
    }
  }
});

test("D04 keys that look alike are different keys, and the rule reads the one it names", () => {
  assert.is(
    permits(
      "amount == 1",
      '{"Amount":2,"amount":1,"amount\\u200b":3,"amount ":4,"amoun":5,"amounts":6,"amount\\u0000":7}',
    ),
    true,
  );
  assert.is(permits("amount == nil", '{"AMOUNT":1,"amount\\u0000":1,"ａmount":1}'), true);
  assert.is(permits('"\\u00e9" == args.v', '{"v":"e\\u0301"}'), false);
});

test("D05 names of prototypes are plain names, but for the one that is refused", () => {
  assert.is(
    permits("toString == 1 and constructor == 2 and hasOwnProperty == nil", '{"toString":1,"constructor":2}'),
    true,
  );
  for (const args of ['{"__proto__":1}', '{"a":{"__proto__":{}}}', '{"\\u005f_proto__":1}'])
    assert.is(permits("x == nil", args), "BAD_REQUEST", args);
  for (const key of ["__proto_", "__proto__ ", "__PROTO__", "___proto__", "__proto_x"])
    assert.is(permits("x == nil", `{"${key}":1}`), true, key);
  assert.is(permits("x.value == nil and x.text == nil", '{"x":1.0}'), true);
});

test("D06 64 levels are read, 65 are not, and a million do no harm", () => {
  const nested = (levels: number): string => `${"[".repeat(levels)}${"]".repeat(levels)}`;
  // The request and its args are two.
  assert.is(permits("v != nil", `{"v":${nested(62)}}`), true);
  assert.is(permits("v != nil", `{"v":${nested(63)}}`), "BAD_REQUEST");
  assert.is(isRead(`{"v":${"[".repeat(1_000_000)}`), false);
  assert.is(isRead(`${'{"a":'.repeat(1_000_000)}`), false);
});

test("D07 as many keys and members as may be, long strings, and no more", () => {
  const list = (count: number): string => `{"v":[${Array(count).fill("1").join(",")}]}`;
  // agent_id, tool_id, args and v are four.
  assert.is(permits("v contains 1", list(99_996)), true);
  assert.is(permits("v contains 1", list(99_997)), "BAD_REQUEST");
  assert.is(permits('v contains "b"', `{"v":"${"a".repeat(1_000_000)}b"}`), true);
  const keys = Array.from({ length: 99_990 }, (_, i) => `"${i}":${i}`);
  assert.is(permits("v == 77", `{"v":77,${keys.join(",")}}`), true);
  assert.is(permits("v == 77", `{"7":77,${keys.join(",")}}`), "BAD_REQUEST");
  // Alike in their first bytes, their last and their length.
  const alike = Array.from(
    { length: 30_000 },
    (_, i) => `"the same beginning ${String(i).padStart(6, "0")} the same end":0`,
  );
  assert.is(permits("v == 77", `{"v":77,${alike.join(",")}}`), true);
  assert.is(codeBy("permit *", `{"agent_id":"a","tool_id":"t","v":"${"x".repeat(8 * 1024 * 1024)}"}`), "BAD_REQUEST");
  const room = { requestBytes: 64 };
  assert.is(open("permit *", room).decideJson(encoder.encode(plain.padEnd(64)), { now: noon }).code, "POLICY_PERMIT");
  assert.is(open("permit *", room).decideJson(encoder.encode(plain.padEnd(65)), { now: noon }).code, "BAD_REQUEST");
});

test("keys are compared unescaped, and the order of members does not matter", () => {
  const policy = 'agent "a" { default deny permit t if amount == 5 and mail.to[1] == "x" }';
  const args = '{"note":"n","m\\u0061il":{"cc":[],"to":["y","\\u0078"]},"\\u0061mount":5}';
  const members = ['"\\u0061gent_id":"a"', '"tool_id":"\\u0074"', `"args":${args}`, '"session_id":"s"', '"tags":["a"]'];
  for (let turn = 0; turn < members.length; turn++) {
    const turned = [...members.slice(turn), ...members.slice(0, turn)];
    assert.is(codeBy(policy, `{${turned.join(",")}}`), "POLICY_PERMIT");
    assert.is(codeBy(policy, `\n{ ${turned.reverse().join(" ,\r\n\t ")} }\n`), "POLICY_PERMIT");
  }
});

test("members have their shapes and bounds, null counts as absent", () => {
  const code = (members: string): string => codeBy("permit *", `{"agent_id":"a","tool_id":"t"${members}}`);
  const good = [
    "",
    ',"args":null',
    ',"session_id":null',
    ',"tags":[]',
    `,"tags":[${Array(16)
      .fill(`"${"x".repeat(128)}"`)
      .join(",")}]`,
    ',"cost_usd":0',
    ',"cost_usd":1e9',
    ',"cost_usd":-0',
    ',"http":{"port":65535,"host":null,"query":{},"other":[]}',
    ',"model":"m","model_name":5',
    ',"action_type":"completion_event"',
    ',"args":{"args":[1],"kwargs":{}}',
    ',"args":{"args":null,"kwargs":null}',
    ',"tool":"t"',
    ',"tool":"t","operation":""',
    ',"tool":"x","operation":"y"',
    `,"purpose":"${"p".repeat(1024)}"`,
    `,"call_id":"${"é".repeat(128)}"`,
    ',"unknown":5',
  ];
  for (const members of good) assert.is(code(members), "POLICY_PERMIT", members);
  const bad = [
    ',"args":[]',
    ',"args":5',
    ',"args":1.0',
    ',"session_id":""',
    ',"session_id":5',
    ',"tags":{}',
    ',"tags":[5]',
    `,"tags":[${Array(17).fill('"x"').join(",")}]`,
    `,"tags":["${"x".repeat(129)}"]`,
    ',"cost_usd":-1',
    ',"cost_usd":1000000001',
    ',"cost_usd":"1"',
    ',"http":{"port":65536}',
    ',"http":{"port":-0}',
    ',"http":{"port":443.0}',
    ',"http":{"port":4e2}',
    ',"http":{"port":"443"}',
    ',"http":{"host":5}',
    ',"http":{"query":[]}',
    ',"model":5',
    ',"model_name":5',
    ',"action_type":"x"',
    ',"action_type":5',
    ',"args":{"args":{},"kwargs":{}}',
    ',"args":{"args":[],"kwargs":5}',
    ',"tool":"x"',
    ',"tool":5',
    ',"operation":5',
    `,"purpose":"${"p".repeat(1025)}"`,
    `,"call_id":"${"é".repeat(129)}"`,
    ',"call_id":""',
    ',"request_id":5',
    ',"approval_id":[]',
    ',"principal":[]',
    ',"delegation":"x"',
    `,"tool":"${"t".repeat(513)}"`,
  ];
  for (const members of bad) assert.is(code(members), "BAD_REQUEST", members);
  for (const agent of ['""', "5", "null", '"a\\u0000"', '"../a"', '"a/."', `"${"a".repeat(257)}"`]) {
    assert.is(codeBy("permit *", `{"tool_id":"t","agent_id":${agent}}`), "BAD_REQUEST", agent);
  }
  for (const agent of ['"a"', '"a//b"', '".../a"', '"é"', `"${"a".repeat(256)}"`])
    assert.is(codeBy("permit *", `{"tool_id":"t","agent_id":${agent}}`), "POLICY_PERMIT", agent);
});

test("E01 E04 E06 tool names that cannot be are BAD_TOOL_NAME, also where an operation makes them", () => {
  const code = (members: string): string => codeBy("permit **", `{"agent_id":"a",${members}}`);
  for (const name of [
    "",
    "a//b",
    "/a",
    "a/",
    "./a",
    "a/..",
    "a b",
    "é",
    "stripе",
    "a\\u0000",
    "a%2fb",
    "a,b",
    "a[b",
    "a`b",
    "a{b",
    "x".repeat(257),
    "/invoke",
    "invoke/invoke/",
  ]) {
    assert.is(code(`"tool_id":"${name}"`), "BAD_TOOL_NAME", name);
  }
  for (const name of ["a/...", "a.b", "A-Z_0:9@x", "x".repeat(256), `${"x".repeat(256)}/invoke`, "invoke"])
    assert.is(code(`"tool_id":"${name}"`), "POLICY_PERMIT", name);
  assert.is(code('"tool":"a","operation":"b c"'), "BAD_TOOL_NAME");
  assert.is(code(`"tool":"a","operation":"${"b".repeat(255)}"`), "BAD_TOOL_NAME");
  assert.is(code('"tool":"a","operation":"b/invoke"'), "POLICY_PERMIT");
  assert.is(code('"tool_id":"a b","args":[]'), "BAD_TOOL_NAME");
  assert.is(code('"args":{}'), "BAD_REQUEST");
});

test("a time that cannot be, and a policy that counts without a home, are refused as for objects", () => {
  for (const now of [Number.NaN, -1, 9_007_199_254_741, Number.POSITIVE_INFINITY])
    assert.is(codeBy("permit *", plain, { now }), "BAD_REQUEST");
  const counting = 'agent "a" { default permit rate_limit "t": 1 per day }';
  assert.is(codeBy(counting, plain), "POLICY_PERMIT");
  assert.is(codeBy(counting, plain, {}, { state: undefined }), "STATE_UNAVAILABLE");
});

test("a principal is seen only where the host vouches for it", () => {
  const policy = 'agent "a" { default deny permit t if principal.role == "clerk" }';
  const request = '{"agent_id":"a","tool_id":"t","principal":{"role":"clerk"}}';
  assert.is(codeBy(policy, request), "POLICY_DENY");
  assert.is(codeBy(policy, request, { trustPrincipal: true }), "POLICY_PERMIT");
});

test("a batch is decided in order, each call seeing what the ones before it took", () => {
  const policy = 'agent "a" { default permit rate_limit "t": 2 per day }';
  const [batch, single] = [open(policy), open(policy)];
  const calls = ["t", "t", "u", "t"].map((tool_id) => ({ agent_id: "a", tool_id }));
  const verdicts = batch.decideBatch(calls, { now: noon });
  assert.equal(
    verdicts.map(({ code }) => code),
    ["POLICY_PERMIT", "POLICY_PERMIT", "POLICY_PERMIT", "RATE_EXCEEDED"],
  );
  assert.equal(
    verdicts,
    calls.map((call) => single.decide(call, { now: noon })),
  );
  assert.is(batch.stateHash(), single.stateHash());
});

test("what one request left in the machine is not read by the next", () => {
  const policy = open(
    'agent "a" { default deny permit t if s == "yes" or n > 5 or flag or l contains "yes" or host == "h" }',
  );
  const decide = (args: string): string =>
    policy.decideJson(encoder.encode(`{"agent_id":"a","tool_id":"t","args":${args}}`), { now: noon }).effect;
  for (const args of [
    "{}",
    '{"s":null,"n":null,"l":null}',
    '{"s":{},"n":{},"flag":{},"l":{}}',
    '{"l":[["yes"],{}]}',
    '{"s":"","l":[]}',
    '{"url":"x"}',
  ]) {
    assert.is(decide('{"s":"yes","n":9,"flag":true,"l":["yes"],"url":"https://h/"}'), "permit");
    assert.is(decide(args), "deny", args);
  }
});

test.run();
