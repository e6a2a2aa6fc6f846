// The daemon as a process of its own: started detached, killed, stopped by signals, left without its log.
import { existsSync, readFileSync, renameSync } from "node:fs";
import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { GovernAnswer } from "../../runtime/doors/agent-protocol.ts";
import { askOperator, isRunning, readDaemonFile } from "../../runtime/doors/client.ts";
import { LaunchFailure, spawnDaemon } from "../../runtime/launch.ts";
import { stackPaths } from "../../runtime/stack.ts";
import { imageOf, onStack, StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" { default deny rules { permit search } rate_limit "search": 2 per hour }`;

async function ask(path: string, callId: string): Promise<GovernAnswer> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.end(`${JSON.stringify({ type: "govern", call_id: callId, agent_id: "bot", tool_id: "search" })}\n`);
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return JSON.parse(text);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A zombie waits for us to look.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

async function waitForEnd(pid: number): Promise<void> {
  for (let turn = 0; turn < 500 && isAlive(pid); turn++) await pause(20);
  assert.is(isAlive(pid), false, "the process ended");
}

test("A02 A30 after kill -9 the daemon starts again with its policy, its limits and no stale socket in the way", async () => {
  const stack = new StackUnderTest();
  const pids: number[] = [];
  try {
    const first = await spawnDaemon(stack.dir);
    pids.push(first.pid);
    const image = imageOf(policy);
    await askOperator(stack.dir, "apply", {
      image,
      sources: [{ file: "governance.fms", text: policy }],
      actor: "tester",
    });
    const { daemon } = await askOperator(stack.dir, "status", {});
    assert.equal([daemon.pid, daemon.state], [first.pid, "READY"]);
    const permit = await ask(daemon.socket, "c1");
    assert.is(permit.effect, "PERMIT");
    process.kill(first.pid, "SIGKILL");
    await waitForEnd(first.pid);
    assert.is(await isRunning(stack.dir), false);
    const second = await spawnDaemon(stack.dir);
    pids.push(second.pid);
    assert.is((await askOperator(stack.dir, "status", {})).daemon.policy_version, "v1");
    assert.is((await ask(daemon.socket, "c1")).action_id, permit.action_id);
    assert.is((await ask(daemon.socket, "c2")).effect, "PERMIT");
    assert.is((await ask(daemon.socket, "c3")).reason_code, "RATE_EXCEEDED");
    process.kill(second.pid, "SIGTERM");
    await waitForEnd(second.pid);
    assert.is(readDaemonFile(stackPaths(stack.dir))?.state, "HALT");
    assert.is(existsSync(stackPaths(stack.dir).agentSocket), false);
  } finally {
    for (const pid of pids) if (isAlive(pid)) process.kill(pid, "SIGKILL");
    await stack.remove();
  }
});

test("A29 a second process for the same stack does not start, and says why", async () => {
  await onStack(policy, async (stack) => {
    try {
      await spawnDaemon(stack.dir);
      assert.unreachable("started");
    } catch (error) {
      assert.instance(error, LaunchFailure);
      assert.match((error as LaunchFailure).lastLines.join("\n"), "ALREADY_RUNNING");
    }
    assert.is((await stack.ask("search")).effect, "PERMIT");
  });
});

test("A23 A05 a log that is gone denies every call and ends the daemon non-zero", async () => {
  const stack = new StackUnderTest();
  try {
    await stack.start();
    await stack.apply(policy);
    const { daemon } = stack;
    renameSync(daemon.walDir, `${daemon.walDir}-moved`);
    for (let turn = 0; turn < 500 && daemon.governor.ledger.isUsable; turn++) await pause(10);
    const answer = await stack.ask("search");
    assert.equal([answer.effect, answer.reason_code], ["DENY", "AUDIT_UNAVAILABLE"]);
    const { exitCode } = await daemon.ended;
    assert.is(exitCode, 1);
  } finally {
    await stack.remove();
  }
});

test.run();
