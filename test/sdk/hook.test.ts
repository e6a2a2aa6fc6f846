// Coding agents' messages, as the clients write them, against a daemon: what each is told, and that nothing gets by.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import type { HookClient } from "../../runtime/sdk/hook/clients.ts";
import { answerHook, type HookOptions, type HookOutcome } from "../../runtime/sdk/hook/hook.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";

const policy = `agent "claude-code" {
  default deny
  permit Read
  permit Bash if command matches "^git (status|diff)$"
  defer Bash reason "a person looks at commands"
  permit mcp/github/create_issue if args.title != nil
}
agent "cursor" {
  default deny
  permit Shell if command == "ls"
  permit mcp/github/search if args.q == "x"
  permit Write
  deny Read if file_path contains "secret" reason "secrets stay"
  permit Read
}
agent "helper" { default deny permit Read permit bash }
`;
const started = process.cwd();

async function hook(
  stack: StackUnderTest,
  client: HookClient,
  message: unknown,
  options: HookOptions = {},
): Promise<HookOutcome> {
  const text = typeof message === "string" ? message : JSON.stringify(message);
  try {
    return await answerHook(client, Buffer.from(text), { dir: stack.dir, ...options }, {});
  } finally {
    process.chdir(started);
  }
}

const claude = (tool_name: string, tool_input: unknown) => ({
  session_id: "s1",
  transcript_path: "/home/ann/.claude/s1.jsonl",
  cwd: "/src",
  permission_mode: "default",
  hook_event_name: "PreToolUse",
  tool_name,
  tool_input,
  tool_use_id: "toolu_01",
});
const codex = (tool_name: string, tool_input: unknown) => ({
  ...claude(tool_name, tool_input),
  turn_id: "t",
  model: "m",
});
const cursor = (event: string, members: object) => ({
  conversation_id: "c1",
  generation_id: "g1",
  hook_event_name: event,
  workspace_roots: ["/src"],
  ...members,
});
const copilot = (toolName: string, toolArgs: unknown) => ({
  timestamp: 1_700_000_000_000,
  cwd: "/src",
  toolName,
  toolArgs,
});

const refused = /denied|waits for approval|could not decide/;
const silent = "";
/** Client, message, and what is printed: nothing, a text, or a refusal that holds the text. */
const cases: readonly (readonly [HookClient, unknown, string | RegExp])[] = [
  ["claude-code", claude("Read", { file_path: "/x" }), silent],
  ["claude-code", claude("Bash", { command: "git status" }), silent],
  ["claude-code", claude("Bash", { command: "git push" }), /Bash waits for approval \(POLICY_DEFER\): a person looks/],
  ["claude-code", claude("WebFetch", { url: "https://x" }), /WebFetch denied \(POLICY_DENY\)/],
  ["claude-code", claude("mcp__github__create_issue", { title: "t" }), silent],
  ["claude-code", claude("mcp__github__create_issue", {}), /mcp\/github\/create_issue denied/],
  ["claude-code", claude("mcp__github__create_issue__x", { title: "t" }), /denied/],
  ["claude-code", claude("Bash; rm", {}), /BAD_TOOL_NAME/],
  ["claude-code", { session_id: "s1", hook_event_name: "Stop" }, silent],
  ["codex", codex("Bash", { command: "ls" }), /UNKNOWN_AGENT/],
  ["cursor", cursor("beforeShellExecution", { command: "ls", cwd: "/" }), '{"permission":"allow"}'],
  ["cursor", cursor("beforeShellExecution", { command: "ls;id", cwd: "/" }), /"permission":"deny".*Shell denied/],
  ["cursor", cursor("beforeMCPExecution", { tool_name: "MCP:github:search", tool_input: '{"q":"x"}' }), /allow/],
  ["cursor", cursor("beforeMCPExecution", { tool_name: "github/search", tool_input: { q: "x" } }), /allow/],
  ["cursor", cursor("beforeMCPExecution", { tool_name: "github/search", tool_input: '{"q":"y"}' }), /deny/],
  ["cursor", cursor("beforeReadFile", { file_path: "/a/secret", content: "c" }), /secrets stay/],
  ["cursor", cursor("beforeReadFile", { file_path: "/a/b", content: "c" }), /allow/],
  ["cursor", cursor("preToolUse", { tool_name: "Write", tool_input: { path: "x" } }), /allow/],
  ["cursor", cursor("stop", { status: "completed" }), silent],
  ["copilot", copilot("bash", '{"command":"ls"}'), /^\{"permissionDecision":"deny".*UNKNOWN_AGENT/],
  ["copilot", claude("Read", {}), /"hookEventName":"PreToolUse".*UNKNOWN_AGENT/],
];

test("each client is told in its own form", () =>
  onStack(policy, async (stack) => {
    for (const [client, message, expected] of cases) {
      const { stdout, stderr, exitCode } = await hook(stack, client, message);
      const what = `${client} ${JSON.stringify(message)}: ${stdout}`;
      assert.equal([stderr, exitCode], ["", 0], what);
      if (typeof expected === "string") assert.is(stdout, expected, what);
      else assert.ok(expected.test(stdout), what);
      if (stdout !== silent && !stdout.includes("allow")) assert.ok(refused.test(stdout), what);
    }
  }));

test("another agent's id, and arguments as a text of JSON", () =>
  onStack(policy, async (stack) => {
    const options = { agentId: "helper" };
    assert.is((await hook(stack, "copilot", copilot("bash", '{"command":"ls"}'), options)).stdout, silent);
    assert.is((await hook(stack, "codex", codex("Read", {}), options)).stdout, silent);
    const decisions = (await stack.records()).filter(({ type }) => type === "decision");
    assert.equal(
      decisions.map(({ agent_id, tool, args }) => [agent_id, tool, { ...(args as object) }]),
      [
        ["helper", "bash", { command: "ls" }],
        ["helper", "Read", {}],
      ],
    );
  }));

const unreadable: readonly (readonly [HookClient, string])[] = [
  ["claude-code", ""],
  ["claude-code", "[]"],
  ["claude-code", "{"],
  ["claude-code", '{"hook_event_name":"PreToolUse"}'],
  ["claude-code", '{"tool_name":"Read"}'],
  ["claude-code", '{"hook_event_name":"PreToolUse","tool_name":"Bash","tool_name":"Read","tool_input":{}}'],
  ["claude-code", '{"hook_event_name":"PreToolUse","tool_name":"Read","tool_input":{"n":9007199254740993}}'],
  ["claude-code", '{"hook_event_name":"PreToolUse","tool_name":"Read","tool_input":{"__proto__":{}}}'],
  ["cursor", '{"hook_event_name":"beforeShellExecution"}'],
  ["copilot", '{"toolArgs":"{}"}'],
];

test("what cannot be read holds the tool back with exit code 2", () =>
  onStack(policy, async (stack) => {
    for (const [client, message] of unreadable) {
      const { stdout, stderr, exitCode } = await hook(stack, client, message);
      assert.equal([stdout, exitCode, stderr !== ""], ["", 2, true], message);
    }
  }));

test("an approved command runs once, however the model words its description; with --wait the hook waits", () =>
  onStack(policy, async (stack) => {
    const push = (description: string) => claude("Bash", { command: "git push", description });
    const { stdout } = await hook(stack, "claude-code", push("publish"));
    const id = /apr-[0-9a-f]{32}/.exec(stdout)?.[0] ?? "";
    await stack.approve(id);
    assert.is((await hook(stack, "claude-code", push("push it"))).stdout, silent);
    assert.match((await hook(stack, "claude-code", push("again"))).stdout, "waits for approval");
    const waiting = hook(stack, "claude-code", push("later"), { waitMs: 20_000 });
    const { approvals } = await askOperator(stack.dir, "approvals_list", {});
    const pending = approvals.find(({ status }) => status === "pending");
    await stack.approve(pending?.id);
    assert.is((await waiting).stdout, silent);
  }));

test("the daemon of the project counts, wherever the agent has gone, and none is a refusal", () =>
  onStack('agent "claude-code" { default deny }', (project) =>
    onStack('agent "claude-code" { default permit }', async (planted) => {
      const message = Buffer.from(JSON.stringify(claude("Bash", { command: "id" })));
      const from = async (options: HookOptions, env: NodeJS.ProcessEnv): Promise<string> => {
        process.chdir(planted.dir);
        try {
          return (await answerHook("claude-code", message, options, env)).stdout;
        } finally {
          process.chdir(started);
        }
      };
      assert.match(await from({}, { CLAUDE_PROJECT_DIR: project.dir }), "POLICY_DENY");
      assert.match(await from({ dir: project.dir }, { CLAUDE_PROJECT_DIR: planted.dir }), "POLICY_DENY");
      assert.match(await from({ dir: join(project.dir, "none") }, {}), "there is no folder");
      const empty = mkdtempSync(join(tmpdir(), "fms-hook-"));
      try {
        assert.match(await from({ dir: empty }, {}), "no running stack");
        await project.daemon.stop();
        assert.match(await from({ dir: project.dir }, {}), /cannot be reached|no running stack|DAEMON/);
      } finally {
        rmSync(empty, { recursive: true });
      }
    }),
  ));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function asProcess(words: readonly string[], input: string): Promise<Ended> {
  const bin = fileURLToPath(new URL("../../cli/bin.ts", import.meta.url));
  const child = spawn(process.execPath, ["--import", "tsx", bin, "hook", ...words], { timeout: 30_000 });
  const texts = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (texts.stdout += String(chunk)));
  child.stderr.on("data", (chunk) => (texts.stderr += String(chunk)));
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  return new Promise((resolve) => child.once("close", (code) => resolve({ code, ...texts })));
}

test("as a process: the answer, and 2 for whatever is wrong with its words or its input", () =>
  onStack(policy, async (stack) => {
    const read = JSON.stringify(claude("Read", {}));
    assert.equal(await asProcess(["claude-code", "--dir", stack.dir], read), { code: 0, stdout: "", stderr: "" });
    const denied = await asProcess(["claude-code", "--dir", stack.dir], JSON.stringify(claude("Write", {})));
    assert.equal([denied.code, JSON.parse(denied.stdout).hookSpecificOutput.permissionDecision], [0, "deny"]);
    const wrong: readonly (readonly [readonly string[], string])[] = [
      [[], read],
      [["vim"], read],
      [["claude-code", "--wait", "soon"], read],
      [["claude-code", "--nonsense"], read],
      [["claude-code", "--dir", stack.dir], "x".repeat(9 * 2 ** 20)],
    ];
    for (const [words, input] of wrong) {
      const { code, stdout, stderr } = await asProcess(words, input);
      assert.equal([code, stdout], [2, ""], words.join(" "));
      assert.match(stderr, "faramesh");
    }
  }));

test.run();
