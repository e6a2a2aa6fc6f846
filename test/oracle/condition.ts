// A condition's truth, by walking the tree: every subexpression is worked out to the end, nothing is skipped or reordered.
import type { CompareOperator, Expr } from "../../compiler/ast.ts";
import { answerQuery, queryOf } from "./history.ts";
import { argumentAt, type Call, isVariable, purposeOf, readName } from "./name.ts";
import { searchMatches } from "./pattern.ts";
import {
  and,
  asciiLower,
  asciiUpper,
  boolOf,
  contains,
  count,
  endsWith,
  equal,
  type Found,
  fromLiteral,
  fromRequest,
  isIn,
  length,
  not,
  numberOf,
  or,
  order,
  startsWith,
  stringOf,
  type Tri,
  unknown,
} from "./value.ts";

/** The condition's three-valued answer. Throws for a function that the language does not have: check refuses those. */
export function truth(call: Call, expr: Expr): Tri {
  const value = evaluate(call, expr);
  return value.kind === "bool" ? value.value : "unknown";
}

function evaluate(call: Call, expr: Expr): Found {
  const query = queryOf(expr);
  if (query !== null) return answerQuery(call, query);
  switch (expr.kind) {
    case "name":
      return readName(call, expr);
    case "not":
      return boolOf(not(truth(call, expr.operand)));
    case "negate": {
      const operand = evaluate(call, expr.operand);
      return operand.kind === "number" ? numberOf(-operand.value) : unknown;
    }
    case "logical": {
      const left = truth(call, expr.left);
      const right = truth(call, expr.right);
      return boolOf(expr.operator === "and" ? and(left, right) : or(left, right));
    }
    case "compare":
      return boolOf(compare(call, expr.operator, expr.left, expr.right));
    case "arithmetic":
      return arithmetic(expr.operator, evaluate(call, expr.left), evaluate(call, expr.right));
    case "call":
      return apply(call, expr.name, expr.arguments);
    case "method":
      return applyMethod(call, expr.receiver, expr.name, expr.arguments);
    default:
      return fromLiteral(expr);
  }
}

function arithmetic(operator: "+" | "-" | "*" | "/" | "%", left: Found, right: Found): Found {
  if (left.kind !== "number" || right.kind !== "number") return unknown;
  const [a, b] = [left.value, right.value];
  switch (operator) {
    case "+":
      return numberOf(a + b);
    case "-":
      return numberOf(a - b);
    case "*":
      return numberOf(a * b);
    case "/":
      return b === 0 ? unknown : numberOf(a / b);
    case "%":
      return b === 0 ? unknown : numberOf(a % b);
  }
}

function compare(call: Call, operator: CompareOperator, leftExpr: Expr, rightExpr: Expr): Tri {
  if (operator === "==" || operator === "!=") {
    const asked = rightExpr.kind === "nil" ? leftExpr : leftExpr.kind === "nil" ? rightExpr : null;
    if (asked !== null) {
      const { kind } = evaluate(call, asked);
      const absent = kind === "missing" || kind === "null" || kind === "unknown";
      return operator === "==" ? absent : !absent;
    }
  }
  const left = evaluate(call, leftExpr);
  const right = evaluate(call, rightExpr);
  switch (operator) {
    case "in":
      return isIn(left, right);
    case "not in":
      return not(isIn(left, right));
    case "contains":
      return contains(left, right);
    case "starts_with":
      return startsWith(left, right);
    case "ends_with":
      return endsWith(left, right);
    case "matches":
      return searchMatches(left, right);
    default:
      return compareOrder(
        operator,
        isWrittenNumber(call, rightExpr) && isRecipients(call, leftExpr) ? count(left) : left,
        isWrittenNumber(call, leftExpr) && isRecipients(call, rightExpr) ? count(right) : right,
      );
  }
}

/** A number that the policy holds: written on the spot, negated, or a variable's. */
function isWrittenNumber(call: Call, expr: Expr): boolean {
  if (expr.kind === "negate") return isWrittenNumber(call, expr.operand);
  if (expr.kind === "name") return isVariable(call.agent, expr.path) && readName(call, expr).kind === "number";
  return expr.kind === "number";
}

/** `recipients` against a number means how many there are. */
function isRecipients(call: Call, expr: Expr): boolean {
  return expr.kind === "name" && expr.path.at(-1) === "recipients" && !isVariable(call.agent, expr.path);
}

function compareOrder(operator: "==" | "!=" | "<" | "<=" | ">" | ">=", left: Found, right: Found): Tri {
  if (operator === "==") return equal(left, right);
  if (operator === "!=") return not(equal(left, right));
  const o = order(left, right);
  if (o === "unknown") return "unknown";
  switch (operator) {
    case "<":
      return o < 0;
    case "<=":
      return o <= 0;
    case ">":
      return o > 0;
    case ">=":
      return o >= 0;
  }
}

/** The first argument of `args_array_…` as text; null for another function. */
export function arrayPath(name: string, args: readonly Expr[]): string | null {
  const [path] = args;
  return name.startsWith("args_array_") && path?.kind === "string" ? path.value : null;
}

function applyToArray(call: Call, name: string, path: string, sought: Expr | undefined): Found {
  const list = fromRequest(argumentAt(call, path));
  if (list.kind !== "list") return unknown;
  if (name === "args_array_len") return numberOf(list.items.length);
  if (sought === undefined) throw new Error(`the oracle has no ${name} with one argument`);
  const value = evaluate(call, sought);
  if (name === "args_array_any_match") return boolOf(list.items.some((item) => searchMatches(item, value) === true));
  if (name !== "args_array_contains") throw new Error(`the oracle does not know the function ${name}`);
  const held = contains(list, value);
  return held === "unknown" ? unknown : boolOf(held);
}

function apply(call: Call, name: string, args: readonly Expr[]): Found {
  const [first] = args;
  const path = arrayPath(name, args);
  if (path !== null) return applyToArray(call, name, path, args[1]);
  if (first === undefined || args.length !== 1)
    throw new Error(`the oracle has no ${name} with ${args.length} arguments`);
  const value = evaluate(call, first);
  switch (name) {
    case "len":
      return length(value);
    case "lower":
      return value.kind === "string" ? stringOf(asciiLower(value.value)) : unknown;
    case "upper":
      return value.kind === "string" ? stringOf(asciiUpper(value.value)) : unknown;
    case "purpose": {
      const purpose = purposeOf(call);
      if (purpose.kind !== "string" || value.kind !== "string") return unknown;
      return boolOf(asciiLower(purpose.value) === asciiLower(value.value));
    }
    default:
      throw new Error(`the oracle does not know the function ${name}`);
  }
}

const methodOperators: Readonly<Record<string, CompareOperator>> = {
  contains: "contains",
  starts_with: "starts_with",
  startsWith: "starts_with",
  ends_with: "ends_with",
  endsWith: "ends_with",
  matches: "matches",
};

function applyMethod(call: Call, receiver: Expr, name: string, args: readonly Expr[]): Found {
  const operator = methodOperators[name];
  const [first] = args;
  if (operator !== undefined && first !== undefined) return boolOf(compare(call, operator, receiver, first));
  if (args.length > 0) throw new Error(`the oracle does not know the method ${name}`);
  return apply(call, name === "length" ? "len" : name, [receiver]);
}
