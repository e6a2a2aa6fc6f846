// The SDK's side of the HTTP door: against a real daemon, and against servers that lie, stall, redirect and break off.
import { createServer, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { governedTools, HttpTransport, ToolDeniedError } from "../../runtime/sdk/index.ts";
import { onHttp } from "../runtime/http/client.ts";

const policy = `agent "bot" { default deny permit echo if args.n < 10 defer ask }`;
const tools = { echo: (args: { n: number }) => args.n, ask: () => "asked", drop: () => "dropped" };

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `ran: ${value}`,
    (error: unknown) => (error instanceof ToolDeniedError ? error.code : String(error)),
  );
}

test("tools are governed over HTTP: permits, denials, approvals that are waited for", async () => {
  await onHttp(policy, async (http) => {
    const url = http.stack.daemon.httpAddress() ?? "";
    const transport = new HttpTransport(url, { token: http.token });
    const governed = governedTools(tools, { agentId: "bot", transport });
    assert.is(await code(governed.echo({ n: 4 })), "ran: 4");
    assert.is(await code(governed.echo({ n: 40 })), "POLICY_DENY");
    assert.is(await code(governed.drop()), "POLICY_DENY");
    assert.is(await code(governed.ask()), "POLICY_DEFER");
    const waiting = governedTools(tools, { agentId: "bot", transport, onDefer: "block" });
    const asked = code(waiting.ask());
    const pending = http.stack.daemon.governor.approvals.list()[0]?.id;
    await http.stack.approve(pending);
    assert.is(await asked, "ran: asked");
    const foreign = governedTools(tools, { agentId: "other", transport });
    assert.is(await code(foreign.echo({ n: 1 })), "IDENTITY_UNVERIFIED");
    const stranger = new HttpTransport(url, { token: "faramesh_0" });
    assert.is(await code(governedTools(tools, { agentId: "bot", transport: stranger }).echo({ n: 1 })), "BAD_ANSWER");
  });
});

function cut(out: ServerResponse): void {
  out.writeHead(200, { "content-length": 99 }).write("{", () => out.destroy());
}

const servers: readonly (readonly [string, RequestListener, string])[] = [
  ["no JSON", (_in, out) => out.end("hello"), "BAD_ANSWER"],
  ["an empty answer", (_in, out) => out.end(), "BAD_ANSWER"],
  ["a permit for another call", (_in, out) => out.end('{"effect":"PERMIT","call_id":"x"}'), "BAD_ANSWER"],
  ["a permit with an error's status", (_in, out) => out.writeHead(500).end('{"effect":"PERMIT"}'), "BAD_ANSWER"],
  ["a redirect", (_in, out) => out.writeHead(307, { location: "/v1/evaluate" }).end(), "BAD_ANSWER"],
  ["an endless answer", (_in, out) => out.end("x".repeat(2 * 1024 * 1024)), "BAD_ANSWER"],
  ["bytes that are no text", (_in, out) => out.end(Buffer.from([0xff, 0xfe])), "BAD_ANSWER"],
  ["a connection that breaks off", (_in, out) => out.destroy(), "DAEMON_UNREACHABLE"],
  ["half an answer, and the end", (_in, out) => cut(out), "DAEMON_UNREACHABLE"],
  [
    "half an answer, and nothing",
    (_in, out) => out.writeHead(200, { "content-length": 99 }).end("{"),
    "DAEMON_TIMEOUT",
  ],
  ["nothing", () => {}, "DAEMON_TIMEOUT"],
];

for (const [name, answer, expected] of servers) {
  test(`no answer is a denial: ${name}`, async () => {
    const server = createServer(answer);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    try {
      const { port } = server.address() as AddressInfo;
      const transport = new HttpTransport(`http://127.0.0.1:${port}`, { token: "t", timeoutMs: 1000 });
      assert.is(await code(governedTools(tools, { agentId: "bot", transport }).echo({ n: 1 })), expected);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
}

test("nobody listens", async () => {
  const transport = new HttpTransport("http://127.0.0.1:1", { token: "t" });
  assert.is(await code(governedTools(tools, { agentId: "bot", transport }).echo({ n: 1 })), "DAEMON_UNREACHABLE");
});

test("no token goes over an open line, and addresses are addresses", () => {
  for (const url of [
    "http://gate.example.com",
    "ftp://localhost",
    "https://a:b@gate.example.com",
    "https://x/?y=1",
    "x",
  ]) {
    assert.throws(() => new HttpTransport(url, { token: "t" }), TypeError, url);
  }
  assert.throws(() => new HttpTransport("https://x", { token: "" }), TypeError);
  assert.ok(new HttpTransport("https://gate.example.com/faramesh/", { token: "t" }));
});

test.run();
