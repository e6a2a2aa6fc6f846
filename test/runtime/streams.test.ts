// Streams of the agents' socket: one agent's own records and callbacks, redacted and durable, and nothing kept for a slow reader.
import type { Socket } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { streamUnsentBytes } from "../../runtime/doors/streams.ts";
import { feedsMax } from "../../runtime/feeds.ts";
import { onStack, type StackUnderTest } from "./stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  permit search
  defer stripe/refund
  redact search args: ["secret"]
}
agent "other" { default deny permit search }`;

type Line = { readonly [name: string]: unknown };

class Listening {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  #text = "";

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => (this.#text += String(chunk)));
    socket.on("error", () => {});
    this.ended = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.once("end", () => socket.destroy());
  }

  get lines(): readonly Line[] {
    return this.#text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Line);
  }

  async until(count: number): Promise<readonly Line[]> {
    while (this.lines.length < count) await new Promise((resolve) => setTimeout(resolve, 2));
    return this.lines;
  }
}

async function listen(stack: StackUnderTest, message: object): Promise<Listening> {
  const listening = new Listening(await stack.connect());
  listening.socket.write(`${JSON.stringify(message)}\n`);
  await listening.until(1);
  return listening;
}

test("an agent sees its own decisions, outcomes and costs as they are stored, and no other's", async () => {
  await onStack(policy, async (stack) => {
    const stream = await listen(stack, { type: "audit_subscribe", agent_id: "bot" });
    await stack.ask("search", { secret: "s3cret", q: "x" }, { agent_id: "bot" });
    await stack.ask("search", { q: "other's" }, { agent_id: "other" });
    const { action_id } = await stack.ask("nothing");
    const permitted = await stack.ask("search", { q: "y" });
    await stack.send({ type: "report", agent_id: "bot", action_id: permitted.action_id, status: "success" });
    const [first, ...rest] = await stream.until(5);
    stream.socket.destroy();
    assert.equal(first, { type: "audit_subscribe", subscribed: true, agent_id: "bot" });
    assert.equal(
      rest.map(({ event, effect, status }) => [event, effect ?? status]),
      [
        ["decision", "permit"],
        ["decision", "deny"],
        ["decision", "permit"],
        ["outcome", "success"],
      ],
    );
    assert.is(rest[1]?.action_id, action_id);
    assert.is(JSON.stringify(rest).includes("s3cret"), false);
    const stored = (await stack.records()).find(({ seq }) => seq === rest[0]?.seq);
    assert.equal([stored?.hash, JSON.stringify(stored?.args)], [rest[0]?.hash, JSON.stringify(rest[0]?.args)]);
  });
});

test("callbacks tell what becomes of an agent's own approvals", async () => {
  await onStack(policy, async (stack) => {
    const stream = await listen(stack, { type: "callback_subscribe", agent_id: "bot" });
    const { defer_token: id } = await stack.ask("stripe/refund", { amount: 1 });
    await stack.approve(id, { reason: "fine" });
    await stack.ask("stripe/refund", { amount: 1 });
    const [, ...events] = await stream.until(4);
    stream.socket.destroy();
    assert.equal(
      events.map(({ type, event, defer_token, reason }) => [type, event, defer_token, reason]),
      [
        ["callback", "created", id, null],
        ["callback", "approved", id, "fine"],
        ["callback", "used", id, "fine"],
      ],
    );
  });
});

test("a connection with a stream still answers what else it is asked", async () => {
  await onStack(policy, async (stack) => {
    const stream = await listen(stack, { type: "audit_subscribe", agent_id: "bot" });
    stream.socket.write(
      `${JSON.stringify({ type: "govern", agent_id: "bot", tool_id: "search", args: {}, call_id: "c" })}\n`,
    );
    const lines = await stream.until(3);
    stream.socket.destroy();
    assert.ok(lines.some((line) => line.call_id === "c" && line.effect === "PERMIT"));
    assert.ok(lines.some((line) => line.event === "decision" && line.call_id === "c"));
  });
});

test("C10 a reader that does not keep up is let go with a notice, and costs no more than its buffer", async () => {
  await onStack(policy, async (stack) => {
    const stream = await listen(stack, { type: "audit_subscribe", agent_id: "bot" });
    stream.socket.pause();
    const q = "x".repeat(20_000);
    // More than the kernel's buffers and ours together hold.
    for (let sent = 0; sent < 8 * 1024 * 1024 + streamUnsentBytes; sent += q.length) await stack.ask("search", { q });
    assert.is((await stack.ask("search", {})).effect, "PERMIT", "others are served");
    stream.socket.resume();
    await stream.ended;
    const last = stream.lines.at(-1);
    assert.equal([last?.type, last?.reason], ["ended", "the reader is too slow: lines were dropped"]);
    assert.is(stack.daemon.governor.feeds.isWatched("audit", "bot"), false);
  });
});

test("streams need an agent, have a cap, and end with the daemon", async () => {
  await onStack(policy, async (stack) => {
    const [refused] = (await stack.send({ type: "audit_subscribe" })) as unknown as readonly Line[];
    assert.is((refused?.error as Line | undefined)?.message, "`agent_id` is missing");
    const open = await Promise.all(
      Array.from({ length: feedsMax }, () => listen(stack, { type: "callback_subscribe", agent_id: "bot" })),
    );
    const [full] = (await stack.send({ type: "audit_subscribe", agent_id: "bot" })) as unknown as readonly Line[];
    assert.is((full?.error as Line | undefined)?.message, `${feedsMax} streams are open already`);
    open.at(0)?.socket.destroy();
    await open.at(0)?.ended;
    await stack.ask("search");
    const another = await listen(stack, { type: "audit_subscribe", agent_id: "bot" });
    assert.is(another.lines[0]?.subscribed, true);
    await stack.stop();
    await Promise.all([another, ...open].map(({ ended }) => ended));
  });
});

test.run();
