// What a start makes of a log that a crash, or a hand, left: torn is cut off and kept, anything else is refused and
// left exactly as it was.
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { sha256Hex } from "../../runtime/log/line.ts";
import { readRecords } from "../../runtime/log/read.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { append, closedLog, copyOf, crashedLog, failureOfOpen, open, readSegment, segmentPath } from "./fixture.ts";

/** Opens, expects a torn tail of these bytes to be quarantined and marked, and `records` to be there. */
async function expectTorn(dir: string, tail: Uint8Array, records: number): Promise<void> {
  const log = await open(dir);
  assert.is(log.lastSeq, records + 1, "one mark follows the records");
  await log.close();
  const [name = ""] = readdirSync(join(dir, "quarantine"));
  assert.is(readdirSync(join(dir, "quarantine")).length, 1);
  assert.ok(Buffer.from(tail).equals(readFileSync(join(dir, "quarantine", name))));
  let last: unknown;
  for await (const record of readRecords(dir)) last = record.value;
  const { kind, detail } = last as { kind: string; detail: { bytes: number; sha256: string } };
  assert.is(kind, "torn_tail");
  assert.is(detail.bytes, tail.length);
  assert.is(detail.sha256, sha256Hex(tail));
  assert.ok((await verifyLog(dir)).ok);
}

/** Opens, expects a refusal, and every file but the lock as it was. */
async function expectHalt(dir: string, code: string): Promise<NonNullable<Awaited<ReturnType<typeof failureOfOpen>>>> {
  const snapshot = (): string =>
    readdirSync(dir)
      .filter((name) => name !== "lock")
      .map((name) => `${name} ${existsSync(join(dir, name, ".")) ? "" : sha256Hex(readFileSync(join(dir, name)))}`)
      .join("\n");
  const before = snapshot();
  const failure = await failureOfOpen(dir);
  assert.is(failure?.code, code, failure?.message);
  assert.is(snapshot(), before);
  if (failure === undefined) throw new Error("the log opened");
  return failure;
}

/** [start, end) of each line of a segment, newline included. */
function linesOf(bytes: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const end = bytes.indexOf(10, from) + 1;
    lines.push(bytes.subarray(from, end));
    from = end;
  }
  return lines;
}

test("A11 every prefix of the last record is torn: quarantined and marked", async () => {
  const dir = await crashedLog(3);
  const bytes = readSegment(dir);
  const last = linesOf(bytes)[2] as Buffer;
  const start = bytes.length - last.length;
  for (let kept = 0; kept < last.length; kept += kept < 90 || kept > last.length - 10 ? 1 : 17) {
    const copy = copyOf(dir);
    truncateSync(segmentPath(copy), start + kept);
    if (kept > 0) await expectTorn(copy, last.subarray(0, kept), 2);
    else {
      const log = await open(copy);
      assert.is(log.lastSeq, 2);
      await log.close();
    }
  }
});

test("A12 garbage behind the last record is quarantined, never read", async () => {
  const dir = await crashedLog(3);
  const record = linesOf(readSegment(dir))[0] as Buffer;
  const garbage = [
    Buffer.from("garbage"),
    Buffer.from("\n\n\n"),
    Buffer.from('{"hash":"x"}\n{"seq":4}\n'),
    Buffer.alloc(5000, 0xff),
    Buffer.alloc(200_000, "x"),
    Buffer.concat([Buffer.from("x"), record]),
  ];
  for (const tail of garbage) {
    const copy = copyOf(dir);
    appendFileSync(segmentPath(copy), tail);
    await expectTorn(copy, tail, 3);
  }
});

test("A13 A14 a bit flipped in any byte of a record that others follow halts and changes nothing", async () => {
  const dir = await crashedLog(5);
  const bytes = readSegment(dir);
  const lines = linesOf(bytes);
  const third = (lines[0] as Buffer).length + (lines[1] as Buffer).length;
  for (let at = 0; at < (lines[2] as Buffer).length; at += 1) {
    const flipped = Buffer.from(bytes);
    flipped[third + at] = (flipped[third + at] as number) ^ (1 << (at % 8));
    writeFileSync(segmentPath(dir), flipped);
    const failure = await failureOfOpen(dir);
    assert.is(failure?.code, "CORRUPT", `byte ${at}`);
    assert.is(failure?.offset, third, `byte ${at}`);
    assert.is(failure?.seq, 3);
    assert.ok(readSegment(dir).equals(flipped));
    assert.not.ok((await verifyLog(dir)).ok);
  }
});

test("A14 newlines flipped or added are corrupt, at the end too", async () => {
  const dir = await crashedLog(4);
  const bytes = readSegment(dir);
  const ends: number[] = [];
  for (const line of linesOf(bytes)) ends.push((ends.at(-1) ?? 0) + line.length);
  for (const end of ends) {
    const joined = Buffer.from(bytes);
    joined[end - 1] = 0x0b;
    writeFileSync(segmentPath(dir), joined);
    await expectHalt(dir, "CORRUPT");
  }
  for (const at of [ends[0] as number, (ends[0] as number) + 40]) {
    const split = Buffer.concat([bytes.subarray(0, at), Buffer.from("\n"), bytes.subarray(at)]);
    writeFileSync(segmentPath(dir), split);
    await expectHalt(dir, "CORRUPT");
  }
});

test("A15 a zeroed sector is corrupt between records and torn at the tail", async () => {
  const dir = await crashedLog(8);
  const bytes = readSegment(dir);
  const middle = Buffer.from(bytes).fill(0, 512, 1024);
  writeFileSync(segmentPath(dir), middle);
  await expectHalt(dir, "CORRUPT");
  const last = linesOf(bytes)[7] as Buffer;
  writeFileSync(segmentPath(dir), Buffer.from(bytes).fill(0, bytes.length - last.length));
  await expectTorn(dir, Buffer.alloc(last.length), 7);
});

test("A16 duplicated, swapped and misdirected records halt", async () => {
  const dir = await crashedLog(4);
  const [a, b, c, d] = linesOf(readSegment(dir)) as [Buffer, Buffer, Buffer, Buffer];
  for (const lines of [
    [a, b, b, c, d],
    [a, c, b, d],
    [a, b, c, d, d],
    [a, b, d],
    [b, c, d],
    [a, b, c, a],
  ]) {
    writeFileSync(segmentPath(dir), Buffer.concat(lines));
    await expectHalt(dir, "CORRUPT");
    assert.not.ok((await verifyLog(dir)).ok);
  }
});

test("A17 a missing, foreign or extra segment halts", async () => {
  const dir = await closedLog(6, { segmentBytes: 800 });
  const count = readdirSync(dir).filter((name) => name.endsWith(".wal")).length;
  assert.ok(count >= 3);
  const middle = copyOf(dir);
  rmSync(segmentPath(middle, 2));
  assert.is((await expectHalt(middle, "SEGMENT_MISSING")).segment, "00000002.wal");
  const first = copyOf(dir);
  rmSync(segmentPath(first, 1));
  await expectHalt(first, "SEGMENT_MISSING");
  const last = copyOf(dir);
  rmSync(segmentPath(last, count));
  await expectHalt(last, "SEGMENT_MISSING");
  const foreign = copyOf(dir);
  const other = await crashedLog(2);
  writeFileSync(segmentPath(foreign, 2), readSegment(other));
  await expectHalt(foreign, "CORRUPT");
  const extra = copyOf(dir);
  writeFileSync(segmentPath(extra, count + 1), readSegment(other));
  await expectHalt(extra, "CORRUPT");
  const odd = copyOf(dir);
  writeFileSync(join(odd, "backup.wal"), "");
  await expectHalt(odd, "CORRUPT");
  for (const copy of [middle, first, last, foreign, extra, odd]) assert.not.ok((await verifyLog(copy)).ok);
});

test("A18 an empty last segment is continued", async () => {
  const dir = await crashedLog(3);
  writeFileSync(segmentPath(dir, 2), "");
  const log = await open(dir);
  await append(log, 1);
  await log.close();
  assert.is(readSegment(dir).length > 0 && linesOf(readSegment(dir, 2)).length, 1);
  assert.ok((await verifyLog(dir)).ok);
});

test("A18 an empty segment that others follow halts", async () => {
  const dir = await crashedLog(3);
  writeFileSync(segmentPath(dir, 3), readSegment(dir));
  writeFileSync(segmentPath(dir, 2), readSegment(dir));
  writeFileSync(segmentPath(dir), "");
  await expectHalt(dir, "CORRUPT");
});

test("A19 one bad slot of the head is overcome by the other, two are not", async () => {
  const dir = await closedLog(3);
  const head = readFileSync(join(dir, "head"));
  for (const at of [0, 4096]) {
    const copy = copyOf(dir);
    const damaged = Buffer.from(head);
    damaged[at + 20] = (damaged[at + 20] as number) ^ 1;
    writeFileSync(join(copy, "head"), damaged);
    const isNewer = JSON.parse(head.toString("utf8", at, at + 4095)).clean_stop;
    // Without the slot of the clean stop the other one is a floor below the records.
    assert.is((await failureOfOpen(copy))?.message, undefined, isNewer ? "older slot" : "newer slot");
  }
  for (const damage of [Buffer.alloc(8192), Buffer.from("x"), null]) {
    const copy = copyOf(dir);
    if (damage === null) rmSync(join(copy, "head"));
    else writeFileSync(join(copy, "head"), damage);
    await expectHalt(copy, "HEAD_INVALID");
    assert.not.ok((await verifyLog(copy)).ok);
    const log = await open(copy, { acceptUnanchored: true });
    assert.is(log.lastSeq, 4, "the acceptance is recorded");
    await log.close();
    assert.match(readSegment(copy).toString(), /"kind":"head_rebuilt"/);
    assert.is(await failureOfOpen(copy), undefined);
  }
});

test("A20 a log that ends before its head halts with TAIL_LOST", async () => {
  const dir = await closedLog(3);
  const lines = linesOf(readSegment(dir));
  writeFileSync(segmentPath(dir), Buffer.concat(lines.slice(0, 2)));
  await expectHalt(dir, "TAIL_LOST");
  const report = await verifyLog(dir);
  assert.is(report.ok, false);
  assert.is(report.fault?.found, "TAIL_LOST");
});

test("A20 acknowledged records are never cut off as torn", async () => {
  const dir = await closedLog(3);
  truncateSync(segmentPath(dir), readSegment(dir).length - 1);
  await expectHalt(dir, "CORRUPT");
});

test("after a clean stop nothing may follow the last record", async () => {
  const clean = await closedLog(2);
  const torn = copyOf(clean);
  appendFileSync(segmentPath(torn), "{");
  await expectHalt(torn, "CORRUPT");
  const longer = copyOf(clean);
  const log = await open(longer);
  await append(log, 1);
  await log.close();
  writeFileSync(join(longer, "head"), readFileSync(join(clean, "head")));
  await expectHalt(longer, "CORRUPT");
});

test("A21 a start that died between quarantine and mark is made good by the next", async () => {
  const dir = await crashedLog(2);
  const tail = Buffer.from("torn");
  appendFileSync(segmentPath(dir), tail);
  const copy = copyOf(dir);
  await expectTorn(copy, tail, 2);
  const [name = ""] = readdirSync(join(copy, "quarantine"));
  // Died after the cut: the copy is there, the mark is not.
  const cut = await crashedLog(2);
  const { mkdirSync } = await import("node:fs");
  mkdirSync(join(cut, "quarantine"));
  writeFileSync(join(cut, "quarantine", name), tail);
  await expectTorn(cut, tail, 2);
  // Died while the copy was written: it is written again.
  mkdirSync(join(dir, "quarantine"));
  writeFileSync(join(dir, "quarantine", name), "to");
  await expectTorn(dir, tail, 2);
});

test("J03 a directory that others may write, a link and a missing id are refused", async () => {
  const { chmodSync, symlinkSync } = await import("node:fs");
  const open777 = await closedLog(1);
  chmodSync(open777, 0o777);
  assert.is((await failureOfOpen(open777))?.code, "DIRECTORY_UNUSABLE");
  const dir = await closedLog(1);
  const link = `${dir}-link`;
  symlinkSync(dir, link);
  assert.is((await failureOfOpen(link))?.code, "DIRECTORY_UNUSABLE");
  rmSync(link);
  for (const name of ["log.json", "digest.key"]) {
    const copy = copyOf(dir);
    rmSync(join(copy, name));
    await expectHalt(copy, "DIRECTORY_UNUSABLE");
    if (name === "log.json") assert.not.ok((await verifyLog(copy)).ok);
  }
});

test("a log of a later layout is neither written nor read, and the message says so", async () => {
  const dir = await closedLog(1);
  const path = join(dir, "log.json");
  const told = JSON.parse(readFileSync(path, "utf8")) as { log_id: string };
  writeFileSync(path, JSON.stringify({ ...told, v: 2 }));
  const failure = await failureOfOpen(dir);
  assert.is(failure?.code, "DIRECTORY_UNUSABLE");
  assert.match(failure?.message ?? "", /log\.json says that the log is of version 2.*use the one that wrote it/);
  const { ok, fault } = await verifyLog(dir);
  assert.equal([ok, fault?.file], [false, "log.json"]);
});

test.run();
