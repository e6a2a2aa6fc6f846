// Each folder of projects/ is a small project; the .expected.json beside it is what discovery must say about it, no more
// and no less. FARAMESH_RENEW=1 rewrites them; read the difference before it is kept.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { discover } from "../../cli/discover/discover.ts";

const root = join(dirname(fileURLToPath(import.meta.url)), "projects");
const projects = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());

test("there are at least ten projects", () => {
  assert.ok(projects.length >= 10);
});

for (const { name } of projects) {
  test(`finds the framework and the tools of ${name}`, async () => {
    const file = join(root, `${name}.expected.json`);
    const found = await discover(join(root, name));
    if (process.env.FARAMESH_RENEW === "1") writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
    assert.equal(found, JSON.parse(readFileSync(file, "utf8")));
  });

  test(`reports no name for ${name} that does not stand in the file it gives`, async () => {
    const found = await discover(join(root, name));
    for (const tool of found.tools) {
      const text = readFileSync(join(root, name, tool.file), "utf8");
      const parts = tool.name.split("_").filter((part) => part !== "");
      assert.ok(
        parts.every((part) => text.includes(part)),
        `${tool.name} in ${tool.file}`,
      );
    }
  });
}

test.run();
