// A service behind the proxy, for real: which requests reach it, what it is sent, what comes back, and what is recorded.
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createTlsServer } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../../runtime/doors/client.ts";
import { type Behind, bodyOf, onProxy, type ProxyUnderTest, statusOf, withServer } from "./proxy-under-test.ts";

const document = fileURLToPath(new URL("service.yaml", import.meta.url));
const rules = `agent "bot" {
  default deny
  permit listOrders
  permit getOrder if id < 100
  permit createOrder if body.amount < 500
  defer createOrder reason "a person looks"
  permit events
  permit latestOrder host "127.0.0.1" path "/base/orders/*"
}`;

interface Fronted extends Behind {
  readonly proxy: ProxyUnderTest;
  ask(line: string, more?: string, body?: string): Promise<string>;
}

/** Runs `work` with a service of that document behind the proxy. */
function fronted(
  work: (service: Fronted) => Promise<void>,
  answer?: Parameters<typeof withServer>[1],
  runtime = "allow_private = true",
): Promise<void> {
  return withServer(
    (behind) =>
      onProxy('agent "bot" { default deny }', async (proxy) => {
        copyFileSync(document, join(proxy.stack.dir, "service.yaml"));
        const upstream = `http_upstream = "http://127.0.0.1:${behind.port}/base" http_openapi = "service.yaml"`;
        await serve(proxy, `${upstream} ${runtime}`);
        await work({ ...behind, proxy, ask: (line, more, body) => asked(proxy, line, more, body) });
      }),
    answer,
  );
}

async function serve(proxy: ProxyUnderTest, runtime: string): Promise<void> {
  await proxy.apply(`runtime { http_proxy_port = 0 ${runtime} }\n${rules}`);
  for (let turn = 0; turn < 400; turn++) {
    const { doors, notices } = await askOperator(proxy.stack.dir, "status", {});
    if (doors.some(({ door }) => door === "reverse-proxy") || notices.some((one) => one.includes("no service"))) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("the service did not open");
}

function asked(proxy: ProxyUnderTest, line: string, more = "", body = ""): Promise<string> {
  const length = body === "" ? "" : `Content-Length: ${Buffer.byteLength(body)}\r\n`;
  const token = `X-Faramesh-Token: ${proxy.token}\r\nConnection: close\r\n`;
  return proxy.raw(`${line} HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\n${token}${length}${more}\r\n${body}`);
}

const json = "Content-Type: application/json\r\n";

test("an operation is a call of its tool, and goes on with the bytes that were judged", () =>
  fronted(async ({ ask, seen, proxy, port }) => {
    const body = '{ "amount" : 5.0, "to":"x" }';
    const more = `${json}Authorization: Bearer upstream\r\nX-Forwarded-For: 1.2.3.4\r\nX-Faramesh-Session: s1\r\n`;
    const answer = await ask("POST /orders", more, body);
    assert.is(statusOf(answer), 200, answer);
    const [one] = seen;
    assert.equal([one?.method, one?.url, one?.body], ["POST", "/base/orders", body]);
    assert.is(one?.headers.host, `127.0.0.1:${port}`);
    assert.is(one?.headers.authorization, "Bearer upstream");
    assert.is(one?.headers["content-length"], String(body.length));
    assert.equal(
      Object.keys(one?.headers ?? {}).filter((name) => name.startsWith("x-")),
      [],
    );
    const [decision] = await proxy.decisions();
    assert.equal([decision?.tool, decision?.session_id, decision?.door], ["createOrder", "s1", "reverse-proxy"]);
    assert.not.match(JSON.stringify(decision), /upstream/);
    const [outcome] = await proxy.outcomes(1);
    assert.equal([outcome?.status, outcome?.action_id], ["succeeded", decision?.action_id]);
    const marks = (await proxy.stack.records()).filter(({ type, kind }) => type === "mark" && kind === "openapi");
    assert.is(Reflect.get(Object(marks[0]?.detail), "file"), "service.yaml");
  }));

const lines: readonly (readonly [string, string, string, number, string])[] = [
  ["GET /orders?limit=5", "", "", 200, "POLICY_PERMIT"],
  ["GET /orders/99", "", "", 200, "POLICY_PERMIT"],
  ["GET /orders/100", "", "", 403, "POLICY_DENY"],
  ["GET /orders/latest", "", "", 200, "POLICY_PERMIT"],
  ["POST /orders", json, '{"amount":500}', 403, "POLICY_DEFER"],
  ["DELETE /orders/1?force=true", "", "", 403, "POLICY_DENY"],
  ["GET /orders/1?admin=1", "", "", 400, "BAD_REQUEST"],
  ["POST /orders", json, '{"amount":5,"amount":500}', 400, "BAD_REQUEST"],
  ["GET /nothing", "", "", 403, "BAD_REQUEST"],
  ["PATCH /orders/1", "", "", 403, "BAD_REQUEST"],
];

test("each request is answered, sent on and recorded as it was decided", () =>
  fronted(async ({ ask, seen, proxy }) => {
    for (const [line, more, body, status, code] of lines) {
      const answer = await ask(line, more, body);
      assert.is(statusOf(answer), status, `${line}: ${answer}`);
      if (status !== 200) assert.is(bodyOf(answer).reason_code, code, line);
    }
    assert.is(seen.length, lines.filter(([, , , status]) => status === 200).length);
    assert.equal(
      (await proxy.decisions()).map(({ code }) => code),
      lines.map(([, , , , code]) => code),
    );
  }));

const turned: readonly (readonly [string, string, string, number])[] = [
  ["a step up", "GET /orders/../admin", "", 400],
  ["an encoded step up", "GET /orders/%2e%2e/admin", "", 400],
  ["an encoded slash", "GET /orders%2f1", "", 400],
  ["another method in a header", "GET /orders", "X-HTTP-Method-Override: DELETE\r\n", 400],
  ["another path in a header", "GET /orders", "X-Original-URL: /admin\r\n", 400],
  ["a page of a browser", "GET /orders", "Origin: http://evil.example\r\n", 400],
  ["two lengths", "POST /orders", "Content-Length: 2\r\nContent-Length: 3\r\n", 400],
  ["a length and chunks", "POST /orders", "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", 400],
  ["a body beyond the bound", "POST /orders", `${json}Content-Length: 8388609\r\n`, 413],
];

test("what could be read as another request never reaches the service", () =>
  fronted(async ({ ask, seen, proxy }) => {
    for (const [name, line, more, status] of turned) assert.is(statusOf(await ask(line, more)), status, name);
    const rebound = await proxy.raw(
      `GET /orders HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nX-Faramesh-Token: ${proxy.token}\r\n\r\n`,
    );
    assert.is(statusOf(rebound), 400);
    const anonymous = await proxy.raw(
      `GET /orders HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\nConnection: close\r\n\r\n`,
    );
    assert.is(statusOf(anonymous), 401);
    assert.is(seen.length, 0);
  }));

test("a body in chunks is bounded while it comes", () =>
  fronted(async ({ seen, proxy }) => {
    const chunk = `100000\r\n${"x".repeat(0x100000)}\r\n`;
    const head = `POST /orders HTTP/1.1\r\nHost: 127.0.0.1:${proxy.port}\r\nX-Faramesh-Token: ${proxy.token}\r\n${json}`;
    const answer = await proxy.raw(`${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(9)}0\r\n\r\n`);
    assert.ok(answer === "" || statusOf(answer) === 413, answer.slice(0, 200));
    assert.is(seen.length, 0);
  }));

test("an answer streams: its first part is there while the service still writes", () => {
  let release = (): void => {};
  return fronted(
    async ({ proxy }) => {
      const socket = await proxy.connect();
      let came = "";
      socket.setEncoding("utf8");
      const first = new Promise<void>((resolve) => {
        socket.on("data", (chunk: string) => {
          came += chunk;
          if (came.includes("data: 1")) resolve();
        });
      });
      const ended = new Promise<void>((resolve) => socket.once("end", () => resolve()));
      const head = `Host: 127.0.0.1:${proxy.port}\r\nX-Faramesh-Token: ${proxy.token}\r\nConnection: close\r\n`;
      socket.write(`GET /events HTTP/1.1\r\n${head}\r\n`);
      await first;
      assert.not.match(came, /data: 2/);
      release();
      await ended;
      assert.match(came, /data: 2/);
      socket.destroy();
    },
    (_seen, outgoing) => {
      outgoing.writeHead(200, { "content-type": "text/event-stream" });
      outgoing.write("data: 1\n\n");
      release = () => outgoing.end("data: 2\n\n");
    },
  );
});

test("a service that breaks off is no whole answer, and its outcome says so", () =>
  fronted(
    async ({ ask, proxy }) => {
      const answer = await ask("GET /orders");
      assert.not.match(answer, /\r\n0\r\n\r\n$/);
      assert.is((await proxy.outcomes(1))[0]?.status, "failed");
    },
    (_seen, outgoing) => {
      outgoing.writeHead(200, { "content-length": 100 });
      outgoing.write("half");
      setImmediate(() => outgoing.destroy());
    },
  ));

test("J10 a service at a private address is none unless that is allowed", () =>
  fronted(
    async ({ ask, seen }) => {
      const answer = await ask("GET /orders");
      assert.is(statusOf(answer), 502);
      assert.match(answer, /PRIVATE_ADDRESS/);
      assert.is(seen.length, 0);
    },
    undefined,
    "",
  ));

test("a certificate that nobody vouches for is no service", async () => {
  const folder = mkdtempSync(join(tmpdir(), "fms-tls-"));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const words = [
    "req",
    "-x509",
    "-newkey",
    "ed25519",
    "-nodes",
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-keyout",
    key,
    "-out",
    cert,
  ];
  execFileSync("openssl", words, { stdio: "ignore" });
  const asks: string[] = [];
  const server = createTlsServer({ key: readFileSync(key), cert: readFileSync(cert) }, (incoming, outgoing) => {
    asks.push(incoming.url ?? "");
    outgoing.end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  try {
    await onProxy('agent "bot" { default deny }', async (proxy) => {
      copyFileSync(document, join(proxy.stack.dir, "service.yaml"));
      await serve(
        proxy,
        `http_upstream = "https://localhost:${port}" http_openapi = "service.yaml" allow_private = true`,
      );
      const answer = await asked(proxy, "GET /orders");
      assert.is(statusOf(answer), 502);
      assert.match(answer, /SELF_SIGNED/);
      assert.equal(asks, []);
    });
  } finally {
    server.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

const documents: readonly (readonly [string, string | null, RegExp])[] = [
  ["missing", null, /cannot be read/],
  ["no YAML", "a: [", /neither JSON nor YAML/],
  ["a key twice", "openapi: 3.0.0\npaths: {}\npaths: {}\n", /neither JSON nor YAML/],
  ["another document", "a: 1\n", /no OpenAPI document/],
];

for (const [name, text, why] of documents) {
  test(`without its document there is no service, and the daemon lives on: ${name}`, () =>
    onProxy('agent "bot" { default deny }', async (proxy) => {
      if (text !== null) writeFileSync(join(proxy.stack.dir, "o.yaml"), text);
      await serve(proxy, 'http_upstream = "https://a.example" http_openapi = "o.yaml"');
      assert.is(statusOf(await asked(proxy, "GET /orders")), 503);
      const { notices } = await askOperator(proxy.stack.dir, "status", {});
      assert.match(notices.join("\n"), why);
    }));
}

test.run();
