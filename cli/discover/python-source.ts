// Reads one Python file into a SourceModule with the lezer grammar. It must never look at text outside the tree, so that
// comments and docstrings cannot register anything.
import { parser } from "@lezer/python";
import { MAX_EXPRESSION_LEVELS } from "./limits.ts";
import {
  type Argument,
  addBinding,
  type Binding,
  type ClassDef,
  type Entry,
  type Expr,
  emptyModule,
  type FunctionDef,
  type Place,
  type SourceModule,
} from "./source.ts";
import {
  BRACKETS,
  childrenOf,
  enclosing,
  otherExpr,
  type SyntaxNode,
  splitByComma,
  textOf,
  unescape,
} from "./syntax.ts";

const SCOPES: ReadonlySet<string> = new Set(["FunctionDefinition", "LambdaExpression", "ClassDefinition", "Script"]);

/** Parses Python `text`; broken code yields what could be read. `file` is the relative path that findings will show. */
export function readPython(file: string, text: string): SourceModule {
  const module = emptyModule(file, "python", text);
  const tree = parser.parse(text);
  tree.iterate({
    enter(reference) {
      if (reference.type.isAnonymous) return;
      readNode(module, reference.node);
    },
  });
  return module;
}

/** The scope of a binding; that of the file starts at -1, so that no function of the file starts where it does. */
function scopeOf(module: SourceModule, node: SyntaxNode): Binding["scope"] {
  const scope = enclosing(node, SCOPES);
  return scope.name === "Script" ? { from: -1, to: module.text.length } : { from: scope.from, to: scope.to };
}

function readNode(module: SourceModule, node: SyntaxNode): void {
  switch (node.name) {
    case "ImportStatement":
      return readImport(module, node);
    case "FunctionDefinition":
      return readFunction(module, node);
    case "ClassDefinition":
      return readClass(module, node);
    case "AssignStatement":
      return readAssignment(module, node);
    case "UpdateStatement":
      return readUpdate(module, node);
    case "ParamList":
      return readParameters(module, node);
    case "CallExpression": {
      const expr = toExpr(module.text, node);
      if (expr.kind !== "call") return;
      module.calls.push({ expr, place: placeOf(module.text, node) });
      return readAddition(module, expr);
    }
    case "DictionaryExpression": {
      const expr = toExpr(module.text, node);
      if (expr.kind === "object") module.objects.push({ expr, place: placeOf(module.text, node) });
    }
  }
}

function readImport(module: SourceModule, node: SyntaxNode): void {
  const children = childrenOf(node).filter((child) => !BRACKETS.has(child.name));
  const importAt = children.findIndex((child) => child.name === "import");
  const isFrom = children[0]?.name === "from";
  const source = isFrom
    ? children
        .slice(1, importAt)
        .map((child) => textOf(module.text, child))
        .join("")
    : "";
  const groups: SyntaxNode[][] = [[]];
  for (const child of children.slice(importAt + 1)) {
    if (child.name === ",") groups.push([]);
    else groups[groups.length - 1]?.push(child);
  }
  for (const group of groups) {
    const asAt = group.findIndex((child) => child.name === "as");
    const path = (asAt < 0 ? group : group.slice(0, asAt)).map((child) => textOf(module.text, child)).join("");
    const alias = asAt < 0 ? undefined : group[asAt + 1];
    if (path === "*") module.stars.push(source);
    if (path === "" || path === "*") continue;
    if (isFrom) module.imports.set(alias ? textOf(module.text, alias) : path, { module: source, name: path });
    else if (alias) module.imports.set(textOf(module.text, alias), { module: path, name: null });
    else readPlainImport(module, path);
  }
}

// `import a.b` binds `a`; the rest is reached through attributes.
function readPlainImport(module: SourceModule, path: string): void {
  const root = path.split(".")[0] ?? path;
  module.imports.set(root, { module: root, name: null });
}

function readFunction(module: SourceModule, node: SyntaxNode): void {
  const def = functionDef(module.text, node);
  if (!def) return;
  module.functions.push(def);
  if (enclosing(node, SCOPES).name !== "ClassDefinition")
    addBinding(module, def.name, { scope: scopeOf(module, node), what: { kind: "function", def } });
}

function functionDef(text: string, node: SyntaxNode): FunctionDef | null {
  const name = node.getChild("VariableName");
  if (!name) return null;
  const decorated = node.parent?.name === "DecoratedStatement" ? node.parent : null;
  const decorators = decorated ? decorated.getChildren("Decorator").map((child) => decoratorExpr(text, child)) : [];
  return { name: textOf(text, name), decorators, from: node.from, to: node.to };
}

/** A decorator's children are flat: names with dots between, then perhaps the arguments. */
function decoratorExpr(text: string, node: SyntaxNode): Expr {
  let expr: Expr | null = null;
  for (const child of childrenOf(node)) {
    const span: { from: number; to: number } = { from: expr?.from ?? child.from, to: child.to };
    if (child.name === "VariableName" || child.name === "PropertyName") {
      const name = textOf(text, child);
      expr = expr ? { kind: "member", object: expr, property: name, ...span } : { kind: "name", name, ...span };
    } else if (child.name === "ArgList" && expr) {
      expr = { kind: "call", callee: expr, args: argumentsOf(text, child, 0), ...span };
    } else if (!expr && child.name !== "At" && child.name !== ".") {
      expr = toExpr(text, child);
    }
  }
  return expr ?? otherExpr(node);
}

function readClass(module: SourceModule, node: SyntaxNode): void {
  const name = node.getChild("VariableName");
  const body = node.getChild("Body");
  if (!name) return;
  const list = node.getChild("ArgList");
  const bases = list
    ? argumentsOf(module.text, list, 0)
        .filter((base) => base.key === null)
        .map((base) => base.value)
    : [];
  const def: ClassDef = {
    name: textOf(module.text, name),
    bases,
    nameValue: null,
    methods: new Map(),
    from: node.from,
    to: node.to,
  };
  for (const statement of body ? childrenOf(body) : []) {
    const inner = statement.name === "DecoratedStatement" ? statement.getChild("FunctionDefinition") : statement;
    const method = inner?.name === "FunctionDefinition" ? functionDef(module.text, inner) : null;
    if (method) def.methods.set(method.name, method);
    const target = statement.name === "AssignStatement" ? statement.firstChild : null;
    if (target && textOf(module.text, target) === "name")
      def.nameValue = assignedValue(module.text, statement) ?? def.nameValue;
  }
  module.classes.push(def);
  addBinding(module, def.name, { scope: scopeOf(module, node), what: { kind: "class", def } });
}

function assignedValue(text: string, statement: SyntaxNode): Expr | null {
  const children = childrenOf(statement);
  const at = children.findLastIndex((child) => child.name === "AssignOp");
  const values = at < 0 ? [] : children.slice(at + 1);
  const first = values[0];
  if (!first) return null;
  if (values.length === 1) return toExpr(text, first);
  return { kind: "other", from: first.from, to: statement.to };
}

function readAssignment(module: SourceModule, node: SyntaxNode): void {
  if (enclosing(node, SCOPES).name === "ClassDefinition") return;
  const scope = scopeOf(module, node);
  const children = childrenOf(node);
  const single = children[1]?.name === "AssignOp" || children[1]?.name === "TypeDef";
  const expr = assignedValue(module.text, node);
  for (const [index, child] of children.entries()) {
    if (child.name !== "VariableName") continue;
    if (!children.slice(index + 1).some((later) => later.name === "AssignOp")) break;
    const what =
      single && expr
        ? { kind: "value" as const, expr }
        : { kind: "opaque" as const, why: "it is assigned with others" };
    addBinding(module, textOf(module.text, child), { scope, what });
  }
}

function readUpdate(module: SourceModule, node: SyntaxNode): void {
  const [target, , value] = childrenOf(node);
  if (target?.name !== "VariableName" || !value) return;
  const name = textOf(module.text, target);
  module.additions.set(name, [...(module.additions.get(name) ?? []), toExpr(module.text, value)]);
}

// `x.append(f)` and `x.extend(list)` add to a list that may be handed to an agent later.
function readAddition(module: SourceModule, call: Extract<Expr, { kind: "call" }>): void {
  const { callee } = call;
  const value = call.args[0]?.value;
  if (callee.kind !== "member" || callee.object.kind !== "name" || !value) return;
  if (callee.property !== "append" && callee.property !== "extend") return;
  const added: Expr =
    callee.property === "append" ? { kind: "list", items: [value], from: value.from, to: value.to } : value;
  const name = callee.object.name;
  module.additions.set(name, [...(module.additions.get(name) ?? []), added]);
}

function readParameters(module: SourceModule, node: SyntaxNode): void {
  const scope = scopeOf(module, node);
  for (const group of splitByComma(node, new Set(["(", ")", "*", "**"]))) {
    const first = group[0];
    if (first?.name !== "VariableName") continue;
    addBinding(module, textOf(module.text, first), { scope, what: { kind: "opaque", why: "it is a parameter" } });
  }
}

function placeOf(text: string, node: SyntaxNode): Place {
  const parent = node.parent;
  if (parent?.name === "AssignStatement" && parent.firstChild?.name === "VariableName") {
    return { kind: "variable", name: textOf(text, parent.firstChild) };
  }
  if (parent?.name === "ArgList" && node.prevSibling?.name === "AssignOp" && node.prevSibling.prevSibling) {
    return { kind: "key", key: textOf(text, node.prevSibling.prevSibling) };
  }
  if (parent?.name === "DictionaryExpression" && node.prevSibling?.name === ":" && node.prevSibling.prevSibling) {
    const key = toExpr(text, node.prevSibling.prevSibling);
    return { kind: "key", key: key.kind === "string" ? key.value : null };
  }
  return { kind: "elsewhere" };
}

function toExpr(text: string, node: SyntaxNode, level = 0): Expr {
  const span = { from: node.from, to: node.to };
  if (level > MAX_EXPRESSION_LEVELS) return otherExpr(node);
  switch (node.name) {
    case "VariableName":
      return { kind: "name", name: textOf(text, node), ...span };
    case "String":
      return stringExpr(text, node);
    case "ContinuedString": {
      const parts = childrenOf(node).map((child) => toExpr(text, child, level + 1));
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
        object: toExpr(text, node.firstChild, level + 1),
        property: textOf(text, property),
        ...span,
      };
    }
    case "CallExpression": {
      const list = node.getChild("ArgList");
      if (!node.firstChild || !list) return otherExpr(node);
      return {
        kind: "call",
        callee: toExpr(text, node.firstChild, level + 1),
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
      return inner ? toExpr(text, inner, level + 1) : otherExpr(node);
    }
    case "BinaryExpression": {
      const [left, operator, right] = childrenOf(node);
      if (!left || !operator || !right || textOf(text, operator) !== "+") return otherExpr(node);
      return { kind: "sum", parts: [toExpr(text, left, level + 1), toExpr(text, right, level + 1)], ...span };
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
  const value = prefix.includes("r") ? body : unescape(body);
  return value === null ? { kind: "computed", ...span } : { kind: "string", value, ...span };
}

function itemExpr(text: string, group: SyntaxNode[], level: number): Expr {
  const [first, second] = group;
  if (first && second && first.name === "*")
    return { kind: "spread", of: toExpr(text, second, level), from: first.from, to: second.to };
  const last = group[group.length - 1];
  if (first && group.length === 1) return toExpr(text, first, level);
  return { kind: "other", from: first?.from ?? 0, to: last?.to ?? 0 };
}

function argumentsOf(text: string, list: SyntaxNode, level: number): Argument[] {
  return splitByComma(list, BRACKETS).map((group) => {
    const [first, second, third] = group;
    if (first?.name === "VariableName" && second?.name === "AssignOp" && third) {
      return { key: textOf(text, first), value: toExpr(text, third, level) };
    }
    if (first?.name === "**" && second) {
      return { key: null, value: { kind: "spread", of: toExpr(text, second, level), from: first.from, to: second.to } };
    }
    return { key: null, value: itemExpr(text, group, level) };
  });
}

function entryExpr(text: string, group: SyntaxNode[], level: number): Entry {
  const [first, second, third] = group;
  const span = { from: first?.from ?? 0, to: group[group.length - 1]?.to ?? 0 };
  if (first?.name === "**" && second)
    return { key: null, value: { kind: "spread", of: toExpr(text, second, level), ...span }, ...span };
  if (!first || second?.name !== ":" || !third) return { key: null, value: { kind: "other", ...span }, ...span };
  const key = toExpr(text, first, level);
  return { key: key.kind === "string" ? key.value : null, value: toExpr(text, third, level), ...span };
}
