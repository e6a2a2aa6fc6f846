// Which of several servers a request is for: by the name before a tool or a prompt, by who listed a resource, by who began a task. A
// request whose place is not known goes nowhere.
import type { Json, JsonObject } from "../../json.ts";
import { isObject } from "../http/asked.ts";

/** Resources, templates and tasks that are remembered, of all servers. */
const knownMax = 10_000;

export interface Place {
  readonly server: string;
  /** As the server knows them. */
  readonly params: JsonObject;
}

type Reader = (places: Places, params: JsonObject, servers: readonly string[]) => Place | string;

const byName: Reader = (_places, params, servers) => {
  const found = splitName(params.name, servers);
  return found === null ? unknown("name", params.name) : { ...found, params: { ...params, name: found.name } };
};

const byUri: Reader = (places, params) => {
  const server = places.ownerOf(params.uri);
  return server === null ? unknown("uri", params.uri) : { server, params };
};

const byTask: Reader = (places, params) => {
  const server = typeof params.taskId === "string" ? places.taskOwner(params.taskId) : null;
  return server === null ? unknown("taskId", params.taskId) : { server, params };
};

const byReference: Reader = (places, params, servers) => {
  const { ref = null } = params;
  if (!isObject(ref)) return "`ref` is missing";
  if (typeof ref.uri === "string") {
    const server = places.ownerOf(ref.uri);
    return server === null ? unknown("uri", ref.uri) : { server, params };
  }
  const found = splitName(ref.name, servers);
  if (found === null) return unknown("name", ref.name);
  return { server: found.server, params: { ...params, ref: { ...ref, name: found.name } } };
};

const readers: ReadonlyMap<string, Reader> = new Map([
  ["tools/call", byName],
  ["prompts/get", byName],
  ["resources/read", byUri],
  ["resources/subscribe", byUri],
  ["resources/unsubscribe", byUri],
  ["completion/complete", byReference],
  ["tasks/get", byTask],
  ["tasks/result", byTask],
  ["tasks/cancel", byTask],
]);

export class Places {
  readonly #uris = new Map<string, string>();
  readonly #templates = new Map<
    string,
    { readonly server: string; readonly before: string; readonly behind: string }
  >();
  readonly #tasks = new Map<string, string>();

  isRouted(method: string): boolean {
    return readers.has(method);
  }

  /** Or why there is none. */
  of(method: string, params: JsonObject, servers: readonly string[]): Place | string {
    const read = readers.get(method);
    if (read === undefined) return `\`${method}\` does not say which server it is for: ask at /mcp/<server>`;
    return read(this, params, servers);
  }

  /** False where another server was there first. `key`: "uri" or "uriTemplate". */
  take(server: string, key: string, named: string): boolean {
    if (key === "uri") return claim(this.#uris, named, server) === server;
    const known = this.#templates.get(named);
    if (known !== undefined) return known.server === server;
    if (this.#templates.size >= knownMax) return false;
    const [before = "", ...rest] = named.split(/\{[^}]*\}/);
    this.#templates.set(named, { server, before, behind: rest.at(-1) ?? "" });
    return true;
  }

  /** Of what a server answered: a task that it began. */
  learn(server: string, { task = null }: JsonObject): void {
    if (isObject(task) && typeof task.taskId === "string") claim(this.#tasks, task.taskId, server);
  }

  /** Who listed a resource, or else the only one with a template that it fits. */
  ownerOf(uri: Json | undefined): string | null {
    if (typeof uri !== "string") return null;
    const listed = this.#uris.get(uri) ?? this.#templates.get(uri)?.server;
    if (listed !== undefined) return listed;
    const fitting = new Set<string>();
    for (const { server, before, behind } of this.#templates.values()) {
      const isFit = before !== "" && uri.length >= before.length + behind.length;
      if (isFit && uri.startsWith(before) && uri.endsWith(behind)) fitting.add(server);
    }
    const [only] = fitting;
    return fitting.size === 1 && only !== undefined ? only : null;
  }

  taskOwner(taskId: string): string | null {
    return this.#tasks.get(taskId) ?? null;
  }

  forget(server: string): void {
    for (const known of [this.#uris, this.#tasks])
      for (const [name, owner] of known) if (owner === server) known.delete(name);
    for (const [name, template] of this.#templates) if (template.server === server) this.#templates.delete(name);
  }
}

function claim(known: Map<string, string>, name: string, server: string): string | null {
  const owner = known.get(name);
  if (owner !== undefined) return owner;
  if (known.size >= knownMax) return null;
  known.set(name, server);
  return server;
}

/** `github/create_issue`: names of servers have no slash. */
function splitName(name: Json | undefined, servers: readonly string[]): { server: string; name: string } | null {
  if (typeof name !== "string") return null;
  const at = name.indexOf("/");
  const server = name.slice(0, at);
  return at > 0 && servers.includes(server) ? { server, name: name.slice(at + 1) } : null;
}

function unknown(member: string, value: Json | undefined): string {
  const shown = typeof value === "string" ? JSON.stringify(value.slice(0, 200)) : "what it is";
  return `no server is known for \`${member}\` ${shown}: lists come first, and names are <server>/<name>`;
}
