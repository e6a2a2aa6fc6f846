// One session between a client and a server of the Model Context Protocol, with a decision before each `tools/call`. Everything else goes
// through byte for byte. It must never let a call reach the server that has no permit for exactly the arguments it carries.
import { type Entry, type Gate, Gate as Gates, type GovernOptions } from "../gate.ts";
import { denialResult } from "../mcp-denial.ts";
import { sdkDenial, ToolDeniedError } from "../tool-denied-error.ts";
import { callMembers, type Members, twinIn } from "../twin-members.ts";
import { type AskReach, Catalog } from "./catalog.ts";
import { Elicitation } from "./elicitation.ts";
import { errorText, type Id, isMembers, type Message, readMessage, resultText } from "./message.ts";

/** Requests that the server may owe an answer to, and lists of tools among them. */
const unansweredMax = 1024;
const listsMax = 64;
/** What clients read of a list. */
const listMembers: ReadonlySet<string> = new Set(["tools", "nextcursor", "_meta"]);
const completeMethod = "faramesh/tasks/complete";
const invalidRequest = -32600;
const internalError = -32603;

export interface McpSessionOptions {
  /** `toolName` puts the server's name before the tool's where several servers share a policy. */
  readonly govern: GovernOptions;
  readonly reach: AskReach;
  /** How long a client has to say whether a deferred call waits, milliseconds; 5 minutes. */
  readonly answerMs?: number;
  /** Decides whether the agent may say that it is done (`faramesh/tasks/complete`); absent: the method is the server's. */
  complete?(params: Members): Promise<unknown>;
  /** Whole messages, newline excluded. */
  toServer(text: string | Uint8Array): void;
  toClient(text: string | Uint8Array): void;
  /** What is for whoever runs this, and not for the client. */
  note(line: string): void;
}

export class McpSession {
  readonly #options: McpSessionOptions;
  readonly #gate: Gate;
  /** The same, for calls that somebody wants to wait for. */
  readonly #patient: Gate;
  readonly #elicitation: Elicitation;
  readonly #catalog: Catalog;
  /** By id, of calls that wait for their decision. */
  readonly #deciding = new Map<string, AbortController>();
  /** Ids of requests that the server has not answered. */
  readonly #unanswered = new Map<string, Id>();
  readonly #lists = new Set<string>();
  #isEnded = false;

  constructor(options: McpSessionOptions) {
    this.#options = options;
    this.#gate = new Gates(options.govern);
    const { timeoutMs: _, ...rest } = options.govern;
    this.#patient = new Gates({ ...rest, onDefer: "block" });
    this.#elicitation = new Elicitation(options.answerMs);
    this.#catalog = new Catalog((line) => options.note(line));
  }

  /** Calls that wait for their decision, but for those whose client has been asked: its answer must be read. */
  get deciding(): number {
    return this.#deciding.size - this.#elicitation.open;
  }

  /** A message of the client. Resolves when it has been passed on, answered or dropped. Never rejects. */
  async fromClient(bytes: Uint8Array): Promise<void> {
    const message = readMessage(bytes);
    if (message.kind === "unreadable") {
      this.#options.toClient(errorText(message.id, invalidRequest, message.why));
    } else if (message.kind === "notification") this.#onNotification(message, bytes);
    else if (message.kind === "response") {
      if (!this.#elicitation.take(message.id, message.value.result)) this.#options.toServer(bytes);
    } else await this.#onRequest(message, bytes);
  }

  /** A message of the server. Never rejects. */
  async fromServer(bytes: Uint8Array): Promise<void> {
    const message = readMessage(bytes);
    if (message.kind === "unreadable") {
      this.#options.note(`the server wrote something that is no message: ${message.why}`);
      return;
    }
    if (message.kind !== "response") {
      this.#options.toClient(bytes);
      return;
    }
    const key = keyOf(message.id);
    // An answer to nothing that was asked could be taken for one that is still to come.
    if (!this.#unanswered.delete(key)) return;
    if (!this.#lists.delete(key) || !isMembers(message.value.result)) this.#options.toClient(bytes);
    else await this.#onTools(message.id, message.value.result);
  }

  /** The server is gone: whoever waits is told. */
  serverEnded(why: string): void {
    this.#isEnded = true;
    for (const waiting of this.#deciding.values()) waiting.abort();
    for (const id of this.#unanswered.values()) this.#options.toClient(errorText(id, internalError, why));
    this.#unanswered.clear();
    this.#lists.clear();
  }

  #onNotification({ method, value }: Message & { kind: "notification" }, bytes: Uint8Array): void {
    const { params } = value;
    if (method === "tools/call") {
      this.#options.note("a call of a tool without an id was dropped: nobody could be told that it is denied");
      return;
    }
    const cancelled = method === "notifications/cancelled" && isMembers(params) ? params.requestId : undefined;
    const waiting =
      typeof cancelled === "string" || typeof cancelled === "number" ? this.#deciding.get(keyOf(cancelled)) : undefined;
    if (waiting === undefined) this.#options.toServer(bytes);
    else waiting.abort();
  }

  async #onRequest(message: Message & { kind: "request" }, bytes: Uint8Array): Promise<void> {
    const { id, method } = message;
    const key = keyOf(id);
    const { toClient } = this.#options;
    if (this.#isEnded) return toClient(errorText(id, internalError, "the server has ended"));
    if (this.#unanswered.size + this.#deciding.size >= unansweredMax)
      return toClient(errorText(id, invalidRequest, "too many requests wait for the server"));
    if (this.#deciding.has(key) || this.#unanswered.has(key))
      return toClient(errorText(id, invalidRequest, "this id is in use"));
    if (method === "initialize") this.#elicitation.learn(message.params);
    if (method === "tools/call") return this.#onCall(message);
    if (method === completeMethod && this.#options.complete !== undefined) return this.#onComplete(message);
    if (method === "tools/list") {
      if (this.#lists.size >= listsMax) return toClient(errorText(id, invalidRequest, "too many lists are asked for"));
      this.#lists.add(key);
    }
    this.#unanswered.set(key, id);
    this.#options.toServer(bytes);
  }

  async #onCall({ id, params, value }: Message & { kind: "request" }): Promise<void> {
    const { toClient, toServer } = this.#options;
    const { name, arguments: args = {} } = isMembers(params) ? params : {};
    if (typeof name !== "string" || !isMembers(args))
      return toClient(errorText(id, invalidRequest, "tools/call has a `name`, and `arguments` that are an object"));
    const twin = isMembers(value.params) ? twinIn(value.params, callMembers) : null;
    if (twin !== null) return toClient(errorText(id, invalidRequest, twin));
    const key = keyOf(id);
    const waiting = new AbortController();
    this.#deciding.set(key, waiting);
    try {
      const withheld = this.#catalog.withheld(name);
      if (withheld !== null) throw sdkDenial(name, "TOOL_WITHHELD", withheld);
      const entry = await this.#entered(this.#gate.toolName(name), args, waiting.signal);
      // A cancelled request gets no answer, and must not run.
      if (waiting.signal.aborted || !entry.permitted) return;
      this.#unanswered.set(key, id);
      toServer(JSON.stringify({ ...value, params: { ...Object(value.params), arguments: entry.args } }));
    } catch (error) {
      if (this.#isEnded) toClient(errorText(id, internalError, "the server has ended"));
      else if (waiting.signal.aborted) return;
      else if (error instanceof ToolDeniedError) toClient(resultText(id, denialResult(error)));
      else toClient(errorText(id, internalError, "the call could not be judged"));
    } finally {
      this.#deciding.delete(key);
    }
  }

  /** A deferred call waits for a person where the client says so; permitted it is by that person alone. */
  async #entered(tool: string, args: object, signal: AbortSignal): Promise<Entry> {
    try {
      return await this.#gate.enter(tool, args, signal);
    } catch (error) {
      const isDeferred = error instanceof ToolDeniedError && error.effect === "defer";
      if (!isDeferred || this.#options.govern.onDefer === "block") throw error;
      const question = `\`${tool}\` has to be approved by an operator (${error.approvalId ?? "no approval"}). Wait for it?`;
      if (!(await this.#elicitation.ask(question, signal, (text) => this.#options.toClient(text)))) throw error;
      return this.#patient.enter(tool, args, signal);
    }
  }

  async #onComplete({ id, params }: Message & { kind: "request" }): Promise<void> {
    const { toClient, complete } = this.#options;
    const answer = await complete?.(isMembers(params) ? params : {}).catch(() => undefined);
    if (answer === undefined) toClient(errorText(id, internalError, "the completion could not be judged"));
    else toClient(resultText(id, answer));
  }

  async #onTools(id: Id, result: { readonly [name: string]: unknown }): Promise<void> {
    const { toClient, note, reach } = this.#options;
    // `nextCursor` has a capital of its own.
    const { nextCursor: _, ...others } = result;
    const twin = twinIn(others, listMembers);
    if (twin !== null) return toClient(errorText(id, internalError, `the list of tools cannot be shown: ${twin}`));
    try {
      const tools = await this.#catalog.shown(Array.isArray(result.tools) ? result.tools : [], (names) =>
        reach(names.map((name) => this.#gate.toolName(name))),
      );
      toClient(resultText(id, { ...result, tools }));
    } catch (error) {
      note(`the tools cannot be listed: ${error instanceof Error ? error.message : String(error)}`);
      toClient(errorText(id, internalError, "faramesh's daemon does not answer: no tool can be shown"));
    }
  }
}

function keyOf(id: Id): string {
  return JSON.stringify(id);
}
