// The way in front of one service: requests that are operations of its OpenAPI document, each a call of the tool that its operationId
// is. What is no such operation, or could be read as another one, never goes on.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { JsonObject } from "../../json.ts";
import { Bodies } from "../http/bodies.ts";
import { httpLimits } from "../http/limits.ts";
import { type ProxyCaller, proxyCallerOf } from "./caller.ts";
import { isPrivate, placeOf } from "./forward.ts";
import { judgedHeaders, passedOn } from "./head.ts";
import type { Service } from "./openapi.ts";
import { fit } from "./operation.ts";
import { ask, fault, type ProxyLimits, type ProxyParts, refusal, type Said, said, tell } from "./parts.ts";
import { relay } from "./relay.ts";
import { splitPath } from "./target.ts";
import type { Upstream } from "./upstream.ts";

/** Servers take another method or path from them than the one that was judged. */
const rewriting = ["x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"];
/** Where a request came from: the caller's word is worth nothing to the service. */
const origins = [
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-proto",
  "x-forwarded-port",
  "x-real-ip",
];

export class Reverse {
  readonly #parts: ProxyParts;
  readonly #limits: ProxyLimits;
  readonly #bodies: Bodies;
  readonly upstream: Upstream;
  readonly service: Service;

  constructor(parts: ProxyParts, limits: ProxyLimits, upstream: Upstream, service: Service) {
    this.#parts = parts;
    this.#limits = limits;
    this.#bodies = new Bodies({ ...httpLimits, bodyBytes: limits.bodyBytes, bodiesBytes: limits.bodiesBytes });
    this.upstream = upstream;
    this.service = service;
  }

  async take(incoming: IncomingMessage, outgoing: ServerResponse, say: (said: Said) => void): Promise<void> {
    const { headers } = incoming;
    const { governor } = this.#parts;
    const caller = proxyCallerOf(headers, governor.tokens, governor.ledger.clock.now().wallUs, "reverse-proxy");
    if (caller === null) return say(noToken());
    const wrong = faultOf(headers);
    if (wrong !== null) return say(fault(400, "BAD_HEAD", wrong));
    const split = splitPath(incoming.url ?? "");
    if (typeof split === "string") return say(fault(400, "BAD_TARGET", split));
    if (Number(headers["content-length"] ?? 0) > this.#limits.bodyBytes) return say(tooLarge(this.#limits));
    const late = setTimeout(() => incoming.destroy(), this.#limits.bodyMs);
    const read = await this.#bodies.read(incoming).finally(() => clearTimeout(late));
    if ("status" in read) return say(said(read.status, JSON.parse(read.text) as object));
    try {
      await this.#judged(incoming, outgoing, caller, { ...split, bytes: read.bytes }, say);
    } finally {
      read.release();
    }
  }

  async #judged(
    incoming: IncomingMessage,
    outgoing: ServerResponse,
    caller: ProxyCaller,
    { path, query, pathAndQuery, bytes }: { path: string; query: JsonObject; pathAndQuery: string; bytes: Buffer },
    say: (said: Said) => void,
  ): Promise<void> {
    const { method = "", rawHeaders } = incoming;
    const fitted = fit(this.service.operations, { method, path, query, headers: incoming.headers, body: bytes });
    if (!fitted.ok) return this.#refused(caller, fitted.tool, fitted.why, say);
    const { host, port, isSecure, basePath } = this.upstream;
    const http = { host, port, method, path: basePath + path, query, headers: judgedHeaders(rawHeaders) };
    const answer = await ask(this.#parts, caller, { tool_id: fitted.tool, args: fitted.args, http });
    if (answer.effect !== "PERMIT") return say(refusal(answer));
    const lookup = await placeOf(this.#parts, this.upstream);
    if (typeof lookup === "string") {
      say(fault(502, lookup === isPrivate ? "PRIVATE_ADDRESS" : "UPSTREAM_FAILED", lookup));
      return tell(this.#parts, caller, answer.action_id, { status: "failed", result: { why: lookup } });
    }
    const authority = `${host.includes(":") ? `[${host}]` : host}${port === (isSecure ? 443 : 80) ? "" : `:${port}`}`;
    const onward = {
      isSecure,
      host,
      port,
      lookup,
      path: basePath + pathAndQuery,
      headers: ["host", authority, ...passedOn(rawHeaders, ["host", ...origins])],
      body: bytes,
    };
    const { status, why } = await relay(incoming, outgoing, onward, this.#limits, say);
    const result = { status, ...(why === null ? {} : { why }) };
    await tell(this.#parts, caller, answer.action_id, { status: why === null ? "succeeded" : "failed", result });
  }

  /** Denied in every mode, and recorded: nobody can say what the service would do. */
  async #refused(caller: ProxyCaller, tool: string | null, why: string, say: (said: Said) => void): Promise<void> {
    const { agentId, sessionId, identity, token } = caller;
    const call = {
      code: "BAD_REQUEST",
      message: why,
      callId: null,
      agentId,
      sessionId: sessionId ?? "default",
    } as const;
    const refused = { ...call, tool: tool ?? "" };
    const answer = await this.#parts.decider.refuse(refused, this.#parts.gateOf(token), identity);
    say(said(tool === null ? 403 : 400, answer, { "x-faramesh-code": answer.reason_code }));
  }
}

function noToken(): Said {
  const message = "a token of an agent is needed: X-Faramesh-Token";
  return said(401, { error: { code: "UNAUTHORIZED", message } });
}

function tooLarge({ bodyBytes }: ProxyLimits): Said {
  return fault(413, "BODY_TOO_LARGE", `a body has at most ${bodyBytes} bytes`);
}

function faultOf(headers: IncomingMessage["headers"]): string | null {
  const other = rewriting.find((name) => headers[name] !== undefined);
  if (other !== undefined) return `the header \`${other}\` would make it another request`;
  // A page whose name was rebound to our address still sends its own name.
  if (!/^(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?$/i.test(headers.host ?? ""))
    return "the header `host` does not name this proxy";
  const isPage = headers.origin !== undefined || headers["sec-fetch-site"] !== undefined;
  return isPage ? "requests of browsers are refused" : null;
}
