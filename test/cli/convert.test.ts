// convert: the same policy in another form, and nothing written over.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { faramesh, inFolder } from "./in-process.ts";

const policy = `agent "bot" {
  default deny
  rules {
    permit stripe/refund if amount < $500 and to in ["a", "b"] reason "small"
    deny! shell/**
  }
  budget day { max = $100 }
  rate_limit "stripe/*": 3 per hour
  redact stripe/refund args: ["card"]
}
`;

async function hashOf(dir: string): Promise<unknown> {
  return (JSON.parse((await faramesh(dir, "check", "--format", "json")).stdout) as { policy_hash: unknown })
    .policy_hash;
}

for (const form of ["fms", "yaml", "json"]) {
  test(`${form} is the same policy, printed and written, and never over a file`, () =>
    inFolder(async (dir) => {
      writeFileSync(join(dir, "governance.fms"), policy);
      const printed = await faramesh(dir, "convert", "--to", form);
      assert.is(printed.code, 0, printed.stderr);
      const out = join(dir, `converted.${form}`);
      assert.is((await faramesh(dir, "convert", "--to", form, "--out", out)).code, 0);
      assert.is(readFileSync(out, "utf8"), printed.stdout);
      const again = await faramesh(dir, "convert", "--to", form, "--out", out);
      assert.is(again.code, 1);
      assert.match(again.stderr, "never overwrites");
      const wanted = await hashOf(dir);
      await inFolder(async (other) => {
        writeFileSync(join(other, form === "fms" ? "governance.fms" : `governance.fms.${form}`), printed.stdout);
        assert.is(await hashOf(other), wanted);
        const back = await faramesh(other, "convert", "--to", "fms");
        assert.is(back.code, 0, back.stderr);
        assert.match(back.stdout, 'permit stripe/refund if amount < $500 and to in ["a", "b"] reason "small"');
      });
    }));
}

test("what cannot be converted is refused by name", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    assert.is((await faramesh(dir, "convert", "--to", "toml")).code, 64);
    assert.is((await faramesh(dir, "convert")).code, 64);
    writeFileSync(join(dir, "governance.fms"), "agent {");
    assert.is((await faramesh(dir, "convert", "--to", "yaml")).code, 1);
  }));

test.run();
