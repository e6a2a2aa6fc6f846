// A copy of a call's arguments that nobody else can change, in the exact form that is judged. What JSON would drop or
// alter silently (dates, maps, NaN, functions, class instances) is refused, so that what runs is what was judged.
import { canonicalJson, type Json, type JsonObject } from "../json.ts";

/** Arrays and objects inside each other; the daemon refuses deeper ones. */
const depthMax = 64;
/** Keys and elements of one call's arguments. */
const itemsMax = 100_000;

export class NotPlain extends Error {
  constructor(path: string, what: string) {
    super(`${path} is ${what}; arguments of a governed tool are plain JSON`);
    this.name = "NotPlain";
  }
}

export interface PlainArguments {
  /** RFC 8785 text; its UTF-8 bytes are what `args_sha256` is over. */
  readonly text: string;
  /** Reads `text` again: each caller gets a value of its own. */
  parse(): JsonObject;
}

/** Copies `args`, reading each member once. Throws NotPlain. Members that are undefined count as absent. */
export function plainArguments(args: object): PlainArguments {
  const text = canonicalJson(copy(args, "args", 0, { items: 0 }));
  return { text, parse: () => JSON.parse(text) as JsonObject };
}

export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}

function copy(value: unknown, path: string, depth: number, count: { items: number }): Json {
  if (value === null || typeof value === "boolean") return value;
  if (typeof value === "string") {
    if (/\p{Surrogate}/u.test(value)) throw new NotPlain(path, "a string with half of a character");
    return value;
  }
  if (typeof value === "number") {
    if (!Number.isFinite(value)) throw new NotPlain(path, String(value));
    return value;
  }
  if (typeof value !== "object") throw new NotPlain(path, `of type ${typeof value}`);
  if (depth >= depthMax) throw new NotPlain(path, `nested deeper than ${depthMax}`);
  if (Array.isArray(value)) return copyArray(value, path, depth, count);
  if (!isPlainObject(value)) throw new NotPlain(path, `a ${value.constructor?.name ?? "object with a prototype"}`);
  const out: Record<string, Json> = {};
  for (const key of Object.keys(value)) {
    if (key === "__proto__") throw new NotPlain(`${path}.__proto__`, "a key that is not allowed");
    countItem(path, count);
    const member = value[key];
    if (member !== undefined) out[key] = copy(member, `${path}.${key}`, depth + 1, count);
  }
  return out;
}

function copyArray(array: readonly unknown[], path: string, depth: number, count: { items: number }): Json {
  const out: Json[] = [];
  for (let index = 0; index < array.length; index++) {
    countItem(path, count);
    out.push(copy(array[index], `${path}[${index}]`, depth + 1, count));
  }
  return out;
}

function countItem(path: string, count: { items: number }): void {
  count.items += 1;
  if (count.items > itemsMax) throw new NotPlain(path, `part of more than ${itemsMax} keys and elements`);
}
