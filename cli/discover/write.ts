// Renders the first policy of a project from what discovery found: every tool at defer, so that nothing runs unseen and
// nothing is denied for good. It must never write a file, and never let text of the project out of a comment or a string.

import { countText } from "../render.ts";
import type { Discovery, FoundTool } from "./discover.ts";
import { oneLine } from "./findings.ts";

export interface RenderOptions {
  agentId: string;
  format: "fms" | "yaml" | "json";
}

interface Rule {
  name: string;
  places: string[];
}

const BARE = /^[A-Za-z_][A-Za-z0-9_-]*(\/[A-Za-z_][A-Za-z0-9_-]*)*$/;
/** Words that begin or continue a rule; as a tool's name they are quoted so that a reader sees a name. */
const RULE_WORDS: ReadonlySet<string> = new Set(
  "permit allow approve deny block reject defer if when host port method path query header notify reason reeval true false nil null".split(
    " ",
  ),
);

/** The text of governance.fms, .fms.yaml or .fms.json, ending in a newline; the three have the same syntax tree. */
export function renderPolicy(discovery: Discovery, options: RenderOptions): string {
  switch (options.format) {
    case "fms":
      return renderFms(discovery, options.agentId);
    case "yaml":
      return renderYaml(discovery, options.agentId);
    case "json":
      return renderJson(discovery, options.agentId);
  }
}

/** One rule for each name, in order of name, with every place it was found at. */
function rulesOf(tools: readonly FoundTool[]): Rule[] {
  const rules = new Map<string, string[]>();
  for (const { name, file, line } of tools) rules.set(name, [...(rules.get(name) ?? []), `${oneLine(file)}:${line}`]);
  return [...rules]
    .map(([name, places]) => ({ name, places: [...new Set(places)] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function headerOf(discovery: Discovery, file: string): string[] {
  const files = countText(discovery.filesRead, "file");
  const found = `${countText(rulesOf(discovery.tools).length, "tool")} found in ${files}`;
  const framework =
    discovery.framework === null ? "" : ` (${discovery.framework}, from ${oneLine(discovery.frameworkFrom ?? "")})`;
  return [
    `# ${file}: what this project's agent may do. Written once by \`faramesh init\`; it is yours to edit.`,
    `# ${found}${framework}.`,
    "#",
    "# Every tool starts at defer: a call waits until a person approves it. What no rule names is denied.",
    "# Next: 1. change each defer to permit or deny, with a condition where it depends on the arguments",
    "#       2. faramesh check    3. faramesh plan    4. faramesh apply",
  ];
}

/** What was seen but has no name that can be written down, as comment lines. */
function leftOver(discovery: Discovery): string[] {
  const lines = discovery.unread.map(
    ({ file, line, text, why }) => `# could not read a name at ${oneLine(file)}:${line}: ${text} (${oneLine(why)})`,
  );
  for (const { name, file } of discovery.mcpServers) {
    lines.push(
      `# MCP server ${JSON.stringify(oneLine(name))} in ${oneLine(file)}: its tools are not known until it runs`,
    );
  }
  for (const { file, why } of discovery.skipped) lines.push(`# not read: ${oneLine(file)} (${oneLine(why)})`);
  return lines;
}

function renderFms(discovery: Discovery, agentId: string): string {
  const rules = rulesOf(discovery.tools);
  const names = rules.map(({ name }) => (BARE.test(name) && !RULE_WORDS.has(name) ? name : JSON.stringify(name)));
  const width = Math.min(40, Math.max(0, ...names.map((name) => name.length)));
  const lines = [
    ...headerOf(discovery, "governance.fms"),
    "",
    "runtime {",
    '  mode = "enforce"',
    "  strict_guards = true",
    "}",
    "",
  ];
  lines.push(`agent ${JSON.stringify(agentId)} {`, "  default deny");
  if (discovery.framework !== null) lines.push(`  framework = ${JSON.stringify(discovery.framework)}`);
  lines.push("", "  rules {");
  for (const [index, rule] of rules.entries()) {
    lines.push(`    defer ${(names[index] ?? "").padEnd(width)}  # ${rule.places.join(", ")}`);
  }
  if (rules.length === 0) lines.push("    # No tool was found. A rule looks like this:", "    # defer send_email");
  const rest = leftOver(discovery);
  if (rest.length > 0) lines.push("", ...rest.map((line) => `    ${line}`));
  lines.push("  }", "}", "");
  return lines.join("\n");
}

function renderYaml(discovery: Discovery, agentId: string): string {
  const rules = rulesOf(discovery.tools);
  const lines = [
    ...headerOf(discovery, "governance.fms.yaml"),
    "",
    "runtime:",
    "  mode: enforce",
    "  strict_guards: true",
    "",
  ];
  lines.push("agents:", `  ${JSON.stringify(agentId)}:`, "    default: deny");
  if (discovery.framework !== null) lines.push(`    framework: ${JSON.stringify(discovery.framework)}`);
  lines.push(rules.length === 0 ? "    rules: []" : "    rules:");
  for (const { name, places } of rules) {
    lines.push(`      # ${places.join(", ")}`, "      - effect: defer", `        tool: ${JSON.stringify(name)}`);
  }
  if (rules.length === 0)
    lines.push(
      "      # No tool was found. A rule looks like this:",
      "      # - effect: defer",
      "      #   tool: send_email",
    );
  lines.push(...leftOver(discovery).map((line) => `      ${line}`), "");
  return lines.join("\n");
}

// JSON has no comments: where each tool was found is printed by the command, not kept in the file.
function renderJson(discovery: Discovery, agentId: string): string {
  const framework = discovery.framework === null ? {} : { framework: discovery.framework };
  const rules = rulesOf(discovery.tools).map(({ name }) => ({ effect: "defer", tool: name }));
  const tree = {
    runtime: { mode: "enforce", strict_guards: true },
    agents: { [agentId]: { default: "deny", ...framework, rules } },
  };
  return `${JSON.stringify(tree, null, 2)}\n`;
}
