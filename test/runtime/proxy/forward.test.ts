// Requests through the proxy to servers that are there: what the policy says of hosts, methods and paths, and what is recorded.
import { createServer as createTcpServer } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../../runtime/doors/client.ts";
import { bodyOf, onProxy, type ProxyUnderTest, statusOf, withServer } from "./proxy-under-test.ts";

const open = `agent "bot" {
  default deny
  permit http/get host "127.0.0.1" path "/v1/*"
  permit http/post host "127.0.0.1"
  permit http/delete host "127.0.0.1"
  permit http/connect host "127.0.0.1"
  defer http/put host "127.0.0.1" reason "a person looks"
  egress { allow ["127.0.0.1"] }
}`;

test("a request goes on as it was judged, and its answer comes back", () =>
  onProxy(open, (proxy) =>
    withServer(
      async ({ port, seen }) => {
        const more = "X-Team: ops\r\nCookie: a=b\r\nX-Faramesh-Session: s7\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\n";
        const answer = await proxy.raw(
          `GET http://127.0.0.1:${port}/v1/a?x=1&x=2 HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${proxy.auth}${more}\r\n`,
        );
        assert.is(statusOf(answer), 201);
        assert.match(answer, /\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n/);
        assert.ok(answer.endsWith("made"));
        const [one] = seen;
        assert.equal([one?.method, one?.url, one?.headers.cookie], ["GET", "/v1/a?x=1&x=2", "a=b"]);
        assert.equal(Object.keys(one?.headers ?? {}).sort(), ["connection", "cookie", "host", "x-team"]);
        const [decision] = await proxy.decisions();
        assert.equal([decision?.tool, decision?.effect, decision?.session_id], ["http/get", "permit", "s7"]);
        assert.is(decision?.door, "forward-proxy");
        assert.match(String(decision?.agent_identity), /^token:tok-/);
        assert.equal(decision?.args, { url: `http://127.0.0.1:${port}/v1/a?x=1&x=2` });
        const [outcome] = await proxy.outcomes(1);
        assert.equal([outcome?.status, outcome?.action_id], ["succeeded", decision?.action_id]);
      },
      (_seen, outgoing) => {
        outgoing.writeHead(201, [
          "Set-Cookie",
          "a=1",
          "Set-Cookie",
          "b=2",
          "Content-Length",
          "4",
          "Connection",
          "close",
        ]);
        outgoing.end("made");
      },
    ),
  ));

const refusedCalls: readonly (readonly [string, string, string, string])[] = [
  ["a path that no rule permits", "GET", "/v2/a", "POLICY_DENY"],
  ["a method that no rule permits", "PATCH", "/v1/a", "POLICY_DENY"],
  ["a call that a person looks at", "PUT", "/v1/a", "POLICY_DEFER"],
];

for (const [name, method, path, code] of refusedCalls) {
  test(`refused and not sent on: ${name}`, () =>
    onProxy(open, (proxy) =>
      withServer(async ({ port, seen }) => {
        const answer = await proxy.ask(method, `http://127.0.0.1:${port}${path}`, "Content-Length: 2\r\n", "{}");
        assert.is(statusOf(answer), 403);
        assert.is(bodyOf(answer).reason_code, code);
        assert.is(seen.length, 0);
      }),
    ));
}

test("egress holds whatever rules permit", () =>
  onProxy('agent "bot" { default permit egress { allow ["*.example"] } }', (proxy) =>
    withServer(async ({ port, seen }) => {
      const plain = await proxy.ask("GET", `http://127.0.0.1:${port}/`);
      assert.is(bodyOf(plain).reason_code, "EGRESS_DENIED");
      const tunnel = await proxy.raw(
        `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${proxy.auth}\r\n`,
      );
      assert.is(bodyOf(tunnel).reason_code, "EGRESS_DENIED");
      assert.is(seen.length, 0);
    }),
  ));

test("J10 private addresses are refused after a permit, for plain requests and tunnels, and the outcome says so", () =>
  onProxy(
    'agent "bot" { default permit }',
    (proxy) =>
      withServer(async ({ port, seen }) => {
        const hosts = ["127.0.0.1", "localhost", "[::1]", "[::ffff:7f00:1]", "0.0.0.0"];
        for (const host of hosts) {
          const plain = await proxy.ask("GET", `http://${host}:${port}/`);
          assert.is(Reflect.get(Object(bodyOf(plain).error), "code"), "PRIVATE_ADDRESS", host);
          const tunnel = await proxy.raw(
            `CONNECT ${host}:${port} HTTP/1.1\r\nHost: ${host}:${port}\r\n${proxy.auth}\r\n`,
          );
          assert.is(statusOf(tunnel), 403, host);
        }
        assert.is(seen.length, 0);
        const outcomes = await proxy.outcomes(hosts.length * 2);
        assert.ok(outcomes.every(({ status }) => status === "failed"));
      }),
    "",
  ));

test("without an agent's token nothing is asked", () =>
  onProxy(open, (proxy) =>
    withServer(async ({ port, seen }) => {
      const monitor = await askOperator(proxy.stack.dir, "tokens_create", { role: "monitor", actor: "tester" });
      const asked = (auth: string): Promise<string> =>
        proxy.raw(
          `GET http://127.0.0.1:${port}/v1/a HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n${auth}\r\n`,
        );
      const pair = (text: string): string => `Proxy-Authorization: Basic ${Buffer.from(text).toString("base64")}\r\n`;
      const wrong = [
        "",
        pair("bot:wrong"),
        pair(`other:${proxy.token}`),
        pair(proxy.token),
        pair(`bot:${monitor.token}`),
        `Authorization: Bearer ${proxy.token}\r\n`,
        "Proxy-Authorization: Basic %%%\r\n",
      ];
      for (const auth of wrong) assert.is(statusOf(await asked(auth)), 407, auth);
      assert.is(seen.length, 0);
      for (const auth of [pair(`:${proxy.token}`), `Proxy-Authorization: Bearer ${proxy.token}\r\n`]) {
        assert.is(statusOf(await asked(auth)), 200, auth);
      }
      assert.is((await proxy.decisions()).length, 2);
      assert.not.match(JSON.stringify(seen), new RegExp(proxy.token));
    }),
  ));

test("an approved request passes once, and another one asks anew", () =>
  onProxy(open, (proxy) =>
    withServer(async ({ port, seen }) => {
      const put = (path: string): Promise<string> =>
        proxy.ask("PUT", `http://127.0.0.1:${port}${path}`, "Content-Length: 1\r\n", "x");
      const deferred = bodyOf(await put("/a"));
      assert.is(deferred.effect, "DEFER");
      await proxy.stack.approve(String(deferred.approval_id));
      assert.is(bodyOf(await put("/b")).effect, "DEFER");
      assert.is(statusOf(await put("/a")), 200);
      assert.is(bodyOf(await put("/a")).effect, "DEFER");
      assert.equal(
        seen.map(({ url }) => url),
        ["/a"],
      );
    }),
  ));

async function tunnelTo(
  proxy: ProxyUnderTest,
  port: number,
  early = "",
): Promise<{ send(text: string): void; all: Promise<string> }> {
  const socket = await proxy.connect();
  let came = "";
  socket.setEncoding("latin1");
  const all = new Promise<string>((resolve) => socket.once("close", () => resolve(came)));
  const open = new Promise<void>((resolve) => {
    socket.on("data", (chunk: string) => {
      came += chunk;
      if (came.includes("\r\n\r\n")) resolve();
    });
  });
  socket.once("end", () => socket.end());
  socket.on("error", () => {});
  socket.write(`CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${proxy.auth}\r\n${early}`);
  await open;
  return { send: (text) => socket.end(text), all };
}

test("a tunnel carries bytes both ways, those that came early too, and says how many", () =>
  onProxy(open, async (proxy) => {
    const server = createTcpServer({ allowHalfOpen: true }, (socket) => {
      let text = "";
      socket.on("data", (chunk) => {
        text += String(chunk);
      });
      socket.on("end", () => socket.end(`heard ${text}`));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const { send, all } = await tunnelTo(proxy, port, "early ");
    send("late");
    assert.is(await all, "HTTP/1.1 200 Connection Established\r\n\r\nheard early late");
    const [decision] = await proxy.decisions();
    assert.equal([decision?.tool, decision?.args], ["http/connect", { host: "127.0.0.1", port }]);
    const [outcome] = await proxy.outcomes(1);
    assert.is(outcome?.status, "succeeded");
    server.close();
  }));

for (const [name, stop] of [
  ["its agent is killed", (dir: string) => askOperator(dir, "kill", { agent_id: "bot", actor: "t", reason: "" })],
  [
    "its token is revoked",
    async (dir: string) => {
      const { tokens } = await askOperator(dir, "tokens_list", {});
      await askOperator(dir, "tokens_revoke", { id: tokens[0]?.id ?? "", actor: "t" });
    },
  ],
] as const) {
  test(`a tunnel ends when ${name}`, () =>
    onProxy(open, async (proxy) => {
      const server = createTcpServer((socket) => socket.on("error", () => {}));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { all } = await tunnelTo(proxy, (server.address() as { port: number }).port);
      await stop(proxy.stack.dir);
      assert.match(await all, /^HTTP\/1\.1 200/);
      await proxy.outcomes(1);
      server.close();
    }));
}

test("a server that is not there is told as such, and recorded", () =>
  onProxy(open, async (proxy) => {
    let port = 0;
    await withServer(async (behind) => {
      port = behind.port;
    });
    assert.is(statusOf(await proxy.ask("GET", `http://127.0.0.1:${port}/v1/a`)), 502);
    const head = `CONNECT 127.0.0.1:${port} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${proxy.auth}\r\n`;
    assert.is(statusOf(await proxy.raw(head)), 502);
    assert.equal(
      (await proxy.outcomes(2)).map(({ status }) => status),
      ["failed", "failed"],
    );
  }));

test("a policy without the port closes the proxy, and with it its tunnels", () =>
  onProxy(open, async (proxy) => {
    const { doors } = await askOperator(proxy.stack.dir, "status", {});
    assert.equal(
      doors.slice(1).map(({ door, address }) => [door, address.slice(0, 5)]),
      [
        ["forward-proxy", "http:"],
        ["forward-proxy", proxy.stack.daemon.places.proxy.slice(0, 5)],
      ],
    );
    await proxy.stack.apply('agent "bot" { default deny }');
    assert.is(proxy.address, null);
    assert.is(proxy.stack.daemon.connections(), 0);
  }));

test("a port that is taken is told by status, and the daemon lives on", () =>
  withServer(({ port }) =>
    onProxy('agent "bot" { default permit }', async (proxy) => {
      await proxy.stack.apply(`runtime { http_proxy_port = ${port} }\nagent "bot" { default deny permit t }`);
      for (let turn = 0; turn < 200; turn++) {
        const { notices } = await askOperator(proxy.stack.dir, "status", {});
        if (notices.some((notice) => notice.includes("does not listen"))) break;
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      const { notices } = await askOperator(proxy.stack.dir, "status", {});
      assert.match(notices.join("\n"), /the proxy does not listen on 127\.0\.0\.1:[0-9]+ .*EADDRINUSE/);
      assert.is((await proxy.stack.ask("t")).effect, "PERMIT");
    }),
  ));

test.run();
