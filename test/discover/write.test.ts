// The first policy in its three forms: a rule for each name, comments that nothing can break out of.
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Discovery } from "../../cli/discover/discover.ts";
import { renderPolicy } from "../../cli/discover/write.ts";

const EMPTY: Discovery = {
  framework: null,
  frameworkFrom: null,
  tools: [],
  unread: [],
  mcpServers: [],
  filesRead: 0,
  skipped: [],
};
const FULL: Discovery = {
  ...EMPTY,
  framework: "langgraph",
  frameworkFrom: "requirements.txt",
  tools: [
    { name: "send", file: "b.py", line: 3, how: "@tool decorator" },
    { name: "stripe/refund", file: "a.py", line: 4, how: "@tool decorator" },
    { name: "ns.get@2", file: "a.py", line: 8, how: "@tool decorator" },
    { name: "permit", file: "a.py", line: 9, how: "@tool decorator" },
    { name: "send", file: "c.py", line: 7, how: "@tool decorator" },
  ],
  unread: [{ file: "t.py", line: 12, text: 'Tool(name=f"{x}")', why: "name is computed" }],
  mcpServers: [{ name: "evil\npermit *", command: null, file: ".mcp.json" }],
  filesRead: 4,
  skipped: [{ file: "odd\n  permit *.py", why: "not UTF-8 text" }],
};

/** The lines of a policy that are not comments, with trailing comments cut. */
function code(text: string): string[] {
  const lines = text.split("\n").map((line) => line.replace(/(^|\s)#.*$/, "").trim());
  return lines.filter((line) => line !== "");
}

test("governance.fms holds one defer for each name and nothing that permits", () => {
  const text = renderPolicy(FULL, { agentId: "bot", format: "fms" });
  assert.equal(code(text), [
    "runtime {",
    'mode = "enforce"',
    "strict_guards = true",
    "}",
    'agent "bot" {',
    "default deny",
    'framework = "langgraph"',
    "rules {",
    'defer "ns.get@2"',
    'defer "permit"',
    "defer send",
    "defer stripe/refund",
    "}",
    "}",
  ]);
});

test("every place of a tool and every unread place is in a comment", () => {
  const text = renderPolicy(FULL, { agentId: "bot", format: "fms" });
  assert.match(text, /defer +"?send"? +# b\.py:3, c\.py:7\n/);
  assert.match(text, '# could not read a name at t.py:12: Tool(name=f"{x}") (name is computed)');
  assert.match(text, '# MCP server "evil permit *" in .mcp.json');
  assert.match(text, "# not read: odd permit *.py");
  assert.not.match(text, /^import/m);
});

test("without tools the file is whole, with an example in comments", () => {
  const text = renderPolicy(EMPTY, { agentId: "bot", format: "fms" });
  assert.match(text, "# defer send_email");
  assert.is(code(text).filter((line) => line.startsWith("defer")).length, 0);
  assert.is(code(text).filter((line) => line.endsWith("{")).length, code(text).filter((line) => line === "}").length);
});

test("JSON has the same rules", () => {
  const tree: unknown = JSON.parse(renderPolicy(FULL, { agentId: "bot", format: "json" }));
  const rules = ["ns.get@2", "permit", "send", "stripe/refund"].map((tool) => ({ effect: "defer", tool }));
  assert.equal(tree, {
    runtime: { mode: "enforce", strict_guards: true },
    agents: { bot: { default: "deny", framework: "langgraph", rules } },
  });
});

test("YAML has the same rules, and a list also when it is empty", () => {
  const text = renderPolicy(FULL, { agentId: "bot", format: "yaml" });
  const rules = ["ns.get@2", "permit", "send", "stripe/refund"].flatMap((tool) => [
    "- effect: defer",
    `tool: "${tool}"`,
  ]);
  const head = ["runtime:", "mode: enforce", "strict_guards: true", "agents:", '"bot":', "default: deny"];
  assert.equal(code(text), [...head, 'framework: "langgraph"', "rules:", ...rules]);
  assert.equal(code(renderPolicy(EMPTY, { agentId: "bot", format: "yaml" })), [...head, "rules: []"]);
});

test.run();
