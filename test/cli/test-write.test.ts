// Fixtures that the command line writes by itself: from reasoning, and from recorded calls. What is written passes, reaches the
// rules that it claims to, and shows nothing that the log does not hold.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack } from "../runtime/stack-under-test.ts";
import { faramesh, inFolder } from "./in-process.ts";

const generated = "tests/generated.fmtest.json";
const recorded = "tests/recorded.fmtest.json";

interface Written {
  readonly cases: readonly {
    readonly name: string;
    readonly tool: string;
    readonly args: Record<string, unknown>;
    readonly expect: { readonly effect: string; readonly code: string };
  }[];
  readonly sequences?: readonly { readonly steps: readonly { readonly expect: { readonly code: string } }[] }[];
}

const read = (dir: string, path: string): Written => JSON.parse(readFileSync(join(dir, path), "utf8")) as Written;

const policy = `agent "bot" {
  default deny
  deny! shell/**
  permit pay if amount < 500 and currency in ["USD", "EUR"]
  defer pay if amount < 1000
  permit mail if to ends_with "@x.org" and time.hour >= 9
  permit dead if x > 9 and x < 5
  permit past if history_tool_count("pay") > 3
  phase "trial" { duration = 1h tools = [late] rules { permit late if n == 1 } }
  deny late
  phase one { permit work }
  phase two { permit rest }
}
permit open if port == 443
`;

test("generate reaches every rule that a call can reach, on both sides of each number, and what it writes passes", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const first = await faramesh(dir, "test", "generate", "--format", "json");
    assert.is(first.code, 0, first.stderr);
    const { unreached } = JSON.parse(first.stdout) as { unreached: { place: string }[] };
    assert.equal(
      unreached.map(({ place }) => place),
      ["governance.fms:7", "governance.fms:8"],
    );
    const { cases } = read(dir, generated);
    const amounts = cases.filter(({ tool, args }) => tool === "pay" && typeof args.amount === "number");
    const at = (amount: number, effect: string): boolean =>
      amounts.some(({ args, expect }) => args.amount === amount && expect.effect === effect);
    assert.ok(at(500, "defer") && at(1000, "deny"), JSON.stringify(amounts));
    const tested = await faramesh(dir, "test", "--coverage", "--format", "json");
    assert.is(tested.code, 0, tested.stdout);
    const { coverage } = JSON.parse(tested.stdout) as { coverage: { rule_ref: string; matched: number }[] };
    assert.equal(
      coverage.filter(({ matched }) => matched === 0).map(({ rule_ref }) => rule_ref),
      ["governance.fms:7", "governance.fms:8"],
    );
    const before = readFileSync(join(dir, generated), "utf8");
    const again = await faramesh(dir, "test", "generate");
    assert.equal([again.code, readFileSync(join(dir, generated), "utf8")], [1, before]);
    assert.match(again.stderr, "is there already");
    assert.is((await faramesh(dir, "test", "generate", "--out", "tests/other.txt")).code, 1);
    const beside = await faramesh(dir, "test", "generate", "--out", "beside.fmtest.json");
    assert.match(beside.stdout + beside.stderr, "outside tests/: faramesh test --fixture beside.fmtest.json");
    assert.is((await faramesh(dir, "test", "--fixture", "beside.fmtest.json")).code, 0);
  }));

test("in audit mode the cases say what would be", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), 'runtime { mode = "audit" }\ndeny t if x > 5\npermit t\n');
    assert.is((await faramesh(dir, "test", "generate")).code, 0);
    const denied = read(dir, generated).cases.filter(({ expect }) => expect.code === "POLICY_DENY");
    assert.ok(denied.length > 0);
    assert.ok(denied.every(({ expect }) => expect.effect === "permit" && Reflect.get(expect, "would") === "deny"));
    assert.is((await faramesh(dir, "test")).code, 0);
  }));

test("record writes each different call once; a sequence where counters decided; no value that was redacted", () => {
  const text = `agent "bot" {
  default deny
  permit pay if amount < 500
  defer refund
  permit card if number starts_with "4"
  permit search
  rate_limit "search": 2 per hour
  redact pay args: ["token"]
  redact card args: ["number"]
}
`;
  return onStack(text, async (stack) => {
    const { dir } = stack;
    writeFileSync(join(dir, "governance.fms"), text);
    for (const amount of [10, 10, 900]) await stack.ask("pay", { amount, token: "very-secret" });
    await stack.ask("refund", { id: 1 });
    await stack.ask("card", { number: "4242424242424242" });
    for (let i = 0; i < 3; i++) await stack.ask("search", { q: "a" });
    const ran = await faramesh(dir, "test", "record", "--since", "1h", "--format", "json");
    assert.is(ran.code, 0, ran.stderr);
    const { total, not_replayable, otherwise } = JSON.parse(ran.stdout) as Record<string, number>;
    assert.equal([total, not_replayable, otherwise], [8, 1, 0]);
    const written = readFileSync(join(dir, recorded), "utf8");
    assert.not.match(written, /very-secret|42424242/);
    const { cases, sequences = [] } = read(dir, recorded);
    assert.equal(
      cases.map(({ tool, expect }) => `${tool} ${expect.effect}`),
      ["pay permit", "pay deny", "refund defer", "search permit"],
    );
    const tested = await faramesh(dir, "test");
    assert.is(tested.code, 0, tested.stdout);
    assert.ok(sequences.every(({ steps }) => steps.some(({ expect }) => expect.code === "RATE_EXCEEDED")));
    assert.is(sequences.length, 1);
    // The policy changes: what was recorded fails.
    writeFileSync(join(dir, "governance.fms"), text.replace("amount < 500", "amount < 5"));
    assert.is((await faramesh(dir, "test")).code, 1);
    assert.is((await faramesh(dir, "test", "record")).code, 1);
  });
});

test("record has nothing to write without a log", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), "permit t\n");
    const { code, stderr } = await faramesh(dir, "test", "record");
    assert.is(code, 1);
    assert.match(stderr, "there is no log yet");
    assert.not.ok(existsSync(join(dir, recorded)));
    assert.is((await faramesh(dir, "test", "record", "--limit", "0")).code, 64);
  }));

test("asserts of a fixture are held as the policy's own are", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const write = (asserts: readonly unknown[]): void => {
      const text = JSON.stringify({ fixture: "f", agent_id: "bot", asserts });
      writeFileSync(join(dir, "tests.json"), text);
      writeFileSync(join(dir, "a.fmtest.json"), text);
    };
    const run = (...words: readonly string[]) => faramesh(dir, "test", "--fixture", "a.fmtest.json", ...words);
    write([
      "never permit shell/**",
      { name: "the open port", agent_id: "x", assert: "never permit open if port == 80" },
    ]);
    const held = await run();
    assert.is(held.code, 0, held.stdout + held.stderr);
    assert.match(held.stdout, "2 cases passed");
    write(["never permit pay", "never permit past", { name: "fine", assert: "assert never permit nothing" }]);
    const broken = await run("--format", "json");
    assert.is(broken.code, 1);
    const { cases } = JSON.parse(broken.stdout) as { cases: { passed: boolean; problem: string | null }[] };
    assert.equal(
      cases.map(({ passed }) => passed),
      [false, false, true],
    );
    assert.match(cases[0]?.problem ?? "", /does not hold for bot: pay .* is answered permit by governance\.fms:4/);
    assert.match(cases[1]?.problem ?? "", /is not proved for bot/);
    assert.is((await run("--update")).code, 1);
    for (const reporter of ["junit", "github"])
      assert.match((await run("--reporter", reporter)).stdout, "does not hold for bot");
    for (const bad of ["never permt t", "permit t", "never permit t if vars.none > 1", "never permit a agent b {}"]) {
      write([bad]);
      assert.is((await run()).code, 1, bad);
    }
  }));

test.run();
