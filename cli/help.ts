// The texts of --help and of errors of use, from the usages that stand in the commands themselves. Pure.
import type { Definition } from "clipanion";
import { columns } from "./render.ts";

const shared: ReadonlySet<string> = new Set(["--dir", "--format", "--no-color", "--quiet"]);

/** All commands, by category, one line each. */
export function overview(definitions: readonly Definition[], version: string): string {
  const lines = [
    `faramesh ${version}: decides what agents may do with their tools, and records it`,
    "",
    "  faramesh <command> [options]",
  ];
  const categories = new Set(definitions.flatMap(({ category }) => (category === undefined ? [] : [category])));
  for (const category of categories) {
    const rows = definitions
      .filter((definition) => definition.category === category)
      .map(({ path, description }) => [`  ${path.replace(/^faramesh /, "")}`, (description ?? "").trim()]);
    lines.push("", category, ...columns(rows));
  }
  return [
    ...lines,
    "",
    "faramesh <command> --help says more about one.",
    "Every command takes --dir, --format text|json, --no-color and --quiet.",
  ].join("\n");
}

export function detail(definition: Definition): string {
  const { description, details, examples, options } = definition;
  const lines = [usageLine(definition), "", `  ${(description ?? "").trim()}`];
  const own = options.filter((option) => !shared.has(nameOf(option.definition)));
  const rest = options.filter((option) => !own.includes(option));
  const rows = [...own, ...rest].map((option) => [
    `  ${option.definition.replace(" #0", " <value>")}`,
    option.description ?? "",
  ]);
  lines.push("", "Options", ...columns(rows));
  if (details !== undefined) lines.push("", details.trim().replace(/\s+/g, " "));
  if (examples !== undefined && examples.length > 0) {
    lines.push("", "Examples", ...examples.map(([what, command]) => `  ${command.trim()}    # ${what.trim()}`));
  }
  return lines.join("\n");
}

/** `-q,--quiet` → `--quiet`, `--dir #0` → `--dir`. */
function nameOf(option: string): string {
  return /--[a-z-]+/.exec(option)?.[0] ?? option;
}

/** `faramesh approvals approve [options] <id>`. */
export function usageLine({ path, usage }: Definition): string {
  const positionals = usage
    .slice(path.length)
    .replace(/\[-[^\]]*\]/g, "")
    .trim()
    .split(/\s+/);
  return [path, "[options]", ...positionals].join(" ").trim();
}

/** Those that begin with the words: `approvals` has several. */
export function definitionsFor(definitions: readonly Definition[], words: readonly string[]): Definition[] {
  const parts = (path: string): string[] => path.split(" ").slice(1);
  for (let count = words.length; count > 0; count--) {
    const begin = words.slice(0, count);
    const exact = definitions.filter(({ path }) => parts(path).join(" ") === begin.join(" "));
    const under = definitions.filter(({ path }) => begin.every((word, i) => parts(path)[i] === word));
    if (exact.length > 0 && (count > 1 || under.length === exact.length || words.length > 1)) return exact;
    if (under.length > 0) return under;
  }
  return [];
}
