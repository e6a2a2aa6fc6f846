import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { askOperator, isRunning } from "../../runtime/doors/client.ts";
import { isToken } from "../../runtime/doors/operator.ts";
import { operatorTypes } from "../../runtime/doors/protocol.ts";
import { SocketPathFailure, socketPathMaxBytes, socketPlaces, stackPaths } from "../../runtime/stack.ts";
import { startDaemon } from "../../runtime/start-daemon.ts";
import { codeOf, imageOf, onStack, StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" { default deny rules { permit search  defer ask } }`;

async function say(path: string, line: object): Promise<Record<string, unknown>> {
  const socket = connect({ path, allowHalfOpen: true });
  socket.end(`${JSON.stringify(line)}\n`);
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return JSON.parse(text);
}

test("C02 what belongs to the operator is refused on the agents' socket, and recorded", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("ask");
    const types = Object.keys(operatorTypes).filter((type) => type !== "status");
    for (const type of types) {
      const request = {
        type,
        id,
        actor: "bot",
        agent_id: "bot",
        image: imageOf(policy),
        sources: [],
        admin_token: "guess",
      };
      const answer = await say(stack.daemon.places.agent, request);
      assert.equal(
        [answer.type, answer.effect, Reflect.get(Object(answer.error), "code")],
        ["error", "DENY", "OPERATOR_ONLY"],
      );
    }
    const marks = (await stack.records()).filter(({ kind }) => kind === "operator_refused");
    assert.equal(
      marks.map(({ detail }) => Reflect.get(Object(detail), "type")),
      types,
    );
    assert.is((await askOperator(stack.dir, "status", {})).approvals.pending, 1);
  });
});

test("G09 an agent cannot approve its own call; the right admin_token on its socket is an operator's", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: id } = await stack.ask("ask");
    await say(stack.daemon.places.agent, { type: "approve_defer", defer_token: id });
    assert.is((await stack.ask("ask")).effect, "DEFER");
    const token = readFileSync(stackPaths(stack.dir).tokenFile, "utf8").trim();
    const answer = await say(stack.daemon.places.agent, { type: "approve_defer", defer_token: id, admin_token: token });
    assert.is(answer.ok, true);
    assert.is((await stack.ask("ask")).effect, "PERMIT");
  });
});

test("clients of the field deny with `approved: false`, and nothing that is not clear approves", async () => {
  await onStack(policy, async (stack) => {
    const admin_token = readFileSync(stackPaths(stack.dir).tokenFile, "utf8").trim();
    const { defer_token } = await stack.ask("ask");
    const order = (more: object): Promise<Record<string, unknown>> =>
      say(stack.daemon.places.agent, { type: "approve_defer", call_id: "o", defer_token, admin_token, ...more });
    const unclear: readonly object[] = [
      { approved: "false" },
      { approved: null },
      { approved: 0 },
      { approve: false },
      { decision: "deny" },
      { status: "denied" },
      { approved: true, effect: "DENY" },
      { approved: false, args: {} },
    ];
    for (const more of unclear) {
      const { ok, code, call_id } = await order(more);
      assert.equal([ok, code, call_id], [false, "BAD_REQUEST", "o"], JSON.stringify(more));
      assert.is((await stack.ask("ask")).effect, "DEFER");
    }
    assert.is((await order({ approved: false, reason: "no" })).ok, true);
    const denied = await stack.ask("ask");
    assert.equal([denied.effect, denied.reason_code, denied.reason], ["DENY", "APPROVAL_DENIED", "no"]);
  });
});

test("C16 the operator's socket hears nobody without the token", async () => {
  await onStack(policy, async (stack) => {
    for (const token of [undefined, "", "x", 7, null]) {
      const answer = await say(stack.daemon.places.operator, { type: "status", token });
      assert.equal([answer.ok, answer.code], [false, "UNAUTHORIZED"]);
    }
    assert.equal([isToken("ab", "ab"), isToken("a", "ab"), isToken(undefined, "ab")], [true, false, false]);
    const log = readFileSync(stackPaths(stack.dir).daemonLog, "utf8");
    assert.is(log.includes(readFileSync(stackPaths(stack.dir).tokenFile, "utf8").trim()), false);
  });
});

test("C01 J05 sockets, token and folders are for their owner alone, whatever the umask", async () => {
  const mask = process.umask(0);
  try {
    await onStack(policy, async (stack) => {
      const paths = stackPaths(stack.dir);
      const mode = (path: string): number => statSync(path).mode & 0o777;
      for (const path of [paths.faramesh, paths.policies, paths.runtime, paths.operatorDir])
        assert.is(mode(path), 0o700);
      for (const path of [paths.agentSocket, paths.operatorSocket, paths.tokenFile, paths.daemonFile])
        assert.is(mode(path), 0o600);
    });
  } finally {
    process.umask(mask);
  }
});

test("C01 J03 a stack that others may write, or with links in .faramesh, is refused", async () => {
  const spoil: readonly ((dir: string) => void)[] = [
    (dir) => chmodSync(dir, 0o777),
    (dir) => chmodSync(dir, 0o702),
    (dir) => {
      mkdirSync(join(dir, "elsewhere"), { mode: 0o700 });
      symlinkSync(join(dir, "elsewhere"), join(dir, ".faramesh"));
    },
    (dir) => {
      mkdirSync(join(dir, ".faramesh"), { mode: 0o700 });
      symlinkSync("/tmp", join(dir, ".faramesh", "runtime"));
    },
    (dir) => {
      mkdirSync(join(dir, ".faramesh"), { mode: 0o700 });
      chmodSync(join(dir, ".faramesh"), 0o770);
    },
    (dir) => {
      mkdirSync(join(dir, ".faramesh", "runtime", "operator"), { recursive: true, mode: 0o700 });
      writeFileSync(join(dir, "there"), "mine");
      symlinkSync(join(dir, "there"), join(dir, ".faramesh", "runtime", "operator", "token"));
    },
  ];
  for (const [index, work] of spoil.entries()) {
    const stack = new StackUnderTest();
    try {
      work(stack.dir);
      assert.match(await codeOf(stack.start()), /^(?:UNSAFE_PLACE|ENOTDIR)$/, `case ${index}`);
      assert.is(existsSync(stackPaths(stack.dir).agentSocket), false);
    } finally {
      await stack.remove();
    }
  }
});

test("C03 what is no socket at the socket's place is refused and left alone", async () => {
  const stack = new StackUnderTest();
  try {
    const paths = stackPaths(stack.dir);
    mkdirSync(paths.runtime, { recursive: true, mode: 0o700 });
    writeFileSync(paths.agentSocket, "precious");
    assert.is(await codeOf(stack.start()), "SOCKET_PLACE_TAKEN");
    assert.is(readFileSync(paths.agentSocket, "utf8"), "precious");
  } finally {
    await stack.remove();
  }
});

test("C05 a path too long for a socket moves to XDG_RUNTIME_DIR, and without one is an error", () => {
  const paths = stackPaths(`/tmp/${"d".repeat(100)}`);
  assert.throws(
    () => socketPlaces(paths, {}),
    (error: unknown) => error instanceof SocketPathFailure,
  );
  const places = socketPlaces(paths, { XDG_RUNTIME_DIR: "/run/user/1" });
  assert.match(places.agent, /^\/run\/user\/1\/faramesh\/[0-9a-f]{16}\/faramesh\.sock$/);
  assert.ok(Buffer.byteLength(places.operator) <= socketPathMaxBytes);
  assert.throws(() => socketPlaces(paths, { XDG_RUNTIME_DIR: `/${"x".repeat(90)}` }));
  const near = stackPaths("/tmp/a");
  assert.is(socketPlaces(near, { FARAMESH_SOCKET: "/tmp/other.sock" }).agent, "/tmp/other.sock");
  assert.throws(() => socketPlaces(near, { FARAMESH_SOCKET: `/${"é".repeat(54)}` }));
});

test("C05 a daemon with too long a path serves from the short place and says where", async () => {
  const base = new StackUnderTest();
  const dir = join(base.dir, "d".repeat(100));
  mkdirSync(dir, { mode: 0o700 });
  const daemon = await startDaemon({ dir, env: { XDG_RUNTIME_DIR: base.dir } });
  try {
    assert.ok(daemon.places.agent.startsWith(`${base.dir}/faramesh/`));
    assert.is((await askOperator(dir, "status", {})).daemon.socket, daemon.places.agent);
  } finally {
    await daemon.stop();
    await base.remove();
  }
});

test("A29 a second daemon of the same stack, or over the same log, is refused and the first serves on", async () => {
  await onStack(policy, async (stack) => {
    assert.is(await codeOf(startDaemon({ dir: stack.dir, env: {} })), "ALREADY_RUNNING");
    const other = new StackUnderTest({ walDir: stack.daemon.walDir });
    try {
      assert.is(await codeOf(other.start()), "LOCKED");
    } finally {
      await other.remove();
    }
    assert.is((await stack.ask("search")).effect, "PERMIT");
  });
});

test("A30 a stale socket and pid file are recovered, a live peer at the socket is not disturbed", async () => {
  const stack = new StackUnderTest();
  const paths = stackPaths(stack.dir);
  try {
    await stack.start();
    await stack.apply(policy);
    await stack.stop();
    writeFileSync(paths.pidFile, "1\n");
    const peer = createServer((socket) => socket.end());
    await new Promise<void>((resolve) => peer.listen(paths.agentSocket, resolve));
    chmodSync(paths.agentSocket, 0o600);
    assert.is(await codeOf(stack.start()), "SOCKET_IN_USE");
    await new Promise((resolve) => peer.close(resolve));
    await stack.start();
    assert.is(readFileSync(paths.pidFile, "utf8"), `${process.pid}\n`);
    assert.is((await stack.ask("search")).effect, "PERMIT");
  } finally {
    await stack.remove();
  }
});

test("A27 an orderly stop answers what is in flight, marks the end and leaves no socket", async () => {
  const stack = new StackUnderTest();
  try {
    await stack.start();
    await stack.apply(policy);
    const calls = Array.from({ length: 50 }, (_, index) => {
      return { type: "govern", call_id: `c${index}`, agent_id: "bot", tool_id: "search" };
    });
    const sent = stack.send(...calls);
    await new Promise((resolve) => setImmediate(resolve));
    const { daemon } = stack;
    await askOperator(stack.dir, "stop", {});
    assert.equal(await daemon.ended, { exitCode: 0, reason: "stopped" });
    for (const answer of await sent)
      assert.match(`${answer.effect} ${answer.reason_code}`, /^PERMIT POLICY_PERMIT$|^DENY DAEMON_NOT_READY$/);
    assert.is(existsSync(daemon.places.agent), false);
    assert.is(JSON.parse(readFileSync(stackPaths(stack.dir).daemonFile, "utf8")).state, "HALT");
    assert.is(await isRunning(stack.dir), false);
    assert.is(await codeOf(askOperator(stack.dir, "ping", {})), "NOT_RUNNING");
  } finally {
    await stack.remove();
  }
});

test("C06 an agent's id is recorded as claimed", async () => {
  await onStack(policy, async (stack) => {
    await stack.ask("search");
    const [record] = (await stack.records()).filter(({ type }) => type === "decision");
    assert.equal([record?.agent_id, record?.agent_identity, record?.mode], ["bot", "claimed", "enforce"]);
  });
});

test("what an agent polls tells the state of its own approvals only", async () => {
  await onStack(policy, async (stack) => {
    const { defer_token: token } = await stack.ask("ask");
    const poll = async (agent_id: string): Promise<unknown> => {
      return (await say(stack.daemon.places.agent, { type: "poll_defer", agent_id, defer_token: token })).status;
    };
    assert.equal([await poll("bot"), await poll("nobody")], ["pending", "unknown"]);
    await stack.approve(token);
    assert.is(await poll("bot"), "approved");
    const answer = await say(stack.daemon.places.agent, { type: "status" });
    assert.equal([answer.state, answer.policy_version, answer.approvals], ["READY", "v1", undefined]);
  });
});

test.run();
