// Asserts as a table, and against the machine: what is said to be proved is broken by no call of a sample, and a call that is
// shown to break an assert breaks it.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Outcome, tryAsserts } from "../../cli/asserts.ts";
import { compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { encodings, tryGenerated } from "./asserts.ts";

interface Case {
  readonly name: string;
  readonly rules: string;
  /** Assert and what comes of it. */
  readonly asserts: readonly (readonly [string, Outcome])[];
}

const cases: readonly Case[] = [
  {
    name: "bounds of one argument",
    rules: "permit t if x < 5",
    asserts: [
      ["never permit t if x >= 5", "proved"],
      ["never permit t if x >= 4", "refuted"],
      ["never permit t if x > 4 and x < 5", "refuted"],
      ["always permit t if x < 5", "proved"],
      ["always permit t if x <= 5", "refuted"],
      ["never permit t if x == nil", "proved"],
      ["never permit t", "refuted"],
      ["never permit u", "proved"],
      ["never permit **", "refuted"],
      ["always deny t if not (x < 5)", "proved"],
      ["always deny t", "refuted"],
    ],
  },
  {
    name: "patterns that cross",
    rules: "deny! a/** if x == 1 permit */b",
    asserts: [
      ["never permit a/b if x == 1", "proved"],
      ["never permit a/b", "refuted"],
      ["never permit a/*/b", "proved"],
      ["always permit */b if x == 2", "proved"],
      ["always permit */b", "refuted"],
    ],
  },
  {
    name: "what no call shows",
    rules: 'permit t if x < y permit u if history_tool_count("t") > 2 deny v if x != x permit v',
    asserts: [
      ["never permit t if x > 5", "refuted"],
      ["never permit u", "unproved"],
      ["never permit t if x == nil", "unproved"],
      ["never defer t", "proved"],
      ["never deny v", "unproved"],
    ],
  },
  {
    name: "what several arguments say together, found by trying",
    rules: `permit s if a + b + c <= 100 defer s if a + b > 60 permit m if amount % 7 == 3
      permit q if amount * rate < 1000 and currency == "usd" permit w if to == owner permit z if lower(to) == lower(from)
      permit l if args_array_len("to") < n`,
    asserts: [
      ["never permit s if a > 90", "refuted"],
      ["never defer s if c == 0", "refuted"],
      ["always deny s if a + b + c > 100", "refuted"],
      ["never permit s if a + b + c > 100", "unproved"],
      ["never permit m if amount > 500", "refuted"],
      ["never permit m if amount % 7 != 3", "unproved"],
      ["never permit q if amount > 5000", "refuted"],
      ["never permit q if amount * rate >= 1000", "unproved"],
      ['never permit q if currency == "eur"', "proved"],
      ['never permit w if to == "boss"', "refuted"],
      ["never permit z if to != from", "refuted"],
      ["never permit l if n == 3", "refuted"],
      ["never permit l if n == 0", "unproved"],
    ],
  },
  {
    name: "rollouts and workflow phases, running and not",
    rules:
      "phase late { duration = 48h tools = [r] rules { permit r } } deny r if x == 1 phase one { permit w } phase two { permit z }",
    asserts: [
      ["never permit r", "refuted"],
      ["always permit r if x == 2", "refuted"],
      ["never permit w", "refuted"],
      ["always permit z", "refuted"],
      ["never defer w", "proved"],
    ],
  },
  {
    name: "hosts",
    rules: 'permit h host "*.x.org" egress { allow ["*.x.org"] deny ["bad.x.org"] }',
    asserts: [
      ['never permit h host "bad.x.org"', "proved"],
      ['always permit h host "a.x.org"', "proved"],
      ['always permit h host "*.x.org"', "refuted"],
    ],
  },
  {
    name: "recipients are counted where a number is compared with them, and looked into where one is sought",
    rules: "deny m if recipients contains 3 permit m if recipients <= 2",
    asserts: [
      ["never permit m if recipients contains 3", "proved"],
      ["never permit m if recipients contains 4", "refuted"],
      ["never deny m if not (recipients contains 3) and recipients <= 2", "proved"],
      ["never deny m if not (recipients contains 3)", "refuted"],
    ],
  },
  {
    name: "one header in several spellings",
    rules: 'deny! h if headers.X-A == "1" or headers.x-a == "2" permit h header x-a="*"',
    asserts: [
      ['never permit h header X-a="1"', "proved"],
      ['never permit h if headers.X-a == "2"', "proved"],
      ['never permit h header X-a="3"', "refuted"],
    ],
  },
  {
    name: "a rule of the assert's own alone",
    rules: "var cap = 5 permit t if x < cap",
    asserts: [
      ["never permit t if x > vars.cap", "proved"],
      ["always permit t if vars.cap > x", "proved"],
    ],
  },
];

for (const { name, rules, asserts } of cases) {
  test(name, () => {
    const lines = asserts.map(([text]) => `  assert ${text}`).join("\n");
    const { image, stack, diagnostics } = compile(`agent a {\n  default deny ${rules}\n${lines}\n}\n`, {
      file: "p.fms",
    });
    if (image === undefined || stack === undefined) throw new Error(diagnostics.map(({ message }) => message).join());
    const tried = tryAsserts({ image, stack });
    assert.equal(
      tried.map(({ outcome }, i) => `${asserts[i]?.[0]}: ${outcome}`),
      asserts.map(([text, outcome]) => `${text}: ${outcome}`),
    );
    for (const { outcome, counter, why } of tried) {
      assert.is(counter !== null, outcome === "refuted");
      assert.is(why === "", outcome === "proved");
    }
  });
}

test("asserts of the top level are of every agent, and see no agent's variables", () => {
  const text =
    "agent a { default deny permit t var cap = 1 deny u if x == cap }\nagent b { default deny }\nassert never permit t\n";
  const { image, stack } = compile(text, { file: "p.fms" });
  if (image === undefined || stack === undefined) throw new Error("it compiles");
  assert.equal(
    tryAsserts({ image, stack }).map(({ asked, outcome }) => [asked.id, outcome]),
    [
      ["a", "refuted"],
      ["b", "proved"],
    ],
  );
  const codes = compile(`${text}assert never permit t if x > vars.cap\n`, { file: "p.fms" }).diagnostics.map(
    ({ code }) => code,
  );
  assert.ok(codes.includes("FMS021"));
});

test("asserts are no part of what is compiled: the policy hash stays", () => {
  for (const [bare, asserted] of encodings) {
    const [a, b] = [bare, asserted].map((text) => {
      const { image } = compile(text, { file: "p.fms" });
      if (image === undefined) throw new Error("it compiles");
      return loadPolicySync(image, { state: "volatile" }).info.policy_hash;
    });
    assert.is(a, b);
  }
});

test("no call of a sample breaks what is proved, and every counter-example is confirmed", async () => {
  const { proved, refuted, broken, calls } = await tryGenerated(50, 1);
  assert.equal(broken, []);
  assert.ok(proved > 30 && refuted > 30 && calls > 300, `${proved} proved, ${refuted} refuted, ${calls} calls`);
});

test.run();
