// `faramesh hook`, for --help and completion: the work is the SDK's, which cli/bin.ts calls without loading the commands.
import { Command, Option } from "clipanion";
import { FarameshCommand } from "../context.ts";
import { Stop } from "../exit.ts";
import type { Terminal } from "../terminal.ts";

export class HookCommand extends FarameshCommand {
  static override paths = [["hook"]];
  static override usage = Command.Usage({
    category: "Agents",
    description: "answer a coding agent that asks before each tool: claude-code, codex, cursor or copilot",
    details:
      "Reads the client's message on standard input and answers in its form. Exit codes: 0 answered, 2 the tool is held back.",
    examples: [["In a client's configuration", "faramesh hook claude-code --agent reviewer"]],
  });
  readonly client = Option.String({ name: "client" });
  readonly agent = Option.String("--agent", {
    description: "the agent's id in the policy (default: the client's name)",
  });
  readonly wait = Option.String("--wait", { description: "seconds that a deferred call waits for its approval" });

  async run(io: Terminal): Promise<number> {
    const agent = this.agent === undefined ? [] : ["--agent", this.agent];
    const wait = this.wait === undefined ? [] : ["--wait", this.wait];
    const { runHook } = await import("../../runtime/sdk/hook/main.ts");
    const { stdout, stderr, exitCode } = await runHook([this.client, "--dir", this.dir, ...agent, ...wait]);
    io.raw(stdout);
    if (stderr !== "") throw new Stop(stderr.trim(), undefined, exitCode);
    return exitCode;
  }
}
