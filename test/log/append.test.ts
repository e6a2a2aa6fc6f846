// What append writes: the bytes of a line, the chain, rotation, the modes of durability and their limits.
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { formatTime, parseTime, SystemClock } from "../../runtime/clock.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import { canonicalJson, type Json, type JsonObject, parseJson } from "../../runtime/json.ts";
import type { LogFailure } from "../../runtime/log/failure.ts";
import { requestDigest } from "../../runtime/log/identity.ts";
import { sha256Hex } from "../../runtime/log/line.ts";
import { queueLimitBytes } from "../../runtime/log/options.ts";
import { readRecords, visitRecords } from "../../runtime/log/read.ts";
import { type LogEntryInput, recordTypes } from "../../runtime/log/record.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { append, copyOf, crashedLog, faultyDisk, mark, open, readSegment, temporaryDir } from "./fixture.ts";

const lines = (dir: string): string[] => readSegment(dir).toString().trimEnd().split("\n");

test("a line is the leaf hash and the canonical rest, chained from genesis", async () => {
  const dir = temporaryDir();
  const log = await open(dir);
  const body = { zeta: 'é\u0000"', args: { b: [1, new JsonNumber("1.0", 1, true)], a: null }, kind: "x", prune: -0.5 };
  const entries = recordTypes.map((type): LogEntryInput => ({ type, policy_version: "v17", policy_hash: "ab", body }));
  const appended = entries.map((entry) => log.append(entry));
  await log.close();
  let prev = createHash("sha256").update(`faramesh/log/v1:${log.logId}`).digest("hex");
  for (const [index, line] of lines(dir).entries()) {
    const { seq, hash, time } = appended[index] as (typeof appended)[number];
    assert.is(line.slice(0, 75), `{"hash":"${hash}",`);
    const entry = `{${line.slice(75)}`;
    assert.is(createHash("sha256").update(`\0${entry}`).digest("hex"), hash, "RFC 6962 leaf hash");
    const parsed = parseJson(Buffer.from(entry));
    assert.is(parsed.ok && canonicalJson(parsed.value), entry, "RFC 8785 order");
    const value = JSON.parse(line);
    assert.equal([value.v, value.seq, value.prev, value.time, value.log_id], [1, seq, prev, time, log.logId]);
    assert.is(value.type, recordTypes[index]);
    assert.is(seq, index + 1);
    prev = hash;
  }
});

test("the hash agrees with @noble/hashes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 700 }), (data) => sha256Hex(data) === bytesToHex(sha256(data))));
  assert.is(sha256Hex("é"), bytesToHex(sha256(new TextEncoder().encode("é"))));
});

test("the request digest is HMAC-SHA-256 (RFC 4231, case 2)", () => {
  const expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
  assert.is(requestDigest(Buffer.from("Jefe"), "what do ya want for nothing?"), expected);
});

test("200 concurrent appenders share few syncs and keep one order", async () => {
  const dir = temporaryDir();
  let syncs = 0;
  const disk = faultyDisk((call, path) => {
    if (call === "dataSync" && path.endsWith(".wal")) syncs++;
    return undefined;
  });
  const log = await open(dir, { disk, segmentBytes: 30_000 });
  const seqs: number[] = [];
  const work = async (): Promise<void> => {
    for (let count = 0; count < 5; count++) {
      const { seq } = log.append(mark(count));
      await log.durable(seq);
      assert.ok(log.stats().syncedSeq >= seq);
      seqs.push(seq);
    }
  };
  await Promise.all(Array.from({ length: 200 }, work));
  await log.close();
  assert.is(new Set(seqs).size, 1000);
  assert.ok(syncs < 100, `${syncs} syncs for 1,000 records`);
  const report = await verifyLog(dir);
  assert.ok(report.ok && report.records === 1000 && report.segments > 5);
});

test("durability each syncs once a record, async answers before the sync and still syncs", async () => {
  for (const [durability, expected] of [
    ["each", 20],
    ["async", 1],
  ] as const) {
    const dir = temporaryDir();
    let syncs = 0;
    const disk = faultyDisk((call, path) => {
      if (call === "dataSync" && path.endsWith(".wal")) syncs++;
      return undefined;
    });
    const log = await open(dir, { disk, durability });
    for (let index = 0; index < 20; index++) log.append(mark(index));
    await log.durable(7);
    if (durability === "async") assert.is(log.stats().syncedSeq, 0);
    else assert.ok(log.stats().syncedSeq >= 7);
    await log.close();
    assert.is(syncs, expected, durability);
    assert.is(log.stats().syncedSeq, 20);
    assert.ok((await verifyLog(dir)).ok);
  }
});

test("async reaches the disk by itself", async () => {
  const dir = temporaryDir();
  const log = await open(dir, { durability: "async" });
  log.append(mark(1));
  const keepAlive = setInterval(() => {}, 20);
  while (log.stats().syncedSeq < 1) await new Promise((resolve) => setTimeout(resolve, 10));
  clearInterval(keepAlive);
  await log.close();
});

test("segments rotate by age, and by size at exact record boundaries", async () => {
  const source = { wall: 1_800_000_000_000, mono: 0, wallMs: () => source.wall, monoUs: () => source.mono };
  const dir = temporaryDir();
  const clock = new SystemClock(source, "boot");
  let log = await open(dir, { clock, segmentAgeMs: 1000 });
  await append(log, 2);
  source.wall += 900;
  await log.close();
  log = await open(dir, { clock, segmentAgeMs: 1000 });
  await append(log, 1);
  source.wall += 101;
  await append(log, 1);
  await log.close();
  assert.is(log.stats().segments, 2, "the age counts from the first record, across a restart");
  const sized = temporaryDir();
  const single = await open(sized, { segmentBytes: 1 });
  for (let index = 0; index < 4; index++) single.append(mark(index));
  await single.close();
  assert.is(single.stats().segments, 4, "a segment holds at least one record");
  assert.ok((await verifyLog(dir)).ok && (await verifyLog(sized)).ok);
});

test("an entry of 65,535 bytes fits, one more is refused and takes no seq", async () => {
  const dir = temporaryDir();
  const log = await open(dir);
  log.append(mark(""));
  await log.durable(1);
  const emptyBytes = readSegment(dir).length - 75;
  const fill = 65_535 - emptyBytes;
  assert.is(log.append(mark("x".repeat(fill))).seq, 2);
  for (const detail of ["x".repeat(fill + 1), "x".repeat(200_000)]) {
    assert.throws(
      () => log.append(mark(detail)),
      (error: LogFailure) => error.code === "ENTRY_TOO_LARGE",
    );
  }
  assert.is(log.append(mark("after")).seq, 3);
  await log.close();
  assert.is((await verifyLog(dir)).records, 3);
});

test("an oversized entry alone in the queue leaves the log usable", async () => {
  const dir = temporaryDir();
  const log = await open(dir);
  assert.throws(() => log.append(mark("x".repeat(70_000))));
  await append(log, 1);
  await log.close();
  assert.is((await verifyLog(dir)).records, 1);
});

test("the queue is bounded, and drains", async () => {
  const log = await open(temporaryDir());
  const big = mark("x".repeat(60_000));
  const fill = (): void => {
    for (let queued = 0; queued <= queueLimitBytes; queued += 60_000) log.append(big);
  };
  assert.throws(fill, (error: LogFailure) => error.code === "OVERLOADED");
  await log.durable(log.lastSeq);
  await append(log, 1);
  await log.close();
  assert.throws(
    () => log.append(big),
    (error: LogFailure) => error.code === "CLOSED",
  );
});

test("bodies that are not JSON or claim the header's members are bugs, and take no seq", async () => {
  const log = await open(temporaryDir());
  const bodies: unknown[] = [
    { a: undefined },
    { a: Number.NaN },
    { seq: 1 },
    { hash: "x" },
    { a: "\ud800" },
    JSON.parse('{"__proto__":1}'),
  ];
  for (const body of bodies) {
    const entry: LogEntryInput = { type: "mark", policy_version: null, policy_hash: null, body: body as JsonObject };
    assert.throws(
      () => log.append(entry),
      (error: unknown) => error instanceof TypeError,
    );
  }
  assert.is(log.append(mark(1)).seq, 1);
  await log.close();
});

test("whatever JSON is appended is read back the same", async () => {
  const dir = temporaryDir();
  const log = await open(dir);
  const values: Json[] = [];
  // A key `__proto__` is refused by reader and writer alike; the test above and those of the reader hold that.
  const readable = fc
    .jsonValue({ maxDepth: 6, stringUnit: "grapheme" })
    .filter((value) => !JSON.stringify(value).includes('"__proto__":'));
  fc.assert(
    fc.property(readable, (value) => {
      values.push(value as Json);
      log.append({
        type: "mark",
        policy_version: null,
        policy_hash: null,
        body: { kind: "test", detail: value as Json },
      });
    }),
    { numRuns: 300 },
  );
  await log.close();
  for await (const { seq, value } of readRecords(dir)) {
    assert.is(canonicalJson(value.detail as Json), canonicalJson(values[seq - 1] as Json));
  }
  assert.is((await verifyLog(dir)).records, 300);
});

test("visitRecords shows what readRecords hands out", async () => {
  const dir = await crashedLog(40, { segmentBytes: 1000 });
  for (const fromSeq of [1, 2, 17, 40, 1000]) {
    const handed: unknown[] = [];
    for await (const { seq, value } of readRecords(dir, { fromSeq })) handed.push([seq, value.type, value.time, value]);
    const seen: unknown[] = [];
    await visitRecords(dir, ({ seq, type, time, value }) => seen.push([seq, type, time, value()]), { fromSeq });
    assert.equal(seen, handed);
  }
});

test("readRecords begins at any seq, across segments, with the stored bytes", async () => {
  const dir = await crashedLog(12, { segmentBytes: 1000 });
  const all = readdirSync(dir)
    .filter((name) => name.endsWith(".wal"))
    .map((name) => readFileSync(join(dir, name), "utf8"))
    .join("");
  const stored = all.trimEnd().split("\n");
  for (let fromSeq = 1; fromSeq <= 13; fromSeq++) {
    const read: string[] = [];
    for await (const record of readRecords(dir, { fromSeq })) {
      read.push(Buffer.from(record.line).toString());
      const segment = readFileSync(join(dir, record.segment));
      assert.ok(segment.subarray(record.offset, record.offset + record.line.length).equals(Buffer.from(record.line)));
    }
    assert.equal(read, stored.slice(fromSeq - 1));
  }
});

test("opening hands each stored record to who rebuilds state", async () => {
  const dir = await crashedLog(5, { segmentBytes: 1000 });
  const seqs: unknown[] = [];
  const log = await open(dir, { rebuilt: { begin: () => null, take: (_, { seq }) => seqs.push(seq) } });
  await log.close();
  assert.equal(seqs, [1, 2, 3, 4, 5]);
});

test("A34 honest histories with rotation, crashes and torn tails verify without alarm", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          count: fc.nat(12),
          crash: fc.boolean(),
          torn: fc.nat(400),
          segmentBytes: fc.integer({ min: 400, max: 3000 }),
        }),
        { maxLength: 6 },
      ),
      async (runs) => {
        let dir = temporaryDir();
        for (const run of runs) {
          const log = await open(dir, { segmentBytes: run.segmentBytes });
          for (let index = 0; index < run.count; index++) log.append(mark(index));
          await log.durable(log.lastSeq);
          // A copy made now is what a kill would leave.
          const crashed = run.crash ? copyOf(dir) : null;
          await log.close();
          if (crashed === null) continue;
          dir = crashed;
          const segments = readdirSync(dir).filter((name) => name.endsWith(".wal"));
          const { appendFileSync } = await import("node:fs");
          const torn = `{"hash":"${"0".repeat(64)}","args":"${"x".repeat(400)}`;
          appendFileSync(join(dir, segments.at(-1) as string), torn.slice(0, run.torn));
        }
        const log = await open(dir);
        await log.close();
        const report = await verifyLog(dir);
        assert.ok(report.ok, JSON.stringify(report.fault));
      },
    ),
    { numRuns: 25 },
  );
});

test("verify names the first bad record and says what it could not check", async () => {
  const dir = await crashedLog(4);
  const progress: number[] = [];
  const good = await verifyLog(dir, { onProgress: (_records, bytes, total) => progress.push(bytes / total) });
  assert.ok(good.ok);
  assert.is(progress.at(-1), 1);
  assert.ok(good.notChecked.includes("checkpoints: there are none"));
  assert.is(good.unanchored.records, 4);
  const { writeFileSync } = await import("node:fs");
  const bytes = readSegment(dir);
  const at = bytes.indexOf('"detail":2');
  bytes[at + 9] = 0x33;
  writeFileSync(join(dir, "00000001.wal"), bytes);
  const bad = await verifyLog(dir);
  assert.is(bad.ok, false);
  assert.is(bad.fault?.file, "00000001.wal");
  assert.is(bad.fault?.seq, 3);
  assert.is(bad.fault?.field, "hash");
  assert.is(bad.fault?.offset, lines(dir).slice(0, 2).join("\n").length + 1);
});

test("verify finds a decision under a policy that was not active", async () => {
  const dir = temporaryDir();
  const log = await open(dir);
  const under = (type: "policy" | "decision", version: string): LogEntryInput => ({
    type,
    policy_version: version,
    policy_hash: `hash of ${version}`,
    body: { action_id: `action-${version}` },
  });
  for (const entry of [under("policy", "v1"), under("decision", "v1"), under("policy", "v2"), under("decision", "v1")])
    log.append(entry);
  await log.close();
  const report = await verifyLog(dir);
  assert.is(report.ok, false);
  assert.is(report.fault?.seq, 4);
  assert.is(report.fault?.field, "policy_version");
  assert.is(report.fault?.id, "action-v1");
  assert.is(report.fault?.file, "00000001.wal");
  assert.is(report.fault?.offset, lines(dir).slice(0, 3).join("\n").length + 1);
});

test("B03 times are RFC 3339 with six digits and read back", () => {
  for (const [us, text] of [
    [0, "1970-01-01T00:00:00.000000Z"],
    [2_147_483_648_000_001, "2038-01-19T03:14:08.000001Z"],
    [253_402_300_799_000_000, "9999-12-31T23:59:59.000000Z"],
  ] as const) {
    assert.is(formatTime(us), text);
    assert.is(parseTime(text), us);
  }
  assert.throws(() => formatTime(253_402_300_800_000_000));
  for (const text of ["2026-02-30T00:00:00.000000Z", "2026-01-01T24:00:00.000000Z", "2026-01-01T00:00:00Z", "", "x"]) {
    assert.is(parseTime(text), undefined, text);
  }
});

test("request digests are HMAC-SHA-256 for texts of every length and width", () => {
  for (const key of [randomBytes(32), randomBytes(32)]) {
    for (const length of [0, 1, 55, 64, 450, 21_000, 22_000, 70_000]) {
      for (const text of ["a".repeat(length), "é".repeat(length), "😀".repeat(length)]) {
        assert.is(requestDigest(key, text), createHmac("sha256", key).update(text).digest("hex"));
      }
    }
  }
});

test.run();
