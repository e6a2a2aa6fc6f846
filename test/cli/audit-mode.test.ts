// Audit mode's difference report over a history whose counts are known: `plan` tells what enforcing the file would block, by tool
// and rule, `audit stats` what enforcing would have blocked under the versions then in force.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { faramesh } from "./in-process.ts";

const rules = `agent "bot" {
  default deny
  deny db/wipe
  permit pay if amount < 500
  defer refund
  permit search
  rate_limit "search": 2 per hour
  redact refund args: ["card"]
}
`;
const audit = `runtime { mode = "audit" }\n${rules}`;

/** What runs: 5 pay (2 too large), 4 refund, 1 wipe, 3 search (1 beyond its limit); a stranger is denied in any mode. */
async function history(stack: StackUnderTest): Promise<void> {
  for (const amount of [1, 499, 500, 20, 800]) await stack.ask("pay", { amount });
  for (const card of [1, 2, 3, 4]) await stack.ask("refund", { card });
  await stack.ask("db/wipe");
  for (let i = 0; i < 3; i++) await stack.ask("search");
  assert.is((await stack.ask("pay", { amount: 1 }, { agent_id: "stranger" })).effect, "DENY");
}

interface Plan {
  readonly replay: {
    readonly transitions: Readonly<Record<string, readonly { tool: string; count: number }[]>>;
    readonly not_replayable: number;
    readonly enforcing: readonly {
      tool: string;
      effect: string;
      code: string;
      rule_ref: string | null;
      count: number;
    }[];
  };
}

const shownOf = ({ replay }: Plan): unknown[] =>
  replay.enforcing.map(({ tool, effect, code, rule_ref, count }) => [tool, effect, code, rule_ref, count]);

async function planOf(stack: StackUnderTest, text: string): Promise<Plan> {
  writeFileSync(join(stack.dir, "governance.fms"), text);
  const { code, stdout, stderr } = await faramesh(stack.dir, "plan", "--format", "json");
  assert.is(code, 0, stderr);
  return JSON.parse(stdout) as Plan;
}

test("what enforcing would block, by tool and rule, whether the file enforces or stays in audit mode", () =>
  onStack(audit, async (stack) => {
    await history(stack);
    const expected = [
      ["refund", "defer", "POLICY_DEFER", "governance.fms:6", 4],
      ["pay", "deny", "POLICY_DENY", null, 2],
      ["db/wipe", "deny", "POLICY_DENY", "governance.fms:4", 1],
      ["search", "deny", "RATE_EXCEEDED", null, 1],
    ];
    const staying = await planOf(stack, audit);
    assert.equal(shownOf(staying), expected);
    assert.equal(staying.replay.transitions, {});
    const enforcing = await planOf(stack, `\n${rules}`);
    assert.equal(shownOf(enforcing), expected);
    assert.equal(enforcing.replay.transitions, {
      permit_to_defer: [{ tool: "refund", count: 4 }],
      permit_to_deny: [
        { tool: "pay", count: 2 },
        { tool: "db/wipe", count: 1 },
        { tool: "search", count: 1 },
      ],
    });
    assert.is(enforcing.replay.not_replayable, 1);
    const { stdout } = await faramesh(stack.dir, "plan");
    assert.match(stdout, "Enforcing this policy would block 8 of 13 calls (last 24h):");
    assert.match(stdout, /^ {2}refund {3}defer {2}4 calls \(30\.8%\) {2}governance\.fms:6 defer refund$/m);
    assert.match(stdout, /^ {2}pay {6}deny {3}2 calls \(15\.4%\) {2}the default$/m);
    assert.match(stdout, /^ {2}search {3}deny {3}1 call \(7\.7%\) {4}RATE_EXCEEDED$/m);
  }));

test("an edit of the file shows at once what it would spare; nothing left to block is said", () =>
  onStack(audit, async (stack) => {
    await history(stack);
    const wider = await planOf(stack, audit.replace("< 500", "< 501"));
    assert.equal(shownOf(wider)[1], ["db/wipe", "deny", "POLICY_DENY", "governance.fms:4", 1]);
    assert.equal(shownOf(wider)[2], ["pay", "deny", "POLICY_DENY", null, 1]);
    await planOf(stack, 'runtime { mode = "audit" }\nagent "bot" { permit ** }\n');
    const { stdout } = await faramesh(stack.dir, "plan");
    assert.match(stdout, "Enforcing this policy would block none of 13 calls (last 24h)");
    // A value that was not kept is counted as not replayable, never as let through.
    const blind = await planOf(stack, audit.replace("defer refund", "defer refund if card > 2"));
    assert.is(blind.replay.not_replayable, 5);
    assert.not.ok(blind.replay.enforcing.some(({ tool }) => tool === "refund"));
  }));

test("audit stats counts what the versions then in force would have stopped; of enforced calls it says nothing", () =>
  onStack(audit, async (stack) => {
    await history(stack);
    const statsOf = async (): Promise<{ audit: unknown }> =>
      JSON.parse((await faramesh(stack.dir, "audit", "stats", "--format", "json")).stdout) as { audit: unknown };
    const expected = {
      decisions: 13,
      would_deny: 4,
      would_defer: 4,
      stopped: [
        { tool: "refund", effect: "defer", code: "POLICY_DEFER", rule_ref: "governance.fms:6", count: 4 },
        { tool: "pay", effect: "deny", code: "POLICY_DENY", rule_ref: null, count: 2 },
        { tool: "db/wipe", effect: "deny", code: "POLICY_DENY", rule_ref: "governance.fms:4", count: 1 },
        { tool: "search", effect: "deny", code: "RATE_EXCEEDED", rule_ref: null, count: 1 },
      ],
    };
    assert.equal((await statsOf()).audit, expected);
    await stack.apply(rules);
    for (let i = 0; i < 3; i++) assert.is((await stack.ask("db/wipe")).effect, "DENY");
    assert.equal((await statsOf()).audit, expected);
    const { stdout } = await faramesh(stack.dir, "audit", "stats");
    assert.match(stdout, "in audit mode\n  of 13 calls enforcing would have denied 4 and deferred 4\n");
    assert.match(stdout, /^ {2}pay +deny +the default +POLICY_DENY +2$/m);
    const enforced = await planOf(stack, rules);
    assert.is(enforced.replay.enforcing, null);
  }));

test.run();
