// The Python example as its reader would run it, and its client against daemons that are not what they should be.
import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onOutsideStack } from "./stack.ts";

const example = fileURLToPath(new URL("../../examples/python", import.meta.url));
const hostile = fileURLToPath(new URL("../clients/try_client.py", import.meta.url));
const policy = readFileSync(join(example, "governance.fms"), "utf8");
const timeoutMs = 30_000;

function python(cwd: string, ...words: readonly string[]): ChildProcess {
  const env = { ...process.env, PYTHONPATH: example, PYTHONDONTWRITEBYTECODE: "1", FARAMESH_SOCKET: "" };
  return spawn("python3", words, { cwd, env, stdio: ["ignore", "pipe", "inherit"], timeout: timeoutMs });
}

function printed(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
    text += chunk;
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) =>
      code === 0 ? resolve(text) : reject(new Error(`python ended with ${code}: ${text}`)),
    );
  });
}

test("the example prints what its page shows", () =>
  onOutsideStack(policy, async ({ dir }) => {
    const page = readFileSync(join(example, "README.md"), "utf8");
    const shown = [...page.matchAll(/^ {4}(?!faramesh|python3)(.*)$/gm)].map(([, line]) => `${line}\n`);
    assert.is(await printed(python(dir, join(example, "agent.py"))), shown.join(""));
  }));

const waits = `
from faramesh_client import Client, ToolDenied, governed, governed_tool
client = Client("python-agent", session_id="s")

class Tool:
    name, coroutine = "refund", None

tool = Tool()
tool.func = lambda amount, *rest, note=None, **more: [amount, rest, note, more]
own = governed_tool(client, tool, name="stripe/refund", wait=True)
assert own is not tool and own.name == "refund"
print(own.func(400, 1, 2, note="n", x=3), flush=True)
try:
    own.func(400, 9)
except ToolDenied as denied:
    print(denied.code, denied.effect, flush=True)
answer = client.decide("search_docs", {"query": "x"})
print(client.report(answer["action_id"], "ok", duration_ms=3).get("error"))
client.close()
`;

test("a call that waits for its approval runs with what was judged, a denied one does not run", () =>
  onOutsideStack(policy, async (stack) => {
    const child = python(stack.dir, "-c", waits);
    const output = printed(child);
    const resolveNext = async (verb: "approve" | "deny"): Promise<void> => {
      while (child.exitCode === null) {
        const { approvals } = (await stack.json("approvals", "pending")) as {
          approvals: readonly { id: string }[];
        };
        const [first] = approvals;
        if (first !== undefined) {
          const { code, stderr } = await stack.run("approvals", verb, first.id, "--reason", "test");
          assert.is(code, 0, stderr);
          return;
        }
      }
    };
    await resolveNext("approve");
    await resolveNext("deny");
    assert.equal((await output).trim().split("\n"), ["[400, (1, 2), 'n', {'x': 3}]", "APPROVAL_DENIED deny", "None"]);
  }));

test("the client fails closed, whatever answers and whatever it is given", async () => {
  const outcomes = JSON.parse(await printed(python(example, hostile, example))) as Record<string, string>;
  const expected = {
    permit: "ran",
    "lower case": "ran",
    deny: "POLICY_DENY",
    "unknown effect": "UNKNOWN_EFFECT",
    "no effect": "UNKNOWN_EFFECT",
    "another call": "BAD_ANSWER",
    "a list": "BAD_ANSWER",
    "no JSON": "BAD_ANSWER",
    "half an answer": "DAEMON_UNREACHABLE",
    "too long": "BAD_ANSWER",
    silence: "DAEMON_TIMEOUT",
    dribble: "DAEMON_TIMEOUT",
    nobody: "DAEMON_UNREACHABLE",
    nan: "ARGS_NOT_PLAIN",
    "a set": "ARGS_NOT_PLAIN",
    "a tuple": "ARGS_NOT_PLAIN",
    "a number as key": "ARGS_NOT_PLAIN",
    "half a character": "ARGS_NOT_PLAIN",
    bytes: "ARGS_NOT_PLAIN",
    "no function": "refused",
    "a coroutine too": "refused",
    "a folder that others may write": "refused",
  };
  assert.equal(outcomes, expected);
});

test.run();
