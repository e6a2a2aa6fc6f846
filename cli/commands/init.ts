// `faramesh init`: the project's tools, each deferred to a person, as a first policy. It writes one file, and only where no
// policy is.
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { createInterface } from "node:readline/promises";
import { Command, Option } from "clipanion";
import { createProjectFile } from "../../runtime/disk.ts";
import { FarameshCommand } from "../context.ts";
import type { CodingAgent } from "../discover/coding-agents.ts";
import type { Discovery } from "../discover/discover.ts";
import type { McpWrap } from "../discover/mcp-wraps.ts";
import { exits, Stop } from "../exit.ts";
import { policyFiles } from "../policy-file.ts";
import { countText, shortened, visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const targetFiles = { fms: "governance.fms", yaml: "governance.fms.yaml", json: "governance.fms.json" } as const;
const namesShownMax = 400;

export class InitCommand extends FarameshCommand {
  static override paths = [["init"]];
  static override usage = Command.Usage({
    category: "Policy",
    description: "find the project's tools and write a first policy",
    details: "Never overwrites a policy. Exit codes: 0 written, 1 there is one already.",
    examples: [["Write governance.fms without questions", "faramesh init --non-interactive"]],
  });
  readonly offline = Option.Boolean("--offline", false, { description: "never use the network (it never does)" });
  readonly nonInteractive = Option.Boolean("--non-interactive", false, { description: "ask nothing" });
  readonly yaml = Option.Boolean("--yaml", false, { description: "write governance.fms.yaml" });
  readonly asJson = Option.Boolean("--json", false, { description: "write governance.fms.json" });
  readonly agent = Option.String("--agent", { description: "the agent's id (default: the project's name)" });

  async run(io: Terminal): Promise<number> {
    if (this.yaml && this.asJson) throw new Stop("--yaml and --json name two forms", "a policy has one", exits.usage);
    const format = this.yaml ? "yaml" : this.asJson ? "json" : "fms";
    const targetFile = targetFiles[format];
    const there = policyFiles.find((name) => existsSync(join(this.dir, name)));
    if (there !== undefined) {
      throw new Stop(`${there} exists already; init never overwrites a policy`, "read it with: faramesh check");
    }
    const { discover } = await import("../discover/discover.ts");
    const { agentIdFor, sanitiseAgentId } = await import("../discover/agent-id.ts");
    const { renderPolicy } = await import("../discover/write.ts");
    const discovery = await discover(this.dir);
    const proposed = this.agent === undefined ? await agentIdFor(this.dir) : this.agent;
    const asks = !this.nonInteractive && this.agent === undefined && io.canAsk && !io.quiet;
    const agentId = sanitiseAgentId(asks ? await ask(io, `Id of the agent [${proposed}]: `, proposed) : proposed);
    write(join(this.dir, targetFile), renderPolicy(discovery, { agentId, format }));
    const { codingAgents } = await import("../discover/coding-agents.ts");
    const { mcpWraps } = await import("../discover/mcp-wraps.ts");
    const wraps = mcpWraps(discovery.mcpServers, agentId);
    tell(io, discovery, { agentId, targetFile, codingAgents: codingAgents(this.dir, agentId), mcpWraps: wraps });
    return exits.ok;
  }
}

async function ask(io: Terminal, question: string, otherwise: string): Promise<string> {
  const lines = createInterface({ input: io.stdin, output: io.stderr });
  try {
    return (await lines.question(question)).trim() || otherwise;
  } finally {
    lines.close();
  }
}

/** One that appeared meanwhile is not touched. */
function write(path: string, text: string): void {
  if (createProjectFile(path, text)) return;
  throw new Stop(`${basename(path)} exists already; init never overwrites a policy`, "read it with: faramesh check");
}

interface Written {
  readonly agentId: string;
  readonly targetFile: string;
  readonly codingAgents: readonly CodingAgent[];
  readonly mcpWraps: readonly McpWrap[];
}

function tell(io: Terminal, discovery: Discovery, { agentId, targetFile, codingAgents, mcpWraps }: Written): void {
  const names = [...new Set(discovery.tools.map(({ name }) => name))];
  io.json({
    written: targetFile,
    agent: agentId,
    framework: discovery.framework,
    framework_from: discovery.frameworkFrom,
    tools: discovery.tools,
    unread: discovery.unread,
    mcp_servers: discovery.mcpServers,
    coding_agents: codingAgents,
    mcp_wraps: mcpWraps,
    skipped: discovery.skipped,
    files_read: discovery.filesRead,
  });
  const tick = io.paint.green("✓");
  if (discovery.framework !== null) io.say(`${tick} Framework detected: ${visible(discovery.framework)}`);
  else io.say("→ No framework detected");
  const list = names.length === 0 ? "" : ` (${shortened(names.join(", "), namesShownMax)})`;
  io.say(`${tick} Tools discovered: ${names.length}${list}`);
  for (const { file, line, why } of discovery.unread) {
    io.note(`⚠ ${visible(file)}:${line}: a tool whose name could not be read (${visible(why)})`);
  }
  for (const { name, file } of discovery.mcpServers) {
    io.note(`⚠ ${visible(file)}: the tools of MCP server ${visible(name)} are not known until it runs`);
  }
  if (discovery.skipped.length > 0)
    io.note(`⚠ ${countText(discovery.skipped.length, "file")} not read; see ${targetFile}`);
  io.say(`${tick} ${targetFile} written`);
  for (const { client, found, file, configuration } of codingAgents) {
    io.say("");
    io.say(`→ ${client} works here (${found}). It asks faramesh before each tool with this in ${file}:`);
    for (const line of JSON.stringify(configuration, null, 2).split("\n")) io.say(`    ${visible(line)}`);
  }
  for (const { server, file, configuration } of mcpWraps) {
    io.say("");
    io.say(
      `→ the MCP server ${visible(server)} in ${visible(file)} asks faramesh before each call with this in its place:`,
    );
    for (const line of JSON.stringify(configuration, null, 2).split("\n")) io.say(`    ${visible(line)}`);
  }
  io.say("");
  io.say("Next:");
  io.say(`  1. edit ${targetFile}: change each defer to permit or deny`);
  io.say("  2. faramesh check");
  io.say("  3. faramesh plan");
  io.say("  4. faramesh apply");
  io.say("Keep .faramesh/ and faramesh-wal/ out of version control: add both to .gitignore");
}
