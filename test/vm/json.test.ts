// decideJson on documents of every kind: the corpora, hostile shapes, spellings of one request. Whatever stands here is also
// judged by way of objects, and both must agree.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { JsonOptions, LoadOptions, Policy } from "../../runtime/evaluator/index.ts";
import { decideByObject, told } from "../differential/json.ts";
import { noon, open } from "./policies.ts";

const corpora = process.env.FARAMESH_CORPORA ?? fileURLToPath(new URL("../../../shared/corpora", import.meta.url));
const hasCorpora = existsSync(corpora);
if (!hasCorpora) {
  if (process.env.CI) throw new Error(`test data is absent: ${corpora}`);
  console.log("skipped: JSONTestSuite (318 files) and its transforms (22): no corpora");
}

const encoder = new TextEncoder();

/** One policy opened for each way. */
const opened = new Map<string, readonly [Policy, Policy]>();

function openTwice(text: string, options: LoadOptions): readonly [Policy, Policy] {
  const key = JSON.stringify([text, options, "state" in options]);
  const known = opened.get(key);
  if (known !== undefined) return known;
  const both = [open(text, options), open(text, options)] as const;
  opened.set(key, both);
  return both;
}

/** Code of a policy's answer, the same by both ways. */
function codeBy(
  policy: string,
  request: string | Uint8Array,
  options: Partial<JsonOptions> = {},
  load: LoadOptions = {},
): string {
  const bytes = typeof request === "string" ? encoder.encode(request) : request;
  const asked = { now: noon, ...options };
  const [byJson, byObject] = openTwice(policy, load);
  const verdict = byJson.decideJson(bytes, asked);
  assert.is(told(verdict), told(decideByObject(byObject, bytes, asked)), shown(bytes));
  return verdict.code;
}

function shown(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(0, 200));
}

/** Whether a policy that permits everything is asked at all. */
function isRead(request: string | Uint8Array): boolean {
  const code = codeBy("permit *", request);
  assert.ok(code === "POLICY_PERMIT" || code === "BAD_REQUEST", code);
  return code === "POLICY_PERMIT";
}

/** Whether an argument, as JSON, makes a condition true. BAD_REQUEST where it cannot be judged. */
function permits(condition: string, args: string): boolean | string {
  const code = codeBy(
    `agent "a" { default deny permit t if ${condition} }`,
    `{"agent_id":"a","tool_id":"t","args":${args}}`,
  );
  return code === "BAD_REQUEST" ? code : code === "POLICY_PERMIT";
}

/** A document as an argument's value. */
function within(document: Uint8Array): Uint8Array {
  return Buffer.concat([encoder.encode('{"agent_id":"a","tool_id":"t","args":{"v":'), document, encoder.encode("}}")]);
}

const acceptedEither = new Set([
  "i_number_double_huge_neg_exp.json",
  "i_number_real_underflow.json",
  "i_number_too_big_neg_int.json",
  "i_number_too_big_pos_int.json",
  "i_number_very_big_negative_int.json",
]);

test("D01 D02 D03 JSONTestSuite as an argument: 93 accepted, 190 refused, 35 either as listed", () => {
  if (!hasCorpora) return;
  const count = { accepted: 0, refused: 0, either: 0 };
  for (const name of readdirSync(join(corpora, "json/test_parsing"))) {
    const document = readFileSync(join(corpora, "json/test_parsing", name));
    const isOk = isRead(within(document));
    const isDuplicate = name.startsWith("y_object_duplicated_key");
    if (name.startsWith("i_")) assert.is(isOk, acceptedEither.has(name), name);
    else assert.is(isOk, name.startsWith("y_") && !isDuplicate, name);
    count[name.startsWith("i_") ? "either" : isOk ? "accepted" : "refused"]++;
    // Alone it is no request, but it must do no harm.
    assert.is(isRead(document), false, name);
  }
  assert.equal(count, { accepted: 93, refused: 190, either: 35 });
});

/** What a condition sees of each file of test_transform, or its refusal. */
const transforms: Readonly<Record<string, readonly [condition: string, outcome: boolean | "BAD_REQUEST"]>> = {
  "number_-9223372036854775808.json": ["v contains 1", "BAD_REQUEST"],
  "number_-9223372036854775809.json": ["v contains 1", "BAD_REQUEST"],
  "number_1.0.json": ["v contains 1", true],
  "number_1.000000000000000005.json": ["v contains 1", true],
  "number_1000000000000000.json": ["v contains 1000000000000000", true],
  "number_10000000000000000999.json": ["v contains 1", "BAD_REQUEST"],
  "number_1e-999.json": ["v contains 0", true],
  "number_1e6.json": ["v contains 1000000", true],
  "number_9223372036854775807.json": ["v contains 1", "BAD_REQUEST"],
  "number_9223372036854775808.json": ["v contains 1", "BAD_REQUEST"],
  "object_key_nfc_nfd.json": ["v != nil", true],
  "object_key_nfd_nfc.json": ["v != nil", true],
  "object_same_key_different_values.json": ["v != nil", "BAD_REQUEST"],
  "object_same_key_same_value.json": ["v != nil", "BAD_REQUEST"],
  "object_same_key_unclear_values.json": ["v != nil", "BAD_REQUEST"],
  "string_1_escaped_invalid_codepoint.json": ["v != nil", "BAD_REQUEST"],
  "string_1_invalid_codepoint.json": ["v != nil", "BAD_REQUEST"],
  "string_2_escaped_invalid_codepoints.json": ["v != nil", "BAD_REQUEST"],
  "string_2_invalid_codepoints.json": ["v != nil", "BAD_REQUEST"],
  "string_3_escaped_invalid_codepoints.json": ["v != nil", "BAD_REQUEST"],
  "string_3_invalid_codepoints.json": ["v != nil", "BAD_REQUEST"],
  "string_with_escaped_NULL.json": ['v contains "A\\u0000B"', true],
};

test("D15 each transform of JSONTestSuite has the outcome listed", () => {
  if (!hasCorpora) return;
  const names = readdirSync(join(corpora, "json/test_transform")).sort();
  assert.equal(names, Object.keys(transforms).sort());
  for (const name of names) {
    const [condition, outcome] = transforms[name] ?? ["", false];
    const bytes = within(readFileSync(join(corpora, "json/test_transform", name)));
    const code = codeBy(`agent "a" { default deny permit t if ${condition} }`, bytes);
    assert.is(code, outcome === true ? "POLICY_PERMIT" : outcome || "POLICY_DENY", name);
  }
});

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

test("D08 D09 numbers are exact or refused, the latter only where a rule reads them if they fit a double", () => {
  for (const lexeme of [
    "1e400",
    "-1e400",
    "1e309",
    "1.7976931348623159e308",
    "NaN",
    "Infinity",
    "01",
    "-",
    "+1",
    ".5",
    "1.",
    "1e",
    "1e+",
    "0x1",
    "1_0",
  ]) {
    assert.is(permits("x == 1", `{"x":1,"n":${lexeme}}`), "BAD_REQUEST", lexeme);
  }
  for (const lexeme of ["-0", "0.0", "-0e5", "1e-400", "-1e-999999999999"])
    assert.is(permits("n == 0 and n >= 0", `{"n":${lexeme}}`), true, lexeme);
  for (const lexeme of ["9007199254740992", "9007199254740993", "-9007199254740993", "1e300", "9007199254740991.5"]) {
    assert.is(permits("n > 1", `{"n":${lexeme}}`), "BAD_REQUEST", lexeme);
    assert.is(permits("n contains 1", `{"n":[1,${lexeme}]}`), "BAD_REQUEST", lexeme);
    assert.is(permits("x == 1", `{"n":${lexeme},"x":1}`), true, lexeme);
    assert.is(permits("n != nil", `{"n":[[${lexeme}],{"n":${lexeme}}]}`), true, lexeme);
  }
  assert.is(permits("n == 9007199254740991", '{"n":9007199254740991}'), true);
  assert.is(permits("n == 0.3", '{"n":0.30000000000000004}'), false);
  assert.is(permits("n == 0.3", '{"n":0.299999999999999988897769753748}'), true);
});

test("D10 money is the nearest micro-dollar of what was written", () => {
  const policy = 'agent "a" { default permit budget daily { max = $100 cost = amount } }';
  const costs = ["0.1", "0.2", "1e-1", "0.29", "2.007", "0.0000011"].map((amount) => {
    const bytes = encoder.encode(`{"agent_id":"a","tool_id":"t","args":{"amount":${amount}}}`);
    return open(policy).decideJson(bytes, { now: noon }).charges?.budgets[0]?.cost_micro;
  });
  assert.equal(costs, [100_000, 200_000, 100_000, 290_000, 2_007_000, 2]);
});

test("D11 D12 a value of another kind, and none, satisfy neither a comparison nor its opposite", () => {
  for (const args of ['{"n":"5"}', '{"n":true}', '{"n":[5]}', '{"n":{"n":5}}', "{}", '{"N":5}', "null"]) {
    for (const condition of ["n == 5", "n != 5", "n < 9", "not (n < 9)", "n not in [1, 2]"])
      assert.is(permits(condition, args), false, `${condition} of ${args}`);
  }
  assert.is(permits("n == nil", '{"n":null}'), true);
});

test("D13 D14 strings are read whole, whatever is in them and however they are written", () => {
  const texts = [
    "a\u0000b",
    "a\r\nb",
    "a\u2028b",
    "\ufeffa",
    "é",
    "e\u0301",
    "😀",
    "\u007f",
    "\u0000",
    '"\\/\b\f\n\r\t',
    "",
    "x".repeat(300),
  ];
  for (const text of texts) {
    const escaped = [...text]
      .flatMap((c) => c.split(""))
      .map((c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join("");
    for (const written of [
      JSON.stringify(text),
      `"${escaped}"`,
      `"${escaped.toUpperCase().replaceAll("\\U", "\\u")}"`,
    ]) {
      assert.is(
        permits("s == u and len(s) == n", `{"s":${written},"u":${JSON.stringify(text)},"n":${[...text].length}}`),
        true,
        written,
      );
      assert.is(permits("s == u", `{"s":${written},"u":${JSON.stringify(`${text}.`)}}`), false, written);
    }
  }
  for (const bad of ["\\x", "\\", "\\u12", "\\u12g4", "\\U0041", "\\'", "\n", "\u0000", "\t"])
    assert.is(isRead(`{"agent_id":"a","tool_id":"t","n":"${bad}"}`), false, bad);
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
