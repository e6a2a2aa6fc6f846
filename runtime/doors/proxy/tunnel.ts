// CONNECT: a tunnel to a host and port that was permitted. What goes through it is the agent's and the host's alone: neither read nor
// kept. A tunnel must never outlive its agent's token, or an order that stops the agent.
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import { plainly } from "../../outgoing/checked.ts";
import { type ProxyCaller, proxyCallerOf } from "./caller.ts";
import { isPrivate, placeOf } from "./forward.ts";
import { faultOfHead } from "./head.ts";
import { ask, fault, type ProxyLimits, type ProxyParts, refusal, type Said, tell, unknownCaller } from "./parts.ts";
import { connectTarget, namesTarget } from "./target.ts";

interface Tunnel {
  readonly caller: ProxyCaller;
  close(): void;
}

const reasons: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  407: "Proxy Authentication Required",
  502: "Bad Gateway",
};

export class Tunnels {
  readonly #parts: ProxyParts;
  readonly #limits: ProxyLimits;
  readonly #open = new Set<Tunnel>();

  constructor(parts: ProxyParts, limits: ProxyLimits) {
    this.#parts = parts;
    this.#limits = limits;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Takes a connection over from the server. Never rejects. */
  async take(incoming: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    socket.on("error", () => {});
    const say = (words: Said): void => {
      if (!socket.destroyed) socket.end(`${headOf(words)}${words.text}`);
    };
    try {
      await this.#take(incoming, socket, head, say);
    } catch (error) {
      this.#parts.governor.journal.error({ err: error }, "a tunnel could not be opened");
      say(fault(502, "FAULT", "the tunnel could not be opened"));
    }
  }

  async #take(incoming: IncomingMessage, socket: Socket, head: Buffer, say: (said: Said) => void): Promise<void> {
    const { headers, url = "" } = incoming;
    const wrong = faultOfHead(incoming, true);
    if (wrong !== null) return say(fault(400, "BAD_HEAD", wrong));
    const { governor } = this.#parts;
    const caller = proxyCallerOf(headers, governor.tokens, governor.ledger.clock.now().wallUs, "forward-proxy");
    if (caller === null) return say(unknownCaller());
    const target = connectTarget(url);
    if (typeof target === "string") return say(fault(400, "BAD_TARGET", target));
    const isNamed = headers.host === undefined && incoming.httpVersion === "1.0";
    if (!isNamed && !namesTarget(headers.host, target, true)) {
      return say(fault(400, "HOST_MISMATCH", "the header `host` and the target name two hosts"));
    }
    const { host, port } = target;
    const call = { tool_id: "http/connect", args: { host, port }, http: { host, port, method: "CONNECT" } };
    const answer = await ask(this.#parts, caller, call);
    if (answer.effect !== "PERMIT") return say(refusal(answer));
    const failed = (why: string): Promise<void> =>
      tell(this.#parts, caller, answer.action_id, { status: "failed", result: { why } });
    const lookup = await placeOf(this.#parts, target);
    if (typeof lookup === "string") {
      say(lookup === isPrivate ? fault(403, "PRIVATE_ADDRESS", lookup) : fault(502, "UPSTREAM_FAILED", lookup));
      return failed(lookup);
    }
    const upstream = connect({ host, port, lookup, allowHalfOpen: true });
    const why = await connected(upstream, this.#limits.connectMs);
    if (why !== null) {
      say(fault(502, "UPSTREAM_FAILED", `no connection: ${why}`));
      return failed(why);
    }
    socket.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    if (head.length > 0) upstream.write(head);
    await this.#join(caller, socket, upstream);
    const result = { sent_bytes: upstream.bytesWritten, received_bytes: upstream.bytesRead };
    await tell(this.#parts, caller, answer.action_id, { status: "succeeded", result });
  }

  /** Until both have ended. */
  #join(caller: ProxyCaller, socket: Socket, upstream: Socket): Promise<void> {
    const close = (): void => {
      socket.destroy();
      upstream.destroy();
    };
    const tunnel = { caller, close };
    this.#open.add(tunnel);
    for (const one of [socket, upstream]) {
      one.on("error", close);
      one.setTimeout(this.#limits.idleMs, close);
    }
    socket.pipe(upstream);
    upstream.pipe(socket);
    // What one side has lost, the other must not wait for.
    socket.once("close", () => upstream.destroySoon());
    return new Promise((resolve) => {
      upstream.once("close", () => {
        this.#open.delete(tunnel);
        socket.destroySoon();
        resolve();
      });
    });
  }

  /** Closes those of agents that were stopped, and of tokens that are out of force. */
  tick(): void {
    const { governor } = this.#parts;
    const isKilled = governor.policies.active?.declarations.killedByDefault ?? false;
    for (const { caller, close } of this.#open) {
      const isStopped = governor.holds.of(caller.agentId, isKilled) !== null;
      if (isStopped || governor.tokens.get(caller.token.id) === null) close();
    }
  }

  closeAll(): void {
    for (const { close } of this.#open) close();
  }
}

function headOf({ status, headers }: Said): string {
  const lines = Object.entries({ ...headers, connection: "close" }).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${reasons[status] ?? "Refused"}\r\n${lines.join("")}\r\n`;
}

/** Null when it stands; why not otherwise, and then it is gone. */
function connected(upstream: Socket, timeoutMs: number): Promise<string | null> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => upstream.destroy(new Error("the connection took too long")), timeoutMs);
    upstream.once("connect", () => {
      clearTimeout(timer);
      resolve(null);
    });
    upstream.on("error", (error) => {
      clearTimeout(timer);
      resolve(plainly(error));
    });
  });
}
