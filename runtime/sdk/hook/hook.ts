// Answers a coding agent that asks before it runs a tool. Every way that is not a permit holds the tool back, what breaks in
// here included. It asks the daemon of the project's stack, and never one that lies where the agent has gone.
import { JsonNumber } from "../../evaluator/number.ts";
import { type Json, parseJson } from "../../json.ts";
import { findSocket } from "../find-socket.ts";
import { Gate } from "../gate.ts";
import { SocketTransport } from "../socket-transport.ts";
import { ToolDeniedError } from "../tool-denied-error.ts";
import { TransportFailure } from "../transport.ts";
import { type ClientForm, clients, type HookClient, UnreadableHook } from "./clients.ts";

export interface HookOptions {
  /** Default: the client's name. */
  readonly agentId?: string;
  /** The stack's folder, or one below it; default: the client's variable for the project, then the working directory. */
  readonly dir?: string;
  /** Milliseconds that a deferred call waits for its approval; absent: it does not wait. */
  readonly waitMs?: number;
}

export interface HookOutcome {
  /** The client's JSON, or nothing. */
  readonly stdout: string;
  /** For people; clients show it to their user, some to the model. */
  readonly stderr: string;
  /** 0, or 2 where the client could not be answered in its form: each of them holds the tool back then. */
  readonly exitCode: 0 | 2;
}

type Environment = { readonly [name: string]: string | undefined };

export function isHookClient(word: string): word is HookClient {
  return Object.hasOwn(clients, word);
}

/** Decides the call that the client's message is about. Never rejects. */
export async function answerHook(
  client: HookClient,
  message: Uint8Array,
  options: HookOptions,
  env: Environment,
): Promise<HookOutcome> {
  const form = clients[client];
  const read = parseJson(message);
  if (!read.ok) return blocked(`faramesh cannot read what ${client} says: ${read.message} at byte ${read.offset}`);
  if (!isObject(read.value)) return blocked(`faramesh cannot read what ${client} says: it is no object`);
  if (hasInexactNumber(read.value)) return blocked("faramesh holds back numbers that cannot be read exactly");
  // Read once more, into plain values: the strict reader has proved that there is one reading.
  const input = JSON.parse(new TextDecoder().decode(message)) as { readonly [member: string]: unknown };
  try {
    const call = form.read(input);
    if (call === null) return { stdout: "", stderr: "", exitCode: 0 };
    const transport = new SocketTransport({ path: await socketOf(form, options, env), client: "hook" });
    try {
      const entry = await gateOf(client, call.session, transport, options).enter(call.tool, call.args);
      if (!entry.permitted) return refusal(form, input, "the call has no permit");
      return { stdout: form.permit(input), stderr: "", exitCode: 0 };
    } finally {
      await transport.close();
    }
  } catch (error) {
    if (error instanceof UnreadableHook) return blocked(`faramesh: ${error.message}`);
    return refusal(form, input, wordsOf(error));
  }
}

function gateOf(client: string, session: string | undefined, transport: SocketTransport, options: HookOptions): Gate {
  return new Gate({
    agentId: options.agentId ?? client,
    transport,
    ...(session === undefined ? {} : { sessionId: session }),
    ...(options.waitMs === undefined ? {} : { onDefer: "block" as const, timeoutMs: options.waitMs }),
  });
}

/**
 * The agent moves its working directory, and could make a stack of its own where it goes. So the project's folder counts
 * where the client names it or the hook's line does.
 */
async function socketOf(form: ClientForm, options: HookOptions, env: Environment): Promise<string> {
  const project = form.projectVariable === null ? undefined : env[form.projectVariable];
  const dir = options.dir ?? (project === "" ? undefined : project);
  if (dir !== undefined) {
    try {
      process.chdir(dir);
    } catch (error) {
      throw new TransportFailure("DAEMON_UNREACHABLE", `there is no folder ${dir}`, error);
    }
  }
  return (await findSocket(undefined)).path;
}

function refusal(form: ClientForm, input: { readonly [member: string]: unknown }, message: string): HookOutcome {
  return { stdout: form.refuse(message, input), stderr: "", exitCode: 0 };
}

function blocked(message: string): HookOutcome {
  return { stdout: "", stderr: `${message}\n`, exitCode: 2 };
}

/** What the model reads: what was decided, and what would let the call through. */
function wordsOf(error: unknown): string {
  if (!(error instanceof ToolDeniedError)) {
    return `faramesh could not decide: ${error instanceof Error ? error.message : String(error)}`;
  }
  const place = error.ruleRef === undefined ? "" : `, ${error.ruleRef}`;
  const lines = [`faramesh: ${error.message}${place}`, ...error.nextSteps];
  return lines.join("\n");
}

function isObject(value: Json): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

function hasInexactNumber(value: Json): boolean {
  if (value instanceof JsonNumber) return !value.exact;
  if (typeof value !== "object" || value === null) return false;
  return (Array.isArray(value) ? value : Object.values(value)).some(hasInexactNumber);
}
