// What an operand of a condition can be, and how two of them compare, in the plainest terms. It knows nothing of slots,
// constants or opcodes, and it must never throw: what has no answer is "unknown".
import type { Value } from "../../compiler/ast.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";

export type Tri = boolean | "unknown";

export type Found =
  | { readonly kind: "missing" }
  /** The result of an operation that has none: 1 / 0, lower(3). */
  | { readonly kind: "unknown" }
  | { readonly kind: "null" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "list"; readonly items: readonly Found[] }
  | { readonly kind: "object" };

export const missing: Found = { kind: "missing" };
export const unknown: Found = { kind: "unknown" };

export const numberOf = (value: number): Found => (Number.isFinite(value) ? { kind: "number", value } : unknown);
export const stringOf = (value: string): Found => ({ kind: "string", value });
export const boolOf = (value: Tri): Found => (value === "unknown" ? unknown : { kind: "bool", value });

/** A JSON value of a request. */
export function fromRequest(value: unknown): Found {
  if (value === undefined) return missing;
  if (value === null) return { kind: "null" };
  if (typeof value === "boolean") return { kind: "bool", value };
  if (typeof value === "number") return numberOf(value);
  if (value instanceof JsonNumber) return numberOf(value.value);
  if (typeof value === "string") return stringOf(value);
  if (Array.isArray(value)) return { kind: "list", items: value.map(fromRequest) };
  return { kind: "object" };
}

/** A literal of the policy. */
export function fromLiteral(value: Value): Found {
  switch (value.kind) {
    case "string":
    case "word":
      return stringOf(value.value);
    case "number":
      return numberOf(value.value);
    case "bool":
      return { kind: "bool", value: value.value };
    case "nil":
      return { kind: "null" };
    case "list":
      return { kind: "list", items: value.items.map(fromLiteral) };
    case "env":
      return unknown;
  }
}

export const not = (a: Tri): Tri => (a === "unknown" ? "unknown" : !a);

export function and(a: Tri, b: Tri): Tri {
  if (a === false || b === false) return false;
  return a === true && b === true ? true : "unknown";
}

export function or(a: Tri, b: Tri): Tri {
  if (a === true || b === true) return true;
  return a === false && b === false ? false : "unknown";
}

export function equal(a: Found, b: Found): Tri {
  if (a.kind === "null" && b.kind === "null") return true;
  if (a.kind === "bool" && b.kind === "bool") return a.value === b.value;
  if (a.kind === "number" && b.kind === "number") return a.value === b.value;
  if (a.kind === "string" && b.kind === "string") return a.value === b.value;
  return "unknown";
}

/** Negative, zero or positive as a comes before, with or after b; only numbers and strings (by UTF-8 bytes) have an order. */
export function order(a: Found, b: Found): number | "unknown" {
  if (a.kind === "number" && b.kind === "number") return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  if (a.kind === "string" && b.kind === "string") return Buffer.compare(Buffer.from(a.value), Buffer.from(b.value));
  return "unknown";
}

/** `x in list`. */
export function isIn(x: Found, list: Found): Tri {
  if (list.kind !== "list" || x.kind === "list" || x.kind === "object") return "unknown";
  if (x.kind === "missing" || x.kind === "unknown") return "unknown";
  if (list.items.some((item) => equal(x, item) === true)) return true;
  return list.items.length === 0 || list.items.some((item) => item.kind === x.kind) ? false : "unknown";
}

/** `holder contains x`. */
export function contains(holder: Found, x: Found): Tri {
  if (holder.kind === "string" && x.kind === "string") return bytes(holder).includes(bytes(x));
  if (holder.kind !== "list") return "unknown";
  if (x.kind === "missing" || x.kind === "unknown" || x.kind === "list" || x.kind === "object") return "unknown";
  return holder.items.some((item) => equal(item, x) === true);
}

export function startsWith(a: Found, b: Found): Tri {
  if (a.kind !== "string" || b.kind !== "string") return "unknown";
  return bytes(a).subarray(0, bytes(b).length).equals(bytes(b));
}

export function endsWith(a: Found, b: Found): Tri {
  if (a.kind !== "string" || b.kind !== "string") return "unknown";
  const whole = bytes(a);
  const end = bytes(b);
  return end.length <= whole.length && whole.subarray(whole.length - end.length).equals(end);
}

/** Code points of a string, members of a list. */
export function length(a: Found): Found {
  if (a.kind === "string") return numberOf([...a.value].length);
  return a.kind === "list" ? numberOf(a.items.length) : unknown;
}

/** Members of a list; a string has none here. */
export const count = (a: Found): Found => (a.kind === "list" ? numberOf(a.items.length) : unknown);

export const asciiLower = (text: string): string => text.replace(/[A-Z]/g, (c) => c.toLowerCase());
export const asciiUpper = (text: string): string => text.replace(/[a-z]/g, (c) => c.toUpperCase());

function bytes(a: { readonly value: string }): Buffer {
  return Buffer.from(a.value);
}
