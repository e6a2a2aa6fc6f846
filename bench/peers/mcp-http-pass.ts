// A proxy over streamable HTTP before an MCP server over stdio: the official transport, each message passed on undecided. It writes its port.
import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { ReadableStream } from "node:stream/web";
import { type JSONRPCMessage, WebStandardStreamableHTTPServerTransport } from "@modelcontextprotocol/server";

const [program = "", ...words] = process.argv.slice(2);
const server = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });
const transport = new WebStandardStreamableHTTPServerTransport({ sessionIdGenerator: () => "one" });
transport.onmessage = (message) => server.stdin.write(`${JSON.stringify(message)}\n`);
createInterface({ input: server.stdout }).on("line", (line) => {
  void transport.send(JSON.parse(line) as JSONRPCMessage);
});
await transport.start();

const http = createServer({ noDelay: true }, async (incoming, outgoing) => {
  let text = "";
  for await (const chunk of incoming) text += String(chunk);
  const headers = new Headers(
    Object.entries(incoming.headers).map(([name, value]): [string, string] => [name, String(value)]),
  );
  const request = new Request(`http://127.0.0.1${incoming.url}`, { method: incoming.method ?? "GET", headers });
  const response = await transport.handleRequest(request, { parsedBody: JSON.parse(text) });
  outgoing.writeHead(response.status, Object.fromEntries(response.headers));
  if (response.body === null) outgoing.end();
  else Readable.fromWeb(response.body as ReadableStream).pipe(outgoing);
});
http.listen(0, "127.0.0.1", () => process.stdout.write(`${(http.address() as AddressInfo).port}\n`));
process.stdin.on("end", () => {
  server.kill();
  process.exitCode = 0;
  http.closeAllConnections();
  http.close();
});
process.stdin.resume();
