// `faramesh mcp wrap`: what stands in a client's configuration in place of its server's command. Standard output is the protocol's alone.
import { randomBytes } from "node:crypto";
import { Command, Option } from "clipanion";
import { readDaemonFile } from "../../runtime/doors/client.ts";
import { secondsOf } from "../../runtime/duration.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { FarameshCommand } from "../context.ts";
import { exits, Stop } from "../exit.ts";
import { visible } from "../render.ts";
import type { Terminal } from "../terminal.ts";

const waitMaxSeconds = 86_400;

export class McpWrapCommand extends FarameshCommand {
  static override paths = [["mcp", "wrap"]];
  static override usage = Command.Usage({
    category: "Agents",
    description: "run an MCP server over stdio with a decision before each call of a tool",
    details:
      "Put it before the server's command in the client's configuration. Exit codes: the server's own; 1 it could not be started, or broke the protocol.",
    examples: [["A server of files", "faramesh mcp wrap --agent dev -- npx @modelcontextprotocol/server-filesystem ."]],
  });
  readonly agent = Option.String("--agent", {
    description: "the agent in the policy; default: FARAMESH_AGENT_ID, else mcp",
  });
  readonly server = Option.String("--server", {
    description: "put before each tool's name for the policy: github/create_issue; default: the server's own names",
  });
  readonly wait = Option.String("--wait", {
    description: "how long a deferred call waits for its approval, as 5m; default: it does not",
  });
  readonly words = Option.Rest({ name: "command" });

  async run(io: Terminal): Promise<number> {
    const [program, ...words] = this.words;
    if (program === undefined)
      throw new Stop("the server's command is missing", "faramesh mcp wrap -- command …", exits.usage);
    if (this.server !== undefined && !/^[A-Za-z0-9_.:@-]{1,64}$/.test(this.server))
      throw new Stop("--server is a name of letters, digits and _ . : @ -", undefined, exits.usage);
    const seconds = this.wait === undefined ? 0 : secondsOf(this.wait);
    if (seconds === null || seconds > waitMaxSeconds)
      throw new Stop("--wait is a span of time up to a day, as 5m", undefined, exits.usage);
    const { wrap } = await import("../mcp/wrap.ts");
    // Where this folder has no stack the SDK looks upwards.
    const socket = io.env.FARAMESH_SOCKET || readDaemonFile(stackPaths(this.dir))?.socket;
    return wrap({
      command: [program, ...words],
      env: io.env,
      agentId: this.agent ?? (io.env.FARAMESH_AGENT_ID || "mcp"),
      sessionId: `mcp-${randomBytes(8).toString("hex")}`,
      server: this.server ?? null,
      ...(socket ? { socket } : {}),
      waitMs: seconds * 1000,
      input: process.stdin,
      output: process.stdout,
      note: (line) => io.note(visible(`faramesh: ${line}`)),
    });
  }
}
