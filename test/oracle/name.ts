// What a name in a condition means, read from the language page: a variable, a word of the request, else an argument.
import type { Agent, Block, Name, Origin } from "../../compiler/ast.ts";
import type { EvaluationRequest } from "../../runtime/evaluator/types.ts";
import { httpValue } from "./http-part.ts";
import type { Permitted } from "./session.ts";
import { localUs } from "./timezone.ts";
import { type Found, fromLiteral, fromRequest, length, missing, numberOf, stringOf } from "./value.ts";
import { type Path, stepsOf, walk } from "./walk.ts";

export interface Call {
  readonly agent: Agent;
  readonly request: EvaluationRequest;
  /** The policy's time zone; null for UTC. */
  readonly zone: string | null;
  /** The request's own time, which conditions see, in microseconds since 1970. */
  readonly requestUs: bigint;
  /** The time that counters and phases go by, which never goes back. */
  readonly nowUs: bigint;
  /** Of the session, in order, before this call. */
  readonly permitted: readonly Permitted[];
  /** When calls of the session were denied. */
  readonly denied: readonly bigint[];
}

/** The call as a part of its agent sees it: what a pack brought in knows the pack's values and not the agent's. */
export function scoped(call: Call, { origin }: { readonly origin?: Origin }): Call {
  return origin === undefined ? call : { ...call, agent: { ...call.agent, vars: origin.vars, blocks: [] } };
}

export function selectorBlocks(agent: Agent): readonly Block[] {
  return agent.blocks.filter((block) => block.keyword === "selector");
}

/** `account.tier` and `selectors.account.tier` as id and path where `account` is a selector of the agent; null elsewhere. */
export function selectorPath(agent: Agent, path: Path): Path | null {
  const ids = selectorBlocks(agent).map((block) => block.name);
  if (variableOf(agent, path) !== null) return null;
  if (ids.includes(String(path[0]))) return path;
  return path[0] === "selectors" && ids.includes(String(path[1])) ? path.slice(1) : null;
}

export const sessionOf = (request: EvaluationRequest): string => request.session_id ?? "default";

export function readName(call: Call, name: Name): Found {
  return readPath(call, name.path);
}

/** True when the name stands for a value of the policy rather than for something in the request. */
export function isVariable(agent: Agent, path: Path): boolean {
  return variableOf(agent, endsInLength(path) ? path.slice(0, -1) : path) !== null;
}

/** The raw value under a name, before it is made an operand; undefined when there is none, or when it is a variable's. */
export function rawField(call: Call, path: Path): unknown {
  if (variableOf(call.agent, path) !== null) return undefined;
  const inner = endsInLength(path) ? path.slice(0, -1) : path;
  return endsInLength(path) ? rawField(call, inner) : walkWord(call, inner);
}

function readPath(call: Call, path: Path): Found {
  const variable = variableOf(call.agent, path);
  if (variable !== null) return variable;
  if (endsInLength(path)) return length(readPath(call, path.slice(0, -1)));
  if (path.length === 2 && path[0] === "time") return timePart(String(path[1]), call);
  return fromRequest(walkWord(call, path));
}

function endsInLength(path: Path): boolean {
  return path.length > 1 && path.at(-1) === "length";
}

function variableOf(agent: Agent, path: Path): Found | null {
  const name = path.length === 1 ? path[0] : path.length === 2 && path[0] === "vars" ? path[1] : undefined;
  const variable = agent.vars.find((v) => v.name === name);
  return variable === undefined ? null : fromLiteral(variable.value);
}

function walkWord(call: Call, path: Path): unknown {
  const request = call.request;
  const selected = selectorPath(call.agent, path);
  if (selected !== null) return walk(request.selectors, selected);
  const [first, ...rest] = path;
  if (path.length === 1) {
    if (first === "tool" || first === "tool_name") return request.tool_id;
    if (first === "agent") return request.agent_id;
    if (first === "action") return request.action_type;
    if (first === "model") return request.model;
  } else {
    if (first === "args") return walk(request.args, rest);
    if (first === "principal") return walk(request.principal, rest);
    if (first === "delegation") return walk(request.delegation, rest);
    if (first === "session" && rest[0] === "id" && rest.length === 1) return sessionOf(request);
    if (first === "time" && rest.length === 1) return undefined;
  }
  const network =
    path.length === 1
      ? ["host", "port", "method", "path"].includes(String(first))
      : first === "query" || first === "headers";
  return network ? httpValue(request, path) : walk(request.args, path);
}

function timePart(part: string, { requestUs, zone }: Call): Found {
  const date = new Date(Math.floor(Number(localUs(zone, requestUs)) / 1000));
  const parts: Record<string, number> = {
    now: Number(requestUs / 1_000_000n),
    minute: date.getUTCMinutes(),
    hour: date.getUTCHours(),
    day: date.getUTCDate(),
    month: date.getUTCMonth() + 1,
    weekday: date.getUTCDay() === 0 ? 7 : date.getUTCDay(),
  };
  const value = Object.hasOwn(parts, part) ? parts[part] : undefined;
  return value === undefined ? missing : numberOf(value);
}

/** The raw argument that "a.b[0]" names, for the functions that look into lists. */
export function argumentAt(call: Call, text: string): unknown {
  return walk(call.request.args, stepsOf(text.replace(/^args\./, "")));
}

/** The text under a purpose, for `purpose("p")`. */
export function purposeOf(call: Call): Found {
  return call.request.purpose === undefined ? missing : stringOf(call.request.purpose);
}
