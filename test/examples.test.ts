// Plays the examples as a user would, with the built command line (`npm run build`); the demo checks itself.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { faramesh } from "./cli/in-process.ts";

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

for (const example of ["support-agent", "edge", "python", "packs"]) {
  test(`the policy of ${example} is valid and laid out as fmt would`, async () => {
    const dir = join(root, "examples", example);
    assert.is((await faramesh(dir, "fmt", "--check")).code, 0);
    const { code, stdout, stderr } = await faramesh(dir, "check", "--offline");
    assert.is(code, 0, stdout + stderr);
  });
}

test.run();
