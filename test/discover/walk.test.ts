// The bounds of a discovery: what it leaves out, it says; what it is told to leave alone, it does not read.
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { agentIdFor, sanitiseAgentId } from "../../cli/discover/agent-id.ts";
import { discover } from "../../cli/discover/discover.ts";
import { MAX_DEPTH_FOLDERS, MAX_FILE_BYTES } from "../../cli/discover/limits.ts";

const TOOL = "from agents import function_tool\n@function_tool\ndef NAME(x): ...\n";
const test = suite<{ dir: string }>("walk", { dir: "" });
test.before.each((context) => {
  context.dir = mkdtempSync(join(tmpdir(), "discover-"));
});
test.after.each((context) => rmSync(context.dir, { recursive: true, force: true, maxRetries: 10 }));

function put(dir: string, file: string, text: string): void {
  mkdirSync(join(dir, file, ".."), { recursive: true });
  writeFileSync(join(dir, file), text);
}

test("folders of dependencies, builds and dot folders are not read", async ({ dir }) => {
  const folders = ["node_modules/x", ".git", ".venv", "venv", "dist", "build", "__pycache__", ".faramesh", ".hidden"];
  for (const folder of folders) put(dir, `${folder}/a.py`, TOOL.replace("NAME", "inside"));
  put(dir, "fixtures/a.py", TOOL.replace("NAME", "read"));
  const found = await discover(dir);
  assert.equal(
    found.tools.map((tool) => tool.name),
    ["read"],
  );
  assert.is(found.filesRead, 1);
});

test("symbolic links are not followed", async ({ dir }) => {
  put(dir, "real/a.py", TOOL.replace("NAME", "once"));
  symlinkSync(dir, join(dir, "real", "loop"));
  symlinkSync(join(dir, "real", "a.py"), join(dir, "linked.py"));
  const found = await discover(dir);
  assert.equal(
    found.tools.map((tool) => tool.file),
    ["real/a.py"],
  );
});

test("a file over the size limit is skipped and said; one at the limit is read", async ({ dir }) => {
  const text = TOOL.replace("NAME", "big");
  put(dir, "at.py", text.padEnd(MAX_FILE_BYTES, "\n"));
  put(dir, "over.py", text.padEnd(MAX_FILE_BYTES + 1, "\n"));
  const found = await discover(dir);
  assert.equal(
    found.tools.map((tool) => tool.file),
    ["at.py"],
  );
  assert.equal(found.skipped, [{ file: "over.py", why: `larger than ${MAX_FILE_BYTES} bytes` }]);
});

test("folders below the depth limit are skipped and said", async ({ dir }) => {
  const deepest = Array.from({ length: MAX_DEPTH_FOLDERS }, () => "d").join("/");
  put(dir, `${deepest}/a.py`, TOOL.replace("NAME", "reached"));
  put(dir, `${deepest}/d/a.py`, TOOL.replace("NAME", "beyond"));
  const found = await discover(dir);
  assert.equal(
    found.tools.map((tool) => tool.name),
    ["reached"],
  );
  assert.equal(found.skipped, [{ file: `${deepest}/d`, why: `deeper than ${MAX_DEPTH_FOLDERS} folders` }]);
});

test("deeply nested code does not overflow the stack", async ({ dir }) => {
  put(dir, "deep.py", `from agents import function_tool\nx = ${"f(".repeat(20_000)}tool${")".repeat(20_000)}\n`);
  put(dir, "deep.ts", `import { tool } from "ai";\nconst x = ${"[".repeat(20_000)}tool({})${"]".repeat(20_000)};\n`);
  const found = await discover(dir);
  assert.is(found.filesRead, 2);
});

test("an import that leads round in a circle ends", async ({ dir }) => {
  put(dir, "a.py", "from langgraph.prebuilt import ToolNode\nfrom b import f\nnode = ToolNode([f])\n");
  put(dir, "b.py", "from a import f\n");
  const found = await discover(dir);
  assert.equal(found.tools, []);
  assert.is(found.unread.length, 1);
});

test("the agent id comes from the package, else from the folder", async ({ dir }) => {
  mkdirSync(join(dir, "my bot"));
  assert.is(await agentIdFor(join(dir, "my bot")), "my-bot");
  put(dir, "p/pyproject.toml", '[tool.x]\nname = "no"\n[project]\nversion = "1"\nname = "research crew"\n');
  assert.is(await agentIdFor(join(dir, "p")), "research-crew");
  put(dir, "p/package.json", '{"name": "@acme/chat app"}');
  assert.is(await agentIdFor(join(dir, "p")), "chat-app");
});

test("an agent id has only characters that need no quotes", () => {
  const cases: [string, string][] = [
    ["größe\n", "gr-e"],
    ["///", "agent"],
    ["", "agent"],
    ["a_b-c", "a_b-c"],
    ['x" {', "x"],
  ];
  for (const [text, id] of cases) assert.is(sanitiseAgentId(text), id);
});

test.run();
