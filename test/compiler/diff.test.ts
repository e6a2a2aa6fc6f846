// Pairs of policies and the changes between them, in the author's words: `+` added, `-` removed, `~` changed.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { diffStacks, isUnchanged, itemKinds, type StackChanges } from "../../compiler/diff.ts";
import { parse } from "../../compiler/parse.ts";

function changes(before: string | null, after: string): StackChanges {
  const stack = (text: string) => {
    const { stack: parsed, findings } = parse([{ file: "governance.fms", text }]);
    if (parsed === null) throw new Error(findings.map(({ message }) => message).join("; "));
    return parsed;
  };
  return diffStacks(before === null ? null : stack(before), stack(after));
}

function lines({ rules, items }: StackChanges): string[] {
  return [
    ...rules.changed.map(({ before, after }) => `~ ${before.text} → ${after.text}${after.where}`),
    ...rules.added.map(({ text, where }) => `+ ${text}${where}`),
    ...rules.removed.map(({ text, where }) => `- ${text}${where}`),
    ...itemKinds.flatMap((kind) => [
      ...items[kind].changed.map(({ before, after }) => `${kind} ~ ${before} → ${after}`),
      ...items[kind].added.map((text) => `${kind} + ${text}`),
      ...items[kind].removed.map((text) => `${kind} - ${text}`),
    ]),
  ];
}

const inAgent = (body: string): string => `agent "a" { default deny\n${body}\n}`;

const cases: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    "layout, comments and dialect do not count",
    inAgent('permit x if a == 1 reason "r"'),
    inAgent('# c\nallow x\n when a==1  reason: "r";'),
    [],
  ],
  [
    "a changed condition",
    inAgent("permit x if a < $500"),
    inAgent("permit x if a < $250"),
    ["~ permit x if a < $500 → permit x if a < $250"],
  ],
  ["a condition gone", inAgent("permit x if a < 5"), inAgent("permit x"), ["~ permit x if a < 5 → permit x"]],
  ["another effect is another rule", inAgent("defer x"), inAgent("deny x"), ["+ deny x", "- defer x"]],
  ["another pattern is another rule", inAgent("permit x"), inAgent("permit y"), ["+ permit y", "- permit x"]],
  [
    "of several rules about one tool the equal ones stay",
    inAgent("permit x if a == 1\npermit x if a == 2\npermit x if a == 3"),
    inAgent("permit x if a == 1\npermit x if a == 9\npermit x if a == 3"),
    ["~ permit x if a == 2 → permit x if a == 9"],
  ],
  ["equal rules are counted", inAgent("permit x\npermit x"), inAgent("permit x"), ["- permit x"]],
  [
    "order is a change of its own",
    inAgent("permit x\ndeny x if a == 1"),
    inAgent("deny x if a == 1\npermit x"),
    ['order ~ rules of agent "a" → in another order'],
  ],
  [
    "words for people",
    inAgent('deny x reason "a"'),
    inAgent('deny x reason "b"'),
    ['wording ~ deny x reason "a" → reason "b"'],
  ],
  ["default", "agent a { default deny }", "agent a { default permit }", ["defaults ~ default deny → default permit"]],
  ["no default is deny", "agent a { permit x }", "agent a { default deny permit x }", []],
  [
    "variables",
    inAgent("var v = 1"),
    inAgent("var v = 2\nvar w = 1"),
    ["vars ~ var v = 1 → var v = 2", "vars + var w = 1"],
  ],
  [
    "budgets, whatever the order of their fields",
    inAgent("budget b { max = $10, max_calls = 3 }"),
    inAgent("budget b { max_calls = 3, max = $20 }"),
    ["budgets ~ budget b { max = $10, max_calls = 3 } → budget b { max = $20, max_calls = 3 }"],
  ],
  [
    "limits",
    inAgent('rate_limit "x": 3 per hour'),
    inAgent('rate_limit "x": 3 per 10m'),
    ['rate_limits ~ rate_limit "x": 3 per hour → rate_limit "x": 3 per 10m'],
  ],
  ["redactions", inAgent('redact x args: ["card"]'), inAgent(""), ['redactions - redact x args: ["card"]']],
  [
    "phases and their rules",
    inAgent('phase "p" { duration = 1h tools = ["x"] rules { permit x } }'),
    inAgent('phase "p" { duration = 2h tools = ["x"] rules { deny x } }'),
    [
      '+ deny x (phase "p")',
      '- permit x (phase "p")',
      'phases ~ phase "p" { duration = 1h, tools = ["x"] } → phase "p" { duration = 2h, tools = ["x"] }',
    ],
  ],
  [
    "gates",
    inAgent('egress { allow ["a.example"] } model_policy { deny ["m-1"] }'),
    inAgent('egress { allow ["a.example", "b.example"] }'),
    [
      'egress ~ egress { allow ["a.example"] } → egress { allow ["a.example", "b.example"] }',
      'model_policy - model_policy { deny ["m-1"] }',
    ],
  ],
  ["runtime", "runtime { mode = enforce }", "runtime { mode = audit }", ["runtime ~ mode = enforce → mode = audit"]],
  [
    "several agents are named",
    "agent a { default deny permit x } agent b { default deny }",
    "agent a { default deny permit x } agent b { default deny permit y }",
    ['+ permit y (agent "b")'],
  ],
  ["flat rules", "permit x", "permit x\npermit y", ["+ permit y"]],
];

for (const [name, before, after, expected] of cases) {
  test(name, () => {
    const found = changes(before, after);
    assert.equal(lines(found), expected);
    assert.is(isUnchanged(found), expected.length === 0);
  });
}

test("against nothing everything is added", () => {
  assert.equal(lines(changes(null, inAgent("permit x"))), [
    "+ permit x",
    'agents + agent "a"',
    "defaults + default deny",
  ]);
});

test.run();
