// faramesh init: finds the project's tools and writes the first governance.fms, every tool at defer. Never overwrites.
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "clipanion";
import { nodeDisk, writeAll } from "../../runtime/disk.ts";
import { StackCommand } from "../context.ts";
import { CliFailure, exitCodes } from "../exit.ts";
import { otherForms, policyFileName } from "../policy-file.ts";
import { count, shown, visible } from "../render.ts";

/** Names of tools shown on one line. */
const toolsShown = 12;

export class InitCommand extends StackCommand {
  static override paths = [["init"]];
  static override usage = Command.Usage({
    description: "find the project's tools and write a first policy",
    details: "Reads Python, TypeScript and JavaScript sources and writes governance.fms with every tool at defer. It never overwrites.",
    examples: [["Write a first policy for this project", "faramesh init"]],
  });

  offline = Option.Boolean("--offline", false, { description: "use no network (this version never does)" });
  nonInteractive = Option.Boolean("--non-interactive", false, { description: "ask nothing (this version never does)" });
  yaml = Option.Boolean("--yaml", false, { description: "write governance.fms.yaml (not supported yet)" });
  jsonForm = Option.Boolean("--json", false, { description: "write governance.fms.json (not supported yet)" });

  override async run(): Promise<number> {
    if (this.yaml || this.jsonForm) {
      throw new CliFailure("NOT_SUPPORTED", "policies in YAML and JSON are not supported yet", { help: "faramesh init writes governance.fms" });
    }
    const dir = this.stackDir;
    if (!existsSync(dir) || !statSync(dir).isDirectory()) throw new CliFailure("NO_DIRECTORY", `${dir} is not a directory`);
    for (const file of [policyFileName, ...otherForms]) {
      if (!existsSync(join(dir, file))) continue;
      throw new CliFailure("EXISTS", `${file} exists already: nothing was written`, {
        help: "check it: faramesh check   (or move it away to begin anew)",
      });
    }
    const { discover } = await import("../discover/discover.ts");
    const { renderPolicy } = await import("../discover/write.ts");
    const { agentIdFor } = await import("../discover/agent-id.ts");
    const discovery = await discover(dir);
    const agentId = await agentIdFor(dir);
    this.#write(join(dir, policyFileName), renderPolicy(discovery, { agentId, format: "fms" }));
    const names = [...new Set(discovery.tools.map((tool) => tool.name))].sort();
    const { framework, unread, skipped, mcpServers } = discovery;
    this.json({ file: policyFileName, agent: agentId, framework, tools: discovery.tools, unread, skipped, mcp_servers: mcpServers });
    this.print(`${this.paint.good("✓")} Framework detected: ${framework ?? "none"}`);
    const list = names.slice(0, toolsShown).map(visible).join(", ") + (names.length > toolsShown ? ", …" : "");
    this.print(`${this.paint.good("✓")} Tools discovered: ${names.length}${names.length > 0 ? ` (${list})` : ""}`);
    for (const { file, line, text, why } of unread) {
      this.print(`${this.paint.warn("⚠")} ${visible(file)}:${line} no name could be read: ${shown(text, 80)} (${why})`);
    }
    if (skipped.length > 0) this.print(`${this.paint.warn("⚠")} ${count(skipped.length, "file")} not read: ${skippedText(skipped)}`);
    this.print(`${this.paint.good("✓")} ${policyFileName} written`);
    if (!this.quiet) this.#nextSteps();
    return exitCodes.ok;
  }

  /** O_EXCL: a file that appeared meanwhile is not overwritten either. */
  #write(path: string, text: string): void {
    try {
      const file = nodeDisk.open(path, "create");
      try {
        writeAll(file, new TextEncoder().encode(text));
        file.sync();
      } finally {
        file.close();
      }
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : "EIO";
      throw new CliFailure("UNWRITABLE", `${path} cannot be written: ${code}`, { help: "write access to the directory is needed" });
    }
  }

  #nextSteps(): void {
    this.print();
    this.print("Next steps");
    this.print("  1. edit governance.fms: permit what is safe, deny what must not happen, leave the rest to a person");
    this.print("  2. faramesh check    reads it as the daemon will");
    this.print("  3. faramesh plan     shows what would change");
    this.print("  4. faramesh apply    puts it in force");
  }
}

function skippedText(skipped: readonly { readonly file: string; readonly why: string }[]): string {
  const first = skipped.slice(0, 3).map(({ file, why }) => `${visible(file)} (${why})`);
  return first.join(", ") + (skipped.length > 3 ? ", …" : "");
}
