// What exact reasoning finds in one policy, as a table; and that rules said to be out of reach decide no generated call.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { reasonAbout } from "../../compiler/analyse/index.ts";
import { compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { acceptable } from "../differential/compare.ts";
import { engines } from "../differential/run.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { callDrafts, START_MS } from "../generate/request.ts";

interface Case {
  readonly name: string;
  /** One rule a line, from line 4 on. */
  readonly rules: readonly string[];
  /** "code line", in order. */
  readonly found: readonly string[];
}

const cases: readonly Case[] = [
  { name: "bounds that exclude each other", rules: ["permit t if x > 9 and x < 5"], found: ["FMS080 4"] },
  { name: "bounds that leave one number", rules: ["permit t if x >= 5 and x <= 5"], found: [] },
  { name: "bounds that leave numbers between whole ones", rules: ["permit t if x > 5 and x < 6"], found: [] },
  { name: "two texts at once", rules: ['permit t if x == "a" and x == "b"'], found: ["FMS080 4"] },
  { name: "two kinds at once", rules: ['permit t if x == "a" and x < 5'], found: ["FMS080 4"] },
  {
    name: "a pattern that no other text fits",
    rules: ['permit t if x matches "^a+$" and x ends_with "b"'],
    found: ["FMS080 4"],
  },
  { name: "patterns that meet", rules: ['permit t if x matches "^a+" and x ends_with "b"'], found: [] },
  {
    name: "a length that the parts exceed",
    rules: ['permit t if x starts_with "abc" and len(x) < 3'],
    found: ["FMS080 4"],
  },
  { name: "a member of a thing that is a number", rules: ["permit t if a < 5 and a.b == 1"], found: ["FMS080 4"] },
  { name: "arithmetic of one place", rules: ["permit t if x * 2 < 10 and x > 5"], found: ["FMS080 4"] },
  { name: "two places compared: not told", rules: ["permit t if x < y and y < x"], found: [] },
  {
    name: "covered by two",
    rules: ["permit t if x < 5", "permit t if x >= 5", "defer t if x == 7"],
    found: ["FMS051 6"],
  },
  {
    name: "not covered where the kind is another",
    rules: ["permit t if x < 5", "permit t if x >= 5", "defer t if y == 7"],
    found: ["FMS081 6"],
  },
  {
    name: "covered by a pattern and a rule for the rest",
    rules: ["permit a/*", "deny a/** if x == 1", "permit a/b if x == 1"],
    found: ["FMS081 5", "FMS051 6"],
  },
  { name: "an exception before its rule", rules: ["permit t if x < 5", "deny t if x < 50"], found: [] },
  { name: "a guard before its rule", rules: ["deny t if y == 1", "permit t if x < 50"], found: [] },
  { name: "a guard behind its rule", rules: ["permit t if x < 50", "deny t if y == 1"], found: ["FMS081 5"] },
  { name: "patterns that cross", rules: ["permit read_*", "deny *_all"], found: ["FMS081 5"] },
  { name: "hours that no day has", rules: ["permit t if time.hour >= 24"], found: ["FMS080 4"] },
  { name: "a weekday's hours", rules: ["permit t if time.hour >= 9 and time.weekday <= 5"], found: [] },
  {
    name: "a host in another case",
    rules: ['permit t host "API.x.org"', 'deny t host "api.x.org"'],
    found: ["FMS051 5"],
  },
  {
    name: "a limit of what is never permitted",
    rules: ["deny t", 'rate_limit "t": 5 per hour', "budget b { max_calls = 5 tools = [t, u] }", "permit v"],
    found: ["FMS084 5", "FMS084 6"],
  },
  {
    name: "limits and budgets of what may be permitted",
    rules: ["defer t", 'rate_limit "t": 5 per hour', "budget b { max_calls = 5 tools = [t] }", "budget c { max = $5 }"],
    found: [],
  },
  {
    name: "a limit behind a tighter one",
    rules: [
      "permit a/*",
      'rate_limit "a/**": 5 per hour',
      'rate_limit "a/b": 5 per minute',
      'rate_limit "a/*": 4 per hour',
    ],
    found: ["FMS084 5", "FMS084 6"],
  },
  {
    name: "limits of which each may be reached first",
    rules: [
      "permit a/*",
      'rate_limit "a/*": 5 per minute',
      'rate_limit "a/b": 4 per second',
      'rate_limit "*/c": 100 per hour',
    ],
    found: [],
  },
  {
    name: "two limits alike: the second",
    rules: ["permit t", 'rate_limit "t": 5 per hour', 'rate_limit "t": 5 per hour'],
    found: ["FMS084 6"],
  },
  { name: "a permit within the next", rules: ["permit t if x < 5", "permit t if x < 9"], found: ["FMS085 4"] },
  {
    name: "a permit within two others",
    rules: ["permit t if x > 0", "permit t if x < 5", "permit t if x >= 5"],
    found: ["FMS051 6"],
  },
  {
    name: "another answer between them",
    rules: ["permit t if x < 5", "defer t if y == 1", "permit t"],
    found: ["FMS081 5"],
  },
  { name: "a reason of its own", rules: ['permit t if x < 5 reason "small"', "permit t if x < 9"], found: [] },
  { name: "a deny within the default", rules: ["permit t if x < 5", "deny t"], found: [] },
  {
    name: "one that some tool needs",
    rules: ["permit a/*", "permit a/b"],
    found: ["FMS051 5"],
  },
  {
    name: "a length beyond the bounds: unknown of this tool alone",
    rules: ["permit t if len(x) > 20000", "deny t if y == 1", "permit u if y > 9 and y < 5"],
    found: ["FMS086 4", "FMS080 6"],
  },
  {
    name: "a rule of two tools, one of them beyond the bounds",
    rules: ["permit a/b if len(x) > 20000", "permit a/* if y == 1", "permit a/c if y == 1"],
    found: ["FMS086 4", "FMS051 6"],
  },
  {
    name: "limits of tools beyond the bounds",
    rules: [
      "deny t if len(x) > 20000",
      'rate_limit "t": 5 per hour',
      "budget b { max_calls = 5 tools = [t] }",
      'rate_limit "t": 9 per minute',
      'rate_limit "u": 9 per minute',
    ],
    found: ["FMS086 4", "FMS086 5", "FMS086 6", "FMS084 7", "FMS084 8"],
  },
  {
    name: "rules of one tool that are too many to be compared in pairs",
    rules: [...Array.from({ length: 100 }, (_, i) => `permit t if x == ${i}`), "deny t if x == 7"],
    found: ["FMS086 4", "FMS051 104"],
  },
  {
    name: "a list that must and must not hold",
    rules: ['permit t if l contains "a" and not l contains "a"'],
    found: ["FMS080 4"],
  },
];

for (const { name, rules, found } of cases) {
  test(name, () => {
    const text = `runtime { mode = "enforce" }\nagent "a" {\n  default deny\n${rules.join("\n")}\n}\n`;
    const { diagnostics } = compile(text, { file: "governance.fms", reasoner: reasonAbout });
    const exact = diagnostics.filter(({ code }) =>
      ["FMS051", "FMS080", "FMS081", "FMS084", "FMS085", "FMS086"].includes(code),
    );
    assert.equal(
      exact.map(({ code, line }) => `${code} ${line}`),
      found,
    );
  });
}

test("many rules of one tool, each with a bound and a currency of its own, are looked at; a thousand with either of them are beyond the bounds", () => {
  const said = (word: string, count: number): string[] => {
    const rules = Array.from(
      { length: count },
      (_, i) => `permit t if x ${word === "and" ? "<" : "=="} ${i} ${word} y == "C${i}"`,
    );
    const text = `runtime { mode = "enforce" }\nagent "a" {\n  default deny\n${rules.join("\n")}\n}\n`;
    const { stack } = compile(text, { file: "governance.fms" });
    return stack === undefined ? [] : reasonAbout(stack).map(({ message }) => message);
  };
  assert.equal(said("and", 400), [
    "whether the order of this rule and 399 others matters is unknown: 100 rules of one tool or more are not compared in pairs",
  ]);
  assert.equal(said("or", 1000), ["whether this rule and 999 others can ever fire is unknown: too many steps"]);
});

test("patterns that cannot be told apart together are told as unknown, in words", () => {
  const rules = Array.from({ length: 24 }, (_, i) => `permit "*${String.fromCharCode(97 + i)}*${i}*"`);
  const text = `runtime { mode = "enforce" }\nagent "a" {\n  default deny\n${rules.join("\n")}\n}\n`;
  const { diagnostics } = compile(text, { file: "governance.fms", reasoner: reasonAbout });
  const said = diagnostics.filter(({ code }) => code === "FMS086").map(({ message }) => message);
  assert.equal(said, [
    "whether this rule and 23 others can ever fire is unknown: tool patterns that cannot be told apart together",
  ]);
});

test("a rule that is said to be out of reach decides no call", async () => {
  let said = 0;
  for (let seed = 1; seed <= 80; seed++) {
    const random = new Random(seed);
    const networked = random.oneIn(4);
    const draft = await acceptable(engines, policyDraft(random, networked));
    if (draft === null) continue;
    const { image, diagnostics } = compile(policyText(draft), { file: "policy.fms", reasoner: reasonAbout });
    if (image === undefined) continue;
    const dead = new Set(
      diagnostics.filter(({ code }) => code === "FMS051" || code === "FMS080").map(({ line }) => line),
    );
    said += dead.size;
    if (dead.size === 0) continue;
    const policy = loadPolicySync(image, {
      state: "volatile",
      meterCapacity: 256,
      arenaBytes: 65_536,
      requestBytes: 0,
    });
    policy.activatePhases(START_MS);
    const infos = policy.rules();
    for (const { request, options } of callDrafts(random, 200, "forward", networked)) {
      const { rule } = policy.decide(request, { now: options.now });
      const line = rule === null ? undefined : infos[rule]?.line;
      assert.not.ok(line !== undefined && line !== null && dead.has(line), `seed ${seed}: line ${line} decided`);
    }
  }
  assert.ok(said > 8, `${said}`);
});

test.run();
