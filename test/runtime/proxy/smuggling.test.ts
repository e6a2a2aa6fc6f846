// Requests that two readers could take for two: none of them reaches the server behind, and what stands behind them is not heard.
import { createServer } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { faultOfHead } from "../../../runtime/doors/proxy/head.ts";
import { connectTarget, splitPath, urlTarget } from "../../../runtime/doors/proxy/target.ts";
import { onProxy, statusOf, withServer } from "./proxy-under-test.ts";

const policy = 'agent "bot" { default permit deny http/get path "/secret" }';

/** `H` is the server's host and port, `A` the headers that say who asks. */
const requests: readonly (readonly [string, string, number])[] = [
  ["two lengths", "POST http://H/ HTTP/1.1\r\nHost: H\r\nAContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400],
  ["a length and chunks", "POST http://H/ HTTP/1.1\r\nHost: H\r\nAContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
  ["a coding twice", "POST http://H/ HTTP/1.1\r\nHost: H\r\nATransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400],
  ["another coding", "POST http://H/ HTTP/1.1\r\nHost: H\r\nATransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400],
  ["a coding of another case and space", "POST http://H/ HTTP/1.1\r\nHost: H\r\nATransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400],
  ["a coding with a mark", "POST http://H/ HTTP/1.1\r\nHost: H\r\nATransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400],
  ["a length with a sign", "POST http://H/ HTTP/1.1\r\nHost: H\r\nAContent-Length: +5\r\n\r\nhello", 400],
  ["a chunk's size with a sign", "POST http://H/ HTTP/1.1\r\nHost: H\r\nATransfer-Encoding: chunked\r\n\r\n+5\r\nhello\r\n0\r\n\r\n", 0],
  ["another host in the header", "GET http://H/ HTTP/1.1\r\nHost: other.example\r\nA\r\n", 400],
  ["the same host on another port", "GET http://H/ HTTP/1.1\r\nHost: 127.0.0.1\r\nA\r\n", 400],
  ["two hosts", "GET http://H/ HTTP/1.1\r\nHost: H\r\nHost: other.example\r\nA\r\n", 400],
  ["no host", "GET http://H/ HTTP/1.1\r\nA\r\n", 400],
  ["a user in the target", "GET http://a@H/ HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["a user that looks like a host", "GET http://allowed.example:80@H/ HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["a backslash", "GET http://H\\@other.example/ HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["a fragment", "GET http://H/#/../x HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["a step up", "GET http://H/a/../secret HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["an encoded step up", "GET http://H/a/%2e%2e/secret HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["an encoded slash", "GET http://H/a%2fsecret HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["a line end alone in a header", "GET http://H/ HTTP/1.1\r\nHost: H\r\nAX: a\nY: b\r\n\r\n", 400],
  ["a carriage return in a header", "GET http://H/ HTTP/1.1\r\nHost: H\r\nAX: a\rY: b\r\n\r\n", 400],
  ["a folded header", "GET http://H/ HTTP/1.1\r\nHost: H\r\nAX: a\r\n b\r\n\r\n", 0],
  ["a space in the target", "GET http://H/a HTTP/1.1 HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["an older version", "GET http://H/ HTTP/1.0\r\nHost: H\r\nA\r\n", 400],
  ["another protocol", "GET http://H/ HTTP/1.1\r\nHost: H\r\nAConnection: upgrade\r\nUpgrade: websocket\r\n\r\n", 400],
  ["a header taken away", "POST http://H/ HTTP/1.1\r\nHost: H\r\nAConnection: content-length\r\nContent-Length: 5\r\n\r\nhello", 400],
  ["TRACE", "TRACE http://H/ HTTP/1.1\r\nHost: H\r\nA\r\n", 405],
  ["a path alone", "GET / HTTP/1.1\r\nHost: H\r\nA\r\n", 503],
  ["https without a tunnel", "GET https://H/ HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
  ["a tunnel with a body", "CONNECT H HTTP/1.1\r\nHost: H\r\nAContent-Length: 5\r\n\r\nhello", 400],
  ["a tunnel to another host in the header", "CONNECT H HTTP/1.1\r\nHost: other.example:443\r\nA\r\n", 400],
  ["an older tunnel to another host in the header", "CONNECT H HTTP/1.0\r\nHost: other.example:443\r\nA\r\n", 400],
  ["an older tunnel with a body", "CONNECT H HTTP/1.0\r\nAContent-Length: 5\r\n\r\nhello", 400],
  ["a tunnel without a port", "CONNECT 127.0.0.1 HTTP/1.1\r\nHost: 127.0.0.1\r\nA\r\n", 400],
  ["a tunnel to a URL", "CONNECT http://H/ HTTP/1.1\r\nHost: H\r\nA\r\n", 400],
]; // biome-ignore format: a table

test("C15 none of the requests that can be read in two ways goes on, nor what stands behind it", () =>
  onProxy(policy, (proxy) =>
    withServer(async ({ port, seen }) => {
      const behind = `GET http://127.0.0.1:${port}/behind HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${proxy.auth}\r\n`;
      for (const [name, text, status] of requests) {
        const sent = text.replaceAll("H/", `127.0.0.1:${port}/`).replaceAll(/\bH\b/g, `127.0.0.1:${port}`);
        const whole = sent.replace("\r\nA", `\r\n${proxy.auth}`);
        const answer = await proxy.raw(whole + behind);
        if (status !== 0) assert.is(statusOf(answer), status, `${name}: ${answer}`);
        assert.ok(statusOf(answer) >= 400 || status === 0, `${name}: ${answer}`);
        assert.equal(answer.match(/HTTP\/1\.1 200/g), null, name);
        assert.equal(
          seen.filter(({ url }) => url === "/behind").map(({ url }) => url),
          [],
          name,
        );
      }
    }),
  ));

test("a body is framed anew: a GET with chunks cannot carry a second request", async () => {
  let bytes = "";
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      bytes += chunk.toString("latin1");
      if (bytes.endsWith("0\r\n\r\n")) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const hidden = "GET /secret HTTP/1.1\r\nHost: x\r\n\r\n";
  const chunk = `${hidden.length.toString(16)}\r\n${hidden}\r\n0\r\n\r\n`;
  await onProxy(policy, async (proxy) => {
    for (const method of ["GET", "DELETE", "POST"]) {
      bytes = "";
      const answer = await proxy.ask(method, `http://${host}/a`, "Transfer-Encoding: chunked\r\n", chunk);
      assert.is(statusOf(answer), 200);
      const [head = "", body = ""] = [
        bytes.slice(0, bytes.indexOf("\r\n\r\n")),
        bytes.slice(bytes.indexOf("\r\n\r\n") + 4),
      ];
      assert.match(head, /\r\ntransfer-encoding: chunked/i);
      assert.not.match(head, /content-length/i);
      assert.ok(body.startsWith(`${hidden.length.toString(16)}\r\n`), body);
    }
  });
  server.close();
});

const hosts: readonly (readonly [string, boolean])[] = [
  ["example.com:443", true],
  ["EXAMPLE.com:443", true],
  ["[2606:4700::1111]:443", true],
  ["1.1.1.1:443", true],
  ["example.com.:443", false],
  ["example..com:443", false],
  [".example.com:443", false],
  ["2130706433:80", false],
  ["0x7f000001:80", false],
  ["0177.0.0.1:80", false],
  ["127.1:80", false],
  ["[::ffff:127.0.0.1]:80", false],
  ["[0:0:0:0:0:0:0:1]:80", false],
  ["exаmple.com:443", false],
  ["example.com:0", false],
  ["example.com:65536", false],
  ["example.com:0443", false],
  ["user@example.com:443", false],
  ["example.com%00.evil:443", false],
  ["", false],
];

for (const [text, isTarget] of hosts) {
  test(`${isTarget ? "" : "no "}target of a tunnel: ${JSON.stringify(text)}`, () => {
    const target = connectTarget(text);
    assert.is(typeof target !== "string", isTarget, String(target));
    if (typeof target !== "string")
      assert.is(target.host, text.slice(0, text.lastIndexOf(":")).toLowerCase().replace(/[[\]]/g, ""));
  });
}

test("a URL is taken apart once, and put together as it came", () => {
  const target = urlTarget("http://Example.com/a%20b/c?x=1&y=%2F&x=2&__proto__=1");
  if (typeof target === "string") throw new Error(target);
  assert.equal([target.host, target.port, target.path], ["example.com", 80, "/a%20b/c"]);
  assert.equal(Object.entries(target.query), [
    ["x", ["1", "2"]],
    ["y", "/"],
    ["__proto__", "1"],
  ]);
  assert.is(target.url, "http://example.com:80/a%20b/c?x=1&y=%2F&x=2&__proto__=1");
  assert.is(Reflect.get({}, "x"), undefined);
});

test("more than the bounds allow is refused", () => {
  const keys = Array.from({ length: 300 }, (_, index) => `k${index}=1`).join("&");
  assert.type(splitPath(`/?${keys}`), "string");
  assert.type(splitPath(`/${"a".repeat(9000)}`), "string");
  const rawHeaders = Array.from({ length: 260 }, (_, index) => `x${index}`);
  assert.match(String(faultOfHead({ httpVersion: "1.1", headers: {}, rawHeaders }, false)), /at most 128 headers/);
});

test.run();
