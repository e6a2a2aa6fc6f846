// Plays the examples as a user would, with the built command line (`npm run build`); the demo checks itself.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const root = fileURLToPath(new URL("..", import.meta.url));

test("the demo goes as it expects, and leaves nothing behind", async () => {
  const demo = fileURLToPath(new URL("../examples/support-agent/demo.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", demo], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.once("close", resolve));
  assert.is(code, 0, output);
  assert.match(output, "every step went as expected");
  const folder = /Folder: (\S+)/.exec(output)?.[1] ?? root;
  assert.not.ok(existsSync(folder), `${folder} is still there`);
});

test.run();
