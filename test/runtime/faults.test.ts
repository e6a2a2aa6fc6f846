// Faults of design/faults.md that need a daemon and that no other file covers: floods, slow and many connections, spends at the edge,
// crashes between reservation and report, clocks, and what denials and status must not tell.
import { createHash } from "node:crypto";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SystemClock } from "../../runtime/clock.ts";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import { askOperator } from "../../runtime/doors/client.ts";
import { agentConnectionsMax } from "../../runtime/doors/socket.ts";
import { connectionsShare } from "../../runtime/flood.ts";
import { canonicalCall, requestDigest } from "../../runtime/log/identity.ts";
import { faramesh } from "../cli/in-process.ts";
import { onStack, StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit pay
  budget money { max = $100, cost = amount, tools = ["pay"] }
}`;

function calls(count: number, more: (index: number) => object): object[] {
  return Array.from({ length: count }, (_, i) => ({
    type: "govern",
    agent_id: "bot",
    tool_id: "pay",
    call_id: `c${i}`,
    ...more(i),
  }));
}

async function inParts(
  stack: StackUnderTest,
  all: readonly object[],
  connections: number,
): Promise<readonly GovernAnswer[]> {
  const size = Math.ceil(all.length / connections);
  const parts = Array.from({ length: connections }, (_, i) => all.slice(i * size, (i + 1) * size));
  return (await Promise.all(parts.map((part) => stack.send(...(part as Record<string, unknown>[]))))).flat();
}

async function spent(stack: StackUnderTest): Promise<number> {
  const { budgets } = await askOperator(stack.dir, "status", {});
  return Number(budgets.find(({ id }) => id === "money")?.spent_usd);
}

test("H01 ten thousand parallel spends pass the ceiling by not a cent", async () => {
  await onStack(policy, async (stack) => {
    const answers = await inParts(
      stack,
      calls(10_000, () => ({ args: { amount: 0.07 } })),
      10,
    );
    assert.is(answers.length, 10_000);
    // 1,428 times $0.07 are $99.96.
    assert.is(answers.filter(({ effect }) => effect === "PERMIT").length, 1428);
    assert.is(await spent(stack), 99.96);
    assert.is((await stack.ask("pay", { amount: 0.04 })).effect, "PERMIT");
    assert.is((await stack.ask("pay", { amount: 0.000001 })).reason_code, "BUDGET_EXCEEDED");
    assert.is(await spent(stack), 100);
  });
});

test("C08 many agents, sessions and connections gain no more recorded denials than a few connections have", async () => {
  const flood = { burst: 20, perSecond: 0 };
  await onStack(
    policy,
    async (stack) => {
      const all = calls(1000, (i) => ({ agent_id: `bot-${i}`, session_id: `s${i}`, args: {} }));
      const answers = await inParts(stack, all, 100);
      assert.ok(answers.every(({ effect }) => effect === "DENY"));
      const recorded = (await stack.records()).filter(({ type }) => type === "decision").length;
      assert.is(recorded, flood.burst * connectionsShare);
      assert.is((await stack.ask("pay", { amount: 1 })).effect, "PERMIT");
    },
    { flood },
  );
});

test("C10 a hundred clients that send a byte now and then keep nobody waiting, and are answered when they are done", async () => {
  await onStack(policy, async (stack) => {
    const text = Buffer.from(
      `${JSON.stringify({ type: "govern", agent_id: "bot", tool_id: "pay", args: { amount: 0 } })}\n`,
    );
    const slow = await Promise.all(Array.from({ length: 100 }, () => stack.connect()));
    const answers = slow.map(
      (socket) => new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(String(chunk)))),
    );
    for (let at = 0; at < text.length; at++) {
      for (const socket of slow) socket.write(text.subarray(at, at + 1));
      if (at % 10 === 0) assert.is((await stack.ask("pay", { amount: 0 })).effect, "PERMIT");
    }
    for (const answer of await Promise.all(answers)) assert.is(JSON.parse(answer).effect, "PERMIT");
    for (const socket of slow) socket.destroy();
  });
});

test("C11 of ten thousand connections no more than the cap are kept, and there is room again when they go", async () => {
  await onStack(policy, async (stack) => {
    const kept: Socket[] = [];
    let turnedAway = 0;
    for (let batch = 0; batch < 20; batch++) {
      const sockets = await Promise.all(Array.from({ length: 500 }, () => stack.connect()));
      await Promise.all(
        sockets.map((socket) => {
          socket.on("error", () => {});
          return new Promise<void>((resolve) => {
            socket.once("data", () => resolve(void kept.push(socket)));
            socket.once("close", () => resolve(void turnedAway++));
            socket.once("end", () => socket.destroy());
            socket.write(`${JSON.stringify({ type: "status" })}\n`);
          });
        }),
      );
    }
    assert.is(kept.length, agentConnectionsMax);
    assert.is(turnedAway, 10_000 - agentConnectionsMax);
    assert.is(stack.daemon.connections(), agentConnectionsMax);
    for (const socket of kept) socket.destroy();
    while (stack.daemon.connections() > 0) await new Promise((resolve) => setTimeout(resolve, 5));
    assert.is((await stack.ask("pay", { amount: 1 })).effect, "PERMIT");
  });
});

test("C04 who connects while the daemon starts finds no socket or is not let through", async () => {
  const stack = new StackUnderTest();
  try {
    await stack.start();
    await stack.apply(policy);
    const path = stack.daemon.places.agent;
    await stack.stop();
    const { connect } = await import("node:net");
    const seen: string[] = [];
    const starting = stack.start();
    let isStarted = false;
    void starting.then(() => {
      isStarted = true;
    });
    while (!isStarted) {
      seen.push(
        await new Promise<string>((resolve) => {
          const socket = connect(path);
          socket.once("connect", () =>
            socket.write(
              `${JSON.stringify({ type: "govern", agent_id: "bot", tool_id: "pay", args: { amount: 1 } })}\n`,
            ),
          );
          socket.once("data", (chunk) => {
            resolve(JSON.parse(String(chunk)).reason_code);
            socket.destroy();
          });
          socket.once("error", () => resolve("no socket"));
        }),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    await starting;
    // What is permitted in the last moment is permitted by the policy, which was there before the socket.
    assert.ok(
      seen.every((one) => ["no socket", "DAEMON_NOT_READY", "POLICY_PERMIT"].includes(one)),
      seen.join(),
    );
    assert.ok(seen.includes("no socket"));
  } finally {
    await stack.remove();
  }
});

test("F05 an older version comes into force by a rollback alone, which the log names", async () => {
  await onStack(policy, async (stack) => {
    await stack.apply(policy.replace("$100", "$50"));
    await stack.apply(policy);
    const numbers = async (): Promise<unknown[]> =>
      (await stack.records()).filter(({ type }) => type === "policy").map(({ version, change }) => [version, change]);
    assert.equal(await numbers(), [
      ["v1", "apply"],
      ["v2", "apply"],
      ["v3", "apply"],
    ]);
    await askOperator(stack.dir, "rollback", { to: "v1", actor: "ana" });
    assert.equal((await numbers()).at(-1), ["v1", "rollback"]);
  });
});

test("F06 without a policy, without rules and without such an agent everything is denied", async () => {
  await onStack(null, async (stack) => {
    assert.is((await stack.ask("pay")).reason_code, "DAEMON_NOT_READY");
    await stack.apply('agent "bot" { default deny }');
    assert.is((await stack.ask("pay")).reason_code, "POLICY_DENY");
    assert.is((await stack.ask("pay", {}, { agent_id: "else" })).reason_code, "UNKNOWN_AGENT");
  });
});

test("F10 what was read once is what is compiled, recorded and in force, whatever the file says afterwards", async () => {
  await onStack(null, async (stack) => {
    const file = join(stack.dir, "governance.fms");
    writeFileSync(file, policy);
    assert.is((await faramesh(stack.dir, "apply")).code, 0);
    writeFileSync(file, policy.replace("permit pay", "deny pay"));
    const { daemon } = await askOperator(stack.dir, "status", {});
    const sha256 = createHash("sha256").update(policy).digest("hex");
    assert.equal(
      daemon.policy_source.files.map((one) => [one.file, one.sha256]),
      [["governance.fms", sha256]],
    );
    assert.is((await stack.ask("pay", { amount: 1 })).effect, "PERMIT");
    const status = JSON.parse((await faramesh(stack.dir, "status", "--format", "json")).stdout);
    assert.is(status.daemon.drift, true);
  });
});

test("G14 parts of a call that are pushed from one place into another make another digest", () => {
  const key = Buffer.alloc(32, 7);
  const digest = (agent: string, tool: string, args: string): string =>
    requestDigest(key, canonicalCall(agent, tool, args, null));
  const all = [
    digest("a", "b/c", "{}"),
    digest("a/b", "c", "{}"),
    digest("a|b", "c", "{}"),
    digest("a", "b|c", "{}"),
    digest('a","args":{},"tool_id":"b', "c", "{}"),
    digest("a", "b", '{"c":1}'),
    digest("a", "b", '{"c":"1"}'),
  ];
  assert.is(new Set(all).size, all.length);
});

test("H02 what was reserved stays reserved over a crash, and no correction makes a budget negative", async () => {
  await onStack(policy, async (stack) => {
    const { action_id } = await stack.ask("pay", { amount: 60 });
    await stack.restart();
    assert.is(await spent(stack), 60);
    assert.is((await stack.ask("pay", { amount: 41 })).reason_code, "BUDGET_EXCEEDED");
    await askOperator(stack.dir, "cost", { action_id, cost_usd: 0, actor: "ana" });
    await askOperator(stack.dir, "report", { action_id, status: "credential_failure", actor: "ana" });
    assert.is(await spent(stack), 0);
    await stack.restart();
    assert.is(await spent(stack), 0);
  });
});

test("H11 a clock that goes back gives nothing back, and one that leaps forward does so once", async () => {
  const start = Date.UTC(2026, 4, 17, 12);
  const passed = { ms: 0 };
  let monoUs = 0;
  const source = { wallMs: () => start + passed.ms, monoUs: () => (monoUs += 10) };
  const limited = policy.replace("permit pay", "permit pay\n  rate_limit pay: 2 per hour");
  await onStack(
    limited,
    async (stack) => {
      const code = async (): Promise<string> => (await stack.ask("pay", { amount: 50 })).reason_code;
      assert.equal([await code(), await code()], ["POLICY_PERMIT", "POLICY_PERMIT"]);
      passed.ms = -25 * 3_600_000;
      assert.is(await code(), "RATE_EXCEEDED");
      assert.is(await spent(stack), 100);
      passed.ms = 366 * 86_400_000;
      assert.equal([await code(), await code(), await code()], ["POLICY_PERMIT", "POLICY_PERMIT", "RATE_EXCEEDED"]);
      passed.ms = 0;
      assert.is(await code(), "RATE_EXCEEDED");
      assert.is(await spent(stack), 100);
    },
    { clock: new SystemClock(source, "boot") },
  );
});

test("I06 status, records and answers hold no value of a variable", async () => {
  const secret = "swordfish-7";
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "faramesh-env-")));
  const file = join(folder, `${secret}.env`);
  writeFileSync(file, "A=1\n", { mode: 0o600 });
  const text = `provider "secrets" { type = "env-file" file = env("SECRETS_FILE") }\n${policy}`;
  try {
    await onStack(
      text,
      async (stack) => {
        const answer = await stack.ask("pay", { amount: 1 });
        const told = [await askOperator(stack.dir, "status", {}), await stack.records(), answer];
        assert.is(JSON.stringify(told).includes(secret), false);
        assert.ok(JSON.stringify(told).includes("env-file"));
      },
      { env: { SECRETS_FILE: file } },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

test("I09 a denial tells of its own rule alone, in one shape", async () => {
  const rules = `agent "bot" {
  default deny
  deny! wire/send if amount > 10 reason "apricot"
  deny wire/* if country == "xx" reason "banana"
  permit wire/send if amount < 5
  defer wire/send if amount == 7 reason "cherry"
}`;
  await onStack(rules, async (stack) => {
    const asked: readonly [object, string | null][] = [
      [{ amount: 11 }, "apricot"],
      [{ amount: 6, country: "xx" }, "banana"],
      [{ amount: 6 }, null],
    ];
    const shapes = new Set<string>();
    for (const [args, own] of asked) {
      const answer = await stack.ask("wire/send", args);
      assert.is(answer.reason_code, "POLICY_DENY");
      const text = JSON.stringify(answer);
      for (const word of ["apricot", "banana", "cherry", "amount <", "country"]) {
        assert.is(text.includes(word), word === own, `${word} in ${text}`);
      }
      const { rule_ref: _ref, ...denial } = answer.structured_denial ?? {};
      shapes.add(JSON.stringify([Object.keys(answer).sort(), Object.keys(denial).sort()]));
    }
    assert.is(shapes.size, 1);
  });
});

test.run();
