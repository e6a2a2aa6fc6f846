// A server of the Model Context Protocol over stdio, run behind decisions: the client talks to this process, this process to the server.
// When either ends, so does the other; nothing of the server outlives it.
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import { pump, send } from "../../runtime/doors/mcp/lines.ts";
import { killGroup, stopServer } from "../../runtime/doors/mcp/process.ts";
import type { Reach } from "../../runtime/reach.ts";
import { isMembers, messageLimitBytes } from "../../runtime/sdk/mcp/message.ts";
import { McpSession } from "../../runtime/sdk/mcp/session.ts";
import { SocketTransport } from "../../runtime/sdk/socket-transport.ts";

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

function readReach(answer: unknown, names: readonly string[]): readonly Reach[] {
  const tools = isMembers(answer) && answer.type === "reach" && Array.isArray(answer.tools) ? answer.tools : null;
  if (tools === null || tools.length !== names.length) throw new Error("the daemon's answer cannot be read");
  return tools.map((one: unknown, at) => {
    const { tool, most } = isMembers(one) ? one : {};
    return tool === names[at] && (most === "permit" || most === "defer") ? most : "deny";
  });
}
