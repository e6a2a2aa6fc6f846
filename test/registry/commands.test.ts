// The commands around registries: packs of one's own signed, published, listed and imported again; tokens that nobody sees.
import { chmodSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compareVersions } from "../../runtime/registry/version-order.ts";
import { faramesh, farameshWith, inFolder, snapshotOf } from "../cli/in-process.ts";
import { LyingRegistry, newKey, site } from "./liar.ts";

const pay = "# small payments\npermit pay if amount < $5\n";
const token = "tkn-0123456789-abcdef";

function put(dir: string, files: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
}

test("what is published is listed, found and imported again", () =>
  inFolder(async (dir) => {
    const key = newKey();
    put(dir, { "publisher.pem": key.pem, "own/policies/pay/1.0.0/pack.fms": pay });
    const publish = ["registry", "publish", "own", "--as", "packs.example", "--key", "publisher.pem"];
    const before = snapshotOf(dir);
    const dry = await faramesh(dir, ...publish, "--dry-run");
    assert.is(dry.code, 0, dry.stderr);
    assert.match(dry.stdout, "packs.example/policies/pay@1.0.0");
    assert.match(dry.stdout, `trust { key "packs.example" ${key.text} }`);
    assert.equal(snapshotOf(dir), before);
    const out = await faramesh(dir, ...publish, "--out", "site", "--format", "json");
    assert.is(out.code, 0, out.stderr);
    const policy = `import "packs.example/policies/pay@1.0.0"\ntrust { key "packs.example" ${key.text} }\nagent bot { default deny use pay }\n`;
    put(dir, { "mirrored/governance.fms": policy });
    const mirror = { FARAMESH_REGISTRY_ROOT: join(dir, "site") };
    assert.is((await farameshWith(join(dir, "mirrored"), mirror, ["check"])).code, 0);
    put(dir, { "mirrored/governance.fms": policy.replace(key.text, newKey().text) });
    assert.is((await farameshWith(join(dir, "mirrored"), mirror, ["check"])).code, 1);
    const server = new LyingRegistry();
    for (const path of JSON.parse(out.stdout).files) server.files.set(path, readFileSync(join(dir, "site", path)));
    const url = await server.start();
    try {
      const env = { FARAMESH_REGISTRY_URL: url };
      put(dir, { "stack/governance.fms": "permit x\n" });
      const stack = join(dir, "stack");
      const unsure = await farameshWith(stack, env, ["registry", "list"]);
      assert.match(unsure.stdout, /^packs\.example\/policies\/pay@1\.0\.0 {2}small payments$/m);
      assert.match(unsure.stderr, "⚠ the catalog is signed by");
      const other = await farameshWith(stack, env, ["registry", "list", "--key", newKey().text]);
      assert.is(other.code, 1);
      assert.is(other.stdout, "");
      const sure = await farameshWith(stack, env, ["registry", "search", "SMALL", "pay", "--key", key.text]);
      assert.is(sure.code, 0);
      assert.match(sure.stderr, "signed by a trusted key");
      assert.is((await farameshWith(stack, env, ["registry", "search", "large"])).code, 1);
      const info = await farameshWith(stack, env, ["registry", "info", "policies/pay", "--key", key.text]);
      assert.match(info.stdout, 'import "packs.example/policies/pay@1.0.0"');
      put(dir, { "stack/governance.fms": policy });
      assert.is((await farameshWith(stack, env, ["check"])).code, 0);
      const plan = await farameshWith(stack, env, ["plan"]);
      assert.match(plan.stdout, '+ permit pay if amount < $5 (pack "pay")');
    } finally {
      await server.stop();
    }
  }));

test("J06 what was published stays as it is, and each catalog is newer than the one before", () =>
  inFolder(async (dir) => {
    const key = newKey();
    put(dir, { "publisher.pem": key.pem, "own/policies/pay/1.0.0/pack.fms": pay });
    const publish = ["registry", "publish", "own", "--as", "packs.example", "--key", "publisher.pem", "--out", "site"];
    assert.match((await faramesh(dir, ...publish)).stdout, "catalog 1,");
    put(dir, { "own/policies/pay/1.1.0/pack.fms": `${pay}deny! wire\n` });
    assert.match((await faramesh(dir, ...publish)).stdout, "catalog 2,");
    put(dir, { "own/policies/pay/1.0.0/pack.fms": pay.replace("$5", "$6") });
    const before = snapshotOf(join(dir, "site"));
    const changed = await faramesh(dir, ...publish);
    assert.is(changed.code, 1);
    assert.match(changed.stderr, "is published with other bytes");
    rmSync(join(dir, "own/policies/pay/1.0.0"), { recursive: true });
    assert.match((await faramesh(dir, ...publish)).stderr, "is published and lacks here");
    assert.equal(snapshotOf(join(dir, "site")), before);
  }));

test("what is no pack is not signed, and a profile has no rules", () =>
  inFolder(async (dir) => {
    put(dir, {
      "publisher.pem": newKey().pem,
      "public.pem": "-----BEGIN PUBLIC KEY-----\n",
      "pack.fms": 'pack "a" { permitt x }\n',
      "agent.fms": "permit x\n",
      "good/pack.fms": "permit x\n",
      "profile/frameworks/langgraph/1.0.0/framework.fms": "permit *\n",
    });
    const sign = (file: string, as: string, key = "publisher.pem") =>
      faramesh(dir, "registry", "sign", file, "--as", as, "--key", key);
    for (const [file, as, says, key] of [
      ["pack.fms", "packs.example/a@1.0.0", "is no pack: 1 error", undefined],
      ["agent.fms", "packs.example/a@1.0.0", "is no name of an artifact", undefined],
      ["none/pack.fms", "packs.example/a@1.0.0", "there is no file", undefined],
      ["good/pack.fms", "packs.example/a@latest", "may be another version tomorrow", undefined],
      ["good/pack.fms", "packs.example/a@1.0.0", "holds no Ed25519 private key", "public.pem"],
      ["good/pack.fms", "packs.example/frameworks/a@1.0.0", "a framework or a provider brings no rules in", undefined],
    ] as const) {
      const { code, stderr } = await sign(file, as, key);
      assert.ok(code === 1, as);
      assert.match(stderr, says);
    }
    assert.is((await sign("good/pack.fms", "packs.example/a@1.0.0")).code, 0);
    const as = ["--as", "packs.example", "--key", "publisher.pem"];
    const published = await faramesh(dir, "registry", "publish", "profile", ...as, "--dry-run");
    assert.is(published.code, 1);
    assert.match(published.stderr, "brings no rules in");
  }));

test("J06 a mirror's copies need their publisher's signature, or a digest that the lock names", () =>
  inFolder(async (dir) => {
    const key = newKey();
    const place = "mirror/packs.example/pay/1.0.0/pack.fms";
    const policy = 'import "packs.example/pay@1.0.0"\nagent bot { default deny use pay }\n';
    put(dir, { "publisher.pem": key.pem, [place]: pay, "governance.fms": policy });
    const env = { FARAMESH_REGISTRY_ROOT: "mirror" };
    const bare = await farameshWith(dir, env, ["check"]);
    assert.is(bare.code, 1);
    assert.match(bare.stdout, "is not signed");
    assert.match(bare.stdout, "faramesh check --write-lock --unsigned packs.example/pay");
    const named = ["check", "--write-lock", "--unsigned", "packs.example/pay"];
    assert.is((await farameshWith(dir, env, named)).code, 0);
    assert.is((await farameshWith(dir, env, ["check"])).code, 0);
    rmSync(join(dir, "governance.fms.lock"));
    const signed = ["registry", "sign", place, "--as", "packs.example/pay@1.0.0", "--key", "publisher.pem"];
    assert.is((await faramesh(dir, ...signed)).code, 0);
    assert.match((await farameshWith(dir, env, ["check"])).stdout, "which this stack does not trust");
    put(dir, { "governance.fms": `trust { key "packs.example" ${key.text} }\n${policy}` });
    assert.is((await farameshWith(dir, env, ["check"])).code, 0);
    put(dir, { [place]: pay.replace("$5", "$5000") });
    assert.match((await farameshWith(dir, env, ["check"])).stdout, "for other bytes");
  }));

test("J06 a key that cannot be read trusts nobody, and its name must be signed all the same", () =>
  inFolder(async (dir) => {
    put(dir, {
      "packs/packs.example/pay/1.0.0/pack.fms": pay,
      "governance.fms": `import "packs.example/pay@1.0.0"\nagent bot { default deny use pay }\n`,
    });
    assert.is((await faramesh(dir, "check")).code, 0);
    const policy = readFileSync(join(dir, "governance.fms"), "utf8");
    put(dir, { "governance.fms": `trust { key "packs.example" ed25519:AAAA }\n${policy}` });
    const { code, stdout } = await faramesh(dir, "check");
    assert.is(code, 1);
    assert.match(stdout, "is not signed");
  }));

test("J09 names that look alike are not published, and are pointed out where another registry has them", () =>
  inFolder(async (dir) => {
    const key = newKey();
    put(dir, {
      "publisher.pem": key.pem,
      "own/policies/paypal/1.0.0/pack.fms": pay,
      "own/policies/paypa1/1.0.0/pack.fms": pay,
    });
    const publish = ["registry", "publish", "own", "--as", "packs.example", "--key", "publisher.pem", "--dry-run"];
    const refused = await faramesh(dir, ...publish);
    assert.is(refused.code, 1);
    assert.match(refused.stderr, /`paypal?1?` looks like `paypal?1?` and is another/);
    const server = new LyingRegistry();
    server.files = site(key, [
      { section: "policies", name: "paypal", version: "1.0.0", text: pay },
      { section: "policies", name: "paypa1", version: "1.0.0", text: pay },
    ]);
    try {
      const listed = await faramesh(dir, "registry", "list", "--url", await server.start());
      assert.match(listed.stderr, "⚠ `policies/paypal` and `policies/paypa1` look alike and are two");
    } finally {
      await server.stop();
    }
  }));

test("a token is kept for its registry alone, read by its user alone, and never shown", () =>
  inFolder(async (dir) => {
    const server = new LyingRegistry();
    const url = await server.start();
    try {
      const env = { FARAMESH_REGISTRY_URL: url };
      const run = (words: readonly string[], input?: string) => farameshWith(dir, env, words, input);
      assert.is((await run(["auth", "whoami"])).code, 1);
      assert.is((await run(["auth", "login"], "")).code, 1);
      assert.is((await run(["auth", "login"], "two words here\n")).code, 1);
      const login = await run(["auth", "login"], `${token}\n`);
      const other = await run(["auth", "login", "--url", "https://other.example/"], `${token}2\n`);
      const path = join(dir, ".config/faramesh/tokens.json");
      assert.is(statSync(path).mode & 0o777, 0o600);
      assert.is(statSync(dirname(path)).mode & 0o777, 0o700);
      const who = await run(["auth", "whoami"]);
      assert.is(who.stdout, `${new URL(url).origin}\nhttps://other.example\n`);
      const listed = await run(["registry", "list"]);
      assert.equal([...new Set(server.tokens)], [`Bearer ${token}`]);
      const whoJson = await run(["auth", "whoami", "--format", "json"]);
      for (const { stdout, stderr } of [login, other, who, listed, whoJson])
        assert.not.match(stdout + stderr, token.slice(0, 10));
      chmodSync(path, 0o644);
      const open = await run(["registry", "list"]);
      assert.is(open.code, 1);
      assert.match(open.stderr, "may be read by others: chmod 600");
      chmodSync(path, 0o600);
      assert.is((await run(["auth", "logout"])).code, 0);
      assert.is((await run(["auth", "logout"])).code, 1);
      assert.is((await run(["auth", "whoami"])).stdout, "https://other.example\n");
      rmSync(path);
      symlinkSync("/etc/hostname", path);
      assert.is((await run(["auth", "whoami"])).code, 1);
      rmSync(dirname(path), { recursive: true });
      symlinkSync("/tmp", dirname(path));
      assert.match((await run(["auth", "login"], token)).stderr, "is a link, or no folder");
    } finally {
      await server.stop();
    }
  }));

test("J05 a token is the user's alone whatever the umask", () =>
  inFolder(async (dir) => {
    const before = process.umask(0);
    try {
      assert.is((await farameshWith(dir, {}, ["auth", "login", "--url", "https://r.example/"], token)).code, 0);
    } finally {
      process.umask(before);
    }
    const path = join(dir, ".config/faramesh/tokens.json");
    assert.equal([statSync(path).mode & 0o777, statSync(dirname(path)).mode & 0o777], [0o600, 0o700]);
  }));

test("J10 a token never goes along with a redirect to another host", () =>
  inFolder(async (dir) => {
    const [near, far] = [new LyingRegistry(), new LyingRegistry()];
    const [url, elsewhere] = [await near.start(), await far.start()];
    try {
      await farameshWith(dir, {}, ["auth", "login", "--url", url], token);
      near.lies.set("catalog/catalog.json", (_, response) =>
        response.writeHead(302, { location: `${elsewhere}catalog/catalog.json` }).end(),
      );
      const { code, stderr } = await farameshWith(dir, {}, ["registry", "list", "--url", url]);
      assert.is(code, 1);
      assert.match(stderr, "redirects to 127.0.0.1");
      assert.equal(far.asked, []);
    } finally {
      await near.stop();
      await far.stop();
    }
  }));

test("versions are ordered as semver says", () => {
  const ordered = ["0.9.10", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2", "1.0.0-beta.11"];
  ordered.push("1.0.0-rc.1", "1.0.0", "1.0.1", "1.9.0", "1.10.0", "10.0.0");
  assert.equal([...ordered].reverse().sort(compareVersions), ordered);
  assert.is(compareVersions("1.0.0+a", "1.0.0+b"), 0);
});

test.run();
