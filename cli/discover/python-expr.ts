// Reduces a Python expression to the shapes that discovery knows.
import { MAX_EXPRESSION_LEVELS } from "./limits.ts";
import type { Argument, Entry, Expr } from "./source.ts";
import { BRACKETS, childrenOf, otherExpr, resolveEscapes, type SyntaxNode, splitByComma, textOf } from "./syntax.ts";

/** A decorator's children are flat: names with dots between, then perhaps the arguments. */
export function decoratorExpr(text: string, node: SyntaxNode): Expr {
  let expr: Expr | null = null;
  for (const child of childrenOf(node)) {
    const span: { from: number; to: number } = { from: expr?.from ?? child.from, to: child.to };
    if (child.name === "VariableName" || child.name === "PropertyName") {
      const name = textOf(text, child);
      expr = expr ? { kind: "member", object: expr, property: name, ...span } : { kind: "name", name, ...span };
    } else if (child.name === "ArgList" && expr) {
      expr = { kind: "call", callee: expr, args: argumentsOf(text, child, 0), ...span };
    } else if (!expr && child.name !== "At" && child.name !== ".") {
      expr = pythonExpr(text, child);
    }
  }
  return expr ?? otherExpr(node);
}

/** Reads `node`; what has no known shape, or lies too deep, is `other`. */
export function pythonExpr(text: string, node: SyntaxNode, level = 0): Expr {
  const span = { from: node.from, to: node.to };
  if (level > MAX_EXPRESSION_LEVELS) return otherExpr(node);
  switch (node.name) {
    case "VariableName":
      return { kind: "name", name: textOf(text, node), ...span };
    case "String":
      return stringExpr(text, node);
    case "ContinuedString": {
      const parts = childrenOf(node).map((child) => pythonExpr(text, child, level + 1));
      const values = parts.map((part) => (part.kind === "string" ? part.value : null));
      return values.includes(null)
        ? { kind: "computed", ...span }
        : { kind: "string", value: values.join(""), ...span };
    }
    case "FormatString":
      return { kind: "computed", ...span };
    case "MemberExpression": {
      const property = node.getChild("PropertyName");
      if (!node.firstChild || !property) return otherExpr(node);
      return {
        kind: "member",
        object: pythonExpr(text, node.firstChild, level + 1),
        property: textOf(text, property),
        ...span,
      };
    }
    case "CallExpression": {
      const list = node.getChild("ArgList");
      if (!node.firstChild || !list) return otherExpr(node);
      return {
        kind: "call",
        callee: pythonExpr(text, node.firstChild, level + 1),
        args: argumentsOf(text, list, level + 1),
        ...span,
      };
    }
    case "ArrayExpression":
    case "TupleExpression":
      return {
        kind: "list",
        items: splitByComma(node, BRACKETS).map((group) => itemExpr(text, group, level + 1)),
        ...span,
      };
    case "DictionaryExpression":
      return {
        kind: "object",
        entries: splitByComma(node, BRACKETS).map((group) => entryExpr(text, group, level + 1)),
        ...span,
      };
    case "ParenthesizedExpression": {
      const inner = childrenOf(node).find((child) => !BRACKETS.has(child.name));
      return inner ? pythonExpr(text, inner, level + 1) : otherExpr(node);
    }
    case "BinaryExpression": {
      const [left, operator, right] = childrenOf(node);
      if (!left || !operator || !right || textOf(text, operator) !== "+") return otherExpr(node);
      return { kind: "sum", parts: [pythonExpr(text, left, level + 1), pythonExpr(text, right, level + 1)], ...span };
    }
    case "LambdaExpression":
      return { kind: "function", ...span };
    default:
      return otherExpr(node);
  }
}

function stringExpr(text: string, node: SyntaxNode): Expr {
  const span = { from: node.from, to: node.to };
  const match = /^([a-zA-Z]*)("""|'''|"|')([\s\S]*)\2$/.exec(textOf(text, node));
  const prefix = match?.[1]?.toLowerCase() ?? "";
  if (!match || /[bft]/.test(prefix)) return { kind: "computed", ...span };
  const body = match[3] ?? "";
  const value = prefix.includes("r") ? body : resolveEscapes(body);
  return value === null ? { kind: "computed", ...span } : { kind: "string", value, ...span };
}

function itemExpr(text: string, group: SyntaxNode[], level: number): Expr {
  const [first, second] = group;
  if (first && second && first.name === "*")
    return { kind: "spread", of: pythonExpr(text, second, level), from: first.from, to: second.to };
  const last = group[group.length - 1];
  if (first && group.length === 1) return pythonExpr(text, first, level);
  return { kind: "other", from: first?.from ?? 0, to: last?.to ?? 0 };
}

/** The arguments of a call or the bases of a class, as they stand. */
export function argumentsOf(text: string, list: SyntaxNode, level: number): Argument[] {
  return splitByComma(list, BRACKETS).map((group) => {
    const [first, second, third] = group;
    if (first?.name === "VariableName" && second?.name === "AssignOp" && third) {
      return { key: textOf(text, first), value: pythonExpr(text, third, level) };
    }
    if (first?.name === "**" && second) {
      return {
        key: null,
        value: { kind: "spread", of: pythonExpr(text, second, level), from: first.from, to: second.to },
      };
    }
    return { key: null, value: itemExpr(text, group, level) };
  });
}

function entryExpr(text: string, group: SyntaxNode[], level: number): Entry {
  const [first, second, third] = group;
  const span = { from: first?.from ?? 0, to: group[group.length - 1]?.to ?? 0 };
  if (first?.name === "**" && second)
    return { key: null, value: { kind: "spread", of: pythonExpr(text, second, level), ...span }, ...span };
  if (!first || second?.name !== ":" || !third) return { key: null, value: { kind: "other", ...span }, ...span };
  const key = pythonExpr(text, first, level);
  return { key: key.kind === "string" ? key.value : null, value: pythonExpr(text, third, level), ...span };
}
