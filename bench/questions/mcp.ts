// What does a decision add to a call of an MCP server's tool? One call at a time through `faramesh mcp wrap`, beside a proxy that reads
// each message and passes it on, both before the same server, over pipes; and the same over HTTP, through the daemon's own door.
import { type ChildProcess, spawn } from "node:child_process";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { askOperator } from "../../runtime/doors/client.ts";
import { daemon, type Server } from "../peers/server.ts";
import type { Question } from "../question.ts";
import { median } from "../timing.ts";

const policy = `agent "bench" {
  default deny
  permit read if path contains "/tmp/"
}`;
const warmupCalls = 200;

class Client {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  #id = 0;

  constructor(words: readonly string[]) {
    this.#process = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "inherit"] });
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("no output");
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  async call(): Promise<string> {
    const id = ++this.#id;
    const params = { name: "read", arguments: { path: `/tmp/${id % 10}`, note: "n".repeat(300) } };
    this.#process.stdin?.write(`${JSON.stringify({ jsonrpc: "2.0", id, method: "tools/call", params })}\n`);
    return String((await this.#answers.next()).value);
  }

  close(): void {
    this.#process.stdin?.end();
  }
}

/** Calls over streamable HTTP on one connection. */
class HttpClient {
  readonly #url: string;
  readonly #headers: Record<string, string>;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  #id = 0;

  constructor(url: string, token: string) {
    this.#url = url;
    const accept = "application/json, text/event-stream";
    this.#headers = { accept, "content-type": "application/json", authorization: `Bearer ${token}` };
  }

  async begin(): Promise<void> {
    const clientInfo = { name: "bench", version: "1" };
    await this.#post("initialize", { protocolVersion: "2025-06-18", capabilities: {}, clientInfo });
  }

  call(): Promise<string> {
    const at = (this.#id + 1) % 10;
    return this.#post("tools/call", { name: "read", arguments: { path: `/tmp/${at}`, note: "n".repeat(300) } });
  }

  #post(method: string, params: object): Promise<string> {
    const body = JSON.stringify({ jsonrpc: "2.0", id: ++this.#id, method, params });
    const headers = { ...this.#headers, "content-length": String(Buffer.byteLength(body)) };
    return new Promise((resolve, reject) => {
      const sent = request(this.#url, { method: "POST", agent: this.#agent, headers }, (answer) => {
        const session = answer.headers["mcp-session-id"];
        if (typeof session === "string") this.#headers["mcp-session-id"] = session;
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => (text += chunk));
        answer.on("end", () => resolve(text));
      });
      sent.on("error", reject);
      sent.end(body);
    });
  }

  close(): void {
    this.#agent.destroy();
  }
}

async function doorOf({ dir }: Server): Promise<HttpClient> {
  const { token } = await askOperator(dir, "tokens_create", { role: "agent", agent_id: "bench", actor: "bench" });
  for (;;) {
    const { doors } = await askOperator(dir, "status", {});
    const address = doors.find(({ door }) => door === "mcp")?.address;
    if (address !== undefined) return new HttpClient(address, token);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function httpPass(words: readonly string[]): Promise<{ client: HttpClient; end(): void }> {
  const child = spawn(process.execPath, words, { stdio: ["pipe", "pipe", "inherit"] });
  const port = await new Promise<string>((resolve) =>
    child.stdout.once("data", (chunk) => resolve(String(chunk).trim())),
  );
  return { client: new HttpClient(`http://127.0.0.1:${port}/mcp`, "none"), end: () => child.stdin.end() };
}

/** The median wait of so many calls, in microseconds. */
async function waitsOf(client: { call(): Promise<string> }, calls: number): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < calls; i++) {
    const start = performance.now();
    await client.call();
    times.push((performance.now() - start) * 1000);
  }
  return median(times);
}

export const question: Question = {
  asks: "what a decision adds to a call of an MCP server's tool",
  async measure({ short, bundles }) {
    const rounds = short ? 7 : 21;
    const calls = short ? 50 : 150;
    const script = (name: string): string => join(bundles, `${name}.js`);
    const server = [process.execPath, script("mcp-echo")];
    const words = server.map((word) => JSON.stringify(word)).join(", ");
    const text = `runtime { mcp_proxy_port = 0 } provider "echo" { type = "mcp" command = [${words}] }\n${policy}`;
    const daemons = [await daemon(bundles, text, "async"), await daemon(bundles, text, "group")] as const;
    const ends: (() => void)[] = [];
    try {
      const wrapped = (words: readonly string[]): Client => {
        const client = new Client(words);
        ends.push(() => client.close());
        return client;
      };
      const far = await httpPass([script("mcp-http-pass"), ...server]);
      const [async, group] = [await doorOf(daemons[0]), await doorOf(daemons[1])];
      ends.push(far.end);
      for (const client of [far.client, async, group]) {
        await client.begin();
        ends.push(() => client.close());
      }
      const ways = {
        pass: wrapped([script("mcp-pass"), ...server]),
        wrap: wrapped([script("mcp-wrap"), daemons[0].socket, ...server]),
        wrapGroup: wrapped([script("mcp-wrap"), daemons[1].socket, ...server]),
        httpPass: far.client,
        door: async,
        doorGroup: group,
      };
      const names = Object.keys(ways) as (keyof typeof ways)[];
      for (const name of names) {
        const answer = await ways[name].call();
        if (!answer.includes("/tmp/") || answer.includes("isError")) throw new Error(`${name}: a call got ${answer}`);
        await waitsOf(ways[name], warmupCalls);
      }
      const times = new Map(names.map((name) => [name, [] as number[]]));
      for (let round = 0; round < rounds; round++)
        for (const name of names) times.get(name)?.push(await waitsOf(ways[name], calls));
      const of = (name: keyof typeof ways): readonly number[] => times.get(name) ?? [];
      const added = (name: keyof typeof ways, over: keyof typeof ways): number =>
        median(of(name).map((value, round) => value - (of(over)[round] ?? Number.NaN))) / 1000;
      return [
        { id: "mcp.pass-through", value: median(of("pass")), unit: "us" },
        { id: "mcp.wrap", value: median(of("wrap")), unit: "us" },
        { id: "mcp.added", value: added("wrap", "pass"), unit: "ms", atMost: { must: 1, goal: 0.5 } },
        { id: "mcp.added-group", value: added("wrapGroup", "pass"), unit: "ms" },
        { id: "mcp.http-pass-through", value: median(of("httpPass")), unit: "us" },
        { id: "mcp.door", value: median(of("door")), unit: "us" },
        { id: "mcp.door-added", value: added("door", "httpPass"), unit: "ms", atMost: { must: 1, goal: 0.5 } },
        { id: "mcp.door-added-group", value: added("doorGroup", "httpPass"), unit: "ms" },
      ];
    } finally {
      for (const end of ends) end();
      for (const one of daemons) await one.remove();
    }
  },
};
