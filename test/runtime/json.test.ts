// The JSON reader and writer against JSONTestSuite, the RFC 8785 test data and the faults D01-D08 and D15.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import { canonicalDepthMax, canonicalJson, type Json, parseJson } from "../../runtime/json.ts";

const corpora = process.env.FARAMESH_CORPORA ?? fileURLToPath(new URL("../../../shared/corpora", import.meta.url));
const hasCorpora = existsSync(corpora);
if (!hasCorpora) {
  if (process.env.CI) throw new Error(`test data is absent: ${corpora}`);
  console.log("skipped: JSONTestSuite (318 files), its transforms (22) and RFC 8785 data (6): no corpora");
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const read = (text: string) => parseJson(bytes(text));
const accepted = (text: string): Json => {
  const result = read(text);
  assert.ok(result.ok, `refused: ${text.slice(0, 60)}`);
  return result.ok ? result.value : null;
};
const refused = (data: Uint8Array | string, message: RegExp): void => {
  const result = parseJson(typeof data === "string" ? bytes(data) : data);
  assert.not.ok(result.ok, `accepted: ${String(data).slice(0, 60)}`);
  if (!result.ok) assert.match(result.message, message);
};
const files = (folder: string): string[] => (hasCorpora ? readdirSync(join(corpora, folder)).sort() : []);
const file = (folder: string, name: string): Uint8Array => readFileSync(join(corpora, folder, name));
/** The lexeme-free value, to compare with test data that rounds. */
const rounded = (value: Json): Json => {
  if (value instanceof JsonNumber) return value.value;
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== "object" || value === null) return value;
  const copy: Record<string, Json> = Object.create(null);
  for (const [key, member] of Object.entries(value)) copy[key] = rounded(member);
  return copy;
};

/** i_: either is right; these are ours. Those absent from the list are refused. */
const acceptedEither = new Set([
  "i_number_double_huge_neg_exp.json",
  "i_number_real_underflow.json",
  "i_number_too_big_neg_int.json",
  "i_number_too_big_pos_int.json",
  "i_number_very_big_negative_int.json",
]);

test("D01 D02 D03 JSONTestSuite: 93 accepted, 190 refused, 35 either as listed", () => {
  if (!hasCorpora) return;
  const count = { accepted: 0, refused: 0, either: 0 };
  for (const name of files("json/test_parsing")) {
    const { ok } = parseJson(file("json/test_parsing", name));
    const isDuplicate = name.startsWith("y_object_duplicated_key");
    if (name.startsWith("i_")) assert.is(ok, acceptedEither.has(name), name);
    else assert.is(ok, name.startsWith("y_") && !isDuplicate, name);
    count[name.startsWith("i_") ? "either" : ok ? "accepted" : "refused"]++;
  }
  assert.equal(count, { accepted: 93, refused: 190, either: 35 });
});

/** The canonical text of each file of test_transform, or the reason of its refusal. */
const transforms: Readonly<Record<string, string | RegExp>> = {
  "number_-9223372036854775808.json": "[-9223372036854775808]",
  "number_-9223372036854775809.json": "[-9223372036854775809]",
  "number_1.0.json": "[1.0]",
  "number_1.000000000000000005.json": "[1.000000000000000005]",
  "number_1000000000000000.json": "[1000000000000000]",
  "number_10000000000000000999.json": "[10000000000000000999]",
  "number_1e-999.json": "[1E-999]",
  "number_1e6.json": "[1E6]",
  "number_9223372036854775807.json": "[9223372036854775807]",
  "number_9223372036854775808.json": "[9223372036854775808]",
  "object_key_nfc_nfd.json": '{"e\u0301":"NFD","\u00e9":"NFC"}',
  "object_key_nfd_nfc.json": '{"e\u0301":"NFD","\u00e9":"NFC"}',
  "object_same_key_different_values.json": /duplicate key/,
  "object_same_key_same_value.json": /duplicate key/,
  "object_same_key_unclear_values.json": /duplicate key/,
  "string_1_escaped_invalid_codepoint.json": /lone surrogate/,
  "string_1_invalid_codepoint.json": /not valid UTF-8/,
  "string_2_escaped_invalid_codepoints.json": /lone surrogate/,
  "string_2_invalid_codepoints.json": /not valid UTF-8/,
  "string_3_escaped_invalid_codepoints.json": /lone surrogate/,
  "string_3_invalid_codepoints.json": /not valid UTF-8/,
  "string_with_escaped_NULL.json": '["A\\u0000B"]',
};

test("D15 test_transform: one outcome each", () => {
  if (!hasCorpora) return;
  assert.equal(files("json/test_transform"), Object.keys(transforms).sort());
  for (const [name, expected] of Object.entries(transforms)) {
    const data = file("json/test_transform", name);
    if (expected instanceof RegExp) refused(data, expected);
    else {
      const result = parseJson(data);
      assert.is(result.ok && canonicalJson(result.value), expected, name);
    }
  }
});

test("RFC 8785 test data", () => {
  const names = files("jcs/input");
  assert.is(names.length, hasCorpora ? 6 : 0);
  for (const name of names) {
    const result = parseJson(file("jcs/input", name));
    assert.ok(result.ok, name);
    const expected = new TextDecoder().decode(file("jcs/output", name));
    assert.is(result.ok && canonicalJson(rounded(result.value)), expected.trimEnd(), name);
  }
});

test("D01 malformed documents are refused with their byte offset", () => {
  const cases: [string, number][] = [
    ["", 0],
    ["\ufeff{}", 0],
    ["{} {}", 3],
    ["[1,]", 3],
    ['{"é":}', 6],
    ["nul", 0],
    ["[1", 2],
    ["01", 0],
    ["1.", 2],
    ["-", 1],
    ["NaN", 0],
  ];
  for (const [text, offset] of cases) {
    const result = read(text);
    assert.is(result.ok, false, text);
    if (!result.ok) assert.is(result.offset, offset, text);
  }
});

test("D02 invalid UTF-8, overlong forms and lone surrogates are refused", () => {
  const invalid: [number[], number][] = [
    [[0x22, 0xc0, 0xaf, 0x22], 1],
    [[0x22, 0xed, 0xa0, 0x80, 0x22], 1],
    [[0x22, 0x61, 0xff, 0x22], 2],
    [[0x22, 0xef, 0xbf, 0xbd, 0xf8, 0x22], 4],
    [[0x22, 0xe2, 0x82], 1],
  ];
  for (const [data, offset] of invalid) {
    const result = parseJson(Uint8Array.from(data));
    assert.equal(result, { ok: false, message: "text is not valid UTF-8", offset });
  }
  for (const text of ['"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"', '"\\ud800x"', '{"\\udfff":1}']) {
    refused(text, /lone surrogate/);
  }
  assert.is(accepted('"\\ud83d\\ude00\ufffd"'), "😀\ufffd");
});

test("D03 duplicate keys are refused at any depth, after unescaping", () => {
  refused('{"a":1,"a":2}', /duplicate key/);
  refused('[{"x":{"a":1,"\\u0061":2}}]', /duplicate key/);
  refused('{"":1,"":1}', /duplicate key/);
});

test("D04 keys that only look alike stay different", () => {
  const value = accepted('{"a":1,"A":2,"e\u0301":3,"\u00e9":4,"a\u200b":5}');
  assert.is(Object.keys(value as object).length, 5);
});

test("D05 prototype keys are data or refused, and no prototype changes", () => {
  refused('{"__proto__":{"admin":true}}', /__proto__/);
  refused('{"a":{"\\u005f_proto__":1}}', /__proto__/);
  const value = accepted('{"constructor":1,"prototype":2,"hasOwnProperty":3}') as Record<string, Json>;
  assert.is(Object.getPrototypeOf(value), null);
  assert.equal(Object.keys(value), ["constructor", "prototype", "hasOwnProperty"]);
  assert.is((value as Record<string, unknown>).toString, undefined);
  assert.is(({} as Record<string, unknown>).admin, undefined);
  const hostile = JSON.parse('{"__proto__":1}');
  assert.throws(() => canonicalJson(hostile), /__proto__/);
});

test("D06 depth 64 is read, 65 and a million are refused", () => {
  const nested = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  accepted(nested(64));
  refused(nested(65), /deeper than 64/);
  refused("[".repeat(1_000_000), /deeper than 64/);
  refused(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`, /deeper than 64/);
  let deep: Json = 1;
  for (let depth = 0; depth < canonicalDepthMax; depth++) deep = [deep];
  assert.is(canonicalJson(deep).length, 2 * canonicalDepthMax + 1);
  assert.throws(() => canonicalJson([deep]), /deeper/);
});

test("D07 keys, elements and bytes are bounded", () => {
  accepted(`[${"1,".repeat(99_999)}1]`);
  refused(`[${"1,".repeat(100_000)}1]`, /100000 keys and elements/);
  refused(`{${Array.from({ length: 100_001 }, (_, index) => `"k${index}":0`).join()}}`, /keys and elements/);
  assert.is((accepted(`"${"x".repeat(1_000_000)}"`) as string).length, 1_000_000);
  refused(new Uint8Array(8 * 1024 * 1024 + 1).fill(0x20), /larger than/);
});

test("D08 D09 numbers: out of range refused, text kept where JavaScript would change it", () => {
  for (const text of ["1e400", "-1e400", "1e99999999999"]) refused(text, /out of range/);
  for (const text of ["0", "-1", "123456789012345", "0.1", "-2.5", "9007199254740991"]) {
    assert.is(accepted(text), Number(text), text);
  }
  const kept: [string, number, boolean][] = [
    ["-0", -0, true],
    ["1.0", 1, true],
    ["1E2", 100, true],
    ["9007199254740993", 9007199254740992, false],
    ["9007199254740992", 9007199254740992, false],
    ["-9007199254740993", -9007199254740992, false],
    ["1e300", 1e300, false],
    ["1e+300", 1e300, false],
    ["100000000000000000000", 1e20, false],
    ["1e-999", 0, true],
  ];
  for (const [text, value, exact] of kept) {
    const number = accepted(text);
    assert.instance(number, JsonNumber, text);
    if (!(number instanceof JsonNumber)) continue;
    assert.is(number.text, text);
    assert.ok(Object.is(number.value, value), text);
    assert.is(number.exact, exact, text);
    assert.is(canonicalJson(number), text);
  }
});

test("D14 control characters and separators in strings are data", () => {
  const text = '{"a":"\\u0000\\r\\n\u2028\\u001f\\u007f\\"\\\\"}';
  assert.is(canonicalJson(accepted(text)), '{"a":"\\u0000\\r\\n\u2028\\u001f\u007f\\"\\\\"}');
});

test("the writer refuses what JSON cannot hold", () => {
  for (const value of [undefined, Number.NaN, Number.POSITIVE_INFINITY, "\ud800", { a: undefined }, () => 1, 1n]) {
    assert.throws(
      () => canonicalJson(value as unknown as Json),
      (error: unknown) => error instanceof TypeError,
    );
  }
  assert.is(
    canonicalJson({ b: [1, -0, 1e21, 1e-7], a: null, "\u20ac": true, "\ud83d\ude00": "" }),
    '{"a":null,"b":[1,0,1e+21,1e-7],"€":true,"😀":""}',
  );
});

test.run();
