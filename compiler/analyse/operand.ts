// What stands on one side of a comparison: a constant, a list of them, a place of the request seen through functions, or what the
// analysis cannot look into.
import type { Expr, Value } from "../ast.ts";
import { type NamesOf, resolveName } from "../names.ts";
import type { Place } from "./place.ts";
import type { Constant } from "./sample.ts";
import { type View, viewed } from "./test.ts";

export type Operand =
  | { readonly kind: "constant"; readonly value: Constant }
  | { readonly kind: "list"; readonly items: readonly Constant[] }
  | { readonly kind: "place"; readonly place: Place; readonly views: readonly View[] }
  | { readonly kind: "other" };

export function listOperand(items: readonly Value[]): Operand {
  if (items.some(({ kind }) => kind === "env" || kind === "list")) return { kind: "other" };
  return { kind: "list", items: items.map((item) => constantOf(item as PlainValue)) };
}

type PlainValue = Exclude<Value, { kind: "list" | "env" }>;

export function constantOf(value: PlainValue): Constant {
  switch (value.kind) {
    case "string":
    case "word":
      return { kind: "text", value: value.value };
    case "number":
      return { kind: "number", value: value.value };
    case "bool":
      return { kind: "bool", value: value.value };
    case "nil":
      return { kind: "null" };
  }
}

/** The constant seen through the view; null where there is none. */
export function answerOf(view: View, value: Constant): Constant | null {
  const seen = viewed(view, value);
  return seen.kind === "number" || seen.kind === "text" ? seen : null;
}

/** The expression without places and with names that stand for values replaced: equal for what means the same. */
export function meaningOf(expr: Expr, names: NamesOf): string {
  return JSON.stringify(expr, (key, value: unknown) => {
    if (key === "span" || key === "nameSpan" || key === "text") return undefined;
    const node = value as { kind?: string; path?: readonly (string | number)[] } | null;
    if (typeof node !== "object" || node === null || node.kind !== "name" || node.path === undefined) return value;
    const found = resolveName(names, node.path);
    return found.kind === "value"
      ? found.value
      : found.kind === "field"
        ? { field: found.field, length: found.length }
        : value;
  });
}
