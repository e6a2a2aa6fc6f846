// Which operation of a service a request is, and its arguments as a policy sees them. Pure. A request fits exactly one operation in
// exactly one way, or it is none: nothing that was not judged goes on beside what was.
import { JsonNumber } from "../../evaluator/number.ts";
import { type Json, type JsonObject, parseJson } from "../../json.ts";

export type ValueKind = "text" | "integer" | "number" | "boolean";

export interface Parameter {
  readonly name: string;
  readonly place: "path" | "query" | "header";
  readonly kind: ValueKind;
  /** How several values are written; null for one. */
  readonly list: "repeated" | "commas" | null;
  readonly needed: boolean;
}

/** `before` alone, or a parameter between two texts. */
export interface Segment {
  readonly before: string;
  readonly name: string | null;
  readonly after: string;
}

export interface Operation {
  /** Its operationId. */
  readonly tool: string;
  readonly method: string;
  readonly segments: readonly Segment[];
  readonly parameters: readonly Parameter[];
  /** In lower case; empty where it has no body. */
  readonly mediaTypes: readonly string[];
  readonly needsBody: boolean;
}

export interface Asked {
  readonly method: string;
  readonly path: string;
  /** By key, as it was written; a key that is there more than once has a list. */
  readonly query: JsonObject;
  /** By name in lower case. */
  readonly headers: { readonly [name: string]: string | string[] | undefined };
  readonly body: Uint8Array;
}

export type Fitted =
  | { readonly ok: true; readonly tool: string; readonly args: JsonObject }
  /** `tool` is null where it is no operation at all. */
  | { readonly ok: false; readonly tool: string | null; readonly why: string };

/** How much of a path is written out: such an operation stands before one with a parameter in that place. */
export function specificity({ segments }: Operation): number {
  return segments.filter(({ name }) => name === null).length;
}

export function fit(operations: readonly Operation[], asked: Asked): Fitted {
  const found = operations.flatMap((operation) => {
    const values = operation.method === asked.method ? valuesOfPath(operation.segments, asked.path) : null;
    return values === null ? [] : [{ operation, values }];
  });
  const literal = found.find(({ operation }) => operation.segments.every(({ name }) => name === null));
  const [only, other] = literal === undefined ? found : [literal];
  if (only === undefined) return { ok: false, tool: null, why: "the service has no such operation" };
  // Servers differ in which of the two they would take.
  if (other !== undefined) return { ok: false, tool: null, why: "the path fits two operations of the service" };
  const { tool } = only.operation;
  try {
    return { ok: true, tool, args: argumentsOf(only.operation, only.values, asked) };
  } catch (error) {
    if (!(error instanceof Unfit)) throw error;
    return { ok: false, tool, why: error.message };
  }
}

/** Thrown and caught inside this file only. */
class Unfit extends Error {}

function valuesOfPath(segments: readonly Segment[], path: string): ReadonlyMap<string, string> | null {
  const parts = path.slice(1).split("/");
  if (parts.length !== segments.length) return null;
  const values = new Map<string, string>();
  for (const [index, { before, name, after }] of segments.entries()) {
    const part = parts[index] ?? "";
    if (name === null) {
      if (part !== before) return null;
      continue;
    }
    const isLong = part.length > before.length + after.length;
    if (!isLong || !part.startsWith(before) || !part.endsWith(after)) return null;
    values.set(name, part.slice(before.length, part.length - after.length));
  }
  return values;
}

function argumentsOf(operation: Operation, values: ReadonlyMap<string, string>, asked: Asked): JsonObject {
  const declared = new Set(operation.parameters.flatMap(({ place, name }) => (place === "query" ? [name] : [])));
  const unknown = Object.keys(asked.query).find((name) => !declared.has(name));
  if (unknown !== undefined) throw new Unfit(`it has no parameter \`${unknown.slice(0, 64)}\``);
  const args = new Map<string, Json>();
  for (const parameter of operation.parameters) {
    const value = argumentOf(parameter, values, asked);
    if (value !== null) args.set(parameter.name, value);
    else if (parameter.needed) throw new Unfit(`the parameter \`${parameter.name}\` is missing`);
  }
  const body = bodyOf(operation, asked);
  if (body !== undefined) args.set("body", body);
  return Object.fromEntries(args);
}

function argumentOf(parameter: Parameter, values: ReadonlyMap<string, string>, asked: Asked): Json {
  const { name, place, list } = parameter;
  if (place === "path") {
    const text = values.get(name);
    return text === undefined ? null : oneOrMany(parameter, [decoded(name, text)]);
  }
  const given = place === "query" ? ownOf(asked.query, name) : asked.headers[name.toLowerCase()];
  if (given === undefined || given === null) return null;
  const texts = Array.isArray(given) ? given.map(String) : [String(given)];
  if (texts.length > 1 && list !== "repeated") throw new Unfit(`the parameter \`${name}\` is there twice`);
  return oneOrMany(parameter, texts);
}

function ownOf(values: JsonObject, name: string): Json | undefined {
  return Object.hasOwn(values, name) ? values[name] : undefined;
}

function oneOrMany(parameter: Parameter, texts: readonly string[]): Json {
  if (parameter.list === null) return converted(parameter, texts[0] ?? "");
  const parts = parameter.list === "commas" ? texts.flatMap((text) => text.split(",")) : texts;
  return parts.map((text) => converted(parameter, text));
}

function decoded(name: string, text: string): string {
  // A server may cut at it, and the rest would be a parameter of its own.
  if (text.includes(";")) throw new Unfit(`the parameter \`${name}\` has a \`;\` in it`);
  try {
    return decodeURIComponent(text);
  } catch {
    throw new Unfit(`the parameter \`${name}\` is not encoded as UTF-8`);
  }
}

/** Numbers as JSON writes them: what other readers take for a number besides (`0x10`, ` 1`, `1_000`) is none here. */
function converted({ name, kind }: Parameter, text: string): Json {
  if (kind === "text") return text;
  const parsed = parseJson(Buffer.from(text));
  const value = parsed.ok && text.trim() === text ? parsed.value : null;
  if (kind === "boolean" && typeof value === "boolean") return value;
  const isNumber = typeof value === "number" || value instanceof JsonNumber;
  const isWhole = /^-?[0-9]+$/.test(text);
  if (kind !== "boolean" && isNumber && (kind === "number" || isWhole)) return value;
  throw new Unfit(`the parameter \`${name}\` is no ${kind}`);
}

const formType = "application/x-www-form-urlencoded";
const jsonType = /^application\/(?:[a-z0-9.!#$&^_-]+\+)?json$/;
const typeForm = /^([a-z0-9.!#$&^_+-]+\/[a-z0-9.!#$&^_+-]+)(?:\s*;\s*charset="?utf-8"?)?$/i;

/** Undefined where there is none. */
function bodyOf(operation: Operation, { headers, body }: Asked): Json | undefined {
  if (body.length === 0) {
    if (operation.needsBody) throw new Unfit("its body is missing");
    return undefined;
  }
  if (operation.mediaTypes.length === 0) throw new Unfit("it has no body");
  if ((headers["content-encoding"] ?? "identity") !== "identity") throw new Unfit("a body is not compressed");
  const type = typeForm.exec(String(headers["content-type"] ?? ""))?.[1]?.toLowerCase();
  if (type === undefined || !operation.mediaTypes.includes(type)) throw new Unfit("its body is not of that type");
  if (type === formType) return formOf(body);
  if (!jsonType.test(type)) throw new Unfit("a body of that type cannot be judged");
  const parsed = parseJson(body);
  if (!parsed.ok) throw new Unfit(`its body is not JSON: ${parsed.message}`);
  return parsed.value;
}

function formOf(body: Uint8Array): Json {
  const text = Buffer.from(body).toString("latin1");
  if (!/^[\x21-\x7e]*$/.test(text)) throw new Unfit("its form is not encoded");
  const fields = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(text)) {
    if (fields.has(name)) throw new Unfit(`the field \`${name.slice(0, 64)}\` is there twice`);
    fields.set(name, value);
  }
  return Object.fromEntries(fields);
}
