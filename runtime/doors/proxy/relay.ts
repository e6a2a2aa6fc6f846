// One request sent on, and its answer handed back as it comes: streams in both directions, framed anew by us, so that where a message
// ends is never the sender's word alone. It must never send a body without its framing.
import { type IncomingMessage, request as plainRequest, type ServerResponse } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { pipeline } from "node:stream";
import { plainly } from "../../outgoing/checked.ts";
import { passedOn } from "./head.ts";
import { fault, type ProxyLimits, type Said } from "./parts.ts";

export interface Onward {
  readonly isSecure: boolean;
  readonly host: string;
  readonly port: number;
  readonly lookup: LookupFunction;
  /** Path and query. */
  readonly path: string;
  /** As they go out, without framing. */
  readonly headers: readonly string[];
  /** Null: the request's own, as it comes. */
  readonly body: Buffer | null;
}

export interface Relayed {
  /** Of the other side; null where it has not answered. */
  readonly status: number | null;
  /** Why not, or why not to its end. */
  readonly why: string | null;
}

const framing = ["content-length", "transfer-encoding"];

/** Resolves when the answer has gone back whole, or cannot. `say` answers where nothing was sent back yet. Never rejects. */
export function relay(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  onward: Onward,
  limits: ProxyLimits,
  say: (said: Said) => void,
): Promise<Relayed> {
  return new Promise((resolve) => {
    let status: number | null = null;
    const end = (why: string | null): void => {
      if (why !== null && !outgoing.headersSent) say(fault(502, "UPSTREAM_FAILED", `no answer: ${why}`));
      else if (why !== null) outgoing.destroy();
      resolve({ status, why });
    };
    const send = onward.isSecure ? tlsRequest : plainRequest;
    const sent = send({
      host: onward.host,
      port: onward.port,
      lookup: onward.lookup,
      agent: false,
      method: incoming.method,
      path: onward.path,
      headers: framed(incoming, onward),
      ...(onward.isSecure && isIP(onward.host) === 0 ? { servername: onward.host } : {}),
    });
    const connecting = setTimeout(() => sent.destroy(new Error("the connection took too long")), limits.connectMs);
    sent.once("socket", (socket) => {
      const taken = onward.isSecure ? "secureConnect" : "connect";
      socket.once(taken, () => clearTimeout(connecting));
    });
    sent.setTimeout(limits.idleMs, () => sent.destroy(new Error("nothing came for too long")));
    sent.once("error", (error) => end(plainly(error)));
    sent.once("close", () => clearTimeout(connecting));
    outgoing.once("close", () => sent.destroy());
    sent.once("response", (answer) => {
      status = answer.statusCode ?? 502;
      try {
        outgoing.writeHead(status, passedOn(answer.rawHeaders));
      } catch (error) {
        sent.destroy();
        return end(plainly(error));
      }
      pipeline(answer, outgoing, (error) => end(error == null ? null : plainly(error)));
    });
    if (onward.body !== null) sent.end(onward.body);
    else pipeline(incoming, sent, () => {});
  });
}

/** Node frames a body of GET or DELETE only where it is told to; without, its bytes would be the next request. */
function framed({ headers }: IncomingMessage, { headers: kept, body }: Onward): string[] {
  const rest = withoutFraming(kept);
  if (body !== null) {
    const isFramed = body.length > 0 || headers["content-length"] !== undefined;
    return isFramed ? [...rest, "content-length", String(body.length)] : rest;
  }
  if (headers["transfer-encoding"] !== undefined) return [...rest, "transfer-encoding", "chunked"];
  return headers["content-length"] === undefined ? rest : [...rest, "content-length", headers["content-length"]];
}

function withoutFraming(headers: readonly string[]): string[] {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index] ?? "";
    if (!framing.includes(name.toLowerCase())) kept.push(name, headers[index + 1] ?? "");
  }
  return [...kept, "connection", "close"];
}
