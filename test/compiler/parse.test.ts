// Text to syntax tree: both dialects, contextual keywords, limits, and that no broken policy passes for a weaker one.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Agent, Block, Expr, Rule, Stack, Value } from "../../compiler/ast.ts";
import { checkStack } from "../../compiler/check.ts";
import { diagnosticCodes, type Finding } from "../../compiler/diagnostic.ts";
import { limits } from "../../compiler/limits.ts";
import { parse } from "../../compiler/parse.ts";
import { conditionText, ruleText, valueText } from "../../compiler/text.ts";

function read(text: string): { stack: Stack | null; findings: Finding[] } {
  return parse([{ file: "governance.fms", text }]);
}

function valid(text: string): Stack {
  const { stack, findings } = read(text);
  assert.equal(
    findings.map((f) => `${f.span.start} ${f.message}`),
    [],
    text.slice(0, 200),
  );
  if (stack === null) throw new Error("no stack");
  return stack;
}

function agentOf(body: string): Agent {
  const [agent] = valid(`agent "a" {\n${body}\n}`).agents;
  if (agent === undefined) throw new Error("no agent");
  return agent;
}

function rulesOf(body: string): readonly Rule[] {
  return agentOf(body).rules;
}

function condition(text: string): Expr {
  const [rule] = rulesOf(`permit t if ${text}`);
  if (rule?.condition === undefined || rule.condition === null) throw new Error(`no condition in ${text}`);
  return rule.condition;
}

/** The tree without places. */
function bare(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value, (key, part: unknown) =>
      key === "span" || key.endsWith("Span") || key === "sources" ? undefined : part,
    ),
  );
}

function codes(text: string): string[] {
  return read(text).findings.map((f) => f.code);
}

const dialects: readonly (readonly [string, string])[] = [
  ['permit t if c reason "x"', 'permit t when c reason: "x"'],
  ["permit t if a and b", "allow t if a && b"],
  ["permit t if a or not b", "approve t when a || !b"],
  ["deny t", "block t"],
  ["deny t", "reject t;"],
  ['permit t if n matches "^a$"', 'permit t if n =~ "^a$"'],
  ['permit t if n starts_with "a"', 'permit t if n startsWith "a"'],
  ['permit t if n ends_with "a"', "permit t if n endsWith 'a'"],
  ["permit t if x == nil", "permit t if x == null"],
  ["default deny", "default = deny"],
  ["default deny", "default: deny;"],
  ["var x = 5", "var x: 5"],
  ["var x = 5", "var x 5"],
  ["rules { permit a deny b }", "permit a\ndeny b"],
  ["rules { permit a deny b }", "rules {\n permit a,\n deny b;\n}"],
  ['rate_limit "search": 3 per hour', "rate_limit search 3 per 60m"],
  ['rate_limit "a/*": 10 per 10m', 'rate_limit a/*: 10 per "10m"'],
  ['redact t args: ["card"]', "redact t args [card,]"],
  ["budget b { max $5 daily $6 }", "budget b { max = $5, daily: $6; }"],
  ["budget b { max $5 tools [a/*, b] }", 'budget "b" { max $5 tools = ["a/*", "b",] }'],
  ['permit t notify "ops" reason "r"', 'permit t reason: "r" notify: "ops"'],
  ['phase p { duration = "48h" tools = ["x"] permit x }', "phase p { duration 48h tools [x] rules { allow x } }"],
];

for (const [one, other] of dialects) {
  test(`both dialects give one tree: ${other.replace(/\n/g, " ")}`, () => {
    const plain = (text: string): unknown => {
      const tree = JSON.stringify(bare(agentOf(text)));
      return tree
        .replace('"kind":"word","value":"ops"', '"kind":"string","value":"ops"')
        .replace(/"text":"60m"/g, '"text":"hour"');
    };
    assert.is(plain(one), plain(other));
  });
}

const contextual = [
  "permit agent/run", "deny default/*", "permit path", "defer rules/host", "permit permit/deny", "deny! phase/**",
  'permit a if host == "x"', "permit a if args.default > 3", "permit a if reason == nil and deny != nil", "permit a if permit == 1",
  "permit if if if == 1", "permit a if phase.agent.rules[0].var == true", "permit a if in_x in [in, not-in, permit]",
  "var reason = 1\n permit a if reason < 2", "var path = permit\n deny path if path == path", 'permit a path "/x" if path == "/x"',
  "permit a if time.hour < 18 and day == 3", "permit a if budget < 3 deny b", "permit a if contains contains contains",
]; // biome-ignore format: a table

for (const text of contextual) {
  test(`keywords are contextual: ${text.replace(/\n/g, " ")}`, () => {
    assert.ok(rulesOf(text).length >= 1);
  });
}

test("white space separates rules, newlines are no more than that", () => {
  for (const text of [
    "permit a\n deny b",
    "permit a deny b",
    "permit a;deny b",
    "permit\na\ndeny\nb",
    "permit a # deny c\n// deny d\ndeny b",
  ]) {
    assert.equal(rulesOf(text).map(ruleText), ["permit a", "deny b"], text);
  }
});

test("comments begin only where a token could", () => {
  assert.is(rulesOf("permit a//b")[0]?.pattern.text, "a//b");
  assert.is(rulesOf("permit a#b")[0]?.pattern.text, "a#b");
  assert.equal(rulesOf('permit a reason "x // y # z"')[0]?.reason, "x // y # z");
  assert.equal(read('trust { key "hub" ed25519:Ab//c+d== }').findings, []);
});

const precedence: readonly (readonly [string, string])[] = [
  ["a or b and c", "(a or (b and c))"],
  ["not a and b", "((not a) and b)"],
  ["not a == b", "(not (a == b))"],
  ["not a < 1 or not not b", "((not (a < 1)) or (not (not b)))"],
  ["a + b * c < d - e / f", "((a + (b * c)) < (d - (e / f)))"],
  ["a - b - c == 0", "(((a - b) - c) == 0)"],
  ["-a * b < -1", "(((-a) * b) < -1)"],
  ["a % 2 == 0 and b not in [1, 2]", "(((a % 2) == 0) and (b not in [1, 2]))"],
  ["(a or b) and c", "((a or b) and c)"],
  ["a-b == 1", "(a-b == 1)"],
  ["a - b == 1", "((a - b) == 1)"],
  ["a / b == a*b", "((a / b) == (a * b))"],
  ["!(a) && b", "((not a) and b)"],
];

function nested(e: Expr): string {
  switch (e.kind) {
    case "logical":
    case "compare":
    case "arithmetic":
      return `(${nested(e.left)} ${e.operator} ${nested(e.right)})`;
    case "not":
      return `(not ${nested(e.operand)})`;
    case "negate":
      return `(-${nested(e.operand)})`;
    default:
      return conditionText(e);
  }
}

for (const [text, tree] of precedence) {
  test(`binding strength: ${text}`, () => assert.is(nested(condition(text)), tree));
}

test("methods, functions and lengths", () => {
  assert.is(nested(condition('x.starts_with("a") and len(y.z) > 2')), '(x.starts_with("a") and (len(y.z) > 2))');
  assert.equal(bare(condition("a.b[0].length > 1")), bare(condition("a.b[0].length > 1")));
  assert.equal((condition("a.b[0].c") as { path: unknown }).path, ["a", "b", 0, "c"]);
  assert.is(nested(condition("lower(x).length > 1")), "(len(lower(x)) > 1)");
});

test("escapes: an unknown backslash stays", () => {
  const text = (written: string): unknown => bare((condition(`x == ${written}`) as { right: unknown }).right);
  assert.equal(text(String.raw`"\."`), text(String.raw`"\\."`));
  assert.equal(text(String.raw`"a\n\t\"\u0041"`), { kind: "string", value: 'a\n\t"A' });
  assert.equal(text(String.raw`'it\'s'`), { kind: "string", value: "it's" });
  assert.equal(text(String.raw`"\d\u12"`), { kind: "string", value: String.raw`\d\u12` });
});

test("numbers keep their unit", () => {
  const field = (text: string): unknown => bare(agentOf(`var x = ${text}`).vars[0]?.value);
  assert.equal(field("$10.50"), { kind: "number", value: 10.5, unit: "money", text: "$10.50" });
  assert.equal(field("1h30m"), { kind: "number", value: 5400, unit: "duration", text: "1h30m" });
  assert.equal(field("500ms"), { kind: "number", value: 0.5, unit: "duration", text: "500ms" });
  assert.equal(field("10kb"), { kind: "number", value: 10_240, unit: "size", text: "10kb" });
  assert.equal(field("-1"), { kind: "number", value: -1, unit: "plain", text: "-1" });
  assert.equal(field("1e3"), { kind: "number", value: 1000, unit: "plain", text: "1e3" });
  assert.equal(codes("agent a { var x = 1x }"), ["FMS012"]);
  assert.equal(codes("agent a { var x = $1,000 }"), ["FMS002"]);
  assert.equal(codes("permit a if x < 1.2.3"), ["FMS012"]);
});

test("deny! is one word, deny !x is none", () => {
  assert.is(rulesOf("deny! x")[0]?.effect, "deny!");
  assert.equal(codes("reject! x"), ["FMS002"]);
  const { stack } = read("deny !x");
  assert.ok(stack !== null && checkStack(stack).findings.some((f) => f.code === "FMS024"));
});

test("a phase at the top belongs to the only agent", () => {
  const stack = valid("agent a { default deny }\nphase p { duration 1h tools [x] permit x }");
  assert.is(stack.agents[0]?.phases[0]?.durationMs, 3_600_000);
  assert.equal(codes("phase p { duration 1h tools [x] permit x }"), ["FMS026"]);
});

test("gates keep their lists as they are written", () => {
  const agent = agentOf("egress { allow [api.x.com, *.y.com] deny [] } model_policy { allow: gpt-4.1; deny = hosts }");
  const lists = (gate: Agent["egress"] | undefined): unknown => gate?.fields.map((f) => [f.name, valueText(f.value)]);
  assert.equal(lists(agent.egress), [
    ["allow", "[api.x.com, *.y.com]"],
    ["deny", "[]"],
  ]);
  assert.equal(lists(agent.modelPolicy), [
    ["allow", "gpt-4.1"],
    ["deny", "hosts"],
  ]);
  assert.equal([agentOf("").egress, agentOf("egress { }").egress?.fields], [null, []]);
});

test("flat rules belong to an anonymous agent", () => {
  const stack = valid("permit a\nagent b { default deny }\ndeny c");
  assert.equal(stack.anonymous?.rules.map(ruleText), ["permit a", "deny c"]);
});

test("a budget of a fleet parses and is refused by name", () => {
  const stack = valid("agent a { budget daily { max $5, scope fleet } }");
  const found = checkStack(stack).findings.filter((f) => f.code === "FMS010");
  assert.equal(
    found.map(({ message }) => message),
    ["`scope = fleet` is not supported yet"],
  );
});

test("blocks keep their names, entries and values", () => {
  const stack = valid(
    `provider "v" { type = "vault" token = env("T") }
     trust { key "r" ed25519:A//b= }
     manifest grant o to p max 5 approval
     agent a { alert { on deny "approved", notify ops } delegate { to b } delegate c { scope "x" "y" } session { idle_timeout 5m } }`,
  );
  const shown = (value: Value): unknown =>
    value.kind === "list"
      ? value.items.map(shown)
      : value.kind === "env"
        ? `env ${value.variable}`
        : value.kind === "nil"
          ? null
          : value.value;
  const plain = (blocks: readonly Block[]) =>
    blocks.map(({ keyword, name, entries }) => [keyword, name, entries.map((e) => [e.name, ...e.values.map(shown)])]);
  assert.equal(plain(stack.blocks), [
    ["provider", "v", [["type", "vault"], ["token", "env T"]]],
    ["trust", null, [["key", "r", "ed25519:A//b="]]],
    ["manifest", "grant", [["grant", "o"], ["to", "p"], ["max", 5], ["approval", true]]],
  ]); // biome-ignore format: a table
  assert.equal(plain(stack.agents[0]?.blocks ?? []), [
    ["alert", null, [["on", "deny", "approved"], ["notify", "ops"]]],
    ["delegate", null, [["to", "b"]]],
    ["delegate", "c", [["scope", "x", "y"]]],
    ["session", null, [["idle_timeout", 300]]],
  ]); // biome-ignore format: a table
});

test("malformed text in a later block is still an error", () => {
  for (const text of [
    "agent a { credential c { backend = } }",
    "provider p { x [1 2] }",
    "import x",
    "agent a { egress { allow [ } }",
    "trust { key ed25519:x }",
    "manifest orchestrator o",
  ]) {
    assert.ok(codes(text).length > 0, text);
  }
});

test("several mistakes give several messages, one each", () => {
  const text =
    'agent "a" {\n default dney\n rules {\n  permt x\n  permit y iff z\n  permit ok\n }\n budgt b { max 5 }\n}\nagnt "b" { default deny }\npermit q';
  const words = read(text).findings.map((f) => text.slice(f.span.start, f.span.end));
  assert.equal(words, ["dney", "permt", "iff", "budgt", "agnt"]);
});

test("what follows a broken statement is kept", () => {
  const { stack } = read("agent a {\n rules {\n permit a\n permt b\n deny c\n }\n}");
  assert.equal(stack?.agents[0]?.rules.map(ruleText), ["permit a", "deny c"]);
});

test("parentheses nest to the limit and no further", () => {
  const deep = (n: number): string => `permit t if ${"(".repeat(n)}x${")".repeat(n)}`;
  valid(deep(limits.nestedParentheses));
  assert.equal(codes(deep(limits.nestedParentheses + 1)), ["FMS004"]);
  assert.equal(codes(deep(200_000)), ["FMS004"]);
  assert.equal(codes(`permit t if x in ${"[".repeat(100_000)}`), ["FMS004"]);
  assert.ok(codes(`agent a { provider ${"{ a ".repeat(10_000)}`).length > 0);
});

test("a condition has a bounded number of operators", () => {
  valid(`permit t if ${"x or ".repeat(limits.conditionOperators)}x`);
  assert.equal(codes(`permit t if ${"x or ".repeat(limits.conditionOperators + 1)}x`), ["FMS004"]);
  assert.equal(codes(`permit t if ${"not ".repeat(100_000)}x`), ["FMS004"]);
});

test("sources, texts and rules have their limits", () => {
  assert.equal(codes(`# ${"x".repeat(limits.sourceBytes)}`), ["FMS004"]);
  valid(`# ${"x".repeat(limits.sourceBytes - 2)}`);
  assert.equal(codes(`permit a reason "${"x".repeat(limits.stringBytes + 1)}"`), ["FMS004"]);
  valid(`permit a reason "${"x".repeat(limits.stringBytes)}"`);
  assert.equal(codes(`permit a reason "${"é".repeat(limits.stringBytes / 2 + 1)}"`), ["FMS004"]);
  assert.equal(codes("permit a\n".repeat(limits.rules + 1)), ["FMS004"]);
});

test("F07 byte order mark, line ends, tabs and long lines have a position or a meaning, never neither", () => {
  const marked = read("\ufeffpermit a");
  assert.equal(
    marked.findings.map((f) => [f.code, f.span.start]),
    [["FMS001", 0]],
  );
  assert.is(marked.stack, null);
  assert.equal(rulesOf("permit a\r\ndeny b\rdefer c\tif\tx").map(ruleText), ["permit a", "deny b", "defer c if x"]);
  const long = `permit a if x in [${'"v",'.repeat(250_000)}]`;
  assert.ok(long.length >= 1_000_000);
  valid(long);
  assert.equal(
    read(`${long} iff`).findings.map((f) => f.span.start),
    [long.length + 1],
  );
});

test("F07 unknown words, operators and fields are errors with a position", () => {
  for (const [text, at] of [
    ["permt a", 0],
    ["permit a whn x", 9],
    ["permit a if x === y", 16],
    ["permit a if x <> y", 15],
    ["permit a if x ~ y", 14],
    ["agent a { foo 1 }", 10],
  ] as const) {
    assert.is(read(text).findings[0]?.span.start, at, text);
  }
});

// Mutations

const samples = [
  'agent "bot" {\n  default deny\n  rules {\n    permit stripe/charge if amount < 500\n    defer stripe/refund when amount >= 10 and region == "eu" reason: "look"\n    deny! shell/**\n    permit mail/send if to matches "^a$" and not urgent reason "ok"\n  }\n}\n',
  'runtime { strict_guards = true }\nagent a {\n  default = deny\n  var top = 5\n  permit x if (a == 1 or b in [1, 2]) and c != nil\n  deny x\n  permit y if name.starts_with("q")\n  rate_limit "x": 3 per hour\n  redact x args: ["card"]\n  budget b { max $5 on_exceed deny }\n  phase p { duration = "48h" tools = ["z"] permit z if n < 3 }\n}\n',
  'permit a if x == "1"\nallow b when y > 2 && z\nblock c\n',
];

function permitsOf(stack: Stack): Map<string, string[]> {
  const all = [...stack.agents, ...(stack.anonymous === null ? [] : [stack.anonymous])];
  const found = new Map<string, string[]>();
  for (const rule of all.flatMap((a) => [...a.rules, ...a.phases.flatMap((p) => p.rules)])) {
    if (rule.effect !== "permit") continue;
    const text = rule.condition === null ? "" : conditionText(rule.condition);
    found.set(rule.pattern.text, [...(found.get(rule.pattern.text) ?? []), text]);
  }
  return found;
}

/** Broken copies of a policy: each word or sign that carries structure dropped, doubled or spoilt. */
function mutants(text: string): string[] {
  const tokens = [...text.matchAll(/[A-Za-z_]+!?|[{}()[\]"'=<>!&|]+/g)];
  const structural =
    /^(?:permit|allow|approve|deny!?|block|reject|defer|if|when|and|or|in|rules|agent|default|reason|matches|phase|budget|rate_limit|redact|var|runtime|per|args|[^A-Za-z_].*)$/;
  return tokens
    .filter((token) => structural.test(token[0]))
    .flatMap((token) => {
      const before = text.slice(0, token.index);
      const after = text.slice(token.index + token[0].length);
      const word = token[0];
      const spoilt =
        word.length > 1 ? [word.slice(1), word.slice(0, -1), `${word}x`, word[0] + word] : [`${word}${word}`];
      return ["", ...spoilt].map((put) => before + put + after);
    });
}

test("F07 no broken word, operator, brace or quote leaves a permit with a weaker condition and no error", () => {
  let tried = 0;
  for (const sample of samples) {
    const original = permitsOf(valid(sample));
    for (const mutant of mutants(sample)) {
      tried++;
      const { stack, findings } = read(mutant);
      if (stack === null) continue;
      const all = [...findings, ...(findings.length === 0 ? checkStack(stack).findings : [])];
      if (all.some((f) => diagnosticCodes[f.code].severity === "error")) continue;
      for (const [pattern, conditions] of permitsOf(stack)) {
        for (const text of conditions) {
          const known = original.get(pattern);
          if (known?.includes("") === true) continue;
          assert.ok(text !== "", `a permit of ${pattern} lost its condition: ${mutant}`);
          if (known !== undefined)
            assert.is(text.split(/ (?:and|or) /).length, (known[0] ?? "").split(/ (?:and|or) /).length, mutant);
        }
      }
    }
  }
  assert.ok(tried > 200);
});

test.run();
