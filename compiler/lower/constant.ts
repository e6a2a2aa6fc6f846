// The values that a policy writes, as instructions take them.
import type { Expr } from "../ast.ts";
import { illFormed } from "./unlowerable.ts";

export type Constant = null | boolean | number | string;

/** Undefined for what is no plain value. Throws Unlowerable. */
export function constantOf(value: Expr): Constant | undefined {
  switch (value.kind) {
    case "string":
      // Half a surrogate pair has no UTF-8, and no request can hold one.
      if (!value.value.isWellFormed()) throw illFormed(value.span);
      return value.value;
    case "number":
    case "bool":
    case "word":
      return value.value;
    case "nil":
      return null;
    default:
      return undefined;
  }
}

export function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (c) => c.toLowerCase());
}
