// The page of the command line against the commands: every command and every option is on it, and so is every exit code.
import { readFileSync } from "node:fs";
import { Cli } from "clipanion";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../cli/commands.ts";
import type { Context } from "../../cli/context.ts";
import { exits } from "../../cli/exit.ts";

const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8");
const cli = new Cli<Context>({ binaryName: "faramesh" });
for (const command of commands) cli.register(command);

for (const { path, options, category } of cli.definitions()) {
  const name = path.replace(/^faramesh /, "");
  test(`${name} and its options are on the page`, () => {
    assert.ok(
      page.includes(`\`${name}`) ||
        page.includes(`## ${name}\n`) ||
        page.includes(`faramesh ${name}`) ||
        new RegExp(`^## .*\\b${name}\\b`, "m").test(page),
      name,
    );
    for (const { definition } of options) {
      const long = /--[a-z-]+/.exec(definition)?.[0] ?? "";
      assert.ok(page.includes(long), `${name} ${long}`);
    }
    assert.type(category, "string");
  });
}

test("the table of exit codes is the one in the code", () => {
  const rows = [...page.matchAll(/^\| (\d+) \| /gm)].map(([, code]) => Number(code));
  assert.equal(rows, [...new Set(Object.values(exits))]);
});

test.run();
