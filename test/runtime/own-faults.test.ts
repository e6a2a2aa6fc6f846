// Faults of our own, and of the machine below: whatever breaks while a call is judged, the call is denied, and where nobody can say
// what was counted the daemon ends, to be started again from its log.
import { readFileSync } from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Policy } from "../../runtime/evaluator/types.ts";
import { evaluator, type Machine } from "../../runtime/machine.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { DaemonProcess } from "./daemon-process.ts";
import { onStack, StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit pay
  permit search
  budget money { max = $10, cost = amount, tools = ["pay"] }
}`;

/** The evaluator, but that `breaks` is asked before each decision. */
function breakable(breaks: (tool: string) => void): Machine {
  const broken = (real: Policy): Policy =>
    new Proxy(real, {
      get(target, name) {
        const member: unknown = Reflect.get(target, name, target);
        if (name !== "decide") return typeof member === "function" ? member.bind(target) : member;
        return (...given: Parameters<Policy["decide"]>) => {
          breaks(given[0].tool_id);
          return target.decide(...given);
        };
      },
    });
  return {
    ...evaluator,
    load: async (image) => broken(await evaluator.load(image)),
    loadSync: (image) => broken(evaluator.loadSync(image)),
  };
}

test("A26 a machine that stops denies the call, ends the daemon, and leaves no state behind that the log does not tell", async () => {
  let isBroken = false;
  const machine = breakable(() => {
    if (isBroken) throw new WebAssembly.RuntimeError("unreachable");
  });
  const stack = new StackUnderTest({ machine });
  try {
    await stack.start();
    await stack.apply(policy);
    for (let i = 0; i < 4; i++) assert.is((await stack.ask("pay", { amount: 1 })).effect, "PERMIT");
    isBroken = true;
    const answer = await stack.ask("search");
    assert.equal([answer.effect, answer.reason_code], ["DENY", "MACHINE_FAULT"]);
    const { exitCode, reason } = await stack.daemon.ended;
    assert.equal([exitCode, reason], [1, "the machine stopped"]);
    const last = (await stack.records()).filter(({ type }) => type === "decision").at(-1);
    assert.equal([last?.tool, last?.effect, last?.code], ["search", "deny", "MACHINE_FAULT"]);
    isBroken = false;
    await stack.restart();
    assert.is((await stack.ask("pay", { amount: 6.01 })).reason_code, "BUDGET_EXCEEDED");
    assert.is((await stack.ask("pay", { amount: 6 })).effect, "PERMIT");
  } finally {
    await stack.remove();
  }
});

test("A26 a throw between a verdict and its record denies the call and ends the daemon; after a start only what is recorded counts", async () => {
  const stack = new StackUnderTest();
  try {
    await stack.start();
    await stack.apply(policy);
    const { governor } = stack.daemon;
    Object.defineProperty(governor.calls, "remember", {
      configurable: true,
      value: () => {
        throw new TypeError("a mistake of ours");
      },
    });
    const answer = await stack.ask("pay", { amount: 7 }, { call_id: "once" });
    assert.equal([answer.effect, answer.reason_code], ["DENY", "AUDIT_UNAVAILABLE"]);
    assert.is((await stack.daemon.ended).exitCode, 1);
    await stack.restart();
    // Its record was written before the throw: to count it is the safe side.
    assert.is((await stack.ask("pay", { amount: 4 })).reason_code, "BUDGET_EXCEEDED");
  } finally {
    await stack.remove();
  }
});

test("A26 a throw in a handler that decides nothing refuses that message alone", async () => {
  await onStack(policy, async (stack) => {
    const { governor } = stack.daemon;
    Object.defineProperty(governor.approvals, "get", {
      configurable: true,
      value: () => {
        throw new TypeError("a mistake of ours");
      },
    });
    const [refused] = await stack.send({ type: "poll_defer", agent_id: "bot", defer_token: "x" });
    assert.equal([refused?.effect, refused?.reason_code], ["DENY", "BAD_REQUEST"]);
    assert.is((await stack.ask("search")).effect, "PERMIT");
    assert.is(stack.daemon.state(), "READY");
  });
});

for (const [what, code] of [
  ["an uncaught exception", "setImmediate(() => { throw new Error('a mistake of ours'); })"],
  ["an unhandled rejection", "void Promise.reject(new Error('a mistake of ours'))"],
] as const) {
  test(`A26 ${what} ends the daemon's process with 1, its log whole`, async () => {
    const preload = `process.on("SIGUSR2", () => { ${code}; });`;
    const running = await DaemonProcess.start(policy, { preload });
    try {
      running.child.kill("SIGUSR2");
      assert.equal(await running.ended, [1, null]);
      assert.match(readFileSync(stackPaths(running.dir).daemonLog, "utf8"), "a mistake of ours");
      await running.again();
      assert.is((await running.ask("search")).effect, "PERMIT");
    } finally {
      await running.remove();
    }
  });
}

test.run();
