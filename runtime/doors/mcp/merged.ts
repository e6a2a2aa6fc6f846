// Several servers as one: what a client asks goes to the server whose name stands before the tool's, or to all, and their lists are one.
// It must never hand an answer of one server to a question that went to another.
import { canonicalJson, type Json, type JsonObject, parseJson } from "../../json.ts";
import { errorText, type Id, readMessage } from "../../sdk/mcp/message.ts";
import { isObject } from "../http/asked.ts";
import { Places } from "./places.ts";
import type { Upstream } from "./upstream.ts";

/** Pages of one list of one server that are followed. */
const pagesMax = 64;
/** Questions of servers that the client has not answered. */
const asksMax = 256;
/** How long a server may take to begin, or to give a page of a list. */
const listMs = 30_000;
const methodNotFound = -32601;
const invalidParams = -32602;
const internalError = -32603;

type Answer = { readonly result: JsonObject } | { readonly error: Json };

interface Asked {
  readonly server: string;
  readonly settle: (answer: Answer) => void;
}

export interface MergedEvents {
  /** To the client, by way of the decisions. */
  toClient(text: string): void;
  note(line: string): void;
}

/** Lists: the member that holds them, what names an item, and whether the server's name is put before it. */
const lists = new Map([
  ["tools/list", { member: "tools", key: "name", isPrefixed: true, needs: "tools" }],
  ["prompts/list", { member: "prompts", key: "name", isPrefixed: true, needs: "prompts" }],
  ["resources/list", { member: "resources", key: "uri", isPrefixed: false, needs: "resources" }],
  [
    "resources/templates/list",
    { member: "resourceTemplates", key: "uriTemplate", isPrefixed: false, needs: "resources" },
  ],
]);

const toAll: ReadonlySet<string> = new Set(["notifications/initialized", "notifications/roots/list_changed"]);

export class Merged {
  readonly #events: MergedEvents;
  readonly #servers = new Map<string, Upstream>();
  readonly #can = new Map<string, JsonObject>();
  readonly #places = new Places();
  /** By our number: what servers were asked. */
  readonly #asked = new Map<number, Asked>();
  /** By the client's id: our numbers for it. */
  readonly #parts = new Map<string, Set<number>>();
  /** By our number: what servers asked the client. */
  readonly #asks = new Map<number, { readonly server: string; readonly id: Id; readonly token: Json }>();
  #last = 0;

  constructor(events: MergedEvents) {
    this.#events = events;
  }

  add(name: string, server: Upstream): void {
    this.#servers.set(name, server);
  }

  get isEmpty(): boolean {
    return this.#servers.size === 0;
  }

  /** A server is gone: whoever waits for it is told. */
  ended(name: string): void {
    this.#servers.delete(name);
    this.#can.delete(name);
    this.#places.forget(name);
    const error = { code: internalError, message: `the server \`${name}\` has ended` };
    for (const [number, { server, settle }] of [...this.#asked]) {
      if (server !== name) continue;
      this.#asked.delete(number);
      settle({ error });
    }
    for (const [number, { server }] of [...this.#asks]) if (server === name) this.#asks.delete(number);
  }

  /** A message of the client that may go on. Never rejects. */
  async fromClient(text: string | Uint8Array): Promise<void> {
    const parsed = parseJson(typeof text === "string" ? Buffer.from(text) : text, { depth: 128, items: 1_000_000 });
    if (!parsed.ok || !isObject(parsed.value)) return;
    const { id, method, params = null } = parsed.value;
    const given = isObject(params) ? params : {};
    if (typeof method !== "string") return this.#onClientAnswer(parsed.value);
    if (typeof id !== "string" && typeof id !== "number") return this.#onNotification(method, given);
    const answer = await this.#request(id, method, given).catch((error: unknown): Answer => {
      this.#events.note(`a request could not be passed on: ${error instanceof Error ? error.message : String(error)}`);
      return failed(internalError, "the request could not be passed on");
    });
    this.#parts.delete(keyOf(id));
    this.#events.toClient(textOf(id, answer));
  }

  async #request(id: Id, method: string, params: JsonObject): Promise<Answer> {
    if (method === "ping") return { result: {} };
    if (method === "initialize") return this.#initialize(id, params);
    const list = lists.get(method);
    if (list !== undefined) return this.#list(id, method, list);
    if (method === "logging/setLevel") {
      const all = [...this.#can].filter(([, can]) => can.logging !== undefined);
      await Promise.all(all.map(([name]) => this.#ask(id, name, method, params, listMs)));
      return { result: {} };
    }
    const place = this.#places.of(method, params, [...this.#servers.keys()]);
    if (typeof place === "string") {
      const isUnknown = this.#places.isRouted(method);
      return failed(isUnknown ? invalidParams : methodNotFound, place);
    }
    const answer = await this.#ask(id, place.server, method, place.params);
    if ("result" in answer) this.#places.learn(place.server, answer.result);
    return answer;
  }

  async #initialize(id: Id, params: JsonObject): Promise<Answer> {
    const names = [...this.#servers.keys()];
    const answers = await Promise.all(names.map((name) => this.#ask(id, name, "initialize", params, listMs)));
    const versions: string[] = [];
    const instructions: string[] = [];
    const capabilities: Record<string, Json> = {};
    for (const [at, answer] of answers.entries()) {
      const name = names[at] ?? "";
      if ("error" in answer || typeof answer.result.protocolVersion !== "string") {
        this.#events.note(
          `the server \`${name}\` does not begin: ${"error" in answer ? canonicalJson(answer.error).slice(0, 200) : "no version"}`,
        );
        this.#servers.get(name)?.close();
        this.ended(name);
        continue;
      }
      const { result } = answer;
      const can = isObject(result.capabilities ?? null) ? (result.capabilities as JsonObject) : {};
      this.#can.set(name, can);
      versions.push(String(result.protocolVersion));
      if (typeof result.instructions === "string") instructions.push(`${name}: ${result.instructions}`);
      for (const [what, how] of Object.entries(can)) {
        // What one of them can, the whole can.
        const known = capabilities[what];
        capabilities[what] = isObject(known) && isObject(how) ? { ...known, ...how } : how;
      }
    }
    const [version] = versions.sort();
    if (version === undefined) return failed(internalError, "none of the servers begins");
    const serverInfo = { name: "faramesh", version: "1" };
    const begun: JsonObject = { protocolVersion: version, capabilities, serverInfo };
    return { result: instructions.length === 0 ? begun : { ...begun, instructions: instructions.join("\n\n") } };
  }

  async #list(
    id: Id,
    method: string,
    { member, key, isPrefixed, needs }: { member: string; key: string; isPrefixed: boolean; needs: string },
  ): Promise<Answer> {
    const able = [...this.#can].filter(([, can]) => can[needs] !== undefined).map(([name]) => name);
    const whole = await Promise.all(able.map((name) => this.#pages(id, name, method, member)));
    const items = whole.flatMap((found, at) => {
      const server = able[at] ?? "";
      return found.flatMap((item) => {
        const named = item[key];
        if (typeof named !== "string") return [];
        if (isPrefixed) return [{ ...item, [key]: `${server}/${named}` }];
        if (this.#places.take(server, key, named)) return [item];
        this.#events.note(`of \`${server}\`, ${JSON.stringify(named.slice(0, 200))} is another server's already`);
        return [];
      });
    });
    return { result: { [member]: items } };
  }

  async #pages(id: Id, server: string, method: string, member: string): Promise<JsonObject[]> {
    const found: JsonObject[] = [];
    let cursor: Json | undefined;
    for (let page = 0; page < pagesMax; page++) {
      const answer = await this.#ask(id, server, method, cursor === undefined ? {} : { cursor }, listMs);
      if ("error" in answer) {
        this.#events.note(`the server \`${server}\` gives no list: ${canonicalJson(answer.error).slice(0, 200)}`);
        return found;
      }
      const items = answer.result[member];
      if (Array.isArray(items)) found.push(...(items as readonly Json[]).filter(isObject));
      cursor = answer.result.nextCursor;
      if (typeof cursor !== "string") return found;
    }
    return found;
  }

  #ask(id: Id, server: string, method: string, params: JsonObject, timeoutMs?: number): Promise<Answer> {
    const upstream = this.#servers.get(server);
    if (upstream === undefined) return Promise.resolve(failed(internalError, `the server \`${server}\` has ended`));
    const number = ++this.#last;
    const parts = this.#parts.get(keyOf(id)) ?? new Set();
    this.#parts.set(keyOf(id), parts.add(number));
    return new Promise((resolve) => {
      let late: NodeJS.Timeout | undefined;
      const settle = (answer: Answer): void => {
        clearTimeout(late);
        this.#asked.delete(number);
        resolve(answer);
      };
      if (timeoutMs !== undefined) {
        late = setTimeout(() => settle(failed(internalError, `no answer within ${timeoutMs} ms`)), timeoutMs);
      }
      this.#asked.set(number, { server, settle });
      upstream.send(canonicalJson({ jsonrpc: "2.0", id: number, method, params }));
    });
  }

  #onNotification(method: string, params: JsonObject): void {
    if (toAll.has(method)) {
      for (const server of this.#servers.values()) server.send(canonicalJson({ jsonrpc: "2.0", method, params }));
    } else if (method === "notifications/cancelled") {
      const { requestId } = params;
      const parts =
        typeof requestId === "string" || typeof requestId === "number" ? this.#parts.get(keyOf(requestId)) : undefined;
      for (const number of parts ?? []) {
        const server = this.#asked.get(number)?.server;
        if (server !== undefined) this.#tell(server, method, { ...params, requestId: number });
      }
    } else if (method === "notifications/progress") {
      const ask = [...this.#asks.values()].find(({ token }) => token !== null && token === params.progressToken);
      if (ask !== undefined) this.#tell(ask.server, method, params);
    }
  }

  #tell(server: string, method: string, params: JsonObject): void {
    this.#servers.get(server)?.send(canonicalJson({ jsonrpc: "2.0", method, params }));
  }

  /** The client's answer to what a server asked. */
  #onClientAnswer({ id, result, error }: JsonObject): void {
    const ask = typeof id === "number" ? this.#asks.get(id) : undefined;
    if (ask === undefined) return;
    this.#asks.delete(id as number);
    const outcome: JsonObject = result === undefined ? { error: error ?? null } : { result };
    this.#servers.get(ask.server)?.send(canonicalJson({ jsonrpc: "2.0", id: ask.id, ...outcome }));
  }

  /** A message of a server. */
  fromServer(name: string, bytes: Uint8Array): void {
    const read = readMessage(bytes);
    if (read.kind === "unreadable") {
      this.#events.note(`the server \`${name}\` wrote something that is no message: ${read.why}`);
      return;
    }
    const parsed = parseJson(bytes, { depth: 128, items: 1_000_000 });
    if (!parsed.ok || !isObject(parsed.value)) return;
    const message = parsed.value;
    if (read.kind === "response") {
      const asked = typeof read.id === "number" ? this.#asked.get(read.id) : undefined;
      if (asked?.server !== name) return;
      const { result = null } = message;
      asked.settle(isObject(result) ? { result } : { error: message.error ?? null });
    } else if (read.kind === "request") this.#onAsk(name, read.id, message);
    else this.#onServerNotification(name, message);
  }

  #onAsk(server: string, id: Id, message: JsonObject): void {
    if (this.#asks.size >= asksMax) {
      this.#servers.get(server)?.send(errorText(id, internalError, "the client has not answered too many questions"));
      return;
    }
    const number = ++this.#last;
    const meta = isObject(message.params ?? null) ? ((message.params as JsonObject)._meta ?? null) : null;
    const token = isObject(meta) ? (meta.progressToken ?? null) : null;
    this.#asks.set(number, { server, id, token });
    this.#events.toClient(canonicalJson({ ...message, id: number }));
  }

  #onServerNotification(server: string, message: JsonObject): void {
    const { method, params = null } = message;
    if (method !== "notifications/cancelled" || !isObject(params)) {
      this.#events.toClient(canonicalJson(message));
      return;
    }
    for (const [number, ask] of this.#asks) {
      if (ask.server !== server || ask.id !== params.requestId) continue;
      this.#asks.delete(number);
      this.#events.toClient(canonicalJson({ ...message, params: { ...params, requestId: number } }));
    }
  }
}

function failed(code: number, message: string): Answer {
  return { error: { code, message } };
}

function textOf(id: Id, answer: Answer): string {
  if ("error" in answer) return canonicalJson({ jsonrpc: "2.0", id, error: answer.error });
  return canonicalJson({ jsonrpc: "2.0", id, result: answer.result });
}

function keyOf(id: Id): string {
  return JSON.stringify(id);
}
