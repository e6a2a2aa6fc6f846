// The kind `vault` against a server of its protocol: both versions of KV, leases, tokens and roles, and a server that is sealed, refuses,
// is slow, writes garbage, lies in the network's private part, or dies.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ProviderFailure, type Secret } from "../../runtime/providers/provider.ts";
import { Settings, type SettingValue } from "../../runtime/providers/settings.ts";
import { Vault } from "../../runtime/providers/vault.ts";
import { onStack } from "../runtime/stack-under-test.ts";
import { VaultServer } from "./vault-server.ts";

interface Around {
  readonly server: VaultServer;
  readonly clock: { nowUs: number };
  make(settings?: Record<string, SettingValue>): Vault;
}

async function withVault(work: (around: Around) => Promise<void>): Promise<void> {
  const server = new VaultServer();
  await server.listen();
  const clock = { nowUs: 1 };
  const make = (settings: Record<string, SettingValue> = { token: "root" }): Vault => {
    const values = new Map(Object.entries({ addr: server.addr, allow_private: true, ...settings }));
    return new Vault(new Settings(values), { dir: "/", allowPrivate: false, nowUs: () => clock.nowUs });
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
