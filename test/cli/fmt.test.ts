// fmt on real files: in place, with the file's permissions, through a link, and never at a file with errors; and check's
// reports for other programs.
import { chmodSync, lstatSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { changedLines } from "../../cli/line-diff.ts";
import { Random } from "../generate/random.ts";
import { faramesh, inFolder, snapshotOf } from "./in-process.ts";

const loose = "agent a {\n  default = deny\n\n\n  allow b when x<5 // why\n  deny c;\n}\n";
const canonical = "agent a {\n  default deny\n\n  permit b if x < 5 // why\n  deny c\n}\n";
const older = "agent a {\n  default deny\n\n  permit b when x < 5 // why\n  deny c\n}\n";

test("fmt writes the canonical layout and keeps the file's permissions", () =>
  inFolder(async (dir) => {
    const path = join(dir, "governance.fms");
    writeFileSync(path, loose);
    chmodSync(path, 0o640);
    const first = await faramesh(dir, "fmt");
    assert.is(first.code, 0, first.stderr);
    assert.is(first.stdout, "✓ governance.fms laid out\n");
    assert.is(readFileSync(path, "utf8"), canonical);
    assert.is(statSync(path).mode & 0o7777, 0o640);
    const before = statSync(path).ino;
    const second = await faramesh(dir, "fmt");
    assert.is(second.code, 0);
    assert.is(second.stdout, "✓ governance.fms is in its canonical layout\n");
    assert.is(statSync(path).ino, before);
    await faramesh(dir, "fmt", "--dialect", "old");
    assert.is(readFileSync(path, "utf8"), older);
    assert.is((await faramesh(dir, "fmt", "--dialect", "older")).code, 64);
  }));

test("fmt --check shows what would change, writes nothing and fails", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), loose);
    const before = snapshotOf(dir);
    const { code, stdout } = await faramesh(dir, "fmt", "--check");
    assert.is(code, 1);
    const lines = [
      "✗ governance.fms is not in its canonical layout",
      "    agent a {",
      "  -   default = deny",
      "  +   default deny",
      "    ",
      "  - ",
      "  -   allow b when x<5 // why",
      "  -   deny c;",
      "  +   permit b if x < 5 // why",
      "  +   deny c",
      "    }",
    ];
    assert.is(stdout, `${lines.map((line) => line.trimEnd()).join("\n")}\n`);
    assert.equal(snapshotOf(dir), before);
    writeFileSync(join(dir, "governance.fms"), canonical);
    assert.is((await faramesh(dir, "fmt", "--check")).code, 0);
  }));

test("fmt follows a link and leaves it a link", () =>
  inFolder(async (dir) => {
    mkdirSync(join(dir, "shared"));
    writeFileSync(join(dir, "shared", "policy.fms"), loose);
    symlinkSync("shared/policy.fms", join(dir, "governance.fms"));
    assert.is((await faramesh(dir, "fmt")).code, 0);
    assert.ok(lstatSync(join(dir, "governance.fms")).isSymbolicLink());
    assert.is(readFileSync(join(dir, "shared", "policy.fms"), "utf8"), canonical);
  }));

test("fmt leaves a file with syntax errors alone and shows them", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), "agent a {\n  permitt b\n}\n");
    const before = snapshotOf(dir);
    const { code, stdout, stderr } = await faramesh(dir, "fmt");
    assert.is(code, 1);
    assert.is(stdout, "");
    assert.match(stderr, "governance.fms:2:3");
    assert.match(stderr, "cannot be laid out: 1 error");
    assert.equal(snapshotOf(dir), before);
  }));

test("check writes its findings for GitHub and as SARIF, alone on standard output", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), "agent a {\n  default deny\n  permit b if frob(x)\n}\n");
    const github = await faramesh(dir, "check", "--format", "github");
    assert.is(github.code, 1);
    assert.match(github.stdout, /^::error file=[^,]*governance\.fms,line=3,col=\d+,[^\n]*title=FMS020::[^\n]*\n$/);
    const sarif = await faramesh(dir, "check", "--format", "sarif");
    assert.is(sarif.code, 1);
    assert.is(Reflect.get(Object(JSON.parse(sarif.stdout)), "version"), "2.1.0");
    writeFileSync(join(dir, "governance.fms"), "agent a {\n  permit b\n}\n");
    assert.is((await faramesh(dir, "check", "--format", "github")).code, 0);
    assert.is((await faramesh(dir, "check", "--format", "github", "--strict")).code, 3);
    const unknown = await faramesh(dir, "check", "--format", "xml");
    assert.is(unknown.code, 64);
    assert.match(unknown.stderr, "--format is text, json, sarif or github, not `xml`");
    assert.match((await faramesh(dir, "fmt", "--format", "sarif")).stderr, "--format is text or json");
  }));

test("the difference of two texts leads from one to the other", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = new Random(seed);
    const lines = (): string => random.list(0, 12, () => random.pick(["a", "b", "c"])).join("\n");
    const [before, after] = [lines(), lines()];
    const changes = changedLines(before, after);
    const removed = new Map(changes.filter(({ mark }) => mark === "-").map(({ line, text }) => [line, text]));
    const added = new Map(changes.filter(({ mark }) => mark === "+").map(({ line, text }) => [line, text]));
    const kept = before.split("\n").filter((text, i) => {
      if (removed.has(i + 1)) assert.is(removed.get(i + 1), text);
      return !removed.has(i + 1);
    });
    const built: string[] = [];
    while (kept.length > 0 || added.has(built.length + 1))
      built.push(added.get(built.length + 1) ?? kept.shift() ?? "");
    assert.is(built.join("\n"), after, `seed ${seed}`);
    assert.is(changes.length === 0, before === after);
  }
  const [many, other] = ["x\n".repeat(2_000), "y\n".repeat(2_000)];
  assert.is(changedLines(many, other).length, 4_001);
});

test.run();
