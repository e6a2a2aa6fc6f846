// Real processes: killed while they write, two on one log, readers beside a writer.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { lockBySocket } from "../../runtime/lock.ts";
import { readRecords, tailRecords } from "../../runtime/log/read.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { append, closedLog, copyOf, failureOfOpen, open, temporaryDir } from "./fixture.ts";

const script = fileURLToPath(new URL("./writer-process.ts", import.meta.url));

interface Writer {
  readonly child: ChildProcess;
  /** highest seq printed as durable */
  acked: number;
  /** resolves when `acked` has come to a number */
  reach(seq: number): Promise<void>;
  /** SIGKILL, and wait until all that was printed is read */
  kill(): Promise<void>;
}

function startWriter(dir: string): Writer {
  const child = spawn(process.execPath, ["--import", "tsx", script, dir], { stdio: ["ignore", "pipe", "inherit"] });
  const waiting: { seq: number; resolve: () => void; reject: (reason: Error) => void }[] = [];
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const writer: Writer = {
    child,
    acked: 0,
    reach: (seq) => new Promise((resolve, reject) => waiting.push({ seq, resolve, reject })),
    kill: async () => {
      child.kill("SIGKILL");
      await closed;
    },
  };
  let partial = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    const lines = (partial + text).split("\n");
    partial = lines.pop() ?? "";
    for (const line of lines) if (/^\d+$/.test(line)) writer.acked = Math.max(writer.acked, Number(line));
    for (const waiter of waiting) if (writer.acked >= waiter.seq) waiter.resolve();
  });
  void closed.then(() => {
    for (const waiter of waiting) waiter.reject(new Error("the writer ended"));
  });
  return writer;
}

test("A01 A02 A03 kill -9 at any time loses no acknowledged record", async () => {
  const dir = temporaryDir();
  let before = 0;
  for (let round = 0; round < 4; round++) {
    const writer = startWriter(dir);
    await writer.reach(before + 50 + 37 * round);
    await writer.kill();
    const seen: number[] = [];
    const unrecovered = copyOf(dir);
    assert.ok((await verifyLog(unrecovered)).ok, "what a kill leaves is no alarm");
    const log = await open(dir);
    assert.ok(log.lastSeq >= writer.acked, `${log.lastSeq} records, ${writer.acked} acknowledged`);
    before = log.lastSeq;
    await log.close();
    for await (const record of readRecords(dir)) seen.push(record.seq);
    assert.equal(
      seen,
      Array.from({ length: before }, (_, index) => index + 1),
    );
  }
  const report = await verifyLog(dir);
  assert.ok(report.ok);
  assert.ok(report.segments > 1);
});

test("A29 A30 a second writer is refused and told who; a killed one leaves no lock", async () => {
  const dir = temporaryDir();
  const writer = startWriter(dir);
  await writer.reach(1);
  const failure = await failureOfOpen(dir);
  assert.is(failure?.code, "LOCKED");
  assert.match(failure?.message ?? "", new RegExp(`process ${writer.child.pid} `));
  await writer.kill();
  const log = await open(dir);
  assert.is((await failureOfOpen(dir))?.code, "LOCKED", "the same process is a second writer too");
  await log.close();
  assert.is(await failureOfOpen(dir), undefined);
});

test("A29 the abstract socket locks where there is no flock", async () => {
  const path = join(await closedLog(1), "lock");
  const descriptor = openSync(path, "r");
  const first = await lockBySocket(descriptor);
  assert.is.not(first, null);
  assert.is(await lockBySocket(descriptor), null);
  first?.release();
  const again = await lockBySocket(descriptor);
  assert.is.not(again, null);
  again?.release();
  closeSync(descriptor);
});

test("A33 verify, read and tail beside a writer give no false alarm and never write", async () => {
  const dir = temporaryDir();
  const writer = startWriter(dir);
  await writer.reach(1);
  const abort = new AbortController();
  let tailed = 0;
  const tail = (async () => {
    for await (const record of tailRecords(dir, { signal: abort.signal })) {
      assert.is(record.seq, ++tailed);
      if (tailed >= 300) return;
    }
  })();
  for (let round = 0; round < 20; round++) {
    const report = await verifyLog(dir);
    assert.ok(report.ok, JSON.stringify(report.fault));
    let last = 0;
    for await (const record of readRecords(dir, { fromSeq: report.lastSeq })) last = record.seq;
    assert.ok(last >= report.lastSeq);
  }
  await writer.reach(300);
  await tail;
  abort.abort();
  await writer.kill();
  assert.is(tailed, 300);
});

test("A33 tail follows records appended while it waits", async () => {
  const dir = await closedLog(2);
  const abort = new AbortController();
  const log = await open(dir);
  const seen: number[] = [];
  for await (const record of tailRecords(dir, { fromSeq: 2, signal: abort.signal })) {
    seen.push(record.seq);
    if (record.seq < 5) await append(log, 1);
    else abort.abort();
  }
  await log.close();
  assert.equal(seen, [2, 3, 4, 5]);
});

test.run();
