// Long lists of rules are sieved before they are run; `explain` goes through all of them, one by one. Both must find the same
// rule for every call: object and bytes, numbers at their thresholds, strings in and out of sets, values of other kinds.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/index.ts";
import { explainer } from "../../runtime/evaluator/explainer.ts";
import { loadPolicySync, type Policy, type RequestValue } from "../../runtime/evaluator/index.ts";
import { Random } from "../generate/random.ts";

const NOW = 1_795_000_000_000;
const utf8 = new TextEncoder();

function opened(text: string): Policy {
  const { image, diagnostics } = compile(text, { file: "governance.fms" });
  if (image === undefined)
    throw new Error(diagnostics.flatMap(({ severity, message }) => (severity === "error" ? message : [])).join("; "));
  return loadPolicySync(image, { explainer, state: "volatile" });
}

const numbers = [-3, -1, -0, 0, 0.5, 1, 2, 2.5, 3, 5, 8, 1e9] as const;
const words = [
  "",
  "a",
  "b",
  "ab",
  "abcdefgh",
  "abcdefghi",
  "é",
  "日本語",
  "a long string of more than sixteen bytes",
] as const;

function atom(random: Random): string {
  const number = `n${random.below(3)}`;
  const word = `s${random.below(3)}`;
  const constant = JSON.stringify(random.pick(words));
  const list = Array.from({ length: 1 + random.below(12) }, () => JSON.stringify(random.pick(words))).join(", ");
  switch (random.below(12)) {
    case 0:
    case 1:
      return `${number} ${random.pick(["<", "<=", ">", ">="] as const)} ${random.pick(numbers)}`;
    case 2:
      return `${number} ${random.pick(["==", "!="] as const)} ${random.pick(numbers)}`;
    case 3:
    case 4:
      return `${word} ${random.pick(["==", "!="] as const)} ${constant}`;
    case 5:
    case 6:
      return `${word} ${random.pick(["in", "not in"] as const)} [${list}]`;
    case 7:
      return `${word} in [${list}, 2, nil]`;
    case 8:
      return `${number} == ${constant}`;
    case 9:
      return `${random.pick(["s2", "n2"] as const)} ${random.pick(["== nil", "!= nil"] as const)}`;
    case 10:
      // The bytes of s0 are read in some policies, and in others its constants say all.
      return random.oneIn(6) ? `s0 starts_with ${constant}` : `s1 matches "^a+(b|c)$"`;
    default:
      return `${number} + 1 > ${random.pick(numbers)}`;
  }
}

function condition(random: Random, depth: number): string {
  if (depth === 0 || random.oneIn(3)) return atom(random);
  if (random.oneIn(5)) return `not (${condition(random, depth - 1)})`;
  const sign = random.oneIn(4) ? "or" : "and";
  return `(${condition(random, depth - 1)}) ${sign} (${condition(random, depth - 1)})`;
}

/** Where the rules of a policy stand: each place has a list of its own. */
const places = ["agent", "deny!", "rollout", "workflow"] as const;
type Place = (typeof places)[number];

function policyText(random: Random, rules: number, place: Place = "agent"): string {
  const effects = ["permit", "deny", "defer"] as const;
  const phased = [...effects, "deny!"] as const;
  // Most rules want several things at once, so that calls come to lie anywhere in the list. None stands there twice.
  const conditions = new Set<string>();
  while (conditions.size < rules) {
    if (random.oneIn(3)) conditions.add(`n0 > 2 and (${condition(random, 2)}) and ${condition(random, 1)}`);
    else {
      const word = JSON.stringify(random.pick(words));
      conditions.add(`(${condition(random, 2)}) and s0 == ${word} and n1 < ${random.pick(numbers)}`);
    }
  }
  const allowed = { agent: effects, "deny!": ["deny!"], rollout: phased, workflow: phased }[place] as typeof phased;
  const list = [...conditions].map((text) => `  ${random.pick(allowed)} t if ${text}`).join("\n");
  const strict = random.oneIn(2) ? "runtime { strict_guards = true }\n" : "";
  const body = {
    agent: list,
    "deny!": `${list}\n  permit t if n0 > 1`,
    rollout: `  defer t if n0 > 1\n  phase "trial" { duration = "2h" next = "enforce" tools = ["t"] rules {\n${list}\n} }`,
    workflow: `  defer t if n0 > 1\n  phase work {\n${list}\n}`,
  }[place];
  return `${strict}agent "a" {\n  default ${random.pick(effects)}\n${body}\n}\n`;
}

function value(random: Random, usual: readonly [RequestValue, ...RequestValue[]]): RequestValue | undefined {
  if (!random.oneIn(6)) return random.pick(usual);
  return random.pick([undefined, null, true, false, [], ["a", 2], {}, "other", 77, -77.25] as const);
}

function args(random: Random): { [name: string]: RequestValue } {
  const found: { [name: string]: RequestValue } = {};
  for (const name of ["n0", "n1", "n2"]) {
    const given = value(random, [...numbers, 1.5, 4]);
    if (given !== undefined) found[name] = given;
  }
  for (const name of ["s0", "s1", "s2"]) {
    const given = value(random, [...words, "abc", "ü"]);
    if (given !== undefined) found[name] = given;
  }
  return found;
}

/** How many different rules decided. */
function compare(policy: Policy, random: Random, calls: number, text: string): number {
  const seen = new Set<number | null>();
  for (let i = 0; i < calls; i++) {
    const request = { agent_id: "a", tool_id: "t", session_id: "s", args: args(random) };
    const told = policy.explain(request, { now: NOW }).verdict;
    const where = `${JSON.stringify(request.args)}\n${text}`;
    assert.equal(policy.decide(request, { now: NOW }), told, where);
    assert.equal(policy.decideJson(utf8.encode(JSON.stringify(request)), { now: NOW }), told, where);
    seen.add(told.rule);
  }
  return seen.size;
}

test("sieved lists of generated rules find the rule that going through them finds", () => {
  let rules = 0;
  for (let seed = 1; seed <= 40; seed++) {
    const random = new Random(seed);
    const text = policyText(random, 12 + random.below(seed % 10 === 0 ? 700 : 60));
    rules += compare(opened(text), random, 60, text);
  }
  assert.ok(rules > 300, `${rules} rules`);
});

for (const place of places.slice(1)) {
  test(`so do those of ${place}`, () => {
    let rules = 0;
    for (let seed = 1; seed <= 12; seed++) {
      const random = new Random(seed);
      const text = policyText(random, 12 + random.below(seed % 6 === 0 ? 400 : 60), place);
      const policy = opened(text);
      policy.activatePhases(NOW);
      rules += compare(policy, random, 60, text);
    }
    assert.ok(rules > 60, `${rules} rules`);
  });
}

test("thresholds of one field are told apart at, below and above each of them", () => {
  const text = `agent "a" {\n  default deny\n${Array.from({ length: 300 }, (_, i) => `  permit t if n >= ${300 - i} and n < ${301 - i}`).join("\n")}\n}`;
  const policy = opened(text);
  for (let n = 0; n <= 302; n += 0.5) {
    const { rule } = policy.decide({ agent_id: "a", tool_id: "t", args: { n } }, { now: NOW });
    assert.is(rule, n >= 1 && n < 301 ? 300 - Math.floor(n) : null, String(n));
  }
});

test("strings are found in sets of thousands, and others are not", () => {
  const names = Array.from({ length: 3_000 }, (_, i) => `name-${i}`);
  const policy = opened(
    `agent "a" {\n  default deny\n  permit t if s in [${names.map((name) => `"${name}"`).join(", ")}]\n}`,
  );
  const asked = (s: RequestValue) => policy.decide({ agent_id: "a", tool_id: "t", args: { s } }, { now: NOW }).effect;
  for (const name of names) assert.is(asked(name), "permit", name);
  for (const other of ["", "name-", "name-3000", "NAME-1", 7, null, ["name-1"], true]) assert.is(asked(other), "deny");
});

test("a list whose sieve would be too large is gone through, and decides the same", () => {
  const sets = Array.from(
    { length: 400 },
    (_, i) => `[${Array.from({ length: 30 }, (_, k) => `"k-${i * 29 + k}"`).join(", ")}]`,
  );
  const policy = opened(
    `agent "a" {\n  default deny\n${sets.map((set, i) => `  permit t if s in ${set} and n == ${i}`).join("\n")}\n}`,
  );
  for (let i = 0; i < 400; i += 7) {
    const { rule } = policy.decide({ agent_id: "a", tool_id: "t", args: { s: `k-${i * 29 + 3}`, n: i } }, { now: NOW });
    assert.is(rule, i);
  }
});

test("the worst case's steps count what a sieve looks up", () => {
  const rules = (count: number) => Array.from({ length: count }, (_, i) => `  permit t if n > ${i}`).join("\n");
  const steps = (count: number) => opened(`agent "a" {\n  default deny\n${rules(count)}\n}`).info.worst_case_steps;
  assert.is(steps(11), 22);
  assert.is(steps(16), 32 + 5);
  // Rules of a phase are looked through for its deny!, and then for the others.
  const ofPhase = (text: string) =>
    opened(`agent "a" {\n  default deny\n  phase work {\n${text}\n}\n}`).info.worst_case_steps;
  assert.is(ofPhase(rules(16)) - ofPhase(rules(11)), 2 * 5 + (ofPhase(rules(11)) - ofPhase(rules(6))));
});

test("text that no rule compares as a whole keeps its bytes, and half a surrogate pair is refused wherever it is read", () => {
  const policy = opened(`agent "a" {\n  default deny\n  permit t if s == "abc"\n  defer t if u starts_with "ab"\n}`);
  const asked = (given: { [name: string]: string }) =>
    policy.decide({ agent_id: "a", tool_id: "t", args: given }, { now: NOW });
  assert.is(asked({ s: "abc" }).effect, "permit");
  assert.is(asked({ s: "abd", u: "abc" }).effect, "defer");
  assert.is(asked({ s: "\ud800" }).code, "BAD_REQUEST");
  assert.is(asked({ u: "x\udc00" }).code, "BAD_REQUEST");
  const [told] = policy.explain({ agent_id: "a", tool_id: "t", args: { s: "other" } }, { now: NOW }).rules;
  assert.match(JSON.stringify(told), /other/);
});

test.run();
