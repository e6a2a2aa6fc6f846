// Rollback asks what apply asks: the asserts of the older version and those in force, and with --no-new-access whether a call is
// opened. What stands in the way changes nothing, and what was forced is told by the version's summary.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { onStack } from "../runtime/stack-under-test.ts";
import { faramesh } from "./in-process.ts";

const write = (dir: string, text: string): void => writeFileSync(join(dir, "governance.fms"), text);
const inForce = async (dir: string): Promise<string | null> =>
  (await askOperator(dir, "status", {})).daemon.policy_version;

/** Applies each text in turn, by --force. */
async function versions(dir: string, ...texts: readonly string[]): Promise<void> {
  for (const text of texts) {
    write(dir, text);
    const { code, stdout, stderr } = await faramesh(dir, "apply", "--force");
    assert.is(code, 0, stdout + stderr);
  }
}

const bot = (cap: number, assertion = ""): string =>
  `agent "bot" {\n  default deny\n  permit stripe/payouts if amount < ${cap}\n${assertion}}\n`;
const limit = `  assert never permit stripe/payouts if amount >= 500 reason "the bank's limit"\n`;

test("an assert of the older version that is not proved of it: exit 2, nothing changed, --force is recorded", () =>
  onStack(null, async ({ dir }) => {
    await versions(dir, bot(900, limit), bot(400));
    const held = await faramesh(dir, "rollback");
    assert.is(held.code, 2);
    assert.match(held.stdout, "Asserts of v1 (every possible call");
    assert.match(held.stdout, "✗ assert never permit stripe/payouts if amount >= 500 (bot): stripe/payouts");
    assert.match(held.stderr, "✗ v1: 1 assert not proved: nothing was changed\n  --force restores it all the same");
    assert.is(await inForce(dir), "v2");
    const json = JSON.parse((await faramesh(dir, "rollback", "--format", "json")).stdout) as Record<string, unknown>;
    assert.equal(
      [json.rolled_back, json.version, json.from_version, (json.asserts as unknown[]).length, json.asserts_in_force],
      [false, "v1", "v2", 1, []],
    );
    assert.is((await faramesh(dir, "rollback", "--force")).code, 0);
    assert.is(await inForce(dir), "v1");
    assert.match((await faramesh(dir, "history")).stdout, "1 assert not proved, by --force; v1 restored");
  }));

test("an assert in force holds for what is restored, in the meaning that it has where it stands", () =>
  onStack(null, async ({ dir }) => {
    const capped = bot(400, "  var bound = 500\n  assert never permit stripe/payouts if amount >= bound\n");
    await versions(dir, bot(900, "  var bound = 5000\n  deny stripe/refunds if amount > bound\n"), capped);
    const held = await faramesh(dir, "rollback", "--to", "v1");
    assert.is(held.code, 2);
    assert.match(held.stdout, "Asserts of v2, in force now (every possible call");
    assert.not.match(held.stdout, "Asserts of v1");
    assert.is(await inForce(dir), "v2");
    // One that the older version keeps is in nobody's way.
    await versions(dir, bot(450, limit), bot(300, limit));
    assert.is((await faramesh(dir, "rollback")).code, 0);
    assert.is(await inForce(dir), "v3");
  }));

test("an assert that only the file has is in force where the file decides as the version does, and then alone", () =>
  onStack(null, async ({ dir }) => {
    await versions(dir, bot(900), bot(400));
    // Applying it changes nothing, so that no version holds the assert.
    write(dir, bot(400, limit));
    assert.match((await faramesh(dir, "apply")).stdout, "= v2 is in force already: nothing changed");
    assert.match((await faramesh(dir, "plan")).stdout, "+ assert never permit stripe/payouts if amount >= 500");
    const held = await faramesh(dir, "rollback");
    assert.equal([held.code, await inForce(dir)], [2, "v2"]);
    assert.match(held.stdout, "Asserts of v2, in force now");
    // A file that is being written holds nobody back.
    write(dir, bot(300, limit));
    assert.is((await faramesh(dir, "rollback")).code, 0);
    const unknown = await faramesh(dir, "rollback", "--to", "v9");
    assert.is(unknown.code, 1);
    assert.match(unknown.stderr, "`v9` was never in force\n  faramesh history lists the versions");
    const odd = await faramesh(dir, "rollback", "--to", "latest");
    assert.is(odd.code, 1);
  }));

test("asserts of an agent that the older version does not govern hold there: it is denied every call", () =>
  onStack(null, async ({ dir }) => {
    await versions(dir, bot(400), `${bot(400)}agent "new" {\n  permit x\n  assert never permit y\n}\n`);
    assert.is((await faramesh(dir, "rollback")).code, 0);
    // Unless anybody may call: then the anonymous agent's rules are its rules.
    await versions(dir, "permit **\n", `agent "new" {\n  permit x\n  assert never permit y\n}\n`);
    const held = await faramesh(dir, "rollback");
    assert.equal([held.code, await inForce(dir)], [2, "v4"]);
    assert.match(held.stdout, "✗ assert never permit y (new): y {} is answered permit by governance.fms:1");
  }));

test("--no-new-access and --dry-run as of apply; what is gone is never called fine", () =>
  onStack(null, async ({ dir }) => {
    await versions(dir, bot(900), bot(400));
    const opens = await faramesh(dir, "rollback", "--no-new-access");
    assert.equal([opens.code, await inForce(dir)], [2, "v2"]);
    assert.match(opens.stdout, "+ stripe/payouts deny → permit when amount in [400, 900)");
    const dry = await faramesh(dir, "rollback", "--dry-run");
    assert.equal([dry.code, await inForce(dir)], [0, "v2"]);
    assert.match(dry.stdout, "~ permit stripe/payouts if amount < 400 → if amount < 900");
    assert.match(dry.stdout, "→ dry run of v1: nothing was changed");
    const restored = await faramesh(dir, "rollback", "--no-new-access", "--force");
    assert.is(restored.code, 0);
    assert.match(restored.stdout, "the policy's file was not changed: the next apply puts it in force again");
    const history = await faramesh(dir, "history");
    assert.match(history.stdout, "opens 1 kind of calls, by --force; v1 restored");
    assert.match(history.stderr, "⚠ v1 is in force by a rollback; the policy's file differs from it: faramesh plan");
    const [first] = (await askOperator(dir, "history", {})).versions;
    writeFileSync(join(dir, ".faramesh/policies", `${first?.image_hash}.fmb`), "spoiled");
    const unread = await faramesh(dir, "rollback", "--to", "v2");
    assert.is(unread.code, 2);
    assert.match(unread.stderr, "v1: not looked into".replace("v1", "v2"));
    assert.is((await faramesh(dir, "rollback", "--to", "v2", "--force")).code, 0);
    assert.match((await faramesh(dir, "history")).stdout, "not looked into, by --force; v2 restored");
  }));

test.run();
