// The daemon's door for MCP (`mcp_proxy_port`): the official client over HTTP, real servers behind it, and servers that misbehave.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { type IncomingHttpHeaders, request } from "node:http";
import { createRequire } from "node:module";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { sessionsPerTokenMax } from "../../runtime/doors/mcp/sessions.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";

const require = createRequire(import.meta.url);
const serverOf = (name: string): string =>
  join(require.resolve(`@modelcontextprotocol/server-${name}/package.json`), "..", "dist/index.js");

const textOf = (result: unknown): string => JSON.stringify(Reflect.get(Object(result), "content"));
const quoted = (words: readonly string[]): string => `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;

/** `provider "name" { type = "mcp" … }` for a program of Node. */
const provider = (name: string, words: readonly string[]): string =>
  `provider "${name}" { type = "mcp" command = ${quoted([process.execPath, ...words])} }`;

/** The server of memory, whose file is each stack's own: left to itself it writes beside its program. */
const memory = (name: string): string =>
  provider(name, [serverOf("memory")]).replace(/ \}$/, ' pass_env = ["MEMORY_FILE_PATH"] }');

class Door {
  readonly stack: StackUnderTest;
  readonly clients: Client[] = [];
  token = "";

  constructor(stack: StackUnderTest) {
    this.stack = stack;
  }

  get address(): string {
    return this.stack.daemon.doorsOfPolicy().find(([door]) => door === "mcp")?.[1] ?? "";
  }

  async apply(policy: string): Promise<void> {
    await this.stack.apply(policy);
    for (let turn = 0; turn < 400 && this.address === ""; turn++)
      await new Promise((resolve) => setTimeout(resolve, 5));
  }

  async connect(path = "", token = this.token): Promise<Client> {
    const client = new Client({ name: "test", version: "1" });
    const requestInit = { headers: { authorization: `Bearer ${token}` } };
    await client.connect(new StreamableHTTPClientTransport(new URL(this.address + path), { requestInit }));
    this.clients.push(client);
    return client;
  }
}

async function onDoor(policy: string, run: (door: Door) => Promise<void>): Promise<void> {
  const work = async (stack: StackUnderTest): Promise<void> => {
    const door = new Door(stack);
    const wanted = { role: "agent", agent_id: "bot", actor: "tester" } as const;
    door.token = (await askOperator(stack.dir, "tokens_create", wanted)).token;
    await door.apply(policy);
    try {
      await run(door);
    } finally {
      for (const client of door.clients) await client.close();
    }
  };
  const dir = mkdtempSync(join(tmpdir(), "faramesh-mcp-"));
  const env = { ...process.env, FAR_TOKEN: "t", MEMORY_FILE_PATH: join(dir, "memory.jsonl") };
  try {
    await onStack('agent "bot" { default deny }', work, { env });
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const plainly = async (words: readonly string[]): Promise<Client> => {
  const client = new Client({ name: "test", version: "1" });
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [...words], stderr: "ignore" }));
  return client;
};

const port = "runtime { mcp_proxy_port = 0 }";

test("a real server of files over HTTP: lists, permits, denies, defers, approves, and is otherwise the same as without", async () => {
  const files = realpathSync(mkdtempSync(join(tmpdir(), "faramesh-mcp-")));
  writeFileSync(join(files, "a.txt"), "hello");
  const server = [serverOf("filesystem"), files];
  const policy = `${port} ${provider("files", server)}
agent "bot" {
  default deny
  permit read_text_file if path contains "a.txt"
  defer write_file
  permit list_directory
}`;
  const plain = await plainly(server);
  try {
    await onDoor(policy, async (door) => {
      for (const path of ["", "/files"]) {
        const client = await door.connect(path);
        assert.equal(client.getServerVersion(), plain.getServerVersion());
        assert.equal(client.getServerCapabilities(), plain.getServerCapabilities());
        const read = { name: "read_text_file", arguments: { path: join(files, "a.txt") } };
        assert.equal(await client.callTool(read), await plain.callTool(read));
        const shown = (await client.listTools()).tools;
        assert.equal(shown.map(({ name }) => name).sort(), ["list_directory", "read_text_file", "write_file"]);
        const other = await client.callTool({ name: "read_text_file", arguments: { path: join(files, "b.txt") } });
        assert.is(other.isError, true);
        assert.match(textOf(other), /POLICY_DENY/);
        const write = { name: "write_file", arguments: { path: join(files, `w${path.length}.txt`), content: "new" } };
        const deferred = await client.callTool(write);
        assert.is(deferred.isError, true);
        await door.stack.approve(String(Reflect.get(Object(deferred.structuredContent), "approval_id")));
        assert.is((await client.callTool(write)).isError ?? false, false);
      }
      const records = await door.stack.records().then((all) => all.filter(({ type }) => type === "decision"));
      assert.ok(records.length >= 8);
      assert.ok(records.every(({ door: word }) => word === "mcp"));
      const { providers, doors, notices } = await askOperator(door.stack.dir, "status", {});
      assert.equal(
        providers.map(({ name, type, status }) => [name, type, status]),
        [["files", "mcp", "ready"]],
      );
      assert.ok(doors.some(({ door: word }) => word === "mcp"));
      assert.equal([...notices], []);
    });
  } finally {
    await plain.close();
    rmSync(files, { recursive: true });
  }
});

test("several real servers behind one address: names say which, lists are one, and each keeps its own address", async () => {
  const files = realpathSync(mkdtempSync(join(tmpdir(), "faramesh-mcp-")));
  writeFileSync(join(files, "a.txt"), "hello");
  const policy = `${port}
${provider("files", [serverOf("filesystem"), files])}
${provider("every", [serverOf("everything"), "stdio"])}
agent "bot" {
  default deny
  permit files/read_text_file
  permit every/*
  deny!  every/get-env
}`;
  try {
    await onDoor(policy, async (door) => {
      const client = await door.connect();
      const names = (await client.listTools()).tools.map(({ name }) => name);
      assert.ok(names.includes("files/read_text_file") && names.includes("every/echo"), names.join());
      assert.not.ok(names.includes("files/write_file") || names.includes("every/get-env") || names.includes("echo"));
      const read = await client.callTool({ name: "files/read_text_file", arguments: { path: join(files, "a.txt") } });
      assert.match(textOf(read), "hello");
      const echo = { name: "every/echo", arguments: { message: "12" } };
      assert.match(textOf(await client.callTool(echo)), "Echo: 12");
      assert.match(textOf(await client.callTool({ name: "every/get-env", arguments: {} })), "POLICY_DENY");
      const progress: number[] = [];
      const slow = { name: "every/trigger-long-running-operation", arguments: { duration: 0.3, steps: 3 } };
      await client.callTool(slow, { onprogress: ({ progress: done }) => progress.push(done) });
      assert.ok(progress.length >= 2, progress.join());
      const prompts = (await client.listPrompts()).prompts.map(({ name }) => name);
      assert.ok(prompts.length > 0 && prompts.every((name) => name.startsWith("every/")), prompts.join());
      const [resource] = (await client.listResources()).resources;
      assert.ok(resource !== undefined);
      assert.is((await client.readResource({ uri: resource.uri })).contents[0]?.uri, resource.uri);
      await client.ping();
      let refused = "";
      await client.callTool({ name: "nobody/x", arguments: {} }).then(
        (result) => (refused = textOf(result)),
        (error: unknown) => (refused = String(error)),
      );
      assert.match(refused, "POLICY_DENY");
      // At its own address a server's names are its own, and the policy's are the same as before.
      const own = await door.connect("/every");
      const shown = (await own.listTools()).tools.map(({ name }) => name);
      assert.ok(shown.includes("echo") && !shown.includes("get-env"), shown.join());
      assert.match(textOf(await own.callTool({ name: "echo", arguments: { message: "3" } })), "Echo: 3");
      assert.match(textOf(await own.callTool({ name: "get-env", arguments: {} })), "POLICY_DENY");
    });
  } finally {
    rmSync(files, { recursive: true });
  }
});

test("a server over HTTP behind the door, and its own questions to the client", async () => {
  const { child, url } = await everythingOverHttp();
  try {
    const policy = `runtime { mcp_proxy_port = 0 allow_private = true } provider "far" { type = "mcp" url = "${url}" token = env("FAR_TOKEN") }
agent "bot" { default permit deny echo if message == "no" or message == null }`;
    await onDoor(policy, async (door) => {
      const client = new Client({ name: "test", version: "1" }, { capabilities: { sampling: {} } });
      client.setRequestHandler("sampling/createMessage", async () => ({
        role: "assistant" as const,
        content: { type: "text" as const, text: "sampled" },
        model: "none",
      }));
      const requestInit = { headers: { authorization: `Bearer ${door.token}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(door.address), { requestInit }));
      door.clients.push(client);
      assert.match(textOf(await client.callTool({ name: "echo", arguments: { message: "yes" } })), "Echo: yes");
      assert.match(textOf(await client.callTool({ name: "echo", arguments: { message: "no" } })), "POLICY_DENY");
      const sampled = await client.callTool({
        name: "trigger-sampling-request",
        arguments: { prompt: "p", maxTokens: 5 },
      });
      assert.match(textOf(sampled), "sampled");
      assert.ok((await client.listPrompts()).prompts.length > 0);
    });
    // Without leave for private addresses nothing goes there.
    const closed = policy.replace("allow_private = true", "");
    await onDoor(closed, async (door) => {
      let why = "";
      await door.connect().catch((error: unknown) => (why = String(error)));
      assert.match(why, "cannot be asked");
    });
  } finally {
    child.kill("SIGKILL");
  }
});

async function everythingOverHttp(): Promise<{ child: ChildProcess; url: string }> {
  const held = createServer().listen(0, "127.0.0.1");
  await once(held, "listening");
  const { port: free } = held.address() as AddressInfo;
  held.close();
  await once(held, "close");
  const env = { ...process.env, PORT: String(free) };
  const child = spawn(process.execPath, [serverOf("everything"), "streamableHttp"], { env, stdio: "ignore" });
  for (let turn = 0; turn < 400; turn++) {
    const isThere = await fetch(`http://127.0.0.1:${free}/mcp`).then(
      () => true,
      () => false,
    );
    if (isThere) break;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  return { child, url: `http://127.0.0.1:${free}/mcp` };
}

/** One request as bytes of HTTP, with the head's lines given; the status and the text that came. */
async function ask(door: Door, headers: Record<string, string>, body: string | null, path = "/mcp", method = "POST") {
  const { port: at } = new URL(door.address);
  const accept = "application/json, text/event-stream";
  const all = { accept, "content-type": "application/json", ...headers };
  const response = await new Promise<{ status: number; text: string; headers: IncomingHttpHeaders }>(
    (resolve, reject) => {
      const sent = request({ host: "127.0.0.1", port: at, path, method, headers: all }, async (answer) => {
        let text = "";
        for await (const chunk of answer) text += String(chunk);
        resolve({ status: answer.statusCode ?? 0, text, headers: answer.headers });
      });
      sent.on("error", reject);
      sent.end(body ?? undefined);
    },
  );
  return response;
}

const initialize = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "t", version: "1" } },
});

test("who has no token, another's session, a browser's page or two readings of a message gets nowhere", async () => {
  const policy = `${port} ${memory("memory")} agent "bot" { default permit }`;
  await onDoor(policy, async (door) => {
    const auth = { authorization: `Bearer ${door.token}` };
    const begun = await ask(door, auth, initialize);
    assert.is(begun.status, 200);
    const session = String(begun.headers["mcp-session-id"]);
    const own = { ...auth, "mcp-session-id": session };
    const list = '{"jsonrpc":"2.0","id":2,"method":"tools/list"}';
    assert.is((await ask(door, own, list)).status, 200);
    const wanted = { role: "agent", agent_id: "bot", actor: "tester" } as const;
    const { token: another } = await askOperator(door.stack.dir, "tokens_create", wanted);
    const reader = await askOperator(door.stack.dir, "tokens_create", { role: "monitor", actor: "tester" });
    const cases: readonly (readonly [number, Record<string, string>, string])[] = [
      [401, {}, initialize],
      [401, { authorization: "Bearer tok-nobody" }, initialize],
      [401, { authorization: `Bearer ${reader.token}` }, initialize],
      [404, { ...own, authorization: `Bearer ${another}` }, list],
      [404, { ...auth, "mcp-session-id": "none" }, list],
      [400, auth, list],
      [403, { ...own, origin: "https://example.com" }, list],
      [421, { ...own, host: "example.com" }, list],
      [415, { ...own, "content-type": "text/plain" }, list],
      [400, own, `[${list},${list}]`],
      [400, own, '{"jsonrpc":"2.0","id":3,"method":"ping","method":"tools/call"}'],
      [400, own, '{"jsonrpc":"2.0","id":3,"Method":"tools/call","method":"ping"}'],
      [400, own, "not json"],
    ];
    for (const [status, headers, body] of cases) {
      const answer = await ask(door, headers, body);
      assert.is(answer.status, status, `${body} ${JSON.stringify(headers)}: ${answer.text}`);
    }
    assert.is((await ask(door, own, list, "/mcp/other")).status, 404);
    assert.is((await ask(door, own, list, "/mcp/memory")).status, 404);
    assert.is((await ask(door, own, null, "/mcp", "DELETE")).status, 200);
    assert.is((await ask(door, own, list)).status, 404);
  });
});

test("the agent is done when its gates hold, and sessions end with their token and with another declaration", async () => {
  const policy = (more: string): string => `${port} ${memory("memory")} ${more}
agent "bot" { default permit completion_gate { require "read_graph" } }`;
  await onDoor(policy(""), async (door) => {
    const auth = { authorization: `Bearer ${door.token}` };
    const begin = async (): Promise<Record<string, string>> => {
      const begun = await ask(door, auth, initialize);
      return { ...auth, "mcp-session-id": String(begun.headers["mcp-session-id"]) };
    };
    const own = await begin();
    const complete = '{"jsonrpc":"2.0","id":5,"method":"faramesh/tasks/complete","params":{}}';
    assert.match((await ask(door, own, complete)).text, "COMPLETION_BLOCKED");
    await ask(
      door,
      own,
      '{"jsonrpc":"2.0","id":6,"method":"tools/call","params":{"name":"read_graph","arguments":{}}}',
    );
    assert.match((await ask(door, own, complete)).text, '"PERMIT"');
    // The same declaration keeps the session, another one ends it.
    await door.stack.apply(policy('agent "other" { default deny }'));
    const list = '{"jsonrpc":"2.0","id":7,"method":"tools/list"}';
    assert.is((await ask(door, own, list)).status, 200);
    await door.stack.apply(policy(memory("second")));
    assert.is((await ask(door, own, list)).status, 404);
    const again = await begin();
    const { tokens } = await askOperator(door.stack.dir, "tokens_list", {});
    await askOperator(door.stack.dir, "tokens_revoke", { id: tokens[0]?.id ?? "", actor: "tester" });
    assert.is((await ask(door, again, list)).status, 401);
  });
});

test("a client is asked whether a deferred call is to wait; its word is no approval", async () => {
  const policy = `${port} ${memory("memory")}
agent "bot" { default permit defer create_entities }`;
  await onDoor(policy, async (door) => {
    const asking = async (
      action: "accept" | "decline",
      onAsked: (approval: string) => Promise<unknown>,
    ): Promise<Client> => {
      const client = new Client({ name: "test", version: "1" }, { capabilities: { elicitation: {} } });
      client.setRequestHandler("elicitation/create", async ({ params }) => {
        await onAsked(/apr-[A-Za-z0-9_-]+/.exec(params.message)?.[0] ?? "");
        return { action };
      });
      const requestInit = { headers: { authorization: `Bearer ${door.token}` } };
      await client.connect(new StreamableHTTPClientTransport(new URL(door.address), { requestInit }));
      door.clients.push(client);
      return client;
    };
    const entity = (name: string): { name: string; arguments: Record<string, unknown> } => ({
      name: "create_entities",
      arguments: { entities: [{ name, entityType: "t", observations: [] }] },
    });
    const approving = await asking("accept", (approval) => door.stack.approve(approval));
    assert.match(textOf(await approving.callTool(entity("one"))), "one");
    let asked = 0;
    const declining = await asking("decline", async () => ++asked);
    const declined = await declining.callTool(entity("two"));
    assert.equal([declined.isError, asked], [true, 1]);
    // Accepts whatever it is asked, and nobody approves.
    const eager = await asking("accept", async () => ++asked);
    const given = AbortSignal.timeout(2500);
    let outcome = "";
    await eager.callTool(entity("three"), { signal: given }).then(
      (result) => (outcome = textOf(result)),
      () => (outcome = "given up"),
    );
    assert.equal([outcome, asked], ["given up", 2]);
    const permits = (await door.stack.records()).filter(
      ({ type, effect }) => type === "decision" && effect === "permit",
    );
    assert.is(permits.filter(({ tool }) => tool === "create_entities").length, 1);
  });
});

const hostile = (code: string): readonly string[] => [
  "-e",
  `let rest = ""; const say = (o) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...o }) + "\\n");
process.stdin.on("data", (chunk) => { rest += chunk; for (let at; (at = rest.indexOf("\\n")) >= 0; rest = rest.slice(at + 1)) on(JSON.parse(rest.slice(0, at))); });
function on(m) {
  if (m.method === "initialize") say({ id: m.id, result: { protocolVersion: "2025-06-18", capabilities: { tools: {} }, serverInfo: { name: "h", version: "1" } } });
  else if (m.method === "tools/list") say({ id: m.id, result: { tools: [{ name: "x", inputSchema: { type: "object" } }] } });
  else if (m.method === "tools/call") { ${code} }
}`,
];

test("a token has only so many sessions, and one that has ended makes room", async () => {
  const policy = `${port} ${provider("h", hostile(""))} agent "bot" { default permit }`;
  await onDoor(policy, async (door) => {
    const auth = { authorization: `Bearer ${door.token}` };
    const begun = [];
    for (let one = 0; one < sessionsPerTokenMax; one++) begun.push(await ask(door, auth, initialize));
    assert.ok(begun.every(({ status }) => status === 200));
    assert.is((await ask(door, auth, initialize)).status, 503);
    const own = { ...auth, "mcp-session-id": String(begun[3]?.headers["mcp-session-id"]) };
    assert.is((await ask(door, own, null, "/mcp", "DELETE")).status, 200);
    assert.is((await ask(door, auth, initialize)).status, 200);
  });
});

test("servers that die, write no end, answer others' questions or say nothing sensible harm nobody else", async () => {
  const policy = `${port}
${provider("dies", hostile("process.exit(3);"))}
${provider("endless", hostile('setInterval(() => process.stdout.write("x".repeat(1 << 20)), 1);'))}
${provider("foreign", hostile('for (let id = 0; id < 40; id++) if (id !== m.id) say({ id, result: { content: [{ type: "text", text: "forged" }] } }); say({ id: m.id, result: { content: [] } });'))}
${provider("garbage", hostile('process.stdout.write("{}\\n[1]\\nnull\\n{\\"a\\":\\n"); say({ id: m.id, result: { content: [{ type: "text", text: "fine" }] } });'))}
${provider("good", hostile('setTimeout(() => say({ id: m.id, result: { content: [{ type: "text", text: "good" }] } }), 300);'))}
agent "bot" { default permit }`;
  await onDoor(policy, async (door) => {
    const client = await door.connect();
    assert.is((await client.listTools()).tools.length, 5);
    const call = (name: string): Promise<string> =>
      client.callTool({ name: `${name}/x`, arguments: {} }).then(textOf, (error: unknown) => String(error));
    const [dies, endless, foreign, garbage, good] = await Promise.all(
      ["dies", "endless", "foreign", "garbage", "good"].map(call),
    );
    assert.match(dies ?? "", "the server `dies` has ended");
    assert.match(endless ?? "", "the server `endless` has ended");
    assert.is(foreign, "[]");
    assert.match(garbage ?? "", "fine");
    assert.match(good ?? "", "good");
    // Who is left is still served.
    assert.match(await call("good"), "good");
  });
});

test.run();
