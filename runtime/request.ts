// From the JSON of a `govern` message to a call that can be judged: names, shapes and bounds. What does not fit is
// refused with a code. It must never change a value that is judged, and never read one member in two ways.
import type { Code } from "./codes.ts";
import { JsonNumber } from "./evaluator/number.ts";
import type { EvaluationRequest, RequestHttp } from "./evaluator/types.ts";
import { canonicalJson, type Json, type JsonObject } from "./json.ts";
import { canonicalCall } from "./log/identity.ts";
import type { PriceFact } from "./prices/prices.ts";

export const nameLimitBytes = 256;
export const tagsMax = 16;
export const tagLimitBytes = 128;
const purposeLimitBytes = 1024;
/** Dollars. No single call costs more; larger figures are mistakes or attacks. */
const costLimitUsd = 1_000_000_000;

export const actionTypes = ["tool_call", "delegate", "completion_event", "model_call"] as const;
export type ActionType = (typeof actionTypes)[number];

/** A call as it is judged and recorded. */
export interface Call {
  readonly callId: string | null;
  readonly requestId: string | null;
  readonly approvalId: string | null;
  readonly actionType: ActionType;
  readonly tags: readonly string[];
  readonly costUsd: Json;
  /** Tokens of a model call, as it says them. */
  readonly usage: JsonObject | null;
  /** Where `costUsd` was taken from, or was to be; null where the call says it itself, or nothing asks for it. */
  readonly price: PriceFact | null;
  readonly args: JsonObject;
  readonly http: JsonObject | null;
  readonly delegation: JsonObject | null;
  /** What the machine sees. */
  readonly request: EvaluationRequest;
  /** Canonical text of {agent_id, args, http?, tool_id}: the input of the request digest. */
  readonly canonical: string;
  /** Canonical text of the arguments that the call is bound to, for args_sha256. */
  readonly canonicalArgs: string;
  /** Canonical text of `args`: the same but for positional arguments. */
  readonly argsText: string;
}

/** What could be read of a call that is refused, for its answer and its record. */
export interface RefusedCall {
  readonly code: Code;
  readonly message: string;
  readonly callId: string | null;
  readonly agentId: string;
  readonly sessionId: string;
  readonly tool: string;
}

export type CallResult =
  | { readonly ok: true; readonly call: Call }
  | { readonly ok: false; readonly refused: RefusedCall };

/** Thrown and caught inside this file only. */
class Refusal extends Error {
  readonly code: Code;
  constructor(code: Code, message: string) {
    super(message);
    this.code = code;
  }
}

/**
 * Reads a `govern` message or the params of its JSON-RPC form. Members of JSON null count as absent. `trustPrincipal`
 * is for dev mode: otherwise a principal that nobody verified is not shown to the policy.
 */
export function readCall(message: JsonObject, trustPrincipal: boolean): CallResult {
  try {
    return { ok: true, call: callOf(message, trustPrincipal) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { ok: false, refused: { code: error.code, message: error.message, ...readable(message) } };
  }
}

/** The ids of a message that is refused, where they can be shown. */
export function readable(message: JsonObject): Omit<RefusedCall, "code" | "message"> {
  const text = (name: string): string | null => {
    const value = message[name];
    return typeof value === "string" && value !== "" && isShort(value, nameLimitBytes) ? value : null;
  };
  return {
    callId: text("call_id"),
    agentId: text("agent_id") ?? "",
    sessionId: text("session_id") ?? "default",
    tool: text("tool_id") ?? text("tool") ?? "",
  };
}

function callOf(message: JsonObject, trustPrincipal: boolean): Call {
  const agentId = idOf(message, "agent_id") ?? refuse("`agent_id` is missing");
  checkAgentId(agentId);
  const sessionId = idOf(message, "session_id") ?? "default";
  const tool = toolOf(message);
  const { args, whole } = argumentsOf(message);
  const http = httpOf(message);
  const actionType = actionTypeOf(message);
  const delegation = objectOf(message, "delegation");
  const principal = objectOf(message, "principal");
  const model = textOf(message, "model", nameLimitBytes) ?? textOf(message, "model_name", nameLimitBytes);
  const purpose = textOf(message, "purpose", purposeLimitBytes);
  const cost = costOf(message);
  const canonicalArgs = canonicalJson(whole);
  const request: Writable<EvaluationRequest> = {
    agent_id: agentId,
    session_id: sessionId,
    tool_id: tool,
    args,
    action_type: actionType,
  };
  if (http !== null) request.http = http as RequestHttp;
  if (principal !== null && trustPrincipal) request.principal = principal;
  if (model !== null) request.model = model;
  if (purpose !== null) request.purpose = purpose;
  if (delegation !== null) request.delegation = delegation;
  if (cost !== null) request.cost_usd = numberOf(cost);
  return {
    callId: idOf(message, "call_id"),
    requestId: idOf(message, "request_id"),
    approvalId: idOf(message, "approval_id"),
    actionType,
    tags: tagsOf(message),
    costUsd: cost,
    usage: objectOf(message, "usage"),
    price: null,
    args,
    http,
    delegation,
    canonical: canonicalCall(agentId, tool, canonicalArgs, http),
    canonicalArgs,
    argsText: args === whole ? canonicalArgs : canonicalJson(args),
    request,
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

function refuse(message: string, code: Code = "BAD_REQUEST"): never {
  throw new Refusal(code, message);
}

function isShort(text: string, limitBytes: number): boolean {
  return text.length <= limitBytes && (text.length * 3 <= limitBytes || Buffer.byteLength(text) <= limitBytes);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}

function textOf(message: JsonObject, name: string, limitBytes: number): string | null {
  const value = message[name] ?? null;
  if (value === null) return null;
  if (typeof value !== "string") refuse(`\`${name}\` must be a string`);
  if (!isShort(value, limitBytes)) refuse(`\`${name}\` is longer than ${limitBytes} bytes`);
  return value;
}

function idOf(message: JsonObject, name: string): string | null {
  const value = textOf(message, name, nameLimitBytes);
  if (value === "") refuse(`\`${name}\` is empty`);
  return value;
}

const agentIdRefused = /[\u0000-\u001f\u007f]|(?:^|\/)\.{1,2}(?:\/|$)/;

function checkAgentId(agentId: string): void {
  if (agentIdRefused.test(agentId)) refuse("`agent_id` has control characters or a segment `.` or `..`");
}

function objectOf(message: JsonObject, name: string): JsonObject | null {
  const value = message[name] ?? null;
  if (value === null) return null;
  if (!isObject(value)) refuse(`\`${name}\` must be an object`);
  return value;
}

const emptySegment = /(?:^|\/)\.{0,2}(?:\/|$)/;
const toolCharacters = /^[A-Za-z0-9_./:@-]+$/;

/**
 * The name that the policy sees. With `operation` it is `tool`, then `/operation` unless that is `invoke`, and a
 * `tool_id` beside them is not read; a final `/invoke` is dropped from any name.
 */
function toolOf(message: JsonObject): string {
  const tool = textOf(message, "tool", nameLimitBytes * 2);
  const toolId = textOf(message, "tool_id", nameLimitBytes * 2);
  const operation = textOf(message, "operation", nameLimitBytes);
  let name = toolId ?? tool ?? refuse("`tool_id` is missing");
  if (operation !== null && operation !== "") {
    name = tool ?? name;
    if (operation !== "invoke") name = `${name}/${operation}`;
  } else if (tool !== null && toolId !== null && tool !== toolId) {
    refuse("`tool` and `tool_id` name different tools");
  }
  if (name.endsWith("/invoke")) name = name.slice(0, -"/invoke".length);
  if (!isShort(name, nameLimitBytes)) refuse(`the tool's name is longer than ${nameLimitBytes} bytes`, "BAD_TOOL_NAME");
  if (!toolCharacters.test(name))
    refuse("the tool's name has characters outside A-Z a-z 0-9 _ . / : @ -", "BAD_TOOL_NAME");
  if (emptySegment.test(name)) {
    refuse("the tool's name has a segment that is empty, `.` or `..`", "BAD_TOOL_NAME");
  }
  return name;
}

/**
 * The arguments to be judged, and the whole that the call is bound to. Exactly {args, kwargs} means kwargs; positional
 * arguments beside them are not judged but bind the call, so that an approval for one call never fits another.
 */
function argumentsOf(message: JsonObject): { args: JsonObject; whole: JsonObject } {
  const given = objectOf(message, "args");
  if (given === null) refuseOtherArguments(message);
  const args = given ?? {};
  if (!Object.hasOwn(args, "kwargs")) return { args, whole: args };
  const keys = Object.keys(args);
  if (keys.length !== 2 || !keys.includes("args")) return { args, whole: args };
  const kwargs = args.kwargs ?? {};
  if (!isObject(kwargs)) refuse("`kwargs` must be an object");
  const positional = args.args ?? [];
  if (!Array.isArray(positional)) refuse("`args` beside `kwargs` must be a list");
  return { args: kwargs, whole: positional.length === 0 ? kwargs : args };
}

/** What other protocols call the arguments; read as nothing, a call would be judged without them. */
const otherArguments = ["arguments", "params", "parameters", "tool_args", "tool_input", "kwargs"] as const;

function refuseOtherArguments(message: JsonObject): void {
  const other = otherArguments.find((name) => (message[name] ?? null) !== null);
  if (other !== undefined) refuse(`\`${other}\` is not read: a call's arguments are its \`args\``);
}

function httpOf(message: JsonObject): JsonObject | null {
  const http = objectOf(message, "http");
  if (http === null) return null;
  for (const name of ["host", "method", "path"]) {
    const value = http[name] ?? null;
    if (value !== null && typeof value !== "string") refuse(`\`http.${name}\` must be a string`);
  }
  for (const name of ["query", "headers"]) {
    const value = http[name] ?? null;
    if (value !== null && !isObject(value)) refuse(`\`http.${name}\` must be an object`);
  }
  const port = http.port ?? null;
  if (port !== null && !(typeof port === "number" && Number.isInteger(port) && port >= 0 && port <= 65_535)) {
    refuse("`http.port` must be a port number");
  }
  // The machine knows absent, not null.
  if (!Object.values(http).includes(null)) return http;
  return Object.fromEntries(Object.entries(http).filter(([, value]) => value !== null));
}

function actionTypeOf(message: JsonObject): ActionType {
  const value = message.action_type ?? null;
  if (value === null) return "tool_call";
  return (
    actionTypes.find((type) => type === value) ?? refuse(`\`action_type\` must be one of ${actionTypes.join(", ")}`)
  );
}

function numberOf(value: Json): number {
  return value instanceof JsonNumber ? value.value : (value as number);
}

function costOf(message: JsonObject): Json {
  const value = message.cost_usd ?? null;
  if (value === null) return null;
  if (typeof value !== "number" && !(value instanceof JsonNumber)) refuse("`cost_usd` must be a number");
  const dollars = numberOf(value);
  if (!(dollars >= 0 && dollars <= costLimitUsd)) refuse(`\`cost_usd\` must be between 0 and ${costLimitUsd}`);
  return value;
}

function tagsOf(message: JsonObject): readonly string[] {
  const value = message.tags ?? null;
  if (value === null) return [];
  if (!Array.isArray(value) || value.length > tagsMax) refuse(`\`tags\` must be a list of at most ${tagsMax} strings`);
  for (const tag of value) {
    if (typeof tag !== "string" || !isShort(tag, tagLimitBytes))
      refuse(`a tag must be a string of at most ${tagLimitBytes} bytes`);
  }
  return value as readonly string[];
}
