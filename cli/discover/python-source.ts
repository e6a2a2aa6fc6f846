// Reads one Python file into a SourceModule with the lezer grammar. It must never look at text outside the tree, so that
// comments and docstrings cannot register anything.
import { parser } from "@lezer/python";
import { argumentsOf, decoratorExpr, pythonExpr } from "./python-expr.ts";
import {
  addAddition,
  addBinding,
  type Binding,
  type ClassDef,
  type Expr,
  emptyModule,
  FILE_SCOPE,
  type FunctionDef,
  type Place,
  type SourceModule,
} from "./source.ts";
import { BRACKETS, childrenOf, enclosing, type SyntaxNode, splitByComma, textOf } from "./syntax.ts";

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
  return scope.name === "Script" ? { from: FILE_SCOPE, to: module.text.length } : { from: scope.from, to: scope.to };
}

function readNode(module: SourceModule, node: SyntaxNode): void {
  switch (node.name) {
    case "ImportStatement":
      readImport(module, node);
      return;
    case "FunctionDefinition":
      readFunction(module, node);
      return;
    case "ClassDefinition":
      readClass(module, node);
      return;
    case "AssignStatement":
      readAssignment(module, node);
      return;
    case "UpdateStatement":
      readUpdate(module, node);
      return;
    case "ParamList":
      readParameters(module, node);
      return;
    case "CallExpression": {
      const expr = pythonExpr(module.text, node);
      if (expr.kind !== "call") return;
      module.calls.push({ expr, place: placeOf(module.text, node) });
      readAddition(module, expr);
      return;
    }
    case "DictionaryExpression": {
      const expr = pythonExpr(module.text, node);
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
  if (values.length === 1) return pythonExpr(text, first);
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
  addAddition(module, name, pythonExpr(module.text, value));
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
  addAddition(module, name, added);
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
    const key = pythonExpr(text, node.prevSibling.prevSibling);
    return { kind: "key", key: key.kind === "string" ? key.value : null };
  }
  return { kind: "elsewhere" };
}
