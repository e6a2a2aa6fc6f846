// What is kept out of the log, what is cut to fit, and what can be proved afterwards.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import { canonicalJson, type Json } from "../../runtime/json.ts";
import { cutText, decisionText } from "../../runtime/log/decision.ts";
import type { DecisionBody } from "../../runtime/log/record.ts";
import { keysAndTypes, redact } from "../../runtime/log/redact.ts";
import { commitment, findSalt } from "../../runtime/log/salts.ts";
import { open, readSegment, temporaryDir } from "./fixture.ts";

const R = { $redacted: "c" };
const commit = (): string => "c";

const cases: readonly (readonly [
  name: string,
  args: Json,
  paths: readonly string[],
  expected: Json,
  redacted: readonly string[],
])[] = [
  [
    "I05 key a then key b, not the key a.b",
    { "a.b": 1, a: { b: 2, c: 3 } },
    ["a.b"],
    { "a.b": 1, a: { b: R, c: 3 } },
    ["a.b"],
  ],
  [
    "I05 each element",
    { items: [{ card: 1 }, { card: 2, n: 3 }] },
    ["items[].card"],
    { items: [{ card: R }, { card: R, n: 3 }] },
    ["items[].card"],
  ],
  ["I05 elements without []", { items: [{ card: 1 }] }, ["items.card"], { items: [{ card: R }] }, ["items.card"]],
  ["I05 [] over an object", { items: { card: 1 } }, ["items[].card"], { items: { card: R } }, ["items[].card"]],
  ["I05 arrays in arrays", { items: [[{ card: 1 }]] }, ["items[].card"], { items: [[{ card: R }]] }, ["items[].card"]],
  ["I05 all elements", { cards: [1, 2] }, ["cards[]"], { cards: [R, R] }, ["cards[]"]],
  ["I05 a whole array", { cards: [1, 2] }, ["cards"], { cards: R }, ["cards"]],
  ["I05 a scalar where an object is expected", { card: "4111" }, ["card.number"], { card: R }, ["card.number"]],
  [
    "I05 a number that keeps its text",
    { card: new JsonNumber("1.0", 1, true) },
    ["card.number"],
    { card: R },
    ["card.number"],
  ],
  ["I05 null and false are values", { a: null, b: false }, ["a", "b"], { a: R, b: R }, ["a", "b"]],
  ["I05 a path that takes nothing", { a: 1 }, ["b", "a"], { a: R }, ["a"]],
  ["I05 overlapping paths", { a: { b: 1 } }, ["a.b", "a"], { a: R }, ["a.b", "a"]],
  ["I05 names of prototypes", { a: 1 }, ["constructor", "toString.x"], { a: 1 }, []],
];

for (const [name, args, paths, expected, redacted] of cases) {
  test(name, () => {
    const before = canonicalJson(args);
    const result = redact(args, paths, commit);
    assert.is(canonicalJson(result.args), canonicalJson(expected));
    assert.equal(result.redacted, redacted);
    assert.is(canonicalJson(args), before, "the original is untouched");
  });
}

test("tools that the policy does not name leave keys and types", () => {
  const args = { a: "secret", b: [1, new JsonNumber("1.0", 1, true)], c: { d: null, e: true } };
  assert.is(canonicalJson(keysAndTypes(args)), '{"a":"string","b":["number","number"],"c":{"d":"null","e":"boolean"}}');
});

test("K12 a commitment is proved by value and salt, and by nothing once the salt is gone", async () => {
  const dir = temporaryDir();
  const log = await open(dir);
  const values: Json[] = ["4111 1111 1111 1111", { a: [1] }];
  const hashes = values.map((value) => log.salts.commit(value));
  await log.close();
  for (const [index, hash] of hashes.entries()) {
    const salt = findSalt(nodeDisk, dir, hash);
    assert.is(salt?.length, 16);
    if (salt === null) continue;
    assert.is(commitment(values[index] as Json, salt), hash);
    assert.is.not(commitment("another", salt), hash);
  }
  assert.is(findSalt(nodeDisk, dir, "0".repeat(64)), null);
  assert.is.not(log.salts.commit("x"), log.salts.commit("x"), "a fresh salt each time");
  log.salts.close();
});

test("texts are cut between characters and marked", () => {
  assert.is(cutText("short", 1024), "short");
  for (const text of ["é".repeat(2000), "😀".repeat(2000), '"'.repeat(2000), "\u0000".repeat(2000)]) {
    const cut = cutText(text, 1024);
    const bytes = Buffer.byteLength(canonicalJson(cut));
    assert.ok(bytes <= 1024 && bytes > 1015, `${bytes}`);
    assert.ok(cut.endsWith("…") && text.startsWith(cut.slice(0, -1)));
  }
});

test("no decision overflows an entry", async () => {
  const huge = "\u0001".repeat(50_000);
  const text = (name: string): string => `${name}${huge}`;
  const body: DecisionBody = {
    action_id: text("a"),
    call_id: text("c"),
    request_id: text("r"),
    agent_id: text("g"),
    agent_identity: { claimed: huge },
    session_id: text("s"),
    tool: text("t"),
    action_type: text("y"),
    args: { huge },
    inputs: { huge },
    effect: "deny",
    would: null,
    code: text("C"),
    reason: text("R"),
    rule_ref: text("f"),
    rule_digest: text("d"),
    steps: [huge],
    approval_id: text("p"),
    request_digest: text("q"),
    credential_ref: text("e"),
    cost_usd: new JsonNumber(`0.${"1".repeat(60_000)}`, 0.1, true),
    latency_us: 1,
    delegation: [huge],
    redacted: [huge],
    mode: text("m"),
    dev: false,
    door: text("o"),
    tags: [huge],
  };
  const dir = temporaryDir();
  const log = await open(dir);
  const fitted = decisionText(body, (value) => log.salts.commit(value));
  log.append({ type: "decision", policy_version: "v1", policy_hash: "0".repeat(64), body: fitted });
  await log.close();
  const stored = JSON.parse(readSegment(dir).toString());
  const bytes = Buffer.byteLength(canonicalJson(body.args));
  assert.is(stored.args.$truncated, bytes);
  const salt = findSalt(nodeDisk, dir, stored.args.$redacted);
  assert.is(salt !== null && commitment(body.args, salt), stored.args.$redacted);
  // Written by hand, the members stand where the canonical writer puts them.
  const { hash: _, ...rest } = stored;
  assert.ok(
    readSegment(dir)
      .toString()
      .endsWith(`",${canonicalJson(rest).slice(1)}\n`),
  );
  // The limits themselves, all met at once, fit too.
  const full = Object.fromEntries(Object.keys(body).map((name) => [name, stored[name] as Json]));
  const sizes = { args: 32_768, steps: 4096, tags: 4096, delegation: 4096, redacted: 4096, agent_identity: 2048 };
  for (const [name, size] of Object.entries(sizes)) full[name] = "x".repeat(size - 2);
  const again = await open(temporaryDir());
  assert.is(again.append({ type: "decision", policy_version: "v1", policy_hash: "0".repeat(64), body: full }).seq, 1);
  await again.close();
});

test.run();
