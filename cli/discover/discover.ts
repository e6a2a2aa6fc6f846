// Finds the agent framework and every tool registration of a project by parsing its files. It must never run any of the
// project's code, use the network, or report a name that does not stand in the source.
import { frameworksInDependencies, type McpServer, mcpServersIn } from "./configuration.ts";
import { Findings, type FoundTool, type UnreadTool } from "./findings.ts";
import { findJavascriptTools } from "./javascript-tools.ts";
import { rankOf } from "./packages.ts";
import { Project } from "./project.ts";
import { findPythonTools } from "./python-tools.ts";
import { frameworksIn, type Scan } from "./scan.ts";
import { findSchemas } from "./schema-tools.ts";
import type { SourceModule } from "./source.ts";
import { readToolLists } from "./tool-lists.ts";
import { nameByKey } from "./tool-sets.ts";
import { compare, readText, type Skipped, walk } from "./walk.ts";

export type { McpServer } from "./configuration.ts";
export type { FoundTool, UnreadTool } from "./findings.ts";

/** What a project holds. Lists are sorted by file and line; files are relative with `/`, lines count from 1. */
export interface Discovery {
  framework: string | null;
  /** The file that names the framework. */
  frameworkFrom: string | null;
  tools: FoundTool[];
  unread: UnreadTool[];
  /** Servers of MCP configuration files; their tools are not known. */
  mcpServers: McpServer[];
  filesRead: number;
  skipped: Skipped[];
}

/** A file without any of these words registers no tool and imports no framework; most files are told apart so. */
const WORTH_PARSING =
  /tool|schema|["']function["']|agent|lang(chain|graph)|crewai|mcp|mastra|llama|openai|anthropic|autogen|["']ai["']/i;

/** Reads the project in `dir`. Throws when `dir` cannot be read; a single file that cannot is listed in `skipped`. */
export async function discover(dir: string): Promise<Discovery> {
  const files = await walk(dir);
  const uses = new FrameworkUses();
  const readable: { file: string; text: string | null }[] = [];
  for (const file of files.sources) {
    const text = await readText(dir, file, files.skipped);
    if (text !== null) readable.push({ file, text: WORTH_PARSING.test(text) ? text : null });
  }
  const project = new Project(
    dir,
    readable.map(({ file }) => file),
  );
  const modules: SourceModule[] = [];
  for (const { file, text } of readable) {
    if (text !== null) modules.push(project.load(file, text));
  }
  for (const file of files.dependencies) {
    const text = await readText(dir, file, files.skipped);
    for (const framework of text === null ? [] : frameworksInDependencies(file, text)) uses.add(framework, file);
  }
  for (const module of modules) {
    for (const framework of frameworksIn(module)) uses.add(framework, module.file);
  }
  const findings = new Findings();
  findTools({ project, findings, modules, used: uses.names() });
  const mcpServers: McpServer[] = [];
  for (const file of files.mcpConfigs) {
    const text = await readText(dir, file, files.skipped);
    if (text !== null) mcpServers.push(...mcpServersIn(file, text));
  }
  const byPlace = (a: { file: string; line: number }, b: { file: string; line: number }): number =>
    compare(a.file, b.file) || a.line - b.line;
  return {
    ...uses.best(),
    tools: findings.tools.sort((a, b) => byPlace(a, b) || compare(a.name, b.name)),
    unread: findings.unread.sort((a, b) => byPlace(a, b) || compare(a.text, b.text)),
    mcpServers,
    filesRead: readable.length,
    skipped: files.skipped.sort((a, b) => compare(a.file, b.file)),
  };
}

// Registrations come before lists: a list adds only what no registration has named.
function findTools(scan: Scan): void {
  const python = scan.modules.filter((module) => module.language === "python");
  const javascript = scan.modules.filter((module) => module.language === "javascript");
  for (const module of python) findPythonTools(scan, module);
  const unnamed = javascript.flatMap((module) => findJavascriptTools(scan, module));
  for (const module of scan.modules) findSchemas(scan, module);
  nameByKey(scan, unnamed);
  for (const module of scan.modules) readToolLists(scan, module);
}

/** The frameworks a project uses, each with the first file that says so. */
class FrameworkUses {
  readonly #files = new Map<string, string>();

  add(framework: string, file: string): void {
    if (!this.#files.has(framework)) this.#files.set(framework, file);
  }

  names(): Set<string> {
    return new Set(this.#files.keys());
  }

  best(): { framework: string | null; frameworkFrom: string | null } {
    const [first] = [...this.#files].sort(([a], [b]) => rankOf(a) - rankOf(b));
    return { framework: first?.[0] ?? null, frameworkFrom: first?.[1] ?? null };
  }
}
