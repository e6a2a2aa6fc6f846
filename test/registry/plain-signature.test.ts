// Signatures of the bytes alone, as plain tools make them: they say who signed and not what it is called, so each counts only
// where the lock or a signed catalog says the name and the version.
import { createPrivateKey, sign } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkBytesSignature, checkSignature, keyIdOf } from "../../runtime/registry/signature.ts";
import { farameshWith, inFolder } from "../cli/in-process.ts";
import { type Artifact, type Key, LyingRegistry, newKey, registry, site } from "./liar.ts";

const text = 'pack "pay" {\n  param limit = $5\n  permit pay if amount < limit\n  deny! wire\n}\n';
const pay: Artifact = { section: "policies", name: "pay", version: "1.1.0", text };
const older: Artifact = { ...pay, version: "1.0.0", text: text.replace("$5", "$5000") };
const path = "policies/pay/1.1.0/pack.fms";
const reference = `${registry}/policies/pay@1.1.0`;
const key = newKey();
const other = newKey();

/** The content of `<file>.sig`; `label` is its `key_id`. */
function plain({ pem, publisher }: Key, bytes: Uint8Array, label = "catalog-2026"): Buffer {
  return Buffer.from(
    JSON.stringify({
      key_id: label,
      algorithm: "ed25519",
      value_b64: sign(null, bytes, createPrivateKey(pem)).toString("base64"),
      public_key_b64: Buffer.from(publisher.publicKey).toString("base64"),
    }),
  );
}

const policy = `import "${reference}"\ntrust { key "${registry}" ${key.text} }\nagent "bot" {\n  default deny\n  use pay\n}\n`;

function put(root: string, files: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, bytes] of files) {
    mkdirSync(join(root, dirname(name)), { recursive: true });
    writeFileSync(join(root, name), bytes);
  }
}

/** A stack with one copy of the artifact in its own folder `packs/`, signed by `signature`. */
function mirrored(artifact: string, signature: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const place = `packs/${registry}/policies/pay/1.1.0/pack.fms`;
  return new Map([
    [place, Buffer.from(artifact)],
    [`${place}.sig`, signature],
    ["governance.fms", Buffer.from(policy)],
  ]);
}

test("J06 a signature of the bytes alone is checked by the stack's keys, whatever its label, and by no other", () => {
  const bytes = Buffer.from(text);
  const keys = [key.publisher.publicKey];
  const keyId = keyIdOf(key.publisher.publicKey);
  assert.equal(checkBytesSignature(plain(key, bytes), bytes, keys), { keyId });
  assert.equal(checkBytesSignature(plain(key, bytes, keyId), bytes, keys), { keyId });
  const problems: readonly (readonly [Uint8Array, RegExp])[] = [
    [plain(other, bytes), /is signed by [0-9a-f]{16}, which this stack does not trust/],
    [plain(key, Buffer.from(older.text)), /for other bytes/],
    [plain(key, bytes, "two words"), /no readable signature/],
    [plain(key, bytes, "x".repeat(129)), /no readable signature/],
    [Buffer.from(plain(key, bytes).toString().replace('"ed25519"', '"none"')), /another algorithm/],
    [key.publisher.sign(`${reference}/pack.fms`, bytes), /for other bytes/],
  ];
  for (const [file, says] of problems) {
    const checked = checkBytesSignature(file, bytes, keys);
    assert.match("problem" in checked ? checked.problem : "it was taken", says);
  }
  assert.ok("problem" in checkSignature(plain(key, bytes, keyId), `${reference}/pack.fms`, bytes, keys));
});

test("J06 in a folder it counts once the lock names the digest, and never for bytes signed as something else", () =>
  inFolder(async (dir) => {
    const run = (...words: readonly string[]) => farameshWith(dir, {}, words);
    put(dir, mirrored(text, plain(key, Buffer.from(text))));
    for (const words of [["check"], ["check", "--write-lock"]]) {
      const { code, stdout } = await run(...words);
      assert.is(code, 1, stdout);
      assert.match(stdout, /is signed by [0-9a-f]{16} without its name and version/);
    }
    const pinned = await run("check", "--write-lock", "--unsigned", `${registry}/policies/pay`);
    assert.is(pinned.code, 0, pinned.stdout);
    const believed = await run("check", "--format", "json");
    assert.equal(
      JSON.parse(believed.stdout).imports.map((one: { believed_by: string }) => one.believed_by),
      ["key"],
    );
    // The older text is as well signed by the same key; it is not what the lock names.
    put(dir, mirrored(older.text, plain(key, Buffer.from(older.text))));
    const { code, stdout } = await run("check");
    assert.is(code, 1, stdout);
  }));

test("J06 over the network it counts where the signed catalog names the bytes, and what was kept is pinned", async () => {
  const server = new LyingRegistry();
  const url = await server.start();
  try {
    await inFolder(async (dir) => {
      const run = (...words: readonly string[]) => farameshWith(dir, { FARAMESH_REGISTRY_URL: url }, words);
      writeFileSync(join(dir, "governance.fms"), policy);
      server.files = site(key, [pay, older]);
      server.files.set(`${path}.sig`, plain(other, Buffer.from(text)));
      assert.is((await run("check")).code, 1);
      // The older artifact with its good signature in the place of the newer one.
      server.files.set(path, Buffer.from(older.text));
      server.files.set(`${path}.sig`, plain(key, Buffer.from(older.text)));
      const swapped = await run("check");
      assert.is(swapped.code, 1);
      assert.match(swapped.stdout, /gives other bytes/);
      server.files.set(path, Buffer.from(text));
      server.files.set(`${path}.sig`, plain(key, Buffer.from(text)));
      assert.is((await run("check")).code, 0);
      assert.is((await run("check", "--write-lock")).code, 0);
      assert.is((await run("check", "--offline")).code, 0);
      // Without the lock nothing says which version the kept copy is.
      const lock = readFileSync(join(dir, "governance.fms.lock"));
      rmSync(join(dir, "governance.fms.lock"));
      assert.is((await run("check", "--offline")).code, 1);
      writeFileSync(join(dir, "governance.fms.lock"), lock);
      assert.is((await run("check", "--offline")).code, 0);
    });
  } finally {
    await server.stop();
  }
});

test("J06 a catalog that nobody trusted signed vouches for no bare signature", async () => {
  const server = new LyingRegistry();
  const url = await server.start();
  try {
    await inFolder(async (dir) => {
      writeFileSync(join(dir, "governance.fms"), policy);
      server.files = site(other, [{ ...older, version: "1.1.0" }]);
      server.files.set(`${path}.sig`, plain(key, Buffer.from(older.text)));
      const { code, stdout } = await farameshWith(dir, { FARAMESH_REGISTRY_URL: url }, ["check"]);
      assert.is(code, 1);
      assert.match(stdout, /the catalog of .* is signed by/);
    });
  } finally {
    await server.stop();
  }
});

test.run();
