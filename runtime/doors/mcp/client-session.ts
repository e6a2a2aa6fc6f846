// One client's session over streamable HTTP: its streams by the official transport, its messages judged, its servers behind it. It ends
// with its token, its policy's declaration, its client's word, or when nobody has used it for long; then so do its servers.
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { type JSONRPCMessage, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";
import type { GovernOptions } from "../../sdk/gate.ts";
import type { AskReach } from "../../sdk/mcp/catalog.ts";
import { isMembers } from "../../sdk/mcp/message.ts";
import { McpSession } from "../../sdk/mcp/session.ts";
import type { Members } from "../../sdk/twin-members.ts";
import type { Declared } from "./declared.ts";
import { Merged } from "./merged.ts";
import { openUpstream, type Upstream, type UpstreamPlace } from "./upstream.ts";

/** What a client may leave unread before its session ends. */
const unreadMaxBytes = 32 * 1024 * 1024;

export interface ClientSessionOptions {
  readonly id: string;
  /** More than one: their tools are named `<server>/<tool>`. */
  readonly servers: readonly [Declared, ...Declared[]];
  readonly place: UpstreamPlace;
  readonly govern: GovernOptions;
  readonly reach: AskReach;
  complete(params: Members): Promise<unknown>;
  note(line: string): void;
  /** Once, however it ends. */
  onEnd(): void;
}

export class ClientSession {
  readonly id: string;
  readonly #options: ClientSessionOptions;
  readonly #transport: WebStandardStreamableHTTPServerTransport;
  readonly #session: McpSession;
  readonly #upstreams: Upstream[] = [];
  /** Ids of requests without an answer, with their progress tokens; the newest last. */
  readonly #open = new Map<string | number, unknown>();
  #streams = 0;
  #sentBytes = 0;
  #takenBytes = 0;
  #isOver = false;

  constructor(options: ClientSessionOptions) {
    this.id = options.id;
    this.#options = options;
    this.#transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => options.id });
    this.#transport.onmessage = (_message, extra) => {
      // As it came: what is judged is what was sent.
      const bytes = extra?.authInfo?.extra?.bytes;
      if (bytes instanceof Uint8Array) void this.#session.fromClient(bytes);
    };
    this.#transport.onclose = () => this.end();
    void this.#transport.start();
    const toServer = this.#behind();
    this.#session = new McpSession({
      govern: options.govern,
      reach: options.reach,
      complete: (params) => options.complete(params),
      toServer,
      toClient: (text) => this.#toClient(text),
      note: options.note,
    });
  }

  /** Streams that are open and requests that wait: a session that is in use. */
  get isBusy(): boolean {
    return this.#streams > 0 || this.#open.size > 0;
  }

  /** One request over HTTP; `bytes` is its body, null where it has none. The answer's body is to be read as it comes. */
  async handle(
    request: Request,
    bytes: Buffer | null,
  ): Promise<{ readonly response: Response; readonly body: Readable | null }> {
    const parsed: unknown = bytes === null ? undefined : JSON.parse(bytes.toString("utf8"));
    if (isMembers(parsed) && typeof parsed.method === "string") this.#remember(parsed);
    const authInfo = { token: "", clientId: "", scopes: [], extra: { bytes } };
    const given = parsed === undefined ? {} : { parsedBody: parsed };
    const response = await this.#transport.handleRequest(request, { ...given, authInfo });
    if (response.body === null) return { response, body: null };
    const body = Readable.fromWeb(response.body as ReadableStream);
    const isStandalone = request.method === "GET" && response.status === 200;
    if (isStandalone) this.#streams++;
    body.on("data", (chunk: Uint8Array) => {
      this.#takenBytes += chunk.length;
    });
    body.once("close", () => {
      if (isStandalone) this.#streams--;
    });
    body.pause();
    return { response, body };
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const upstream of this.#upstreams) upstream.close();
    this.#session.serverEnded("the session has ended");
    void this.#transport.close();
    this.#options.onEnd();
  }

  /** Opens the servers. Gives what takes the client's messages. */
  #behind(): (text: string | Uint8Array) => void {
    const { servers, place, note } = this.#options;
    const [only, ...others] = servers;
    if (others.length === 0) {
      const upstream = openUpstream(only, place, {
        message: (bytes) => this.#session.fromServer(bytes),
        ended: (why) => this.#ended(`the server ${why}`),
      });
      this.#upstreams.push(upstream);
      return (text) => upstream.send(text);
    }
    const merged = new Merged({ toClient: (text) => void this.#session.fromServer(Buffer.from(text)), note });
    for (const declared of servers) {
      const upstream = openUpstream(declared, place, {
        message: async (bytes) => merged.fromServer(declared.name, bytes),
        ended: (why) => {
          note(`the server \`${declared.name}\`: ${why}`);
          merged.ended(declared.name);
          if (merged.isEmpty) this.#ended("all servers have ended");
        },
      });
      this.#upstreams.push(upstream);
      merged.add(declared.name, upstream);
    }
    return (text) => void merged.fromClient(text);
  }

  #ended(why: string): void {
    this.#options.note(why);
    // Who waits is told first.
    this.#session.serverEnded(why);
    setImmediate(() => this.end());
  }

  #remember({ id, params }: { readonly [name: string]: unknown }): void {
    if (typeof id !== "string" && typeof id !== "number") return;
    const meta = isMembers(params) && isMembers(params._meta) ? params._meta : {};
    this.#open.set(id, meta.progressToken);
  }

  #toClient(text: string | Uint8Array): void {
    const message = JSON.parse(typeof text === "string" ? text : Buffer.from(text).toString("utf8")) as {
      readonly id?: string | number;
      readonly method?: string;
      readonly params?: unknown;
    };
    this.#sentBytes += text.length;
    if (this.#sentBytes - this.#takenBytes > unreadMaxBytes) {
      this.#options.note("the client does not read what it is told");
      this.end();
      return;
    }
    const isAnswer = message.method === undefined;
    const related = isAnswer ? undefined : this.#streamFor(message);
    if (isAnswer && message.id !== undefined) this.#open.delete(message.id);
    const options = related === undefined ? {} : { relatedRequestId: related };
    // A stream that its reader has left: there is nobody to be told.
    this.#transport.send(message as JSONRPCMessage, options).catch(() => {});
  }

  /** The request on whose stream a server's word goes; undefined: the client's own stream for what belongs to none. */
  #streamFor({ method, params }: { readonly method?: string; readonly params?: unknown }): string | number | undefined {
    if (method === "notifications/progress" && isMembers(params)) {
      for (const [id, token] of this.#open) if (token !== undefined && token === params.progressToken) return id;
    }
    return this.#streams > 0 ? undefined : [...this.#open.keys()].at(-1);
  }
}
