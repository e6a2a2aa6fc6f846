// The kind `vault` against a server of its protocol: both versions of KV, leases, tokens and roles, and a server that is sealed, refuses,
// is slow, writes garbage, lies in the network's private part, or dies.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { Leases, leasesMax } from "../../runtime/providers/leases.ts";
import { ProviderFailure, type Secret } from "../../runtime/providers/provider.ts";
import { Settings, type SettingValue } from "../../runtime/providers/settings.ts";
import { revokingTimeoutMs, Vault } from "../../runtime/providers/vault.ts";
import { onStack } from "../runtime/stack-under-test.ts";
import { identity } from "./tls-identity.ts";
import { VaultServer } from "./vault-server.ts";

interface Around {
  readonly server: VaultServer;
  readonly clock: { nowUs: number };
  make(settings?: Record<string, SettingValue>): Vault;
}

async function withVault(work: (around: Around) => Promise<void>, server = new VaultServer()): Promise<void> {
  await server.listen();
  const clock = { nowUs: 1 };
  const leases = new Leases();
  const make = (settings: Record<string, SettingValue> = { token: "root" }): Vault => {
    const values = new Map(Object.entries({ addr: server.addr, allow_private: true, ...settings }));
    return new Vault(new Settings(values), { dir: "/", allowPrivate: false, nowUs: () => clock.nowUs, leases });
  };
  try {
    await work({ server, clock, make });
  } finally {
    await server.close();
  }
}

const get = (vault: Vault, path: string): Promise<Secret> =>
  vault.getSecret({ path, agentId: "bot", toolId: "t", ttlSeconds: null });

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof ProviderFailure ? `${error.code} ${error.message}` : `bug: ${String(error)}`;
  }
  return "no failure";
}

const role = { role_id: "role-1", secret_id: "secret-1" };

test("Secrets of both versions of KV, one value of several, and leased ones", () =>
  withVault(async ({ server, make }) => {
    server.v1.set("stripe", { key: "v1-s3cret", retries: 3 });
    server.v2.set("stripe/live", { key: "v2-s3cret", other: "x", nothing: null });
    const vault = make({ token: "root", namespace: "team" });
    await vault.init();
    assert.equal(await get(vault, "kv/stripe"), { values: { key: "v1-s3cret", retries: "3" }, leaseSeconds: null });
    assert.equal((await get(vault, "secret/data/stripe/live")).values, { key: "v2-s3cret", other: "x" });
    assert.equal((await get(vault, "secret/data/stripe/live#key")).values, { key: "v2-s3cret" });
    const leased = await get(vault, "database/creds/app");
    assert.equal(leased, { values: { username: "u", password: "p" }, leaseSeconds: 120 });
    assert.ok(server.namespaces.every((name) => name === "team"));
  }));

test("A role logs in, its token is renewed at half its time, and a revoked one is replaced within the question", () =>
  withVault(async ({ server, clock, make }) => {
    server.v2.set("a", { key: "x" });
    const vault = make(role);
    await vault.init();
    await vault.probe();
    assert.is(server.asked.filter((one) => one.endsWith("renew-self")).length, 0);
    clock.nowUs += 301_000_000;
    await vault.probe();
    await vault.probe();
    assert.is(server.asked.filter((one) => one.endsWith("renew-self")).length, 1);
    server.tokens.clear();
    const both = await Promise.all([get(vault, "secret/data/a"), get(vault, "secret/data/a")]);
    assert.equal(
      both.map(({ values }) => values.key),
      ["x", "x"],
    );
    assert.is(server.asked.filter((one) => one.endsWith("login")).length, 2, "one login for both");
    server.tokens.clear();
    clock.nowUs += 301_000_000;
    await vault.probe();
    assert.is(server.asked.filter((one) => one.endsWith("login")).length, 3, "what cannot be renewed is had anew");
  }));

test("At the end leases are revoked, those of an instance that failed too; those that are over are left, and so is a token that was given", () =>
  withVault(async ({ server, clock, make }) => {
    const first = make();
    await first.init();
    await get(first, "database/creds/app");
    await get(first, "kv/none").catch(() => {});
    clock.nowUs += 119_000_000;
    await get(first, "database/creds/app");
    await first.shutdown(false);
    assert.is(server.leases.size, 2, "another instance follows");
    const second = make();
    await second.init();
    await get(second, "database/creds/app");
    clock.nowUs += 2_000_000;
    await second.shutdown(true);
    assert.equal([...server.leases.keys()], ["database/creds/app/1"], "it has ended by itself");
    assert.equal([...server.tokens.keys()], ["root"]);
  }));

test("The token of a role goes with all that was made by it, and a server that is gone holds up no end for long", () =>
  withVault(async ({ server, make }) => {
    const vault = make(role);
    await vault.init();
    await get(vault, "database/creds/app");
    server.misbehave = ({ url = "" }, response) =>
      url.endsWith("leases/revoke") && response.writeHead(403).end("{}") === response;
    await vault.shutdown(true);
    assert.equal([server.leases.size, [...server.tokens.keys()]], [0, ["root"]]);
    const other = make(role);
    server.misbehave = null;
    await other.init();
    for (let count = 0; count < 40; count++) await get(other, "database/creds/app");
    server.misbehave = () => true;
    await Promise.race([
      other.shutdown(true),
      new Promise((_, reject) => setTimeout(() => reject(new Error("it held up the end")), 4 * revokingTimeoutMs)),
    ]);
  }));

test("Of leases the latest are kept", () => {
  const leases = new Leases();
  for (let number = 0; number < leasesMax + 10; number++) leases.note(String(number), number);
  assert.is(leases.take(0).length, leasesMax);
  assert.equal(leases.take(0), []);
});

test("When the daemon ends, or a policy without the provider comes into force, leases are revoked; a change of other lines leaves them", () =>
  withVault(async ({ server }) => {
    const provider = `provider "v" { type = "vault" addr = "${server.addr}" role_id = "role-1" secret_id = env("S") allow_private = true }`;
    const agent = 'agent "bot" { permit db/* credential db { backend vault path "database/creds/app" } }';
    await onStack(
      `${provider}\n${agent}`,
      async (stack) => {
        assert.is((await stack.ask("db/read")).effect, "PERMIT");
        await stack.apply(`${provider}\n${agent.replace("permit", "permit search\n permit")}`);
        assert.is((await stack.ask("db/read")).effect, "PERMIT");
        assert.is(server.leases.size, 2);
        await stack.stop();
        assert.is(server.leases.size, 0);
        await stack.start();
        while ((await askOperator(stack.dir, "status", {})).providers[0]?.status !== "ready")
          await new Promise((resolve) => setTimeout(resolve, 10));
        await stack.ask("db/read");
        await stack.apply('agent "bot" { permit search }');
        while (server.leases.size > 0) await new Promise((resolve) => setTimeout(resolve, 10));
        // Its turn comes after theirs.
        for (let turn = 0; turn < 500 && server.tokens.size > 1; turn++)
          await new Promise((resolve) => setTimeout(resolve, 10));
        assert.equal([...server.tokens.keys()], ["root"], "nor does a token of the role stay");
      },
      { env: { S: "secret-1" } },
    );
  }));

test("J10 with TLS only a server that `ca_file` vouches for, by its address, is told the token", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-vault-"));
  try {
    const right = identity(dir, "right", "127.0.0.1");
    const misnamed = identity(dir, "misnamed", "192.0.2.1");
    identity(dir, "other", "127.0.0.1");
    writeFileSync(join(dir, "garbage.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    const tried = async (server: VaultServer, ca: string | null): Promise<string> => {
      let outcome = "";
      await withVault(async ({ make }) => {
        const more: Record<string, string> = ca === null ? {} : { ca_file: join(dir, ca) };
        outcome = await failure(make({ token: "root", ...more }).init());
        if (outcome !== "no failure") assert.equal(server.asked, [], "nothing was said");
      }, server);
      return outcome;
    };
    assert.is(await tried(new VaultServer(right), "right.pem"), "no failure");
    assert.is(await tried(new VaultServer(right), null), "UNREACHABLE DEPTH_ZERO_SELF_SIGNED_CERT");
    assert.is(await tried(new VaultServer(right), "other.pem"), "UNREACHABLE DEPTH_ZERO_SELF_SIGNED_CERT");
    assert.is(await tried(new VaultServer(misnamed), "misnamed.pem"), "UNREACHABLE ERR_TLS_CERT_ALTNAME_INVALID");
    assert.is(await tried(new VaultServer(right), "garbage.pem"), "SETTINGS its `ca_file` holds no certificate in PEM");
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("What cannot be had says why, and names neither token nor address", () =>
  withVault(async ({ server, make }) => {
    server.v2.set("gone", null);
    server.v1.set("many", Object.fromEntries(Array.from({ length: 65 }, (_, index) => [`k${index}`, "v"])));
    const vault = make();
    await vault.init();
    assert.is(await failure(get(vault, "secret/data/absent")), "NOT_FOUND the secret is not there");
    assert.is(await failure(get(vault, "secret/data/gone")), "NOT_FOUND the secret is not there");
    assert.is(await failure(get(vault, "kv/many")), "BAD_ANSWER the secret has more than 64 values");
    assert.is(await failure(get(vault, "elsewhere/x")), "REFUSED the secret is refused");
    for (const path of ["secret/../sys/raw", "/secret", "a//b", ""])
      assert.match(await failure(get(vault, path)), "SETTINGS a path is written as");
    assert.is(await failure(make({ token: "wr0ng-s3cret" }).init()), "REFUSED its token is refused");
    assert.is(await failure(make({ ...role, secret_id: "wr0ng" }).init()), "REFUSED the answer was 400");
    assert.match(await failure(make({ token: "root", ...role }).init()), "SETTINGS either `token` or");
    assert.match(await failure(make({ token: "root", ca_file: "/nowhere.pem" }).init()), "`ca_file` cannot be read");
    assert.is(await failure(make({ token: "root", allow_private: false }).init()), "UNREACHABLE only https is used");
  }));

test("J11 a server that is sealed, slow, verbose, moved or no Vault is down, and so is one that has died", () =>
  withVault(async ({ server, make }) => {
    const vault = make();
    await vault.init();
    server.sealed = true;
    assert.is(await failure(vault.probe()), "UNREACHABLE its health is not to be had: it is sealed or down");
    assert.match(await failure(get(vault, "kv/x")), "it is sealed or down");
    server.sealed = false;
    server.misbehave = () => true;
    assert.match(await failure(vault.probe()), /^LATE no answer within/);
    const answers: readonly (readonly [string, string])[] = [
      ["x".repeat(100_000), "BAD_ANSWER the answer is longer than"],
      ["no JSON", "BAD_ANSWER the answer is not JSON"],
      ["{}", "BAD_ANSWER what answers is no Vault"],
      ['{"sealed":false,"sealed":true}', "BAD_ANSWER the answer is not JSON"],
    ];
    for (const [text, words] of answers) {
      server.misbehave = (_request, response) => response.end(text) !== undefined;
      assert.match(await failure(vault.probe()), words);
    }
    server.misbehave = (_request, response) => {
      response.writeHead(307, { location: "http://127.0.0.1:1/v1/sys/health" }).end();
      return true;
    };
    assert.is(await failure(vault.probe()), "REFUSED the answer was 307");
    server.misbehave = (request) => request.socket.destroy() !== undefined;
    assert.match(await failure(vault.probe()), /^UNREACHABLE/);
  }));

test("J10 a call gets its secret from a Vault on a private network only where the policy says so", () =>
  withVault(async ({ server }) => {
    server.v2.set("stripe", { key: "v2-s3cret" });
    const policy = (
      more: string,
    ): string => `provider "v" { type = "vault" addr = "${server.addr}" token = env("T") ${more} }
agent "bot" { permit stripe/* credential stripe { backend vault path "secret/data/stripe" } }`;
    await onStack(
      policy("allow_private = true"),
      async (stack) => {
        const { effect, credential } = await stack.ask("stripe/refund");
        assert.equal([effect, credential?.values.key, credential?.ref], ["PERMIT", "v2-s3cret", "v:stripe"]);
        const refused = await stack.apply(policy("")).then(String, String);
        assert.match(refused, "the provider `v` does not start: only https is used");
        server.v2.delete("stripe");
        assert.is((await stack.ask("stripe/refund")).reason_code, "CREDENTIAL_UNAVAILABLE");
      },
      { env: { T: "root" } },
    );
  }));

test.run();
