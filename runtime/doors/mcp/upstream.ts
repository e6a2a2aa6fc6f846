// A server behind the door, as one session sees it: a process of its own over stdio, or a session of its own over HTTP. What either says
// is handed on unread; what it needs of the daemon's environment is named by the policy, and nothing else of it is passed.
import { type ChildProcess, spawn } from "node:child_process";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { checkedFetch } from "../../outgoing/fetch.ts";
import { errorText, isMembers, messageLimitBytes } from "../../sdk/mcp/message.ts";
import type { Declared } from "./declared.ts";
import { pump, send } from "./lines.ts";
import { killGroup, stopServer } from "./process.ts";

const headMs = 30_000;
const lastWordsMs = 500;
const internalError = -32603;

export interface Upstream {
  /** A whole message. */
  send(text: string | Uint8Array): void;
  /** Ends the server's process or session. `ended` is not called any more. */
  close(): void;
}

export interface UpstreamEvents {
  message(bytes: Uint8Array): Promise<void>;
  /** Once, when it ends by itself. */
  ended(why: string): void;
}

/** What processes inherit: nothing that could hold a secret. */
const inherited = ["PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR"] as const;

export interface UpstreamPlace {
  /** Of the stack: where processes run. */
  readonly dir: string;
  readonly env: NodeJS.ProcessEnv;
  allowPrivate(): boolean;
}

export function openUpstream(declared: Declared, place: UpstreamPlace, events: UpstreamEvents): Upstream {
  return declared.kind === "process" ? new Process(declared, place, events) : new Remote(declared, place, events);
}

class Process implements Upstream {
  readonly #child: ChildProcess;
  #isOver = false;

  constructor({ command, passEnv }: Declared & { kind: "process" }, place: UpstreamPlace, events: UpstreamEvents) {
    const [program = "", ...words] = command;
    const names = [...inherited, ...passEnv];
    const env = Object.fromEntries(
      names.flatMap((name) => (place.env[name] === undefined ? [] : [[name, place.env[name]]])),
    );
    const child = spawn(program, words, { cwd: place.dir, env, stdio: ["pipe", "pipe", "ignore"], detached: true });
    this.#child = child;
    const end = (why: string): void => {
      if (this.#isOver) return;
      this.close();
      events.ended(why);
    };
    child.once("error", (error) => end(`it could not be started: ${error.message}`));
    const { stdin, stdout } = child;
    if (stdin === null || stdout === null) throw new Error("the server has no pipes");
    stdin.on("error", () => {});
    const read = pump(stdout, {
      into: [],
      take: (bytes) => (this.#isOver ? Promise.resolve() : events.message(bytes)),
      tooLong: () => end(`it wrote a message of more than ${messageLimitBytes} bytes`),
    });
    child.once("exit", () => {
      killGroup(child, "SIGKILL");
      const late = setTimeout(() => stdout.destroy(), lastWordsMs);
      void read.finally(() => {
        clearTimeout(late);
        end("it has ended");
      });
    });
  }

  send(text: string | Uint8Array): void {
    if (this.#child.stdin !== null && !this.#isOver) send(this.#child.stdin, text);
  }

  close(): void {
    this.#isOver = true;
    if (this.#child.pid !== undefined) stopServer(this.#child);
  }
}

/** By the official client's transport: one session of streamable HTTP. */
class Remote implements Upstream {
  readonly #transport: StreamableHTTPClientTransport;
  readonly #events: UpstreamEvents;
  #initializeId: unknown;
  #isOver = false;
  /** Messages go one after another until the session is there. */
  #turn: Promise<void> = Promise.resolve();

  constructor({ url, token }: Declared & { kind: "remote" }, place: UpstreamPlace, events: UpstreamEvents) {
    this.#events = events;
    const fetch = checkedFetch(() => place.allowPrivate(), { answerBytes: messageLimitBytes, headMs });
    this.#transport = new StreamableHTTPClientTransport(new URL(url), {
      fetch,
      ...(token === null ? {} : { requestInit: { headers: { authorization: `Bearer ${token}` } } }),
    });
    this.#transport.onmessage = (message) => {
      const { id, result } = message as { id?: unknown; result?: unknown };
      if (
        id !== undefined &&
        id === this.#initializeId &&
        isMembers(result) &&
        typeof result.protocolVersion === "string"
      )
        this.#transport.setProtocolVersion(result.protocolVersion);
      if (!this.#isOver) void events.message(Buffer.from(JSON.stringify(message)));
    };
    // Of single requests, which fail by themselves.
    this.#transport.onerror = () => {};
    void this.#transport.start();
  }

  send(text: string | Uint8Array): void {
    const message = JSON.parse(String(typeof text === "string" ? text : Buffer.from(text))) as {
      id?: string | number;
      method?: string;
    };
    const isInitialize = message.method === "initialize";
    if (isInitialize) this.#initializeId = message.id;
    const sent = (isInitialize ? Promise.resolve() : this.#turn).then(() =>
      this.#transport.send(message as Parameters<StreamableHTTPClientTransport["send"]>[0]),
    );
    if (isInitialize || message.method === "notifications/initialized") this.#turn = sent.catch(() => {});
    sent.catch((error: unknown) => {
      if (this.#isOver || message.id === undefined || message.method === undefined) return;
      const why = error instanceof Error ? error.message : String(error);
      const text = errorText(message.id, internalError, `the server cannot be asked: ${why.slice(0, 200)}`);
      void this.#events.message(Buffer.from(text));
    });
  }

  close(): void {
    this.#isOver = true;
    void this.#transport
      .terminateSession()
      .catch(() => {})
      .then(() => this.#transport.close())
      .catch(() => {});
  }
}
