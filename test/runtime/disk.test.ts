import { setTimeout as pause } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { queueLimitBytes } from "../../runtime/log/options.ts";
import { diskError, faultyDisk, heldDisk } from "../log/fixture.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" { default deny rules { permit search } rate_limit "search": 5 per hour }`;
const isSegment = (path: string): boolean => path.endsWith(".wal");

for (const [name, call, code] of [
  ["A05 EIO on a write", "write", "EIO"],
  ["A06 EIO on a sync", "dataSync", "EIO"],
  ["A07 ENOSPC on an append", "write", "ENOSPC"],
] as const) {
  test(`${name} denies the batch and every later call, and the daemon ends non-zero`, async () => {
    let isBroken = false;
    const disk = faultyDisk((made, path) => {
      if (isBroken && made === call && isSegment(path)) throw diskError(code);
      return undefined;
    });
    await onStack(
      policy,
      async (stack) => {
        assert.is((await stack.ask("search")).effect, "PERMIT");
        const { daemon } = stack;
        isBroken = true;
        const calls = Array.from({ length: 5 }, (_, index) => {
          return { type: "govern", call_id: `c${index}`, agent_id: "bot", tool_id: "search" };
        });
        for (const answer of await stack.send(...calls)) {
          assert.equal([answer.effect, answer.reason_code], ["DENY", "AUDIT_UNAVAILABLE"]);
        }
        isBroken = false;
        assert.equal((await stack.ask("search")).reason_code, "AUDIT_UNAVAILABLE");
        assert.is((await daemon.ended).exitCode, 1);
      },
      { disk },
    );
  });
}

test("A32 no answer goes out before its record is durable; past the deadline the call is denied", async () => {
  const { disk, hold, release } = heldDisk(isSegment);
  await onStack(
    policy,
    async (stack: StackUnderTest) => {
      hold();
      const late = await stack.ask("search", {}, { call_id: "c1" });
      assert.equal([late.effect, late.reason_code], ["DENY", "AUDIT_SLOW"]);
      release();
      const retry = await stack.ask("search", {}, { call_id: "c1" });
      assert.equal([retry.effect, retry.action_id], ["PERMIT", late.action_id]);
    },
    { disk, answerDeadlineMs: 50 },
  );
});

test("C14 the permit of a caller who has gone stands in the log, marked undelivered", async () => {
  const { disk, hold, release } = heldDisk(isSegment);
  await onStack(
    policy,
    async (stack) => {
      hold();
      const socket = await stack.connect();
      socket.write(`${JSON.stringify({ type: "govern", call_id: "c1", agent_id: "bot", tool_id: "search" })}\n`);
      const { counts } = stack.daemon.decider;
      for (let turn = 0; turn < 500 && counts.permit === 0; turn++) await pause(5);
      socket.destroy();
      release();
      for (let turn = 0; turn < 500 && stack.daemon.connections() > 0; turn++) await pause(5);
      await stack.restart();
      const records = await stack.records();
      const permit = records.find(({ type, effect }) => type === "decision" && effect === "permit");
      const outcome = records.find(({ type }) => type === "outcome");
      assert.equal([outcome?.status, outcome?.action_id], ["undelivered", permit?.action_id]);
    },
    { disk },
  );
});

test("A32 while the disk lags callers wait: no call is refused that was counted", async () => {
  const { disk, hold, release } = heldDisk(isSegment);
  const calls = 1000;
  await onStack(
    `agent "bot" { default deny rules { permit search } }`,
    async (stack) => {
      hold();
      const note = "n".repeat(30_000);
      const lines = Array.from({ length: calls }, (_, i) => ({
        type: "govern",
        call_id: `c${i}`,
        agent_id: "bot",
        tool_id: "search",
        args: { note },
      }));
      const answers = stack.send(...lines);
      const { log } = stack.daemon.governor.ledger;
      for (let turn = 0; turn < 1000 && !log.isPressed; turn++) await pause(5);
      assert.ok(log.isPressed);
      const { lagBytes } = log.stats();
      await pause(50);
      // Nothing more is taken while it is held, and far less than the limit was.
      assert.is(log.stats().lagBytes, lagBytes);
      assert.ok(lagBytes < queueLimitBytes / 2, `${lagBytes}`);
      release();
      const effects = (await answers).map(({ effect }) => effect);
      assert.equal([effects.length, new Set(effects)], [calls, new Set(["PERMIT"])]);
    },
    { disk },
  );
});

test.run();
