// Each record says by which door its call came; what a caller says of itself never makes it another door's.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../../runtime/doors/client.ts";
import { doorBypass, doorWords } from "../../../runtime/doors/kinds.ts";
import { SocketTransport } from "../../../runtime/sdk/index.ts";
import { onHttp } from "./client.ts";

const policy = 'agent "bot" {\n  default deny\n  permit search\n}';
const call = { agent_id: "bot", tool_id: "search", args: {} };

const overSocket: readonly (readonly [string, object, string])[] = [
  ["nothing said", {}, "socket"],
  ["the SDK", { client: "sdk" }, "socket/sdk"],
  ["a hook", { client: "hook" }, "socket/hook"],
  ["another door's name", { client: "http" }, "socket"],
  ["a name with a slash", { client: "sdk/../mcp" }, "socket"],
  ["a name of every object", { client: "constructor" }, "socket"],
  ["no text", { client: ["sdk"] }, "socket"],
  ["a door said outright", { door: "mcp", client: "sdk" }, "socket/sdk"],
];

test("a record has the door of its call", () =>
  onHttp(policy, async (http) => {
    for (const [, more] of overSocket) await http.stack.send({ type: "govern", ...call, ...more });
    await http.stack.send({ jsonrpc: "2.0", id: 1, method: "govern", params: { ...call, client: "sdk" } });
    await http.stack.send("{");
    const transport = new SocketTransport({ path: http.stack.daemon.places.agent, client: "hook" });
    await transport.govern({ call_id: "h1", ...call }, new AbortController().signal);
    await transport.close();
    await http.ask("/v1/evaluate", { body: { ...call, client: "sdk" } });
    const subject = { type: "agent", id: "bot" };
    const evaluation = { subject, action: { name: "invoke" }, resource: { type: "tool", id: "search" } };
    await http.ask("/access/v1/evaluation", { body: evaluation });
    const decisions = (await http.stack.records()).filter(({ type }) => type === "decision");
    const expected = [
      ...overSocket.map(([, , door]) => door),
      "socket/sdk",
      "socket",
      "socket/hook",
      "http",
      "authzen",
    ];
    assert.equal(
      decisions.map(({ door }) => door),
      expected,
    );
  }));

test("status says which doors are open and who goes around each", () =>
  onHttp(policy, async (http) => {
    const { doors } = await askOperator(http.stack.dir, "status", {});
    assert.equal(
      doors.map(({ door, can_be_bypassed }) => [door, can_be_bypassed]),
      [
        ["socket", true],
        ["http", true],
        ["authzen", true],
      ],
    );
    for (const { door, bypass } of doors) assert.is(bypass, doorBypass[door]);
    assert.is(doors[0]?.address, http.stack.daemon.places.agent);
  }));

test("every door says in words who goes around it", () => {
  for (const door of doorWords) assert.match(doorBypass[door], / ask/);
});

test.run();
