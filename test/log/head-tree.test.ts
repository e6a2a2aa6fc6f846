// What the head tells of checkpoints: it is on disk before anything is answered behind one, and an older checkpoint in the last one's
// place, or none, is found.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { createHead, readHead } from "../../runtime/log/head.ts";
import type { Log } from "../../runtime/log/log.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { append, diskError, faultyDisk, heldDisk, mark, open, temporaryDir } from "./fixture.ts";

function place(): { dir: string; keys: KeyFiles } {
  const root = temporaryDir();
  for (const name of ["log", "keys"]) mkdirSync(join(root, name), { mode: 0o700 });
  return { dir: join(root, "log"), keys: new KeyFiles(nodeDisk, join(root, "keys")) };
}

function toldBy(dir: string): unknown {
  const head = readHead(nodeDisk, dir);
  return head.kind === "valid" ? head.state.tree : null;
}

test("the head tells of each checkpoint before anything is answered behind it", async () => {
  const { dir, keys } = place();
  const { disk, hold, release } = heldDisk((path) => path.endsWith("/head"));
  const log = await open(dir, { keys, disk });
  await append(log, 3);
  hold();
  await log.checkpoint("asked");
  const { seq } = log.append(mark("behind"));
  let isAnswered = false;
  const answered = log.durable(seq).then(() => {
    isAnswered = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 60));
  assert.equal([isAnswered, log.isDurable(seq), log.isDurable(seq - 2)], [false, false, true]);
  release();
  await answered;
  assert.is(log.isDurable(seq), true);
  assert.equal(toldBy(dir), log.treeHead);
  await log.close();
});

test("A10 a head that cannot tell of a checkpoint keeps no answer back, and is counted", async () => {
  const { dir, keys } = place();
  let isFull = false;
  const disk = faultyDisk((_call, path) => {
    if (isFull && path.endsWith("/head")) throw diskError("ENOSPC");
    return undefined;
  });
  const log = await open(dir, { keys, disk });
  isFull = true;
  await log.checkpoint("asked");
  await append(log, 2);
  assert.ok(log.stats().headFailures > 0);
  assert.is(log.state, "open");
  isFull = false;
  await log.close();
  assert.ok((await verifyLog(dir)).ok);
});

/** A log with two checkpoints, the files of the first beside it. */
async function twice(): Promise<{ dir: string; keys: KeyFiles; first: Buffer }> {
  const { dir, keys } = place();
  const log: Log = await open(dir, { keys });
  await append(log, 5);
  const first = readFileSync(join(dir, "checkpoint"));
  await log.close();
  return { dir, keys, first };
}

async function kinds(dir: string): Promise<JsonObject[]> {
  const found: JsonObject[] = [];
  for await (const { value } of readRecords(dir)) if (value.type === "mark") found.push(value);
  return found;
}

for (const [what, change] of [
  ["an older checkpoint", (dir: string, first: Buffer) => nodeDiskWrite(join(dir, "checkpoint"), first)],
  ["no checkpoint", (dir: string) => rmSync(join(dir, "checkpoint"))],
] as const) {
  test(`K07 ${what} in the last one's place is found, and a start says so in the log`, async () => {
    const { dir, keys, first } = await twice();
    change(dir, first);
    const report = await verifyLog(dir);
    assert.is(report.ok, false);
    assert.is(report.fault?.file, "checkpoint");
    const log = await open(dir, { keys });
    await log.close();
    assert.ok((await kinds(dir)).some(({ kind }) => kind === "checkpoint_missing"));
    assert.ok((await verifyLog(dir)).ok);
  });
}

function nodeDiskWrite(path: string, bytes: Buffer): void {
  rmSync(path);
  const file = nodeDisk.open(path, "create");
  file.write(bytes, 0, bytes.length, null);
  file.close();
}

test("a head that tells of no checkpoint, as earlier ones do, is no fault, and the next one tells", async () => {
  const { dir, keys } = await twice();
  const head = readHead(nodeDisk, dir);
  if (head.kind !== "valid") throw new Error("no head");
  rmSync(join(dir, "head"));
  createHead(nodeDisk, dir, head.state.logId, { ...head.state, tree: null });
  assert.ok((await verifyLog(dir)).ok);
  const log = await open(dir, { keys });
  assert.equal(toldBy(dir), log.treeHead);
  await log.close();
  assert.ok((await verifyLog(dir)).ok);
});

test("a slot of the head that does not read is told of, and the other one counts", async () => {
  const dir = temporaryDir();
  const log = await open(dir);
  await append(log, 3);
  await log.close();
  const told = async (): Promise<readonly [boolean, readonly string[]]> => {
    const { ok, notes } = await verifyLog(dir);
    return [ok, notes];
  };
  assert.equal(await told(), [true, []]);
  const head = readFileSync(join(dir, "head"));
  const generations = [0, 4096].map((at) =>
    Number(/"generation":(\d+)/.exec(head.toString("latin1", at, at + 4096))?.[1] ?? 0),
  );
  const older = (generations[0] ?? 0) < (generations[1] ?? 0) ? 0 : 4096;
  head[older + 20] = (head[older + 20] ?? 0) ^ 1;
  writeFileSync(join(dir, "head"), head);
  const note = "one slot of the head does not read, as a crash leaves it; the other one counts";
  assert.equal(await told(), [true, [note]]);
});

test.run();
