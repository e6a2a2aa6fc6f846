import { test } from "uvu";
import * as assert from "uvu/assert";
import { mcpServersIn } from "../../cli/discover/configuration.ts";
import { mcpWraps } from "../../cli/discover/mcp-wraps.ts";

const wrapsOf = (servers: object) =>
  mcpWraps(mcpServersIn(".mcp.json", JSON.stringify({ mcpServers: servers })), "dev");

test("one server keeps its own names; its command and words stand behind the wrap, and nothing of its environment", () => {
  assert.equal(wrapsOf({ files: { command: "npx", args: ["server", "."], env: { TOKEN: "x" } } }), [
    {
      server: "files",
      file: ".mcp.json",
      configuration: { command: "faramesh", args: ["mcp", "wrap", "--agent", "dev", "--", "npx", "server", "."] },
    },
  ]);
});

test("of several each has its name before its tools'", () => {
  const args = wrapsOf({ a: { command: "a" }, "b c": { command: "b" } }).map(({ configuration }) => configuration.args);
  assert.equal(args, [
    ["mcp", "wrap", "--agent", "dev", "--server", "a", "--", "a"],
    ["mcp", "wrap", "--agent", "dev", "--", "b"],
  ]);
});

test("servers over HTTP, odd ones and those that are wrapped already are left", () => {
  const wrapped = { command: "faramesh", args: ["mcp", "wrap", "--", "npx"] };
  assert.equal(
    wrapsOf({
      web: { url: "https://h.example/mcp" },
      odd: { command: 7 },
      odder: { command: "x", args: [1] },
      wrapped,
    }),
    [],
  );
});

test.run();
