// From a request whose head was looked at to its route: who asks, what they ask, the body within its bounds, and the answer. It
// must never tell a stranger anything, and never hold more of a request than the limits say.
import type { IncomingMessage, ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import { type Context, Hono } from "hono";
import * as v from "valibot";
import { connectionsShare, defaultFloodLimits, FloodGate } from "../../flood.ts";
import type { Identity } from "../../identity.ts";
import type { JsonObject } from "../../json.ts";
import { parseJson } from "../../json.ts";
import { type TokenView, tokensMax } from "../../tokens.ts";
import { type Around, type Asked, answered, type Caller, isObject, type Reply, type Route, refused } from "./asked.ts";
import { Bodies } from "./bodies.ts";
import type { Metrics } from "./metrics.ts";
import { noQuery } from "./schemas.ts";

type Bindings = { readonly incoming: IncomingMessage; readonly outgoing: ServerResponse };
type Here = Context<{ Bindings: Bindings }>;

const bearer = /^Bearer ([\x21-\x7e]+)$/i;
/** Marks a request that belongs to no route. */
const nowhere = "none";

export class App {
  readonly hono = new Hono<{ Bindings: Bindings }>();
  readonly #around: Around;
  readonly #metrics: Metrics;
  readonly #bodies: Bodies;
  /** By token: a loop of denials of one agent must not silence the others. */
  readonly #gates = new Map<string, FloodGate>();
  readonly #allGate: FloodGate;
  #relieved: (() => void)[] = [];

  constructor(around: Around, routes: readonly Route[], metrics: Metrics) {
    this.#around = around;
    this.#metrics = metrics;
    this.#bodies = new Bodies(around.limits);
    const { burst, perSecond } = defaultFloodLimits;
    const shared = { burst: burst * connectionsShare, perSecond: perSecond * connectionsShare };
    this.#allGate = new FloodGate(shared, this.#nowUs());
    around.governor.ledger.log.onRelief(() => {
      for (const go of this.#relieved.splice(0)) go();
    });
    for (const route of routes) {
      const path = route.path.replace(/\{([a-z_]+)\}/g, ":$1");
      this.hono.on(route.method, path, (context) => this.#answer(context, route));
    }
    for (const path of new Set(routes.map((route) => route.path))) this.#refuseOthers(path, routes);
    this.hono.notFound((context) => this.#send(context, nowhere, refused(404, "NOT_FOUND", "there is nothing here")));
    this.hono.onError((error, context) => {
      around.governor.journal.error({ err: error }, "a request over HTTP could not be handled");
      return this.#send(context, nowhere, refused(500, "INTERNAL", "the request could not be handled"));
    });
  }

  #refuseOthers(path: string, routes: readonly Route[]): void {
    const methods = routes.filter((route) => route.path === path).map(({ method }) => method);
    const allow = methods.includes("GET") ? [...methods, "HEAD"] : methods;
    this.hono.all(path.replace(/\{([a-z_]+)\}/g, ":$1"), (context) => {
      const answer = refused(405, "METHOD_NOT_ALLOWED", `here go ${allow.join(", ")}`);
      return this.#send(context, path, { ...answer, headers: { allow: allow.join(", ") } });
    });
  }

  #nowUs(): number {
    return this.#around.governor.ledger.clock.now().wallUs;
  }

  async #answer(context: Here, route: Route): Promise<Response> {
    const { incoming, outgoing } = context.env;
    const caller = await this.#callerOf(incoming, route);
    if (caller !== null && "status" in caller) return this.#send(context, route.path, caller);
    const query = queryOf(incoming.url ?? "");
    if (query === null || !v.is(route.query ?? noQuery, query)) {
      return this.#send(context, route.path, refused(400, "BAD_QUERY", "the query is not one that is known here"));
    }
    const asked: Asked = {
      around: this.#around,
      caller,
      params: context.req.param(),
      query,
      body: null,
      incoming,
      outgoing,
    };
    if (route.method !== "POST") return this.#finish(context, route, await route.handle(asked));
    return this.#withBody(context, route, asked);
  }

  async #withBody(context: Here, route: Route, asked: Asked): Promise<Response> {
    const read = await this.#bodies.read(asked.incoming);
    if ("status" in read) return this.#send(context, route.path, read);
    try {
      const body = bodyOf(read.bytes);
      if (typeof body === "string") {
        const reply = await (route.unreadable?.(asked, body) ?? refused(400, "BAD_REQUEST", body));
        return this.#send(context, route.path, reply);
      }
      if (route.isChecked === true && route.body !== undefined && !v.is(route.body, body)) {
        return this.#send(context, route.path, refused(400, "BAD_REQUEST", faultOf(route, body)));
      }
      // A disk that lags makes callers wait, as it does on the socket.
      if (this.#around.governor.ledger.log.isPressed) {
        await new Promise<void>((resolve) => this.#relieved.push(resolve));
      }
      return this.#finish(context, route, await route.handle({ ...asked, body }));
    } finally {
      read.release();
    }
  }

  /** Null for an open route; a refusal where the route is not for whoever asks. */
  async #callerOf({ headers }: IncomingMessage, route: Route): Promise<Caller | Reply | null> {
    if (route.access === "open") return null;
    const shown = bearer.exec(headers.authorization ?? "")?.[1] ?? "";
    const found = this.#around.governor.tokens.find(shown, this.#nowUs());
    const vouched = found === null && isJwt(shown) ? await this.#vouched(shown) : null;
    const token = found ?? vouched?.token ?? null;
    if (token === null) {
      const answer = refused(401, "UNAUTHORIZED", "a token that is in force is needed: Authorization: Bearer …");
      return { ...answer, headers: { "www-authenticate": 'Bearer realm="faramesh"' } };
    }
    if (!route.access.includes(token.role)) {
      return refused(403, "FORBIDDEN", `this is not for the token of an ${token.role}`);
    }
    const { traceparent } = headers;
    const trace = typeof traceparent === "string" ? { traceparent } : {};
    const own = vouched?.own ?? { agentId: token.agent_id, recorded: `token:${token.id}` };
    const identity: Identity = { ...own, door: "http", ...trace };
    return { token, identity, gate: this.#gateOf(token) };
  }

  /** A token of a provider of identities that the policy names; null for one that is not believed. */
  async #vouched(shown: string): Promise<Vouched | null> {
    const { identities } = this.#around.governor;
    if (!identities.isDeclared) return null;
    const found = identities.find(shown) ?? (await identities.verify(shown));
    if (typeof found === "string") return null;
    const { agentId, by, claims } = found;
    const made = { created_at: "", created_by: by, expires_at: null };
    const token: TokenView = { id: `${by}:${agentId}`, role: "agent", agent_id: agentId, ...made };
    return { token, own: { agentId, recorded: by, principal: claims } };
  }

  #gateOf({ id }: TokenView): FloodGate {
    const known = this.#gates.get(id);
    if (known !== undefined) return known;
    // More than there may be tokens: some were revoked.
    if (this.#gates.size >= tokensMax) this.#gates.clear();
    const gate = new FloodGate(defaultFloodLimits, this.#nowUs(), this.#allGate);
    this.#gates.set(id, gate);
    return gate;
  }

  #finish(context: Here, route: Route, reply: Reply | typeof answered): Response {
    if (reply !== answered) return this.#send(context, route.path, reply);
    this.#metrics.count(route.path, 200);
    return RESPONSE_ALREADY_SENT;
  }

  #send(_context: Here, route: string, reply: Reply): Response {
    this.#metrics.count(route, reply.status);
    return new Response(reply.text, {
      status: reply.status,
      headers: { ...standardHeaders, "content-type": reply.type ?? "application/json", ...reply.headers },
    });
  }
}

interface Vouched {
  readonly token: TokenView;
  readonly own: Pick<Identity, "agentId" | "recorded" | "principal">;
}

/** Three parts, as RFC 7515 writes them; our own tokens have no dot. */
function isJwt(shown: string): boolean {
  return /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/.test(shown);
}

/** With every answer: nothing of it is to be kept, guessed at, or shown in a page. */
export const standardHeaders = {
  "cache-control": "no-store",
  "x-content-type-options": "nosniff",
  "cross-origin-resource-policy": "same-origin",
} as const;

function bodyOf(bytes: Buffer): JsonObject | string {
  const parsed = parseJson(bytes);
  if (!parsed.ok) return `not JSON: ${parsed.message}`;
  return isObject(parsed.value) ? parsed.value : "a message is an object";
}

function faultOf({ body }: Route, value: JsonObject): string {
  if (body === undefined) return "the body does not fit";
  const [issue] = v.safeParse(body, value).issues ?? [];
  const path = issue === undefined ? null : v.getDotPath(issue);
  return path === null ? "the body does not fit" : `\`${path}\` is missing or does not fit`;
}

/** Null where a name stands twice. */
function queryOf(url: string): Record<string, string> | null {
  const at = url.indexOf("?");
  const query: Record<string, string> = {};
  if (at === -1) return query;
  for (const [name, value] of new URLSearchParams(url.slice(at + 1))) {
    if (Object.hasOwn(query, name)) return null;
    query[name] = value;
  }
  return query;
}
