// `audit verify` and the key of the requests' digests: a changed key is told of and is no fault, honest calls raise nothing.
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { verifyLog } from "../../runtime/log/verify.ts";
import { faramesh } from "../cli/in-process.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit pay
  permit keep
  redact keep args: ["card"]
}`;

const note =
  /^digest\.key does not make the digests of .*: it was changed, or those calls had parts that no record keeps$/;

async function told(walDir: string): Promise<{ notes: readonly string[]; lacks: readonly string[] }> {
  const { ok, notes, notChecked } = await verifyLog(walDir);
  assert.is(ok, true, "no fault of the log");
  return { notes, lacks: notChecked.filter((text) => text.startsWith("digests of requests")) };
}

/** Stops the daemon, changes a bit of the key and starts again; gives the whole key back. */
async function changeKey(stack: StackUnderTest, path: string): Promise<Buffer> {
  await stack.stop();
  const key = readFileSync(path);
  const changed = Buffer.from(key);
  changed[7] = (changed[7] ?? 0) ^ 1;
  writeFileSync(path, changed);
  return key;
}

test("calls of every form raise no note under the key that made their digests", async () => {
  await onStack(policy, async (stack) => {
    const { walDir } = stack.daemon;
    const forms = [
      '{"type":"govern","agent_id":"bot","tool_id":"pay","args":{"b":1.50,"a":1e3,"é":"\\u00e9","big":12345678901234567890}}',
      '{"type":"govern","agent_id":"bot","tool":"pay","operation":"invoke","args":{"args":[],"kwargs":{"a":1}}}',
      '{"type":"govern","agent_id":"bot","tool_id":"pay","args":{"z":[null,true,{"y":-0.0,"x":[]}],"":"\\u2028\\u0001"}}',
    ];
    // Each in a run of its own: one call that matches would speak for the others.
    for (const form of forms) {
      await stack.send(form);
      await stack.restart();
    }
    await stack.ask("keep", { card: "4111111111111111" });
    await stack.ask("unnamed", { a: 1 });
    await stack.ask("pay", { text: "x".repeat(40_000) });
    assert.is((await stack.records()).filter(({ type }) => type === "decision").length, forms.length + 3);
    assert.equal(await told(walDir), { notes: [], lacks: [] });
    await changeKey(stack, join(walDir, "digest.key"));
    assert.is((await told(walDir)).notes.length, forms.length, "those that are compared");
  });
});

test("a changed digest.key is told of with the records that it did not make, and is no fault", async () => {
  await onStack(policy, async (stack) => {
    const { walDir } = stack.daemon;
    const path = join(walDir, "digest.key");
    await stack.ask("pay", { amount: 1 });
    await stack.ask("pay", { amount: 2 });
    assert.equal(await told(walDir), { notes: [], lacks: [] });
    const key = await changeKey(stack, path);
    const { notes } = await told(walDir);
    assert.is(notes.length, 1);
    assert.match(notes[0] ?? "", note);
    assert.match(notes[0] ?? "", /of 2 decisions in records \d+ to \d+:/);
    const shown = await faramesh(stack.dir, "audit", "verify");
    assert.is(shown.code, 0);
    assert.match(shown.stdout, /digest\.key does not make the digests/);

    // The daemon goes on with the changed key: what it records is not told of, what was there is.
    await stack.start();
    await stack.ask("pay", { amount: 3 });
    assert.equal((await told(walDir)).notes, notes);
    await stack.stop();
    writeFileSync(path, key);
    const [later, ...others] = (await told(walDir)).notes;
    assert.match(later ?? "", /of record \d+:/);
    assert.equal(others, []);
  });
});

test("a copy of the log without a usable digest.key says that digests were not checked", async () => {
  await onStack(policy, async (stack) => {
    const { walDir } = stack.daemon;
    const path = join(walDir, "digest.key");
    await stack.ask("pay", { amount: 1 });
    await stack.stop();
    renameSync(path, `${path}.away`);
    assert.equal(await told(walDir), { notes: [], lacks: ["digests of requests: digest.key is not there"] });
    writeFileSync(path, "short");
    assert.equal(await told(walDir), { notes: [], lacks: ["digests of requests: digest.key is not 32 bytes"] });
    rmSync(path);
    renameSync(`${path}.away`, path);
    assert.equal(await told(walDir), { notes: [], lacks: [] });
  });
});

test.run();
