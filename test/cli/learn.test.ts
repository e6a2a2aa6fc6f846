// `faramesh learn`: permits narrowed to what was called, what people approved made a permit, and a patch that opens nothing else.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack } from "../runtime/stack-under-test.ts";
import { faramesh, inFolder } from "./in-process.ts";

const policy = `# what the bot may do
agent "bot" {
  default deny
  var phase_of = 1

  # small ones
  permit pay if amount < 500 or vip == true
  permit mail/* reason "letters"
  permit never/called   # nobody does
  defer refund reason "a person looks at it"
  permit card if number starts_with "4"
  redact card args: ["number"]
}
`;

test("permits get the bounds of what they let through, unused ones go, and nothing opens but what was approved", () =>
  onStack(policy, async (stack) => {
    const { dir } = stack;
    writeFileSync(join(dir, "governance.fms"), policy);
    for (const amount of [10, 20, 30, 40, 480]) await stack.ask("pay", { amount, currency: "EUR" });
    await stack.ask("pay", { amount: 9000, currency: "EUR" });
    for (const [i, to] of ["a", "b", "a", "b", "a", "b"].entries())
      await stack.ask("mail/send", { to, phase_of: 3, body: `letter ${i}` });
    await stack.ask("card", { number: "4242" });
    for (let i = 0; i < 6; i++) {
      const { approval_id = "" } = await stack.ask("refund", { amount: 5 + i });
      assert.is((await faramesh(dir, "approvals", "approve", approval_id)).code, 0);
      await stack.ask("refund", { amount: 5 + i }, { approval_id });
    }
    const ran = await faramesh(dir, "learn", "--format", "json");
    assert.is(ran.code, 0, ran.stderr);
    const learned = JSON.parse(ran.stdout) as Record<string, unknown>;
    const text = String(learned.text);
    assert.match(
      text,
      '  permit pay if (amount < 500 or vip == true) and amount >= 0 and amount <= 480 and currency == "EUR"\n',
    );
    assert.match(text, '  permit mail/* if args.phase_of == 3 and to in ["a", "b"] reason "letters"\n');
    assert.not.match(text, "permit never/called");
    assert.match(text, "# what the bot may do");
    assert.match(text, 'permit card if number starts_with "4"\n');
    const isApproved = /permit refund if amount >= 0 and amount <= 10\n {2}defer refund/.test(text);
    assert.equal(
      [learned.narrowed, learned.removed, learned.added, learned.opened, learned.unknown, isApproved],
      [2, 1, 1, 1, 0, true],
    );
    // What was learned permits all of it again.
    const shown = await faramesh(dir, "learn", "--out", "learned.fms");
    assert.match(shown.stdout, "+ refund defer → permit when amount in [0, 10]");
    assert.match(shown.stdout, "- never/called permit → deny");
    assert.is(readFileSync(join(dir, "learned.fms"), "utf8"), text);
    assert.is((await faramesh(dir, "learn", "--out", "learned.fms")).code, 1);
    writeFileSync(join(dir, "governance.fms"), text);
    const plan = await faramesh(dir, "plan", "--strict-replay", "--format", "json");
    const { replay } = JSON.parse(plan.stdout) as { replay: { transitions: Record<string, unknown[]> } };
    assert.equal(Object.keys(replay.transitions), ["defer_to_permit"]);
  }));

test("without a log, and in YAML, there is nothing to patch", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), "permit t\n");
    assert.match((await faramesh(dir, "learn")).stderr, "there is no log yet");
    assert.is((await faramesh(dir, "learn", "--since", "soon")).code, 64);
  }));

test.run();
