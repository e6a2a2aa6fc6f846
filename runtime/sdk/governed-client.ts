// Puts a decision before every tool call that goes through a client of the Model Context Protocol. It must never send a
// `tools/call` that has no permit for exactly the arguments it carries.
import { type Entry, Gate, type GovernOptions } from "./gate.ts";
import { denialResult } from "./mcp-denial.ts";
import { isPlainObject } from "./plain-arguments.ts";
import { ToolDeniedError } from "./tool-denied-error.ts";
import { callMembers, twinIn } from "./twin-members.ts";

type Method = (...args: unknown[]) => unknown;

/** What this needs of a client of the official SDKs, `Client` of `@modelcontextprotocol/client` or of `…/sdk`. */
export interface CallingClient {
  callTool(...args: never[]): Promise<unknown>;
}

const callMethod = "tools/call";

/** Ways to call a tool that give a stream, and where some versions keep them: no decision can stand there, so they are shut. */
const shut: ReadonlySet<PropertyKey> = new Set(["experimental", "requestStream", "callToolStream"]);

/**
 * The same client, whose `callTool` and `request` of `tools/call` ask first. The tool's name for the policy is the server's
 * own, changed by `options.toolName`. A call without a permit does not reach the server: its result is an error of the tool
 * (`isError`, MCP 2025-06-18, server/tools, error handling), with the reason for the model as text and the denial in
 * `structuredContent`. What `onDeny` or `onDefer` returns stands in its place; they may throw.
 *
 * All else passes through. Whoever holds the client that was given in, or its transport, is not governed.
 */
export function governedClient<C extends CallingClient>(client: C, options: GovernOptions): C {
  if (typeof client?.callTool !== "function") throw new TypeError("the client has no method `callTool`");
  const gate = new Gate(options);
  const callTool: Method = (params, ...rest) =>
    governed(gate, params, (judged) => methodOf(client, "callTool").call(client, judged, ...rest));
  const request: Method = (message, ...rest) => {
    // Copied first: what is looked at here is what is sent.
    const copy: unknown = isObject(message) ? { ...message } : message;
    const send = (sent: unknown) => methodOf(client, "request").call(client, sent, ...rest);
    if (!isObject(copy) || copy.method !== callMethod) return send(copy);
    return governed(gate, copy.params, (judged) => send({ ...copy, params: judged }));
  };
  return new Proxy(client, {
    get(target, member) {
      if (member === "callTool") return callTool;
      if (shut.has(member)) return undefined;
      const value: unknown = Reflect.get(target, member, target);
      if (typeof value !== "function") return value;
      return member === "request" ? request : value.bind(target);
    },
  });
}

async function governed(gate: Gate, given: unknown, send: (params: object) => unknown): Promise<unknown> {
  const params = isObject(given) ? { ...given } : {};
  const { name, arguments: args = {} } = params;
  if (typeof name !== "string" || name === "") throw new TypeError("the call of a tool has no `name`");
  const twin = twinIn(params, callMembers);
  if (twin !== null) throw new TypeError(`the call of ${name} cannot be judged: ${twin}`);
  if (!isPlainObject(args)) throw new TypeError(`the \`arguments\` of ${name} are no object`);
  let entry: Entry;
  try {
    entry = await gate.enter(gate.toolName(name), args);
  } catch (error) {
    if (error instanceof ToolDeniedError) return denialResult(error);
    throw error;
  }
  if (!entry.permitted) return entry.substitute;
  return entry.run(() => send({ ...params, arguments: entry.args }));
}

function methodOf(client: object, name: string): Method {
  const method: unknown = Reflect.get(client, name, client);
  if (typeof method === "function") return method as Method;
  throw new TypeError(`the client has no method \`${name}\``);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
