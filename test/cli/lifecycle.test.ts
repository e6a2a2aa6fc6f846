// A stack from the first file to the last, in the words that its user reads; and what reads along while it runs.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { isRunning } from "../../runtime/doors/client.ts";
import { onStack, StackUnderTest } from "../runtime/stack-under-test.ts";
import { faramesh, inFolder } from "./in-process.ts";
import { RunningCli } from "./run-cli.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const policy = `agent "bot" {
  default deny
  permit stripe/charge if amount < $500
  permit search_docs
}
`;

/** The text with what differs between runs put in angle brackets. */
function settled(text: string, dir: string): string {
  return text
    .replaceAll(dir, "<dir>")
    .replace(/faramesh\/log\/[0-9a-f-]{36}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+/g, "<key>")
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ/g, "<time>")
    .replace(/pid=\d+/g, "pid=<pid>")
    .replace(/\b[0-9a-f]{8}\b/g, "<hash>")
    .replace(/(apply|rollback)( +)\S+( +<hash>)/g, "$1$2<user>$3");
}

test("init, check, plan, apply, change, rollback, stop, destroy", () =>
  inFolder(async (dir) => {
    const says = async (words: readonly string[], expected: string, code = 0): Promise<void> => {
      const outcome = await faramesh(dir, ...words);
      assert.is(settled(outcome.stdout, dir), expected.replace(/^\n/, ""), words.join(" "));
      assert.is(outcome.code, code, outcome.stderr);
    };
    writeFileSync(join(dir, "requirements.txt"), "langgraph>=0.2\n");
    writeFileSync(
      join(dir, "agent.py"),
      "from langchain_core.tools import tool\n@tool\ndef send_email(to): ...\n@tool\ndef charge_card(n): ...\n",
    );
    const init = await faramesh(dir, "init", "--non-interactive", "--offline");
    assert.match(
      init.stdout,
      "✓ Framework detected: langgraph\n✓ Tools discovered: 2 (send_email, charge_card)\n✓ governance.fms written\n",
    );
    assert.match(init.stdout, "faramesh apply");
    assert.is(statSync(join(dir, "governance.fms")).mode & 0o777, 0o666 & ~process.umask());
    await says(["check", "--strict"], "✓ governance.fms valid\n  1 agent, 2 rules; a decision takes at most 1 step\n");
    writeFileSync(join(dir, "governance.fms"), policy);
    await says(
      ["plan"],
      `
Rule changes:
+ permit stripe/charge if amount < $500
+ permit search_docs
Other changes:
+ agent "bot"
+ default deny
No policy is in force yet: nothing to compare recorded calls with.
`,
    );
    await says(
      ["apply"],
      `
✓ governance.fms compiled (v1, <hash>)
→ runtime started (pid=<pid>)
→ socket <dir>/.faramesh/runtime/faramesh.sock
→ no provider is declared: the log has the stack's own key, agents' ids are as claimed
→ verifier key <key>
  kept in faramesh.vkey: commit it
`,
    );
    await says(["apply"], "✓ governance.fms compiled (v1, <hash>)\n= v1 is in force already: nothing changed\n");
    await says(["plan"], "No changes: the policy in force (v1) says the same.\n");
    writeFileSync(join(dir, "governance.fms"), `# a remark\n${policy}`);
    await says(["plan"], "No changes: the policy in force (v1) says the same.\n");
    writeFileSync(
      join(dir, "governance.fms"),
      policy.replace("$500", "$250").replace("permit search_docs", "deny stripe/payouts"),
    );
    await says(
      ["plan"],
      `
Rule changes:
~ permit stripe/charge if amount < $500 → if amount < $250
+ deny stripe/payouts
- permit search_docs
Access (every possible call, limits and budgets aside):
- search_docs permit → deny
- stripe/charge permit → deny when amount in [250, 500), like {"amount":250}
Decision impact (last 24h):
stripe/charge   permit → deny 0 calls
stripe/payouts  permit → deny 0 calls
search_docs     permit → deny 0 calls
`,
    );
    await says(["apply"], "✓ governance.fms compiled (v2, <hash>)\n✓ swapped in place, 0 calls dropped\n");
    await says(["rollback", "--to", "v9"], "", 1);
    await says(
      ["rollback"],
      "✓ rolled back to v1 (<hash>), from v2\n  the policy's file was not changed: the next apply puts it in force again\n",
    );
    assert.match(
      (await faramesh(dir, "status")).stdout,
      /by a rollback; the highest version is v2\n.*differs from it: faramesh plan/,
    );
    assert.match((await faramesh(dir, "plan")).stderr, "v1 is in force by a rollback (the highest version is v2)");
    const again = await faramesh(dir, "apply");
    assert.match(again.stdout, "compiled (v3,");
    assert.match(
      again.stderr,
      "v1 was in force by a rollback; governance.fms replaces it: 1 rule added, 1 rule removed, 1 rule changed",
    );
    await says(
      ["history"],
      `
   v1  <time>  apply     <user>  <hash>  2 rules added, agents, defaults
   v2  <time>  apply     <user>  <hash>  1 rule added, 1 rule removed, 1 rule changed
   v1  <time>  rollback  <user>  <hash>  v1 restored
●  v3  <time>  apply     <user>  <hash>  1 rule added, 1 rule removed, 1 rule changed
`,
    );
    await says(["apply", "--stop"], "✓ runtime stopped (pid=<pid>)\n");
    await says(["status"], "● no daemon runs for this stack: faramesh apply starts it\n", 1);
    await says(["destroy", "--yes"], "✓ <dir>/.faramesh removed\n  the log is kept: <dir>/faramesh-wal\n");
    await says(["destroy", "--yes", "--wal"], "✓ <dir>/faramesh-wal removed\n");
    await says(["destroy", "--yes"], "there is nothing to remove\n");
  }));

test("--quiet leaves out confirmations, and -q status everything", () =>
  onStack(policy, async (stack) => {
    writeFileSync(join(stack.dir, "governance.fms"), policy);
    for (const words of [["check"], ["apply"], ["status"]]) {
      assert.equal(await faramesh(stack.dir, ...words, "-q"), { code: 0, stdout: "", stderr: "" });
    }
  }));

test("check --strict fails on warnings with 3; --strict-env on variables that are not set", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), 'agent "a" { permit x }');
    assert.is((await faramesh(dir, "check")).code, 0);
    const strict = await faramesh(dir, "check", "--strict");
    assert.is(strict.code, 3);
    assert.match(strict.stderr, "FMS050");
    writeFileSync(
      join(dir, "governance.fms"),
      'runtime { wal_dir = env("FARAMESH_NOT_SET") }\nagent "a" { default deny permit x }',
    );
    assert.is((await faramesh(dir, "check")).code, 0);
    const unset = await faramesh(dir, "check", "--strict-env");
    assert.is(unset.code, 1);
    assert.match(unset.stdout, "FARAMESH_NOT_SET");
  }));

test("plan says what recorded calls would come out as; --strict-replay exits with 2", () =>
  onStack(policy, async (stack) => {
    for (const amount of [100, 300, 400, 900]) await stack.ask("stripe/charge", { amount });
    writeFileSync(join(stack.dir, "governance.fms"), policy.replace("$500", "$250"));
    const { code, stdout } = await faramesh(stack.dir, "plan", "--strict-replay");
    assert.is(code, 2);
    assert.match(stdout, "stripe/charge  permit → deny 2 calls (50%)\n");
    assert.is((await faramesh(stack.dir, "plan")).code, 0);
    assert.match((await faramesh(stack.dir, "plan", "--since", "7d")).stdout, "Decision impact (last 7d):");
  }));

test("a copy of a stack is read by itself, never by way of the original", () =>
  onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    const copy = new StackUnderTest();
    try {
      assert.is(spawnSync("cp", ["-r", join(stack.dir, "faramesh-wal"), copy.dir]).status, 0);
      mkdirSync(join(copy.dir, ".faramesh", "runtime"), { recursive: true });
      writeFileSync(
        join(copy.dir, ".faramesh", "runtime", "daemon.json"),
        readFileSync(join(stack.dir, ".faramesh", "runtime", "daemon.json")),
      );
      const before = (await stack.records()).length;
      await stack.ask("search_docs");
      const verify = JSON.parse((await faramesh(copy.dir, "audit", "verify", "--format", "json")).stdout) as {
        wal_dir: string;
        records: number;
      };
      assert.is(verify.wal_dir, join(copy.dir, "faramesh-wal"));
      assert.is(verify.records, before);
    } finally {
      await copy.remove();
    }
  }));

test("a copy of a stack never reaches the original's daemon", () =>
  onStack(policy, async (stack) => {
    const copy = new StackUnderTest();
    try {
      assert.is(spawnSync("cp", ["-r", join(stack.dir, ".faramesh"), copy.dir]).status, 0);
      const status = await faramesh(copy.dir, "status");
      assert.is(status.code, 1, status.stdout);
      const stop = await faramesh(copy.dir, "apply", "--stop");
      assert.match(stop.stdout + stop.stderr, "no daemon runs for this stack");
      assert.is((await faramesh(stack.dir, "status")).code, 0);
    } finally {
      await copy.remove();
    }
  }));

test("apply --force starts the daemon anew for a setting that a swap cannot change", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    assert.is((await faramesh(dir, "apply")).code, 0);
    writeFileSync(join(dir, "governance.fms"), `runtime { durability = "each" }\n${policy}`);
    const refused = await faramesh(dir, "apply");
    assert.is(refused.code, 1);
    assert.match(refused.stderr, "durability");
    const forced = await faramesh(dir, "apply", "--force");
    assert.is(forced.code, 0, forced.stderr);
    assert.match(forced.stdout, /compiled \(v2, .*\n→ runtime started/);
    assert.match((await faramesh(dir, "status")).stdout, "durability each");
  }));

test("apply refuses a policy that asks for more than is there, and leaves no daemon where none ran", () =>
  inFolder(async (dir) => {
    const more: readonly (readonly [string, string])[] = [
      ['runtime { signing = "external" }', "the log is signed by a key file"],
      [
        'provider "v" { type = "vault" addr = "https://vault.example" token = env("NOT_SET") }\nprovider "p" { type = "process" command = ["/nonexistent"] }',
        "the provider `v` does not start: the environment variable NOT_SET for `token` is not set; the provider `p` does not start: its program cannot be started",
      ],
    ];
    for (const [words, why] of more) {
      writeFileSync(join(dir, "governance.fms"), `${words}\n${policy}`);
      const { code, stderr } = await faramesh(dir, "apply");
      assert.is(code, 1, stderr);
      assert.match(stderr, why);
      assert.not.ok(await isRunning(dir));
    }
  }));

test("a refused apply leaves no daemon under the version before where none ran, and one that ran goes on", () =>
  inFolder(async (dir) => {
    const refused = async (): Promise<string> => {
      writeFileSync(join(dir, "governance.fms"), `identity "spire" { type = "spiffe" }\n${policy}`);
      const { code, stderr, stdout } = await faramesh(dir, "apply");
      assert.is(code, 1, stderr);
      assert.match(stderr, "no kind `spiffe`");
      return stdout;
    };
    assert.match(await refused(), "verifier key faramesh/log/");
    assert.not.ok(await isRunning(dir));
    writeFileSync(join(dir, "governance.fms"), policy);
    assert.is((await faramesh(dir, "apply")).code, 0);
    await refused();
    assert.ok(await isRunning(dir));
    assert.is((await faramesh(dir, "apply", "--stop")).code, 0);
    await refused();
    assert.not.ok(await isRunning(dir));
    writeFileSync(join(dir, "governance.fms"), policy);
    assert.match((await faramesh(dir, "apply")).stdout, "(v1,");
  }));

test("apply --foreground is the daemon until it is told to end", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const daemon = new RunningCli(dir, ["apply", "--foreground"]);
    await daemon.until("→ socket");
    assert.ok(await isRunning(dir));
    const second = await faramesh(dir, "apply", "--foreground");
    assert.is(second.code, 4);
    assert.match(second.stderr, "ALREADY_RUNNING");
    daemon.process.kill("SIGTERM");
    assert.is((await daemon.ended).code, 0);
    assert.not.ok(await isRunning(dir));
  }));

test("dev applies each save, keeps the policy before a broken one, and ends at a signal", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), policy);
    const dev = new RunningCli(dir, ["dev"]);
    let complaints = "";
    dev.process.stderr?.on("data", (chunk) => {
      complaints += String(chunk);
    });
    await dev.until("in force (v1,");
    writeFileSync(join(dir, "governance.fms"), policy.replace("$500", "$100"));
    await dev.until("in force (v2,");
    writeFileSync(join(dir, "governance.fms"), policy.replace("$500", ""));
    for (const pollMs = 20; !complaints.includes("the policy before it goes on"); ) {
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
    assert.match((await faramesh(dir, "status")).stdout, "v2");
    const absent = 'provider "v" { type = "vault" addr = "https://vault.example" token = env("NOT_SET") }\n';
    writeFileSync(join(dir, "governance.fms"), `${absent}${policy.replace("$500", "$50")}`);
    await dev.until("in force (v3,");
    assert.is((await faramesh(dir, "status")).code, 0);
    dev.process.kill("SIGINT");
    const { code, stderr } = await dev.ended;
    assert.is(code, 0);
    assert.match(stderr, /✗ governance\.fms:3:/);
    assert.match(stderr, "the policy before it goes on");
    const why = "the environment variable NOT_SET for `token` is not set";
    assert.match(stderr, `⚠ provider v: a stub stands for it: ${why}`);
    const { stdout } = await faramesh(dir, "audit", "ls", "--format", "json");
    const marks = (JSON.parse(stdout) as { records: { kind?: string; detail?: unknown }[] }).records;
    assert.equal(
      marks.filter(({ kind }) => kind === "dev" || kind === "provider").map(({ detail }) => detail),
      ["started in dev mode", { name: "v", status: "stub", type: "vault", why }],
    );
  }));

test("status says how long ago the log was synced as a span of time", () =>
  onStack(policy, async ({ dir }) => {
    assert.match((await faramesh(dir, "status")).stdout, / synced (\d+ (d|h|min|s) ?)+ago, /);
  }));

test("I08 a reader that goes away ends the output quietly", () =>
  onStack(policy, async (stack) => {
    for (let i = 0; i < 50; i++) await stack.ask("search_docs", { text: "x".repeat(4000) });
    const command = `node --import tsx cli/main.ts audit tail --follow --format json -n 100 --dir '${stack.dir}' | head -n 1`;
    const child = spawn("bash", ["-c", `set -o pipefail; ${command}`], { cwd: root });
    const out = { stdout: "", stderr: "" };
    child.stdout.on("data", (chunk) => (out.stdout += String(chunk)));
    child.stderr.on("data", (chunk) => (out.stderr += String(chunk)));
    const code = await new Promise((resolve) => child.once("close", resolve));
    // It follows the log, and still ends when nobody reads.
    assert.is(code, 0, out.stderr);
    assert.is(out.stderr, "");
    assert.is(out.stdout.trimEnd().split("\n").length, 1);
  }));

test("what is asked often does not load the compiler, the machine or the scanners", () => {
  const heavy =
    /node_modules\/(chevrotain|@lezer|pino|chokidar|cli-progress)|compiler\/(grammar|encode|index)\.ts|evaluator\/index\.ts/;
  const resolved = new Set<string>();
  const pending = [join(root, "cli", "main.ts")];
  // Static imports are what every start pays for; `import()` is paid by the command that needs it.
  for (let file = pending.pop(); file !== undefined; file = pending.pop()) {
    if (resolved.has(file)) continue;
    resolved.add(file);
    const text = readFileSync(file, "utf8");
    for (const [, type, specifier = ""] of text.matchAll(/^(?:import|export)\s+(type\s)?[^;]*?from\s+"([^"]+)"/gm)) {
      if (type !== undefined) continue;
      if (specifier.startsWith(".")) pending.push(join(file, "..", specifier));
      else resolved.add(`node_modules/${specifier}`);
    }
  }
  assert.ok(resolved.size > 20);
  assert.equal(
    [...resolved].filter((file) => heavy.test(file)),
    [],
  );
});

test.run();
