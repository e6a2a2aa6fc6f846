// The lines by which the MCP servers of a project ask faramesh before each call of a tool. It changes no file.
import type { McpServer } from "./configuration.ts";

export interface McpWrap {
  readonly server: string;
  readonly file: string;
  /** What takes the place of the server's `command` and `args`. */
  readonly configuration: { readonly command: string; readonly args: readonly string[] };
}

const serverName = /^[A-Za-z0-9_.:@-]{1,64}$/;

/** Several servers share a policy: each tool then has its server's name before its own. */
export function mcpWraps(servers: readonly McpServer[], agentId: string): readonly McpWrap[] {
  return servers.flatMap(({ name, file, command }) => {
    if (command === null) return [];
    const server = servers.length > 1 && serverName.test(name) ? ["--server", name] : [];
    const args = ["mcp", "wrap", "--agent", agentId, ...server, "--", ...command];
    return [{ server: name, file, configuration: { command: "faramesh", args } }];
  });
}
