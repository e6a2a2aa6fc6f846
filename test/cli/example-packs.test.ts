// The packs of examples/ against their own fixtures, as a user runs them: each rule of each pack decides some call, and the
// folder they lie in is left as it was.
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { faramesh, snapshotOf } from "./in-process.ts";

const folder = fileURLToPath(new URL("../../examples/packs/", import.meta.url));

test("every fixture of the packs holds, and no rule is without one", async () => {
  const before = snapshotOf(folder);
  const { code, stdout, stderr } = await faramesh(folder, "test", "--coverage", "--format", "json");
  assert.is(code, 0, stdout + stderr);
  const { passed, failed, coverage } = JSON.parse(stdout);
  assert.ok(passed > 100);
  assert.is(failed, 0);
  const unmatched = coverage.filter(({ matched }: { matched: number }) => matched === 0);
  assert.equal(
    unmatched.map(({ rule_ref }: { rule_ref: string }) => rule_ref),
    [],
  );
  assert.equal(snapshotOf(folder), before);
});

test("the packs compile without a warning", async () => {
  const { code, stdout } = await faramesh(folder, "check", "--strict", "--offline");
  assert.is(code, 0, stdout);
});

test.run();
