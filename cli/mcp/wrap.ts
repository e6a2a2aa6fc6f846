// A server of the Model Context Protocol over stdio, run behind decisions: the client talks to this process, this process to the server.
// When either ends, so does the other; nothing of the server outlives it.
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { LineReader } from "../../runtime/doors/lines.ts";
import type { Reach } from "../../runtime/reach.ts";
import { isMembers, messageLimitBytes } from "../../runtime/sdk/mcp/message.ts";
import { McpSession } from "../../runtime/sdk/mcp/session.ts";
import { SocketTransport } from "../../runtime/sdk/socket-transport.ts";

/** How long a server that was told to end may take, first by the end of its input, then by SIGTERM. */
const endMs = 2000;
/** How long what a server wrote may take to arrive when it has ended. */
const lastWordsMs = 500;
/** How long the daemon may take to say which tools may be shown. */
const reachTimeoutMs = 10_000;
/** Calls that wait for their decision: no more is read from the client meanwhile. */
const decidingMax = 128;

export interface WrapOptions {
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  readonly agentId: string;
  readonly sessionId: string;
  /** Put before each tool's name, with a slash; null: names are the server's own. */
  readonly server: string | null;
  /** The daemon's socket; absent: found as the SDK finds it. */
  readonly socket?: string;
  /** How long a deferred call waits for a person; 0: it is told to wait and to ask again. */
  readonly waitMs: number;
  readonly input: Readable;
  readonly output: Writable;
  note(line: string): void;
}

/** Resolves to the exit code: the server's own, or 1 where it could not be started or broke the protocol. */
export async function wrap(options: WrapOptions): Promise<number> {
  const { command, env, note } = options;
  const [program, ...words] = command;
  // A group of its own, so that what the server starts ends with it.
  const child = spawn(program, words, { env, stdio: ["pipe", "pipe", "inherit"], detached: true });
  const started = await new Promise<Error | null>((resolve) => {
    child.once("spawn", () => resolve(null));
    child.once("error", resolve);
  });
  if (started !== null) {
    note(`the server could not be started: ${started.message}`);
    return 1;
  }
  const transport = new SocketTransport({
    client: "mcp",
    ...(options.socket === undefined ? {} : { path: options.socket }),
  });
  try {
    return await joined(options, child, transport);
  } finally {
    await transport.close();
  }
}

async function joined(options: WrapOptions, child: ChildProcess, transport: SocketTransport): Promise<number> {
  const { input, output, note, agentId, sessionId, server, waitMs } = options;
  const { stdin, stdout } = child;
  if (stdin === null || stdout === null) throw new Error("the server has no pipes");
  const session = new McpSession({
    govern: {
      agentId,
      sessionId,
      transport,
      ...(server === null ? {} : { toolName: (name: string) => `${server}/${name}` }),
      ...(waitMs === 0 ? {} : { onDefer: "block" as const, timeoutMs: waitMs }),
    },
    reach: async (names) =>
      readReach(await transport.reach(agentId, names, AbortSignal.timeout(reachTimeoutMs)), names),
    toServer: (text) => send(stdin, text),
    toClient: (text) => send(output, text),
    note,
  });
  let broken: string | null = null;
  const end = (why: string | null): void => {
    broken ??= why;
    stopServer(child);
  };
  // The server's end is told by its exit.
  stdin.on("error", () => {});
  output.on("error", () => end(null));
  const signals = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
  const onSignal = (): void => end(null);
  for (const signal of signals) process.on(signal, onSignal);
  const fromServer = pump(stdout, {
    into: [output],
    take: (bytes) => session.fromServer(bytes),
    tooLong: () => end(`the server wrote a message of more than ${messageLimitBytes} bytes`),
  });
  void pump(input, {
    into: [stdin, output],
    take: (bytes) => session.fromClient(bytes),
    tooLong: () => end(`the client wrote a message of more than ${messageLimitBytes} bytes`),
    isFull: () => session.deciding >= decidingMax,
  }).then(() => end(null));
  const code = await new Promise<number>((resolve) => child.once("exit", (status) => resolve(status ?? 1)));
  killGroup(child, "SIGKILL");
  // Its last words. A pipe that somebody else holds open has no end, and a client that does not read takes none.
  await Promise.race([fromServer, new Promise((resolve) => setTimeout(resolve, lastWordsMs))]);
  stdout.destroy();
  session.serverEnded("the server has ended");
  for (const signal of signals) process.off(signal, onSignal);
  input.destroy();
  if (broken !== null) note(broken);
  return broken === null ? code : 1;
}

function send(into: Writable, text: string | Uint8Array): void {
  if (into.destroyed || into.writableEnded) return;
  into.write(text);
  into.write("\n");
}

/** Resolves when what was written has been taken, or never will be. */
async function drained(into: Writable): Promise<void> {
  while (into.writableNeedDrain && !into.destroyed) {
    await new Promise<void>((resolve) => {
      const done = (): void => {
        for (const event of ["drain", "close", "error"]) into.off(event, done);
        resolve();
      };
      for (const event of ["drain", "close", "error"]) into.on(event, done);
    });
  }
}

interface Sink {
  /** Where what is taken leads to: no more is read while it is not taken there. */
  readonly into: readonly Writable[];
  take(bytes: Buffer): Promise<void>;
  tooLong(): void;
  isFull?(): boolean;
}

/** Hands over each line. Resolves at the end of the stream, when all lines have been taken. */
async function pump(stream: Readable, { into, take, tooLong, isFull = () => false }: Sink): Promise<void> {
  const lines = new LineReader(messageLimitBytes);
  const taking = new Set<Promise<void>>();
  const all = (): boolean => {
    for (let line = lines.next(); line !== null; line = lines.next()) {
      if (line.kind === "too long") return false;
      if (line.bytes.length === 0) continue;
      const one = take(line.bytes).finally(() => taking.delete(one));
      taking.add(one);
    }
    return true;
  };
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      lines.push(chunk);
      if (!all()) return tooLong();
      while (isFull() && taking.size > 0) await Promise.race(taking);
      for (const one of into) await drained(one);
    }
    const rest = lines.end();
    if (rest?.kind === "line") await take(rest.bytes);
  } catch {
    // A stream that is destroyed has ended.
  }
  await Promise.all(taking);
}

function stopServer(child: ChildProcess): void {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.stdin?.end();
  const term = setTimeout(() => killGroup(child, "SIGTERM"), endMs);
  const kill = setTimeout(() => killGroup(child, "SIGKILL"), 2 * endMs);
  child.once("exit", () => {
    clearTimeout(term);
    clearTimeout(kill);
  });
}

/** The server, and whatever it has started and left in its group. */
function killGroup({ pid }: ChildProcess, signal: "SIGTERM" | "SIGKILL"): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Nobody is left.
  }
}

function readReach(answer: unknown, names: readonly string[]): readonly Reach[] {
  const tools = isMembers(answer) && answer.type === "reach" && Array.isArray(answer.tools) ? answer.tools : null;
  if (tools === null || tools.length !== names.length) throw new Error("the daemon's answer cannot be read");
  return tools.map((one: unknown, at) => {
    const { tool, most } = isMembers(one) ? one : {};
    return tool === names[at] && (most === "permit" || most === "defer") ? most : "deny";
  });
}
