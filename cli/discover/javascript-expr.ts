// Reduces a JavaScript or TypeScript expression to the shapes that discovery knows; types and assertions fall away.
import { MAX_EXPRESSION_LEVELS } from "./limits.ts";
import type { Argument, Entry, Expr } from "./source.ts";
import { BRACKETS, childrenOf, otherExpr, resolveEscapes, type SyntaxNode, splitByComma, textOf } from "./syntax.ts";

/** Reads `node`; what has no known shape, or lies too deep, is `other`. */
export function javascriptExpr(text: string, node: SyntaxNode, level = 0): Expr {
  const span = { from: node.from, to: node.to };
  if (level > MAX_EXPRESSION_LEVELS) return otherExpr(node);
  switch (node.name) {
    case "VariableName":
      return { kind: "name", name: textOf(text, node), ...span };
    case "String":
    case "TemplateString":
      return stringExpr(text, node);
    case "MemberExpression": {
      const property = node.getChild("PropertyName");
      if (!node.firstChild || !property) return otherExpr(node);
      return {
        kind: "member",
        object: javascriptExpr(text, node.firstChild, level + 1),
        property: textOf(text, property),
        ...span,
      };
    }
    case "NewExpression":
    case "CallExpression": {
      const list = node.getChild("ArgList");
      const callee = childrenOf(node).find((child) => child.name !== "new");
      if (!callee || !list) return otherExpr(node);
      return {
        kind: "call",
        callee: javascriptExpr(text, callee, level + 1),
        args: argumentsOf(text, list, level + 1),
        ...span,
      };
    }
    case "ArrayExpression":
      return {
        kind: "list",
        items: splitByComma(node, BRACKETS).map((group) => itemExpr(text, group, level + 1)),
        ...span,
      };
    case "ObjectExpression":
      return {
        kind: "object",
        entries: node.getChildren("Property").map((property) => entryExpr(text, property, level + 1)),
        ...span,
      };
    case "ArrowFunction":
    case "FunctionExpression":
      return { kind: "function", ...span };
    case "ParenthesizedExpression": {
      const inner = childrenOf(node).find((child) => !BRACKETS.has(child.name));
      return inner ? javascriptExpr(text, inner, level + 1) : otherExpr(node);
    }
    case "PostfixExpression":
      return node.firstChild ? javascriptExpr(text, node.firstChild, level + 1) : otherExpr(node);
    case "BinaryExpression": {
      const [left, operator] = childrenOf(node);
      const isTyping = operator?.name === "as" || operator?.name === "satisfies";
      return isTyping && left ? javascriptExpr(text, left, level + 1) : otherExpr(node);
    }
    default:
      return otherExpr(node);
  }
}

function stringExpr(text: string, node: SyntaxNode): Expr {
  const span = { from: node.from, to: node.to };
  if (node.getChild("Interpolation")) return { kind: "computed", ...span };
  const value = resolveEscapes(textOf(text, node).slice(1, -1));
  return value === null ? { kind: "computed", ...span } : { kind: "string", value, ...span };
}

function itemExpr(text: string, group: SyntaxNode[], level: number): Expr {
  const [first, second] = group;
  if (first?.name === "Spread" && second) {
    return { kind: "spread", of: javascriptExpr(text, second, level), from: first.from, to: second.to };
  }
  if (first && group.length === 1) return javascriptExpr(text, first, level);
  return { kind: "other", from: first?.from ?? 0, to: group[group.length - 1]?.to ?? 0 };
}

function argumentsOf(text: string, list: SyntaxNode, level: number): Argument[] {
  return splitByComma(list, BRACKETS).map((group) => ({ key: null, value: itemExpr(text, group, level) }));
}

/** The key of a property of an object literal, null when it is computed or spread. */
export function propertyKey(text: string, property: SyntaxNode): string | null {
  const plain = property.getChild("PropertyDefinition") ?? property.getChild("Number");
  if (property.getChild("[") || property.getChild("Spread")) return null;
  if (plain) return textOf(text, plain);
  const quoted = property.getChild("String");
  const expr = quoted ? stringExpr(text, quoted) : null;
  return expr?.kind === "string" ? expr.value : null;
}

function entryExpr(text: string, property: SyntaxNode, level: number): Entry {
  const span = { from: property.from, to: property.to };
  const children = childrenOf(property);
  const last = children[children.length - 1];
  const key = propertyKey(text, property);
  if (property.getChild("Spread") && last) {
    return { key: null, value: { kind: "spread", of: javascriptExpr(text, last, level), ...span }, ...span };
  }
  if (property.getChild("ParamList")) return { key, value: { kind: "function", ...span }, ...span };
  if (property.getChild(":") && last) return { key, value: javascriptExpr(text, last, level), ...span };
  const name = property.getChild("PropertyDefinition");
  return {
    key,
    value: key !== null && name ? { kind: "name", name: key, ...span } : { kind: "other", ...span },
    ...span,
  };
}
