// A proxy before an MCP server that reads each message, as one has to that looks for calls of tools, and passes it on undecided.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";

const [program = "", ...words] = process.argv.slice(2);
const server = spawn(program, words, { stdio: ["pipe", "pipe", "inherit"] });

function pass(from: Readable, to: Writable): void {
  createInterface({ input: from }).on("line", (line) => {
    to.write(`${JSON.stringify(JSON.parse(line))}\n`);
  });
}

pass(process.stdin, server.stdin);
pass(server.stdout, process.stdout);
process.stdin.on("end", () => server.kill());
