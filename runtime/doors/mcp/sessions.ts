// The sessions of the door's clients: who began each, at which address, and with which servers behind it. It must never give one to
// another token than began it, nor keep one when its servers are declared otherwise.
import { randomUUID } from "node:crypto";
import type { Decider } from "../../decide.ts";
import type { Environment } from "../../fixed-settings.ts";
import { defaultFloodLimits, FloodGate } from "../../flood.ts";
import type { Governor } from "../../governor.ts";
import type { JsonObject } from "../../json.ts";
import { reachOf } from "../../reach.ts";
import { type TokenView, tokensMax } from "../../tokens.ts";
import { ClientSession } from "./client-session.ts";
import type { Declared } from "./declared.ts";
import { DaemonTransport } from "./judge.ts";

/** Sessions of all clients, each with its servers. */
export const sessionsMax = 64;
/** Of one token: an agent that begins session after session starts process after process. */
export const sessionsPerTokenMax = 16;
/** Without a request or an open stream. */
const idleUs = 30 * 60_000_000;
const notesMax = 8;
const noteLength = 300;

interface Held {
  readonly session: ClientSession;
  readonly tokenId: string;
  /** "" for all. */
  readonly server: string;
  readonly declared: string;
  usedUs: number;
}

export interface McpDoorPlace {
  /** Of the stack: where servers run. */
  readonly dir: string;
  readonly env: Environment;
}

export class Sessions {
  readonly #governor: Governor;
  readonly #decider: Decider;
  readonly #place: McpDoorPlace;
  readonly #held = new Map<string, Held>();
  readonly #gates = new Map<string, FloodGate>();
  readonly #allGate: FloodGate;
  readonly #notes = new Map<string, string>();
  #servers: readonly Declared[] = [];

  constructor(governor: Governor, decider: Decider, place: McpDoorPlace) {
    this.#governor = governor;
    this.#decider = decider;
    this.#place = place;
    this.#allGate = new FloodGate(defaultFloodLimits, governor.ledger.clock.now().wallUs);
  }

  /** The last word about each address, for `status`. */
  notes(): readonly string[] {
    return [...this.#notes.values()];
  }

  /** Sessions end whose servers are declared otherwise. */
  setServers(servers: readonly Declared[]): void {
    this.#servers = servers;
    this.#notes.clear();
    for (const { session, server, declared } of [...this.#held.values()]) {
      if (declaration(this.#serversAt(server), this.#servers) !== declared) session.end();
    }
  }

  isServer(name: string): boolean {
    return this.#servers.some((server) => server.name === name);
  }

  /** The session of that id, where this token began it at this address. */
  find(id: string, token: TokenView, server: string): ClientSession | null {
    const held = this.#held.get(id);
    if (held === undefined || held.tokenId !== token.id || held.server !== server) return null;
    held.usedUs = this.#governor.ledger.clock.now().monoUs;
    return held.session;
  }

  /** Or why there is none. `named`: the agent, where the token is no single agent's. */
  begin(token: TokenView, server: string, named: string | null): ClientSession | string {
    const [first, ...others] = this.#serversAt(server);
    if (first === undefined) return "the policy declares no server";
    if (this.#held.size >= sessionsMax) return `there are ${sessionsMax} sessions already`;
    const own = [...this.#held.values()].filter(({ tokenId }) => tokenId === token.id);
    if (own.length >= sessionsPerTokenMax) return `this token has ${sessionsPerTokenMax} sessions already`;
    const agentId = token.agent_id ?? named;
    if (agentId === null) return "the token is no single agent's: name the agent in X-Faramesh-Agent";
    const id = randomUUID();
    const identity = { agentId: token.agent_id, recorded: `token:${token.id}`, door: "mcp" } as const;
    // With several servers declared, the policy's name of a tool is the same at every address.
    const isPrefixed = server !== "" && this.#servers.length > 1;
    const transport = new DaemonTransport(this.#decider, this.#governor, () => this.#gateOf(token), identity);
    const sessionId = `mcp-${id}`;
    const session = new ClientSession({
      id,
      servers: [first, ...others],
      place: {
        dir: this.#place.dir,
        env: this.#place.env,
        allowPrivate: () => this.#governor.policies.active?.policy.runtime().allow_private === true,
      },
      govern: {
        agentId,
        sessionId,
        transport,
        ...(isPrefixed ? { toolName: (name: string) => `${server}/${name}` } : {}),
      },
      reach: async (names) => this.#reach(agentId, names),
      complete: (params) => transport.complete(agentId, sessionId, params as JsonObject),
      note: (line) => this.#note(server, line),
      onEnd: () => this.#held.delete(id),
    });
    const declared = declaration([first, ...others], this.#servers);
    const usedUs = this.#governor.ledger.clock.now().monoUs;
    this.#held.set(id, { session, tokenId: token.id, server, declared, usedUs });
    return session;
  }

  #serversAt(server: string): readonly Declared[] {
    return server === "" ? this.#servers : this.#servers.filter(({ name }) => name === server);
  }

  #reach(agentId: string, names: readonly string[]): ReturnType<typeof reachOf>[] {
    const { active } = this.#governor.policies;
    if (active === null || this.#governor.state() !== "READY") throw new Error("the daemon is not ready");
    const nowMs = this.#governor.ledger.clock.now().wallUs / 1000;
    return names.map((name) => reachOf(active, agentId, name, nowMs));
  }

  #note(server: string, line: string): void {
    const where = server === "" ? "mcp" : `mcp/${server}`;
    this.#governor.journal.warn({ door: where }, line);
    if (this.#notes.size >= notesMax && !this.#notes.has(where)) return;
    this.#notes.set(where, `${where}: ${line.slice(0, noteLength)}`);
  }

  #gateOf({ id }: TokenView): FloodGate {
    const known = this.#gates.get(id);
    if (known !== undefined) return known;
    // More than there may be tokens: some were revoked.
    if (this.#gates.size >= tokensMax) this.#gates.clear();
    const gate = new FloodGate(defaultFloodLimits, this.#governor.ledger.clock.now().wallUs, this.#allGate);
    this.#gates.set(id, gate);
    return gate;
  }

  /** Sessions end that nobody uses, and those whose token is no more in force. */
  tick(): void {
    const { wallUs, monoUs } = this.#governor.ledger.clock.now();
    for (const held of [...this.#held.values()]) {
      if (held.session.isBusy) held.usedUs = monoUs;
      const isHeld = this.#governor.tokens.isInForce(held.tokenId, wallUs);
      if (!isHeld || monoUs - held.usedUs > idleUs) held.session.end();
    }
  }

  endAll(): void {
    for (const { session } of [...this.#held.values()]) session.end();
  }
}

/** Also whether names are prefixed, which hangs on how many there are. */
function declaration(behind: readonly Declared[], all: readonly Declared[]): string {
  return JSON.stringify([behind, all.length > 1]);
}
