// Tools given as plain data: the function schemas of the OpenAI, Anthropic, Bedrock and MCP interfaces. It must tell a
// schema from a recorded call or a forced choice, which look alike.
import { readName, type Scan } from "./scan.ts";
import { type Expr, entryOf, type ObjectExpr, type Place, type SourceModule } from "./source.ts";

/** Keys under which an object names a tool that is defined elsewhere. */
const CHOICES: ReadonlySet<string> = new Set(["tool_choice", "toolChoice", "function_call", "tool_calls", "toolCalls"]);

/** Finds the schemas among the objects and dicts of `module`. */
export function findSchemas(scan: Scan, module: SourceModule): void {
  for (const { expr, place } of module.objects) {
    if (isChoice(place)) continue;
    const schema = schemaOf(expr, place);
    if (schema) take(scan, module, expr, schema.name, schema.how);
  }
}

function isChoice(place: Place): boolean {
  if (place.kind === "key") return place.key !== null && CHOICES.has(place.key);
  return place.kind === "variable" && CHOICES.has(place.name);
}

function schemaOf(object: ObjectExpr, place: Place): { name: Expr; how: string } | null {
  const type = entryOf(object, "type");
  if (type?.kind === "string" && type.value === "function") {
    const inner = entryOf(object, "function");
    if (inner?.kind === "object") return entryOf(inner, "arguments") ? null : named(inner, "function schema");
    return entryOf(object, "parameters") ? named(object, "function schema") : null;
  }
  if (entryOf(object, "input_schema")) return named(object, "tool schema");
  if (place.kind === "key" && place.key === "toolSpec") return named(object, "toolSpec schema");
  const isMcp =
    entryOf(object, "inputSchema") &&
    entryOf(object, "description") &&
    !entryOf(object, "execute") &&
    !entryOf(object, "id");
  return isMcp ? named(object, "tool schema") : null;
}

function named(object: ObjectExpr, how: string): { name: Expr; how: string } | null {
  const name = entryOf(object, "name");
  return name ? { name, how } : null;
}

function take(scan: Scan, module: SourceModule, object: ObjectExpr, name: Expr, how: string): void {
  const reading = readName(module, name);
  // Converters build schemas from tools of another kind: `{"name": tool.name, …}` registers nothing new.
  if (!("name" in reading) && name.kind === "member") return;
  if ("name" in reading) scan.findings.found(module, name.from, name.to, reading.name, how);
  else scan.findings.unreadAt(module, object.from, object.to, reading.why);
  scan.findings.claim(module, object.from);
}
