// What check says of policies that parse: codes by case. The words are held by test/diagnostics.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Covers } from "../../compiler/check/pattern.ts";
import { checkStack } from "../../compiler/check.ts";
import { parse } from "../../compiler/parse.ts";
import { suggest } from "../../compiler/suggest.ts";

function codes(text: string): string[] {
  const { stack, findings } = parse([{ file: "governance.fms", text }]);
  assert.equal(
    findings.map((f) => f.message),
    [],
    text,
  );
  return stack === null ? [] : checkStack(stack).findings.map((f) => f.code);
}

const inAgent = (body: string): string[] => codes(`agent "a" {\n default deny\n ${body}\n}`);

/** Body of an agent, and the codes it gets in order of place. */
const cases: readonly (readonly [string, readonly string[]])[] = [
  ["permit a", []],
  ["permit a if amount < $500", []],
  ['permit a if "a" < 5', ["FMS022"]],
  ["permit a if amount < true", ["FMS022"]],
  ["permit a if amount < nil", ["FMS022"]],
  ["permit a if amount == nil or amount != null", []],
  ["permit a if nil == nil", []],
  ["permit a if x == [1]", ["FMS022"]],
  ["permit a if x in 5", ["FMS022"]],
  ["permit a if x in []", ["FMS022"]],
  ['permit a if x in [1, "a", b]', []],
  ['permit a if 5 in ["a"]', ["FMS022"]],
  ["permit a if x in [[1]]", ["FMS012"]],
  ["permit a if x in roles", []],
  ["permit a if 5 contains 5", ["FMS022"]],
  ["permit a if lower(x) contains 5", ["FMS022"]],
  ["permit a if tags contains 5", []],
  ["permit a if x starts_with 5", ["FMS022"]],
  ["permit a if x matches y", ["FMS023"]],
  ['permit a if len(x) matches "^a$"', ["FMS022"]],
  ['permit a if x matches "^(a$"', ["FMS023"]],
  ['permit a if x matches "^(a)\\\\1$"', ["FMS023"]],
  ['permit a if not x matches "a"', []],
  ['permit a if x matches "a"', ["FMS055"]],
  ['deny a if x == nil or x matches "a"', []],
  ["permit a if 5", ["FMS022"]],
  ['permit a if "x" and y', ["FMS022"]],
  ["permit a if urgent and not done", []],
  ["permit a if (x < 1) == true", []],
  ["permit a if (x < 1) == y", ["FMS022"]],
  ["permit a if (x < 1) + 1 < 2", ["FMS022"]],
  ['permit a if "x" + 1 < 2', ["FMS022"]],
  ["permit a if -lower(x) < 2", ["FMS022"]],
  ['permit a if tool == "x" and time.hour < "x"', ["FMS022"]],
  ["permit a if len(x, y) < 2", ["FMS012"]],
  ["permit a if len(5) < 2", ["FMS022"]],
  ["permit a if nope(x)", ["FMS020"]],
  ["permit a if x.nope(1)", ["FMS020"]],
  ["permit a if x.length() < 1", ["FMS020"]],
  ['permit a if purpose("support")', []],
  ["permit a if purpose(x)", ["FMS012"]],
  ["permit a if session.nope == 1", ["FMS021"]],
  ["permit a if selectors.x == 1", ["FMS021"]],
  ['permit a if history_sequence(a/*, b) and args_array_len("x") < 3', []],
  ["permit a if history_sequence(a, b) > 3", ["FMS022"]],
  ["permit a if history_tool_count(a)", ["FMS022"]],
  ["permit a if history_tool_count(a//b) < 3", ["FMS024"]],
  ["permit a if session.sum(a.b, window=20000d) < 3", []],
  ["permit a if args_array_len(x) < 3", ["FMS012"]],
  ['permit a if args_array_contains("a.b[0]", nil)', ["FMS022"]],
  ['permit a if args_array_any_match("a", "(")', ["FMS023"]],
  ['permit a if args_array_contains("a..b", 1)', ["FMS012"]],
  ['permit a notify env("X")', ["FMS015"]],
  ['budget b { max env("X") }', ["FMS015"]],
  ["permit a if x in [env]", []],
  ["permit ../a", ["FMS024"]],
  ["permit /a", ["FMS024"]],
  ["permit a/", ["FMS024"]],
  ["permit a/b#c", ["FMS024"]],
  ["permit a**", ["FMS024"]],
  ['permit "a b"', ["FMS024"]],
  ['permit ""', ["FMS024"]],
  ['rate_limit "a b": 1 per hour', ["FMS024"]],
  ["rate_limit a: 1000000 per 31d", []],
  ["rate_limit a: 1000001 per hour", ["FMS012"]],
  ["rate_limit a: 1.5 per hour", ["FMS012"]],
  ["rate_limit a: 1 per 32d", ["FMS012"]],
  ["rate_limit a: 1 per 0s", ["FMS012"]],
  ["budget b { max_calls 1.5 }", ["FMS012"]],
  ["budget b { max $5 max $6 }", ["FMS013"]],
  ["budget b { max $5 warn_at 1.5 on_exceed permit window 1h cost amount tools a/* }", ["FMS012", "FMS012"]],
  ["budget b { max $5 scope fleet }", ["FMS010"]],
  ["budget b { max $5 cost -1 }".replace("cost -1", "cost = 1h"), ["FMS012"]],
  ['redact a args: ["x", "items[].card", "a.b.c"]', []],
  ["redact a args: []", ["FMS014"]],
  ['redact a args: ["a b"]', ["FMS012"]],
  ["model = true", ["FMS012"]],
  ['model "a" model "b"', ["FMS013"]],
  ["var x = 1 var x = 2 permit a if x == 1", ["FMS013"]],
  ["var x = 1 permit a if vars.x == 1", []],
  ["var x = 1", ["FMS052"]],
  ['var re = "^a$" permit a if x matches re', []],
  ["permit *", ["FMS053"]],
  ["permit **", ["FMS053"]],
  ["permit * if x", []],
  ["deny a if x > 1", ["FMS054"]],
  ["deny a if x == nil or x > 1", []],
  ["deny a if x != nil and x > 1", []],
  ["deny a if not (x <= 1)", ["FMS054"]],
  ["deny a if x > 1 or y > 1", ["FMS054"]],
  ['deny a if tool == "a"', []],
  ["deny! a if x > 1", ["FMS054"]],
  ["defer a if x > 1", []],
  ["deny! a/** permit a/b", ["FMS025"]],
  ["permit a/b/c if x deny! a/**", ["FMS025"]],
  ["permit a/b deny! *", ["FMS025"]],
  ["deny! a/* permit a/b/c", []],
  ["deny! a/** if x == nil permit a/b", []],
  ["deny! a/** deny a/b", ["FMS051"]],
  ["permit a deny a", ["FMS051"]],
  ["permit a if x deny a if x == nil", []],
  ["permit a permit a", ["FMS013"]],
  ["permit a/* deny a/b", ["FMS051"]],
  ["permit a/* deny a/b/c", []],
  ["permit a/* deny a/**", []],
  ["permit read_* deny read_file", ["FMS051"]],
  ["permit read_* deny read_/x", []],
  ["deny * permit a", ["FMS051"]],
  ["phase p { duration 1h tools [a] permit a }", []],
  ["phase p { duration 1h permit a }", ["FMS014"]],
  ["phase p { duration 0s tools [a] permit a }", ["FMS026"]],
  ["phase p { duration 1h tools [a] permit a deny! a }", ["FMS025"]],
  ["deny! a phase p { duration 1h tools [a] permit a }", ["FMS025"]],
  ["phase p { duration 1h tools [a] permit a } deny! b", []],
  ["phase p { duration 1h tools [a] } phase p { duration 1h tools [a] }", ["FMS013"]],
  ["phase p { permit a }", []],
  ["phase p { }", ["FMS014"]],
  ["phase p { next q permit a } phase q { permit a }", ["FMS026"]],
  ["phase p { tools [a] permit a }", ["FMS026"]],
  ["phase p { permit a deny a }", ["FMS051"]],
  ["phase p { permit a } phase q { duration 1h next p tools [a] permit a }", ["FMS026"]],
];

for (const [body, expected] of cases) {
  test(body, () => assert.equal(inAgent(body), expected));
}

test("strict guards make an unknown deny match, so it needs no warning", () => {
  assert.equal(codes("runtime { strict_guards = true }\nagent a { default deny deny t if x > 1 }"), []);
});

test("runtime: known fields of the right kind, secrets by name", () => {
  assert.equal(
    codes('runtime { mode audit, dsn = env("DSN"), mcp_proxy_port 8080, strip_env ["AWS_*"], approval_ttl "15m" }'),
    [],
  );
  assert.equal(codes("runtime { mode off nope 1 mcp_proxy_port 70000 mode audit }"), [
    "FMS012",
    "FMS011",
    "FMS012",
    "FMS013",
  ]);
  assert.equal(codes('runtime { strict_guards = env("X") }'), ["FMS012"]);
});

test("agents: ids, defaults, twice", () => {
  assert.equal(codes('agent "a b" { default deny }'), ["FMS012"]);
  assert.equal(codes(`agent "${"a".repeat(257)}" { default deny }`), ["FMS004"]);
  assert.equal(codes(`agent "${"a".repeat(256)}" { default deny }`), []);
  assert.equal(codes('agent a { default deny } agent "a" { default deny }'), ["FMS013"]);
  assert.equal(codes("agent a { permit x }"), ["FMS050"]);
  assert.equal(codes("agent a { }"), []);
  assert.equal(codes("permit x"), []);
});

test("one-level denies under a permitting default", () => {
  assert.equal(codes("agent a { default permit deny shell/* }"), ["FMS056"]);
  assert.equal(codes("agent a { default permit deny shell/* deny shell/** }"), []);
  assert.equal(codes("agent a { default permit deny shell/** }"), []);
  assert.equal(codes("agent a { default permit deny * }"), []);
});

test("F07 a duplicate agent and a duplicate rule are errors", () => {
  assert.equal(codes("agent a { default deny } agent a { default deny }"), ["FMS013"]);
  assert.equal(codes("permit a if x permit a when x"), ["FMS013"]);
});

test("a cover is never claimed falsely", () => {
  const names = ["a", "b", "a/b", "a/c", "a/b/c", "ab", "ab/c"];
  const patterns = [...names, "*", "**", "a/*", "a/**", "a*", "a?", "a/b*", "*/b", "**/c", "a/*/c", "a/b/**"];
  const matches = (pattern: string, name: string): boolean => {
    if (pattern === "*" || pattern === "**") return true;
    const step = (p: readonly string[], n: readonly string[]): boolean => {
      const [head, ...rest] = p;
      if (head === undefined) return n.length === 0;
      if (head === "**") return step(rest, n) || (n.length > 0 && step(p, n.slice(1)));
      const [first, ...others] = n;
      if (first === undefined) return false;
      const glob = new RegExp(`^${head.replace(/\*/g, ".*").replace(/\?/g, ".")}$`);
      return glob.test(first) && step(rest, others);
    };
    return step(pattern.split("/"), name.split("/"));
  };
  const probes = [...names, "a/x", "a/x/y", "a/x/c", "x/b", "x", "ax", "a/bx", "a/b/x/y", "c", "x/y/c"];
  let found = 0;
  for (const wide of patterns) {
    const covers = new Covers<string>();
    covers.add(wide, wide);
    for (const narrow of patterns) {
      if (covers.find(narrow) === null) continue;
      found++;
      for (const probe of probes)
        if (matches(narrow, probe)) assert.ok(matches(wide, probe), `${wide} does not cover ${narrow}: ${probe}`);
    }
  }
  assert.ok(found > patterns.length);
});

test("suggestions are near or none", () => {
  assert.is(suggest("permt", ["permit", "deny"]), "permit");
  assert.is(suggest("pemrit", ["permit", "deny"]), "permit");
  assert.is(suggest("xyz", ["permit", "deny"]), null);
  assert.is(suggest("a", ["permit"]), null);
  assert.is(suggest("x".repeat(10_000), ["x".repeat(10_001)]), null);
});

test("ten thousand rules over distinct tools are checked rule by rule", () => {
  const rules = Array.from({ length: 10_000 }, (_, i) => `permit svc${i % 100}/tool_${i} if amount < ${i}`).join("\n");
  assert.equal(inAgent(rules), []);
});

test.run();
