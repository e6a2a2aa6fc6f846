// `faramesh mcp wrap` as a client starts it: an official client, real servers, and servers that misbehave.
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Client } from "@modelcontextprotocol/client";
import { StdioClientTransport } from "@modelcontextprotocol/client/stdio";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const require = createRequire(import.meta.url);
const serverOf = (name: string): string => {
  const manifest = require.resolve(`@modelcontextprotocol/server-${name}/package.json`);
  return join(manifest, "..", "dist/index.js");
};

interface Started {
  readonly client: Client;
  readonly transport: StdioClientTransport;
  stderr: string;
}

async function start(command: string, args: readonly string[], env: Record<string, string> = {}): Promise<Started> {
  const path = process.env.PATH ?? "";
  const transport = new StdioClientTransport({
    command,
    args: [...args],
    cwd: root,
    stderr: "pipe",
    env: { PATH: path, ...env },
  });
  const client = new Client({ name: "test", version: "1" });
  const started: Started = { client, transport, stderr: "" };
  transport.stderr?.on("data", (chunk) => (started.stderr += String(chunk)));
  await client.connect(transport);
  return started;
}

const wrapWords = (words: readonly string[]): string[] => ["--import", "tsx", "cli/main.ts", "mcp", "wrap", ...words];

/** Through the wrap, with the daemon of `stack`; its words stand before `--`. */
function startWrapped(
  stack: StackUnderTest,
  server: readonly string[],
  words: readonly string[] = [],
  env: Record<string, string> = {},
): Promise<Started> {
  const all = wrapWords(["--agent", "bot", "--dir", stack.dir, ...words, "--", process.execPath, ...server]);
  return start(process.execPath, all, env);
}

const textOf = (result: unknown): string => JSON.stringify(Reflect.get(Object(result), "content"));

test("a real server of files: lists, permits, denies, defers, approves, and is otherwise the same as without", async () => {
  const files = realpathSync(mkdtempSync(join(tmpdir(), "faramesh-mcp-")));
  writeFileSync(join(files, "a.txt"), "hello");
  const policy = `agent "bot" {
  default deny
  permit read_text_file if path contains "a.txt"
  defer write_file
  permit list_directory
}`;
  try {
    await onStack(policy, async (stack) => {
      const server = [serverOf("filesystem"), files];
      const plain = await start(process.execPath, server);
      const wrapped = await startWrapped(stack, server);
      try {
        assert.equal(wrapped.client.getServerVersion(), plain.client.getServerVersion());
        assert.equal(wrapped.client.getServerCapabilities(), plain.client.getServerCapabilities());
        const read = { name: "read_text_file", arguments: { path: join(files, "a.txt") } };
        assert.equal(await wrapped.client.callTool(read), await plain.client.callTool(read));
        const all = (await plain.client.listTools()).tools;
        const shown = (await wrapped.client.listTools()).tools;
        assert.equal(shown.map(({ name }) => name).sort(), ["list_directory", "read_text_file", "write_file"]);
        assert.equal(
          shown.find(({ name }) => name === "list_directory"),
          all.find(({ name }) => name === "list_directory"),
        );
        assert.match(shown.find(({ name }) => name === "write_file")?.description ?? "", "A person is asked");
        const other = await wrapped.client.callTool({
          name: "read_text_file",
          arguments: { path: join(files, "b.txt") },
        });
        assert.equal([other.isError, Reflect.get(Object(other.structuredContent), "code")], [true, "POLICY_DENY"]);
        const write = { name: "write_file", arguments: { path: join(files, "b.txt"), content: "new" } };
        const asked = await wrapped.client.callTool(write);
        assert.is(asked.isError, true);
        const approval = String(Reflect.get(Object(asked.structuredContent), "approval_id"));
        await stack.approve(approval);
        assert.match(textOf(await wrapped.client.callTool(write)), "Successfully wrote");
        assert.is(readFileSync(join(files, "b.txt"), "utf8"), "new");
        const decisions = (await stack.records()).filter(({ type }) => type === "decision");
        assert.equal(
          decisions.map(({ tool, effect, door }) => [tool, effect, door]),
          [
            ["read_text_file", "permit", "socket/mcp"],
            ["read_text_file", "deny", "socket/mcp"],
            ["write_file", "defer", "socket/mcp"],
            ["write_file", "permit", "socket/mcp"],
          ],
        );
        assert.is(new Set(decisions.map(({ session_id }) => session_id)).size, 1);
      } finally {
        await wrapped.client.close();
        await plain.client.close();
      }
    });
  } finally {
    rmSync(files, { recursive: true });
  }
});

test("a real server of everything: resources, prompts, progress and its own requests go through; names may have the server's", async () => {
  await onStack(`agent "bot" { default permit deny every/echo if message == "no" }`, async (stack) => {
    const server = [serverOf("everything"), "stdio"];
    const plain = await start(process.execPath, server);
    const wrapped = await startWrapped(stack, server, ["--server", "every"]);
    try {
      for (const ask of [
        (client: Client) => client.listResources(),
        (client: Client) => client.listPrompts(),
        (client: Client) => client.listResourceTemplates(),
        (client: Client) => client.ping(),
        (client: Client) => client.callTool({ name: "echo", arguments: { message: "yes" } }),
      ]) {
        assert.equal(await ask(wrapped.client), await ask(plain.client));
      }
      const names = async (client: Client) => (await client.listTools()).tools.map(({ name }) => name);
      assert.equal(await names(wrapped.client), await names(plain.client));
      assert.is((await wrapped.client.callTool({ name: "echo", arguments: { message: "no" } })).isError, true);
      const many = Array.from({ length: 40 }, (_, i) =>
        wrapped.client.callTool({ name: "echo", arguments: { message: `m${i}` } }),
      );
      for (const [i, result] of (await Promise.all(many)).entries()) assert.match(textOf(result), `m${i}`);
    } finally {
      await wrapped.client.close();
      await plain.client.close();
    }
  });
});

test("a real server of memory: what it is permitted it keeps, what it is denied it keeps too", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-mcp-"));
  try {
    await onStack(`agent "bot" { default deny permit create_entities permit read_graph }`, async (stack) => {
      const env = { MEMORY_FILE_PATH: join(dir, "memory.jsonl") };
      const { client } = await startWrapped(stack, [serverOf("memory")], [], env);
      try {
        const entities = [{ name: "ana", entityType: "person", observations: ["pays"] }];
        await client.callTool({ name: "create_entities", arguments: { entities } });
        const gone = await client.callTool({ name: "delete_entities", arguments: { entityNames: ["ana"] } });
        assert.is(Reflect.get(Object(gone.structuredContent), "code"), "POLICY_DENY");
        assert.match(textOf(await client.callTool({ name: "read_graph", arguments: {} })), "ana");
        assert.equal((await client.listTools()).tools.map(({ name }) => name).sort(), [
          "create_entities",
          "read_graph",
        ]);
      } finally {
        await client.close();
      }
    });
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test("without a daemon no call runs and no tool is shown", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-mcp-"));
  mkdirSync(join(dir, "files"));
  try {
    const server = ["--", process.execPath, serverOf("filesystem"), join(dir, "files")];
    const { client } = await start(process.execPath, wrapWords(["--dir", dir, ...server]), {
      FARAMESH_SOCKET: join(dir, "none.sock"),
    });
    const denied = await client.callTool({ name: "list_directory", arguments: { path: join(dir, "files") } });
    assert.is(Reflect.get(Object(denied.structuredContent), "code"), "DAEMON_UNREACHABLE");
    let why = "";
    await client.listTools().catch((error: unknown) => (why = String(error)));
    assert.match(why, "no tool can be shown");
    await client.close();
  } finally {
    rmSync(dir, { recursive: true });
  }
});

/** Answers the handshake, then does what `work` says at the first call. */
const serverThat = (work: string): string[] => [
  "-e",
  `let rest = "";
const say = (value) => process.stdout.write(JSON.stringify({ jsonrpc: "2.0", ...value }) + "\\n");
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\\n");
  rest = lines.pop();
  for (const line of lines) {
    const { id, method, params } = JSON.parse(line);
    if (method === "initialize") say({ id, result: { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: "bad", version: "1" } } });
    if (method === "tools/call") { ${work} }
  }
});`,
];

const misbehaviours: readonly { readonly name: string; readonly work: string; readonly seen: RegExp }[] = [
  { name: "dies in the middle", work: "process.exit(3)", seen: /the server has ended|closed/i },
  {
    name: "writes a line without end",
    work: `const more = () => process.stdout.write("x".repeat(65536), more); more();`,
    seen: /ended|closed/i,
  },
  {
    name: "writes what is no message first",
    work: `process.stdout.write("not json\\n[1]\\n{}\\n"); say({ id: 99, result: {} }); say({ id, result: { content: [{ type: "text", text: "fine" }] } })`,
    seen: /fine/,
  },
];

for (const { name, work, seen } of misbehaviours) {
  test(`a server that ${name} leaves the client an answer, and nothing running`, async () => {
    await onStack(`agent "bot" { default permit }`, async (stack) => {
      const { client, transport } = await startWrapped(stack, serverThat(work));
      const { pid } = transport;
      const answer = await client.callTool({ name: "x" }).then(JSON.stringify, String);
      assert.match(answer, seen);
      await client.close();
      await ended(pid);
    });
  });
}

test("what a server starts ends with it, and a signal ends both", async () => {
  await onStack(`agent "bot" { default permit }`, async (stack) => {
    const work = `const { spawn } = require("node:child_process");
      const { pid } = spawn("sleep", ["60"], { stdio: "inherit" });
      process.stdin.on("end", () => {});
      say({ id, result: { content: [{ type: "text", text: String(pid) }] } })`;
    const { client, transport } = await startWrapped(stack, serverThat(work));
    const started = Number(Reflect.get(Object((await client.callTool({ name: "x" })).content), 0).text);
    process.kill(transport.pid ?? 0, "SIGTERM");
    await ended(transport.pid);
    await ended(started);
    await client.close();
  });
});

async function ended(pid: number | null): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    try {
      process.kill(pid ?? 0, 0);
    } catch {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error("the wrap still runs");
}

test.run();
