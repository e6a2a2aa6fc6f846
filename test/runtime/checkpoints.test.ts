// The daemon signs its log: keys made and pinned at the first start, a checkpoint at each turn of its life, a receipt with
// each answer that was recorded.
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { parsePinnedKeys } from "../../runtime/pinned-keys.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" { default deny rules { permit search_docs } }`;
const other = `agent "bot" { default deny rules { permit search_docs permit other } }`;

const vkeyFile = ({ dir }: StackUnderTest): string => join(dir, "faramesh.vkey");
const pinned = (stack: StackUnderTest): readonly string[] =>
  parsePinnedKeys(readFileSync(vkeyFile(stack), "utf8"), "faramesh.vkey").map(({ text }) => text);

test("the first start makes a key of its owner's and pins its public half; later starts add nothing", async () => {
  await onStack(policy, async (stack) => {
    const first = readFileSync(vkeyFile(stack), "utf8");
    assert.is(pinned(stack).length, 1);
    assert.is(statSync(join(stack.dir, ".faramesh/keys/log.key")).mode & 0o777, 0o600);
    assert.is(statSync(join(stack.dir, ".faramesh/keys")).mode & 0o777, 0o700);
    await stack.restart();
    assert.is(readFileSync(vkeyFile(stack), "utf8"), first);
    rmSync(vkeyFile(stack));
    await stack.restart();
    assert.ok(existsSync(vkeyFile(stack)));
  });
});

test("K05 a key that no pinned key names is never pinned", async () => {
  await onStack(policy, async (stack) => {
    const before = pinned(stack);
    await stack.stop();
    rmSync(join(stack.dir, ".faramesh/keys/log.key"));
    await stack.start();
    assert.equal(pinned(stack), before);
    await stack.stop();
    writeFileSync(vkeyFile(stack), "no key\n");
    await stack.start();
    assert.is(readFileSync(vkeyFile(stack), "utf8"), "no key\n", "what cannot be read is left as it is");
  });
});

test("a rotated key is named by the one before, and pinned beside it", async () => {
  await onStack(policy, async (stack) => {
    const [first = ""] = pinned(stack);
    const { key } = await askOperator(stack.dir, "rotate_key", {});
    assert.equal(pinned(stack), [first, key]);
    await stack.restart();
    assert.equal(pinned(stack), [first, key]);
    assert.is((await stack.ask("search_docs")).effect, "PERMIT");
  });
});

test("start, swap, stop and whoever asks get a checkpoint", async () => {
  await onStack(policy, async (stack) => {
    await stack.apply(other);
    const { size } = await askOperator(stack.dir, "checkpoint", {});
    assert.is((await askOperator(stack.dir, "status", {})).daemon.wal.checkpoint_size, size);
    await stack.restart();
    const causes = (await stack.records()).filter(({ type }) => type === "checkpoint").map(({ cause }) => cause);
    assert.equal(causes, ["start", "policy", "policy", "asked", "stop", "start"]);
  });
});

test("each answer that was recorded carries a receipt of its record", async () => {
  await onStack(policy, async (stack) => {
    const permit = await stack.ask("search_docs", {}, { call_id: "one" });
    const deny = await stack.ask("other");
    const records = await stack.records();
    for (const answer of [permit, deny]) {
      const record = records.find(({ action_id }) => action_id === answer.action_id);
      assert.equal([answer.receipt?.seq, answer.receipt?.leaf], [record?.seq, record?.hash]);
      assert.ok((answer.receipt?.size ?? 0) > 0);
    }
    await stack.restart();
    const again = await stack.ask("search_docs", {}, { call_id: "one" });
    assert.equal([again.receipt?.seq, again.receipt?.leaf], [permit.receipt?.seq, permit.receipt?.leaf]);
  });
});

test.run();
