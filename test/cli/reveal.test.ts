// Whether a value is the one that was redacted: proved while its salt is kept, never after, and the log whole all the while.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runCli } from "../../cli/run.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { codeOf, onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit pay
  redact pay args: ["card", "items[].pin", "note"]
}
`;
const args = { amount: 5, card: "4111 1111", items: [{ pin: 1234 }, { pin: { a: [1.5] } }], note: "é" };

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function faramesh(stack: StackUnderTest, words: readonly string[], input = ""): Promise<Outcome> {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  const texts = { stdout: "", stderr: "" };
  stdout.on("data", (chunk) => (texts.stdout += String(chunk)));
  stderr.on("data", (chunk) => (texts.stderr += String(chunk)));
  stdin.end(input);
  const env = { PATH: process.env.PATH, HOME: stack.dir };
  const code = await runCli([...words, "--dir", stack.dir], "0.0.0", { stdin, stdout, stderr, env });
  await new Promise(setImmediate);
  return { code, ...texts };
}

const reveal = (stack: StackUnderTest, path: string, value: string): Promise<Outcome> =>
  faramesh(stack, ["audit", "reveal", "action-", path], value);

test("each redacted place is listed and proved, by its JSON or its text, and by no other value", () =>
  onStack(policy, async (stack) => {
    await stack.ask("pay", args);
    const listed = await faramesh(stack, ["audit", "reveal", "action-", "--format", "json"]);
    const { places } = JSON.parse(listed.stdout) as { places: { path: string; provable: boolean }[] };
    assert.equal(
      places.map(({ path, provable }) => [path, provable]),
      [
        ["args.card", true],
        ["args.items[0].pin", true],
        ["args.items[1].pin", true],
        ["args.note", true],
      ],
    );
    const right = [
      ["args.card", '"4111 1111"'],
      ["card", "4111 1111"],
      ["card", "4111 1111\n"],
      ["items[0].pin", "1234"],
      ["items[0].pin", " 1234 "],
      ["args.items[1].pin", '{"a":[1.5]}'],
      ["note", "é"],
    ] as const;
    for (const [path, value] of right) assert.is((await reveal(stack, path, value)).code, 0, `${path} ${value}`);
    const wrong = [
      ["card", "4111 1112"],
      ["card", ""],
      ["items[0].pin", '"1234"'],
      ["items[1].pin", '{"a":[1.50]}'],
      ["amount", "5"],
      ["items[7].pin", "1"],
    ] as const;
    for (const [path, value] of wrong) assert.is((await reveal(stack, path, value)).code, 1, `${path} ${value}`);
    const told = await faramesh(stack, ["audit", "reveal", "action-", "card", "--format", "json"], "4111 1111");
    assert.not.match(readFileSync(join(stack.daemon.walDir, "00000001.wal"), "utf8"), "4111");
    const { salt, as } = JSON.parse(told.stdout) as { salt: string; as: string };
    assert.equal([salt.length, as], [32, "text"]);
  }));

test("K12 erased salts prove nothing any more; the others do, the log verifies, and the order is in it", () =>
  onStack(policy, async (stack) => {
    await stack.ask("pay", args);
    const other = await stack.ask("pay", { card: "5500 0000" });
    const records = await stack.records();
    const first = records.find(({ type }) => type === "decision");
    const id = String(first?.action_id);
    const { code, stdout } = await faramesh(stack, ["audit", "erase", id, "--reason", "asked for", "--format", "json"]);
    assert.is(code, 0);
    assert.equal(JSON.parse(stdout).salts, 4);
    const card = await faramesh(stack, ["audit", "reveal", id, "card"], "4111 1111");
    assert.is(card.code, 1);
    assert.match(card.stderr, "is gone: no value");
    const kept = await faramesh(stack, ["audit", "reveal", other.action_id, "card"], "5500 0000");
    assert.is(kept.code, 0, kept.stderr);
    const again = await faramesh(stack, ["audit", "erase", id, "--format", "json"]);
    assert.is(JSON.parse(again.stdout).salts, 0);
    // Salts that come later are kept in the same file.
    const later = await stack.ask("pay", { card: "6011 0000" });
    await new Promise(setImmediate);
    assert.is((await faramesh(stack, ["audit", "reveal", later.action_id, "card"], "6011 0000")).code, 0);
    const marks = (await stack.records()).filter(({ kind }) => kind === "salts_erased");
    const { detail } = marks[0] as unknown as { detail: { reason: string; subject: string; commitments: string[] } };
    assert.equal([marks.length, detail.reason, detail.subject, detail.commitments.length], [2, "asked for", id, 4]);
    await stack.daemon.stop();
    const { ok } = await verifyLog(stack.daemon.walDir);
    assert.ok(ok);
  }));

test("salts of days before one are forgotten together", () =>
  onStack(policy, async (stack) => {
    await stack.ask("pay", args);
    const today = new Date().toISOString().slice(0, 10);
    const folder = join(stack.daemon.walDir, "salts");
    writeFileSync(join(folder, "2024-02-29.salts"), "");
    writeFileSync(join(folder, "notes.txt"), "kept");
    const { stdout } = await faramesh(stack, ["audit", "erase", "--before", today, "--format", "json"]);
    assert.is(JSON.parse(stdout).days, 1);
    assert.is((await reveal(stack, "card", "4111 1111")).code, 0);
    assert.is(readFileSync(join(folder, "notes.txt"), "utf8"), "kept");
  }));

test("orders that cannot be meant are refused, and write nothing", () =>
  onStack(policy, async (stack) => {
    await stack.ask("pay", args);
    const bad: object[] = [
      {},
      { commitments: [] },
      { commitments: ["x"] },
      { commitments: "a".repeat(64) },
      { commitments: Array.from({ length: 257 }, () => "0".repeat(64)) },
      { commitments: ["0".repeat(64)], before: "2024-01-01" },
      { before: "yesterday" },
      { before: "2024-02-30" },
      { before: "9999-01-01" },
      { before: "../../x" },
    ];
    const before = (await stack.records()).length;
    for (const order of bad) {
      const request = { actor: "ann", ...order } as { actor: string };
      assert.ok(/BAD_REQUEST|number|reject/.test(await codeOf(askOperator(stack.dir, "erase_salts", request))));
    }
    assert.is((await stack.records()).length, before);
    assert.is((await faramesh(stack, ["audit", "erase"])).code, 64);
    assert.is((await faramesh(stack, ["audit", "reveal", "action-none"])).code, 1);
  }));

test.run();
