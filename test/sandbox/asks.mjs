// An agent in the sandbox that keeps to its door: it asks the daemon over the one socket that is there.
import { connect } from "node:net";

const socket = connect(process.env.FARAMESH_SOCKET);
const ask = (tool) =>
  `${JSON.stringify({ type: "govern", call_id: tool, agent_id: "bot", tool_id: tool, args: {} })}\n`;
let text = "";
socket.write(ask("search") + ask("drop"));
socket.on("data", (chunk) => {
  text += chunk;
  if (text.split("\n").length < 3) return;
  const effects = text
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line).effect);
  process.stdout.write(JSON.stringify({ effects, agent: process.env.FARAMESH_AGENT_ID, token: process.env.MY_TOKEN }));
  socket.end();
});
