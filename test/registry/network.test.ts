// Registries over the network that lie, stall, redirect and break off: each is refused by name, nothing is written, and the
// policy that was in force stays so.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { farameshWith, inFolder, type Outcome, snapshotOf } from "../cli/in-process.ts";
import { type Artifact, type Key, LyingRegistry, newKey, registry, site } from "./liar.ts";

const text = 'pack "pay" {\n  param limit = $5\n  permit pay if amount < limit\n  deny! wire\n}\n';
const pay: Artifact = { section: "policies", name: "pay", version: "1.1.0", text };
const older: Artifact = { ...pay, version: "1.0.0" };
const shop: Artifact = { section: "policies", name: "shop", version: "1.1.0", text: text.replaceAll("pay", "shop") };
const key = newKey();
const other = newKey();

function policyOf(version = "1.1.0", trusted: readonly (readonly [string, Key])[] = [[registry, key]]): string {
  const trust = trusted.map(([name, { text: line }]) => `trust { key "${name}" ${line} }\n`).join("");
  return `import "${registry}/policies/pay@${version}"\n${trust}agent "bot" {\n  default deny\n  use pay\n}\n`;
}

interface Stage {
  /** For one file; short where nothing comes. */
  timeoutMs: number;
  readonly dir: string;
  readonly server: LyingRegistry;
  run(...words: readonly string[]): Promise<Outcome>;
  write(policy: string): void;
}

async function onStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const server = new LyingRegistry();
  server.files = site(key, [pay, older, shop]);
  const url = await server.start();
  try {
    await inFolder(async (dir) => {
      const write = (policy: string): void => writeFileSync(join(dir, "governance.fms"), policy);
      write(policyOf());
      const run = (...words: readonly string[]): Promise<Outcome> => {
        const env = { FARAMESH_REGISTRY_URL: url, FARAMESH_REGISTRY_TIMEOUT_MS: String(stage.timeoutMs) };
        return farameshWith(dir, env, words);
      };
      const stage: Stage = { timeoutMs: 60_000, dir, server, write, run };
      await work(stage);
    });
  } finally {
    await server.stop();
  }
}

test("what a trusted key has signed is fetched, pinned, kept, and never asked for again", () =>
  onStage(async ({ dir, server, run }) => {
    const before = snapshotOf(dir);
    const checked = await run("check");
    assert.is(checked.code, 0, checked.stdout);
    assert.equal(snapshotOf(dir), before);
    assert.is((await run("check", "--offline")).code, 2);
    const { imports } = JSON.parse((await run("check", "--format", "json")).stdout);
    assert.equal(
      imports.map((one: { believed_by: string }) => one.believed_by),
      ["key"],
    );
    const written = await run("check", "--write-lock");
    assert.is(written.code, 0, written.stdout);
    const lock = JSON.parse(readFileSync(join(dir, "governance.fms.lock"), "utf8"));
    assert.is(lock.catalogs[registry].serial, 1);
    assert.equal(Object.keys(lock.imports), [`${registry}/policies/pay@1.1.0`]);
    assert.ok(existsSync(join(dir, `.faramesh/registry/${registry}/policies/pay/1.1.0/pack.fms.sig`)));
    server.asked.length = 0;
    assert.is((await run("check")).code, 0);
    assert.is((await run("check", "--offline")).code, 0);
    assert.equal(server.asked, []);
  }));

test("J06 a copy that was kept is held to its signature at every use", () =>
  onStage(async ({ dir, run }) => {
    await run("check", "--write-lock");
    const place = join(dir, `.faramesh/registry/${registry}/policies/pay/1.1.0/pack.fms`);
    writeFileSync(place, text.replace("deny! wire", "permit wire"));
    const { code, stdout } = await run("check");
    assert.is(code, 1);
    assert.match(stdout, "for other bytes, another name or another version");
  }));

/** How the server lies, what the stack is told, and the exit code: 2 where nothing usable came, 1 where it must not be used. */
const lies: readonly {
  readonly name: string;
  readonly says: RegExp;
  readonly code: 1 | 2;
  readonly lie: (stage: Stage, path: string) => void;
}[] = [
  {
    name: "J06 an artifact without a signature",
    says: /is not signed/,
    code: 1,
    lie: ({ server }, path) => server.files.delete(`${path}.sig`),
  },
  {
    name: "J06 an artifact signed by another key, which comes with it",
    says: /is signed by [0-9a-f]{16}, which this stack does not trust/,
    code: 1,
    lie: ({ server }, path) => {
      const forged = site(other, [pay]);
      server.files.set(`${path}.sig`, forged.get(`${path}.sig`) ?? Buffer.of());
    },
  },
  {
    name: "J06 the signature of the same bytes at another version",
    says: /another name or another version/,
    code: 1,
    lie: ({ server }, path) => {
      server.files.set(`${path}.sig`, server.files.get(`${path.replace("1.1.0", "1.0.0")}.sig`) ?? Buffer.of());
    },
  },
  {
    name: "J06 bytes that the catalog does not name",
    says: /gives other bytes .* than its catalog names: expected SHA-256 [0-9a-f]{64}/,
    code: 1,
    lie: ({ server }, path) => server.files.set(path, Buffer.from(text.replace("$5", "$5000"))),
  },
  {
    name: "J06 another artifact of the same publisher in its place",
    says: /gives other bytes/,
    code: 1,
    lie: ({ server }, path) => {
      for (const ending of ["", ".sig"])
        server.files.set(path + ending, server.files.get(path.replace("pay", "shop") + ending) ?? Buffer.of());
    },
  },
  {
    name: "J06 a catalog without a signature",
    says: /the catalog of .* is not signed/,
    code: 1,
    lie: ({ server }) => server.files.delete("catalog/catalog.json.sig"),
  },
  {
    name: "J06 a whole registry signed by another key",
    says: /the catalog of .* is signed by/,
    code: 1,
    lie: ({ server }) => {
      server.files = site(other, [pay]);
    },
  },
  {
    name: "J06 the catalog of another registry, well signed",
    says: /the catalog of .* is signed by|is the registry `other.example`/,
    code: 2,
    lie: ({ server }) => {
      server.files = site(key, [pay], { name: "other.example" });
    },
  },
  {
    name: "J06 a catalog that has expired",
    says: /has expired at 2020-01-01T00:00:00Z/,
    code: 1,
    lie: ({ server }) => {
      server.files = site(key, [pay], { expires: "2020-01-01T00:00:00Z" });
    },
  },
  {
    name: "J07 another algorithm",
    says: /of another algorithm than ed25519/,
    code: 1,
    lie: ({ server }, path) => {
      const signature = Buffer.from(server.files.get(`${path}.sig`) ?? Buffer.of()).toString();
      server.files.set(`${path}.sig`, Buffer.from(signature.replace('"ed25519"', '"none"')));
    },
  },
  {
    name: "J08 a signature of zeros",
    says: /has a signature by [0-9a-f]{16} for other bytes/,
    code: 1,
    lie: ({ server }, path) => {
      const signature = JSON.parse(Buffer.from(server.files.get(`${path}.sig`) ?? Buffer.of()).toString());
      const value_b64 = Buffer.alloc(64).toString("base64");
      server.files.set(`${path}.sig`, Buffer.from(JSON.stringify({ ...signature, value_b64 })));
    },
  },
  {
    name: "J06 a catalog that lacks the version",
    says: /has no `packs\.example\/policies\/pay@1\.1\.0`/,
    code: 2,
    lie: ({ server }) => {
      server.files = site(key, [older]);
    },
  },
  {
    name: "J06 an answer that stalls",
    says: /did not answer in full within 0\.5 s/,
    code: 2,
    lie: (stage) => {
      stage.timeoutMs = 500;
      stage.server.lies.set("catalog/catalog.json", stage.server.stall);
    },
  },
  {
    name: "J10 a redirect to another host",
    says: /redirects to internal\.example/,
    code: 1,
    lie: ({ server }, path) =>
      server.lies.set(path, (_, response) => response.writeHead(302, { location: "https://internal.example/x" }).end()),
  },
  {
    name: "J10 a redirect to a file of this machine",
    says: /redirects to/,
    code: 1,
    lie: ({ server }, path) =>
      server.lies.set(path, (_, response) => response.writeHead(302, { location: "file:///etc/passwd" }).end()),
  },
  {
    name: "J11 redirects in a circle",
    says: /redirects more than 3 times/,
    code: 1,
    lie: ({ server }, path) =>
      server.lies.set(path, (_, response) => response.writeHead(302, { location: `/${path}` }).end()),
  },
  {
    name: "J11 an answer without end",
    says: /has more than 4194304 bytes/,
    code: 1,
    lie: ({ server }, path) =>
      server.lies.set(path, (_, response) => response.end(Buffer.alloc(5 * 1024 * 1024, 0x20))),
  },
  {
    name: "J11 a connection that breaks within a file",
    says: /cannot be reached|broke off/,
    code: 2,
    lie: ({ server }, path) =>
      server.lies.set(path, (_, response) => {
        response.writeHead(200, { "content-length": "1000" });
        response.write("pack");
        setImmediate(() => response.destroy());
      }),
  },
  {
    name: "J11 a server that has a fault",
    says: /answers 500/,
    code: 2,
    lie: ({ server }, path) => server.lies.set(path, (_, response) => response.writeHead(500).end()),
  },
  {
    name: "J06 a catalog that is no catalog",
    says: /is not JSON/,
    code: 1,
    lie: ({ server }) => server.files.set("catalog/catalog.json", Buffer.from("<html>")),
  },
  {
    name: "J02 a catalog whose path leads out",
    says: /has an entry of `policies` that cannot be read/,
    code: 1,
    lie: ({ server }) => {
      const catalog = Buffer.from(server.files.get("catalog/catalog.json") ?? Buffer.of()).toString();
      const led = Buffer.from(catalog.replaceAll("policies/pay/", "policies/../../pay/"));
      server.files.set("catalog/catalog.json", led);
      server.files.set("catalog/catalog.json.sig", key.publisher.sign(`catalog ${registry}`, led));
    },
  },
];

for (const { name, says, code, lie } of lies) {
  test(`${name} is refused, and nothing is written`, () =>
    onStage(async (stage) => {
      lie(stage, "policies/pay/1.1.0/pack.fms");
      const before = snapshotOf(stage.dir);
      for (const words of [["check"], ["check", "--write-lock"]]) {
        const outcome = await stage.run(...words);
        assert.is(outcome.code, code, outcome.stdout);
        assert.match(outcome.stdout, says);
      }
      assert.equal(snapshotOf(stage.dir), before);
    }));
}

test("J06 an older catalog, and another one under the same serial, are refused once a newer was seen", () =>
  onStage(async ({ dir, server, run, write }) => {
    server.files = site(key, [pay, shop], { serial: 7 });
    assert.is((await run("check", "--write-lock")).code, 0);
    const lock = readFileSync(join(dir, "governance.fms.lock"), "utf8");
    write(policyOf().replaceAll("pay", "shop"));
    for (const [serial, says] of [
      [6, /has the serial 6, older than 7 in governance\.fms\.lock/],
      [7, /is another one than governance\.fms\.lock has seen under the serial 7/],
    ] as const) {
      server.files = site(key, [pay, shop, older], { serial });
      const { code, stdout } = await run("check");
      assert.is(code, 1);
      assert.match(stdout, says);
    }
    assert.is(readFileSync(join(dir, "governance.fms.lock"), "utf8"), lock);
    server.files = site(key, [pay, shop, older], { serial: 8 });
    assert.is((await run("check")).code, 0);
  }));

test("J06 a version older than the pinned one is refused until the pins are written anew", () =>
  onStage(async ({ run, write }) => {
    await run("check", "--write-lock");
    write(policyOf("1.0.0"));
    const { code, stdout } = await run("check");
    assert.is(code, 1);
    assert.match(stdout, "is older than version 1.1.0, which governance.fms.lock pins");
    assert.is((await run("check", "--write-lock")).code, 0);
    assert.is((await run("check")).code, 0);
  }));

test("J06 other bytes under a pinned version are refused although they are well signed", () =>
  onStage(async ({ dir, server, run }) => {
    await run("check", "--write-lock");
    const lock = readFileSync(join(dir, "governance.fms.lock"), "utf8");
    const { rmSync } = await import("node:fs");
    rmSync(join(dir, ".faramesh"), { recursive: true });
    server.files = site(key, [{ ...pay, text: text.replace("$5", "$5000") }], { serial: 2 });
    const { code, stdout } = await run("check");
    assert.is(code, 1);
    assert.match(stdout, "is not what was pinned");
    assert.is(readFileSync(join(dir, "governance.fms.lock"), "utf8"), lock);
  }));

test("J06 without a trusted key nothing is taken, but by publisher and digest", () =>
  onStage(async ({ dir, server, run, write }) => {
    write(policyOf("1.1.0", []));
    const refused = await run("check");
    assert.is(refused.code, 1);
    assert.match(refused.stdout, "whose key it must be signed by is written as trust");
    assert.is((await run("check", "--write-lock", "--unsigned", "else.example")).code, 1);
    assert.is((await run("check", "--unsigned", registry)).code, 64);
    const named = await run("check", "--write-lock", "--unsigned", registry);
    assert.is(named.code, 0, named.stdout);
    const lock = JSON.parse(readFileSync(join(dir, "governance.fms.lock"), "utf8"));
    assert.is(lock.imports[`${registry}/policies/pay@1.1.0`].unsigned, registry);
    assert.is(lock.catalogs, undefined);
    assert.is((await run("check")).code, 0);
    const { rmSync } = await import("node:fs");
    rmSync(join(dir, ".faramesh"), { recursive: true });
    assert.is((await run("check")).code, 0);
    server.files = site(other, [{ ...pay, text: text.replace("$5", "$6") }]);
    assert.is((await run("check")).code, 1);
  }));

test("J06 a key holds for the names below it alone, and the longest name counts", () =>
  onStage(async ({ run, write }) => {
    for (const [trusted, code] of [
      [[["packs.exam", key]], 1],
      [[["packs.example/policies", key]], 1],
      [
        [
          [registry, key],
          [`${registry}/policies/pay`, other],
        ],
        1,
      ],
      [
        [
          [registry, other],
          [registry, key],
        ],
        0,
      ],
      [
        [
          [registry, key],
          [`${registry}/policies/shop`, other],
        ],
        0,
      ],
    ] as const) {
      write(policyOf("1.1.0", trusted));
      const outcome = await run("check");
      assert.is(outcome.code, code, `${JSON.stringify(trusted.map(([name]) => name))}: ${outcome.stdout}`);
    }
  }));

test("J06 a key that is taken out of trust takes what it signed with it", () =>
  onStage(async ({ run, write }) => {
    assert.is((await run("check", "--write-lock")).code, 0);
    write(policyOf("1.1.0", [[registry, other]]));
    const { code, stdout } = await run("check", "--offline");
    assert.is(code, 1);
    assert.match(stdout, "which this stack does not trust");
  }));

test("a catalog of fifteen thousand artifacts is read, and one beyond its size is not", () =>
  onStage(async ({ server, run }) => {
    const many = (count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...pay, version: `2.0.${index}`, text: "permit x\n" }));
    const put = (count: number): void => {
      const entries = many(count).map(({ name, version }) => ({
        name,
        version,
        path: `policies/${name}/${version}/pack.fms`,
        sha256: "0".repeat(64),
      }));
      const files = site(key, [pay]);
      const catalog = JSON.parse(Buffer.from(files.get("catalog/catalog.json") ?? Buffer.of()).toString());
      const bytes = Buffer.from(JSON.stringify({ ...catalog, policies: [...catalog.policies, ...entries] }));
      files.set("catalog/catalog.json", bytes);
      files.set("catalog/catalog.json.sig", key.publisher.sign(`catalog ${registry}`, bytes));
      server.files = files;
    };
    put(15_000);
    const { code, stdout } = await run("check");
    assert.is(code, 0, stdout);
    put(30_000);
    const beyond = await run("check");
    assert.is(beyond.code, 1);
    assert.match(beyond.stdout, "has more than 4194304 bytes");
  }));

test("J03 nothing is kept through a link in the place of the registry's folder", () =>
  onStage(async ({ dir, run }) => {
    const { mkdirSync, symlinkSync } = await import("node:fs");
    mkdirSync(join(dir, "away"));
    symlinkSync(join(dir, "away"), join(dir, ".faramesh"));
    const before = snapshotOf(dir);
    const { code, stderr } = await run("check", "--write-lock");
    assert.is(code, 1);
    assert.match(stderr, "has a link or a file in the place of a folder");
    assert.equal(snapshotOf(dir), before);
  }));

test("J06 a policy in YAML trusts by the same words", () =>
  onStage(async ({ dir, run }) => {
    const { rmSync } = await import("node:fs");
    assert.is((await run("convert", "--to", "yaml", "--out", join(dir, "governance.fms.yaml"))).code, 0);
    rmSync(join(dir, "governance.fms"));
    const good = readFileSync(join(dir, "governance.fms.yaml"), "utf8");
    assert.is((await run("check")).code, 0);
    writeFileSync(join(dir, "governance.fms.yaml"), good.replace(key.text, other.text));
    const { code, stdout } = await run("check");
    assert.is(code, 1);
    assert.match(stdout, "which this stack does not trust");
  }));

test("J10 a registry is asked by https, or on this machine", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policyOf());
    for (const url of [
      "http://10.0.0.1/",
      "http://169.254.169.254/latest/",
      "http://localhost.evil.example/",
      "ftp://127.0.0.1/",
      "file:///etc/",
      "https://user:secret@registry.example/",
      "https://registry.example/?x=1",
      "registry",
    ]) {
      const { code, stderr } = await farameshWith(dir, { FARAMESH_REGISTRY_URL: url }, ["check"]);
      assert.is(code, 1, url);
      assert.match(stderr, /the address of the registry|a registry is asked by https/);
      assert.not.match(stderr, "secret");
    }
  }));

test("J06 the policy in force stays, whatever the registry does", () =>
  onStage(async (stage) => {
    const { server, run, write } = stage;
    assert.is((await run("apply")).code, 0);
    const before = JSON.parse((await run("status", "--format", "json")).stdout).daemon;
    write(policyOf().replaceAll("pay", "shop"));
    for (const { lie } of lies.filter(({ name }) => /stalls|other bytes|another key|expired/.test(name))) {
      server.files = site(key, [pay, older, shop]);
      server.lies.clear();
      lie(stage, "policies/shop/1.1.0/pack.fms");
      server.files.delete("policies/shop/1.1.0/pack.fms.sig");
      assert.is((await run("apply")).code, 1);
    }
    const after = JSON.parse((await run("status", "--format", "json")).stdout).daemon;
    assert.equal([after.policy_version, after.policy_hash], [before.policy_version, before.policy_hash]);
    assert.match((await run("apply")).stderr, "nothing was changed");
  }));

test.run();
