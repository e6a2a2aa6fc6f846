// The sink `sink-s3` against a store that checks every signature: objects from which the log is rebuilt byte for byte, whatever the store
// does meanwhile, and settings, refusals and errors that tell nothing of the keys.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { ProviderFailure } from "../../runtime/providers/provider.ts";
import { Settings, type SettingValue } from "../../runtime/providers/settings.ts";
import { S3Sink } from "../../runtime/providers/sink-s3.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { S3Server } from "./s3-server.ts";
import { whyUnsigned } from "./sigv4.ts";
import { identity } from "./tls-identity.ts";

const [keyId, secretKey] = ["AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"];
const env = { KEY_ID: keyId, SECRET_KEY: secretKey, TOKEN: "s3ssion+t0ken/x==" };

const policyOf = (server: S3Server, more = ""): string => `runtime { allow_private = true }
provider "store" {
  type = "sink-s3"
  url = "http://127.0.0.1:${server.port}"
  region = "${server.region}"
  bucket = "${server.bucket}"
  access_key_id = env("KEY_ID")
  secret_access_key = env("SECRET_KEY")
  ${more}
}
agent "bot" { default deny permit search }`;

async function withStore(work: (server: S3Server) => Promise<void>, server = new S3Server()): Promise<void> {
  await server.listen();
  try {
    await work(server);
  } finally {
    await server.close();
  }
}

async function until(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 1500 && !(await done()); turn++) await new Promise((resolve) => setTimeout(resolve, 10));
}

/** The log's lines from what is in the store alone, by number: what is there twice must be the same. */
function rebuilt(server: S3Server): string[] {
  const lines = new Map<number, string>();
  for (const [key, { body }] of server.objects) {
    const text = (key.endsWith(".gz") ? gunzipSync(body) : body).toString("utf8");
    assert.ok(text.endsWith("\n"));
    for (const line of text.slice(0, -1).split("\n")) {
      const seq = Number((JSON.parse(line) as { seq: number }).seq);
      assert.is(lines.get(seq) ?? line, line);
      lines.set(seq, line);
    }
  }
  return [...lines].sort(([a], [b]) => a - b).map(([, line]) => line);
}

async function storedLines({ daemon }: StackUnderTest): Promise<string[]> {
  const lines: string[] = [];
  for await (const { line } of readRecords(daemon.walDir)) lines.push(Buffer.from(line).toString("utf8"));
  return lines;
}

/** By their bytes; a difference of two logs is too long to be shown. */
async function isRebuilt(stack: StackUnderTest, server: S3Server): Promise<boolean> {
  const stored = await storedLines(stack);
  return stored.length > 0 && rebuilt(server).join("\n") === stored.join("\n");
}

const isCaughtUp = (stack: StackUnderTest, server: S3Server): boolean =>
  rebuilt(server).length >= stack.daemon.governor.ledger.log.lastSeq;

const noticesOf = async ({ dir }: StackUnderTest): Promise<string> =>
  (await askOperator(dir, "status", {})).notices.join("\n");

test("The check of signatures takes the example of Amazon's own documentation, and nothing that differs from it", () => {
  const headers = {
    host: "examplebucket.s3.amazonaws.com",
    date: "Fri, 24 May 2013 00:00:00 GMT",
    "x-amz-date": "20130524T000000Z",
    "x-amz-storage-class": "REDUCED_REDUNDANCY",
    "x-amz-content-sha256": "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
    authorization:
      "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
  };
  const body = Buffer.from("Welcome to Amazon S3.");
  const request = { method: "PUT", target: "/test%24file.text", headers, body };
  const keys = new Map([["AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"]]);
  const verifier = { service: "s3", region: "us-east-1", keys, nowMs: Date.UTC(2013, 4, 24) };
  assert.is(whyUnsigned(request, verifier), null);
  assert.is(whyUnsigned({ ...request, target: "/other" }, verifier), "SignatureDoesNotMatch");
  assert.is(whyUnsigned({ ...request, body: Buffer.from("x") }, verifier), "XAmzContentSHA256Mismatch");
  assert.is(whyUnsigned(request, { ...verifier, nowMs: Date.UTC(2013, 4, 25) }), "RequestTimeTooSkewed");
});

for (const more of ["", 'gzip = true prefix = "logs/team=a/" checksum = "md5" session_token = env("TOKEN")'])
  test(`The log is rebuilt from the objects, byte for byte, through restarts: ${more || "plain"}`, () =>
    withStore(async (server) => {
      if (more !== "") server.sessionTokens.set(keyId, env.TOKEN);
      await onStack(
        policyOf(server, more),
        async (stack) => {
          for (let one = 0; one < 300; one++) await stack.ask(one % 2 === 0 ? "search" : "other", { text: "ü\n€" });
          await until(() => isCaughtUp(stack, server));
          await stack.restart();
          await stack.ask("search");
          await until(() => isCaughtUp(stack, server));
          assert.ok(await isRebuilt(stack, server));
          assert.equal(server.refusals, []);
          assert.is(server.puts.length, server.objects.size, "none twice");
          const shape =
            /^(logs\/team=a\/)?[A-Za-z0-9-]+\/\d{4}\/\d\d\/\d\d\/(\d{12})-(\d{12})-[0-9a-f]{16}\.ndjson(\.gz)?$/;
          for (const [key, { headers }] of server.objects) {
            assert.match(key, shape);
            assert.is(key.startsWith("logs/"), more !== "");
            assert.is(headers["content-type"], more === "" ? "application/x-ndjson" : "application/gzip");
            assert.ok(headers[more === "" ? "x-amz-checksum-sha256" : "content-md5"]);
          }
          assert.equal([...server.objects.keys()].sort(), server.puts, "by name they are in order");
        },
        { env },
      );
    }));

type Fault = NonNullable<S3Server["misbehave"]>;

const brokenOff: Fault = (_, response) => {
  response.writeHead(200, { "content-length": "100" });
  response.write("x", () => response.destroy());
  return true;
};

test("J11 A store that refuses, wants less, drops or stalls loses nothing and holds up no decision", () =>
  withStore(async (server) => {
    await onStack(
      policyOf(server),
      async (stack) => {
        const faults: readonly Fault[] = [(_, response) => server.refuse(response, "SlowDown"), brokenOff, () => true];
        for (const misbehave of faults) {
          server.misbehave = misbehave;
          const { asked } = server;
          assert.is((await stack.ask("search")).effect, "PERMIT");
          await until(() => server.asked > asked);
          if (misbehave === faults[0]) {
            await until(async () => (await noticesOf(stack)).includes("wait"));
            assert.match(await noticesOf(stack), /sink store: \d+ records wait: .*503: the store wants fewer requests/);
          }
          await stack.restart();
          server.misbehave = null;
          await until(() => isCaughtUp(stack, server));
          assert.ok(await isRebuilt(stack, server));
        }
        const places = [stack.daemon.walDir, join(stack.dir, ".faramesh")];
        const kept = places.flatMap((dir) => readdirSync(dir, { recursive: true, withFileTypes: true }));
        const files = kept.filter((entry) => entry.isFile());
        assert.ok(files.length > 2);
        for (const { parentPath, name } of files)
          assert.not.ok(readFileSync(join(parentPath, name)).includes(secretKey), name);
      },
      { env },
    );
  }));

test("A batch that was taken but not noted, and is cut otherwise the next time, loses nothing and takes nothing away", () =>
  withStore(async (server) => {
    await onStack(
      policyOf(server),
      async (stack) => {
        for (let one = 0; one < 10; one++) await stack.ask("search");
        await until(() => isCaughtUp(stack, server));
        const kept = join(stack.dir, ".faramesh", "sinks", `${Buffer.from("store").toString("base64url")}.json`);
        await until(() => existsSync(kept));
        await stack.stop();
        const before = new Map(server.objects);
        writeFileSync(kept, '{"seq":1}\n');
        await stack.start();
        for (let one = 0; one < 10; one++) await stack.ask("search");
        await until(() => isCaughtUp(stack, server));
        assert.ok(await isRebuilt(stack, server));
        for (const [key, { body }] of before) assert.equal(server.objects.get(key)?.body, body);
      },
      { env },
    );
  }));

const settings = (server: S3Server | null, more: Record<string, SettingValue> = {}): Settings => {
  const place = server === null ? {} : { url: `http://127.0.0.1:${server.port}`, region: server.region };
  const keys = { access_key_id: keyId, secret_access_key: secretKey };
  return new Settings(
    new Map(Object.entries({ bucket: "audit-logs", ...keys, allow_private: true, ...place, ...more })),
  );
};

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof ProviderFailure ? `${error.code} ${error.message}` : `bug: ${String(error)}`;
  }
  return "no failure";
}

const line = (seq: number, more: object = {}): string =>
  JSON.stringify({
    seq,
    log_id: "L-1",
    time: "2026-03-01T12:00:00.000000Z",
    type: "decision",
    hash: `h${seq}`,
    ...more,
  });

async function emitted(
  from: Settings,
  lines: readonly string[],
  wallUs = (): number => Date.now() * 1000,
): Promise<string> {
  const sink = new S3Sink(from, { dir: "/", allowPrivate: false, wallUs });
  return failure(sink.init().then(() => sink.emit(lines)));
}

test("The same records again are the same object; others of the same numbers are another", () =>
  withStore(async (server) => {
    const lines = [line(1), line(2, { type: "mark" }), line(3)];
    for (const gzip of [true, true]) assert.is(await emitted(settings(server, { gzip }), lines), "no failure");
    assert.is(server.objects.size, 1);
    assert.is(server.puts.length, 2);
    assert.match(server.puts[0] ?? "", /^L-1\/2026\/03\/01\/000000000001-000000000003-[0-9a-f]{16}\.ndjson\.gz$/);
    assert.is(await emitted(settings(server, { gzip: true, types: ["decision"] }), lines), "no failure");
    assert.is(server.objects.size, 2, "narrowed, it takes the place of no whole one");
    assert.is(await emitted(settings(server, { form: "ocsf" }), lines), "no failure");
    const ocsf =
      server.objects
        .get(server.puts.at(-1) ?? "")
        ?.body.toString("utf8")
        .split("\n") ?? [];
    assert.is((JSON.parse(ocsf[0] ?? "") as { class_uid: number }).class_uid, 6003);
    const { asked } = server;
    assert.is(await emitted(settings(server, { types: ["prune"] }), lines), "no failure");
    assert.is(server.asked, asked, "nothing wanted, nothing sent");
    assert.is(await emitted(settings(server), ["{"]), "BAD_ANSWER a record cannot be read");
  }));

test("Encryption, lock and hold stand on each object, in both styles of address", () =>
  withStore(async (server) => {
    const kms = { encryption: "aws:kms", kms_key_id: "arn:aws:kms:eu-central-1:111122223333:key/1" };
    const lock = { object_lock: "COMPLIANCE", retain_days: 30, legal_hold: true };
    for (const checksum of ["sha256", "md5"])
      assert.is(await emitted(settings(server, { ...kms, ...lock, checksum }), [line(1)]), "no failure");
    const headers = server.objects.get(server.puts[0] ?? "")?.headers ?? {};
    assert.equal(
      [headers["x-amz-server-side-encryption"], headers["x-amz-server-side-encryption-aws-kms-key-id"]],
      ["aws:kms", kms.kms_key_id],
    );
    assert.equal([headers["x-amz-object-lock-mode"], headers["x-amz-object-lock-legal-hold"]], ["COMPLIANCE", "ON"]);
    const days = (Date.parse(String(headers["x-amz-object-lock-retain-until-date"])) - Date.now()) / 86_400_000;
    assert.ok(days > 29 && days < 31);
    const host = settings(server, { url: `http://localhost:${server.port}`, path_style: false });
    const outcome = await emitted(host, [line(2)]);
    // Where the resolver knows no names below localhost, nothing can have been sent.
    if (outcome === "no failure")
      assert.match(String([...server.objects.values()].at(-1)?.headers.host), /^audit-logs\./);
    else assert.match(outcome, /^UNREACHABLE E/);
  }));

test("J11 What a store does wrong is told without what was sent, and no redirect is followed", () =>
  withStore(async (server) => {
    const tries: readonly (readonly [Fault, string])[] = [
      [(_, response) => server.refuse(response, "AccessDenied"), "403: its credentials may not put objects there"],
      [
        (_, response) => {
          const location = `http://127.0.0.1:${server.port}/elsewhere`;
          response.writeHead(301, { location, "x-amz-bucket-region": "us-west-2" });
          return response.end("<Error><Code>PermanentRedirect</Code></Error>") !== undefined;
        },
        "REFUSED the bucket is in another region: set `region` to us-west-2",
      ],
      [(request) => request.socket.destroy() !== undefined, "UNREACHABLE "],
      [brokenOff, "UNREACHABLE "],
      [(_, response) => response.end("x".repeat(1_000_000)) !== undefined, "the answer is larger than 65536 bytes"],
      [
        (_, response) => {
          response.writeHead(400, { "x-amz-bucket-region": secretKey });
          return response.end(`<Code>pl4nted</Code><Code>Planted</Code>${env.TOKEN}`) !== undefined;
        },
        "REFUSED the answer was 400",
      ],
    ];
    for (const [misbehave, words] of tries) {
      server.misbehave = misbehave;
      const { asked } = server;
      const why = await emitted(settings(server), [line(1)]);
      assert.ok(why.includes(words), `${why}: ${words}`);
      assert.is(server.asked, asked + 1);
      for (const secret of [secretKey, env.TOKEN, "lanted", "4nted", "127.0.0.1"])
        assert.not.ok(why.includes(secret), why);
    }
    assert.is(server.objects.size, 0);
  }));

test("What a store refuses says what to do", () =>
  withStore(async (server) => {
    const tries: readonly (readonly [Record<string, SettingValue>, string])[] = [
      [{ secret_access_key: "wr0ng" }, "REFUSED the answer was 403: the store refuses its signature"],
      [{ access_key_id: "AKIDOTHER" }, "REFUSED the answer was 403: the store does not know its `access_key_id`"],
      [{ region: "us-east-1" }, "REFUSED the bucket is in another region: set `region`"],
      [{ bucket: "other" }, "REFUSED the answer was 404: there is no such bucket"],
      [{ session_token: "t" }, "REFUSED the answer was 400: its session token is refused"],
      [{ allow_private: false }, "UNREACHABLE only https is used"],
    ];
    for (const [more, words] of tries)
      assert.ok((await emitted(settings(server, more), [line(1)])).startsWith(words), words);
    const hourAgo = (): number => (Date.now() - 3_600_000) * 1000;
    assert.match(await emitted(settings(server), [line(1)], hourAgo), "are too far apart: set the clock");
    assert.is(server.objects.size, 0);
  }));

test("A store with TLS is believed by the system's certificates, or those of `ca_file` and no others", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-s3-"));
  try {
    const own = identity(dir, "own", "127.0.0.1");
    identity(dir, "other", "127.0.0.1");
    await withStore(async (server) => {
      const url = `https://127.0.0.1:${server.port}`;
      const told = (more: Record<string, SettingValue>): Promise<string> =>
        emitted(settings(server, { url, ...more }), [line(1)]);
      assert.is(await told({}), "UNREACHABLE DEPTH_ZERO_SELF_SIGNED_CERT");
      assert.is(await told({ ca_file: join(dir, "other.pem") }), "UNREACHABLE DEPTH_ZERO_SELF_SIGNED_CERT");
      assert.is(server.asked, 0);
      assert.is(
        await told({ ca_file: join(dir, "own.pem"), allow_private: false }),
        "UNREACHABLE its address is private",
      );
      assert.is(await told({ ca_file: join(dir, "own.pem") }), "no failure");
      assert.is(server.objects.size, 1);
    }, new S3Server(own));
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("Settings that cannot be carried out are refused before anything is sent, and show no key", async () => {
  const tries: readonly (readonly [Record<string, SettingValue>, string])[] = [
    [{}, "either `region` or `url` is needed"],
    [{ region: "EU" }, "`region` is written as"],
    [{ region: "eu-central-1", bucket: "a/b" }, "`bucket` is no name"],
    [{ region: "eu-central-1", bucket: "a..b" }, "`bucket` is no name"],
    [{ url: "https://s3.example/?x=1" }, "`url` is no address"],
    [{ url: "https://s3.example", bucket: "A_b", path_style: false }, "needs `path_style = true`"],
    [{ region: "eu-central-1", prefix: "/a" }, "`prefix` is parts"],
    [{ region: "eu-central-1", prefix: "a/../b" }, "`prefix` is parts"],
    [{ region: "eu-central-1", prefix: "x".repeat(600) }, "`prefix` is parts"],
    [{ region: "eu-central-1", object_lock: "GOVERNANCE" }, "are needed together"],
    [{ region: "eu-central-1", object_lock: "GOVERNANCE", retain_days: 0.5 }, "`retain_days` is a whole number"],
    [{ region: "eu-central-1", kms_key_id: "k" }, '`kms_key_id` needs `encryption = "aws:kms"`'],
    [{ region: "eu-central-1", session_token: "pl4nted\ntoken" }, "`session_token` has characters that no key has"],
    [{ region: "eu-central-1", secret_access_key: "pl4nted key" }, "`secret_access_key` has characters"],
    [{ region: "eu-central-1", ca_file: "/nowhere.pem" }, "`ca_file` cannot be read"],
  ];
  for (const [more, words] of tries) {
    const why = await emitted(settings(null, more), [line(1)]);
    assert.ok(why.startsWith("SETTINGS ") && why.includes(words), `${why}: ${words}`);
    assert.not.match(why, "pl4nted");
  }
});

test.run();
