// A phased rollout from its plan to its end, under a clock that the test moves: what plan, apply, answers, records, explain, status and
// history say before the phase, while it runs, and after it went over by itself.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SystemClock } from "../../runtime/clock.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";
import { faramesh } from "./in-process.ts";

const rules = `agent "bot" {
  default deny
  permit pay if amount < 500
  defer payout
}
`;
const phase = (hours: number, extra = ""): string => `  phase "trial" {
    duration = "${hours}h"
    next = "enforce"
    tools = ["payout"]
    rules { permit payout if amount < 900 ${extra}}
  }
`;
const withPhase = (hours: number): string => rules.replace(/}\n$/, `${phase(hours)}}\n`);

/** Of 50 ms each. */
const looksMax = 600;

const write = ({ dir }: StackUnderTest, text: string): void => writeFileSync(join(dir, "governance.fms"), text);
const says = async ({ dir }: StackUnderTest, ...words: string[]): Promise<string> => {
  const { code, stdout, stderr } = await faramesh(dir, ...words);
  assert.is(code, 0, stdout + stderr);
  return stdout;
};
const effects = async (stack: StackUnderTest, ...amounts: number[]): Promise<string[]> => {
  const all: string[] = [];
  for (const amount of amounts) all.push((await stack.ask("payout", { amount })).effect);
  return all;
};
const lastDecision = async (stack: StackUnderTest): Promise<JsonObject> =>
  (await stack.records()).findLast(({ type }) => type === "decision") ?? {};

/** A clock that stands until it is moved on. */
function movable(): { clock: SystemClock; moveOn: (hours: number) => void } {
  const begun = Date.now();
  let ahead = 0;
  const wallMs = (): number => begun + ahead;
  const clock = new SystemClock({ wallMs, monoUs: () => Math.round(wallMs() * 1000) });
  return { clock, moveOn: (hours) => (ahead += hours * 3_600_000) };
}

test("a rollout before, while it runs, over by itself, and in the history", async () => {
  const { clock, moveOn } = movable();
  await onStack(
    rules,
    async (stack) => {
      assert.equal(await effects(stack, 100, 800), ["DEFER", "DEFER"]);
      write(stack, withPhase(2));
      const before = await says(stack, "plan");
      assert.match(before, '+ phase "trial"');
      assert.match(before, "  bot/trial begins with this version: 2 h, then enforce\n");
      assert.match(
        before,
        "    of 2 recorded calls that it decides the rest of the policy would say otherwise of 2:\n      payout  permit → defer  2 calls  governance.fms:4 defer payout\n",
      );
      assert.match(await says(stack, "apply"), "✓ phase trial has begun");

      assert.equal(await effects(stack, 100, 900), ["PERMIT", "DEFER"]);
      assert.match(await says(stack, "status"), /bot\/trial {2}running {2}2 h left, then enforce/);
      moveOn(0.5);
      assert.equal(await effects(stack, 800), ["PERMIT"]);
      const record = await lastDecision(stack);
      assert.equal((record.steps as JsonObject).phase, "trial");
      const { effect, rule_ref } = (record.steps as JsonObject).shadow as JsonObject;
      assert.equal([effect, rule_ref], ["defer", "governance.fms:4"]);
      const explained = await says(stack, "explain", String(record.action_id));
      assert.match(explained, "phase trial decides; without it: defer by governance.fms:4");
      const during = await says(stack, "plan");
      assert.match(during, "No changes");
      assert.match(during, /bot\/trial runs: 1 h [23]\d min .*left, then enforce; applying does not start it anew/);
      // Another change of the file neither starts it anew nor ends it.
      write(stack, withPhase(2).replace("< 500", "< 400"));
      await says(stack, "apply");
      assert.match(await says(stack, "status"), /bot\/trial {2}running {2}1 h 30 min left/);

      moveOn(1.5);
      assert.equal(await effects(stack, 200), ["DEFER"]);
      assert.is((await lastDecision(stack)).rule_ref, "governance.fms:4");
      assert.match(await says(stack, "status"), /bot\/trial {2}spent {2}the agent's own rules decide/);
      const after = await says(stack, "plan");
      assert.match(after, /bot\/trial is over since \S+Z and decides nothing any more/);
      assert.not.match(after, "that it decides");
      const { rollouts } = JSON.parse(await says(stack, "plan", "--format", "json")) as {
        rollouts: { state: string; lasts_seconds: number | null }[];
      };
      assert.equal(
        rollouts.map(({ state, lasts_seconds }) => [state, lasts_seconds]),
        [["over", null]],
      );
      await stack.restart();
      // What the start recorded is on disk before this call is answered.
      assert.equal(await effects(stack, 200), ["DEFER"]);
      const history = await says(stack, "history");
      assert.match(history, /^ +v3 {2}\S+ {2}promote +\S+ +phase bot\/trial is over: enforce$/m);
      assert.is(history.match(/promote/g)?.length, 1);
      // Taken out and put back it is still over; with other content it is another phase.
      write(stack, rules);
      await says(stack, "apply");
      write(stack, withPhase(2));
      assert.match(await says(stack, "plan"), "bot/trial is over since");
      write(stack, withPhase(3));
      assert.match(await says(stack, "plan"), "bot/trial begins with this version: 3 h");
    },
    { clock },
  );
});

test("a plan judges recorded calls by the phase as it stands, however short it is", async () => {
  const { clock, moveOn } = movable();
  await onStack(
    rules,
    async (stack) => {
      const planOf = async (): Promise<unknown> => {
        const { replay, rollouts } = JSON.parse(await says(stack, "plan", "--format", "json")) as {
          replay: { transitions: object };
          rollouts: { state: string; decided: number }[];
        };
        return [replay.transitions, rollouts.map(({ state, decided }) => [state, decided])];
      };
      for (let hour = 0; hour < 4; hour++) {
        await effects(stack, 100);
        moveOn(1);
      }
      const opened = { defer_to_permit: [{ tool: "payout", count: 4 }] };
      write(stack, withPhase(2));
      assert.equal(await planOf(), [opened, [["new", 4]]]);
      await says(stack, "apply");
      moveOn(1);
      await effects(stack, 5_000);
      assert.equal(await planOf(), [{}, [["running", 4]]]);
      write(stack, rules);
      assert.equal(await planOf(), [{ permit_to_defer: [{ tool: "payout", count: 4 }] }, []]);
      moveOn(1);
      await effects(stack, 5_000);
      assert.equal(await planOf(), [{}, []]);
      write(stack, withPhase(2));
      assert.equal(await planOf(), [{}, [["over", 0]]]);
    },
    { clock },
  );
});

test("a phase whose time is over is promoted without any call, command or restart", () =>
  onStack(null, async (stack) => {
    const brief = withPhase(1).replace('"1h"', '"1s"');
    await stack.apply(brief);
    let ends: readonly JsonObject[] = [];
    // The timer of the daemon alone brings it.
    for (let look = 0; look < looksMax && ends.length === 0; look++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      ends = (await stack.records()).filter(({ type }) => type === "phase");
    }
    assert.equal(
      ends.map(({ agent_id, from, to, cause, policy_version }) => [agent_id, from, to, cause, policy_version]),
      [["bot", "trial", "enforce", "duration", "v1"]],
    );
    assert.equal(await effects(stack, 100), ["DEFER"]);
  }));

test("a deny! outranks the phase; what its rules do not match is decided by the agent's", async () => {
  const { clock, moveOn } = movable();
  await onStack(
    withPhase(1).replace("  defer payout\n", '  defer payout\n  deny! payout if to == "evil"\n'),
    async (stack) => {
      assert.is((await stack.ask("payout", { amount: 1, to: "evil" })).effect, "DENY");
      assert.is((await stack.ask("payout", { amount: 5000, to: "a" })).effect, "DEFER");
      assert.is((await stack.ask("payout", { amount: 1, to: "a" })).effect, "PERMIT");
      moveOn(1);
      assert.is((await stack.ask("payout", { amount: 1, to: "evil" })).effect, "DENY");
      assert.is((await stack.ask("payout", { amount: 1, to: "a" })).effect, "DEFER");
    },
    { clock },
  );
});

test.run();
