// All doors of a daemon, opened and closed together: the agents' socket, the operator's, and HTTP where it is asked for. When one
// cannot be opened, none must stay open.
import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { Decider } from "../decide.ts";
import type { Desk, House } from "../desk.ts";
import type { Environment } from "../fixed-settings.ts";
import type { FloodLimits } from "../flood.ts";
import type { Governor } from "../governor.ts";
import type { DaemonState, SocketPlaces } from "../stack.ts";
import type { HttpDoor, HttpSettings } from "./http/door.ts";
import type { HttpLimits } from "./http/limits.ts";
import type { Door } from "./kinds.ts";
import { type Listening, listenAt } from "./listen.ts";
import type { McpDoor } from "./mcp/door.ts";
import { OperatorDoor, operatorConnectionsMax } from "./operator.ts";
import { ProxyDoor } from "./proxy/door.ts";
import { AgentDoor, agentConnectionsMax } from "./socket.ts";
import type { ProviderView } from "./views.ts";

export interface DoorParts {
  readonly governor: Governor;
  readonly decider: Decider;
  readonly desk: Desk;
  readonly house: House;
  readonly journal: Logger;
  /** What an operator shows. */
  readonly token: string;
  /** The stack's. */
  readonly dir: string;
  readonly places: SocketPlaces;
  readonly env: Environment;
  /** Null: no door over HTTP. */
  readonly http: HttpSettings | null;
  readonly flood: FloodLimits | undefined;
  readonly httpLimits: HttpLimits | undefined;
  /** Of the agents' socket, where a service manager listens on it. */
  readonly inherited: number | null;
  readonly state: () => DaemonState;
}

export class Doors {
  readonly #parts: DoorParts;
  readonly #agent: AgentDoor;
  readonly #operator: OperatorDoor;
  readonly #servers: Listening[] = [];
  #http: HttpDoor | null = null;
  /** Opens and closes with the policy in force. */
  readonly proxy: ProxyDoor;
  #mcp: McpDoor | null = null;
  #isOver = false;

  constructor(parts: DoorParts) {
    const { governor, decider, desk, token, flood, state } = parts;
    this.#parts = parts;
    this.proxy = new ProxyDoor(governor, decider, { dir: parts.dir, socket: parts.places.proxy });
    this.#operator = new OperatorDoor(desk, parts.house, token);
    this.#agent = new AgentDoor({ governor, decider, desk, token, ...(flood === undefined ? {} : { flood }), state });
  }

  /** Of agents: the operator's do not count, since they hold nothing up. */
  get connections(): number {
    return (
      this.#agent.connections + (this.#http?.connections ?? 0) + this.proxy.connections + (this.#mcp?.connections ?? 0)
    );
  }

  get httpAddress(): string | null {
    return this.#http?.address ?? null;
  }

  /** Throws ListenFailure and what HTTP's server throws; then nothing listens. */
  async open(): Promise<void> {
    const { places } = this.#parts;
    try {
      const accept = (socket: Socket): void => this.#agent.accept(socket);
      this.#servers.push(await listenAt(places.agent, agentConnectionsMax, accept, this.#parts.inherited));
      this.#servers.push(
        await listenAt(places.operator, operatorConnectionsMax, (socket) => this.#operator.accept(socket)),
      );
      await this.#openHttp();
    } catch (error) {
      for (const server of this.#servers) server.close();
      throw error;
    }
  }

  /** Loaded only where it is asked for: most daemons have no such door. */
  async #openHttp(): Promise<void> {
    const { governor, decider, desk, house, journal, http, httpLimits } = this.#parts;
    if (http === null) return;
    const { openHttpDoor } = await import("./http/door.ts");
    this.#http = await openHttpDoor({ governor, decider, desk, house }, http, httpLimits);
    journal.info({ address: this.#http.address }, "listening over HTTP");
  }

  /** Call when another policy is in force. Resolves when what it asks for is open, or cannot be. */
  async takePolicy(): Promise<void> {
    await Promise.all([this.proxy.takePolicy(), this.#takeMcp()]);
  }

  /** Loaded only where servers are declared. */
  async #takeMcp(): Promise<void> {
    const { governor, decider, dir, env } = this.#parts;
    if (this.#mcp === null) {
      if (this.#declared().length === 0) return;
      const { McpDoor: Opened } = await import("./mcp/door.ts");
      if (this.#isOver) return;
      // Policies may have followed each other meanwhile.
      this.#mcp ??= new Opened(governor, decider, { dir, env });
    }
    await this.#mcp.takePolicy();
  }

  /** Those that came with the policy and are open, with their address. */
  ofPolicy(): readonly (readonly [Door, string])[] {
    return [...this.proxy.doors(), ...(this.#mcp?.doors() ?? [])];
  }

  /** The servers behind the door for MCP. */
  servers(): readonly ProviderView[] {
    const starting = { type: "mcp", status: "starting", why: null, restarts: 0 } as const;
    return this.#mcp?.views() ?? this.#declared().map((name) => ({ name, ...starting }));
  }

  #declared(): readonly string[] {
    const blocks = this.#parts.governor.policies.active?.declarations.blocks ?? [];
    return blocks.flatMap(({ keyword, name, fields }) =>
      keyword === "provider" && fields.type === "mcp" ? [name ?? ""] : [],
    );
  }

  notices(): readonly string[] {
    return [...this.proxy.notices(), ...(this.#mcp?.notices() ?? [])];
  }

  tick(): void {
    this.proxy.tick();
    this.#mcp?.tick();
  }

  /** Takes nobody in any more; who is inside gets the answers that are under way. */
  finish(): void {
    for (const server of this.#servers) server.close();
    this.#agent.finish();
    this.#operator.finish();
    this.#http?.finish();
    this.proxy.finish();
    this.#isOver = true;
    this.#mcp?.finish();
  }

  destroy(): void {
    this.#agent.destroy();
    this.#operator.destroy();
    this.#http?.destroy();
  }
}
