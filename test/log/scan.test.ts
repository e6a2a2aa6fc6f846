// The scanner against the strict reader: whatever it accepts, the strict reader accepts, and reads the same.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { canonicalJson, type JsonObject, parseJson } from "../../runtime/json.ts";
import { memberOfScanned, scanRecord, valueOfScanned } from "../../runtime/log/scan.ts";
import { Random } from "../generate/random.ts";

const start = '{"hash":"';
const digest = "0".repeat(64);

/** A line whose members behind the hash are `rest`; the newline stands behind it. */
function lineOf(rest: string): { bytes: Buffer; at: number; end: number } {
  const text = `${start}${digest}",${rest}`;
  const bytes = Buffer.from(`${text}\n`);
  return { bytes, at: start.length + digest.length + 2, end: bytes.length - 1 };
}

const head = `"log_id":"L","policy_hash":null,"policy_version":"v1","prev":"${digest}","seq":7`;
const tail = `"time":"2026-11-22T17:00:00.000001Z","type":"mark","v":1}`;
const record = (more: string): string => `${more}${head},${tail}`;

const accepted: readonly string[] = [
  "",
  '"action_id":"action-1",',
  '"args":{"a":[1,-2,{"b":{}}],"c":"é😀","d":[],"e":true,"f":false,"g":null},',
  '"args":{"a":"\\"\\\\\\n"},',
  '"args":{"a":0.5,"b":-0.25,"c":-0,"d":1.10},',
];

const undecided: readonly (readonly [why: string, members: string])[] = [
  ["a name twice", '"args":1,"args":2,'],
  ["a name twice, deeper", '"args":{"a":1,"a":2},'],
  ["names out of order", '"args":{"b":1,"a":2},'],
  ["another hash", '"hash":"x",'],
  ["an empty name between others", '"args":{"":1,"!":2,"":3},'],
  ["an escaped name", '"args":{"\\u0061":1},'],
  ["__proto__", '"args":{"__proto__":1},'],
  ["a lone surrogate", '"args":"\\ud800",'],
  ["a number with a leading zero", '"args":01,'],
  ["a number of 16 digits", '"args":9007199254740993,'],
  ["an exponent", '"args":1e999,'],
  ["white space", '"args": 1,'],
  ["a control character", '"args":"\u0001",'],
  ["an empty list with a comma", '"args":[,],'],
  ["a bracket of the other kind", '"args":[1},'],
  ["deep nesting", `"args":${"[".repeat(200)}${"]".repeat(200)},`],
  ["no value", '"args":,'],
];

test("takes the head and the whole of canonical lines", () => {
  for (const members of accepted) {
    const { bytes, at, end } = lineOf(record(members));
    const scanned = scanRecord(bytes, at, end);
    assert.ok(scanned !== null, members);
    assert.is(scanned.head.seq, 7);
    assert.is(scanned.head.log_id, "L");
    assert.is(scanned.head.policy_hash, null);
    assert.is(scanned.head.policy_version, "v1");
    const strict = parseJson(bytes.subarray(0, end));
    assert.ok(strict.ok);
    assert.is(canonicalJson(valueOfScanned(bytes, 0, end, scanned)), canonicalJson(strict.value));
    const plain = JSON.parse(bytes.toString("utf8", 0, end)) as JsonObject;
    // Twice, so that what is remembered of the line before is met too.
    for (const name of [
      "action_id",
      "args",
      "code",
      "log_id",
      "policy_hash",
      "seq",
      "time",
      "type",
      "would",
    ] as const) {
      assert.equal([memberOfScanned(bytes, name), memberOfScanned(bytes, name)], [plain[name], plain[name]], name);
    }
  }
});

test("a member is that of its own line, whatever the lines before had there", () => {
  const texts = ["", "a", "b", "ab", "aé", "x".repeat(72), "y".repeat(72), "x".repeat(73), '\\"', "a"];
  for (const text of [...texts, ...texts]) {
    const members = { agent_id: text, args: { text }, code: text };
    const { bytes, at, end } = lineOf(record(`${JSON.stringify(members).slice(1, -1)},`));
    assert.ok(scanRecord(bytes, at, end) !== null, text);
    assert.equal(
      ["agent_id", "args", "code"].map((name) => memberOfScanned(bytes, name as "args")),
      [text, { text }, text],
    );
    assert.is(memberOfScanned(bytes, "tool"), undefined);
  }
});

test("leaves to the strict reader what it cannot be sure of", () => {
  for (const [why, members] of undecided) {
    const { bytes, at, end } = lineOf(record(members));
    assert.is(scanRecord(bytes, at, end), null, why);
  }
  for (const missing of ["log_id", "policy_hash", "policy_version", "prev", "seq", "time", "type", "v"]) {
    const { [missing]: _, ...rest } = JSON.parse(`{${record("")}`) as Record<string, unknown>;
    const { bytes, at, end } = lineOf(JSON.stringify(rest).slice(1));
    assert.is(scanRecord(bytes, at, end), null, missing);
  }
  const { bytes, at, end } = lineOf(record('"args":"é",'));
  bytes[bytes.indexOf(0xc3)] = 0xff;
  assert.is(scanRecord(bytes, at, end), null, "not UTF-8");
});

test("never accepts a changed line that the strict reader refuses", () => {
  const random = new Random(20261122);
  const alphabet = Buffer.from('{}[]",:\\0123456789-+.eEtfn aé_\u0000\n');
  let both = 0;
  for (let round = 0; round < 20_000; round++) {
    const { bytes, at, end } = lineOf(record(accepted[round % accepted.length] as string));
    for (let changes = 1 + random.below(3); changes > 0; changes--) {
      bytes[at + random.below(end - at)] = alphabet[random.below(alphabet.length)] as number;
    }
    const scanned = scanRecord(bytes, at, end);
    if (scanned === null) continue;
    both++;
    const strict = parseJson(bytes.subarray(0, end), { depth: 128 });
    assert.ok(strict.ok, bytes.toString());
    const value = strict.value as JsonObject;
    for (const [name, found] of Object.entries(scanned.head)) {
      if (name === "action_id") continue;
      assert.is(found, value[name], bytes.toString());
    }
    assert.is(canonicalJson(valueOfScanned(bytes, 0, end, scanned)), canonicalJson(value), bytes.toString());
  }
  assert.ok(both > 100, `${both} were accepted`);
});

test.run();
