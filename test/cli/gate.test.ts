// `apply --no-new-access` and `--dry-run`: what is held back changes nothing, what goes past is recorded.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { faramesh, inFolder, snapshotOf } from "./in-process.ts";

const policy = `agent "bot" {
  default deny
  permit stripe/charge if amount < $500
  defer stripe/refund
}
`;
const write = (dir: string, text: string): void => writeFileSync(join(dir, "governance.fms"), text);
/** All but what the daemon itself goes on writing. */
const quiet = (dir: string): string[] => [
  ...readdirSync(dir).sort(),
  ...["governance.fms", "faramesh.vkey"].map((name) => readFileSync(join(dir, name), "utf8")),
  ...snapshotOf(join(dir, ".faramesh/policies")),
];

test("a policy that opens nothing is applied, one that does is held back with exit 2, by --force it goes and says so", () =>
  inFolder(async (dir) => {
    write(dir, policy);
    // The first one: there is nothing that it could open more than.
    assert.is((await faramesh(dir, "apply", "--no-new-access")).code, 0);
    write(dir, policy.replace("$500", "$250"));
    assert.is((await faramesh(dir, "apply", "--no-new-access")).code, 0);
    write(dir, policy.replace("defer stripe/refund", "permit stripe/refund"));
    const before = quiet(dir);
    const held = await faramesh(dir, "apply", "--no-new-access");
    assert.is(held.code, 2);
    assert.match(held.stdout, "+ stripe/refund defer → permit");
    assert.match(held.stdout, "+ stripe/charge deny → permit when amount in [250, 500)");
    assert.match(held.stderr, "opens 2 kinds of calls that v2 does not: nothing was changed");
    const json = await faramesh(dir, "apply", "--no-new-access", "--format", "json");
    assert.is(json.code, 2);
    assert.equal(
      [JSON.parse(json.stdout).applied, JSON.parse(json.stdout).opened, JSON.parse(json.stdout).running],
      [false, 2, true],
    );
    assert.equal(quiet(dir), before);
    assert.is((await askOperator(dir, "status", {})).daemon.policy_version, "v2");
    assert.is((await faramesh(dir, "apply", "--no-new-access", "--force")).code, 0);
    const { stdout } = await faramesh(dir, "history");
    assert.match(stdout, "opens 2 kinds of calls, by --force");
  }));

test("a dry run does everything but change anything, with a daemon and without", () =>
  inFolder(async (dir) => {
    write(dir, policy);
    const untouched = snapshotOf(dir);
    const first = await faramesh(dir, "apply", "--dry-run");
    assert.equal([first.code, snapshotOf(dir)], [0, untouched]);
    assert.is((await faramesh(dir, "apply")).code, 0);
    write(dir, policy.replace("$500", "$900"));
    const before = quiet(dir);
    const dry = await faramesh(dir, "apply", "--dry-run");
    assert.is(dry.code, 0);
    assert.match(dry.stdout, "~ permit stripe/charge if amount < $500 → if amount < $900");
    assert.match(dry.stdout, "+ stripe/charge deny → permit");
    assert.match(dry.stdout, "dry run: nothing was changed");
    assert.is((await faramesh(dir, "apply", "--dry-run", "--no-new-access")).code, 2);
    assert.equal(quiet(dir), before);
    const broken = `runtime { backend = "postgres" }\n${policy}`;
    write(dir, broken);
    assert.is((await faramesh(dir, "apply", "--dry-run")).code, 1);
    write(dir, "agent {");
    assert.is((await faramesh(dir, "apply", "--dry-run")).code, 1);
    assert.is((await askOperator(dir, "status", {})).daemon.policy_version, "v1");
    assert.is(readFileSync(join(dir, "governance.fms"), "utf8"), "agent {");
  }));

test("what is not known counts as opened", () =>
  inFolder(async (dir) => {
    write(dir, 'agent "bot" { default deny permit t if a + b < 5 }');
    assert.is((await faramesh(dir, "apply")).code, 0);
    write(dir, 'agent "bot" { default deny permit t if a + b < 4 }');
    assert.is((await faramesh(dir, "apply", "--no-new-access")).code, 2);
    assert.is((await askOperator(dir, "status", {})).daemon.policy_version, "v1");
  }));

test.run();
