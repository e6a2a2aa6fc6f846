// All doors of a daemon, opened and closed together: the agents' socket, the operator's, and HTTP where it is asked for. When one
// cannot be opened, none must stay open.
import type { Socket } from "node:net";
import type { Logger } from "pino";
import type { Decider } from "../decide.ts";
import type { Desk, House } from "../desk.ts";
import type { FloodLimits } from "../flood.ts";
import type { Governor } from "../governor.ts";
import type { DaemonState, SocketPlaces } from "../stack.ts";
import type { HttpDoor, HttpSettings } from "./http/door.ts";
import type { HttpLimits } from "./http/limits.ts";
import { type Listening, listenAt } from "./listen.ts";
import { OperatorDoor, operatorConnectionsMax } from "./operator.ts";
import { ProxyDoor } from "./proxy/door.ts";
import { AgentDoor, agentConnectionsMax } from "./socket.ts";

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

  constructor(parts: DoorParts) {
    const { governor, decider, desk, token, flood, state } = parts;
    this.#parts = parts;
    this.proxy = new ProxyDoor(governor, decider, { dir: parts.dir, socket: parts.places.proxy });
    this.#operator = new OperatorDoor(desk, parts.house, token);
    this.#agent = new AgentDoor({ governor, decider, desk, token, ...(flood === undefined ? {} : { flood }), state });
  }

  /** Of agents: the operator's do not count, since they hold nothing up. */
  get connections(): number {
    return this.#agent.connections + (this.#http?.connections ?? 0) + this.proxy.connections;
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

  /** Takes nobody in any more; who is inside gets the answers that are under way. */
  finish(): void {
    for (const server of this.#servers) server.close();
    this.#agent.finish();
    this.#operator.finish();
    this.#http?.finish();
    this.proxy.finish();
  }

  destroy(): void {
    this.#agent.destroy();
    this.#operator.destroy();
    this.#http?.destroy();
  }
}
