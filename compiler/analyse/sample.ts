// Values that a place of a request may hold, and what comparisons say of them. The machine computes the same by its own
// code; that both agree is what test/compiler/analyse*.test.ts hold. It must never throw: what has no answer is unknown.

export type Tri = boolean | null;

export type Sample =
  | { readonly kind: "missing" }
  /** The result of a computation that has none. */
  | { readonly kind: "unknown" }
  | { readonly kind: "null" }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "list"; readonly items: readonly Sample[] }
  | { readonly kind: "object" };

export type Constant = Extract<Sample, { kind: "null" | "bool" | "number" | "text" }>;

export const missing: Sample = { kind: "missing" };
export const unknown: Sample = { kind: "unknown" };
export const numberSample = (value: number): Sample => (Number.isFinite(value) ? { kind: "number", value } : unknown);
export const textSample = (value: string): Sample => ({ kind: "text", value });

/** Largest magnitude of a number that a rule may read; beyond it a call is refused as a whole. */
export const NUMBER_MAX = Number.MAX_SAFE_INTEGER;

export const not = (a: Tri): Tri => (a === null ? null : !a);
export const and = (a: Tri, b: Tri): Tri =>
  a === false || b === false ? false : a === null || b === null ? null : true;
export const or = (a: Tri, b: Tri): Tri => not(and(not(a), not(b)));

export function equal(a: Sample, b: Sample): Tri {
  if (a.kind === "null" && b.kind === "null") return true;
  if (a.kind === "bool" && b.kind === "bool") return a.value === b.value;
  if (a.kind === "number" && b.kind === "number") return a.value === b.value;
  if (a.kind === "text" && b.kind === "text") return a.value === b.value;
  return null;
}

/** Negative, zero or positive; null where the two have no order. */
export function order(a: Sample, b: Sample): number | null {
  if (a.kind === "number" && b.kind === "number") return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  if (a.kind !== "text" || b.kind !== "text") return null;
  return compareText(a.value, b.value);
}

/** By UTF-8 bytes, which is by code points. */
export function compareText(a: string, b: string): number {
  const left = [...a];
  const right = [...b];
  for (let i = 0; i < Math.min(left.length, right.length); i++) {
    const difference = (left[i]?.codePointAt(0) ?? 0) - (right[i]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** `x in [..]`. */
export function isIn(x: Sample, items: readonly Sample[]): Tri {
  if (x.kind !== "null" && x.kind !== "bool" && x.kind !== "number" && x.kind !== "text") return null;
  if (items.some((item) => equal(x, item) === true)) return true;
  return items.length === 0 || items.some((item) => item.kind === x.kind) ? false : null;
}

export function holdsItem(list: Sample, x: Constant): Tri {
  return list.kind === "list" ? list.items.some((item) => equal(item, x) === true) : null;
}

/** Code points of a text, members of a list. */
export function lengthOf(a: Sample): Sample {
  if (a.kind === "text") return numberSample([...a.value].length);
  return a.kind === "list" ? numberSample(a.items.length) : unknown;
}

export const asciiLower = (text: string): string => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
export const asciiUpper = (text: string): string => text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
