// `check --watch` and `plan --watch`: each save is looked at, however the editor writes it, and a broken or missing policy ends
// nothing.
import { cpSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { faramesh, inFolder } from "./in-process.ts";
import { RunningCli } from "./run-cli.ts";

const policyOf = (...rules: readonly string[]): string =>
  `agent "bot" {\n  default deny\n${rules.map((rule) => `  ${rule}\n`).join("")}}\n`;

test("check --watch looks again at writes in place, renames and removals", () =>
  inFolder(async (dir) => {
    const path = join(dir, "governance.fms");
    writeFileSync(path, policyOf("permit search"));
    const running = new RunningCli(dir, ["check", "--watch"]);
    await running.until("1 rule;");
    writeFileSync(path, policyOf("permit search", "permitt send"));
    await running.until("did you mean `permit`?");
    writeFileSync(join(dir, ".governance.fms.new"), policyOf("permit search", "permit send"));
    renameSync(join(dir, ".governance.fms.new"), path);
    await running.until("2 rules;");
    rmSync(path);
    writeFileSync(join(dir, "notes.txt"), "no part of the policy");
    writeFileSync(path, policyOf("permit search", "permit send", "permit read"));
    await running.until("3 rules;");
    assert.not.ok(running.stdout.includes("\u001b"), "nothing is cleared where no terminal is");
    running.process.kill("SIGINT");
    const { code, stderr } = await running.ended;
    assert.is(code, 0);
    assert.ok(stderr.includes(`watching ${dir}; Ctrl-C stops`), stderr);
  }));

test("check --watch looks again when a file is saved that the policy imports", () =>
  inFolder(async (dir) => {
    cpSync(fileURLToPath(new URL("../../examples/packs", import.meta.url)), dir, { recursive: true });
    const running = new RunningCli(dir, ["check", "--watch"]);
    await running.until("governance.fms valid");
    const [pack] = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((name) => /.\/.*\.fms$/.test(name));
    writeFileSync(join(dir, pack ?? ""), "permitt search\n");
    await running.until("unexpected `permitt`");
    running.process.kill("SIGINT");
    assert.is((await running.ended).code, 1);
  }));

test("the exit code of check --watch is that of the last look, and a missing policy is no end", () =>
  inFolder(async (dir) => {
    const path = join(dir, "governance.fms");
    const running = new RunningCli(dir, ["check", "--watch"]);
    const isWatching = new Promise<void>((resolve) => {
      let text = "";
      running.process.stderr?.on("data", (chunk) => {
        text += String(chunk);
        if (text.includes("watching ")) resolve();
      });
    });
    await Promise.race([isWatching, running.ended]);
    writeFileSync(path, policyOf("permit search"));
    await running.until("1 rule;");
    writeFileSync(path, policyOf("permitt search"));
    await running.until("1 error");
    running.process.kill("SIGTERM");
    const { code, stderr } = await running.ended;
    assert.is(code, 1);
    assert.ok(stderr.includes("there is no governance.fms in"), stderr);
  }));

test("plan --watch shows each plan, and goes on after a policy that does not compile", () =>
  inFolder(async (dir) => {
    const path = join(dir, "governance.fms");
    writeFileSync(path, policyOf("permit search"));
    const running = new RunningCli(dir, ["plan", "--watch"]);
    await running.until("+ permit search");
    writeFileSync(path, policyOf("permitt search"));
    writeFileSync(path, policyOf("permit send"));
    await running.until("+ permit send");
    running.process.kill("SIGINT");
    assert.is((await running.ended).code, 0);
  }));

test("--watch goes with text alone, and never with what writes", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policyOf("permit search"));
    for (const words of [
      ["check", "--watch", "--format", "json"],
      ["check", "--watch", "--format", "sarif"],
      ["plan", "--watch", "--format", "json"],
      ["check", "--watch", "--write-lock"],
    ])
      assert.is((await faramesh(dir, ...words)).code, 64, words.join(" "));
  }));

test.run();
