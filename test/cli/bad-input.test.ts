// Each command on what it cannot work with: a policy that is missing, empty, no text or broken, a log that is broken, a
// daemon that is gone. One clear message on standard error, the documented exit code, and nothing written.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { onStack } from "../runtime/stack-under-test.ts";
import { faramesh, farameshAsTyped, inFolder, snapshotOf } from "./in-process.ts";

const policyCommands = [["check"], ["fmt"], ["disassemble"], ["plan"], ["apply"], ["apply", "--foreground"], ["dev"]];

const badPolicies: readonly {
  readonly name: string;
  make(dir: string): void;
  readonly says: RegExp;
  readonly help: RegExp;
}[] = [
  { name: "missing", make: () => {}, says: /there is no governance\.fms/, help: /faramesh init/ },
  {
    name: "empty",
    make: (dir) => writeFileSync(join(dir, "governance.fms"), ""),
    says: /is empty/,
    help: /faramesh init/,
  },
  {
    name: "blank",
    make: (dir) => writeFileSync(join(dir, "governance.fms"), " \n\t\n"),
    says: /is empty/,
    help: /faramesh init/,
  },
  {
    name: "binary",
    make: (dir) => writeFileSync(join(dir, "governance.fms"), Buffer.from([0x7f, 0x45, 0x4c, 0x46, 0, 1, 2])),
    says: /not a text file/,
    help: /UTF-8/,
  },
  {
    name: "not UTF-8",
    make: (dir) => writeFileSync(join(dir, "governance.fms"), Buffer.from([0x61, 0xff, 0xfe])),
    says: /not a text file/,
    help: /UTF-8/,
  },
  { name: "a folder", make: (dir) => mkdirSync(join(dir, "governance.fms")), says: /is not a file/, help: /text file/ },
];

for (const words of policyCommands) {
  for (const { name, make, says, help } of badPolicies) {
    test(`${words.join(" ")} on a policy that is ${name}`, () =>
      inFolder(async (dir) => {
        make(dir);
        const before = snapshotOf(dir);
        const { code, stdout, stderr } = await faramesh(dir, ...words);
        assert.is(code, 1);
        assert.is(stdout, "");
        const [first = "", second = "", ...rest] = stderr.trimEnd().split("\n");
        assert.match(first, says);
        assert.match(first, /^✗ /);
        assert.match(second, help);
        assert.equal(rest, []);
        assert.equal(snapshotOf(dir), before);
      }));
  }

  test(`${words.join(" ")} on a policy that this user may not read`, () =>
    inFolder(async (dir) => {
      writeFileSync(join(dir, "governance.fms"), 'agent "a" { default deny }');
      chmodSync(join(dir, "governance.fms"), 0);
      chmodSync(dir, 0o755);
      const isRoot = process.geteuid?.() === 0;
      // Root reads everything; for the time of the command we are nobody.
      if (isRoot) process.seteuid?.(65_534);
      const outcome = await faramesh(dir, ...words).finally(() => isRoot && process.seteuid?.(0));
      assert.is(outcome.code, 1);
      assert.match(outcome.stderr, /governance\.fms may not be read by this user\n.*chmod u\+r/);
    }));

  test(`${words.join(" ")} on a policy with mistakes shows the place and changes nothing`, () =>
    inFolder(async (dir) => {
      writeFileSync(join(dir, "governance.fms"), 'agent "a" {\n  default deny\n  permitt x\n}\n');
      const before = snapshotOf(dir);
      const { code, stdout, stderr } = await faramesh(dir, ...words);
      assert.is(code, 1);
      assert.match(words[0] === "check" ? stdout : stderr, /✗ governance\.fms:3:3: .*\n +2 \|.*\n> 3 \| {3}permitt x/);
      assert.match(words[0] === "check" ? stdout : stderr, /1 error/);
      assert.equal(snapshotOf(dir), before);
    }));
}

test("init never overwrites any form of a policy", async () => {
  for (const name of ["governance.fms", "governance.fpl", "governance.fms.yaml", "governance.fms.json"]) {
    await inFolder(async (dir) => {
      writeFileSync(join(dir, name), "mine");
      const before = snapshotOf(dir);
      const { code, stderr } = await faramesh(dir, "init", "--non-interactive");
      assert.is(code, 1);
      assert.match(stderr, `${name} exists already`);
      assert.equal(snapshotOf(dir), before);
    });
  }
});

for (const [form, file] of [
  ["--yaml", "governance.fms.yaml"],
  ["--json", "governance.fms.json"],
] as const) {
  test(`init ${form} writes ${file}, and check reads it`, () =>
    inFolder(async (dir) => {
      const made = await faramesh(dir, "init", form, "--agent", "bot");
      assert.is(made.code, 0, made.stderr);
      assert.ok(existsSync(join(dir, file)));
      const { code, stdout } = await faramesh(dir, "check");
      assert.is(code, 0, stdout);
      assert.match(stdout, `${file} valid`);
    }));
}

test("a mistake in YAML is shown at its place", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms.yaml"), "rules:\n  - effect: permit\n    tool: t\n    if: amount < < 5\n");
    const { code, stdout } = await faramesh(dir, "check");
    assert.is(code, 1);
    assert.match(stdout, /governance\.fms\.yaml:4:18: expected a value or a name/);
  }));

test("several policies in one folder are refused by name", () =>
  inFolder(async (dir) => {
    for (const name of ["governance.fms", "governance.fms.yaml", "governance.fms.json"])
      writeFileSync(join(dir, name), "permit t\n");
    const before = snapshotOf(dir);
    for (const words of [["check"], ["plan"], ["apply"]]) {
      const { code, stderr } = await faramesh(dir, ...words);
      assert.is(code, 1);
      assert.match(stderr, "there are governance.fms, governance.fms.yaml and governance.fms.json in");
    }
    assert.equal(snapshotOf(dir), before);
  }));

const daemonCommands: readonly (readonly string[])[] = [
  ["rollback"],
  ["approvals"],
  ["approvals", "list"],
  ["approvals", "pending"],
  ["approvals", "history"],
  ["approvals", "show", "apr-1"],
  ["approvals", "approve", "apr-1"],
  ["approvals", "deny", "apr-1"],
  ["approvals", "watch"],
];

/** What a daemon that was killed leaves: its files, and a socket that nobody listens at. */
async function leaveStale(dir: string): Promise<void> {
  const runtime = join(dir, ".faramesh", "runtime");
  mkdirSync(join(runtime, "operator"), { recursive: true, mode: 0o700 });
  const socket = join(runtime, "operator", "operator.sock");
  const child = spawn(process.execPath, [
    "-e",
    `require("node:net").createServer().listen(${JSON.stringify(socket)},()=>console.log("up"))`,
  ]);
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.kill("SIGKILL");
  await new Promise((resolve) => child.once("close", resolve));
  const daemon = {
    pid: child.pid,
    state: "READY",
    socket,
    operator_socket: socket,
    wal_dir: join(dir, "faramesh-wal"),
    started_at: "",
  };
  writeFileSync(join(runtime, "daemon.json"), JSON.stringify(daemon));
  writeFileSync(join(runtime, "daemon.pid"), `${child.pid}\n`);
  writeFileSync(join(runtime, "operator", "token"), "0".repeat(64));
}

for (const [state, prepare] of [
  ["without a daemon", async () => {}],
  ["with a dead daemon's socket and pid", leaveStale],
] as const) {
  test(`${state}, the commands that ask it say so`, () =>
    inFolder(async (dir) => {
      await prepare(dir);
      const before = snapshotOf(dir);
      for (const words of daemonCommands) {
        const { code, stdout, stderr } = await faramesh(dir, ...words);
        assert.is(code, 1, words.join(" "));
        assert.is(stdout, "", words.join(" "));
        assert.is(stderr, "✗ no daemon runs for this stack\n  start it with: faramesh apply\n", words.join(" "));
      }
      const status = await faramesh(dir, "status");
      assert.is(status.code, 1);
      assert.match(status.stdout, "no daemon runs for this stack: faramesh apply starts it");
      assert.is((await faramesh(dir, "status", "-q")).stdout, "");
      const stop = await faramesh(dir, "apply", "--stop");
      assert.is(stop.code, 0);
      assert.match(stop.stdout, "no daemon runs for this stack: nothing to stop");
      assert.equal(snapshotOf(dir), before);
    }));
}

const logCommands: readonly (readonly string[])[] = [
  ["audit", "tail"],
  ["audit", "ls"],
  ["audit", "show", "1"],
  ["audit", "verify"],
  ["explain", "action-1"],
  ["explain", "approval", "apr-1"],
  ["explain", "rule", "1"],
];

test("without a log, the commands that read it say so and make none", () =>
  inFolder(async (dir) => {
    for (const words of logCommands) {
      const { code, stdout, stderr } = await faramesh(dir, ...words);
      assert.is(code, 1, words.join(" "));
      assert.is(stdout, "");
      assert.match(stderr, /^✗ there is no log at .*\n {2}faramesh apply begins one/, words.join(" "));
    }
    const history = await faramesh(dir, "history");
    assert.is(history.code, 0);
    assert.match(history.stdout, "no policy was applied here yet");
    assert.equal(snapshotOf(dir), []);
  }));

test("on a log with a flipped bit every reader stops with 5, and nothing is touched", () =>
  onStack('agent "bot" { default deny permit x }', async (stack) => {
    for (let i = 0; i < 3; i++) await stack.ask("x");
    const { walDir } = stack.daemon;
    await stack.stop();
    const [name = ""] = readdirSync(walDir).filter((file) => file.endsWith(".wal"));
    const bytes = readFileSync(join(walDir, name));
    const at = bytes.indexOf('"tool":"x"') + 8;
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(join(walDir, name), bytes);
    writeFileSync(join(stack.dir, "governance.fms"), 'agent "bot" { default deny permit y }');
    const before = snapshotOf(stack.dir);
    for (const words of [...logCommands, ["history"], ["plan"]]) {
      // The first record is before the flipped bit.
      if (words[1] === "show") continue;
      const { code, stdout, stderr } = await faramesh(stack.dir, ...words);
      assert.is(code, 5, words.join(" "));
      assert.match(stdout + stderr, words[1] === "verify" ? "00000001.wal" : "faramesh audit verify", words.join(" "));
    }
    const verify = await faramesh(stack.dir, "audit", "verify");
    assert.match(
      verify.stdout,
      /file 00000001\.wal, offset \d+, seq 4.*\n {2}field \S+\n {2}expected .+\n {2}found {4}.+/,
    );
    assert.equal(snapshotOf(stack.dir), before);
    const apply = await faramesh(stack.dir, "apply");
    assert.is(apply.code, 4);
    assert.match(apply.stderr, "faramesh audit verify");
    assert.equal(readFileSync(join(walDir, name)), bytes);
  }));

test("an unknown runtime setting of a later version is refused by name before a daemon starts", () =>
  inFolder(async (dir) => {
    writeFileSync(join(dir, "governance.fms"), 'runtime { postgres_url = "x" }\nagent "a" { default deny permit x }');
    const before = snapshotOf(dir);
    const { code, stderr } = await faramesh(dir, "apply");
    assert.is(code, 1);
    assert.match(stderr, "`postgres_url`");
    assert.match(stderr, "not supported yet");
    assert.equal(snapshotOf(dir), before);
  }));

const misuses: readonly (readonly [readonly string[], RegExp])[] = [
  [["chekc"], /there is no command `chekc`\n {2}did you mean: faramesh check/],
  [["\u001b[2J"], /there is no command `\\u001b\[2J`/],
  [["check", "--bogus"], /there is no option `--bogus`\n {2}faramesh check/],
  [["audit"], /`audit` is not a whole command\n {2}faramesh audit tail/],
  [["approvals", "approve"], /something is missing\n {2}faramesh approvals approve \[options\] <id>/],
  [["check", "extra"], /a word too many/],
  [["status", "--format", "xml"], /--format is text or json/],
  [["audit", "tail", "--effect", "maybe"], /--effect is one of permit, deny, defer/],
  [["audit", "tail", "--since", "yesterday"], /`yesterday` is no span of time/],
  [["audit", "tail", "-n", "-1"], /-n/],
  [["plan", "--since", "2026-05-17"], /no span of time/],
  [["approvals", "list", "--status", "lost"], /--status is one of/],
];

for (const [words, says] of misuses) {
  test(`misused: ${JSON.stringify(words.join(" "))}`, async () => {
    const { code, stdout, stderr } = await farameshAsTyped(...words);
    assert.is(code, 64);
    assert.is(stdout, "");
    assert.match(stderr, says);
  });
}

test("a folder that is not there is said to be so", async () => {
  const { code, stderr } = await faramesh("/nowhere/at/all", "check");
  assert.is(code, 1);
  assert.match(stderr, "there is no folder /nowhere/at/all");
});

test("destroy does nothing unless told so", () =>
  inFolder(async (dir) => {
    mkdirSync(join(dir, ".faramesh"));
    const { code, stderr } = await faramesh(dir, "destroy");
    assert.is(code, 1);
    assert.match(stderr, /not confirmed: nothing was removed\n.*--yes/);
    assert.equal(snapshotOf(dir).length, 1);
  }));

test.run();
