// The official client of the Model Context Protocol under decisions: what reaches the server, and what the caller gets.
import { Client, InMemoryTransport } from "@modelcontextprotocol/client";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { compile } from "../../compiler/index.ts";
import { type GovernOptions, governedClient, LocalTransport, StubTransport } from "../../runtime/sdk/index.ts";

interface Sent {
  readonly name: string;
  readonly arguments?: unknown;
  readonly _meta?: unknown;
}

const schema = { type: "object" };
const listed = ["search", "pay"].map((name) => ({ name, inputSchema: schema }));

/** A server that answers each call with its arguments, and a client connected to it. */
async function connected(): Promise<{ client: Client; calls: Sent[] }> {
  const [near, far] = InMemoryTransport.createLinkedPair();
  const calls: Sent[] = [];
  far.onmessage = (message) => {
    if (!("method" in message) || !("id" in message)) return;
    const { id, method, params } = message as unknown as { id: number; method: string; params: Sent };
    const answers: Record<string, () => object> = {
      initialize: () => ({
        protocolVersion: "2025-06-18",
        capabilities: { tools: {} },
        serverInfo: { name: "echo", version: "1" },
      }),
      "tools/list": () => ({ tools: listed }),
      "tools/call": () => {
        calls.push(params);
        return { content: [{ type: "text", text: JSON.stringify(params.arguments) }] };
      },
    };
    const answer = answers[method] ?? (() => ({}));
    void far.send({ jsonrpc: "2.0", id, result: answer() } as Parameters<typeof far.send>[0]);
  };
  await far.start();
  const client = new Client({ name: "test", version: "1" });
  await client.connect(near);
  return { client, calls };
}

async function governed(rules: ConstructorParameters<typeof StubTransport>[0], more: Partial<GovernOptions> = {}) {
  const { client, calls } = await connected();
  const transport = new StubTransport(rules);
  return { plain: client, client: governedClient(client, { agentId: "bot", transport, ...more }), calls, transport };
}

const search = { name: "search", arguments: { q: "x" } };

test("a permitted call and all else is the same as without a decision", async () => {
  const { plain, client } = await governed({ search: "permit" });
  assert.equal(await client.callTool(search), await plain.callTool(search));
  assert.equal(await client.listTools(), await plain.listTools());
  assert.equal(client.getServerVersion(), plain.getServerVersion());
  assert.equal(await client.ping(), await plain.ping());
});

test("a denied call does not reach the server and is the tool's error, by callTool and by request", async () => {
  const { client, calls } = await governed({ search: "deny" });
  const results = [await client.callTool(search), await client.request({ method: "tools/call", params: search })];
  for (const result of results) {
    const { isError, structuredContent } = result as { isError?: boolean; structuredContent?: Record<string, unknown> };
    assert.is(isError, true);
    assert.is(structuredContent?.code, "POLICY_DENY");
    assert.is(structuredContent?.effect, "deny");
  }
  assert.equal(calls, []);
});

test("a deferred call names its approval, and passes once when it is approved", async () => {
  const { client, calls, transport } = await governed({ pay: "defer" });
  const pay = { name: "pay", arguments: { amount: 5 } };
  const first = await client.callTool(pay);
  const approval = String((first.structuredContent as Record<string, unknown>).approval_id);
  assert.match(JSON.stringify(first.content), approval);
  transport.approve(approval);
  assert.is((await client.callTool(pay)).isError, undefined);
  assert.is((await client.callTool(pay)).isError, true);
  assert.is(calls.length, 1);
});

test("what was judged is what is sent, whatever the caller changes meanwhile", async () => {
  const { client, calls, transport } = await governed(
    { "echo/search": "permit" },
    { toolName: (name) => `echo/${name}` },
  );
  const params = { name: "search", arguments: { q: "x" }, _meta: { trace: "t" } };
  const result = client.callTool(params);
  params.name = "pay";
  params.arguments.q = "y";
  await result;
  assert.equal([calls[0]?.name, calls[0]?.arguments], ["search", { q: "x" }]);
  assert.match(JSON.stringify(calls[0]?._meta), '"trace":"t"');
  assert.equal(transport.requests[0]?.args, { q: "x" });
});

test("E01 a name of other letters or another case is another tool", async () => {
  const { client, calls } = await governed({ search: "permit" });
  for (const name of ["se\u0430rch", "Search", "search\u200b", "search "]) {
    assert.is((await client.callTool({ name })).isError, true);
  }
  assert.equal(calls, []);
});

test("parallel calls of one turn are counted together", async () => {
  const { client: plain, calls } = await connected();
  const { image } = compile('agent "bot" { default deny\n rate_limit "search": 3 per hour\n permit search }', {
    file: "governance.fms",
  });
  if (image === undefined) throw new Error("does not compile");
  const transport = new LocalTransport(image, { state: "volatile", now: () => 0 });
  const client = governedClient(plain, { agentId: "bot", transport });
  const results = await Promise.all(Array.from({ length: 10 }, () => client.callTool(search)));
  assert.is(results.filter((result) => result.isError === true).length, 7);
  assert.is(calls.length, 3);
});

test("ways that no decision can stand before are shut, and what is no call is refused", async () => {
  const { client, calls } = await governed({ "*": "permit" });
  for (const member of ["experimental", "requestStream"]) assert.is(Reflect.get(client, member), undefined);
  for (const params of [{ name: "" }, { name: "pay", arguments: [1] }, { name: "pay", arguments: "x" }]) {
    const outcome: unknown = await client.callTool(params as never).catch((error: unknown) => error);
    assert.instance(outcome, TypeError);
  }
  assert.throws(() => governedClient({} as Client, { agentId: "bot" }), /callTool/);
  assert.equal(calls, []);
});

test("members that a server could take for the name or the arguments keep a call from being sent", async () => {
  const { client, calls } = await governed({ search: "permit" });
  for (const more of [{ Name: "pay" }, { ARGUMENTS: {} }, { "name\0": "pay" }, { "argument\u017f": {} }]) {
    const call = { ...search, ...more } as Parameters<typeof client.callTool>[0];
    await client.callTool(call).then(
      () => assert.unreachable(),
      (error: Error) => assert.match(error.message, "could be taken for"),
    );
  }
  assert.equal(calls, []);
});

test.run();
