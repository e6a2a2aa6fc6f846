// The lines that init prints for coding agents: each command in them is one that the command line knows and the shell reads.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { codingAgents } from "../../cli/discover/coding-agents.ts";
import { isHookClient } from "../../runtime/sdk/hook/hook.ts";

function inProject(marks: readonly string[], work: (dir: string) => void): void {
  const dir = mkdtempSync(join(tmpdir(), "fms it's "));
  try {
    for (const mark of marks) mkdirSync(join(dir, mark), { recursive: true });
    work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** Every text of the configuration that is a command. */
function commandsOf(value: unknown): string[] {
  if (typeof value === "string") return value.startsWith("faramesh ") ? [value] : [];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(commandsOf) : [];
}

test("a project without coding agents has none", () =>
  inProject([], (dir) => assert.equal(codingAgents(dir, "a"), [])));

test("each is found by its folder, and its commands hold back what they cannot ask about", () =>
  inProject([".claude", ".codex", ".cursor", ".github/hooks"], (dir) => {
    const found = codingAgents(dir, "it's me");
    assert.equal(
      found.map(({ client, file }) => [client, file]),
      [
        ["claude-code", ".claude/settings.json"],
        ["codex", ".codex/hooks.json"],
        ["cursor", ".cursor/hooks.json"],
        ["copilot", ".github/hooks/faramesh.json"],
      ],
    );
    const bin = join(dir, "bin");
    mkdirSync(bin);
    writeFileSync(join(bin, "faramesh"), '#!/bin/sh\nprintf "%s|" "$@"\nexit 1\n');
    chmodSync(join(bin, "faramesh"), 0o755);
    for (const { client, configuration } of found) {
      assert.ok(isHookClient(client));
      const commands = commandsOf(configuration);
      assert.ok(commands.length > 0);
      for (const command of commands) {
        const run = (path: string) => spawnSync("/bin/sh", ["-c", command], { env: { PATH: path }, encoding: "utf8" });
        const { stdout, status } = run(`${bin}:/usr/bin:/bin`);
        const end = client === "codex" ? `|--dir|${dir}|` : "|";
        assert.is(stdout, `hook|${client}|--agent|it's me${end}`);
        // Cursor is told by `failClosed`.
        assert.is(status, client === "cursor" ? 1 : 2);
        assert.is(run("/nowhere").status, client === "cursor" ? 127 : 2);
      }
    }
  }));

test.run();
