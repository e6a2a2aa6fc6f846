// The HTTP door against hostile clients: who may reach it, what it reads, and how much it holds.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../../runtime/doors/client.ts";
import { httpPlaceOf, isLoopback } from "../../../runtime/doors/http/address.ts";
import { ownHosts } from "../../../runtime/doors/http/guard.ts";
import { stackPaths } from "../../../runtime/stack.ts";
import { codeOf, onStack, StackUnderTest } from "../stack-under-test.ts";
import { type HttpUnderTest, onHttp } from "./client.ts";

const policy = `agent "bot" { default deny permit search defer ask }`;
const body = '{"tool_id":"search","args":{}}';

/** A whole request as text. */
function post(http: HttpUnderTest, headers: readonly string[], text = body): string {
  const lines = [`Host: 127.0.0.1:${http.port}`, `Authorization: Bearer ${http.token}`, ...headers];
  return `POST /v1/evaluate HTTP/1.1\r\n${lines.join("\r\n")}\r\n\r\n${text}`;
}

const json = "Content-Type: application/json";
const length = `Content-Length: ${body.length}`;

async function decisionsOf(http: HttpUnderTest): Promise<number> {
  return (await http.stack.records()).filter(({ type }) => type === "decision").length;
}

test("C15 only the loopback is listened on without TLS", async () => {
  for (const listen of ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"]) {
    const stack = new StackUnderTest({ http: { listen, cert: null, key: null } });
    try {
      assert.is(await codeOf(stack.start()), "HTTP_SETTING", listen);
    } finally {
      await stack.remove();
    }
  }
});

test("addresses are read one way", () => {
  assert.equal(httpPlaceOf("127.0.0.1:80"), { host: "127.0.0.1", port: 80 });
  assert.equal(httpPlaceOf("[::1]:0"), { host: "::1", port: 0 });
  for (const text of ["", "80", ":80", "127.0.0.1", "127.0.0.1:99999", "[1.2.3.4]:80", "a b:80", "http://x:80"]) {
    assert.throws(() => httpPlaceOf(text), /http_listen/, text);
  }
  const inside = ["127.0.0.1", "127.255.1.2", "::1", "localhost", "LOCALHOST"];
  assert.equal(
    inside.map(isLoopback),
    inside.map(() => true),
  );
  const outside = ["0.0.0.0", "128.0.0.1", "::", "example.com", "127.0.0.1.example.com", "2130706433"];
  assert.equal(
    outside.map(isLoopback),
    outside.map(() => false),
  );
});

test("C15 a server answers to its own names alone", () => {
  const onLoopback = ownHosts("127.0.0.1", null);
  const byCertificate = ownHosts("0.0.0.0", (host) => host === "gate.example.com");
  assert.equal(["localhost", "127.0.0.1", "evil.example", "127.0.0.1.nip.io"].map(onLoopback), [
    true,
    true,
    false,
    false,
  ]);
  assert.equal(["gate.example.com", "evil.example"].map(byCertificate), [true, false]);
});

const foreign: readonly (readonly [string, readonly string[], number])[] = [
  ["a rebound name", ["Host: evil.example"], 421],
  ["a rebound name with our port", ["Host: evil.example:8787"], 421],
  ["no host", [], 400],
  ["an empty host", ["Host: "], 421],
  ["two hosts", ["Host: 127.0.0.1", "Host: evil.example"], 400],
  ["a page's origin", ["Host: 127.0.0.1", "Origin: https://evil.example"], 403],
  ["our own origin", ["Host: 127.0.0.1", "Origin: http://127.0.0.1"], 403],
  ["a null origin", ["Host: 127.0.0.1", "Origin: null"], 403],
  ["a navigation", ["Host: 127.0.0.1", "Sec-Fetch-Site: cross-site"], 403],
];

test("C15 no browser's page reaches the door: Host and Origin are checked, and nothing is shared with origins", async () => {
  await onHttp(policy, async (http) => {
    for (const [name, headers, status] of foreign) {
      const authorization = `Authorization: Bearer ${http.token}`;
      const text = await http.raw(
        `POST /v1/evaluate HTTP/1.1\r\n${[...headers, authorization, json, length].join("\r\n")}\r\n\r\n${body}`,
      );
      assert.match(text, new RegExp(`^HTTP/1\\.1 ${status} `), name);
      assert.not.match(text, /access-control/i, name);
    }
    const preflight = await http.ask("/v1/evaluate", {
      method: "OPTIONS",
      headers: { "access-control-request-method": "POST" },
    });
    assert.equal([preflight.status, preflight.headers["access-control-allow-origin"]], [405, undefined]);
    assert.is(await decisionsOf(http), 0);
  });
});

const smuggled: readonly (readonly [string, readonly string[], RegExp])[] = [
  ["length and coding", [json, length, "Transfer-Encoding: chunked"], /^HTTP\/1\.1 400 /],
  ["coding and length", [json, "Transfer-Encoding: chunked", length], /^HTTP\/1\.1 400 /],
  ["two lengths", [json, length, "Content-Length: 3"], /^HTTP\/1\.1 400 /],
  ["two equal lengths", [json, length, length], /^HTTP\/1\.1 400 /],
  ["a list of lengths", [json, `Content-Length: ${body.length}, ${body.length}`], /^HTTP\/1\.1 400 /],
  ["a signed length", [json, `Content-Length: +${body.length}`], /^HTTP\/1\.1 400 /],
  ["a hexadecimal length", [json, "Content-Length: 0x1e"], /^HTTP\/1\.1 400 /],
  ["a negative length", [json, "Content-Length: -1"], /^HTTP\/1\.1 400 /],
  ["another coding", [json, "Transfer-Encoding: gzip, chunked"], /^HTTP\/1\.1 400 /],
  ["an unknown coding", [json, "Transfer-Encoding: xchunked"], /^HTTP\/1\.1 400 /],
  ["two codings", [json, "Transfer-Encoding: chunked", "Transfer-Encoding: identity"], /^HTTP\/1\.1 400 /],
  ["a space before the colon", [json, `Content-Length : ${body.length}`], /^HTTP\/1\.1 400 /],
  ["a folded header", [json, "X-A: b", "  Content-Length: 3", length], /^HTTP\/1\.1 400 /],
  ["a bare line feed", [json, `X-A: b\nContent-Length: 3\r\n${length}`], /^HTTP\/1\.1 400 /],
  ["a null byte", [json, length, "X-A: a\0b"], /^HTTP\/1\.1 400 /],
  ["two authorizations", [json, length, "Authorization: Bearer x"], /^HTTP\/1\.1 400 /],
  ["two content types", [json, length, "Content-Type: text/plain"], /^HTTP\/1\.1 400 /],
];

test("C15 request smuggling shapes are refused, nothing behind them is read, and nothing is decided", async () => {
  await onHttp(policy, async (http) => {
    for (const [name, headers, expected] of smuggled) {
      const hidden = post(http, [json, length]);
      const text = await http.raw(post(http, headers) + hidden);
      assert.match(text, expected, name);
      assert.is(text.split("HTTP/1.1 ").length, 2, `${name}: one answer`);
    }
    assert.is(await decisionsOf(http), 0);
  });
});

test("C13 pipelined requests, cut at every byte, get the same answers in order", async () => {
  await onHttp(policy, async (http) => {
    const wanted = ["search", "ask", "search"].map((tool) => `{"tool_id":"${tool}"}`);
    const requests = wanted.map((text, index) =>
      post(
        http,
        [json, `Content-Length: ${text.length}`, ...(index === wanted.length - 1 ? ["Connection: close"] : [])],
        text,
      ),
    );
    const answers = (text: string) => [...text.matchAll(/"effect":"([A-Z]+)"/g)].map(([, effect]) => effect);
    assert.equal(answers(await http.raw(requests.join(""))), ["PERMIT", "DEFER", "PERMIT"]);
    assert.equal(answers(await http.raw(...requests.join(""))), ["PERMIT", "DEFER", "PERMIT"]);
  });
});

const types: readonly (readonly [string, object, number])[] = [
  ["a form", { "content-type": "application/x-www-form-urlencoded" }, 415],
  ["plain text, which pages may send", { "content-type": "text/plain" }, 415],
  ["none", { "content-type": "" }, 415],
  ["another charset", { "content-type": "application/json; charset=utf-16" }, 415],
  ["a compressed body", { "content-encoding": "gzip" }, 415],
  ["JSON", { "content-type": "application/json; charset=utf-8" }, 200],
];

test("C15 only JSON is read", async () => {
  await onHttp(policy, async (http) => {
    for (const [name, headers, status] of types) {
      assert.is((await http.ask("/v1/evaluate", { body, headers: { ...headers } })).status, status, name);
    }
    const noBody = `GET /v1/status HTTP/1.1\r\nHost: localhost\r\n${length}\r\n\r\n${body}`;
    assert.match(await http.raw(noBody), /^HTTP\/1\.1 400 /);
    const noLength = `POST /v1/evaluate HTTP/1.1\r\nHost: localhost\r\n${json}\r\n\r\n`;
    assert.match(await http.raw(noLength), /^HTTP\/1\.1 411 /);
    assert.match(
      await http.raw("GET http://127.0.0.1/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
      /^HTTP\/1\.1 400 /,
    );
    assert.match(await http.raw("GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n"), /^HTTP\/1\.1 400 /);
    assert.equal(
      [await http.ask("/v1/evaluate"), await http.ask("/nothing"), await http.ask("/healthz?x=1")].map(
        ({ status }) => status,
      ),
      [405, 404, 400],
    );
  });
});

const limitBytes = 8 * 1024 * 1024;

test("C12 a body over the limit is refused from the length that it declares, before it is sent", async () => {
  await onHttp(policy, async (http) => {
    const text = await http.raw(post(http, [json, `Content-Length: ${limitBytes + 1}`], ""));
    assert.match(text, /^HTTP\/1\.1 413 /);
    const asked = await http.raw(post(http, [json, `Content-Length: ${limitBytes + 1}`, "Expect: 100-continue"], ""));
    assert.match(asked, /^HTTP\/1\.1 413 /);
    assert.is(await decisionsOf(http), 0);
  });
});

test("C12 a body of 8 MiB is judged, and one byte more in chunks is refused", async () => {
  await onHttp(policy, async (http) => {
    const start = '{"tool_id":"search","args":{"a":"';
    const end = '"}}';
    const whole = start + "x".repeat(limitBytes - start.length - end.length) + end;
    assert.is((await http.ask("/v1/evaluate", { body: whole })).status, 200);
    const socket = await http.connect();
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (chunk) => {
      text += String(chunk);
    });
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.write(post(http, [json, "Transfer-Encoding: chunked"], ""));
    const piece = "y".repeat(64 * 1024);
    const chunks = Array.from({ length: limitBytes / piece.length }, () => `10000\r\n${piece}\r\n`).join("");
    socket.write(`${chunks}1\r\ny\r\n0\r\n\r\n`);
    await ended;
    assert.match(text, /^HTTP\/1\.1 413 /);
    assert.is(await decisionsOf(http), 1);
  });
});

test("C12 bodies that are held at the same time have one bound, and others are told to come again", async () => {
  await onHttp(
    policy,
    async (http) => {
      const socket = await http.connect();
      socket.write(post(http, [json, "Content-Length: 900"], "x".repeat(800)));
      for (let tries = 0; tries < 200; tries++) {
        const { status, headers } = await http.ask("/v1/evaluate", {
          body: `{"tool_id":"search","args":{"a":"${"x".repeat(400)}"}}`,
        });
        if (status === 200) continue;
        assert.equal([status, headers["retry-after"]], [503, "1"]);
        socket.destroy();
        return;
      }
      assert.unreachable("the bound was never reached");
    },
    { limits: { bodiesBytes: 1024 } },
  );
});

test("C10 heads and bodies that come too slowly or not at all end their connection alone", async () => {
  await onHttp(
    policy,
    async (http) => {
      const slow = [
        "POST /v1/evaluate HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ",
        "",
        post(http, [json, length], body.slice(0, 5)),
      ];
      const ended = slow.map((text) => http.raw(text));
      assert.is((await http.ask("/v1/evaluate", { body })).status, 200);
      for (const text of await Promise.all(ended)) assert.match(text, /^(HTTP\/1\.1 408 .*)?/);
      assert.is(await decisionsOf(http), 1);
    },
    { limits: { headMs: 300, requestMs: 600, checkMs: 50 } },
  );
});

test("C11 a thousand idle connections leave room for one that asks; beyond the cap they are closed", async () => {
  await onHttp(policy, async (http) => {
    const idle = await Promise.all(Array.from({ length: 1000 }, () => http.connect()));
    for (const socket of idle) socket.on("error", () => {});
    assert.is((await http.ask("/v1/evaluate", { body })).status, 200);
    const more = await Promise.all(Array.from({ length: 40 }, () => http.connect().catch(() => null)));
    const closed = more.map(
      (socket) =>
        new Promise<boolean>((resolve) => {
          if (socket === null) return resolve(true);
          socket.on("error", () => {});
          socket.on("close", () => resolve(true));
          socket.resume();
          setTimeout(() => resolve(false), 2000).unref();
        }),
    );
    assert.ok((await Promise.all(closed)).includes(true));
    for (const socket of [...idle, ...more]) socket?.destroy();
  });
});

test("heads beyond their bounds are refused", async () => {
  await onHttp(policy, async (http) => {
    const many = Array.from({ length: 70 }, (_, index) => `X-${index}: 1`);
    assert.match(await http.raw(post(http, [json, length, ...many])), /^HTTP\/1\.1 431 /);
    assert.match(await http.raw(post(http, [json, length, `X-A: ${"a".repeat(20_000)}`])), /^HTTP\/1\.1 431 /);
  });
});

test("C16 tokens are needed, are told apart in constant time, are hashed at rest, and stand in no log", async () => {
  await onHttp(policy, async (http) => {
    const { token, id } = await http.tokenOf("agent", "bot");
    const changed = `${token.slice(0, -1)}${token.endsWith("A") ? "B" : "A"}`;
    for (const shown of [null, "", "x", changed, token.toUpperCase(), `${token} `.repeat(2)]) {
      const { status, headers } = await http.ask("/v1/evaluate", { token: shown, body });
      assert.equal([status, headers["www-authenticate"]], [401, 'Bearer realm="faramesh"'], String(shown));
    }
    for (const scheme of ["Basic", "Token"]) {
      const headers = { authorization: `${scheme} ${token}` };
      assert.is((await http.ask("/v1/evaluate", { token: null, body, headers })).status, 401);
    }
    assert.is((await http.ask("/v1/evaluate", { token, body })).status, 200);
    const paths = stackPaths(http.stack.dir);
    const secret = token.split("_").slice(2).join("_");
    const kept = readFileSync(`${paths.keys}/http-tokens.json`, "utf8");
    assert.equal([kept.includes(id), kept.includes(secret)], [true, false]);
    const text = JSON.stringify(await http.stack.records()) + readFileSync(paths.daemonLog, "utf8");
    assert.equal([text.includes(id), text.includes(secret)], [true, false]);
    await askOperator(http.stack.dir, "tokens_revoke", { id, actor: "tester" });
    assert.is((await http.ask("/v1/evaluate", { token, body })).status, 401);
    const marks = (await http.stack.records()).filter(({ kind }) => String(kind).startsWith("token_"));
    assert.equal(
      marks.map(({ kind }) => kind),
      ["token_created", "token_created", "token_revoked"],
    );
  });
});

test("C16 a token ends with its time, and tokens outlive a restart", async () => {
  await onHttp(policy, async (http) => {
    const wanted = { role: "agent", agent_id: "bot", actor: "tester", ttl_seconds: 1 } as const;
    const { token } = await askOperator(http.stack.dir, "tokens_create", wanted);
    await http.stack.restart();
    assert.is((await http.ask("/v1/evaluate", { body })).status, 200);
    for (let tries = 0; tries < 200; tries++) {
      if ((await http.ask("/v1/status", { token })).status === 401) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    assert.unreachable("the token never ended");
  });
});

test("C14 a permit whose caller is gone is recorded, and marked as undelivered", async () => {
  await onHttp(policy, async (http) => {
    for (let tries = 0; tries < 50; tries++) {
      const socket = await http.connect();
      socket.on("error", () => {});
      socket.write(post(http, [json, length]));
      // Anywhere between the request's arrival and the answer's.
      for (let turn = 0; turn < tries % 10; turn++) await new Promise(setImmediate);
      socket.resetAndDestroy();
    }
    await http.ask("/v1/evaluate", { body });
    const records = await http.stack.records();
    const permits = new Set(records.filter(({ effect }) => effect === "permit").map(({ action_id }) => action_id));
    const undelivered = records.filter(({ status }) => status === "undelivered");
    assert.ok(undelivered.length > 0);
    assert.ok(undelivered.every(({ action_id }) => permits.has(action_id)));
  });
});

test("A27 a daemon that ends finishes what was asked, and ends its streams and idle connections", async () => {
  await onHttp(policy, async (http) => {
    const idle = await http.connect();
    idle.on("error", () => {});
    const stream = http.ask("/v1/stream");
    const asked = Array.from({ length: 20 }, () => http.ask("/v1/evaluate", { body }));
    const answers = await Promise.all(asked);
    await http.stack.stop();
    assert.match((await stream).text, /event: ended/);
    assert.ok(answers.every(({ status }) => status === 200));
    idle.destroy();
  });
});

test("two daemons cannot listen at one address", async () => {
  await onHttp(policy, async (http) => {
    const second = new StackUnderTest({ http: { listen: `127.0.0.1:${http.port}`, cert: null, key: null } });
    try {
      assert.is(await codeOf(second.start()), "EADDRINUSE");
    } finally {
      await second.remove();
    }
  });
});

test("without the setting nothing listens", async () => {
  await onStack(policy, async (stack) => {
    assert.is(stack.daemon.httpAddress(), null);
    assert.is((await askOperator(stack.dir, "status", {})).daemon.http, null);
  });
});

test.run();
