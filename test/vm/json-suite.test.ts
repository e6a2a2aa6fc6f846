// decideJson on JSONTestSuite: every file as an argument's value, and what a condition sees of each transform.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codeBy, isRead, within } from "./both-ways.ts";

const corpora = process.env.FARAMESH_CORPORA ?? fileURLToPath(new URL("../../../shared/corpora", import.meta.url));
const hasCorpora = existsSync(corpora);
if (!hasCorpora) {
  if (process.env.CI) throw new Error(`test data is absent: ${corpora}`);
  console.log("skipped: JSONTestSuite (318 files) and its transforms (22): no corpora");
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

test.run();
