// `faramesh disassemble` and `assemble` end to end: what is printed is what is read, to the byte; what cannot be read is refused.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/index.ts";
import { faramesh, inFolder } from "./in-process.ts";

const policy = `# a policy \u200b with what a terminal does not show
agent "bot" {
  default deny
  permit stripe/charge if amount < $500 and note != "\u00e9\u202e" reason "say\\tit"
  defer mail/** if to matches "^[a-z]+@example[.]com$"
}
`;

test("what disassemble prints, assemble reads", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const listing = join(dir, "policy.lst");
    const out = join(dir, "policy.image");
    const printed = await faramesh(dir, "disassemble");
    assert.is(printed.code, 0, printed.stderr);
    assert.not.match(printed.stdout, /[\u200b\u202e]/u);
    writeFileSync(listing, printed.stdout);
    const { code, stderr } = await faramesh(dir, "assemble", listing, "--out", out);
    assert.is(code, 0, stderr);
    const { image } = compile(policy, { file: "governance.fms" });
    assert.is(Buffer.compare(readFileSync(out), image ?? new Uint8Array()), 0);
    const again = await faramesh(dir, "assemble", listing, "--out", out);
    assert.is(again.code, 1);
    assert.match(again.stderr, /never overwrites/);
  }));

test("what cannot be read, or no machine runs, is refused and writes nothing", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const { stdout } = await faramesh(dir, "disassemble");
    const listing = join(dir, "policy.lst");
    const out = join(dir, "policy.image");
    for (const [text, words] of [
      [stdout.replace("rule 0: permit", "rule 0: allow"), /policy\.lst:3: expected permit/],
      [stdout.replace("shape 0, rules", "shape 99, rules"), /no machine runs.*points outside \(section \d+, row 0\)/],
      ["\u001b[2J", /policy\.lst:1: /],
    ] as const) {
      writeFileSync(listing, text);
      const { code, stderr } = await faramesh(dir, "assemble", listing, "--out", out);
      assert.is(code, 1, stderr);
      assert.match(stderr, words);
      assert.not.match(stderr, /\u001b\[2J/);
    }
    assert.is((await faramesh(dir, "assemble", join(dir, "none"), "--out", out)).code, 1);
    assert.is((await faramesh(dir, "assemble", dir, "--out", out)).code, 1);
    assert.is((await faramesh(dir, "assemble", listing)).code, 64);
    assert.not(existsSync(out));
  }));

test.run();
