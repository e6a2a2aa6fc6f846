// Pruning: what goes, what stays provable, and that no place where it is cut short leaves a log that does not open and verify.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Disk, nodeDisk } from "../../runtime/disk.ts";
import type { JsonObject } from "../../runtime/json.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import { Log } from "../../runtime/log/log.ts";
import { includes, inclusionProof, rootOf } from "../../runtime/log/merkle.ts";
import type { VerifierKey } from "../../runtime/log/note.ts";
import type { LogOptions } from "../../runtime/log/options.ts";
import type { Keep } from "../../runtime/log/prune-plan.ts";
import { readRecords } from "../../runtime/log/read.ts";
import type { Rebuilt } from "../../runtime/log/resume.ts";
import { subtreesOnDisk } from "../../runtime/log/tile-reader.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { append, copyOf, diskError, mark, temporaryDir } from "./fixture.ts";

/** State that counts the records: a snapshot must make it come out the same. */
class Count implements Rebuilt {
  records = 0;
  begin(state: JsonObject | null): number | null {
    this.records = Number(state?.records ?? 0);
    return null;
  }
  take(_record: () => JsonObject, _head: JsonObject, isCovered: boolean): void {
    if (!isCovered) this.records++;
  }
}

interface Stack {
  readonly dir: string;
  readonly keyDir: string;
}

function newStack(): Stack {
  const root = temporaryDir();
  const [dir, keyDir] = [join(root, "log"), join(root, "keys")];
  for (const path of [dir, keyDir]) mkdirSync(path, { mode: 0o700 });
  return { dir, keyDir };
}

function copied({ dir, keyDir }: Stack): Stack {
  const root = temporaryDir();
  const copy = { dir: join(root, "log"), keyDir: join(root, "keys") };
  cpSync(dir, copy.dir, { recursive: true });
  cpSync(keyDir, copy.keyDir, { recursive: true });
  return copy;
}

async function openStack(
  { dir, keyDir }: Stack,
  options: Partial<LogOptions> = {},
): Promise<{ log: Log; count: Count }> {
  const count = new Count();
  const keys = new KeyFiles(nodeDisk, keyDir);
  const log = await Log.open({ dir, durability: "group", segmentBytes: 20_000, keys, rebuilt: count, ...options });
  return { log, count };
}

const all: Keep = {};
const order = (keep: Keep = all) => ({ keep, actor: "ops", reason: "test", archive: null });
const segmentsOf = (dir: string): string[] => readdirSync(dir).filter((name) => name.endsWith(".wal"));

/** A log of 600 records and more in small segments, with two snapshots behind 500; still open. */
async function longLog(): Promise<{ stack: Stack; log: Log; key: VerifierKey }> {
  const stack = newStack();
  const { log } = await openStack(stack);
  await append(log, 500);
  await log.snapshot(() => ({ records: log.lastSeq }));
  await append(log, 50);
  await log.snapshot(() => ({ records: log.lastSeq }));
  await append(log, 50);
  const key = log.signer?.key;
  if (key === undefined) throw new Error("the log is not signed");
  return { stack, log, key };
}

async function pruned(): Promise<{ stack: Stack; key: VerifierKey; firstKept: number }> {
  const { stack, log, key } = await longLog();
  const result = await log.prune(order());
  if (result === null) throw new Error("nothing was pruned");
  await append(log, 20);
  await log.close();
  return { stack, key, firstKept: result.firstKept };
}

const prunedLog = await pruned();

test("what is pruned goes in whole segments, and the rest is a log that opens, goes on and verifies", async () => {
  const { stack, key, firstKept } = { ...prunedLog, stack: copied(prunedLog.stack) };
  assert.ok(firstKept > 1 && firstKept <= 502, `kept from ${firstKept}`);
  assert.not.ok(existsSync(join(stack.dir, "00000001.wal")));
  const before = await verifyLog(stack.dir, { pinned: [key] });
  assert.is(before.ok, true, JSON.stringify(before.fault));
  assert.is(before.pruned?.records, firstKept - 1);
  assert.is(before.records, before.lastSeq - firstKept + 1);
  assert.is(before.signedRecords, before.lastSeq);
  const { log, count } = await openStack(stack);
  assert.is(log.stats().prunedBefore, firstKept);
  assert.is(log.stats().segments, segmentsOf(stack.dir).length);
  assert.is(count.records, before.lastSeq);
  await append(log, 5);
  await log.close();
  const after = await verifyLog(stack.dir, { pinned: [key] });
  assert.is(after.ok, true, JSON.stringify(after.fault));
  const seqs: number[] = [];
  for await (const { seq } of readRecords(stack.dir)) seqs.push(seq);
  assert.is(seqs[0], firstKept);
  assert.is(seqs.at(-1), after.lastSeq);
});

test("roots, proofs and receipts of records that are gone still hold", async () => {
  const { stack, log, key } = await longLog();
  const receipt = { seq: 3, leaf: "", size: 100, root: "" };
  for await (const { seq, value } of readRecords(stack.dir)) if (seq === receipt.seq) receipt.leaf = String(value.hash);
  await log.prune(order());
  const head = log.treeHead;
  if (head === null) throw new Error("no checkpoint");
  const subtree = subtreesOnDisk(nodeDisk, stack.dir, head.size);
  assert.is(rootOf(head.size, subtree), head.root);
  const proof = inclusionProof(receipt.seq - 1, head.size, subtree);
  assert.ok(includes({ index: 2, size: head.size, leaf: receipt.leaf, root: head.root, proof }));
  receipt.root = rootOf(receipt.size, subtree);
  await log.close();
  const { seq, leaf, size, root } = receipt;
  const held = await verifyLog(stack.dir, {
    pinned: [key],
    against: [{ name: "r", size, root, record: { seq, leaf } }],
  });
  assert.is(held.ok, true, JSON.stringify(held.fault));
  for (const wrong of [
    { size, root: leaf, record: { seq, leaf } },
    { size, root, record: { seq, leaf: root } },
  ]) {
    const report = await verifyLog(stack.dir, { pinned: [key], against: [{ name: "r", ...wrong }] });
    assert.is(report.fault?.field, wrong.root === root ? "leaf" : "root");
  }
});

test("K11 segments removed without a prune record, or more than it says, are missed by all who look", async () => {
  const unsaid = newStack();
  const { log } = await openStack(unsaid);
  await append(log, 500);
  await log.snapshot(() => ({ records: log.lastSeq }));
  await append(log, 30);
  const key = log.signer?.key as VerifierKey;
  await log.close();
  rmSync(join(unsaid.dir, "00000001.wal"));
  const more = copied(prunedLog.stack);
  rmSync(join(more.dir, segmentsOf(more.dir)[0] as string));
  for (const [stack, keys] of [
    [unsaid, [key]],
    [more, [prunedLog.key]],
  ] as const) {
    const report = await verifyLog(stack.dir, { pinned: keys });
    assert.is(report.fault?.field, "first_kept", JSON.stringify(report.fault));
    assert.is(await codeOfOpen(stack), "SEGMENT_MISSING");
    assert.is(await codeOfReading(stack.dir), "SEGMENT_MISSING");
  }
});

test("K11 a prune record that nobody has signed explains nothing", async () => {
  const { stack, log, key } = await longLog();
  await log.close();
  const clean = copied(stack);
  // Whoever can write files, and has not the key, appends the record and removes the segment.
  const forger = await Log.open({ dir: clean.dir, durability: "group", rebuilt: new Count() });
  const [, second] = segmentsOf(clean.dir);
  const first = JSON.parse(readFileSync(join(clean.dir, second as string), "utf8").split("\n")[0] as string);
  const subtree = subtreesOnDisk(nodeDisk, clean.dir, 600);
  const body = {
    first_kept: first.seq,
    first_kept_prev: first.prev,
    size: first.seq - 1,
    segments: [1, 1],
    archive: null,
  };
  const said = { ...body, root: rootOf(first.seq - 1, subtree), actor: "x", reason: "", rotations: [] };
  await forger.durable(forger.append({ type: "prune", policy_version: null, policy_hash: null, body: said }).seq);
  await forger.close();
  rmSync(join(clean.dir, "00000001.wal"));
  const report = await verifyLog(clean.dir, { pinned: [key] });
  assert.is(report.checks.find(({ ok }) => ok === false)?.name, "pruned", JSON.stringify(report.fault));
  assert.is(await codeOfOpen(clean), "SEGMENT_MISSING");
});

async function codeOfOpen(stack: Stack): Promise<string> {
  try {
    const { log } = await openStack(stack);
    await log.close();
    return "opened";
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

async function codeOfReading(dir: string): Promise<string> {
  try {
    for await (const record of readRecords(dir)) if (record.seq < 0) return "never";
    return "read";
  } catch (error) {
    return String((error as { code?: string }).code);
  }
}

/** The disk up to one call, which fails as all after it do: what a crash leaves. */
function dyingDisk(calls: number): { disk: Disk; count(): number } {
  let made = 0;
  const step = (): void => {
    if (++made > calls) throw diskError("EIO");
  };
  const disk: Disk = {
    ...nodeDisk,
    open: (path, mode) => {
      const file = nodeDisk.open(path, mode);
      return {
        path: file.path,
        write: (bytes, offset, length, position) => {
          step();
          return file.write(bytes, offset, length, position);
        },
        read: (into, offset, length, position) => file.read(into, offset, length, position),
        dataSync: async () => {
          step();
          await file.dataSync();
        },
        sync: () => file.sync(),
        truncate: (sizeBytes) => file.truncate(sizeBytes),
        identity: () => file.identity(),
        close: () => file.close(),
      };
    },
    rename: (from, to) => {
      step();
      nodeDisk.rename(from, to);
    },
    remove: (path) => {
      step();
      nodeDisk.remove(path);
    },
    syncDirectoryAside: async (path) => {
      step();
      await nodeDisk.syncDirectoryAside(path);
    },
  };
  return { disk, count: () => made };
}

test("a prune cut short at any call of the disk leaves a log that opens, verifies and can be pruned again", async () => {
  const { stack, log, key } = await longLog();
  await log.close();
  const attempt = async (at: Stack, calls: number): Promise<{ opening: number; whole: number }> => {
    const dying = dyingDisk(calls);
    const { log: dyingLog } = await openStack(at, { disk: dying.disk });
    const opening = dying.count();
    await dyingLog.prune(order()).catch(() => null);
    const whole = dying.count();
    // No clean stop: what a crash leaves.
    return { opening, whole };
  };
  const measured = await attempt(copied(stack), Number.POSITIVE_INFINITY);
  assert.ok(measured.whole - measured.opening > 20, `${measured.whole - measured.opening} calls`);
  for (let calls = measured.opening; calls <= measured.whole; calls++) {
    const source = copied(stack);
    await attempt(source, calls);
    // The lock dies with the process, which still lives: another place stands for the next start.
    const at = copied(source);
    const report = await verifyLog(at.dir, { pinned: [key] });
    assert.is(report.ok, true, `verify after ${calls}: ${JSON.stringify(report.fault)}`);
    const { log: next, count } = await openStack(at);
    assert.ok(count.records >= 600, `${calls}: ${count.records}`);
    await next.prune(order());
    const first = segmentsOf(at.dir)[0];
    assert.ok(first !== undefined && first > "00000002.wal", `${calls}: ${first}`);
    await next.close();
    assert.is((await verifyLog(at.dir, { pinned: [key] })).ok, true);
  }
});

test("a pruned log whose snapshots are gone or edited is not opened, and changed by nobody", async () => {
  const stack = copied(prunedLog.stack);
  for (const name of readdirSync(join(stack.dir, "snapshots"))) truncateSync(join(stack.dir, "snapshots", name), 10);
  const before = segmentsOf(stack.dir).map((name) => readFileSync(join(stack.dir, name)));
  const failure = await openStack(stack).then(
    () => undefined,
    (error: unknown) => error as Error & { code: string },
  );
  assert.is(failure?.code, "SEGMENT_MISSING");
  assert.match(failure?.message ?? "", /no snapshot can be used/);
  assert.equal(
    segmentsOf(stack.dir).map((name) => readFileSync(join(stack.dir, name))),
    before,
  );
});

test("nothing is pruned without a whole snapshot, nor beyond the one before the newest", async () => {
  const { stack, log } = await longLog();
  const [newest] = readdirSync(join(stack.dir, "snapshots")).sort().reverse();
  const path = join(stack.dir, "snapshots", newest as string);
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.subarray(1));
  assert.is(await log.prune(order()), null);
  writeFileSync(path, bytes);
  const plan = log.prunePlan(all);
  assert.ok(plan !== null && plan.firstKept <= 502);
  await log.close();
});

test("a segment that is not what was written is kept, and so is all behind it", async () => {
  const { stack, log, key } = await longLog();
  const path = join(stack.dir, "00000002.wal");
  const bytes = readFileSync(path);
  bytes[3000] = (bytes[3000] as number) ^ 1;
  writeFileSync(path, bytes);
  const failure = await log.prune(order()).then(
    () => undefined,
    (error: unknown) => error as Error & { code: string },
  );
  assert.is(failure?.code, "CORRUPT");
  assert.ok(existsSync(join(stack.dir, "00000001.wal")));
  await log.close();
  assert.is((await verifyLog(stack.dir, { pinned: [key] })).fault?.file, "00000002.wal");
});

test("what shall stay stays: by record, by time, by size", async () => {
  const { log } = await longLog();
  const whole = log.prunePlan(all);
  if (whole === null) throw new Error("nothing to prune");
  assert.is(log.prunePlan({ sinceUs: 0 }), null);
  assert.equal(log.prunePlan({ sinceUs: Number.MAX_SAFE_INTEGER }), whole);
  assert.is(log.prunePlan({ bytes: Number.MAX_SAFE_INTEGER }), null);
  const part = log.prunePlan({ fromSeq: whole.firstKept - 1 });
  assert.is(part?.segments.length, whole.segments.length - 1);
  const { totalBytes } = log.stats();
  assert.is(log.prunePlan({ bytes: totalBytes - (whole.segments[0]?.sizeBytes ?? 0) })?.segments.length, 1);
  await log.close();
});

test("K05 who has pinned the first key alone can follow rotations whose records are gone", async () => {
  const stack = newStack();
  const { log } = await openStack(stack);
  const first = log.signer?.key as VerifierKey;
  for (let rotation = 0; rotation < 2; rotation++) {
    await append(log, 150);
    await log.rotateKey();
  }
  await append(log, 200);
  for (let kept = 0; kept < 2; kept++) {
    await log.snapshot(() => ({ records: log.lastSeq }));
    await append(log, 40);
  }
  const one = log.prunePlan(all);
  assert.ok((await log.prune(order({ fromSeq: (one?.firstKept ?? 0) - 1 }))) !== null);
  await log.snapshot(() => ({ records: log.lastSeq }));
  await append(log, 100);
  await log.snapshot(() => ({ records: log.lastSeq }));
  assert.ok((await log.prune(order())) !== null);
  await log.close();
  const report = await verifyLog(stack.dir, { pinned: [first] });
  assert.is(report.ok, true, JSON.stringify(report.fault));
  assert.is(report.signedRecords, report.lastSeq);
});

test("A13 a bit flipped in a tile over pruned records, or a tile that is gone, is told of", async () => {
  for (const spoil of [(path: string) => rmSync(path), flip]) {
    const stack = copied(prunedLog.stack);
    spoil(join(stack.dir, "tile", "0", "000"));
    const report = await verifyLog(stack.dir, { pinned: [prunedLog.key] });
    assert.is(report.checks.find(({ ok }) => ok === false)?.name, "tiles", JSON.stringify(report.fault));
  }
});

function flip(path: string): void {
  const bytes = readFileSync(path);
  bytes[100] = (bytes[100] as number) ^ 4;
  writeFileSync(path, bytes);
}

test("K02 of a pruned log each kept record is held as in any other", async () => {
  const stack = copied(prunedLog.stack);
  const [first] = segmentsOf(stack.dir);
  const path = join(stack.dir, first as string);
  const whole = readFileSync(path, "utf8");
  const lines = whole.split("\n");
  for (const changed of [lines.slice(1), [lines[1], lines[0], ...lines.slice(2)], lines.filter((_, at) => at !== 3)]) {
    writeFileSync(path, changed.join("\n"));
    const report = await verifyLog(stack.dir, { pinned: [prunedLog.key] });
    assert.is(report.ok, false);
  }
  writeFileSync(path, whole);
  assert.is((await verifyLog(stack.dir, { pinned: [prunedLog.key] })).ok, true);
});

test("records go on beside a prune, and come before its own work", async () => {
  const { stack, log } = await longLog();
  const pruning = log.prune(order());
  const seqs: number[] = [];
  for (let index = 0; index < 200; index++) {
    const { seq } = log.append(mark(index));
    await log.durable(seq);
    seqs.push(seq);
  }
  assert.ok((await pruning) !== null);
  assert.is(seqs.length, 200);
  await log.close();
  assert.is((await verifyLog(copyOf(stack.dir))).ok, true);
});

test.run();
