// `faramesh bench` end to end: where its requests come from, what it leaves out and says so, and how it is refused. No time
// that it prints is held to anything.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { StackUnderTest } from "../runtime/stack-under-test.ts";
import { faramesh, inFolder } from "./in-process.ts";

const policy = `
agent "bot" {
  default deny
  permit stripe/charge if amount < $500
  defer stripe/refund if card == "4242"
  redact stripe/refund args: ["card"]
}
`;

interface Bench {
  readonly requests: {
    readonly source: string;
    readonly count: number;
    readonly not_replayable: number;
    readonly codes: object;
  };
  readonly decide: { readonly count: number };
  readonly tools: readonly { readonly name: string; readonly requests: number }[];
  readonly rules: readonly {
    readonly rule: number | null;
    readonly rule_ref: string | null;
    readonly text: string | null;
  }[];
}

async function benchOf(dir: string, ...words: readonly string[]): Promise<Bench> {
  const { stdout, stderr, code } = await faramesh(dir, "bench", "--iterations", "50", ...words, "--format", "json");
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Bench;
}

test("without a log the requests are made from the policy, and that is said", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const { requests, decide, rules } = await benchOf(dir);
    assert.is(requests.source, "policy");
    assert.ok(decide.count >= 50);
    assert.ok(rules.some(({ rule, rule_ref }) => rule === 1 && rule_ref === "governance.fms:4"));
    const { stdout, code } = await faramesh(dir, "bench", "--iterations", "50");
    assert.is(code, 0);
    for (const words of [
      "made from the policy's own words",
      "no call is recorded here",
      "p99.9",
      "by tool",
      "█",
      "floor",
    ])
      assert.ok(stdout.includes(words), `${words}: ${stdout}`);
  }));

test("requests of a file are those that are measured", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const file = join(dir, "calls.jsonl");
    const line = (args: object): string => JSON.stringify({ agent_id: "bot", tool_id: "stripe/charge", args });
    writeFileSync(file, `${line({ amount: 5 })}\n${line({ amount: 5000 })}\n${line({ "\u001b[2J": 1 })}\n`);
    const { requests, tools } = await benchOf(dir, "--requests", file);
    assert.equal(requests, {
      source: "file",
      count: 3,
      not_replayable: 0,
      left_out: 0,
      codes: { POLICY_PERMIT: 1, POLICY_DENY: 2 },
    });
    assert.equal(
      tools.map(({ name, requests: count }) => [name, count]),
      [["stripe/charge", 3]],
    );
    for (const [text, words] of [
      ["", /no request/],
      ["{\n", /calls\.jsonl:1: .*no JSON/],
      ['{"agent_id":"bot","tool_id":"\\u001b[2J"}', /calls\.jsonl:1: BAD_TOOL_NAME/],
    ] as const) {
      writeFileSync(file, text);
      const { code, stderr } = await faramesh(dir, "bench", "--requests", file);
      assert.is(code, 1, text);
      assert.match(stderr, words);
      assert.not.match(stderr, /\u001b\[2J/);
    }
    assert.is((await faramesh(dir, "bench", "--requests", join(dir, "none"))).code, 1);
    assert.is((await faramesh(dir, "bench", "--requests", dir)).code, 1);
  }));

test("recorded calls are measured, and those that were not kept whole are counted apart", async () => {
  const stack = new StackUnderTest();
  try {
    writeFileSync(join(stack.dir, "governance.fms"), policy);
    await stack.start();
    await stack.apply(policy);
    for (let i = 0; i < 7; i++) await stack.ask("stripe/charge", { amount: i * 100 });
    for (let i = 0; i < 3; i++) await stack.ask("stripe/refund", { amount: i, card: "4242" });
    await stack.stop();
    const { requests } = await benchOf(stack.dir);
    assert.equal(requests, {
      source: "log",
      count: 7,
      not_replayable: 3,
      left_out: 0,
      codes: { POLICY_PERMIT: 5, POLICY_DENY: 2 },
    });
    const { stdout } = await faramesh(stack.dir, "bench", "--iterations", "50");
    assert.match(stdout, /7 requests of the log/);
    assert.match(stdout, /3 recorded calls left out/);
  } finally {
    await stack.remove();
  }
});

test("what cannot be measured is refused", () =>
  inFolder(async (dir) => {
    assert.is((await faramesh(dir, "bench")).code, 1);
    writeFileSync(join(dir, "governance.fms"), policy);
    for (const words of [
      ["--duration", "0s"],
      ["--duration", "soon"],
      ["--duration", "2h"],
      ["--iterations", "0"],
      ["--iterations", "-1"],
      ["--iterations", "1e9"],
      ["--iterations", "5", "--duration", "1s"],
      ["--since", "yesterday"],
    ]) {
      assert.is((await faramesh(dir, "bench", ...words)).code, 64, words.join(" "));
    }
    writeFileSync(join(dir, "governance.fms"), "agent {");
    assert.is((await faramesh(dir, "bench")).code, 1);
  }));

test.run();
