// What bash offers while somebody types, asked of bash itself; and that each shell's script knows each command and option.
import { spawnSync } from "node:child_process";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { commands } from "../../cli/commands.ts";
import { farameshAsTyped } from "./in-process.ts";

const timeoutMs = 20_000;
const { stdout: script } = await farameshAsTyped("completion", "bash");

/** What bash would offer for the last of the words. */
function offered(...words: readonly string[]): string[] {
  const typed = ["faramesh", ...words].map((word) => `'${word}'`).join(" ");
  const ask = `${script}\nCOMP_WORDS=(${typed})\nCOMP_CWORD=${words.length}\n_faramesh\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr, status } = spawnSync("bash", ["--norc", "-c", ask], { encoding: "utf8", timeout: timeoutMs });
  assert.equal([status, stderr], [0, ""]);
  return stdout.split("\n").filter((line) => line !== "");
}

const asked: readonly [readonly string[], readonly string[]][] = [
  [["co"], ["completion", "convert"]],
  [["approvals", "gr"], ["grants"]],
  [
    ["approvals", "grants", ""],
    ["add", "revoke"],
  ],
  [["approvals", "approve", "--re"], ["--reason"]],
  [["--dir", "approvals", "approvals", "show", "--di"], ["--dir"]],
  [["plan", "--no-n"], ["--no-new-access"]],
  [
    ["status", "--format", ""],
    ["text", "json"],
  ],
  [["init", "--dir", ""], []],
  [["nonsense", "--o"], []],
];
for (const [words, wanted] of asked) {
  test(`bash: ${words.join(" ")}`, () => assert.equal(offered(...words), wanted));
}

for (const shell of ["bash", "zsh", "fish"]) {
  test(`the script of ${shell} knows each word of each command`, async () => {
    const { code, stdout } = await farameshAsTyped("completion", shell);
    assert.is(code, 0);
    for (const word of commands.flatMap(({ paths }) => paths?.[0] ?? [])) {
      assert.ok(new RegExp(`[ ('"]${word}[ :'")]`).test(stdout), word);
    }
  });
}

test("another shell is an error of use", async () => {
  assert.is((await farameshAsTyped("completion", "tcsh")).code, 64);
});

test.run();
