// Looks into a request's values: own members only, one step at a time.
import { JsonNumber } from "./number.ts";

/** Only what the object itself has: a request cannot reach a prototype, nor a prototype a request. */
export function own(holder: unknown, name: string): unknown {
  return isObject(holder) && Object.hasOwn(holder, name) ? holder[name] : undefined;
}

/** A number that keeps its text is a number, whatever it is made of. */
export function isObject(value: unknown): value is { readonly [name: string]: unknown } {
  return typeof value === "object" && value !== null && !(value instanceof JsonNumber);
}

export function follow(holder: unknown, path: readonly (string | number)[]): unknown {
  let value = holder;
  for (const part of path) {
    if (typeof part === "number") value = Array.isArray(value) ? value[part] : undefined;
    else value = Array.isArray(value) ? undefined : own(value, part);
    if (value === undefined) return undefined;
  }
  return value;
}
