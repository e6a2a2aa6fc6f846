import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
export const register = (target: McpServer): void => {
  target.tool("from_parameter", async () => ({}));
};
