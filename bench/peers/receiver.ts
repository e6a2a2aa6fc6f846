// Where alerts go in the bench: a process of its own that takes each POST with 204, or, asked to be silent, never answers.
// `receiver.js taking|silent`, says its port and ends with its standard input.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

const [manner = "taking"] = process.argv.slice(2);
const server = createServer((request, response) => {
  request.resume();
  if (manner === "taking") request.on("end", () => response.writeHead(204).end());
});
server.listen(0, "127.0.0.1", () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`));
process.stdin.on("end", () => process.exit(0)).resume();
