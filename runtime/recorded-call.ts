// A call as a decision record kept it, ready to be judged again, and whether what a policy reads of it was kept whole. It
// never takes a commitment, a size or a type for the value that it stands for.
import { parseTime } from "./clock.ts";
import { JsonNumber } from "./evaluator/number.ts";
import type { Effect, EvaluationRequest, FieldRead, RequestValue, ToolInfo } from "./evaluator/types.ts";
import { kept } from "./inputs.ts";
import type { Json, JsonObject } from "./json.ts";
import type { MemberName } from "./log/scan.ts";

export interface RecordedCall {
  readonly request: EvaluationRequest;
  /** Milliseconds since 1970. */
  readonly nowMs: number;
  /** What the policy said: in audit mode that is not what was answered. */
  readonly effect: Effect;
  readonly code: string;
  /** The members besides the arguments that were kept; null where there were none. */
  readonly inputs: JsonObject | null;
  /** The arguments are keys and types only. */
  readonly isOutline: boolean;
}

/** Outcomes that are not the policy's: the call was refused before it was judged, or could not be recorded. */
export const notJudged: ReadonlySet<string> = new Set([
  "BAD_REQUEST",
  "CALL_ID_REUSED",
  "DAEMON_NOT_READY",
  "AUDIT_UNAVAILABLE",
  "FLOODED",
  "MACHINE_FAULT",
  "KILL_SWITCH",
  "AGENT_QUIESCED",
  "COMPLETED",
  "COMPLETION_BLOCKED",
]);

/** Null for a record that is no decision on a call. */
export function recordedCall(record: JsonObject): RecordedCall | null {
  const timeUs = typeof record.time === "string" ? parseTime(record.time) : undefined;
  return record.type === "decision" && timeUs !== undefined ? callOf((name) => record[name], timeUs) : null;
}

/** The call of a decision, whose members `member` gives. Null where it is none. */
export function callOf(member: (name: MemberName) => Json | undefined, timeUs: number): RecordedCall | null {
  const agent_id = member("agent_id");
  const tool = member("tool");
  if (typeof agent_id !== "string" || typeof tool !== "string") return null;
  const request: Writable<EvaluationRequest> = { agent_id, tool_id: tool };
  const session_id = member("session_id");
  const args = member("args");
  const action_type = member("action_type");
  if (typeof session_id === "string") request.session_id = session_id;
  if (isObject(args)) request.args = args as { readonly [key: string]: RequestValue };
  if (typeof action_type === "string") request.action_type = action_type;
  const cost_usd = member("cost_usd");
  const delegation = member("delegation");
  const inputs = member("inputs");
  const redacted = member("redacted");
  const cost = cost_usd instanceof JsonNumber ? cost_usd.value : cost_usd;
  if (typeof cost === "number") request.cost_usd = cost;
  if (isObject(delegation)) request.delegation = delegation as { readonly [key: string]: RequestValue };
  if (isObject(inputs)) Object.assign(request, inputs);
  return {
    request,
    nowMs: timeUs / 1000,
    effect: (member("would") ?? member("effect")) as Effect,
    code: String(member("code")),
    inputs: isObject(inputs) ? inputs : null,
    isOutline: Array.isArray(redacted) && redacted.includes("*"),
  };
}

type Writable<T> = { -readonly [K in keyof T]: T[K] };

/**
 * True when every value that `reader` reads of the call stands in its record. `then` is the policy's view of the tool when
 * the record was made: what that one did not read besides the arguments was not kept. Null: not known.
 */
export function isKept(call: RecordedCall, reader: ToolInfo, then: ToolInfo | null): boolean {
  const isOutline = call.isOutline || then === null || !then.named;
  const known = then === null ? [] : kept(then.reads);
  return kept(reader.reads).every((read) => {
    if (read.member === "args") return !isOutline && isWhole(call.request.args ?? null, read.path, 0);
    if (read.member === "action_type" || read.member === "delegation") return true;
    if (known.some((one) => covers(one, read))) return true;
    // Without an http part these words mean arguments; with one, the arguments seldom have them too.
    const [name] = read.path;
    if (read.member !== "http" || typeof name !== "string" || isOutline) return false;
    const args = call.request.args ?? {};
    return Object.hasOwn(args, name) && isWhole(args, read.path, 0);
  });
}

function covers(known: FieldRead, read: FieldRead): boolean {
  return known.member === read.member && known.path.every((part, i) => read.path[i] === part);
}

/** Nothing on the way to the path, at it or below it was taken out. */
function isWhole(value: RequestValue | undefined, path: readonly (string | number)[], at: number): boolean {
  if (typeof value !== "object" || value === null || value instanceof JsonNumber) return true;
  if (Object.hasOwn(value, "$redacted")) return false;
  const step = path[at];
  if (step === undefined) return Object.values(value).every((inner) => isWhole(inner, path, at));
  const next = (value as { readonly [key: string | number]: RequestValue })[step];
  return !Object.hasOwn(value, step) || isWhole(next, path, at + 1);
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}
