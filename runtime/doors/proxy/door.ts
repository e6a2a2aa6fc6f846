// The proxy of `runtime { http_proxy_port }`: a server on the loopback that comes and goes with the policy in force. It must never
// serve on another address, nor go on serving when the policy no longer asks for it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Decider } from "../../decide.ts";
import { defaultFloodLimits, FloodGate } from "../../flood.ts";
import type { Governor } from "../../governor.ts";
import { stampOf } from "../../policy.ts";
import { type TokenView, tokensMax } from "../../tokens.ts";
import type { Door } from "../kinds.ts";
import { type Listening, listenAt } from "../listen.ts";
import { forward } from "./forward.ts";
import { faultOfHead } from "./head.ts";
import { DocumentFailure } from "./openapi.ts";
import { fault, type ProxyLimits, type ProxyParts, proxyLimits, type Said } from "./parts.ts";
import { Reverse } from "./reverse.ts";
import { readService } from "./service-file.ts";
import { Tunnels } from "./tunnel.ts";
import { upstreamOf } from "./upstream.ts";

/** Sentences of status. */
const leftOutShownMax = 10;
const loopback = "127.0.0.1";

interface Open {
  readonly wanted: number;
  readonly server: Server;
  readonly sockets: Set<Socket>;
  readonly tunnels: Tunnels;
  address: string | null;
  /** Null where the socket could not be opened. */
  local: Listening | null;
}

/** The stack's folder, and the socket for agents that have no network. */
export interface ProxyPlaces {
  readonly dir: string;
  readonly socket: string;
}

export class ProxyDoor {
  readonly #parts: ProxyParts;
  readonly #limits: ProxyLimits;
  readonly #gates = new Map<string, FloodGate>();
  readonly #allGate: FloodGate;
  /** Connections on which a request was refused: what stands behind it may be its other half, and is not heard. */
  readonly #distrusted = new WeakSet<Socket>();
  #open: Open | null = null;
  #failure: string | null = null;
  readonly #places: ProxyPlaces;
  #isOver = false;
  #reverse: Reverse | null = null;
  #aboutService: readonly string[] = [];
  #turn: Promise<void> = Promise.resolve();

  constructor(governor: Governor, decider: Decider, places: ProxyPlaces, limits: ProxyLimits = proxyLimits) {
    this.#places = places;
    this.#limits = limits;
    this.#allGate = new FloodGate(defaultFloodLimits, governor.ledger.clock.now().wallUs);
    this.#parts = {
      governor,
      decider,
      allowPrivate: () => governor.policies.active?.policy.runtime().allow_private === true,
      gateOf: (token) => this.#gateOf(token),
    };
  }

  /** Those that are open, with their address. */
  doors(): readonly (readonly [Door, string])[] {
    const { address } = this;
    if (address === null) return [];
    const socket = this.#open?.local === null ? [] : [["forward-proxy", this.#places.socket] as const];
    return [
      ["forward-proxy", address],
      ...socket,
      ...(this.#reverse === null ? [] : [["reverse-proxy", address] as const]),
    ];
  }

  /** `http://127.0.0.1:8888`; null where it does not listen. */
  get address(): string | null {
    return this.#open?.address ?? null;
  }

  get connections(): number {
    return this.#open?.sockets.size ?? 0;
  }

  notices(): readonly string[] {
    return [...(this.#failure === null ? [] : [this.#failure]), ...this.#aboutService];
  }

  /** Looks at the policy in force, and opens or closes. Resolves when it listens, or cannot. */
  takePolicy(): Promise<void> {
    // At once: a request under the new policy is not read by the earlier one's document.
    this.#reverse = null;
    this.#aboutService = [];
    this.#turn = this.#turn.then(() => this.#take());
    return this.#turn;
  }

  async #take(): Promise<void> {
    const { active } = this.#parts.governor.policies;
    // One that could not be opened is tried again.
    if (this.#open === null) this.#failure = null;
    const { http_proxy_port: port, http_upstream: upstream, http_openapi: file } = active?.policy.runtime() ?? {};
    const wanted = typeof port === "number" ? port : null;
    if (wanted !== null && typeof upstream === "string" && typeof file === "string") await this.#serve(upstream, file);
    if (wanted === (this.#open?.wanted ?? null)) return;
    this.close();
    if (wanted !== null && !this.#isOver) await this.#listen(wanted);
  }

  /** A service whose document cannot be read is none, and status says why. */
  async #serve(upstream: string, file: string): Promise<void> {
    const { ledger, policies, journal } = this.#parts.governor;
    const place = upstreamOf(upstream);
    try {
      if (place === null) throw new DocumentFailure("`http_upstream` is no address of a service");
      const { service, sha256 } = await readService(this.#places.dir, file);
      if (!ledger.isUsable || policies.active === null || this.#isOver) return;
      const detail = { file, sha256, operations: service.operations.length };
      ledger.append("mark", stampOf(policies.active), { kind: "openapi", detail }, ledger.clock.now());
      this.#reverse = new Reverse(this.#parts, this.#limits, place, service);
      this.#aboutService = service.leftOut.slice(0, leftOutShownMax).map((one) => `${file}: left out: ${one}`);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!(error instanceof DocumentFailure)) journal.error({ err: error }, "the service behind the proxy");
      this.#aboutService = [`the proxy has no service behind it: ${why}`];
    }
  }

  async #listen(wanted: number): Promise<void> {
    const { governor } = this.#parts;
    const tunnels = new Tunnels(this.#parts, this.#limits);
    const sockets = new Set<Socket>();
    const server = this.#server(tunnels, sockets);
    const open: Open = { wanted, server, sockets, tunnels, address: null, local: null };
    this.#open = open;
    server.on("error", (error) => governor.journal.error({ err: error }, "the proxy"));
    try {
      await listening(server, wanted);
      open.address = `http://${loopback}:${(server.address() as AddressInfo).port}`;
      const toServer = (socket: Socket): void => void server.emit("connection", socket);
      const local = await listenAt(this.#places.socket, this.#limits.connections, toServer);
      // A policy, or the end, may have come in between.
      if (this.#open === open) open.local = local;
      else local.close();
      governor.journal.info({ address: open.address }, "the proxy listens");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      governor.journal.error({ err: error }, "the proxy does not listen");
      if (this.#open === open) this.close();
      this.#failure = `the proxy does not listen on ${loopback}:${wanted} and at ${this.#places.socket}: ${why}`;
    }
  }

  #server(tunnels: Tunnels, sockets: Set<Socket>): Server {
    const { headBytes, headMs, idleMs, connections } = this.#limits;
    const options = {
      maxHeaderSize: headBytes,
      headersTimeout: headMs,
      requestTimeout: 0,
      keepAliveTimeout: idleMs,
      insecureHTTPParser: false,
      requireHostHeader: true,
      noDelay: true,
    };
    const server = createServer(options, (incoming, outgoing) => void this.#onRequest(incoming, outgoing));
    server.maxConnections = connections;
    server.setTimeout(idleMs);
    server.on("connection", (socket: Socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    server.on("connect", (incoming: IncomingMessage, socket: Socket, head: Buffer) => {
      void tunnels.take(incoming, socket, head);
    });
    return server;
  }

  /** Never rejects. */
  async #onRequest(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    // Held here: a request that was given up has none any more.
    const { socket } = incoming;
    if (this.#distrusted.has(socket)) return;
    const say = ({ status, headers, text }: Said): void => {
      if (outgoing.headersSent || outgoing.destroyed) return;
      this.#distrusted.add(socket);
      outgoing.writeHead(status, { ...headers, connection: "close" });
      outgoing.end(text);
      incoming.resume();
    };
    try {
      const wrong = faultOfHead(incoming, false);
      if (wrong !== null) return say(fault(400, "BAD_HEAD", wrong));
      if (incoming.url?.startsWith("/") === true) {
        if (this.#reverse !== null) return await this.#reverse.take(incoming, outgoing, say);
        return say(fault(503, "NO_SERVICE", "there is no service behind this proxy"));
      }
      await forward(this.#parts, this.#limits, incoming, outgoing, say);
    } catch (error) {
      this.#parts.governor.journal.error({ err: error }, "a request of the proxy could not be handled");
      say(fault(502, "FAULT", "the request could not be handled"));
    }
  }

  #gateOf({ id }: TokenView): FloodGate {
    const known = this.#gates.get(id);
    if (known !== undefined) return known;
    // More than there may be tokens: some were revoked.
    if (this.#gates.size >= tokensMax) this.#gates.clear();
    const gate = new FloodGate(defaultFloodLimits, this.#parts.governor.ledger.clock.now().wallUs, this.#allGate);
    this.#gates.set(id, gate);
    return gate;
  }

  tick(): void {
    this.#open?.tunnels.tick();
  }

  /** For good. */
  finish(): void {
    this.#isOver = true;
    this.close();
  }

  /** No more connections; requests under way and tunnels end now. */
  close(): void {
    const open = this.#open;
    this.#open = null;
    this.#failure = null;
    if (open === null) return;
    open.server.close();
    open.local?.close();
    open.tunnels.closeAll();
    for (const socket of open.sockets) socket.destroySoon();
  }
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: loopback, port, exclusive: true }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}
