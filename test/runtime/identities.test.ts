// Identities by OpenID Connect: a real provider, forged tokens of every kind, keys that change, and what applies when none can be verified.
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from "jose";
import Provider from "oidc-provider";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SystemClock } from "../../runtime/clock.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { verifyReplay } from "../../runtime/verify-replay.ts";
import { HttpUnderTest } from "./http/client.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const audience = "urn:faramesh:test";
const nowMs = Date.UTC(2026, 2, 1, 12);

const policyFor = (issuer: string, more = "", runtime = "allow_private = true"): string => `
runtime { ${runtime} }
identity "corp" { type = "oidc" issuer = "${issuer}" audience = ["${audience}"] ${more} }
agent "bot" {
  default deny
  permit search
  defer ask
  permit pay if principal.department == "billing"
}
agent "other" { default permit }`;

/** A real OpenID provider whose client "bot" gets tokens for this stack. */
async function withProvider(work: (issuer: string, token: () => Promise<string>) => Promise<void>): Promise<void> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: "bot",
        client_secret: "s",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
        id_token_signed_response_alg: "ES256",
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: "ES256", use: "sig", kid: "k1" }] },
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          scope: "call",
          audience,
          accessTokenFormat: "jwt",
          jwt: { sign: { alg: "ES256" } },
        }),
      },
    },
    extraTokenClaims: () => ({ department: "billing" }),
  });
  server.on("request", provider.callback());
  const token = async (): Promise<string> => {
    const response = await fetch(`${issuer}/token`, {
      method: "POST",
      headers: { authorization: `Basic ${Buffer.from("bot:s").toString("base64")}` },
      body: new URLSearchParams({ grant_type: "client_credentials", scope: "call" }),
    });
    const { access_token } = (await response.json()) as { access_token?: string };
    assert.ok(access_token?.split(".").length === 3, "the provider gives a JWT");
    return access_token ?? "";
  };
  try {
    await work(issuer, token);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** An issuer of our own, whose keys can be changed. */
class Issuer {
  readonly #server = createServer((request, response) => {
    this.asked.push(request.url ?? "");
    const url = request.url ?? "";
    const told = url.endsWith("openid-configuration")
      ? { issuer: this.says ?? this.url, jwks_uri: `${this.url}/keys` }
      : { keys: this.keys };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(told));
  });
  readonly asked: string[] = [];
  keys: JWK[] = [];
  says: string | null = null;

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async listen(port = 0): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

interface Signer {
  readonly key: CryptoKey;
  readonly jwk: JWK;
}

async function signer(kid: string, alg = "ES256"): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: "sig" } };
}

const seconds = nowMs / 1000;
const claims = (issuer: string, more: JWTPayload = {}): JWTPayload => ({
  iss: issuer,
  aud: audience,
  sub: "bot",
  iat: seconds,
  exp: seconds + 600,
  department: "billing",
  ...more,
});

const signed = ({ key, jwk }: Signer, payload: JWTPayload, header: object = {}): Promise<string> =>
  new SignJWT(payload).setProtectedHeader({ alg: jwk.alg ?? "", kid: jwk.kid ?? "", ...header }).sign(key);

async function withIssuer(work: (issuer: Issuer, own: Signer) => Promise<void>): Promise<void> {
  const issuer = new Issuer();
  await issuer.listen();
  const own = await signer("one");
  issuer.keys = [own.jwk];
  try {
    await work(issuer, own);
  } finally {
    issuer.close();
  }
}

/** Its wall time stands still unless it is moved. */
function clockAt(time: { ms: number }): SystemClock {
  return new SystemClock({ wallMs: () => time.ms, monoUs: () => time.ms * 1000 });
}

const ask = (stack: StackUnderTest, tool: string, token?: string, agent_id = "bot") =>
  stack.ask(tool, {}, { agent_id, ...(token === undefined ? {} : { principal_token: token }) });

test("tokens of a real provider: who has one is who it says, and its claims are what rules see", async () => {
  await withProvider(async (issuer, token) => {
    await onStack(policyFor(issuer), async (stack) => {
      assert.is((await ask(stack, "search")).reason_code, "IDENTITY_UNVERIFIED");
      assert.is(
        (await stack.ask("pay", {}, { principal: { department: "billing" } })).reason_code,
        "IDENTITY_UNVERIFIED",
      );
      const own = await token();
      assert.is((await ask(stack, "search", own)).effect, "PERMIT");
      assert.is((await ask(stack, "pay", own)).effect, "PERMIT");
      assert.is((await ask(stack, "search", own, "other")).reason_code, "IDENTITY_UNVERIFIED");
      const decisions = (await stack.records()).filter(({ type }) => type === "decision");
      assert.equal(
        decisions.map(({ agent_identity, code }) => [agent_identity, code]),
        [
          ["claimed", "IDENTITY_UNVERIFIED"],
          ["claimed", "IDENTITY_UNVERIFIED"],
          ["oidc:corp", "POLICY_PERMIT"],
          ["oidc:corp", "POLICY_PERMIT"],
          ["oidc:corp", "IDENTITY_UNVERIFIED"],
        ],
      );
      assert.not.match(JSON.stringify(await stack.records()), own.split(".")[2] ?? "none");
      const { policies } = stackPaths(stack.dir);
      const { matched, mismatched } = await verifyReplay({ walDir: stack.daemon.walDir, policiesDir: policies });
      assert.equal([matched, mismatched], [2, 0]);
    });
  });
});

test("what is no call needs the token of its agent too: reports, costs, sessions, polls, outputs and streams", async () => {
  await withIssuer(async (issuer, own) => {
    const work = async (stack: StackUnderTest): Promise<void> => {
      const token = await signed(own, claims(issuer.url));
      const others = await signed(own, claims(issuer.url, { sub: "other" }));
      const { action_id } = await ask(stack, "search", token);
      const asked = await ask(stack, "ask", token);
      const messages = [
        { type: "poll_defer", defer_token: asked.defer_token },
        { type: "cost", action_id, cost_usd: 1 },
        { type: "report", action_id, status: "success" },
        { type: "scan_output", tool_id: "search", output: "x" },
        { type: "reach", tools: ["search"] },
        { type: "session", op: "inspect" },
        { type: "session", op: "close" },
        { type: "phase", to: "next" },
        { type: "audit_subscribe" },
        { type: "callback_subscribe" },
      ];
      const say = async (message: object): Promise<Record<string, unknown>> => {
        const line = JSON.stringify({ call_id: "m", ...message });
        return JSON.parse((await stack.exchange([Buffer.from(`${line}\n`)]))[0] ?? "{}");
      };
      for (const message of messages) {
        const forged: readonly object[] = [
          { agent_id: "bot" },
          {},
          { agent_id: "bot", principal_token: `${token}x` },
          { agent_id: "bot", principal_token: others },
          { agent_id: "bot", principal_token: 7 },
          { agent_id: ["bot"], principal_token: token },
          { agent_id: "bot", admin_token: "guess" },
        ];
        for (const claim of forged) {
          const answer = await say({ ...message, ...claim });
          const what = JSON.stringify([message, Object.keys(claim)]);
          assert.equal([answer.effect, answer.reason_code, answer.call_id], ["DENY", "IDENTITY_UNVERIFIED", "m"], what);
        }
      }
      // The call that another connection's agent made does not vouch for a session either.
      const both = [
        { type: "govern", call_id: "g", agent_id: "bot", tool_id: "search", args: {}, principal_token: token },
        { type: "session", call_id: "s", op: "close" },
      ];
      const answers = await stack.send(...both);
      assert.is(answers.find(({ call_id }) => call_id === "s")?.reason_code, "IDENTITY_UNVERIFIED");
      for (const message of messages) {
        const answer = await say({ ...message, principal_token: token });
        assert.is.not(answer.reason_code, "IDENTITY_UNVERIFIED", message.type);
        assert.is(answer.call_id, "m", message.type);
      }
      assert.is(
        (await say({ type: "poll_defer", defer_token: asked.defer_token, principal_token: token })).status,
        "pending",
      );
      const rpc = {
        jsonrpc: "2.0",
        id: 1,
        method: "poll_defer",
        params: { agent_id: "bot", defer_token: asked.defer_token },
      };
      assert.is(Reflect.get(Object((await say(rpc)).error), "code"), -32600);
      assert.is((await say({ type: "status" })).state, "READY");
    };
    await onStack(policyFor(issuer.url), work, { clock: clockAt({ ms: nowMs }) });
  });
});

test("over HTTP a gateway's token vouches for no agent in reports either", async () => {
  await withIssuer(async (issuer, own) => {
    const work = async (stack: StackUnderTest): Promise<void> => {
      const http = new HttpUnderTest(stack);
      const token = await signed(own, claims(issuer.url));
      const { action_id } = await ask(stack, "search", token);
      const { token: gateway } = await http.tokenOf("agent", "*");
      const report = { agent_id: "bot", action_id, status: "success" };
      assert.is((await http.ask("/v1/report", { token: gateway, body: report })).status, 403);
      const vouched = { ...report, principal_token: token };
      assert.is((await http.ask("/v1/report", { token: gateway, body: vouched })).status, 200);
    };
    await onStack(policyFor(issuer.url), work, {
      clock: clockAt({ ms: nowMs }),
      http: { listen: "127.0.0.1:0", cert: null, key: null },
    });
  });
});

test("over HTTP the provider's token is the bearer, or stands beside a token of ours", async () => {
  await withProvider(async (issuer, token) => {
    const work = async (stack: StackUnderTest): Promise<void> => {
      const http = new HttpUnderTest(stack);
      const own = await token();
      const pay = { tool_id: "pay", args: {} };
      const answer = await http.ask("/v1/evaluate", { token: own, body: { ...pay, agent_id: "bot" } });
      assert.match(answer.text, '"PERMIT"');
      assert.match((await http.ask("/v1/evaluate", { token: own, body: pay })).text, '"PERMIT"');
      const another = await http.ask("/v1/evaluate", { token: own, body: { ...pay, agent_id: "other" } });
      assert.match(another.text, "IDENTITY_UNVERIFIED");
      assert.is((await http.ask("/v1/evaluate", { token: `${own}x`, body: pay })).status, 401);
      assert.is((await http.ask("/metrics", { token: own })).status, 403);
      const { token: agentToken } = await http.tokenOf("agent", "bot");
      const alone = await http.ask("/v1/evaluate", { token: agentToken, body: pay });
      assert.match(alone.text, "POLICY_DENY");
      const both = { token: agentToken, body: { ...pay, principal_token: own } };
      assert.match((await http.ask("/v1/evaluate", both)).text, '"PERMIT"');
      const forged = { token: agentToken, body: { ...pay, principal_token: `${own}x` } };
      assert.match((await http.ask("/v1/evaluate", forged)).text, "IDENTITY_UNVERIFIED");
    };
    await onStack(policyFor(issuer), work, {
      http: { listen: "127.0.0.1:0", cert: null, key: null },
    });
  });
});

test("forged, foreign, late, early and malformed tokens are refused, each with its reason", async () => {
  await withIssuer(async (issuer, own) => {
    const time = { ms: nowMs };
    const work = async (stack: StackUnderTest): Promise<void> => {
      const other = await signer("one");
      const rsa = await signer("rsa", "RS256");
      const { url } = issuer;
      const good = await signed(own, claims(url));
      assert.is((await ask(stack, "pay", good)).effect, "PERMIT");
      const [head = "", body = "", tail = ""] = good.split(".");
      const encode = (value: object | string): string =>
        Buffer.from(typeof value === "string" ? value : JSON.stringify(value)).toString("base64url");
      const hmac = await new SignJWT(claims(url))
        .setProtectedHeader({ alg: "HS256", kid: "one" })
        .sign(Buffer.from(JSON.stringify(own.jwk)));
      const twice = `{"iss":"${url}","aud":"${audience}","sub":"other","sub":"bot","iat":${seconds},"exp":${seconds + 600}}`;
      const signedTwice = await signedText(own, twice);
      const cases: readonly (readonly [string, string | number, RegExp])[] = [
        ["no method", `${encode({ alg: "none" })}.${body}.`, /signed by a method|cannot be read/],
        ["no signature", `${head}.${body}.`, /signature/],
        ["a signature of another body", `${head}.${encode(claims(url, { sub: "other" }))}.${tail}`, /signature/],
        ["the public key as a secret", hmac, /method that is not allowed/],
        ["another key under the same name", await signed(other, claims(url)), /signature/],
        ["a key that is not published", await signed(rsa, claims(url)), /does not publish/],
        [
          "a key that comes with it",
          await signed(other, claims(url), { jwk: other.jwk, kid: "x" }),
          /does not publish/,
        ],
        ["another issuer", await signed(own, claims("https://example.com")), /`iss`/],
        ["another audience", await signed(own, claims(url, { aud: "urn:other" })), /`aud`/],
        ["late", await signed(own, claims(url, { exp: seconds - 60 })), /over/],
        ["early", await signed(own, claims(url, { nbf: seconds + 60 })), /`nbf`/],
        ["without an end", await signed(own, claims(url, { exp: undefined })), /`exp`/],
        ["without an agent", await signed(own, claims(url, { sub: undefined })), /no `sub`/],
        ["two agents", signedTwice, /read in two ways/],
        ["no token", "x", /cannot be read/],
        ["a number", 7, /cannot be read/],
        ["far too long", "a".repeat(20_000), /cannot be read/],
      ];
      for (const [what, token, why] of cases) {
        const answer = await stack.ask("pay", {}, { principal_token: token });
        assert.is(answer.reason_code, "IDENTITY_UNVERIFIED", what);
        assert.match(answer.reason ?? "", why, what);
      }
      // What was believed is not believed for longer than it says.
      time.ms += 601_000 + 5000;
      assert.match((await ask(stack, "pay", good)).reason ?? "", "over");
    };
    await onStack(policyFor(issuer.url), work, { clock: clockAt(time) });
  });
});

async function signedText({ key, jwk }: Signer, text: string): Promise<string> {
  const { CompactSign } = await import("jose");
  return new CompactSign(Buffer.from(text)).setProtectedHeader({ alg: jwk.alg ?? "", kid: jwk.kid ?? "" }).sign(key);
}

test("a new key of the issuer is asked for, an old one that is gone is not believed after a new start", async () => {
  await withIssuer(async (issuer, own) => {
    await onStack(
      policyFor(issuer.url),
      async (stack) => {
        assert.is((await ask(stack, "search", await signed(own, claims(issuer.url)))).effect, "PERMIT");
        const next = await signer("two");
        issuer.keys = [next.jwk];
        await stack.restart();
        assert.is((await ask(stack, "search", await signed(next, claims(issuer.url)))).effect, "PERMIT");
        const old = await signed(own, claims(issuer.url, { jti: "again" }));
        assert.match((await ask(stack, "search", old)).reason ?? "", "does not publish");
      },
      { clock: clockAt({ ms: nowMs }) },
    );
  });
});

test("what cannot verify is not applied, and the policy before it goes on", async () => {
  await withIssuer(async (issuer) => {
    await onStack('agent "bot" { default deny permit search }', async (stack) => {
      const refusedFor = async (policy: string): Promise<string> =>
        stack.apply(policy).then(
          () => "",
          (error: unknown) => (error instanceof Error ? error.message : String(error)),
        );
      assert.match(await refusedFor(policyFor(issuer.url, "", "mode = enforce")), "only https");
      assert.match(await refusedFor(policyFor("http://127.0.0.1:9")), "cannot be asked");
      assert.match(
        await refusedFor('identity "spire" { type = "spiffe" } agent "bot" { default deny }'),
        "no kind `spiffe`",
      );
      assert.match(await refusedFor(policyFor(issuer.url, 'algorithms = ["HS256"]')), "none of");
      issuer.says = "https://example.com";
      assert.match(await refusedFor(policyFor(issuer.url)), "another issuer's");
      assert.is((await stack.ask("search")).effect, "PERMIT");
    });
  });
});

test("an issuer that is away at the start of a daemon keeps nobody out for longer than it is away", async () => {
  const issuer = new Issuer();
  await issuer.listen();
  const own = await signer("one");
  issuer.keys = [own.jwk];
  const { url } = issuer;
  const time = { ms: nowMs };
  const work = async (stack: StackUnderTest): Promise<void> => {
    await stack.stop();
    issuer.close();
    await stack.start();
    const token = await signed(own, claims(url));
    assert.is((await ask(stack, "search", token)).reason_code, "IDENTITY_UNVERIFIED");
    const { notices } = await askOperator(stack.dir, "status", {});
    assert.ok(
      notices.some((one) => one.includes("the identity `corp` cannot be verified")),
      notices.join(),
    );
    await issuer.listen(Number(new URL(url).port));
    time.ms += 6000;
    assert.is((await ask(stack, "search", token)).effect, "PERMIT");
    assert.equal([...(await askOperator(stack.dir, "status", {})).notices], []);
    issuer.close();
  };
  await onStack(policyFor(url), work, { clock: clockAt(time) });
});

test("a service account of Kubernetes by a file of keys that is changed under the daemon", async () => {
  const own = await signer("one");
  const next = await signer("two");
  const time = { ms: nowMs };
  const issuer = "https://kubernetes.default.svc.cluster.local";
  const account = { "kubernetes.io": { namespace: "n", serviceaccount: { name: "bot", uid: "u" } } };
  const work = async (stack: StackUnderTest): Promise<void> => {
    const file = join(stack.dir, "keys.json");
    writeFileSync(file, JSON.stringify({ keys: [own.jwk] }));
    await stack.apply(
      `identity "pods" { type = "k8s-projected" audience = ["${audience}"] jwks_file = "keys.json" } agent "bot" { default permit }`,
    );
    const first = await signed(own, claims(issuer, { sub: "system:serviceaccount:n:bot", ...account }));
    assert.is((await ask(stack, "search", first)).effect, "PERMIT");
    const second = await signed(next, claims(issuer, account));
    assert.match((await ask(stack, "search", second)).reason ?? "", "does not publish");
    writeFileSync(file, JSON.stringify({ keys: [next.jwk] }));
    time.ms += 61_000;
    assert.is((await ask(stack, "search", second)).effect, "PERMIT");
    assert.match((await ask(stack, "search", first)).reason ?? "", "does not publish");
  };
  await onStack(null, work, { clock: clockAt(time) });
});

test.run();
