// Imports at the command line: where copies are looked for, what the lock holds and refuses, and that a version once applied
// needs no registry again.
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { readArtifact, readBeside, registryRoots } from "../../runtime/registry/folders.ts";
import { faramesh, inFolder, snapshotOf } from "./in-process.ts";

const pack = 'pack "pay" {\n  param limit = $5\n  permit pay if amount < limit\n  deny! wire\n}\n';
const policy = 'import "packs.example/pay@1.0.0"\nagent "bot" {\n  default deny\n  use pay\n}\n';
const local = 'import "./packs/pay.fms"\nagent "bot" {\n  default deny\n  use pay\n}\n';

function put(dir: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

const lockOf = (dir: string): string => readFileSync(join(dir, "governance.fms.lock"), "utf8");

test("check without a copy ends with 2 and says where it looked, and with another mistake with 1", () =>
  inFolder(async (dir) => {
    put(dir, { "governance.fms": policy });
    for (const words of [["check"], ["check", "--offline"], ["check", "--strict"]]) {
      const { code, stdout } = await faramesh(dir, ...words);
      assert.is(code, 2, words.join(" "));
      assert.match(stdout, "no copy of `packs.example/pay@1.0.0` is on this machine");
      assert.match(stdout, "looked in packs/, .faramesh/registry/");
      assert.match(stdout, "packs/packs.example/pay/1.0.0/pack.fms");
      assert.match(stdout, "[FMS031]");
    }
    for (const words of [["plan"], ["apply"], ["convert", "--to", "yaml"], ["disassemble"], ["dev"]])
      assert.is((await faramesh(dir, ...words)).code, 1, words.join(" "));
    put(dir, { "governance.fms": `${policy}agent "b" { permit x if nope(y) }\n` });
    assert.is((await faramesh(dir, "check")).code, 1);
    assert.equal(
      snapshotOf(dir).map((name) => name.split(" ")[0]),
      ["governance.fms"],
    );
  }));

test("F09 what is pinned is held: by check, by plan and by apply", () =>
  inFolder(async (dir) => {
    const place = "packs/packs.example/pay/1.0.0/pack.fms";
    put(dir, { "governance.fms": policy, [place]: pack });
    const loose = await faramesh(dir, "check");
    assert.is(loose.code, 0);
    assert.match(loose.stderr, "packs.example/pay@1.0.0 is not pinned yet");
    const written = await faramesh(dir, "check", "--write-lock");
    assert.is(written.code, 0);
    assert.match(written.stdout, "1 import pinned in governance.fms.lock");
    assert.match(
      lockOf(dir),
      /^\{\n {2}"imports": \{\n {4}"packs\.example\/pay@1\.0\.0": \{\n {6}"sha256": "[0-9a-f]{64}"\n/,
    );
    const pinned = await faramesh(dir, "check");
    assert.is(pinned.stderr, "");
    put(dir, { [place]: pack.replace("deny! wire", "permit wire") });
    const before = snapshotOf(dir);
    for (const words of [["check"], ["plan"], ["apply"], ["disassemble"]]) {
      const { code, stdout, stderr } = await faramesh(dir, ...words);
      assert.is(code, 1, words.join(" "));
      assert.match(stdout + stderr, "is not what was pinned");
      assert.match(stdout + stderr, "faramesh check --write-lock");
    }
    assert.equal(snapshotOf(dir), before);
    assert.is((await faramesh(dir, "check", "--write-lock")).code, 0);
    assert.is((await faramesh(dir, "check")).code, 0);
  }));

test("F09 a lock that is not one is never passed by", () =>
  inFolder(async (dir) => {
    put(dir, { "governance.fms": local, "packs/pay.fms": pack });
    const good = (await faramesh(dir, "check", "--write-lock")).code === 0 ? lockOf(dir) : "";
    const spoiled = [
      "",
      "null",
      "[]",
      "{}",
      good.slice(0, -4),
      good.replace("lock/1", "lock/2"),
      good.replace("sha256", "sha1"),
      good.replace(/[0-9a-f]{64}/, (hex) => hex.toUpperCase().replace(/^./, "G")),
      good.replace(/[0-9a-f]{64}/, "none"),
      good.replace('"lock"', '"algorithm": "none",\n  "lock"'),
      good.replace('"imports"', '"other"'),
    ];
    for (const text of spoiled) {
      put(dir, { "governance.fms.lock": text });
      const { code, stderr } = await faramesh(dir, "check");
      assert.is(code, 1, text);
      assert.match(stderr, "governance.fms.lock cannot be trusted", text);
    }
    assert.is((await faramesh(dir, "check", "--write-lock")).code, 0);
    assert.is(lockOf(dir), good);
  }));

test("apply pins, plan names the pack, and a stored version needs no registry", () =>
  inFolder(async (dir) => {
    const place = "packs/packs.example/pay/1.0.0/pack.fms";
    put(dir, { "governance.fms": policy, [place]: pack });
    const first = await faramesh(dir, "apply");
    assert.is(first.code, 0, first.stderr);
    assert.match(first.stdout, "✓ 1 import pinned in governance.fms.lock");
    assert.match((await faramesh(dir, "plan")).stdout, /No changes|nothing/i);
    const status = JSON.parse((await faramesh(dir, "status", "--format", "json")).stdout);
    assert.is(status.daemon.drift, false);
    put(dir, {
      "governance.fms": policy.replace("@1.0.0", "@1.1.0").replace("use pay", "use pay { limit = $9 }"),
      "packs/packs.example/pay/1.1.0/pack.fms": pack.replace("deny! wire", "deny! wire/**\n  permit see"),
    });
    const plan = await faramesh(dir, "plan");
    assert.match(plan.stdout, '+ permit see (pack "pay")');
    assert.match(plan.stdout, '- deny! wire (pack "pay")');
    assert.match(plan.stdout, '~ import "packs.example/pay@1.0.0" → import "packs.example/pay@1.1.0"');
    assert.match(plan.stdout, "~ use pay → use pay { limit = $9 }");
    const json = JSON.parse((await faramesh(dir, "plan", "--format", "json")).stdout);
    assert.equal(json.diff.rules.added[0], { agent: "bot", phase: null, pack: "pay", text: "deny! wire/**" });
    assert.is((await faramesh(dir, "apply")).code, 0);
    assert.match(lockOf(dir), "pay@1.0.0");
    assert.match(lockOf(dir), "pay@1.1.0");
    rmSync(join(dir, "packs"), { recursive: true });
    rmSync(join(dir, "governance.fms.lock"));
    const back = await faramesh(dir, "rollback");
    assert.is(back.code, 0, back.stderr);
    assert.match((await faramesh(dir, "explain", "rule", "2")).stdout, "packs.example/pay@1.0.0/pack.fms:4");
    put(dir, { "governance.fms": 'agent "bot" {\n  default deny\n  permit own\n}\n' });
    assert.match((await faramesh(dir, "plan")).stdout, '- permit pay if amount < limit (pack "pay")');
  }));

test("imports as people write them compile from the folder of the stack's registry", () =>
  inFolder(async (dir) => {
    const registry = ".faramesh/registry/github.com/faramesh/faramesh-registry";
    put(dir, {
      "governance.fms": `import   "github.com/faramesh/faramesh-registry/frameworks/langgraph@1.0.0"
import "github.com/faramesh/faramesh-registry/policies/stripe@1.3.0" as stripe_rules
import "github.com/faramesh/faramesh-registry/providers/vault@2.1.0"
agent "my-agent" {
  default deny
  use stripe_rules
}
`,
      [`${registry}/frameworks/langgraph/1.0.0/framework.fms`]: "# hints\n",
      [`${registry}/policies/stripe/1.3.0/policy.fms`]: "permit stripe/refund if amount < $50\n",
      [`${registry}/policies/stripe/1.3.0/README.md`]: "words\n",
      [`${registry}/providers/vault/2.1.0/provider.fms.yaml`]: "providers: { vault: { kind: vault } }\n",
    });
    const { code, stdout } = await faramesh(dir, "check", "--strict", "--format", "json");
    assert.is(code, 0, stdout);
    const { imports, rules } = JSON.parse(stdout);
    assert.is(rules, 1);
    assert.equal(
      imports.map((one: { reference: string; pinned: boolean }) => [one.reference.split("/").at(-1), one.pinned]),
      [
        ["langgraph@1.0.0", false],
        ["stripe@1.3.0", false],
        ["vault@2.1.0", false],
      ],
    );
  }));

test("files beside the policy are read there alone, and converted policies import them too", () =>
  inFolder(async (dir) => {
    put(dir, { "governance.fms": local, "packs/pay.fms": pack });
    const converted = await faramesh(dir, "convert", "--to", "json");
    assert.is(converted.code, 0, converted.stderr);
    assert.match(converted.stdout, '"./packs/pay.fms"');
    const beside = readBeside("packs/pay.fms", dir);
    assert.equal("reason" in beside ? beside : [beside.text, beside.file], [pack, "pay.fms"]);
    symlinkSync("/etc/hostname", join(dir, "packs/out.fms"));
    mkdirSync(join(dir, "packs/folder.fms"));
    put(dir, { "packs/bytes.fms": Uint8Array.of(0x61, 0xff) });
    const reasons = ["packs/out.fms", "packs/folder.fms", "packs/bytes.fms", "packs/none.fms"].map((path) => {
      const found = readBeside(path, dir);
      return "reason" in found ? found.reason : "read";
    });
    assert.equal(reasons, ["refused", "refused", "refused", "unreachable"]);
  }));

test("the first folder that has an artifact is taken, and one with two files never", () =>
  inFolder(async (dir) => {
    const roots = registryRoots(dir, { FARAMESH_REGISTRY_ROOT: "mirror" });
    assert.equal(
      roots.map(({ path, origin }) => [path, origin]),
      [
        [join(dir, "mirror"), "mirror"],
        [join(dir, "packs"), "stack"],
        [join(dir, ".faramesh/registry"), "stack"],
      ],
    );
    const read = () => {
      const found = readArtifact("h.example/a/b@1.0.0-rc.1", dir, roots);
      return "reason" in found ? found : { text: found.text, file: found.file };
    };
    const texts: readonly (readonly [string, string])[] = [
      [".faramesh/registry", "last"],
      ["packs", "middle"],
      ["mirror", "first"],
    ];
    assert.ok("reason" in read());
    for (const [root, text] of texts) {
      put(dir, { [`${root}/h.example/a/b/1.0.0-rc.1/pack.fms.yaml`]: text });
      assert.equal(read(), { text, file: "pack.fms.yaml" });
    }
    put(dir, { "mirror/h.example/a/b/1.0.0-rc.1/policy.fms": "other" });
    const both = read();
    assert.is("reason" in both ? both.reason : null, "refused");
  }));

test.run();
