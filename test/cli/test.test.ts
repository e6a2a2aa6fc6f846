// `faramesh test` end to end: what passes, what fails and how it is told, coverage, updates in place, and fixtures that are refused.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { faramesh, inFolder } from "./in-process.ts";

const policy = `agent "bot" {
  default deny
  permit stripe/charge if amount < $500 and currency == "USD"
  defer stripe/refund reason "a person looks at it"
  permit search
  rate_limit "search": 2 per hour
}
`;

const fixture = (cases: string, more = ""): string =>
  `{ "fixture": "f", "agent_id": "bot", "cases": [${cases}]${more} }`;
const charge = `{ "name": "small", "tool": "stripe/charge", "args": { "amount": 80, "currency": "USD" }, "expect": { "effect": "PERMIT", "rule_ref": "governance.fms:3" } }`;

async function onFixture(text: string, work: (dir: string, path: string) => Promise<void>): Promise<void> {
  await inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    mkdirSync(join(dir, "tests", "more"), { recursive: true });
    const path = join(dir, "tests", "more", "a.fmtest.json");
    writeFileSync(path, text);
    await work(dir, path);
  });
}

test("cases and sequences that hold pass", () => {
  const sequence = `, "sequences": [{ "name": "searches", "at": "2026-03-01T10:00:00Z", "steps": [
    { "tool": "search", "expect": { "effect": "permit" } },
    { "tool": "search", "expect": { "effect": "permit" } },
    { "tool": "search", "expect": { "effect": "deny", "code": "RATE_EXCEEDED" } },
    { "tool": "search", "after": "30m", "expect": { "effect": "permit" } },
    { "tool": "stripe/refund", "approved": true, "expect": { "effect": "permit" } }
  ]}]`;
  return onFixture(fixture(charge, sequence), async (dir) => {
    assert.equal(await faramesh(dir, "test"), { code: 0, stdout: "✓ 2 cases passed\n", stderr: "" });
  });
});

const wrong = `{ "name": "refund", "tool": "stripe/refund", "expect": { "effect": "DENY", "code": "POLICY_DENY" } }`;

test("a case that fails says what was expected, what was said and by which rule", () =>
  onFixture(fixture(`${charge}, ${wrong}`), async (dir) => {
    const { code, stdout } = await faramesh(dir, "test");
    assert.is(code, 1);
    assert.match(stdout, "✗ tests/more/a.fmtest.json: refund\n");
    assert.match(
      stdout,
      "expected deny, POLICY_DENY, got defer (POLICY_DEFER, governance.fms:4): a person looks at it",
    );
    assert.match(stdout, "1 of 2 cases failed");
    assert.match(
      (await faramesh(dir, "test", "--reporter", "github")).stdout,
      /^::error file=.*a\.fmtest\.json::refund: expected/,
    );
    const xml = (await faramesh(dir, "test", "--reporter", "junit")).stdout;
    assert.match(xml, '<testsuites tests="2" failures="1">');
    assert.match(xml, '<testcase classname="tests/more/a.fmtest.json" name="small"/>');
    const { failed } = JSON.parse((await faramesh(dir, "test", "--format", "json")).stdout) as { failed: number };
    assert.is(failed, 1);
  }));

test("--fail-fast stops at the first failure, --fixture runs one file", () =>
  onFixture(fixture(`${wrong}, ${wrong}`), async (dir) => {
    writeFileSync(join(dir, "tests", "b.fmtest.json"), fixture(charge));
    assert.match((await faramesh(dir, "test")).stdout, "2 of 3 cases failed");
    assert.match(
      (await faramesh(dir, "test", "--fail-fast", "--fixture", "tests/more/a.fmtest.json")).stdout,
      "1 of 1 case failed",
    );
    assert.is((await faramesh(dir, "test", "--fixture", "tests/b.fmtest.json")).stdout, "✓ 1 case passed\n");
  }));

test("--update writes only the values that differ, and shows them", () =>
  onFixture(fixture(`\n    ${charge},\n    ${wrong}\n  `), async (dir, path) => {
    const before = readFileSync(path, "utf8");
    const { code, stderr } = await faramesh(dir, "test", "--update");
    assert.is(code, 0);
    assert.match(stderr, '"effect": "DEFER", "code": "POLICY_DEFER"');
    const after = before.replace('"DENY", "code": "POLICY_DENY"', '"DEFER", "code": "POLICY_DEFER"');
    assert.is(readFileSync(path, "utf8"), after);
    assert.is((await faramesh(dir, "test")).code, 0);
  }));

test("--coverage tells rules and tests that were not exercised; --lcov writes them for other tools", () =>
  onFixture(fixture(charge), async (dir) => {
    const { stdout } = await faramesh(dir, "test", "--coverage", "--lcov", join(dir, "lcov.info"));
    assert.match(stdout, "Coverage: 1 of 3 rules matched a call");
    assert.match(
      stdout,
      /governance\.fms:3 .* never let a call by; amount < 500 never false; currency == "USD" never false/,
    );
    assert.match(stdout, /governance\.fms:5 +permit search +never tried/);
    const lcov = readFileSync(join(dir, "lcov.info"), "utf8");
    assert.match(lcov, "SF:governance.fms\nBRDA:3,0,0,1\nBRDA:3,0,1,0\n");
    assert.match(lcov, "DA:3,1\nDA:4,0\nDA:5,0\nLF:3\nLH:1\nend_of_record\n");
  }));

test("in audit mode `would` is what the policy says, and the call is permitted", () =>
  onFixture(
    fixture(`{ "tool": "x", "expect": { "effect": "permit", "would": "deny", "code": "POLICY_DENY" } }`),
    async (dir) => {
      writeFileSync(join(dir, "governance.fms"), `runtime { mode = "audit" }\n${policy}`);
      assert.is((await faramesh(dir, "test")).stdout, "✓ 1 case passed\n");
    },
  ));

const refused: readonly (readonly [string, string, string])[] = [
  ["not JSON", '{\n"cases": [,]\n}', "tests/more/a.fmtest.json:2: "],
  ["a key twice", '{ "cases": [], "cases": [] }', "tests/more/a.fmtest.json:1: "],
  ["an unknown member", fixture(charge.replace('"args"', '"arg"')), "cases[0] has an unknown member `arg`"],
  [
    "an expectation misspelt",
    fixture(charge.replace("rule_ref", "rule_reff")),
    "cases[0].expect has an unknown member",
  ],
  ["no effect", fixture(`{ "tool": "x", "expect": {} }`), "cases[0].expect has no `effect`"],
  [
    "another effect",
    fixture(`{ "tool": "x", "expect": { "effect": "allow" } }`),
    "cases[0].expect.effect is permit, defer or deny",
  ],
  ["no agent", `{ "cases": [{ "tool": "x", "expect": { "effect": "deny" } }] }`, "says no `agent_id`"],
  ["nothing", "{}", "has neither `cases` nor `sequences`"],
  [
    "a time with a zone",
    fixture(`{ "tool": "x", "at": "2026-01-01T00:00:00+02:00", "expect": { "effect": "deny" } }`),
    "cases[0].at is a time in UTC",
  ],
];

for (const [name, text, message] of refused) {
  test(`a fixture with ${name} is refused`, () =>
    onFixture(text, async (dir) => {
      const { code, stderr } = await faramesh(dir, "test");
      assert.is(code, 1);
      assert.match(stderr, message);
    }));
}

test("the example's fixtures hold, and what the page says of their coverage", async () => {
  const dir = fileURLToPath(new URL("../../examples/support-agent", import.meta.url));
  const { code, stdout } = await faramesh(dir, "test", "--coverage");
  assert.is(code, 0, stdout);
  const page = readFileSync(fileURLToPath(new URL("../../docs/testing.md", import.meta.url)), "utf8");
  const indented = stdout.replace(/^(?=.)/gm, "    ");
  assert.ok(page.includes(indented), stdout);
});

test("no fixtures fail; a policy that does not compile exits with 2", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const none = await faramesh(dir, "test");
    assert.is(none.code, 1);
    assert.match(none.stderr, "there are no fixtures");
    writeFileSync(join(dir, "governance.fms"), "agent bot { permti x }");
    assert.is((await faramesh(dir, "test")).code, 2);
  }));

test.run();
