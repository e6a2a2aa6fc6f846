// Bundles, made on one machine and taken on another without a network: everything is checked before anything is written, and
// whatever was changed on the way is refused by name.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { BundleFailure, openBundle } from "../../runtime/bundle/bundle.ts";
import { readTar, type TarEntry, writeTar } from "../../runtime/bundle/tar.ts";
import { checkSignature, sha256Of } from "../../runtime/registry/signature.ts";
import { faramesh, inFolder, snapshotOf } from "../cli/in-process.ts";
import { type Key, newKey } from "../registry/liar.ts";

const publisher = newKey();
const bundler = newKey();
const pack = 'pack "pay" {\n  param limit = $5\n  permit pay if amount < limit\n  deny! wire\n}\n';
const policy = `import "packs.example/pay@1.0.0"
import "./packs/own.fms"
trust { key "packs.example" ${publisher.text} }
agent "bot" {
  default deny
  use pay
  use own
}
`;

function put(dir: string, files: Readonly<Record<string, string | Uint8Array>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

/** The machine with the sources. */
function putSources(dir: string): void {
  put(dir, {
    "governance.fms": policy,
    "packs/own.fms": "permit see\n",
    "packs/packs.example/pay/1.0.0/pack.fms": pack,
    "packs/packs.example/pay/1.0.0/pack.fms.sig": publisher.publisher.sign(
      "packs.example/pay@1.0.0/pack.fms",
      Buffer.from(pack),
    ),
    "bundler.pem": bundler.pem,
  });
}

/** A bundle of these sources, made once. */
let made: Buffer | null = null;
async function bundleBytes(): Promise<Buffer> {
  if (made !== null) return made;
  await inFolder(async (dir) => {
    putSources(dir);
    const { code, stderr } = await faramesh(dir, "bundle", "--key", "bundler.pem", "--out", "bundle.tar");
    assert.is(code, 0, stderr);
    made = readFileSync(join(dir, "bundle.tar"));
  });
  return made ?? Buffer.of();
}

/** The same files with some changed (null: taken out), named in bundle.json anew and signed with `key`. */
async function forged(
  changes: Readonly<Record<string, string | null>>,
  key: Key = bundler,
  describe = (list: { policy: Record<string, string>; files: unknown[] }): unknown => list,
): Promise<Buffer> {
  const files = new Map(readTar(await bundleBytes()).map(({ name, bytes }) => [name, Buffer.from(bytes)]));
  for (const [name, text] of Object.entries(changes)) {
    if (text === null) files.delete(name);
    else files.set(name, Buffer.from(text));
  }
  const list = JSON.parse(String(files.get("bundle.json")));
  files.delete("bundle.json");
  files.delete("bundle.json.sig");
  list.files = [...files].map(([name, bytes]) => ({ name, bytes: bytes.length, sha256: sha256Of(bytes) }));
  const json = Buffer.from(JSON.stringify(describe(list)));
  files.set("bundle.json", json);
  files.set("bundle.json.sig", Buffer.from(key.publisher.sign("bundle", json)));
  return writeTar([...files].map(([name, bytes]): TarEntry => ({ name, bytes })));
}

test("the same policy gives the same bytes, in whatever folder and order it is made", () =>
  inFolder(async (dir) => {
    const first = await bundleBytes();
    const other = mkdtempSync(join(tmpdir(), "faramesh-bundle-"));
    try {
      putSources(other);
      for (const out of ["b.tar", "c.tar"]) {
        const words = ["bundle", "--key", "bundler.pem", "--out", out, "--include-providers", "--format", "json"];
        const { code, stdout } = await faramesh(other, ...words);
        assert.is(code, 0);
        assert.ok(readFileSync(join(other, out)).equals(first));
        assert.is(JSON.parse(stdout).sha256, sha256Of(first));
      }
    } finally {
      rmSync(other, { recursive: true });
    }
    put(dir, { "bundle.tar": first });
    assert.equal(
      readTar(first).map(({ name }) => name),
      [
        "bundle.json",
        "bundle.json.sig",
        "image/policy.image",
        "imports/packs.example/pay/1.0.0/pack.fms",
        "imports/packs.example/pay/1.0.0/pack.fms.sig",
        "policy/governance.fms",
        "policy/governance.fms.lock",
        "policy/packs/own.fms",
      ],
    );
    for (const { name, bytes } of readTar(first))
      assert.not.match(Buffer.from(bytes).toString("latin1"), /PRIVATE|\/tmp\//, name);
  }));

test("a bundle is applied in an empty folder, pins its key, and leaves a stack that works alone", () =>
  inFolder(async (dir) => {
    const bytes = await bundleBytes();
    put(dir, { "in/bundle.tar": bytes });
    const words = ["apply", "--offline", "--bundle", "in/bundle.tar", "--sha256", sha256Of(bytes)];
    const { code, stdout, stderr } = await faramesh(dir, ...words);
    assert.is(code, 0, stderr);
    assert.match(stdout, "✓ 4 files of the bundle written");
    assert.match(stdout, `→ bundles must be signed by ${bundler.text} from now on`);
    assert.is(readFileSync(join(dir, "governance.fms"), "utf8"), policy);
    assert.is(readFileSync(join(dir, ".faramesh/bundle.pub"), "utf8"), `${bundler.text}\n`);
    const checked = await faramesh(dir, "check", "--strict");
    assert.is(checked.code, 0, checked.stdout);
    assert.is(checked.stderr, "");
    assert.match((await faramesh(dir, "plan")).stdout, "No changes");
    const again = await faramesh(dir, ...words);
    assert.match(again.stdout, "nothing changed");
    put(dir, { "in/other.tar": await forged({}, newKey()) });
    const other = await faramesh(dir, "apply", "--offline", "--bundle", "in/other.tar");
    assert.is(other.code, 1);
    assert.match(other.stderr, "which this stack does not trust");
  }));

test("J06 the policy's own trust key counts before any first use", () =>
  inFolder(async (dir) => {
    const own = newKey();
    put(dir, {
      "bundle.tar": await bundleBytes(),
      "own.tar": await forged({}, own),
      "governance.fms": `trust { key "bundle" ${own.text} }\nagent bot { default deny }\n`,
    });
    const before = snapshotOf(dir);
    const refused = await faramesh(dir, "apply", "--offline", "--bundle", "bundle.tar");
    assert.is(refused.code, 1);
    assert.match(refused.stderr, "which this stack does not trust");
    assert.equal(snapshotOf(dir), before);
    put(dir, { "governance.fms": 'trust { key "bundle" ed25519:AAAA }\nagent bot { default deny }\n' });
    assert.match((await faramesh(dir, "apply", "--bundle", "own.tar")).stderr, "which this stack does not trust");
    put(dir, { "governance.fms": "agent {" });
    assert.match((await faramesh(dir, "apply", "--bundle", "own.tar")).stderr, "whom it trusts is not known");
    put(dir, { "governance.fms": `trust { key "bundle" ${own.text} }\nagent bot { default deny }\n` });
    const taken = await faramesh(dir, "apply", "--offline", "--bundle", "own.tar");
    assert.is(taken.code, 0, taken.stderr);
    assert.not.ok(existsSync(join(dir, ".faramesh/bundle.pub")));
  }));

/** What is done to a good bundle on its way, and what is said. */
const spoiled: readonly (readonly [string, RegExp, () => Promise<Uint8Array>])[] = [
  [
    "J01 one byte of a file changed",
    /has another `policy\/governance\.fms` than bundle\.json names/,
    async () => {
      const entries = readTar(await bundleBytes());
      return writeTar(
        entries.map(({ name, bytes }) => ({
          name,
          bytes:
            name === "policy/governance.fms"
              ? Buffer.from(Buffer.from(bytes).toString().replace("deny", "deni"))
              : bytes,
        })),
      );
    },
  ],
  [
    "J01 a file that bundle.json does not name",
    /has `policy\/x\.fms`, which bundle\.json does not name/,
    async () => writeTar([...readTar(await bundleBytes()), { name: "policy/x.fms", bytes: Buffer.of() }]),
  ],
  [
    "J01 a file taken out",
    /lacks a file that bundle\.json names/,
    async () => writeTar(readTar(await bundleBytes()).filter(({ name }) => name !== "policy/packs/own.fms")),
  ],
  [
    "J06 no signature",
    /has no `bundle\.json\.sig`/,
    async () => writeTar(readTar(await bundleBytes()).filter(({ name }) => name !== "bundle.json.sig")),
  ],
  [
    "J06 the signature of other bytes",
    /has a signature by [0-9a-f]{16} for other bytes/,
    async () => {
      const entries = readTar(await bundleBytes()).filter(({ name }) => name !== "bundle.json.sig");
      return writeTar([
        ...entries,
        { name: "bundle.json.sig", bytes: bundler.publisher.sign("bundle", Buffer.from("{}")) },
      ]);
    },
  ],
  [
    "J06 a policy changed and signed anew by the bundle's own key, its image left",
    /the bundle's image is not what its policy compiles to here/,
    () => forged({ "policy/governance.fms": policy.replace("default deny", "default permit") }),
  ],
  [
    "J06 an import changed, its publisher's signature left",
    /is not what was pinned|for other bytes/,
    () => forged({ "imports/packs.example/pay/1.0.0/pack.fms": pack.replace("deny!", "permit") }),
  ],
  [
    "J06 an import without its publisher's signature",
    /is not signed/,
    () => forged({ "imports/packs.example/pay/1.0.0/pack.fms.sig": null }),
  ],
  [
    "J06 a file beside the policy that is not what the lock pins",
    /is not what was pinned/,
    () => forged({ "policy/packs/own.fms": "permit *\n" }),
  ],
  [
    "J01 a lock that is none",
    /has a governance\.fms\.lock that cannot be trusted/,
    () => forged({ "policy/governance.fms.lock": "{}" }),
  ],
  [
    "J02 a file for a place that no policy imports from",
    /brings `\.faramesh\/keys\/log\.key`, which its policy does not import/,
    () => forged({ "policy/.faramesh/keys/log.key": "x" }),
  ],
  ["J01 a file outside of every folder", /has `x`, which nothing reads/, () => forged({ x: "x" })],
  ["J01 an import that is missing", /is not in the bundle/, () => forged({ "policy/packs/own.fms": null })],
  [
    "J07 another format",
    /is not of the format faramesh\.bundle\/1/,
    () => forged({}, bundler, (list) => ({ ...list, format: "faramesh.bundle/2" })),
  ],
  [
    "J02 a policy of another place",
    /does not name its policy/,
    () => forged({}, bundler, (list) => ({ ...list, policy: { ...list.policy, file: "../governance.fms" } })),
  ],
  ["J01 no tar at all", /is no tar/, async () => Buffer.from("bundle")],
];

for (const [name, says, bytes] of spoiled) {
  test(`${name} is refused before anything is written`, () =>
    inFolder(async (dir) => {
      put(dir, { "bundle.tar": await bytes() });
      const before = snapshotOf(dir);
      const { code, stdout, stderr } = await faramesh(dir, "apply", "--offline", "--bundle", "bundle.tar");
      assert.is(code, 1);
      assert.match(stdout + stderr, says);
      assert.equal(snapshotOf(dir), before);
    }));
}

test("J03 a bundle is not written through links, nor over another policy, nor against what is pinned", () =>
  inFolder(async (dir) => {
    const away = mkdtempSync(join(tmpdir(), "faramesh-away-"));
    try {
      const take = async (folder: string) => {
        put(folder, { "bundle.tar": await bundleBytes() });
        const before = snapshotOf(folder);
        const outcome = await faramesh(folder, "apply", "--offline", "--bundle", "bundle.tar");
        assert.is(outcome.code, 1, outcome.stdout);
        assert.equal(snapshotOf(folder), before);
        assert.equal(snapshotOf(away), []);
        return outcome.stderr;
      };
      for (const [name, link] of [
        ["one", "packs"],
        ["two", "governance.fms"],
        ["three", "governance.fms.lock"],
        ["four", ".faramesh"],
      ] as const) {
        mkdirSync(join(dir, name));
        symlinkSync(away, join(dir, name, link));
        const said = await take(join(dir, name));
        assert.match(said, /is in the way: it is a link|is not a file|cannot be trusted/, name);
      }
      put(dir, { "five/governance.fms.yaml": "agents: { bot: { default: deny } }\n" });
      assert.match(await take(join(dir, "five")), "governance.fms.yaml is in this folder");
      const sha256 = "0".repeat(64);
      const lock = { imports: { "packs.example/pay@1.0.0": { sha256 } }, lock: "faramesh.lock/1" };
      put(dir, { "six/governance.fms.lock": JSON.stringify(lock) });
      assert.match(
        await take(join(dir, "six")),
        "another `packs.example/pay@1.0.0` than governance.fms.lock pins here",
      );
    } finally {
      rmSync(away, { recursive: true });
    }
  }));

test("J01 a thousand bundles with spoiled content are refused in words, or hold what they say", async () => {
  const entries = readTar(await bundleBytes());
  let state = 7_041_776;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) % below;
  };
  let refused = 0;
  for (let turn = 0; turn < 1000; turn++) {
    const chosen = random(entries.length);
    const spoiled = entries.map(({ name, bytes }, index) => {
      if (index !== chosen) return { name, bytes };
      const copy = Buffer.from(bytes);
      const cut = random(4) === 0 ? copy.subarray(0, random(copy.length)) : copy;
      if (cut.length > 0) cut[random(cut.length)] = random(256);
      return { name, bytes: cut };
    });
    try {
      const { source, signature, list } = openBundle(writeTar(spoiled));
      // Only the signature is not looked at in opening, and white space of bundle.json says nothing.
      assert.is(source.text, policy);
      const isSigned = "keyId" in checkSignature(signature, "bundle", list, [bundler.publisher.publicKey]);
      const isSame = spoiled.every(({ bytes }, index) =>
        Buffer.from(bytes).equals(entries[index]?.bytes ?? Buffer.of()),
      );
      assert.is(isSigned, isSame);
    } catch (error) {
      if (!(error instanceof BundleFailure)) throw error;
      refused += 1;
    }
  }
  assert.ok(refused > 500, `${refused} refused`);
});

test("a rehearsal of a bundle changes nothing, and one that opens a call can be refused", () =>
  inFolder(async (dir) => {
    const bytes = await bundleBytes();
    put(dir, { "bundle.tar": bytes });
    const fresh = snapshotOf(dir);
    const dry = await faramesh(dir, "apply", "--offline", "--bundle", "bundle.tar", "--dry-run");
    assert.is(dry.code, 0, dry.stderr);
    assert.equal(snapshotOf(dir), fresh);
    put(dir, { "governance.fms": 'agent "bot" {\n  default deny\n  deny pay\n}\n' });
    assert.is((await faramesh(dir, "apply")).code, 0);
    const refused = await faramesh(dir, "apply", "--offline", "--bundle", "bundle.tar", "--no-new-access");
    assert.is(refused.code, 2, refused.stdout + refused.stderr);
    assert.match(refused.stdout + refused.stderr, "nothing was changed");
    assert.match(readFileSync(join(dir, "governance.fms"), "utf8"), "deny pay");
    assert.not.ok(existsSync(join(dir, ".faramesh/bundle.pub")));
    assert.not.ok(existsSync(join(dir, "packs")));
  }));

test("what is asked of a bundle is asked in full", () =>
  inFolder(async (dir) => {
    put(dir, { "bundle.tar": await bundleBytes() });
    const apply = (...words: readonly string[]) => faramesh(dir, "apply", "--offline", ...words);
    const other = await apply("--bundle", "bundle.tar", "--sha256", "0".repeat(64));
    assert.is(other.code, 1);
    assert.match(other.stderr, "is not the one: expected SHA-256 0000");
    assert.is((await apply("--bundle", "bundle.tar", "--sha256", "sha1")).code, 64);
    assert.is((await apply("--sha256", "0".repeat(64))).code, 64);
    assert.is((await apply("--bundle", "none.tar")).code, 1);
    assert.is((await faramesh(dir, "bundle", "--out", "bundle.zip")).code, 64);
    assert.is((await faramesh(dir, "bundle", "--out", "b.tar", "--key", "none.pem")).code, 1);
    assert.equal(
      snapshotOf(dir).map((line) => line.split(" ")[0]),
      ["bundle.tar"],
    );
  }));

test.run();
