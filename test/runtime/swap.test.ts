import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator } from "../../runtime/doors/client.ts";
import { imagePath } from "../../runtime/images.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { startDaemon } from "../../runtime/start-daemon.ts";
import { codeOf, imageOf, onStack, StackUnderTest } from "./stack-under-test.ts";

const policyOf = (limit: number): string => `agent "bot" {
  default deny
  rules { permit pay if amount < ${limit}  permit search }
  rate_limit "search": 3 per hour
  budget spend { max = $100 tools = ["pay"] cost = amount }
}`;

const rollback = (stack: StackUnderTest, to?: string) => askOperator(stack.dir, "rollback", { to, actor: "tester" });

test("the first apply makes a daemon ready; before it every call is denied DAEMON_NOT_READY", async () => {
  await onStack(null, async (stack) => {
    assert.is((await askOperator(stack.dir, "status", {})).daemon.state, "INITIALIZING");
    assert.is((await stack.ask("pay", { amount: 1 })).reason_code, "DAEMON_NOT_READY");
    const applied = await stack.apply(policyOf(50));
    assert.equal([applied.version, applied.first, applied.changed, applied.swapped], ["v1", true, true, false]);
    const answer = await stack.ask("pay", { amount: 1 });
    assert.equal([answer.effect, answer.policy_version, answer.policy_hash], ["PERMIT", "v1", applied.policy_hash]);
  });
});

test("applying the active policy again changes and writes nothing", async () => {
  await onStack(policyOf(50), async (stack) => {
    const before = (await stack.records()).length;
    const again = await stack.apply(policyOf(50));
    assert.equal([again.version, again.changed, again.swapped], ["v1", false, false]);
    assert.is((await stack.records()).length, before);
  });
});

test("rollback goes to the highest version ever active below, and the next apply is the highest number and one", async () => {
  await onStack(policyOf(10), async (stack) => {
    await stack.apply(policyOf(20));
    await stack.apply(policyOf(30));
    assert.equal([(await rollback(stack)).version, (await rollback(stack)).version], ["v2", "v1"]);
    assert.is(await codeOf(rollback(stack)), "NO_EARLIER_VERSION");
    assert.is((await stack.ask("pay", { amount: 15 })).effect, "DENY");
    assert.is((await rollback(stack, "v3")).version, "v3");
    assert.is((await stack.ask("pay", { amount: 25 })).policy_version, "v3");
    assert.is((await rollback(stack, "3")).changed, false);
    assert.is(await codeOf(rollback(stack, "v9")), "NOT_FOUND");
    await rollback(stack, "v1");
    assert.is((await askOperator(stack.dir, "status", {})).daemon.rolled_back, true);
    assert.is((await stack.apply(policyOf(40))).version, "v4");
    const { versions } = await askOperator(stack.dir, "history", {});
    const shown = versions.map(({ version, change, active }) => `${version} ${change}${active ? " active" : ""}`);
    assert.equal(shown.slice(0, 5), ["v1 apply", "v2 apply", "v3 apply", "v2 rollback", "v1 rollback"]);
    assert.equal(shown.slice(5), ["v3 rollback", "v1 rollback", "v4 apply active"]);
    await stack.restart();
    assert.is((await stack.ask("pay", { amount: 35 })).policy_version, "v4");
    assert.is((await rollback(stack)).version, "v3");
  });
});

test("F03 under load every decision is under exactly one policy, and the swap's record comes first", async () => {
  await onStack(policyOf(50), async (stack) => {
    const hashes = new Map<string, number>();
    const call = (group: number, index: number) => {
      return { type: "govern", call_id: `${group}-${index}`, agent_id: "bot", tool_id: "none", args: {} };
    };
    const load = Array.from({ length: 8 }, async (_, group) => {
      for (let round = 0; round < 5; round++) {
        const lines = Array.from({ length: 50 }, (__, index) => call(group, round * 50 + index));
        for (const answer of await stack.send(...lines)) {
          assert.is(answer.reason_code, "POLICY_DENY");
          const key = `${answer.policy_version} ${answer.policy_hash}`;
          hashes.set(key, (hashes.get(key) ?? 0) + 1);
        }
      }
    });
    const applied: string[] = [];
    for (let limit = 60; limit < 70; limit++) {
      const { version, policy_hash } = await stack.apply(policyOf(limit));
      applied.push(`${version} ${policy_hash}`);
    }
    await Promise.all(load);
    const first = `v1 ${(await askOperator(stack.dir, "history", {})).versions[0]?.policy_hash}`;
    for (const key of hashes.keys()) assert.ok([first, ...applied].includes(key), key);
    assert.is(
      [...hashes.values()].reduce((sum, count) => sum + count, 0),
      8 * 5 * 50,
    );
    let active: unknown = null;
    for (const record of await stack.records()) {
      if (record.type === "policy") active = record.policy_hash;
      assert.is(record.policy_hash, active, `record ${String(record.seq)}`);
    }
  });
});

test("H08 a swap and a rollback keep what was spent and taken", async () => {
  await onStack(policyOf(60), async (stack) => {
    assert.is((await stack.ask("pay", { amount: 55 })).effect, "PERMIT");
    for (let turn = 0; turn < 2; turn++) assert.is((await stack.ask("search")).effect, "PERMIT");
    await stack.apply(policyOf(61));
    assert.is((await stack.ask("pay", { amount: 55 })).reason_code, "BUDGET_EXCEEDED");
    assert.is((await stack.ask("search")).effect, "PERMIT");
    await rollback(stack, "v1");
    assert.is((await stack.ask("search")).reason_code, "RATE_EXCEEDED");
    assert.is((await stack.ask("pay", { amount: 45 })).effect, "PERMIT");
    assert.is((await stack.ask("pay", { amount: 1 })).reason_code, "BUDGET_EXCEEDED");
  });
});

test("F04 an image that is none is refused and the old policy stays", async () => {
  await onStack(policyOf(50), async (stack) => {
    const good = Buffer.from(imageOf(policyOf(60)), "base64");
    const flipped = Buffer.from(good);
    flipped[good.length >> 1] = (flipped[good.length >> 1] ?? 0) ^ 1;
    for (const image of [Buffer.from("no image"), flipped, good.subarray(0, good.length - 1)]) {
      const apply = askOperator(stack.dir, "apply", { image: image.toString("base64"), sources: [], actor: "tester" });
      assert.is(await codeOf(apply), "BAD_IMAGE");
    }
    assert.is((await stack.ask("pay", { amount: 45 })).policy_version, "v1");
    assert.is((await askOperator(stack.dir, "history", {})).versions.length, 1);
  });
});

test("a runtime field whose feature is not there is refused by its name", async () => {
  await onStack(policyOf(50), async (stack) => {
    try {
      await stack.apply(`runtime { os_tier = true }\n${policyOf(60)}`);
      assert.unreachable("applied");
    } catch (error) {
      assert.match(error instanceof Error ? error.message : "", "`os_tier` is not supported yet");
    }
    assert.is((await stack.ask("pay", { amount: 45 })).policy_version, "v1");
  });
});

test("what is fixed for the life of a process cannot change by a swap, only by a new start", async () => {
  await onStack(policyOf(50), async (stack) => {
    for (const setting of ['wal_dir = "./elsewhere"', 'durability = "async"', 'socket = "other.sock"']) {
      assert.is(await codeOf(stack.apply(`runtime { ${setting} }\n${policyOf(60)}`)), "UNSUPPORTED", setting);
    }
    const slow = `runtime { durability = "each" }\n${policyOf(60)}`;
    await stack.stop();
    const daemon = await startDaemon({ dir: stack.dir, env: {}, durability: "each" });
    try {
      assert.is((await stack.apply(slow)).version, "v2");
      assert.is((await stack.apply(slow.replace("60", "61"))).version, "v3");
    } finally {
      await daemon.stop();
    }
  });
});

test("F02 an image changed or lost on disk stops a rollback, and keeps a daemon from starting", async () => {
  const stack = new StackUnderTest();
  try {
    await stack.start();
    const { image_hash } = await stack.apply(policyOf(50));
    await stack.apply(policyOf(60));
    const path = imagePath(stackPaths(stack.dir).policies, image_hash);
    const whole = readFileSync(path);
    for (const at of [0, whole.indexOf("\n") + 40, whole.length - 1]) {
      const spoiled = Buffer.from(whole);
      spoiled[at] = (spoiled[at] ?? 0) ^ 1;
      writeFileSync(path, spoiled);
      assert.is(await codeOf(rollback(stack)), "NOT_FOUND");
    }
    assert.is((await stack.ask("pay", { amount: 55 })).policy_version, "v2");
    await stack.stop();
    const log = readFileSync(`${stackPaths(stack.dir).defaultWalDir}/00000001.wal`);
    assert.is(await codeOf(stack.start()), "POLICY_CORRUPT");
    assert.equal(readFileSync(`${stackPaths(stack.dir).defaultWalDir}/00000001.wal`), log);
    writeFileSync(path, whole);
    await stack.start();
    assert.is((await stack.ask("pay", { amount: 55 })).policy_version, "v2");
    assert.ok(existsSync(path));
  } finally {
    await stack.remove();
  }
});

const phased = `agent "bot" {
  default deny
  rules { deny pay }
  phase "trial" { duration = "1h" next = "enforce" tools = ["pay"] rules { permit pay } }
}`;

test("a rollout phase ends by itself, is recorded once, and rollback does not rewind its clock", async () => {
  let wallMs = Date.UTC(2026, 0, 1);
  const { SystemClock } = await import("../../runtime/clock.ts");
  const clock = new SystemClock({ wallMs: () => wallMs, monoUs: () => wallMs * 1000 });
  await onStack(
    phased,
    async (stack) => {
      assert.is((await stack.ask("pay")).effect, "PERMIT");
      const { phases } = await askOperator(stack.dir, "status", {});
      const during = (await stack.records()).find(({ type }) => type === "decision") as { steps: { shadow?: unknown } };
      assert.match(JSON.stringify(during.steps.shadow), '"effect":"deny"');
      assert.equal([phases[0]?.name, phases[0]?.ends_in_seconds, phases[0]?.state], ["trial", 3600, "running"]);
      wallMs += 1_800_000;
      await stack.apply(policyOf(50));
      await rollback(stack, "v1");
      assert.is((await askOperator(stack.dir, "status", {})).phases[0]?.ends_in_seconds, 1800);
      wallMs += 1_800_001;
      assert.is((await stack.ask("pay")).effect, "DENY");
      await stack.restart();
      await stack.restart();
      assert.is((await stack.ask("pay")).effect, "DENY");
      const ends = (await stack.records()).filter(({ type }) => type === "phase");
      assert.equal(
        ends.map(({ from, to, cause }) => [from, to, cause]),
        [["trial", "enforce", "duration"]],
      );
    },
    { clock },
  );
});

test.run();
