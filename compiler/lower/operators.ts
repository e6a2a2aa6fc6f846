// How the operators and functions of conditions come down to the machine's.
import { Op } from "../../vm/shared/isa.ts";
import type { CompareOperator } from "../ast.ts";

export const comparisonMethods = new Map<string, CompareOperator>([
  ["starts_with", "starts_with"],
  ["startsWith", "starts_with"],
  ["ends_with", "ends_with"],
  ["endsWith", "ends_with"],
  ["contains", "contains"],
  ["matches", "matches"],
]);

export const arrayTests: ReadonlySet<string> = new Set(["args_array_contains", "args_array_any_match"]);

export const valueFunctions: Record<string, Op> = {
  len: Op.Length,
  length: Op.Length,
  lower: Op.Lower,
  upper: Op.Upper,
};

export const mirrored = { "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

/** a > b is "not a <= b", which holds in Kleene's logic too: both are unknown together. */
export const orderings = {
  "==": { shape: "eq", inverted: false },
  "!=": { shape: "eq", inverted: true },
  "<": { shape: "lt", inverted: false },
  "<=": { shape: "le", inverted: false },
  ">": { shape: "le", inverted: true },
  ">=": { shape: "lt", inverted: true },
} as const;
