// A stack with an HTTP door, and clients for it: one that behaves, and one that sends bytes as they are.
import { request as httpRequest, type OutgoingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { askOperator } from "../../../runtime/doors/client.ts";
import { type HttpLimits, httpLimits } from "../../../runtime/doors/http/limits.ts";
import { startDaemon } from "../../../runtime/start-daemon.ts";
import type { TokenRole } from "../../../runtime/tokens.ts";
import { onStack, type StackUnderTest } from "../stack-under-test.ts";

export { startDaemon };

export interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

export interface Asking {
  readonly method?: string;
  readonly token?: string | null;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer | object;
}

export class HttpUnderTest {
  readonly stack: StackUnderTest;
  /** Of the agent "bot". */
  token = "";

  constructor(stack: StackUnderTest) {
    this.stack = stack;
  }

  get port(): number {
    return Number(new URL(this.stack.daemon.httpAddress() ?? "").port);
  }

  async tokenOf(role: TokenRole, agent_id?: string): Promise<{ readonly token: string; readonly id: string }> {
    const wanted = { role, actor: "tester", ...(agent_id === undefined ? {} : { agent_id }) };
    const { token, created } = await askOperator(this.stack.dir, "tokens_create", wanted);
    return { token, id: created.id };
  }

  /** A body that is an object is sent as JSON. POST where there is one. */
  ask(path: string, asking: Asking = {}): Promise<Answered> {
    const { body, token = this.token } = asking;
    const isBytes = typeof body === "string" || Buffer.isBuffer(body);
    const bytes = body === undefined ? null : Buffer.from(isBytes ? body : JSON.stringify(body));
    const headers: OutgoingHttpHeaders = {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(bytes === null ? {} : { "content-type": "application/json", "content-length": bytes.length }),
      ...asking.headers,
    };
    const method = asking.method ?? (bytes === null ? "GET" : "POST");
    return new Promise((resolve, reject) => {
      const outgoing = httpRequest({ host: "127.0.0.1", port: this.port, path, method, headers }, (incoming) => {
        let text = "";
        incoming.setEncoding("utf8");
        incoming.on("data", (chunk: string) => {
          text += chunk;
        });
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, text }));
        incoming.on("error", reject);
      });
      outgoing.on("error", reject);
      outgoing.end(bytes);
    });
  }

  connect(): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.port, "127.0.0.1");
      socket.once("connect", () => resolve(socket));
      socket.once("error", reject);
    });
  }

  /** Sends bytes and gives all that comes back until the end. */
  async raw(...pieces: readonly string[]): Promise<string> {
    const socket = await this.connect();
    let text = "";
    socket.setEncoding("latin1");
    socket.on("data", (chunk: string) => {
      text += chunk;
    });
    const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    socket.on("error", () => {});
    for (const piece of pieces) {
      socket.write(piece, "latin1");
      await new Promise(setImmediate);
    }
    await ended;
    return text;
  }
}

export interface HttpOptions {
  readonly limits?: Partial<HttpLimits>;
  readonly segmentBytes?: number;
}

/** Runs `work` on a stack that listens on a free port, with a token of the agent "bot". */
export async function onHttp(
  policy: string | null,
  work: (http: HttpUnderTest) => Promise<void>,
  options: HttpOptions = {},
): Promise<void> {
  const settings = {
    http: { listen: "127.0.0.1:0", cert: null, key: null },
    httpLimits: { ...httpLimits, ...options.limits },
    ...(options.segmentBytes === undefined ? {} : { segmentBytes: options.segmentBytes }),
  };
  await onStack(
    policy,
    async (stack) => {
      const http = new HttpUnderTest(stack);
      http.token = (await http.tokenOf("agent", "bot")).token;
      await work(http);
    },
    settings,
  );
}
