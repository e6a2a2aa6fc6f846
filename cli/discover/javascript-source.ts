// Reads one JavaScript or TypeScript file into a SourceModule with the lezer grammar. It must never look at text outside
// the tree, so that comments and strings cannot register anything.
import { parser } from "@lezer/javascript";
import { javascriptExpr, propertyKey } from "./javascript-expr.ts";
import {
  addAddition,
  addBinding,
  type Binding,
  type ClassDef,
  emptyModule,
  FILE_SCOPE,
  type FunctionDef,
  type Place,
  type SourceModule,
} from "./source.ts";
import { childrenOf, enclosing, type SyntaxNode, textOf } from "./syntax.ts";

const SCOPES: ReadonlySet<string> = new Set(
  "Script Block FunctionDeclaration FunctionExpression ArrowFunction MethodDeclaration ForStatement ClassBody CatchClause Property".split(
    " ",
  ),
);
/** Wrappers between a value and the place it stands in: `x as T`, `x satisfies T`, `(x)`, `x!`, `await x`. */
const TRANSPARENT: ReadonlySet<string> = new Set(["ParenthesizedExpression", "PostfixExpression", "AwaitExpression"]);

function dialectOf(file: string): string {
  if (/\.(tsx)$/.test(file)) return "ts jsx";
  return /\.[mc]?ts$/.test(file) ? "ts" : "jsx";
}

/** Parses `text`; broken code yields what could be read. The ending of `file` chooses the dialect. */
export function readJavascript(file: string, text: string): SourceModule {
  const module = emptyModule(file, "javascript", text);
  const tree = parser.configure({ dialect: dialectOf(file) }).parse(text);
  tree.iterate({
    enter(reference) {
      if (reference.type.isAnonymous) return;
      readNode(module, reference.node);
    },
  });
  return module;
}

function readNode(module: SourceModule, node: SyntaxNode): void {
  switch (node.name) {
    case "ImportDeclaration":
      readImport(module, node);
      return;
    case "ExportDeclaration":
      readExport(module, node);
      return;
    case "VariableDeclaration":
      readVariables(module, node);
      return;
    case "FunctionDeclaration":
      readFunction(module, node);
      return;
    case "ClassDeclaration":
    case "ClassExpression":
      readClass(module, node);
      return;
    case "ParamList":
      readParameters(module, node);
      return;
    case "NewExpression":
    case "CallExpression": {
      const expr = javascriptExpr(module.text, node);
      if (expr.kind === "call") module.calls.push({ expr, place: placeOf(module.text, node) });
      if (expr.kind === "call" && expr.callee.kind === "member" && expr.callee.property === "push")
        readPush(module, expr);
      return;
    }
    case "ObjectExpression": {
      const expr = javascriptExpr(module.text, node);
      if (expr.kind === "object") module.objects.push({ expr, place: placeOf(module.text, node) });
    }
  }
}

function specifierOf(text: string, node: SyntaxNode): string | null {
  const string = node.getChild("String");
  const expr = string ? javascriptExpr(text, string) : null;
  return expr?.kind === "string" ? expr.value : null;
}

/** The `{a as b, c}` of an import or export as pairs of the outer name and the inner one. */
function groupNames(text: string, group: SyntaxNode): { first: string; last: string }[] {
  const pairs: { first: string; last: string }[] = [];
  let names: string[] = [];
  const flush = (): void => {
    const first = names[0];
    const last = names[names.length - 1];
    if (first !== undefined && last !== undefined) pairs.push({ first, last });
    names = [];
  };
  for (const child of childrenOf(group)) {
    if (child.name === ",") flush();
    else if (/^(VariableName|VariableDefinition|String|default)$/.test(child.name)) names.push(textOf(text, child));
  }
  flush();
  return pairs;
}

function readImport(module: SourceModule, node: SyntaxNode): void {
  const specifier = specifierOf(module.text, node);
  if (specifier === null) return;
  const children = childrenOf(node);
  for (const [index, child] of children.entries()) {
    if (child.name === "ImportGroup") {
      for (const { first, last } of groupNames(module.text, child))
        module.imports.set(last, { module: specifier, name: first });
    } else if (child.name === "VariableDefinition") {
      const isStar = children[index - 1]?.name === "as";
      module.imports.set(textOf(module.text, child), { module: specifier, name: isStar ? null : "default" });
    }
  }
  if (!children.some((child) => child.name === "ImportGroup" || child.name === "VariableDefinition")) {
    module.imports.set(`"${specifier}"`, { module: specifier, name: null });
  }
}

function readExport(module: SourceModule, node: SyntaxNode): void {
  const specifier = specifierOf(module.text, node);
  const group = node.getChild("ExportGroup");
  for (const { first, last } of group ? groupNames(module.text, group) : []) {
    module.exports.set(last, { module: specifier, name: first });
  }
  const star = node.getChild("Star");
  const alias = node.getChild("VariableDefinition") ?? node.getChild("VariableName");
  if (star && specifier !== null) {
    if (alias) module.exports.set(textOf(module.text, alias), { module: specifier, name: null });
    else module.stars.push(specifier);
  }
  if (!group && !star && node.getChild("default")) readDefault(module, node);
}

function readDefault(module: SourceModule, node: SyntaxNode): void {
  const value = childrenOf(node).find((child) => !/^(export|default|;)$/.test(child.name));
  if (!value) return;
  const declared = value.getChild("VariableDefinition");
  if (declared && /Declaration$/.test(value.name)) {
    module.exports.set("default", { module: null, name: textOf(module.text, declared) });
    return;
  }
  module.exports.set("default", { module: null, name: "default" });
  addBinding(module, "default", {
    scope: rootSpan(module),
    what: { kind: "value", expr: javascriptExpr(module.text, value) },
  });
}

// Starts at -1, so that no function of the file starts where the file does.
function rootSpan(module: SourceModule): { from: number; to: number } {
  return { from: FILE_SCOPE, to: module.text.length };
}

function scopeOf(module: SourceModule, node: SyntaxNode): { from: number; to: number } {
  const scope = enclosing(node, SCOPES);
  return scope.name === "Script" ? rootSpan(module) : { from: scope.from, to: scope.to };
}

function readVariables(module: SourceModule, node: SyntaxNode): void {
  const scope = scopeOf(module, node);
  let target: SyntaxNode | null = null;
  let isValue = false;
  for (const child of childrenOf(node)) {
    if (child.name === "VariableDefinition" || child.name === "ObjectPattern" || child.name === "ArrayPattern") {
      target = child;
      isValue = false;
    } else if (child.name === "Equals") isValue = true;
    else if (isValue && target) {
      readVariable(module, target, child, scope);
      target = null;
    }
  }
}

function readVariable(module: SourceModule, target: SyntaxNode, value: SyntaxNode, scope: Binding["scope"]): void {
  const expr = javascriptExpr(module.text, value);
  const required =
    expr.kind === "call" && expr.callee.kind === "name" && expr.callee.name === "require"
      ? expr.args[0]?.value
      : undefined;
  const specifier = required?.kind === "string" ? required.value : null;
  if (target.name === "VariableDefinition") {
    const name = textOf(module.text, target);
    if (specifier !== null) module.imports.set(name, { module: specifier, name: null });
    else if (expr.kind === "function") {
      const def: FunctionDef = { name, decorators: [], from: value.from, to: value.to };
      addBinding(module, name, { scope, what: { kind: "function", def } });
    } else addBinding(module, name, { scope, what: { kind: "value", expr } });
    return;
  }
  for (const property of target.getChildren("PatternProperty")) {
    const local = property.getChild("VariableDefinition");
    const key = property.getChild("PropertyName") ?? local;
    if (!local || !key) continue;
    const name = textOf(module.text, local);
    if (specifier !== null) module.imports.set(name, { module: specifier, name: textOf(module.text, key) });
    else addBinding(module, name, { scope, what: { kind: "opaque", why: "it is taken out of another value" } });
  }
}

function readFunction(module: SourceModule, node: SyntaxNode): void {
  const name = node.getChild("VariableDefinition");
  if (!name) return;
  const def: FunctionDef = { name: textOf(module.text, name), decorators: [], from: node.from, to: node.to };
  module.functions.push(def);
  addBinding(module, def.name, { scope: scopeOf(module, node), what: { kind: "function", def } });
}

function readClass(module: SourceModule, node: SyntaxNode): void {
  const body = node.getChild("ClassBody");
  const children = childrenOf(node);
  const base = children[children.findIndex((child) => child.name === "extends") + 1];
  const name = node.getChild("VariableDefinition");
  const hasBase = children.some((child) => child.name === "extends");
  const bases = hasBase && base ? [javascriptExpr(module.text, base)] : [];
  const def: ClassDef = {
    name: name ? textOf(module.text, name) : "",
    bases,
    nameValue: null,
    methods: new Map(),
    from: node.from,
    to: node.to,
  };
  for (const member of body ? childrenOf(body) : []) {
    if (member.name !== "PropertyDeclaration" || member.getChild("static")) continue;
    const key = member.getChild("PropertyDefinition");
    const equals = member.getChild("Equals");
    if (key && equals?.nextSibling && textOf(module.text, key) === "name")
      def.nameValue = javascriptExpr(module.text, equals.nextSibling);
  }
  module.classes.push(def);
  if (def.name !== "") addBinding(module, def.name, { scope: scopeOf(module, node), what: { kind: "class", def } });
}

function readParameters(module: SourceModule, node: SyntaxNode): void {
  const scope = scopeOf(module, node);
  node.cursor().iterate((reference) => {
    if (/^(Block|ObjectExpression|ArrowFunction|FunctionExpression)$/.test(reference.name)) return false;
    if (reference.name === "VariableDefinition") {
      addBinding(module, module.text.slice(reference.from, reference.to), {
        scope,
        what: { kind: "opaque", why: "it is a parameter" },
      });
    }
    return undefined;
  });
}

function readPush(module: SourceModule, call: SourceModule["calls"][number]["expr"]): void {
  if (call.callee.kind !== "member" || call.callee.object.kind !== "name") return;
  const name = call.callee.object.name;
  const items = call.args.map((argument) => argument.value);
  addAddition(module, name, { kind: "list", items, from: call.from, to: call.to });
}

function placeOf(text: string, node: SyntaxNode): Place {
  let at = node;
  while (at.parent && (TRANSPARENT.has(at.parent.name) || (at.parent.name === "BinaryExpression" && isTyping(at))))
    at = at.parent;
  const parent = at.parent;
  if (parent?.name === "Property") return { kind: "key", key: propertyKey(text, parent) };
  const before = at.prevSibling;
  if (parent?.name === "VariableDeclaration" && before?.name === "Equals") {
    let target = before.prevSibling;
    while (target && target.name !== "VariableDefinition" && target.name !== ",") target = target.prevSibling;
    if (target?.name === "VariableDefinition") return { kind: "variable", name: textOf(text, target) };
  }
  return { kind: "elsewhere" };
}

function isTyping(node: SyntaxNode): boolean {
  return node.nextSibling?.name === "as" || node.nextSibling?.name === "satisfies";
}
