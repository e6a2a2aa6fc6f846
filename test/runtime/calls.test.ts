import { test } from "uvu";
import * as assert from "uvu/assert";
import { CallTable, callsMax, retryWindowUs } from "../../runtime/calls.ts";
import { FloodGate } from "../../runtime/flood.ts";
import { onStack } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  rules { permit search  permit pay }
  rate_limit "search": 2 per hour
}`;

test("A03 the same call sent again within the minute gets the recorded answer and is charged once", async () => {
  await onStack(policy, async (stack) => {
    const first = await stack.ask("search", { q: 1 }, { call_id: "c1" });
    for (let turn = 0; turn < 3; turn++) {
      const again = await stack.ask("search", { q: 1 }, { call_id: "c1", session_id: "another" });
      assert.equal([again.effect, again.action_id, again.args_sha256], ["PERMIT", first.action_id, first.args_sha256]);
    }
    assert.is((await stack.ask("search", { q: 1 }, { call_id: "c2" })).effect, "PERMIT");
    assert.is((await stack.ask("search", { q: 1 }, { call_id: "c3" })).reason_code, "RATE_EXCEEDED");
    await stack.restart();
    assert.is((await stack.ask("search", { q: 1 }, { call_id: "c1" })).action_id, first.action_id);
    assert.is((await stack.ask("search", { q: 1 }, { call_id: "c3" })).reason_code, "RATE_EXCEEDED");
  });
});

test("A03 the same call_id with another call is denied, and the first keeps its answer", async () => {
  await onStack(policy, async (stack) => {
    const first = await stack.ask("pay", { amount: 1 }, { call_id: "c1" });
    for (const other of [{ amount: 2 }, { amount: "1" }, {}]) {
      assert.is((await stack.ask("pay", other, { call_id: "c1" })).reason_code, "CALL_ID_REUSED");
    }
    assert.is((await stack.ask("pay", { amount: 1 }, { call_id: "c1" })).action_id, first.action_id);
  });
});

test("A03 numbers that only their text tells apart are different calls", async () => {
  await onStack(policy, async (stack) => {
    const line = (n: string): string =>
      `{"type":"govern","call_id":"c1","agent_id":"bot","tool_id":"pay","args":{"n":${n}}}`;
    const [one, other] = await stack.send(line("9007199254740993"), line("9007199254740992"));
    assert.equal([one?.effect, other?.reason_code].sort(), ["CALL_ID_REUSED", "PERMIT"]);
  });
});

test("two copies of one call in flight at once get one answer", async () => {
  await onStack(policy, async (stack) => {
    const call = { type: "govern", call_id: "c1", agent_id: "bot", tool_id: "search", args: {} };
    const answers = await stack.send(...Array.from({ length: 50 }, () => call));
    assert.is(new Set(answers.map(({ action_id }) => action_id)).size, 1);
    assert.is((await stack.records()).filter(({ type }) => type === "decision").length, 1);
  });
});

test("the table forgets after the minute and never holds more than its cap", () => {
  const table = new CallTable();
  const answer = {} as never;
  table.remember("a", "b:c", { digest: "d", timeUs: 0, seq: 1, answer });
  assert.is(table.find("a:b", "c", 0), null);
  assert.is(table.find("a", "b:c", retryWindowUs)?.seq, 1);
  assert.is(table.find("a", "b:c", retryWindowUs + 1), null);
  for (let index = 0; index < callsMax + 10; index++) {
    table.remember("a", `${index}`, { digest: "d", timeUs: 1, seq: index, answer });
  }
  assert.is(table.size, callsMax);
  assert.is(table.find("a", "0", 1), null);
  assert.is(table.find("a", `${callsMax + 9}`, 1)?.seq, callsMax + 9);
});

test("H03 a flood of denials is answered and counted in one record, and permits pass untouched", async () => {
  const flood = { burst: 5, perSecond: 0 };
  await onStack(
    policy,
    async (stack) => {
      const call = (index: number, tool: string): object => ({
        type: "govern",
        call_id: `c${index}`,
        agent_id: "bot",
        tool_id: tool,
      });
      const lines = Array.from({ length: 20 }, (_, index) => ({ ...call(index, index === 19 ? "pay" : "nothing") }));
      const answers = await stack.send(...(lines as Record<string, unknown>[]));
      assert.is(answers.filter(({ reason_code }) => reason_code === "POLICY_DENY").length, 5);
      assert.is(answers.filter(({ reason_code }) => reason_code === "FLOODED").length, 14);
      assert.is(answers.filter(({ effect }) => effect === "PERMIT").length, 1);
      await stack.restart();
      const marks = (await stack.records()).filter(({ kind }) => kind === "flooded");
      const counted = marks.map(({ detail }) => Number(Reflect.get(Object(detail), "denials")));
      assert.is(
        counted.reduce((sum, denials) => sum + denials, 0),
        14,
      );
      assert.is((await stack.records()).filter(({ code }) => code === "FLOODED").length, 0);
    },
    { flood },
  );
});

test("C08 many connections share a ceiling too", () => {
  const all = new FloodGate({ burst: 3, perSecond: 0 }, 0);
  const gates = Array.from({ length: 5 }, () => new FloodGate({ burst: 2, perSecond: 0 }, 0, all));
  assert.equal(
    gates.map((gate) => gate.admit(0)),
    [true, true, true, false, false],
  );
});

test("the ceiling regains its room with time", () => {
  const gate = new FloodGate({ burst: 2, perSecond: 10 }, 0);
  assert.equal([gate.admit(0), gate.admit(0), gate.admit(0)], [true, true, false]);
  assert.is(gate.admit(100_000), true);
  assert.is(gate.admit(100_000), false);
  assert.equal(gate.take(), { denials: 2, firstUs: 0, lastUs: 100_000 });
  assert.is(gate.take(), null);
});

test.run();
