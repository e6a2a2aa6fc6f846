// An MCP server that answers each request with its params: as little work as a server can have.
import { createInterface } from "node:readline";

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, params } = JSON.parse(line) as { id?: number; params?: unknown };
  if (id === undefined) return;
  const result = { content: [{ type: "text", text: JSON.stringify(params) }] };
  process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
});
