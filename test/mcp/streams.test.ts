// The streams of a wrapped server in this process: what is not read is not kept, and nothing that the server started is left.
import { PassThrough, Writable } from "node:stream";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { wrap } from "../../cli/mcp/wrap.ts";

const around = {
  env: process.env,
  agentId: "bot",
  sessionId: "s",
  server: null,
  socket: "/none.sock",
  waitMs: 0,
  note: () => {},
};

test("a server that floods a client which does not read is held back, and both end", async () => {
  let taken = 0;
  const output = new Writable({
    highWaterMark: 16_384,
    // Never done: nobody reads.
    write: (chunk: Buffer) => {
      taken += chunk.length;
    },
  });
  const input = new PassThrough();
  const flood = `const line = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: "x".repeat(60000) }) + "\\n";
    (function more() { while (process.stdout.write(line)); process.stdout.once("drain", more); })();
    process.stdin.on("end", () => process.exit(0)).resume();`;
  const ended = wrap({ ...around, command: [process.execPath, "-e", flood], input, output });
  while (taken === 0) await pause(20);
  await pause(500);
  assert.ok(output.writableLength < 1024 * 1024, `${output.writableLength}`);
  input.end();
  await ended;
});

test("what a server leaves in the background ends with it", async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  let said = "";
  output.on("data", (chunk) => (said += String(chunk)));
  const message = '{"jsonrpc":"2.0","method":"x","params":%s}\\n';
  const script = `sleep 60 </dev/null >/dev/null 2>&1 & printf '${message}' "$!"; cat >/dev/null`;
  const ended = wrap({ ...around, command: ["/bin/sh", "-c", script], input, output });
  while (!said.includes("\n")) await pause(20);
  const { params } = JSON.parse(said) as { params: number };
  process.kill(params, 0);
  input.end();
  await ended;
  const isThere = (): boolean => {
    try {
      return process.kill(params, 0);
    } catch {
      return false;
    }
  };
  while (isThere()) await pause(20);
});

test.run();
