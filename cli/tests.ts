// One test of a condition as a person reads it: the value found, what was asked of it, and so whether it held. Pure.
import type { TestTrace } from "../runtime/evaluator/types.ts";

const opposites: Readonly<Record<string, string>> = {
  "==": "≠",
  "!=": "=",
  "<": "≥",
  "<=": ">",
  ">": "≤",
  ">=": "<",
  in: "not in",
  "not in": "in",
  contains: "does not contain",
  "does not contain": "contains",
  starts_with: "does not start with",
  "does not start with": "starts with",
  ends_with: "does not end with",
  "does not end with": "ends with",
  matches: "does not match",
  "does not match": "matches",
  is: "is not",
  "is not": "is",
};
const shownOperators: Readonly<Record<string, string>> = { "==": "=", "!=": "≠", "<=": "≤", ">=": "≥" };

/** One test in words: `8000 ≥ 500`, with `named` `amount 8000 ≥ 500`; `amount is missing`. */
export function testText({ operand, operator, expected, found, result }: TestTrace, named = false): string {
  if (found === "redacted" || expected === "redacted") return `${operand} is redacted`;
  if (found === "missing" && expected !== "nil") return `${operand} is missing`;
  if (result === "unknown") return `${operand} is ${found}, which does not compare with ${expected}`;
  const said = result === "false" ? (opposites[operator] ?? `not ${operator}`) : (shownOperators[operator] ?? operator);
  const isPlain = /^-?[\d.]/.test(found) && !named;
  return `${isPlain || operand === found ? "" : `${operand} `}${found} ${said} ${expected}`;
}
