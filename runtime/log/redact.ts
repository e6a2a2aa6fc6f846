// Takes values out of arguments before they are recorded, and leaves commitments in their place. It errs towards
// taking: a value standing where a path expects something deeper is taken whole.
import { JsonNumber } from "../evaluator/number.ts";
import type { Json, JsonObject } from "../json.ts";

export interface Redaction {
  readonly args: Json;
  /** the paths that took something, as given */
  readonly redacted: readonly string[];
}

interface PathStep {
  readonly key: string;
  /** written `key[]`: each element of an array */
  readonly isEach: boolean;
}

/**
 * Replaces what the paths name by `{"$redacted": <commitment>}`. A path `a.b` means key `a`, then key `b` (never a key
 * `a.b`); `items[].card` each element's `card`. Arrays on the way are entered with or without `[]`. `commit` makes the
 * commitment of a value and keeps its salt.
 */
export function redact(args: Json, paths: readonly string[], commit: (value: Json) => string): Redaction {
  const redacted: string[] = [];
  let result = args;
  for (const path of paths) {
    const taken = take(result, stepsOf(path), 0, commit);
    if (taken !== result) redacted.push(path);
    result = taken;
  }
  return { args: result, redacted };
}

function stepsOf(path: string): readonly PathStep[] {
  return path.split(".").map((part) => {
    const isEach = part.endsWith("[]");
    return { key: isEach ? part.slice(0, -2) : part, isEach };
  });
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !isArray(value) && !(value instanceof JsonNumber);
}

/** A value that stands for a redacted one already. */
function isTaken(value: JsonObject): boolean {
  return Object.hasOwn(value, "$redacted");
}

/** The value with what lies under the steps from `at` on replaced; the same object when nothing does. */
function take(value: Json, steps: readonly PathStep[], at: number, commit: (value: Json) => string): Json {
  const step = steps[at];
  if (step === undefined) return isObject(value) && isTaken(value) ? value : { $redacted: commit(value) };
  if (isArray(value)) {
    const elements = value.map((element) => take(element, steps, at, commit));
    return elements.some((element, index) => element !== value[index]) ? elements : value;
  }
  if (value === null) return value;
  // A scalar where the path goes deeper: the caller may have packed the secret into it.
  if (!isObject(value)) return at === 0 ? value : { $redacted: commit(value) };
  const member = value[step.key];
  if (isTaken(value) || !Object.hasOwn(value, step.key) || member === undefined) return value;
  const isWhole = step.isEach && at === steps.length - 1;
  const taken = isWhole && isArray(member) ? takeEach(member, commit) : take(member, steps, at + 1, commit);
  if (taken === member) return value;
  const copy: Record<string, Json> = Object.assign(Object.create(null), value);
  copy[step.key] = taken;
  return copy;
}

/** `items[]`: the elements go, their number stays. */
function takeEach(elements: readonly Json[], commit: (value: Json) => string): Json {
  return elements.map((element) => take(element, [], 0, commit));
}

/** A value that was taken out: where it stood, and what it was committed to. */
export interface RedactedPlace {
  /** "args.card", "args.items[0].card" */
  readonly path: string;
  readonly commitment: string;
}

/** Everything in a stored value that stands for one taken out. */
export function redactedPlaces(value: Json, path: string): RedactedPlace[] {
  if (isArray(value)) return value.flatMap((element, index) => redactedPlaces(element, `${path}[${index}]`));
  if (!isObject(value)) return [];
  const commitment = value.$redacted;
  if (typeof commitment === "string" && /^[0-9a-f]{64}$/.test(commitment)) return [{ path, commitment }];
  return Object.entries(value).flatMap(([key, member]) => redactedPlaces(member, path === "" ? key : `${path}.${key}`));
}

/** Keys and types only, as the arguments of a tool are stored that the policy does not name. */
export function keysAndTypes(value: Json): Json {
  if (value === null) return "null";
  if (typeof value !== "object" || value instanceof JsonNumber)
    return value instanceof JsonNumber ? "number" : typeof value;
  if (isArray(value)) return value.map(keysAndTypes);
  const result: Record<string, Json> = Object.create(null);
  for (const [key, member] of Object.entries(value)) result[key] = keysAndTypes(member);
  return result;
}
