// audit tail, show, verify: run as processes on a real stack.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lastRecords } from "../../cli/last-records.ts";
import { visibleJson } from "../../cli/render.ts";
import { segmentStarts } from "../../runtime/log/read.ts";
import type { VerifyReport } from "../../runtime/log/verify-report.ts";
import { closedLog } from "../log/fixture.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { cli, cliJson, type Ran, RunningCli } from "./run-cli.ts";

const policy = `
agent "bot" {
  default deny
  rules {
    permit stripe/refund if amount < $5000
    deny! shell/** reason "never"
    permit search_docs
  }
}`;

const hostile = "say\u001b]52;c;aGk=\u0007\u202ehi\nDENY forged";
const unsafe = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/;

function tail(stack: StackUnderTest, ...words: readonly string[]): Promise<Ran> {
  return cli(stack.dir, "audit", "tail", "--no-follow", ...words);
}

function lines({ stdout }: Ran): readonly string[] {
  return stdout.split("\n").slice(0, -1);
}

/** Flips a bit in the last record's tool, where no decoder would stumble. */
function flipBit(stack: StackUnderTest): void {
  const file = join(stack.dir, "faramesh-wal", "00000001.wal");
  const bytes = readFileSync(file);
  const at = bytes.lastIndexOf('"tool":"') + 9;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(file, bytes);
}

test("tail shows what was decided, a line each", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    const { action_id } = await stack.ask("stripe/refund", { amount: 8000 });
    await stack.ask("shell/rm");
    const all = lines(await tail(stack));
    assert.is(all.length, 4);
    assert.match(all[0] ?? "", /policy {2}v1 .*apply/);
    assert.match(
      all[2] ?? "",
      new RegExp(
        `^\\[\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ\\] ${action_id} {2}bot +stripe/refund +DENY {2}amount 8000 ≥ 5000$`,
      ),
    );
    assert.match(all[3] ?? "", /DENY {2}never$/);
    assert.equal(lines(await tail(stack, "-n", "1")), all.slice(-1));
    assert.equal(lines(await tail(stack, "-n", "0")), []);
    assert.equal(lines(await tail(stack, "--effect", "deny", "--agent", "bot", "--since", "1h")), all.slice(2));
    assert.equal(lines(await tail(stack, "--tool", "stripe/refund")), all.slice(2, 3));
    assert.equal(lines(await tail(stack, "--agent", "another")), []);
    for (const words of [
      ["--effect", "never"],
      ["--since", "yesterday"],
      ["-n", "many"],
      ["-n", "-1"],
    ]) {
      assert.is((await tail(stack, ...words)).code, 64);
    }
  });
});

test("in audit mode --effect deny shows what would have been denied", async () => {
  await onStack(`runtime { mode = "audit" }\n${policy}`, async (stack) => {
    await stack.ask("search_docs");
    await stack.ask("stripe/refund", { amount: 9000 });
    const [line, ...others] = lines(await tail(stack, "--effect", "deny"));
    assert.is(others.length, 0);
    assert.match(line ?? "", /stripe\/refund +PERMIT \(would DENY\)/);
  });
});

test("I01 I02 what an agent supplied cannot steer the terminal or forge a line", async () => {
  await onStack(policy, async (stack) => {
    const { action_id = "" } = await stack.ask("stripe/refund", { amount: 1, note: hostile });
    for (const words of [
      ["tail", "--no-follow"],
      ["show", action_id],
      ["show", action_id, "--format", "json"],
      ["show", hostile],
    ]) {
      const { stdout, stderr } = await cli(stack.dir, "audit", ...words);
      assert.not.match(stdout + stderr, unsafe);
      assert.not.match(stdout + stderr, /^DENY forged/m);
    }
    assert.ok((await cli(stack.dir, "audit", "show", action_id)).stdout.includes("say\\u001b"));
  });
});

test("I04 tail --format json is one record a line, with numbers as received", async () => {
  await onStack(policy, async (stack) => {
    await stack.send(
      '{"type":"govern","agent_id":"bot","tool_id":"stripe/refund","args":{"amount":9007199254740993,"note":"\\u2028"}}',
    );
    const ran = await tail(stack, "--format", "json");
    const stored = readFileSync(join(stack.daemon.walDir, "00000001.wal"), "utf8").trimEnd().split("\n");
    assert.equal(lines(ran), stored);
    assert.ok(ran.stdout.includes("9007199254740993"));
    assert.ok(ran.stdout.includes("\u2028"));
    const list = await cli(stack.dir, "audit", "ls", "--format", "json");
    for (const line of stored) assert.ok(list.stdout.includes(line));
  });
});

test("I01 stored JSON on a terminal shows what cannot be seen as escapes", () => {
  const line = '{"note":"a\u202eb\u2028\u0085"}';
  assert.is(visibleJson(line), '{"note":"a\\u202eb\\u2028\\u0085"}');
  assert.equal(JSON.parse(visibleJson(line)), JSON.parse(line));
});

test("tail and ls take patterns of tools and agents, as rules do", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("stripe/refund", { amount: 1 });
    await stack.ask("stripe/card/new");
    await stack.ask("search_docs");
    const count = async (...words: readonly string[]): Promise<number> => lines(await tail(stack, ...words)).length;
    assert.is(await count("--tool", "stripe/*"), 1);
    assert.is(await count("--tool", "stripe/**"), 2);
    assert.is(await count("--tool", "stripe"), 0);
    assert.is(await count("--agent", "b*"), 3);
    assert.is((await tail(stack, "--tool", "a".repeat(100_000))).code, 64);
  });
});

test("the last records are found from the end, over as many segments as it takes and no more", async () => {
  const dir = await closedLog(60, { segmentBytes: 4096 });
  const starts = segmentStarts(dir);
  assert.ok(starts.length > 3, `${starts}`);
  for (const most of [0, 1, 7, 40, 60, 100]) {
    const { records, lastSeq } = await lastRecords(
      dir,
      most,
      ({ seq }) => seq % 2 === 0,
      () => {},
    );
    const even = Array.from({ length: 30 }, (_, i) => 2 * (i + 1)).slice(Math.max(0, 30 - most));
    assert.equal(
      records.map(({ seq }) => seq),
      even,
    );
    assert.is(lastSeq, 60);
  }
  const seen: number[] = [];
  await lastRecords(
    dir,
    1,
    () => true,
    ({ seq }) => seen.push(seq),
  );
  assert.is(seen[0], starts.at(-1));
});

test("tail follows what is written", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    const following = new RunningCli(stack.dir, ["audit", "tail", "--follow"]);
    await following.until("search_docs");
    await stack.ask("shell/rm");
    await following.until("shell/rm");
    following.process.kill("SIGINT");
    await following.ended;
    assert.is(following.stdout.split("search_docs").length, 2);
  });
});

test("I08 a reader that goes away ends tail quietly", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    const following = new RunningCli(stack.dir, ["audit", "tail", "--follow"]);
    await following.until("search_docs");
    following.process.stdout?.destroy();
    await stack.ask("shell/rm");
    const { code, stderr } = await following.ended;
    assert.is(code, 0);
    assert.is(stderr, "");
  });
});

test("show prints one record by id, its beginning, or number", async () => {
  await onStack(policy, async (stack) => {
    const { action_id = "" } = await stack.ask("stripe/refund", { amount: 8000 });
    const whole = await cli(stack.dir, "audit", "show", action_id);
    assert.match(whole.stdout, /00000001\.wal.* offset \d+/);
    const seq = String((await stack.records()).find((record) => record.action_id === action_id)?.seq);
    assert.is((await cli(stack.dir, "audit", "show", seq)).stdout, whole.stdout);
    assert.is((await cli(stack.dir, "audit", "show", action_id.slice(0, -3))).stdout, whole.stdout);
    assert.match((await cli(stack.dir, "audit", "show", seq, "--format", "json")).stdout, action_id);
    for (const id of ["99", "0", "action-NOBODY", ""]) assert.is((await cli(stack.dir, "audit", "show", id)).code, 1);
  });
});

test("verify says what holds, what no one can vouch for, beside a daemon and on a copy", async () => {
  await onStack(policy, async (stack) => {
    for (let i = 0; i < 5; i++) await stack.ask("search_docs");
    const { code, stdout } = await cli(stack.dir, "audit", "verify");
    assert.is(code, 0);
    for (const text of [
      "✓ 8 records",
      "✓ hash chain intact",
      "unanchored tail: 8 records",
      "✓ signed by a pinned key",
      "audit chain verified",
    ]) {
      assert.ok(stdout.includes(text), stdout);
    }
    const copy = mkdtempSync(join(tmpdir(), "faramesh-copy-"));
    try {
      cpSync(stack.daemon.walDir, join(copy, "faramesh-wal"), { recursive: true });
      const report = await cliJson(copy, "audit", "verify");
      assert.equal([report.ok, report.records, report.fault], [true, 8, null]);
      assert.match(String(report.not_checked), /no keys are pinned/);
    } finally {
      rmSync(copy, { recursive: true, force: true, maxRetries: 10 });
    }
  });
});

test("a copied stack is read, not the one it was copied from", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    const copy = mkdtempSync(join(tmpdir(), "faramesh-copy-"));
    try {
      for (const name of [".faramesh/runtime/daemon.json", "faramesh-wal"]) {
        cpSync(join(stack.dir, name), join(copy, name), { recursive: true });
      }
      await stack.ask("search_docs");
      assert.is((await cliJson(copy, "audit", "verify")).records, 4);
      assert.is((await cliJson(stack.dir, "audit", "verify")).records, 5);
    } finally {
      rmSync(copy, { recursive: true, force: true, maxRetries: 10 });
    }
  });
});

test("verify --replay judges each decision again, on the stack and on a copy of it", async () => {
  await onStack(policy, async (stack) => {
    for (let i = 0; i < 3; i++) await stack.ask("search_docs");
    const { code, stdout } = await cli(stack.dir, "audit", "verify", "--replay");
    assert.is(code, 0, stdout);
    assert.match(stdout, "✓ 3 decisions judged again: 3 came out as recorded");
    const { replay } = await cliJson(stack.dir, "audit", "verify", "--replay");
    const { decisions, matched, first } = replay as Record<string, unknown>;
    assert.equal([decisions, matched, first], [3, 3, null]);
    const copy = mkdtempSync(join(tmpdir(), "faramesh-copy-"));
    try {
      cpSync(stack.daemon.walDir, join(copy, "faramesh-wal"), { recursive: true });
      const bare = await cli(copy, "audit", "verify", "--replay");
      assert.is(bare.code, 5, "without the policies nothing can be judged");
      assert.match(bare.stdout, "not judged behind record");
    } finally {
      rmSync(copy, { recursive: true, force: true, maxRetries: 10 });
    }
  });
});

test("verify of a changed log exits 5 and names file, offset, seq, field, expected and found", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    await stack.ask("shell/rm");
    await stack.stop();
    flipBit(stack);
    const { code, stdout } = await cli(stack.dir, "audit", "verify");
    assert.is(code, 5);
    assert.match(stdout, /00000001\.wal, offset \d+, seq 5/);
    for (const word of [/field +hash/, /expected +[0-9a-f]{64}/, /found +[0-9a-f]{64}/]) assert.match(stdout, word);
    assert.not.match(stdout, "audit chain verified");
    for (const check of [
      "tail whole",
      "nothing acknowledged is missing",
      "each decision under the policy then in force",
    ])
      assert.ok(stdout.includes(`– ${check}: not checked past record 4`), stdout);
    const report = await cliJson(stack.dir, "audit", "verify");
    const { file, seq, field } = report.fault as NonNullable<VerifyReport["fault"]>;
    assert.equal([report.ok, file, seq, field], [false, "00000001.wal", 5, "hash"]);
  });
});

test("the other readers of a changed log exit 5 too and name verify", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    await stack.stop();
    flipBit(stack);
    for (const words of [
      ["tail", "--no-follow"],
      ["show", "4"],
    ]) {
      const { code, stderr } = await cli(stack.dir, "audit", ...words);
      assert.is(code, 5);
      assert.match(stderr, "faramesh audit verify");
    }
  });
});

test("verify takes a bare copy of a log, and an empty directory is no log", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search_docs");
    const copy = mkdtempSync(join(tmpdir(), "faramesh-copy-"));
    const elsewhere = mkdtempSync(join(tmpdir(), "faramesh-copy-"));
    try {
      cpSync(stack.daemon.walDir, copy, { recursive: true });
      const report = await cliJson(elsewhere, "audit", "verify", "--wal", copy);
      assert.equal([report.ok, report.records, report.wal_dir], [true, 4, copy]);
      assert.is((await cli(stack.dir, "audit", "verify", "--wal", elsewhere)).code, 1);
      mkdirSync(join(elsewhere, "faramesh-wal"));
      const { code, stderr } = await cli(elsewhere, "audit", "verify");
      assert.is(code, 1);
      assert.match(stderr, "there is no log at");
    } finally {
      for (const dir of [copy, elsewhere]) rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
    }
  });
});

test("without a log every command says so and exits 1", async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-empty-"));
  try {
    for (const words of [["tail"], ["verify"], ["show", "1"]]) {
      const { code, stdout, stderr } = await cli(dir, "audit", ...words);
      assert.is(code, 1);
      assert.is(stdout, "");
      assert.match(stderr, "faramesh-wal");
      assert.match(stderr, "faramesh apply");
    }
  } finally {
    rmSync(dir, { recursive: true, force: true, maxRetries: 10 });
  }
});

test.run();
