// Reads the files beside the code: dependency lists, for the framework, and MCP client configuration, for the servers. Both
// leniently: what does not parse yields nothing. It must never start or contact a server.
import { frameworkOfDistribution } from "./packages.ts";

/** A server named in an MCP client configuration; which tools it has is known only by asking it. */
export interface McpServer {
  name: string;
  file: string;
  /** Program and words of a server over stdio; null for one over HTTP, and for one that faramesh stands before already. */
  command: string[] | null;
}

/** The frameworks that a dependency file names. `file` decides the syntax. */
export function frameworksInDependencies(file: string, text: string): string[] {
  const names = file.endsWith("package.json") ? packageNames(text) : pythonNames(text);
  const language = file.endsWith("package.json") ? "javascript" : "python";
  return names.map((name) => frameworkOfDistribution(name, language)).filter((name) => name !== null);
}

function packageNames(text: string): string[] {
  const manifest = parseJson(text);
  const tables = ["dependencies", "devDependencies", "peerDependencies", "optionalDependencies"];
  return tables.flatMap((table) => {
    const value = isRecord(manifest) ? manifest[table] : null;
    return isRecord(value) ? Object.keys(value) : [];
  });
}

// One requirement a line, bare or quoted, as a TOML key or in a list: `crewai>=0.80`, `"mcp[cli]",`, `langgraph = "^1"`.
function pythonNames(text: string): string[] {
  const names: string[] = [];
  for (const line of text.split(/\r?\n/)) {
    const plain = line.replace(/(^|\s)#.*$/, "");
    const bare = /^\s*["']?([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:["']|[=<>!~;@,]|$)/.exec(plain);
    if (bare?.[1]) names.push(bare[1]);
    for (const quoted of plain.matchAll(
      /["']([A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[[^\]]*\])?\s*(?:[=<>!~;@][^"']*)?["']/g,
    )) {
      if (quoted[1]) names.push(quoted[1]);
    }
  }
  return names;
}

/** The servers of one MCP configuration file, under `mcpServers` or `servers`. */
export function mcpServersIn(file: string, text: string): McpServer[] {
  const config = parseJson(text.replace(/^\s*\/\/.*$/gm, ""));
  if (!isRecord(config)) return [];
  const servers = config.mcpServers ?? config.servers;
  if (!isRecord(servers)) return [];
  return Object.entries(servers).map(([name, server]) => ({ name, file, command: commandOf(server) }));
}

function commandOf(server: unknown): string[] | null {
  if (!isRecord(server) || typeof server.command !== "string") return null;
  const args = Array.isArray(server.args) ? server.args : [];
  if (!args.every((arg): arg is string => typeof arg === "string")) return null;
  return args.some((arg, at) => arg === "mcp" && args[at + 1] === "wrap") ? null : [server.command, ...args];
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
