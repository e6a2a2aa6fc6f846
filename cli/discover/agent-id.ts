// The id of the agent that a first policy governs, taken from the project's package name or its folder.
import { basename, resolve } from "node:path";
import { isRecord, parseJson } from "./configuration.ts";
import { MAX_NAME_CHARS } from "./limits.ts";
import { readText } from "./walk.ts";

const FALLBACK = "agent";

/** Any text as an agent id of [A-Za-z0-9_-]: other characters become `-`, runs of them one, none at the ends. */
export function sanitiseAgentId(text: string): string {
  const id = text
    .replace(/[^A-Za-z0-9_-]+/g, "-")
    .replace(/^-+|-+$/g, "")
    .slice(0, MAX_NAME_CHARS);
  return id === "" ? FALLBACK : id;
}

/** The id for the project in `dir`: the name in package.json (without its scope) or pyproject.toml, else the folder's. */
export async function agentIdFor(dir: string): Promise<string> {
  const manifest = parseJson((await readText(dir, "package.json", [])) ?? "");
  const name = isRecord(manifest) ? manifest.name : null;
  if (typeof name === "string" && name.trim() !== "") return sanitiseAgentId(name.replace(/^@[^/]*\//, ""));
  const pyproject = (await readText(dir, "pyproject.toml", [])) ?? "";
  const section = /^\[(?:project|tool\.poetry)\]\s*$([\s\S]*?)(?=^\[|(?![\s\S]))/m.exec(pyproject)?.[1] ?? "";
  const named = /^name\s*=\s*["']([^"']+)["']/m.exec(section)?.[1];
  return sanitiseAgentId(named ?? basename(resolve(dir)));
}
