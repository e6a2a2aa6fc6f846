// The rules for tool registrations in Python: decorators, constructors and classes. A rule fires only for a name that leads
// to a package of a known framework; a function of the project that happens to be called `tool` registers nothing.
import { frameworksIn, makerOf, type Origin, originOf, readName, type Scan, toolBaseOf } from "./scan.ts";
import {
  type Argument,
  type Binding,
  type CallExpr,
  type ClassDef,
  type Expr,
  type FunctionDef,
  keywordOf,
  positionalOf,
  type SourceModule,
} from "./source.ts";

const DECORATORS: ReadonlySet<string> = new Set(["tool", "function_tool", "beta_tool", "beta_async_tool"]);
const CONSTRUCTORS: ReadonlySet<string> = new Set(["Tool", "StructuredTool", "FunctionTool"]);
const FACTORIES: ReadonlySet<string> = new Set(["from_function", "from_defaults"]);
const BASES: ReadonlySet<string> = new Set(["BaseTool", "StructuredTool", "Tool", "FunctionTool"]);
/** Methods of a server or agent object that register a function. */
const METHODS: ReadonlySet<string> = new Set(["tool", "tool_plain", "add_tool"]);
const MAKERS: ReadonlySet<string> = new Set(["mcp", "pydantic-ai", "autogen", "agno"]);
const NAME_KEYS = ["name", "name_override", "name_or_callable"];
const FUNCTION_KEYS = ["func", "fn", "function", "coroutine"];

/** Finds what `module` registers by itself; the lists handed to agents are another rule's. */
export function findPythonTools(scan: Scan, module: SourceModule): void {
  for (const def of module.functions) {
    for (const decorator of def.decorators) readDecorator(scan, module, def, decorator);
  }
  for (const { expr } of module.calls) readCall(scan, module, expr);
  for (const def of module.classes) readClass(scan, module, def);
}

function readDecorator(scan: Scan, module: SourceModule, def: FunctionDef, decorator: Expr): void {
  const callee = decorator.kind === "call" ? decorator.callee : decorator;
  const args = decorator.kind === "call" ? decorator.args : [];
  const origin = originOf(scan, module, callee);
  if (origin) {
    // `crewai.project.tool` marks a method that hands out a tool made elsewhere.
    if (!DECORATORS.has(origin.leaf) || origin.package === "crewai.project") return;
    takeDecorated(
      scan,
      module,
      def,
      args,
      `${origin.framework === "crewai" ? "CrewAI " : ""}@${origin.leaf} decorator`,
    );
    return;
  }
  if (callee.kind !== "member" || !METHODS.has(callee.property)) return;
  const label = module.text.slice(callee.from, callee.to);
  const kind = serverKind(scan, module, callee.object);
  if (kind === "server") {
    takeDecorated(scan, module, def, args, `@${label} decorator`);
    return;
  }
  if (kind === "unknown" && [...MAKERS].some((maker) => scan.used.has(maker))) {
    const owner = module.text.slice(callee.object.from, callee.object.to);
    scan.findings.unreadAt(module, decorator.from, def.to, `could not tell what ${owner} is`);
  }
}

/** Whether `owner` is an object on which `.tool` registers. One that nothing tells about counts in a file that imports MCP. */
function serverKind(scan: Scan, module: SourceModule, owner: Expr): "server" | "own" | "unknown" {
  const maker = makerOf(scan, module, owner);
  if (maker) return MAKERS.has(maker.framework) ? "server" : "own";
  const target = scan.project.follow(module, owner);
  if (target.kind === "local" && target.bindings.some((binding) => isOwnThing(scan, target.module, binding)))
    return "own";
  return [...frameworksIn(module)].some((framework) => MAKERS.has(framework)) ? "server" : "unknown";
}

/** A function or class of the project, or an instance of such a class unless a known class is its base. */
function isOwnThing(scan: Scan, module: SourceModule, { what }: Binding): boolean {
  if (what.kind === "function" || what.kind === "class") return true;
  if (what.kind !== "value" || what.expr.kind !== "call") return false;
  const made = scan.project.follow(module, what.expr.callee);
  if (made.kind !== "local") return false;
  return !made.bindings.some(
    ({ what: by }) => by.kind === "class" && by.def.bases.some((base) => originOf(scan, made.module, base)),
  );
}

function takeDecorated(scan: Scan, module: SourceModule, def: FunctionDef, args: Argument[], how: string): void {
  const call: CallExpr = {
    kind: "call",
    callee: { kind: "other", from: def.from, to: def.from },
    args,
    from: def.from,
    to: def.to,
  };
  const named = keywordOf(call, ...NAME_KEYS) ?? positionalOf(call, 0);
  const decoratedFrom = def.decorators[0]?.from ?? def.from;
  if (args.some((argument) => argument.value.kind === "spread")) {
    scan.findings.claim(module, def.from);
    scan.findings.unreadAt(module, decoratedFrom, def.to, "name may be among the spread arguments");
    return;
  }
  const reading = named === null || isNone(module, named) ? { name: def.name } : readName(module, named);
  if ("name" in reading) {
    scan.findings.found(module, def.from, def.to, reading.name, how);
    return;
  }
  scan.findings.claim(module, def.from);
  scan.findings.unreadAt(module, decoratedFrom, def.to, reading.why);
}

function isNone(module: SourceModule, expr: Expr): boolean {
  return expr.kind === "other" && module.text.slice(expr.from, expr.to) === "None";
}

function readCall(scan: Scan, module: SourceModule, call: CallExpr): void {
  const origin = originOf(scan, module, call.callee);
  const how = origin ? labelOf(origin, module, call) : null;
  if (origin && how !== null) {
    takeCall(scan, module, call, how);
    return;
  }
  if (call.callee.kind === "member") {
    const { property, object } = call.callee;
    if (property === "as_tool" && frameworksIn(module).size > 0) {
      takeNamed(scan, module, call, keywordOf(call, "tool_name", "name"), ".as_tool");
      return;
    }
    const isMethod = METHODS.has(property) && call.args.length > 0 && !origin;
    if (isMethod && serverKind(scan, module, object) === "server") {
      takeCall(scan, module, call, `.${property} call`);
      return;
    }
  }
  const target = scan.project.follow(module, call.callee);
  const name = keywordOf(call, "name");
  if (target.kind !== "local" || name === null) return;
  for (const { what } of target.bindings) {
    if (what.kind !== "class" || !toolBaseOf(scan, target.module, what.def, BASES)) continue;
    scan.findings.claim(target.module, what.def.from);
    takeNamed(scan, module, call, name, `${what.def.name} constructor`);
  }
}

/** How to call the registration that a call makes, or null when it makes none. */
function labelOf(origin: Origin, module: SourceModule, call: CallExpr): string | null {
  if (CONSTRUCTORS.has(origin.leaf)) {
    // An OpenAI or Anthropic client has types of these names that describe hosted tools.
    if (origin.framework === "openai" || origin.framework === "anthropic") return null;
    return `${origin.leaf} constructor`;
  }
  if (FACTORIES.has(origin.leaf) && CONSTRUCTORS.has(origin.owner)) return `${origin.owner}.${origin.leaf}`;
  if (origin.leaf === "create_retriever_tool") return "create_retriever_tool";
  if (!DECORATORS.has(origin.leaf) || origin.package === "crewai.project" || call.args.length === 0) return null;
  return `${module.text.slice(call.callee.from, call.callee.to)} call`;
}

function takeCall(scan: Scan, module: SourceModule, call: CallExpr, how: string): void {
  const first = positionalOf(call, 0);
  const second = positionalOf(call, 1);
  const isFromFunction = how === "Tool.from_function" || how === "create_retriever_tool";
  const named = keywordOf(call, ...NAME_KEYS) ?? (isFromFunction ? second : null);
  if (named && !isNone(module, named)) {
    const isFunctionFirst = named.kind === "name" && keywordOf(call, "name_or_callable") === named;
    if (!isFunctionFirst) {
      takeNamed(scan, module, call, named, how);
      return;
    }
  }
  if (call.args.some((argument) => argument.value.kind === "spread")) {
    scan.findings.unreadAt(module, call.from, call.to, "name may be among the spread arguments");
    return;
  }
  const callable = keywordOf(call, ...FUNCTION_KEYS) ?? first;
  const functionName = callable ? functionNameOf(scan, module, callable) : null;
  if (functionName !== null) {
    scan.findings.found(module, call.from, call.to, functionName, how);
    return;
  }
  takeNamed(scan, module, call, callable?.kind === "function" ? null : callable, how);
}

function takeNamed(scan: Scan, module: SourceModule, call: CallExpr, named: Expr | null, how: string): void {
  if (named === null) {
    scan.findings.unreadAt(module, call.from, call.to, "no name is given");
    return;
  }
  const reading = readName(module, named);
  if ("name" in reading) scan.findings.found(module, call.from, call.to, reading.name, how);
  else scan.findings.unreadAt(module, call.from, call.to, reading.why);
}

/** The name of the function that an expression names, when its `def` is in the project. */
function functionNameOf(scan: Scan, module: SourceModule, expr: Expr): string | null {
  const target = scan.project.follow(module, expr);
  if (target.kind === "local") {
    for (const { what } of target.bindings) {
      if (what.kind !== "function") continue;
      scan.findings.claim(target.module, what.def.from);
      return what.def.name;
    }
  }
  return methodAt(scan, module, expr)?.def.name ?? null;
}

/** The method that `self.x` or `cls.x` names in the class around it, or `Class.x` in a class of the project; null if none. */
export function methodAt(
  scan: Scan,
  module: SourceModule,
  expr: Expr,
): { module: SourceModule; def: FunctionDef } | null {
  if (expr.kind !== "member" || expr.object.kind !== "name") return null;
  if (/^(self|cls)$/.test(expr.object.name)) {
    const around = module.classes.filter((def) => def.from <= expr.from && expr.to <= def.to);
    const def = around[around.length - 1]?.methods.get(expr.property);
    return def ? { module, def } : null;
  }
  const target = scan.project.follow(module, expr.object);
  for (const { what } of target.kind === "local" ? target.bindings : []) {
    const def = what.kind === "class" ? what.def.methods.get(expr.property) : undefined;
    if (def && target.kind === "local") return { module: target.module, def };
  }
  return null;
}

function readClass(scan: Scan, module: SourceModule, def: ClassDef): void {
  const base = toolBaseOf(scan, module, def, BASES);
  if (!base) return;
  const how = `${base.framework === "crewai" ? "CrewAI " : ""}${base.leaf} subclass`;
  if (def.nameValue) {
    const reading = readName(module, def.nameValue);
    if ("name" in reading) {
      scan.findings.found(module, def.from, def.to, reading.name, how);
      return;
    }
    scan.findings.unreadAt(module, def.from, def.to, reading.why);
    return;
  }
  const isBase = scan.modules.some((other) =>
    other.classes.some((sub) => sub.bases.some((expr) => leadsTo(scan, other, expr, def))),
  );
  if (isBase || scan.findings.isClaimed(module, def.from)) {
    scan.findings.claim(module, def.from);
    return;
  }
  scan.findings.unreadAt(module, def.from, def.to, "the class has no name attribute that can be read");
}

function leadsTo(scan: Scan, module: SourceModule, expr: Expr, def: ClassDef): boolean {
  const target = scan.project.follow(module, expr);
  return target.kind === "local" && target.bindings.some(({ what }) => what.kind === "class" && what.def === def);
}
