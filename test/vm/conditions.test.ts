// Kleene's logic in the machine: what a rule does when its condition is true, false and unknown, with strict guards and without.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../generate/random.ts";
import { noon, open } from "./policies.ts";

const small = { arenaBytes: 65_536, meterCapacity: 16 };

/** T: true, F: false, U: unknown, of the arguments below. */
const args = { n: 5, s: "abc", f: false, t: true, l: [1, "a"], z: null, o: {} };
const table: readonly (readonly [string, "T" | "F" | "U"])[] = [
  ["t", "T"],
  ["f", "F"],
  ["u", "U"],
  ["n", "U"],
  ["not t", "F"],
  ["not f", "T"],
  ["not u", "U"],
  ["not not u", "U"],
  ["t and t", "T"],
  ["t and f", "F"],
  ["t and u", "U"],
  ["f and u", "F"],
  ["u and f", "F"],
  ["u and t", "U"],
  ["u and u", "U"],
  ["t or u", "T"],
  ["u or t", "T"],
  ["f or u", "U"],
  ["u or f", "U"],
  ["u or u", "U"],
  ["f or f", "F"],
  ["not (f and u)", "T"],
  ["not (t or u)", "F"],
  ["not (u and t)", "U"],
  ["not (u or f)", "U"],
  ["not (not u and f)", "T"],
  ["(t and u) or t", "T"],
  ["(f or u) and f", "F"],
  ["(u or t) and (f or u)", "U"],
  ["not ((u or t) and (t or u))", "F"],
  ["t and (u or (f and u)) and t", "U"],
  ["f or (t and not (u and f))", "T"],
  ["n == 5", "T"],
  ["n != 5", "F"],
  ["n > 5", "F"],
  ["n >= 5", "T"],
  ["not (n > 5)", "T"],
  ['n == "5"', "U"],
  ['n != "5"', "U"],
  ["u == 1", "U"],
  ["u != 1", "U"],
  ["u not in [1]", "U"],
  ["n not in [1]", "T"],
  ["n not in [5, 6]", "F"],
  ['n not in ["a"]', "U"],
  ["n == m", "U"],
  ["n >= n", "T"],
  ["s > s", "F"],
  ["n > s", "U"],
  ["n in l", "F"],
  ["t in l", "U"],
  ["s not in l", "T"],
  ["u in l", "U"],
  ["u == nil", "T"],
  ["z == nil", "T"],
  ["u != nil", "F"],
  ["n == nil", "F"],
  ["not (o != nil)", "F"],
  ["z == 5", "U"],
  ["o == 5", "U"],
  ["n / 0 > 1", "U"],
  ["n % 0 == 0", "U"],
  ["-u < 1", "U"],
  ["n + u > 1", "U"],
  ["n * 2 - 1 == 9", "T"],
  ["n - 2 > 1 and n < 9", "T"],
  ["len(s) == 3", "T"],
  ["len(l) > 2", "F"],
  ["len(n) > 2", "U"],
  ['lower(n) == "5"', "U"],
  ['upper(s) == "ABC"', "T"],
  ['s matches "^a.c$"', "T"],
  ['n matches "5"', "U"],
  ['not (s matches "x")', "T"],
  ['l contains "a"', "T"],
  ["l contains true", "F"],
  ["s contains n", "U"],
  ["not (l contains u)", "U"],
  ['s starts_with "ab" and not (s ends_with "x")', "T"],
  ['purpose("x")', "U"],
];

/** Whether a rule with the effect fires on the condition's value. */
function fires(effect: string, value: "T" | "F" | "U", strict: boolean): boolean {
  return value === "T" || (value === "U" && strict && effect !== "permit");
}

for (const strict of [false, true]) {
  test(`D11 rules fire on true alone${strict ? ", and with strict guards deny and defer on unknown too" : ""}`, () => {
    for (const effect of ["permit", "deny", "deny!", "defer"]) {
      for (const [condition, value] of table) {
        const other = effect === "permit" ? "deny" : "permit";
        const text = `runtime { strict_guards = ${strict} }\nagent "a" { default ${other} ${effect} x if ${condition} }`;
        const verdict = open(text, small).decide({ agent_id: "a", tool_id: "x", args }, { now: noon });
        const wanted = fires(effect, value, strict) ? effect.replace("!", "") : other;
        assert.is(verdict.effect, wanted, `${effect} if ${condition}, strict ${strict}`);
      }
    }
  });
}

test("D12 the first rule that matches decides, and an unknown one is passed over unless strict", () => {
  const rules = "deny x if risk > 5\n permit x if n == 5\n deny x";
  const decide = (strict: boolean) =>
    open(`runtime { strict_guards = ${strict} }\nagent "a" { default deny\n ${rules} }`).decide(
      { agent_id: "a", tool_id: "x", args },
      { now: noon },
    );
  assert.equal([decide(false).rule, decide(true).rule], [1, 0]);
});

test("conditions nested to the limit agree with their value", () => {
  const deep = (wrap: (inner: string) => string): string => {
    let text = "u";
    for (let i = 0; i < 120; i++) text = wrap(text);
    return text;
  };
  for (const [condition, fired] of [
    [deep((x) => `(${x} or f)`), false],
    [deep((x) => `not (${x})`), false],
    [`${deep((x) => `(t and ${x})`)} or t`, true],
    [Array(480).fill("n == 5").join(" and "), true],
    [Array(480).fill("n == 6").join(" or "), false],
  ] as const) {
    const policy = open(`agent "a" { default deny permit x if ${condition} }`);
    assert.is(policy.decide({ agent_id: "a", tool_id: "x", args }, { now: noon }).effect, fired ? "permit" : "deny");
  }
});

test("a part of a text is found wherever it stands, and nowhere else", () => {
  const policy = open('agent "a" {\n  default deny\n  permit t if text contains part\n}');
  const utf8 = new TextEncoder();
  const random = new Random(5);
  const written = (length: number, letters: readonly [string, ...string[]]) =>
    Array.from({ length }, () => random.pick(letters)).join("");
  type Letters = readonly [string, ...string[]];
  const alphabets: readonly [Letters, ...Letters[]] = [
    ["a"],
    ["a", "b"],
    ["a", "b", "\u0000"],
    ["a", "é", "\u007f", "\u0080"],
  ];
  const seen = { permit: 0, deny: 0, defer: 0 };
  for (let i = 0; i < 6000; i++) {
    const letters = random.pick(alphabets);
    const text = written(random.below(40), letters);
    const start = random.below(text.length + 1);
    const cut = text.slice(start, start + random.below(20));
    const part = random.oneIn(2) ? cut : written(random.below(12), letters);
    const request = { agent_id: "a", tool_id: "t", args: { text, part } };
    const { effect } = policy.decide(request, { now: noon });
    assert.is(effect, text.includes(part) ? "permit" : "deny", JSON.stringify(request.args));
    assert.is(policy.decideJson(utf8.encode(JSON.stringify(request)), { now: noon }).effect, effect);
    seen[effect]++;
  }
  assert.ok(seen.permit > 1000 && seen.deny > 1000, JSON.stringify(seen));
});

test("a search that compares too much is given up, and denies", () => {
  const policy = open('agent "a" {\n  default permit\n  deny t if text contains part\n}');
  const half = "a".repeat(20_000);
  const request = (text: string) => ({ agent_id: "a", tool_id: "t", args: { text, part: `${half}b${half}` } });
  assert.is(policy.decide(request("a".repeat(200_000)), { now: noon }).code, "STEP_LIMIT");
  assert.is(policy.decide(request("b".repeat(200_000)), { now: noon }).effect, "permit");
});

test.run();
