// What a decision read of the request besides its arguments: kept in the record, so that the verdict can be reached again
// from it. Only the members that the policy reads for the tool, never more.
import { JsonNumber } from "./evaluator/number.ts";
import type { EvaluationRequest, FieldRead } from "./evaluator/types.ts";
import type { Json, JsonObject } from "./json.ts";

/** A sparse copy of the request: `{"purpose": …, "http": {"host": …}}`; null when nothing but arguments was read. */
export function inputsOf(request: EvaluationRequest, reads: readonly FieldRead[]): JsonObject | null {
  let inputs: Record<string, Json> | null = null;
  for (const { member, path } of kept(reads)) {
    if (member === "args") continue;
    const whole = request[member] as Json | undefined;
    if (whole === undefined) continue;
    inputs ??= Object.create(null) as Record<string, Json>;
    if (member === "http" && path[0] === "headers") copyHeader(inputs, whole, String(path[1]));
    else copy(inputs, member, whole, path);
  }
  return inputs === null || Object.keys(inputs).length === 0 ? null : inputs;
}

/**
 * Without the reads that only ask whether a selector has a value: the parts of it that are read tell that too. What is left is what a
 * record keeps.
 */
export function kept(reads: readonly FieldRead[]): readonly FieldRead[] {
  const isGate = ({ member, path }: FieldRead): boolean =>
    member === "selectors" &&
    path.length === 1 &&
    reads.some((other) => other.member === member && other.path.length > 1 && other.path[0] === path[0]);
  return reads.some(isGate) ? reads.filter((read) => !isGate(read)) : reads;
}

/** Every spelling of a header's name, since several make it count as missing. */
function copyHeader(inputs: Record<string, Json>, http: Json, name: string): void {
  const headers = isObject(http) ? http.headers : undefined;
  if (headers === undefined || !isObject(headers)) return;
  const spellings = Object.keys(headers).filter((key) => key.toLowerCase() === name.toLowerCase());
  for (const spelling of spellings) copy(inputs, "http", http, ["headers", spelling]);
}

/** Copies one path of `from` into `into[name]`; a list is taken whole, since its positions must stay. */
function copy(into: Record<string, Json>, name: string, from: Json, path: readonly (string | number)[]): void {
  const [next, ...rest] = path;
  if (typeof next !== "string" || !isObject(from)) {
    into[name] = from;
    return;
  }
  const known = into[name];
  const inner: Record<string, Json> = known !== undefined && isObject(known) ? { ...known } : {};
  const value = Object.hasOwn(from, next) ? from[next] : undefined;
  if (value !== undefined) copy(inner, next, value, rest);
  into[name] = inner;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}
