// A stack with a proxy, servers behind it, and a client that sends bytes as they are.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { askOperator } from "../../../runtime/doors/client.ts";
import type { JsonObject } from "../../../runtime/json.ts";
import { onStack, type StackUnderTest } from "../stack-under-test.ts";

export class ProxyUnderTest {
  readonly stack: StackUnderTest;
  /** Of the agent "bot". */
  token = "";

  constructor(stack: StackUnderTest) {
    this.stack = stack;
  }

  get address(): string | null {
    return this.stack.daemon.doorsOfPolicy()[0]?.[1] ?? null;
  }

  get port(): number {
    return Number(new URL(this.address ?? "http://none").port);
  }

  /** The headers that say who asks. */
  get auth(): string {
    return `Proxy-Authorization: Basic ${Buffer.from(`bot:${this.token}`).toString("base64")}\r\n`;
  }

  async apply(policy: string): Promise<void> {
    await this.stack.apply(policy);
    for (let turn = 0; turn < 200 && this.address === null; turn++) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: this.port, host: "127.0.0.1", allowHalfOpen: true });
      socket.once("connect", () => resolve(socket));
      socket.once("error", reject);
    });
  }

  /** Sends bytes and gives all that comes back until the end. */
  async raw(text: string): Promise<string> {
    const socket = await this.connect();
    let came = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      came += chunk;
    });
    const ended = new Promise<void>((resolve) => {
      socket.once("end", () => resolve());
      socket.once("close", () => resolve());
    });
    socket.on("error", () => {});
    socket.write(text, "latin1");
    await ended;
    socket.destroy();
    return came;
  }

  /** A request in absolute form that ends its connection. */
  ask(method: string, url: string, more = "", body = ""): Promise<string> {
    const { host } = new URL(url);
    return this.raw(
      `${method} ${url} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n${this.auth}${more}\r\n${body}`,
    );
  }

  async decisions(): Promise<readonly JsonObject[]> {
    return (await this.stack.records()).filter(({ type }) => type === "decision");
  }

  /** The outcomes, once there are so many: they are recorded behind the answer. */
  async outcomes(count: number): Promise<readonly JsonObject[]> {
    for (let turn = 0; turn < 400; turn++) {
      const found = (await this.stack.records()).filter(({ type }) => type === "outcome");
      if (found.length >= count) return found;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`no ${count} outcomes`);
  }
}

export function statusOf(answer: string): number {
  return Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(answer)?.[1] ?? 0);
}

export function bodyOf(answer: string): JsonObject {
  return JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)) as JsonObject;
}

/** `policy` without its runtime block; `runtime` is what more stands in that. */
export async function onProxy(
  policy: string,
  work: (proxy: ProxyUnderTest) => Promise<void>,
  runtime = "allow_private = true",
): Promise<void> {
  await onStack(null, async (stack) => {
    const proxy = new ProxyUnderTest(stack);
    await proxy.apply(`runtime { http_proxy_port = 0 ${runtime} }\n${policy}`);
    const wanted = { role: "agent", agent_id: "bot", actor: "tester" } as const;
    ({ token: proxy.token } = await askOperator(stack.dir, "tokens_create", wanted));
    await work(proxy);
  });
}

export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface Behind {
  readonly port: number;
  readonly seen: Seen[];
}

/** Runs `work` with a server that keeps what it was asked. */
export async function withServer(
  work: (behind: Behind) => Promise<void>,
  answer: (seen: Seen, outgoing: ServerResponse) => void = (_seen, outgoing) => outgoing.end("fine"),
): Promise<void> {
  const seen: Seen[] = [];
  const server: Server = createServer((incoming, outgoing) => {
    let body = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (chunk: string) => {
      body += chunk;
    });
    incoming.on("end", () => {
      const one = { method: incoming.method ?? "", url: incoming.url ?? "", headers: incoming.headers, body };
      seen.push(one);
      answer(one, outgoing);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work({ port: (server.address() as AddressInfo).port, seen });
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
