// A daemon that runs out of what the system gives it: descriptors, and memory.
import type { Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { SocketTransport } from "../../runtime/sdk/socket-transport.ts";
import { socketPlaces, stackPaths } from "../../runtime/stack.ts";
import { faramesh } from "../cli/in-process.ts";
import { diskError } from "../log/fixture.ts";
import { askOn, DaemonProcess } from "./daemon-process.ts";
import { onStack } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit search
}`;
const descriptors = 96;

test("A24 with no descriptor left those who are connected are served, others wait or are hung up on, and it passes", async () => {
  const daemon = await DaemonProcess.start(policy, { before: `ulimit -n ${descriptors}` });
  const others: Socket[] = [];
  try {
    const first = await daemon.connect();
    assert.is((await askOn(first, "search")).effect, "PERMIT");
    for (let i = 0; i < 2 * descriptors; i++) {
      const socket = await daemon.connect();
      socket.on("error", () => {});
      others.push(socket);
    }
    await pause(200);
    const open = daemon.descriptors();
    if (open !== null) assert.ok(open > descriptors - 8, `${open} descriptors`);
    for (let i = 0; i < 50; i++) assert.is((await askOn(first, "search")).effect, "PERMIT");
    for (const socket of others) socket.destroy();
    await pause(200);
    assert.is((await daemon.ask("search")).effect, "PERMIT");
    assert.is(daemon.child.exitCode, null);
    first.destroy();
    const verified = await faramesh(daemon.dir, "audit", "verify");
    assert.is(verified.code, 0, verified.stdout + verified.stderr);
  } finally {
    for (const socket of others) socket.destroy();
    await daemon.remove();
  }
});

test("A24 no descriptor for the log's next segment: no permit goes out, the daemon ends, and a start goes on", async () => {
  let isFull = false;
  const disk = {
    ...nodeDisk,
    open: (...[path, mode]: Parameters<typeof nodeDisk.open>) => {
      if (isFull && mode === "create" && path.endsWith(".wal")) throw diskError("EMFILE");
      return nodeDisk.open(path, mode);
    },
  };
  await onStack(
    policy,
    async (stack) => {
      isFull = true;
      const effects: string[] = [];
      for (let i = 0; i < 200 && stack.daemon.state() === "READY"; i++) {
        const answer = await stack.ask("search", { note: "x".repeat(100) });
        effects.push(answer.effect === "PERMIT" ? "PERMIT" : answer.reason_code);
      }
      assert.is(effects.at(-1), "AUDIT_UNAVAILABLE");
      assert.is((await stack.daemon.ended).exitCode, 1);
      const permits = effects.filter((effect) => effect === "PERMIT").length;
      const recorded = (await stack.records()).filter(({ type, effect }) => type === "decision" && effect === "permit");
      assert.ok(recorded.length >= permits && permits > 2, `${permits} permits, ${recorded.length} on record`);
      isFull = false;
      await stack.restart();
      assert.is((await stack.ask("search")).effect, "PERMIT");
    },
    { disk, segmentBytes: 8192 },
  );
});

test("A25 a daemon that runs out of memory dies, its clients deny, and the next start has every permit that went out", async () => {
  const preload = `process.on("SIGUSR2", () => {
    const kept = [];
    for (;;) kept.push(new Array(1e5).fill(kept.length));
  });`;
  const daemon = await DaemonProcess.start(policy, { preload, node: ["--max-old-space-size=96"] });
  const transport = new SocketTransport({ path: socketPlaces(stackPaths(daemon.dir), {}, undefined).agent });
  const call = { agent_id: "bot", session_id: "s", tool_id: "search", args: {} };
  const permitted: unknown[] = [];
  try {
    const govern = async (i: number): Promise<unknown> => {
      try {
        const answer = await transport.govern({ ...call, call_id: `c${i}` } as never, AbortSignal.timeout(20_000));
        return Object(answer);
      } catch {
        return null;
      }
    };
    for (let i = 0; i < 100; i++) {
      const answer = await govern(i);
      assert.is(Reflect.get(Object(answer), "effect"), "PERMIT");
      permitted.push(Reflect.get(Object(answer), "action_id"));
    }
    daemon.child.kill("SIGUSR2");
    for (let i = 100; i < 1_000_000; i++) {
      const answer = await govern(i);
      if (answer === null) break;
      permitted.push(Reflect.get(Object(answer), "action_id"));
    }
    const [code, signal] = await daemon.ended;
    assert.ok(code !== 0 && (code !== null || signal !== null), `${code} ${signal}`);
    assert.is(await govern(-1), null);
    await daemon.again();
    assert.is((await daemon.ask("search")).effect, "PERMIT");
    const recorded = new Set<unknown>();
    for await (const { value } of readRecords(stackPaths(daemon.dir).defaultWalDir)) recorded.add(value.action_id);
    assert.equal(
      permitted.filter((id) => !recorded.has(id)),
      [],
    );
    assert.is((await faramesh(daemon.dir, "audit", "verify")).code, 0);
  } finally {
    await transport.close();
    await daemon.remove();
  }
});

test.run();
