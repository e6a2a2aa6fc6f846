// Two machines agree, compiling twice gives the same bytes, and explaining a call decides it without changing anything.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { EvaluationRequest, TestTrace } from "../../runtime/evaluator/index.ts";
import { loadPolicySync as loadSmall } from "../../runtime/evaluator/small.ts";
import { everyCall, everyPart, imageOf, noon, open, randomOf } from "./policies.ts";

test("F12 the same text gives the same image", () => {
  assert.equal(imageOf(everyPart), imageOf(everyPart));
  assert.is(open(everyPart).info.policy_hash, open(`# a comment\n${everyPart}`).info.policy_hash);
  assert.is.not(open(everyPart).info.policy_hash, open(everyPart.replace("$100", "$101")).info.policy_hash);
});

test("two machines give the same answers and state hashes, and explain what they decide", () => {
  const [one, two] = [open(everyPart), open(everyPart, { meterCapacity: 128, arenaBytes: 1 << 16 })];
  const random = randomOf(11);
  let now = noon;
  one.activatePhases(now);
  two.activatePhases(now);
  for (let i = 0; i < 2000; i++) {
    now += random(60_000);
    const request = { ...(everyCall[random(everyCall.length)] as EvaluationRequest), session_id: `s${random(3)}` };
    const options = { now, approved: random(4) === 0 ? ["rule:4", "budget:session", "default"] : [] };
    const before = two.stateHash();
    const explained = two.explain(request, options).verdict;
    assert.is(two.stateHash(), before);
    const [a, b] = [one.decide(request, options), two.decide(request, options)];
    assert.equal(a, b);
    const { warnings: _said, ...rest } = a;
    assert.equal({ ...explained, warnings: undefined }, { ...rest, warnings: undefined });
    if (i % 100 === 0) assert.is(one.stateHash(), two.stateHash());
  }
  assert.is(one.stateHash(), two.stateHash());
});

/** What a condition's tests are told as, for these arguments. */
function told(condition: string, args: EvaluationRequest["args"], rest = "", strict = false): TestTrace[] {
  const text = `runtime { strict_guards = ${strict} }\nagent "a" { default permit ${rest} deny x if ${condition} }`;
  const { rules } = open(text).explain(
    { agent_id: "a", tool_id: "x", ...(args === undefined ? {} : { args }) },
    { now: noon },
  );
  return [...(rules[0]?.tests ?? [])];
}

const line = ({ operand, operator, expected, found, result }: TestTrace): string =>
  `${operand} ${operator} ${expected}: ${found}, ${result}`;

const sentences: readonly (readonly [string, string])[] = [
  ["n > 3", "n > 3: 5, true"],
  ["n != 3", "n != 3: 5, true"],
  ["n >= 9", "n >= 9: 5, false"],
  ["3 > n", "n < 3: 5, false"],
  ["not (n < 3)", "n >= 3: 5, true"],
  ["n not in [3, 4]", "n not in [3, 4]: 5, true"],
  ['n in [3, "a", true, nil]', 'n in [3, "a", true, nil]: 5, false'],
  ["u > 3", "u > 3: missing, unknown"],
  ["u != nil", "u != nil: missing, false"],
  ['s contains "b"', 's contains "b": "abc", true'],
  ['not (s matches "b+")', 's does not match its pattern: "abc", false'],
  ["s != t", 's != "abd": "abc", true'],
  ["flag", "flag is true: true, true"],
  ["not flag", "flag is not true: true, false"],
  ["len(s) > 3", "len(s) > 3: 3, false"],
  ["(n + 1) * 2 > n - -n", "(n + 1) * 2 > 10: 12, true"],
  ["time.hour > 11", "time.hour > 11: 12, true"],
  ['tool != "y"', 'tool != "y": "x", true'],
  ["a.b[0].c == 1", "a.b[0].c == 1: 1, true"],
];

test("tests are told with the policy's operators, with strict guards and without", () => {
  const args = { n: 5, s: "abc", t: "abd", flag: true, a: { b: [{ c: 1 }] } };
  for (const [condition, wanted] of sentences) {
    for (const strict of [false, true])
      assert.equal(told(condition, args, "", strict).map(line), [wanted], `${condition}, strict ${strict}`);
  }
});

test("I05 values at redacted paths, and what is made of or compared with them, are never shown", () => {
  const args = { card: { number: "4111", cvv: 123 }, items: [{ secret: "s3cr3t" }], other: "4111", n: 4 };
  const redact = 'redact x args: ["card.number", "items[].secret", "pin"]';
  for (const condition of [
    'card.number == "1"',
    "len(card.number) > 9",
    'lower(card.number) != "z"',
    'items[0].secret contains "q"',
    "other != card.number",
    "card.number != other",
    "other in items[0].secret",
    "pin == nil",
    "card != nil",
    "card.number contains other",
  ]) {
    for (const strict of [false, true]) {
      const tests = told(condition, args, redact, strict);
      assert.ok(tests.length > 0, condition);
      for (const t of tests) {
        assert.is(t.found, "redacted", `${condition}: ${line(t)}`);
        assert.not.match(`${t.found} ${t.expected}`, /4111|s3cr3t/, condition);
      }
    }
  }
  assert.is(told("card.cvv > 999", args, redact)[0]?.found, "123");
});

test("limits and budgets are told also where a rollout phase decides", () => {
  const policy = open(`agent "a" {
    default deny
    rate_limit "p": 1 per hour
    budget b { max = $1 cost = 0.6 }
    phase "trial" { duration = "2h" next = "enforce" tools = ["p"] rules { permit p if n > 1 } }
  }`);
  policy.activatePhases(noon);
  const request = { agent_id: "a", tool_id: "p", args: { n: 2 } };
  assert.equal(policy.explain(request, { now: noon }).meters, [
    "phase trial is active",
    "limit p 1 per 3600 s: has a token",
    "budget b: has room",
  ]);
  assert.equal(policy.decide(request, { now: noon }).phase, "trial");
  assert.equal(policy.explain(request, { now: noon }).meters, [
    "phase trial is active",
    "limit p 1 per 3600 s: no token left",
  ]);
});

const gated = `agent "a" {
  default permit
  redact x args: ["host"]
  egress { allow ["a.example"] deny ["b.example"] }
  model_policy { deny ["old-*"] }
}`;

const gateTold: readonly (readonly [string, Partial<EvaluationRequest>, readonly string[]])[] = [
  ["nothing to look at", {}, ["model_policy: no model is allowed", "egress: no host is allowed"]],
  [
    "a host that is not allowed",
    { http: { host: "evil.example" }, model: "new" },
    ['model_policy: model "new" is allowed', 'egress: host "evil.example" is not allowed'],
  ],
  [
    "a host that is denied",
    { http: { host: "b.example" } },
    ["model_policy: no model is allowed", 'egress: host "b.example" is not allowed'],
  ],
  [
    "a host that is allowed",
    { http: { host: "A.example" } },
    ["model_policy: no model is allowed", 'egress: host "A.example" is allowed'],
  ],
  [
    "a model that is denied",
    { model: "old-1", http: { host: "a.example" } },
    ['model_policy: model "old-1" is not allowed'],
  ],
  ["a model call without a model", { action_type: "model_call" }, ["model_policy: no model is not allowed"]],
  [
    "a redacted host",
    { args: { host: "secret.example" }, tool_id: "x" },
    ["model_policy: no model is allowed", "egress: host redacted is not allowed"],
  ],
];

for (const [name, rest, expected] of gateTold) {
  test(`gates are told: ${name}`, () => {
    const policy = open(gated);
    const { rules, meters } = policy.explain({ agent_id: "a", tool_id: "t", ...rest }, { now: noon });
    assert.equal([rules, meters], [[], expected]);
  });
}

test("a gate has no number, no place among the rules, and counts as steps", () => {
  const policy = open(`${gated.slice(0, -1)} permit t }`);
  assert.is(policy.info.rules, 1);
  assert.equal(
    policy.rules().map((rule) => rule.text),
    ["permit t"],
  );
  // A rule without a condition is one step; a gate one and its instructions: 2 + 1 + 1 of egress, 2 + 1 + 1 of the models.
  assert.is(policy.info.worst_case_steps, 11);
  assert.is(policy.tool("a", "u")?.named, false);
});

test("a policy tells its tools, limits and budgets", () => {
  const { info } = open(
    'agent "a" { default deny permit t if n < 5 permit s/* deny t rate_limit "t": 3 per minute rate_limit "t": 9 per hour budget daily { max = $1 } }',
  );
  assert.equal([info.tools, info.budgets, info.agents, info.anonymous], [["t", "s/*"], ["daily"], ["a"], false]);
  assert.equal(
    info.limits.map(({ count, window_seconds }) => [count, window_seconds]),
    [
      [3, 60],
      [9, 3600],
    ],
  );
  assert.equal(JSON.parse(JSON.stringify(info)), { ...info });
});

test("without an explainer nothing is told", () => {
  const policy = loadSmall(imageOf('agent "a" { default deny }'));
  assert.throws(() => policy.explain({ agent_id: "a", tool_id: "t" }, { now: noon }), /pass an explainer/);
  assert.is(policy.decide({ agent_id: "a", tool_id: "t" }, { now: noon }).code, "POLICY_DENY");
});

test.run();
