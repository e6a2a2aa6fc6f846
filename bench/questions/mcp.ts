// What does a decision add to a call of an MCP server's tool? One call at a time through `faramesh mcp wrap`, beside a proxy that reads
// each message and passes it on, both before the same server, over pipes.
import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { daemon } from "../peers/server.ts";
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

  /** The median wait of so many calls, in microseconds. */
  async waits(calls: number): Promise<number> {
    const times: number[] = [];
    for (let i = 0; i < calls; i++) {
      const start = performance.now();
      await this.call();
      times.push((performance.now() - start) * 1000);
    }
    return median(times);
  }

  close(): void {
    this.#process.stdin?.end();
  }
}

export const question: Question = {
  asks: "what a decision adds to a call of an MCP server's tool",
  async measure({ short, bundles }) {
    const rounds = short ? 7 : 21;
    const calls = short ? 50 : 150;
    const script = (name: string): string => join(bundles, `${name}.js`);
    const server = [process.execPath, script("mcp-echo")];
    const daemons = [await daemon(bundles, policy, "async"), await daemon(bundles, policy, "group")];
    const clients: Client[] = [];
    try {
      const pass = new Client([script("mcp-pass"), ...server]);
      const [relaxed, group] = daemons.map(({ socket }) => new Client([script("mcp-wrap"), socket, ...server])) as [
        Client,
        Client,
      ];
      clients.push(pass, relaxed, group);
      for (const client of clients) {
        const answer = await client.call();
        if (!answer.includes("/tmp/1") || answer.includes("isError")) throw new Error(`a call got ${answer}`);
        await client.waits(warmupCalls);
      }
      const times = { pass: [] as number[], async: [] as number[], group: [] as number[] };
      for (let round = 0; round < rounds; round++) {
        times.pass.push(await pass.waits(calls));
        times.async.push(await relaxed.waits(calls));
        times.group.push(await group.waits(calls));
      }
      const added = (name: "async" | "group"): number =>
        median(times[name].map((value, round) => value - (times.pass[round] ?? Number.NaN))) / 1000;
      return [
        { id: "mcp.pass-through", value: median(times.pass), unit: "us" },
        { id: "mcp.wrap", value: median(times.async), unit: "us" },
        { id: "mcp.added", value: added("async"), unit: "ms", atMost: { must: 1, goal: 0.5 } },
        { id: "mcp.added-group", value: added("group"), unit: "ms" },
      ];
    } finally {
      for (const client of clients) client.close();
      for (const one of daemons) await one.remove();
    }
  },
};
