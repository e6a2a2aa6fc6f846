// The kind `aws-sm` with Amazon's own client against a server of its protocol that checks signatures: values, versions, roles, every error
// by its name, throttling, and what must never be told.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { AwsSecrets, type LoadSdk } from "../../runtime/providers/aws-sm.ts";
import { ProviderFailure, type Secret } from "../../runtime/providers/provider.ts";
import { Settings, type SettingValue } from "../../runtime/providers/settings.ts";
import { onStack } from "../runtime/stack-under-test.ts";
import { AwsServer } from "./aws-server.ts";

const [keyId, secretKey, planted] = ["AKIDEXAMPLE", "own/s3cret+key", "pl4nted-s3cret-7c1d"];
const keys = { access_key_id: keyId, secret_access_key: secretKey };

interface Around {
  readonly server: AwsServer;
  make(settings?: Record<string, SettingValue>, load?: LoadSdk): AwsSecrets;
}

async function withAws(work: (around: Around) => Promise<void>): Promise<void> {
  const server = new AwsServer();
  await server.listen();
  const made: AwsSecrets[] = [];
  const make = (settings: Record<string, SettingValue> = keys, load?: LoadSdk): AwsSecrets => {
    const { region, url } = server;
    const values = new Map(Object.entries({ region, url, sts_url: url, allow_private: true, ...settings }));
    const place = { dir: "/", allowPrivate: false, wallUs: () => Date.now() * 1000 };
    const one = new AwsSecrets(new Settings(values), place, load);
    made.push(one);
    return one;
  };
  try {
    await work({ server, make });
  } finally {
    for (const one of made) await one.shutdown();
    await server.close();
  }
}

const get = (aws: AwsSecrets, path: string): Promise<Secret> =>
  aws.getSecret({ path, agentId: "bot", toolId: "t", ttlSeconds: null });

async function started(aws: AwsSecrets): Promise<AwsSecrets> {
  await aws.init();
  await aws.probe();
  return aws;
}

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof ProviderFailure ? `${error.code} ${error.message}` : `bug: ${String(error)}`;
  }
  return "no failure";
}

test("Members of a JSON secret, one of them, text, bytes, an earlier version, by name and by ARN", () =>
  withAws(async ({ server, make }) => {
    server.secrets.set("prod/stripe", { text: '{"key":"k1","retries":3,"none":null}', previous: '{"key":"k0"}' });
    server.secrets.set("plain", { text: " text, not JSON " });
    server.secrets.set("list", { text: "[1]" });
    server.secrets.set("bytes", { base64: Buffer.from([0, 255, 1]).toString("base64") });
    const aws = await started(make());
    const arn = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:prod/stripe-AbCdEf";
    assert.equal(await get(aws, "prod/stripe"), { values: { key: "k1", retries: "3" }, leaseSeconds: null });
    assert.equal((await get(aws, "prod/stripe#key")).values, { key: "k1" });
    assert.equal((await get(aws, `${arn}?stage=AWSPREVIOUS#key`)).values, { key: "k0" });
    assert.equal((await get(aws, "plain")).values, { value: " text, not JSON " });
    assert.equal((await get(aws, "list")).values, { value: "[1]" });
    assert.equal((await get(aws, "bytes")).values, { value: "AP8B" });
    assert.equal((await get(await started(make({ ...keys, stage: "AWSPREVIOUS" })), "prod/stripe")).values, {
      key: "k0",
    });
    for (const path of ["prod/stripe#none", "prod/stripe#other", "plain#x", "bytes#x"])
      assert.is(await failure(get(aws, path)), "NOT_FOUND the secret has no such value");
    for (const path of ["", "a b", "a#", "?stage=x", "a?stage=", "a?stage=x y"])
      assert.match(await failure(get(aws, path)), "SETTINGS a path is the name or ARN of a secret");
  }));

test("A role is taken on once, and anew when its keys are about to end; who may not is told", () =>
  withAws(async ({ server, make }) => {
    server.secrets.set("s", { text: "x" });
    const role = { ...keys, role: server.role.arn, external_id: server.role.externalId };
    const aws = await started(make(role));
    await Promise.all([get(aws, "s"), get(aws, "s")]);
    assert.equal(server.asked, [
      `AssumeRole ${keyId}`,
      "secretsmanager.GetSecretValue ASIAROLE1",
      "secretsmanager.GetSecretValue ASIAROLE1",
    ]);
    server.roleSeconds = 60;
    const short = await started(make(role));
    server.asked.length = 0;
    await get(short, "s");
    assert.ok(server.asked.includes(`AssumeRole ${keyId}`), server.asked.join());
    const other = make({ ...role, external_id: "other" });
    await other.init();
    assert.is(await failure(other.probe()), "REFUSED its credentials may not take on its role");
    assert.is(await failure(get(other, "s")), "REFUSED its credentials may not take on its role");
    server.misbehave = (_, response) => response.end("<Credentials/>") !== undefined;
    const garbled = make(role);
    await garbled.init();
    assert.is(await failure(garbled.probe()), "BAD_ANSWER the answer for its role holds no keys");
  }));

test("Errors are told by what their names mean, without a word of the service, a key or a value", () =>
  withAws(async ({ server, make }) => {
    const names = [
      ["AccessDeniedException", "REFUSED its credentials may not read the secret"],
      ["DecryptionFailure", "REFUSED the secret cannot be decrypted with its key"],
      ["InvalidRequestException", "REFUSED the secret cannot be read as it is: it may be marked for deletion"],
      ["com.amazonaws.secretsmanager#ExpiredTokenException", "REFUSED its credentials have expired"],
      ["Pl4ntedException", "REFUSED the answer was 400"],
    ] as const;
    const aws = await started(make());
    for (const [error, words] of names) {
      server.secrets.set("s", { error });
      assert.is(await failure(get(aws, "s")), words);
    }
    assert.is(await failure(get(aws, "absent")), "NOT_FOUND the secret is not there");
    server.secrets.set("s", { text: planted });
    const wrong = await started(make({ ...keys, secret_access_key: "wr0ng-key" }));
    assert.match(await failure(get(wrong, "s")), "REFUSED its signature is refused: the secret key is wrong");
    const unknown = await started(make({ ...keys, access_key_id: "AKIDOTHER" }));
    assert.is(await failure(get(unknown, "s")), "REFUSED its access key is not known");
    const token = await started(make({ ...keys, session_token: "t0ken" }));
    assert.is(await failure(get(token, "s")), "REFUSED its access key is not known");
    server.misbehave = (_, response) => response.end(`{"SecretString":"${planted}`) !== undefined;
    assert.not.match(await failure(get(aws, "s")), planted);
    server.misbehave = (_, response) => response.end("x".repeat(1_000_000)) !== undefined;
    assert.match(await failure(get(aws, "s")), "UNREACHABLE the answer is larger than");
  }));

test("J11 What throttles is asked again within the call's time, what stalls is late, what moves is not followed, what is gone is down", () =>
  withAws(async ({ server, make }) => {
    server.secrets.set("s", { text: "x" });
    const aws = await started(make());
    let left = 2;
    server.misbehave = (_, response) => left-- > 0 && server.fail(response, "ThrottlingException");
    assert.is((await get(aws, "s")).values.value, "x");
    assert.is(server.asked.length, 3);
    left = Number.POSITIVE_INFINITY;
    assert.match(
      await failure(get(aws, "s")),
      /^(BUSY it is asked more often than it allows|LATE no answer within 2700 ms)$/,
    );
    server.misbehave = (_, response) => server.fail(response, "InternalServiceError", 500);
    assert.match(
      await failure(get(aws, "s")),
      /^(UNREACHABLE it has an error of its own|LATE no answer within 2700 ms)$/,
    );
    server.misbehave = (request) => request.socket.destroy() !== undefined;
    assert.match(await failure(get(aws, "s")), /^(UNREACHABLE ECONNRESET|LATE no answer within \d+ ms)$/);
    server.misbehave = () => true;
    assert.match(await failure(get(aws, "s")), /^LATE no answer within \d+ ms$/);
    server.asked.length = 0;
    server.misbehave = (_, response) => {
      response.writeHead(307, { location: `${server.url}/elsewhere` });
      return response.end() !== undefined;
    };
    assert.is(await failure(get(aws, "s")), "REFUSED the answer was 307");
    assert.is(server.asked.length, 1);
    await server.close();
    assert.is(await failure(aws.probe()), "UNREACHABLE ECONNREFUSED");
    await server.listen();
  }));

test("Settings that cannot be carried out, a package that is not there, and addresses that are not public are refused", () =>
  withAws(async ({ server, make }) => {
    const tries: readonly (readonly [Record<string, SettingValue>, string])[] = [
      [{ region: "EU" }, "`region` is written as"],
      [{ access_key_id: "a" }, "are needed together"],
      [{ session_token: "a" }, "`session_token` needs `access_key_id`"],
      [{ ...keys, external_id: "a" }, "`external_id` needs `role`"],
      [{ ...keys, secret_access_key: "pl4nted\nkey" }, "`secret_access_key` has characters"],
      [{ ...keys, url: "nowhere" }, "`url` is no address"],
      [{ ...keys, ca_file: "/nowhere.pem" }, "`ca_file` cannot be read"],
    ];
    for (const [more, words] of tries) {
      const why = await failure(make(more).init());
      assert.ok(why.startsWith("SETTINGS ") && why.includes(words), why);
      assert.not.match(why, "pl4nted");
    }
    const name = "@aws-sdk/client-that-is-absent";
    const absent = make(keys, () => import(name));
    assert.is(
      await failure(absent.init()),
      "SETTINGS the package `@aws-sdk/client-secrets-manager` is not installed: npm install @aws-sdk/client-secrets-manager",
    );
    const closed = make({ ...keys, allow_private: false });
    await closed.init();
    assert.is(await failure(closed.probe()), "UNREACHABLE only https is used");
    assert.is(await failure(get(closed, "s")), "UNREACHABLE only https is used");
    const named = make({ ...keys, allow_private: false, url: server.url.replace("http:", "https:") });
    await named.init();
    assert.is(await failure(get(named, "s")), "UNREACHABLE its address is private");
    assert.equal(server.asked, []);
  }));

test("Without keys in the policy they come from the daemon's environment, and are asked for where there are none", () =>
  withAws(async ({ server, make }) => {
    server.secrets.set("s", { text: "x" });
    const before = { ...process.env };
    const nowhere = { AWS_CONFIG_FILE: "/nowhere", AWS_SHARED_CREDENTIALS_FILE: "/nowhere" };
    Object.assign(process.env, { ...nowhere, AWS_EC2_METADATA_DISABLED: "true" });
    try {
      const none = make({});
      await none.init();
      assert.match(await failure(none.probe()), "REFUSED no credentials are to be had");
      Object.assign(process.env, { AWS_ACCESS_KEY_ID: keyId, AWS_SECRET_ACCESS_KEY: secretKey });
      assert.is((await get(await started(make({})), "s")).values.value, "x");
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
      Object.assign(process.env, before);
    }
  }));

test("J10 A call gets its secret, and neither records nor any file of the stack has it or the key", () =>
  withAws(async ({ server }) => {
    server.secrets.set("prod/stripe", { text: JSON.stringify({ key: planted }) });
    const policy = (url: string): string => `provider "aws" {
  type = "aws-sm" region = "${server.region}" url = "${url}" allow_private = true
  access_key_id = env("KEY_ID") secret_access_key = env("SECRET_KEY")
}
agent "bot" { permit stripe/* credential stripe { backend aws-sm path "prod/stripe#key" } }`;
    await onStack(
      policy(server.url),
      async (stack) => {
        const { effect, credential } = await stack.ask("stripe/refund");
        assert.equal([effect, credential?.values, credential?.ref], ["PERMIT", { key: planted }, "aws:stripe"]);
        server.secrets.set("prod/stripe", { error: "AccessDeniedException" });
        const denied = await stack.ask("stripe/refund", { n: 1 });
        assert.is(denied.reason_code, "CREDENTIAL_UNAVAILABLE");
        assert.match(denied.reason, "the provider `aws`: its credentials may not read the secret");
        const status = JSON.stringify(await askOperator(stack.dir, "status", {}));
        const texts = [JSON.stringify(denied), JSON.stringify(await stack.records()), status];
        const entries = [stack.dir, stack.daemon.walDir].flatMap((dir) =>
          readdirSync(dir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()),
        );
        assert.ok(entries.length > 3);
        texts.push(...entries.map(({ parentPath, name }) => readFileSync(join(parentPath, name), "latin1")));
        for (const text of texts)
          for (const secret of [planted, secretKey, "pl4nted words"]) assert.not.ok(text.includes(secret));
        const refused = await stack.apply(policy("http://127.0.0.1:1")).then(String, String);
        assert.match(refused, "the provider `aws` does not start: ECONNREFUSED");
      },
      { env: { KEY_ID: keyId, SECRET_KEY: secretKey } },
    );
  }));

test.run();
