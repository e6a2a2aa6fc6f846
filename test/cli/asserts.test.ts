// Asserts of a policy from the command line: check and plan show what came of them, apply changes nothing while one is not
// proved, and says in the version's record when it was forced.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { faramesh, inFolder } from "./in-process.ts";

const rules = (cap: number): string => `agent "bot" {
  default deny
  permit stripe/payouts if amount < ${cap}
  assert never permit stripe/payouts if amount >= 500 reason "the bank's limit"
}
assert never permit shell/**
`;
const write = (dir: string, text: string): void => writeFileSync(join(dir, "governance.fms"), text);

test("what is proved is applied; what is refuted changes nothing, and by --force is recorded", () =>
  inFolder(async (dir) => {
    write(dir, rules(400));
    const fine = await faramesh(dir, "check");
    assert.equal([fine.code, /2 asserts proved/.test(fine.stdout)], [0, true]);
    assert.is((await faramesh(dir, "apply")).code, 0);
    write(dir, rules(900));
    const found = await faramesh(dir, "check");
    assert.is(found.code, 1);
    assert.match(found.stdout, "is answered permit by governance.fms:3 (the bank's limit)");
    const planned = JSON.parse((await faramesh(dir, "plan", "--format", "json")).stdout) as {
      asserts: { outcome: string; counter_example: { call: { args: { amount: number } } } | null }[];
    };
    assert.equal(
      planned.asserts.map(({ outcome }) => outcome),
      ["refuted", "proved"],
    );
    const amount = planned.asserts[0]?.counter_example?.call.args.amount ?? 0;
    assert.ok(amount >= 500 && amount < 900, `${amount}`);
    for (const words of [["apply"], ["apply", "--dry-run"], ["plan"]]) {
      const held = await faramesh(dir, ...words);
      assert.is(held.code, 2, words.join(" "));
      assert.match(held.stdout, "✗ assert never permit stripe/payouts if amount >= 500 (bot)");
    }
    assert.is((await askOperator(dir, "status", {})).daemon.policy_version, "v1");
    const json = JSON.parse((await faramesh(dir, "apply", "--format", "json")).stdout) as Record<string, unknown>;
    assert.equal([json.applied, (json.asserts as unknown[]).length], [false, 1]);
    assert.is((await faramesh(dir, "apply", "--force")).code, 0);
    assert.match((await faramesh(dir, "history")).stdout, "1 assert not proved, by --force");
  }));

test("an assert that reasoning cannot tell is held back too", () =>
  inFolder(async (dir) => {
    write(dir, "permit pay if amount < paid\nassert never permit pay if amount >= paid\n");
    const { code, stderr } = await faramesh(dir, "check");
    assert.is(code, 0);
    assert.match(stderr, "this assert is not proved");
    assert.is((await faramesh(dir, "check", "--strict")).code, 3);
    assert.is((await faramesh(dir, "apply", "--dry-run")).code, 2);
  }));

test.run();
