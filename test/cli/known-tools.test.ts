// A rule for a tool that nobody registers and nobody called: what check knows of tools, and where it says nothing.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { faramesh, inFolder } from "./in-process.ts";

const agent = `from langchain_core.tools import tool

@tool
def search_docs(query: str) -> str:
    """Search."""
    return query
`;
const policy = (tool: string): string => `agent "bot" {\n  default deny\n  permit ${tool}\n  permit crm/*\n}\n`;

async function warnings(dir: string, tool: string): Promise<readonly { code: string; help?: string }[]> {
  writeFileSync(join(dir, "governance.fms"), policy(tool));
  const { code, stdout } = await faramesh(dir, "check", "--format", "json");
  assert.is(code, 0);
  const { diagnostics } = JSON.parse(stdout) as { diagnostics: { code: string; help?: string }[] };
  return diagnostics.filter((diagnostic) => diagnostic.code === "FMS070");
}

test("a name that no source registers is warned of, with the one that was meant", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "agent.py"), agent);
    assert.equal(await warnings(dir, "search_docs"), []);
    const [found, ...others] = await warnings(dir, "serch_docs");
    assert.is(found?.help, "did you mean `search_docs`?");
    assert.is(others.length, 0);
  }));

test("without sources and log nothing is known, and nothing is said", () =>
  inFolder(async (dir) => {
    assert.equal(await warnings(dir, "serch_docs"), []);
  }));

test("a registration that cannot be read leaves the sources out", () =>
  inFolder(async (dir) => {
    writeFileSync(
      join(dir, "agent.py"),
      `from langchain_core.tools import StructuredTool\n${agent}\nother = StructuredTool.from_function(func=f, name=names()[0])\n`,
    );
    assert.equal(await warnings(dir, "serch_docs"), []);
  }));

test.run();
