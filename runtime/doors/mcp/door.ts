// The door of `runtime { mcp_proxy_port }`: streamable HTTP on the loopback in front of the servers that the policy declares. It comes and
// goes with the policy in force, and must never let a call reach a server that the holder of an agent's token was not permitted.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Decider } from "../../decide.ts";
import type { Environment } from "../../fixed-settings.ts";
import type { Governor } from "../../governor.ts";
import { errorText, readMessage } from "../../sdk/mcp/message.ts";
import { standardHeaders } from "../http/app.ts";
import { Bodies } from "../http/bodies.ts";
import { ownHosts, turnedAway } from "../http/guard.ts";
import { httpLimits } from "../http/limits.ts";
import type { Door } from "../kinds.ts";
import type { ProviderView } from "../views.ts";
import type { ClientSession } from "./client-session.ts";
import { declaredIn } from "./declared.ts";
import { type McpDoorPlace, Sessions } from "./sessions.ts";

const loopback = "127.0.0.1";
const parseError = -32700;
const bearer = /^Bearer ([\x21-\x7e]+)$/i;

export class McpDoor {
  readonly #governor: Governor;
  readonly #env: Environment;
  readonly #sessions: Sessions;
  readonly #bodies = new Bodies(httpLimits);
  readonly #sockets = new Set<Socket>();
  #faults: ReadonlyMap<string, string> = new Map();
  #declared: readonly string[] = [];
  #server: Server | null = null;
  #wanted: number | null = null;
  #address: string | null = null;
  #failure: string | null = null;
  #isOver = false;
  #turn: Promise<void> = Promise.resolve();

  constructor(governor: Governor, decider: Decider, place: McpDoorPlace) {
    this.#governor = governor;
    this.#env = place.env;
    this.#sessions = new Sessions(governor, decider, place);
  }

  doors(): readonly (readonly [Door, string])[] {
    return this.#address === null ? [] : [["mcp", `${this.#address}/mcp`]];
  }

  get connections(): number {
    return this.#sockets.size;
  }

  notices(): readonly string[] {
    const { size } = this.#faults;
    const closed = this.#declared.length > 0 && this.#wanted === null && size < this.#declared.length;
    return [
      ...(this.#failure === null ? [] : [this.#failure]),
      ...(closed ? ["providers of type `mcp` are declared, and `mcp_proxy_port` is not set: nothing serves them"] : []),
      ...this.#sessions.notes(),
    ];
  }

  /** The declared servers as `status` shows them. */
  views(): readonly ProviderView[] {
    return this.#declared.map((name) => {
      const fault = this.#faults.get(name) ?? null;
      const down = fault ?? (this.#wanted === null ? null : this.#failure);
      const status = down !== null ? "down" : this.#address === null ? "not_started" : "ready";
      return { name, type: "mcp", status, why: down, restarts: 0 };
    });
  }

  /** Looks at the policy in force, and opens or closes. Resolves when it listens, or cannot. */
  takePolicy(): Promise<void> {
    const { active } = this.#governor.policies;
    const blocks = active?.declarations.blocks ?? [];
    const { servers, faults } = declaredIn(blocks, this.#env);
    this.#faults = faults;
    this.#declared = [...servers.map(({ name }) => name), ...faults.keys()];
    this.#sessions.setServers(servers);
    this.#turn = this.#turn.then(() => this.#take());
    return this.#turn;
  }

  async #take(): Promise<void> {
    const port = this.#governor.policies.active?.policy.runtime().mcp_proxy_port;
    const wanted = typeof port === "number" ? port : null;
    if (this.#server === null) this.#failure = null;
    if (wanted === this.#wanted && (wanted === null || this.#server !== null)) return;
    this.#close();
    this.#wanted = wanted;
    if (wanted !== null && !this.#isOver) await this.#listen(wanted);
  }

  async #listen(wanted: number): Promise<void> {
    const { headBytes: maxHeaderSize, headMs: headersTimeout, idleMs: keepAliveTimeout, connections } = httpLimits;
    const bounds = { maxHeaderSize, headersTimeout, requestTimeout: httpLimits.requestMs, keepAliveTimeout };
    const server = createServer({ ...bounds, insecureHTTPParser: false, noDelay: true }, (incoming, outgoing) => {
      void this.#onRequest(incoming, outgoing);
    });
    server.maxConnections = connections;
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    });
    this.#server = server;
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen({ host: loopback, port: wanted, exclusive: true }, () => {
          server.removeListener("error", reject);
          resolve();
        });
      });
      server.on("error", (error) => this.#governor.journal.error({ err: error }, "the door for MCP"));
      if (this.#server !== server) return void server.close();
      this.#address = `http://${loopback}:${(server.address() as AddressInfo).port}`;
      this.#governor.journal.info({ address: this.#address }, "listening for MCP");
    } catch (error) {
      this.#server = null;
      const why = error instanceof Error ? error.message : String(error);
      this.#failure = `the door for MCP does not listen on ${loopback}:${wanted}: ${why}`;
      this.#governor.journal.error({ err: error }, "the door for MCP does not listen");
    }
  }

  /** Never rejects. */
  async #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    try {
      await this.#handle(incoming, outgoing);
    } catch (error) {
      this.#governor.journal.error({ err: error }, "a request for MCP could not be handled");
      refuse(outgoing, 500, "the request could not be handled");
    }
  }

  async #handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const turned = turnedAway(incoming, httpLimits, ownHosts(loopback, null));
    if (turned !== null) return refuse(outgoing, turned.status, turned.message);
    const server = this.#pathOf(incoming.url ?? "");
    if (server === null) return refuse(outgoing, 404, "there is nothing here: /mcp or /mcp/<server>");
    const { wallUs } = this.#governor.ledger.clock.now();
    const token = this.#governor.tokens.find(bearer.exec(incoming.headers.authorization ?? "")?.[1] ?? "", wallUs);
    if (token === null || token.role !== "agent") {
      return refuse(outgoing, 401, "a token of an agent is needed: Authorization: Bearer …");
    }
    const body = incoming.method === "POST" ? await this.#bodies.read(incoming) : null;
    if (body !== null && "status" in body) return refuse(outgoing, body.status, "the body could not be read");
    try {
      const bytes = body?.bytes ?? null;
      const message = bytes === null ? null : readMessage(bytes);
      if (message?.kind === "unreadable") return answer(outgoing, 400, errorText(message.id, parseError, message.why));
      const shown = incoming.headers["mcp-session-id"];
      const isBeginning = shown === undefined && message?.kind === "request" && message.method === "initialize";
      const agent = incoming.headers["x-faramesh-agent"];
      const session = isBeginning
        ? this.#sessions.begin(token, server, typeof agent === "string" ? agent : null)
        : this.#sessions.find(String(shown), token, server);
      if (typeof session === "string") return refuse(outgoing, 503, session);
      // Another's session is none.
      if (session === null)
        return refuse(outgoing, shown === undefined ? 400 : 404, "no such session: it begins with `initialize`");
      await pass(incoming, outgoing, session, bytes);
    } finally {
      body?.release();
    }
  }

  /** "" for all servers; null for a path that is none. */
  #pathOf(url: string): string | null {
    if (url === "/mcp" || url === "/mcp/") return "";
    const name = /^\/mcp\/([^/?#]+)$/.exec(url)?.[1];
    return name !== undefined && this.#sessions.isServer(name) ? name : null;
  }

  tick(): void {
    this.#sessions.tick();
  }

  /** For good. */
  finish(): void {
    this.#isOver = true;
    this.#close();
  }

  #close(): void {
    this.#sessions.endAll();
    this.#server?.close();
    this.#server = null;
    this.#address = null;
    for (const socket of this.#sockets) socket.destroySoon();
  }
}

/** One request, and its answer as it comes. */
async function pass(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  session: ClientSession,
  bytes: Buffer | null,
): Promise<void> {
  const headers = new Headers();
  for (const [name, value] of Object.entries(incoming.headers)) {
    // The transport has no business with it.
    if (value !== undefined && name !== "authorization") headers.set(name, String(value));
  }
  const { response, body } = await session.handle(
    new Request(`http://${loopback}${incoming.url}`, { method: incoming.method ?? "GET", headers }),
    bytes,
  );
  outgoing.writeHead(response.status, { ...Object.fromEntries(response.headers), ...standardHeaders });
  if (body === null) return void outgoing.end();
  outgoing.flushHeaders();
  outgoing.once("close", () => body.destroy());
  body.on("error", () => outgoing.destroy());
  body.pipe(outgoing);
}

function refuse(outgoing: ServerResponse, status: number, why: string): void {
  answer(outgoing, status, errorText(null, -32000, why));
}

/** The connection ends with a refusal: what follows on it was not read. */
function answer(outgoing: ServerResponse, status: number, text: string): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  const length = String(Buffer.byteLength(text));
  outgoing.writeHead(status, {
    ...standardHeaders,
    "content-type": "application/json",
    "content-length": length,
    connection: "close",
  });
  outgoing.end(text);
}
