// The live screens, on a terminal of our own: the second buffer is entered and left, keys do what they say, what an agent supplied moves
// no cursor, and without a terminal there is not one escape sequence.
import { PassThrough } from "node:stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { runCli } from "../../cli/run.ts";
import { cutLine } from "../../cli/screen.ts";
import { onStack, type StackUnderTest } from "../runtime/stack-under-test.ts";

const policy = `agent "bot" {
  default deny
  defer stripe/refund
}`;

const waitMs = 5;
const waitsMax = 4000;

class FakeTerminal {
  readonly stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (on: boolean) => this.modes.push(on) });
  readonly stdout = Object.assign(new PassThrough(), { isTTY: true, columns: 100, rows: 30 });
  readonly stderr = new PassThrough();
  readonly modes: boolean[] = [];
  readonly ended: Promise<number>;
  text = "";

  constructor(dir: string, ...words: readonly string[]) {
    this.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      this.text += chunk;
    });
    this.stderr.resume();
    const { stdin, stdout, stderr } = this;
    const env = { PATH: process.env.PATH, NO_COLOR: "1" };
    this.ended = runCli([...words, "--dir", dir], "0.0.0", { stdin, stdout, stderr, env });
  }

  press(keys: string): void {
    this.stdin.write(keys);
  }

  /** Resolves when the text stands in what was drawn last; rejects when it never does. */
  async until(text: string): Promise<void> {
    for (let waits = 0; !this.shown.includes(text); waits++) {
      if (waits >= waitsMax) throw new Error(`\`${text}\` is never shown: ${JSON.stringify(this.shown)}`);
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }

  /** The lines drawn last. */
  get shown(): string {
    return this.text.split("\u001b[H").at(-1) ?? "";
  }
}

async function onScreen(
  words: readonly string[],
  work: (stack: StackUnderTest, term: FakeTerminal) => Promise<void>,
): Promise<void> {
  await onStack(policy, async (stack) => {
    const term = new FakeTerminal(stack.dir, ...words);
    await work(stack, term);
    assert.ok(term.text.startsWith("\u001b[?1049h\u001b[?25l"), "the second buffer is entered");
    assert.ok(term.text.endsWith("\u001b[?25h\u001b[?1049l"), "and left");
    assert.equal(term.modes, [true, false], "keys are read raw, and no longer afterwards");
  });
}

test("status --watch draws again, follows the size, and ends with q", async () => {
  await onScreen(["status", "--watch"], async (_stack, term) => {
    await term.until("READY");
    Object.assign(term.stdout, { columns: 20, rows: 5 });
    term.stdout.emit("resize");
    await term.until("q quits");
    const lines = term.shown.replaceAll("\u001b[K", "").replace("\u001b[J", "").split("\r\n");
    assert.is(lines.length, 5);
    assert.ok(lines.every((line) => [...line].length <= 20));
    term.press("q");
    assert.is(await term.ended, 0);
  });
});

test("status --watch goes on without a daemon, and Ctrl-C ends it with the code of the last look", async () => {
  await onScreen(["status", "--watch"], async (stack, term) => {
    await term.until("READY");
    await stack.stop();
    await term.until("no daemon runs");
    term.press("\u0003");
    assert.is(await term.ended, 1);
  });
});

test("approvals watch: a key asks, y approves the chosen one, anything else does not", async () => {
  await onScreen(["approvals", "watch"], async (stack, term) => {
    await term.until("no call waits");
    const first = await stack.ask("stripe/refund", { amount: 1 });
    const second = await stack.ask("stripe/refund", { amount: 2, note: "\u001b[2J\u202e" });
    await term.until("2 calls wait");
    term.press("j");
    await term.until(String(first.approval_id));
    term.press("ax");
    await term.until("j/k choose");
    term.press("ja");
    await term.until(`approve ${second.approval_id}?`);
    assert.is(term.shown.includes("\u001b[2J"), false, "what the agent wrote is shown, not obeyed");
    assert.ok(term.shown.includes("\\u001b[2J\\u202e"));
    term.press("y");
    await term.until("approved by");
    assert.is((await stack.ask("stripe/refund", { amount: 2, note: "\u001b[2J\u202e" })).effect, "PERMIT");
    assert.is((await stack.ask("stripe/refund", { amount: 1 })).effect, "DEFER");
    term.press("kdy");
    await term.until("denied by");
    assert.is((await stack.ask("stripe/refund", { amount: 1 })).reason_code, "APPROVAL_DENIED");
    term.press("q");
    assert.is(await term.ended, 0);
  });
});

test("G11 G12 the screen shows the digest that binds what is approved, and a key meant for one never falls on another", async () => {
  await onScreen(["approvals", "watch"], async (stack, term) => {
    const one = await stack.ask("stripe/refund", { amount: 1 });
    const two = await stack.ask("stripe/refund", { amount: 2 });
    await term.until("2 calls wait");
    term.press("k");
    const view = await stack.deny(two.approval_id);
    await term.until("1 call waits");
    term.press("k");
    await term.until(String(one.approval_id));
    assert.is(term.shown.includes(view.request_digest), false);
    term.press("a");
    await term.until("approve");
    await stack.deny(one.approval_id);
    await term.until("no call waits");
    const late = await stack.ask("stripe/refund", { amount: 3 });
    await term.until("1 call waits");
    term.press("y");
    term.press("a");
    term.press("y");
    term.press("q");
    assert.is(await term.ended, 0);
    assert.is(
      (await stack.ask("stripe/refund", { amount: 3 })).effect,
      "DEFER",
      `${late.approval_id} was never chosen`,
    );
  });
});

test("without a terminal there are lines and no escape sequence", async () => {
  await onStack(policy, async (stack) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    let text = "";
    stdout.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    const streams = { stdin: new PassThrough(), stdout, stderr, env: { PATH: process.env.PATH } };
    const ended = runCli(["approvals", "watch", "--dir", stack.dir], "0.0.0", streams);
    await stack.ask("stripe/refund", { amount: 1 });
    while (!text.includes("created")) await new Promise((resolve) => setTimeout(resolve, 5));
    await stack.stop();
    assert.is(await ended, 1);
    assert.is(text.includes("\u001b"), false);
  });
});

test("a line is cut by what is seen of it", () => {
  assert.is(cutLine("\u001b[31mred\u001b[39m and more", 5), "\u001b[31mred\u001b[39m a\u001b[0m");
  assert.is(cutLine("short", 80), "short");
  assert.is(cutLine("äöü😀x", 4), "äöü😀");
});

test.run();
