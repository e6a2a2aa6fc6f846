// The rules for tool registrations in JavaScript and TypeScript that carry a name of their own: functions, constructors,
// classes and servers. Calls whose name is the key they stand under are handed to tool-sets.ts.
import { frameworksIn, makerOf, type Origin, originOf, readName, type Scan, toolBaseOf } from "./scan.ts";
import {
  type CallExpr,
  type ClassDef,
  type Expr,
  entryOf,
  positionalOf,
  type Site,
  type SourceModule,
} from "./source.ts";

/** A tool whose name is the key or variable that holds it. */
export interface UnnamedTool {
  module: SourceModule;
  site: Site<CallExpr>;
}

/** How a function of a framework is told the name of the tool. */
type NameSource = "key" | "object" | "second object" | "first string" | "id";
const FUNCTIONS: ReadonlyMap<string, NameSource> = new Map([
  ["ai-sdk tool", "key"],
  ["ai-sdk dynamicTool", "key"],
  ["langchain tool", "second object"],
  ["langgraph tool", "second object"],
  ["langchain DynamicStructuredTool", "object"],
  ["langchain DynamicTool", "object"],
  ["langchain createRetrieverTool", "second object"],
  ["openai-agents tool", "object"],
  ["strands tool", "object"],
  ["google-adk FunctionTool", "object"],
  ["llamaindex tool", "object"],
  ["mastra createTool", "id"],
  ["claude-agent-sdk tool", "first string"],
]);
const BASES: ReadonlySet<string> = new Set(["StructuredTool", "Tool", "DynamicStructuredTool", "DynamicTool"]);
const SERVER_METHODS: ReadonlySet<string> = new Set(["tool", "registerTool", "addTool"]);

/** Finds what `module` registers under a name of its own; returns the calls that are named by their place. */
export function findJavascriptTools(scan: Scan, module: SourceModule): UnnamedTool[] {
  const unnamed: UnnamedTool[] = [];
  for (const site of module.calls) {
    const origin = originOf(scan, module, site.expr.callee);
    const source = origin ? FUNCTIONS.get(`${origin.framework} ${origin.leaf}`) : undefined;
    if (source === "key") unnamed.push({ module, site });
    else if (origin && source) takeCall(scan, module, site.expr, source, origin);
    else readMethod(scan, module, site.expr);
  }
  for (const def of module.classes) readClass(scan, module, def);
  return unnamed;
}

function takeCall(scan: Scan, module: SourceModule, call: CallExpr, source: NameSource, origin: Origin): void {
  const how = `${origin.leaf} call`;
  if (source === "first string") {
    takeName(scan, module, call, positionalOf(call, 0), how);
    return;
  }
  const given = positionalOf(call, source === "second object" ? 1 : 0);
  const options = given ? objectOf(scan, module, given) : null;
  if (!options) {
    scan.findings.unreadAt(module, call.from, call.to, given ? "its options cannot be read" : "no name is given");
    return;
  }
  takeName(scan, options.module, call, entryOf(options.object, source === "id" ? "id" : "name"), how, module);
}

/** The object literal that an expression is or names. */
function objectOf(
  scan: Scan,
  module: SourceModule,
  expr: Expr,
): { module: SourceModule; object: Extract<Expr, { kind: "object" }> } | null {
  if (expr.kind === "object") return { module, object: expr };
  const target = scan.project.follow(module, expr);
  if (target.kind !== "local" || target.bindings.length !== 1) return null;
  const what = target.bindings[0]?.what;
  return what?.kind === "value" && what.expr.kind === "object" ? { module: target.module, object: what.expr } : null;
}

function takeName(
  scan: Scan,
  namedIn: SourceModule,
  call: CallExpr,
  name: Expr | null,
  how: string,
  module = namedIn,
): void {
  if (!name) {
    scan.findings.unreadAt(module, call.from, call.to, "no name is given");
    return;
  }
  const reading = readName(namedIn, name);
  if ("name" in reading) scan.findings.found(module, call.from, call.to, reading.name, how);
  else scan.findings.unreadAt(module, call.from, call.to, reading.why);
}

function readMethod(scan: Scan, module: SourceModule, call: CallExpr): void {
  const { callee } = call;
  if (callee.kind !== "member") return;
  const frameworks = frameworksIn(module);
  if (callee.property === "asTool" && frameworks.has("openai-agents")) {
    takeName(scan, module, call, entryOfFirst(call, "toolName"), ".asTool");
    return;
  }
  if (!SERVER_METHODS.has(callee.property) || !isServer(scan, module, callee.object, callee.property, frameworks))
    return;
  const first = positionalOf(call, 0);
  const how = `.${callee.property} call`;
  if (callee.property === "addTool") {
    takeName(scan, module, call, entryOfFirst(call, "name"), how);
    return;
  }
  takeName(scan, module, call, first, how);
}

function entryOfFirst(call: CallExpr, key: string): Expr | null {
  const first = positionalOf(call, 0);
  return first?.kind === "object" ? entryOf(first, key) : null;
}

/** Whether `owner` is an MCP server: made by such a class, or by its name or its file's imports likely to be handed one. */
function isServer(
  scan: Scan,
  module: SourceModule,
  owner: Expr,
  method: string,
  frameworks: ReadonlySet<string>,
): boolean {
  const maker = makerOf(scan, module, owner);
  if (maker) return maker.framework === "mcp";
  if (frameworks.has("mcp")) return true;
  return (
    scan.used.has("mcp") && (method === "registerTool" || /server|mcp/i.test(module.text.slice(owner.from, owner.to)))
  );
}

function readClass(scan: Scan, module: SourceModule, def: ClassDef): void {
  const base = toolBaseOf(scan, module, def, BASES);
  if (!base) return;
  if (def.nameValue) {
    const reading = readName(module, def.nameValue);
    if ("name" in reading) {
      scan.findings.found(module, def.from, def.to, reading.name, `${base.leaf} subclass`);
      return;
    }
    scan.findings.unreadAt(module, def.from, def.to, reading.why);
    return;
  }
  scan.findings.unreadAt(module, def.from, def.to, "the class has no name property that can be read");
}
