// The SDK's side of the agent socket, against a server on a real Unix socket.
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findSocket } from "../../runtime/sdk/find-socket.ts";
import { governedTools, SocketTransport, ToolDeniedError } from "../../runtime/sdk/index.ts";
import { type FakeDaemon, fakeDaemon, type Message, permit, type Reply } from "./fake-daemon.ts";

const agentId = "bot";
const echo = (args: { n: number }) => args.n;

async function code(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    (value) => `ran: ${value}`,
    (error: unknown) => (error instanceof ToolDeniedError ? error.code : String(error)),
  );
}

async function withDaemon(
  answer: (message: Message, daemon: () => FakeDaemon) => Reply | Promise<Reply>,
  run: (
    echo: (args: { n: number }) => Promise<number>,
    daemon: FakeDaemon,
    transport: SocketTransport,
  ) => Promise<void>,
  timeoutMs?: number,
): Promise<void> {
  const daemon: FakeDaemon = await fakeDaemon((message) => answer(message, () => daemon));
  const transport = new SocketTransport({ path: daemon.path, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
  try {
    const options = { agentId, transport, sessionId: "s1", requestId: "r1", principal: { role: "clerk" } };
    await run(governedTools(echo, options), daemon, transport);
  } finally {
    await transport.close();
    await daemon.close();
  }
}

test("a call is asked on one line with its members and runs when permitted", () =>
  withDaemon(permit, async (echo, daemon) => {
    assert.is(await echo({ n: 4 }), 4);
    const { call_id, ...rest } = daemon.messages[0] as Message;
    assert.is(call_id.length, 36);
    assert.equal(rest, {
      type: "govern",
      client: "sdk",
      agent_id: "bot",
      session_id: "s1",
      request_id: "r1",
      principal: { role: "clerk" },
      tool_id: "echo",
      args: { n: 4 },
    });
  }));

test("answers in reverse order and split anywhere reach their own calls over one connection", () => {
  const held: Message[] = [];
  return withDaemon(
    (message, daemon) => {
      held.push(message);
      if (held.length < 20) return undefined;
      const even = (m: Message) => (m.args as { n: number }).n % 2 === 0;
      const lines = held.reverse().map((m) => JSON.stringify({ ...permit(m), effect: even(m) ? "PERMIT" : "DENY" }));
      const socket = daemon().connections[0];
      for (const piece of `${lines.join("\n")}\n`.match(/.{1,7}/gs) ?? []) socket?.write(piece);
      return undefined;
    },
    async (echo, daemon) => {
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, n) => code(echo({ n }))));
      const expected = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? `ran: ${n}` : "POLICY_DENY"));
      assert.equal(outcomes, expected);
      assert.is(daemon.connections.length, 1);
    },
  );
});

test("more calls in flight than the limit are denied and not sent", () =>
  withDaemon(
    () => undefined,
    async (echo, daemon, transport) => {
      const first = code(echo({ n: 0 }));
      while (daemon.messages.length === 0) await new Promise((resolve) => setImmediate(resolve));
      const rest = Array.from({ length: 256 }, (_, n) => code(echo({ n })));
      assert.is(await rest[255], "TOO_MANY_IN_FLIGHT");
      await transport.close();
      assert.is(await first, "DAEMON_UNREACHABLE");
      assert.equal(new Set(await Promise.all(rest.slice(0, 255))), new Set(["DAEMON_UNREACHABLE"]));
      assert.ok(daemon.messages.length <= 256);
    },
  ));

test("no answer in time is a denial, and the late permit is nobody's", () => {
  let late: Message | undefined;
  return withDaemon(
    (message) => {
      if (late !== undefined) return `${JSON.stringify(permit(late))}\n${JSON.stringify(permit(message))}\n`;
      late = message;
      return undefined;
    },
    async (echo, daemon) => {
      assert.is(await code(echo({ n: 1 })), "DAEMON_TIMEOUT");
      assert.is(await code(echo({ n: 2 })), "ran: 2");
      assert.is(daemon.connections.length, 1);
    },
    50,
  );
});

for (const [name, reply] of [
  ["text that is no JSON", "permit\n"],
  ["a list", "[]\n"],
  ["an answer without a call_id", '{"effect":"PERMIT"}\n'],
  ["an error without a call_id", '{"error":"unknown type"}\n'],
  ["a line without end", "x".repeat(2 * 1024 * 1024)],
] as const) {
  test(`${name} is BAD_ANSWER, and the next call gets a new connection`, () => {
    let answered = 0;
    return withDaemon(
      (message) => (answered++ === 0 ? reply : permit(message)),
      async (echo, daemon) => {
        assert.is(await code(echo({ n: 1 })), "BAD_ANSWER");
        assert.is(await code(echo({ n: 2 })), "ran: 2");
        assert.is(daemon.connections.length, 2);
      },
    );
  });
}

test("a connection that breaks denies what was in flight and is made anew", () => {
  let broken = false;
  return withDaemon(
    (message, daemon) => {
      if (broken) return permit(message);
      broken = true;
      daemon().connections[0]?.destroy();
      return undefined;
    },
    async (echo) => {
      assert.is(await code(echo({ n: 1 })), "DAEMON_UNREACHABLE");
      assert.is(await code(echo({ n: 2 })), "ran: 2");
    },
  );
});

test("nobody at the socket: the message says which command starts the daemon", async () => {
  const path = join(tmpdir(), "fms-no-such-folder", "faramesh.sock");
  const pay = governedTools(echo, { agentId, transport: new SocketTransport({ path }) });
  const error: unknown = await pay({ n: 1 }).catch((thrown: unknown) => thrown);
  if (!(error instanceof ToolDeniedError)) throw new Error("the call was not denied");
  assert.is(error.code, "DAEMON_UNREACHABLE");
  assert.match(error.humanMessage, "faramesh apply");
});

test("an approval is polled for over the same connection", () => {
  let polls = 0;
  let asked = 0;
  const answer = (message: Message): Reply => {
    if (message.type === "poll_defer") {
      polls += 1;
      return { defer_token: message.defer_token, status: polls < 3 ? "pending" : "approved" };
    }
    asked += 1;
    return asked === 1 ? { ...permit(message), effect: "DEFER", defer_token: "apr-1" } : permit(message);
  };
  return withDaemon(answer, async (_echo, daemon, transport) => {
    const blocked = governedTools(echo, { agentId, transport, onDefer: "block", pollMs: 1 });
    assert.is(await blocked({ n: 9 }), 9);
    assert.equal([polls, asked, daemon.connections.length], [3, 2, 1]);
  });
});

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "fms-find-"));
  const before = process.cwd();
  const socket = process.env.FARAMESH_SOCKET;
  delete process.env.FARAMESH_SOCKET;
  try {
    await mkdir(join(folder, "a", "b"), { recursive: true });
    process.chdir(join(folder, "a", "b"));
    await run(process.cwd().slice(0, -"/a/b".length));
  } finally {
    process.chdir(before);
    if (socket !== undefined) process.env.FARAMESH_SOCKET = socket;
    await rm(folder, { recursive: true });
  }
}

/** The message with which the search fails. */
async function notFound(): Promise<string> {
  return findSocket(undefined).then(
    ({ path }) => `found ${path}`,
    (error: Error) => error.message,
  );
}

test("the socket is the option's, the environment's, or named by the nearest daemon.json", () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, ".faramesh", "runtime"), { recursive: true });
    await writeFile(join(folder, ".faramesh", "runtime", "daemon.json"), JSON.stringify({ socket: "/run/x.sock" }));
    assert.is((await findSocket(undefined)).path, "/run/x.sock");
    process.env.FARAMESH_SOCKET = "/run/y.sock";
    assert.is((await findSocket(undefined)).path, "/run/y.sock");
    assert.is((await findSocket("/run/z.sock")).path, "/run/z.sock");
    delete process.env.FARAMESH_SOCKET;
  }));

test("a daemon.json that came with a copy of its stack is not used", () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, ".faramesh", "runtime"), { recursive: true });
    const daemon = { socket: "/run/x.sock", dir: "/srv/original" };
    await writeFile(join(folder, ".faramesh", "runtime", "daemon.json"), JSON.stringify(daemon));
    assert.match(await notFound(), "no running stack");
  }));

test("a file in place of the socket and a broken daemon.json are not used", () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, ".faramesh", "runtime"), { recursive: true });
    await writeFile(join(folder, ".faramesh", "runtime", "daemon.json"), '{"socket":"relative.sock"');
    await writeFile(join(folder, ".faramesh", "runtime", "faramesh.sock"), "");
    assert.match(await notFound(), "no running stack");
  }));

test("J03 a .faramesh that is a link or open to others is refused, not passed over", () =>
  inFolder(async (folder) => {
    await mkdir(join(folder, "elsewhere"));
    await symlink(join(folder, "elsewhere"), join(folder, "a", ".faramesh"));
    assert.match(await notFound(), "is a link");
    await rm(join(folder, "a", ".faramesh"));
    await mkdir(join(folder, "a", ".faramesh"));
    await chmod(join(folder, "a", ".faramesh"), 0o777);
    assert.match(await notFound(), "writable for others");
  }));

test.run();
