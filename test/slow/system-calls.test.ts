// A04 to A10 for real: strace puts a kill or an error into every system call with which a log is opened, written, rotated, signed, pruned
// and recovered, and every length of a file comes up at which a disk is full. FARAMESH_POINTS takes that many of each kind instead of all,
// chosen by FARAMESH_SEED.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../generate/random.ts";
import type { Fault } from "../strace/attach.ts";
import { segmentBytes } from "../strace/scenes.ts";
import { Sweep, type Swept } from "../strace/sweep.ts";
import type { Call, Point } from "../strace/traced.ts";

/** Points that may stay unhit; see `shifts` of the sweep. */
const strayedShareMax = 0.05;

const wanted = Number(process.env.FARAMESH_POINTS ?? Number.POSITIVE_INFINITY);
const seed = Number(process.env.FARAMESH_SEED ?? Date.now() % 1_000_000_000);
const random = new Random(seed);
process.stdout.write(`seed ${seed}\n`);

const sweep = await Sweep.begin();
const { points } = sweep;

function sample<Item>(from: readonly Item[]): Item[] {
  const left = [...from];
  const chosen: Item[] = [];
  while (left.length > 0 && chosen.length < wanted) chosen.push(...left.splice(random.below(left.length), 1));
  return chosen;
}

function report(name: string, { runs, wrong, strayed }: Swept): void {
  process.stdout.write(`${name}: ${runs} runs, ${strayed} missed\n`);
  assert.equal(wrong, []);
  assert.ok(runs > 0);
}

async function sweepOf(fault: Fault, at: readonly Point[]): Promise<void> {
  const swept = await sweep.at(fault, sample(at));
  report(fault, swept);
  assert.ok(swept.strayed <= 1 + swept.runs * strayedShareMax, `${swept.strayed} of ${swept.runs} points were missed`);
}

const isOf = (...calls: readonly Call[]): readonly Point[] => points.filter(({ call }) => calls.includes(call));

test("the scenes come to every call that there is, on every kind of file", () => {
  const calls = new Set(points.map(({ thread, call }) => `${thread} ${call}`));
  for (const call of ["openat", "write", "pwrite64", "fsync", "ftruncate", "rename", "unlink", "mkdir", "close"]) {
    assert.ok(calls.has(`main ${call}`), call);
  }
  for (const call of ["fsync", "fdatasync"]) assert.ok(calls.has(`pool ${call}`), call);
  const files = points.map(({ file }) => file).join("\n");
  for (const file of [
    /\d\.wal/,
    /log\/head/,
    /tile\//,
    /checkpoint/,
    /snapshots\//,
    /salts\//,
    /quarantine\//,
    /keys\//,
  ]) {
    assert.match(files, file);
  }
});

test("A01 A02 A04 a kill at any system call of the log loses no acknowledged record, and what it leaves verifies, opens and goes on", () =>
  sweepOf("KILL", points));

test("A05 A06 A10 EIO from any system call: nothing is acknowledged after it that is not on disk, a segment is never tried again", () =>
  sweepOf("EIO", points));

test("A07 A10 ENOSPC from any system call that takes space: the same", () =>
  sweepOf("ENOSPC", isOf("openat", "write", "pwrite64", "fsync", "fdatasync", "rename", "mkdir")));

test("A09 EINTR from any system call stops nothing", () => sweepOf("EINTR", points));

test("A09 EAGAIN from any write to a segment, the head or the salts stops nothing", () =>
  sweepOf(
    "EAGAIN",
    isOf("write", "pwrite64").filter(({ indexOnFile }) => indexOnFile !== null),
  ));

test("A07 A08 a write that the system takes only a part of, at any byte of a segment, is never acknowledged", async () => {
  const sizes = Array.from({ length: segmentBytes - 1024 }, (_, index) => 1024 + index);
  const swept = await sweep.endingAt("recover", sample(sizes));
  report("short writes", swept);
  assert.ok(swept.strayed < swept.runs / 2, `${swept.strayed} of ${swept.runs} sizes stopped nothing`);
});

test.run();
