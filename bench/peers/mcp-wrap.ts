// `faramesh mcp wrap` without the command line around it.
import { wrap } from "../../cli/mcp/wrap.ts";

const [socket = "", program = "", ...words] = process.argv.slice(2);
process.exitCode = await wrap({
  command: [program, ...words],
  env: process.env,
  agentId: "bench",
  sessionId: "bench",
  server: null,
  socket,
  waitMs: 0,
  input: process.stdin,
  output: process.stdout,
  note: (line) => void process.stderr.write(`${line}\n`),
});
