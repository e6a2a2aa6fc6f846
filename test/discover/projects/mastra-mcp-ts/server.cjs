const { McpServer } = require("@modelcontextprotocol/sdk/server/mcp.js");
const NAMES = { remove: "remove_file" };
const server = new McpServer({ name: "files", version: "1" });
server.tool("list_files", async () => ({}));
server.registerTool("read_file", { description: "d", inputSchema: {} }, async () => ({}));
server.registerTool(NAMES.remove, {}, async () => ({}));
for (const name of ["a", "b"]) server.registerTool(name, {}, async () => ({}));
