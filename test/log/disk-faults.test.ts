// A disk that fails under the running log: the first error latches for good, short writes and interruptions do not.
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { SystemClock } from "../../runtime/clock.ts";
import type { LogFailure } from "../../runtime/log/failure.ts";
import type { Log } from "../../runtime/log/log.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import {
  append,
  codeOf,
  diskError,
  failureOfOpen,
  faultyDisk,
  mark,
  open,
  readSegment,
  temporaryDir,
} from "./fixture.ts";

/** Opens on a disk where the calls to segments fail from the `from`th on, appends until it latches. */
async function latchWith(
  call: "write" | "dataSync",
  code: string,
  from: number,
): Promise<{ dir: string; log: Log; calls: number }> {
  const dir = temporaryDir();
  const state = { calls: 0 };
  const disk = faultyDisk((made, path) => {
    if (made === call && path.endsWith(".wal") && ++state.calls >= from) throw diskError(code);
    return undefined;
  });
  const log = await open(dir, { disk });
  const heard: LogFailure[] = [];
  log.onLatch((failure) => heard.push(failure));
  await append(log, from - 1);
  const failing = log.append(mark("failing"));
  const beside = log.append(mark("beside"));
  assert.is(await codeOf(log.durable(failing.seq)), "AUDIT_UNAVAILABLE");
  assert.is(await codeOf(log.durable(beside.seq)), "AUDIT_UNAVAILABLE");
  assert.is(log.state, "latched");
  assert.is(heard.length, 1);
  assert.throws(
    () => log.append(mark("later")),
    (error: LogFailure) => error.code === "AUDIT_UNAVAILABLE",
  );
  await log.durable(from - 1);
  await log.close();
  assert.is(log.state, "latched");
  return { dir, log, calls: state.calls };
}

for (const [name, call, code] of [
  ["A05 EIO on write", "write", "EIO"],
  ["A06 EIO on fdatasync", "dataSync", "EIO"],
  ["A07 ENOSPC on write", "write", "ENOSPC"],
  ["A07 EDQUOT on fdatasync", "dataSync", "EDQUOT"],
] as const) {
  test(`${name} latches, is never tried again, and the log opens afterwards`, async () => {
    for (const from of [1, 3]) {
      const { dir, calls } = await latchWith(call, code, from);
      assert.is(calls, from, "no call after the failure");
      const log = await open(dir);
      assert.ok(log.lastSeq >= from - 1);
      await append(log, 1);
      await log.close();
      assert.ok((await verifyLog(dir)).ok);
    }
  });
}

test("A07 a line cut short by a full disk is quarantined at the next start", async () => {
  const dir = temporaryDir();
  let left = 700;
  const disk = faultyDisk((call, path, bytes) => {
    if (call !== "write" || !path.endsWith(".wal")) return undefined;
    if (left === 0) throw diskError("ENOSPC");
    const taken = Math.min(bytes, left);
    left -= taken;
    return taken;
  });
  const log = await open(dir, { disk });
  await append(log, 1);
  assert.is(await codeOf(append(log, 1)), "AUDIT_UNAVAILABLE");
  await log.close();
  assert.is(readSegment(dir).length, 700);
  assert.is(await failureOfOpen(dir), undefined);
  assert.match(readSegment(dir).toString(), /"kind":"torn_tail"/);
  assert.is((await verifyLog(dir)).records, 2);
});

test("A08 short writes are completed before anything is acknowledged", async () => {
  const dir = temporaryDir();
  const log = await open(dir, { disk: faultyDisk((call) => (call === "write" ? 7 : undefined)) });
  await append(log, 3);
  assert.is(readSegment(dir).toString().split("\n").length, 4);
  await log.close();
  assert.ok((await verifyLog(dir)).ok);
});

test("A08 a disk that takes no byte at all latches instead of turning for ever", async () => {
  const dir = temporaryDir();
  const disk = faultyDisk((call, path) => (call === "write" && path.endsWith(".wal") ? 0 : undefined));
  const log = await open(dir, { disk });
  assert.is(await codeOf(append(log, 1)), "AUDIT_UNAVAILABLE");
  await log.close();
});

test("A09 EINTR and EAGAIN are gone through", async () => {
  const dir = temporaryDir();
  let calls = 0;
  const disk = faultyDisk((call) => {
    calls++;
    if (call === "write" && calls % 3 === 0) throw diskError("EAGAIN");
    if (calls % 2 === 0) throw diskError("EINTR");
    return undefined;
  });
  const log = await open(dir, { disk: faultyDisk(() => undefined) });
  await log.close();
  const again = await open(dir, {
    disk: {
      ...disk,
      open: (path, mode) => (path.endsWith(".wal") ? disk : faultyDisk(() => undefined)).open(path, mode),
    },
  });
  await append(again, 6);
  await again.close();
  assert.is((await verifyLog(dir)).records, 6);
});

test("A10 a head that cannot be written leaves decisions going and shows in the stats", async () => {
  const dir = temporaryDir();
  let isFull = false;
  const disk = faultyDisk((_call, path) => {
    if (isFull && path.endsWith("head")) throw diskError("ENOSPC");
    return undefined;
  });
  const log = await open(dir, { disk, segmentBytes: 800 });
  isFull = true;
  await append(log, 6);
  assert.is(log.state, "open");
  assert.ok(log.stats().headFailures > 0);
  isFull = false;
  await log.close();
  assert.is(log.state, "closed");
  assert.ok((await verifyLog(dir)).ok);
});

test("A22 a directory that cannot be written refuses to open", async () => {
  const dir = temporaryDir();
  const disk = faultyDisk(() => undefined);
  const readOnly = {
    ...disk,
    open: (path: string, mode: Parameters<typeof disk.open>[1]) => {
      if (mode !== "read") throw diskError("EROFS");
      return disk.open(path, mode);
    },
  };
  assert.is((await failureOfOpen(dir, { disk: readOnly }))?.code, "DIRECTORY_UNUSABLE");
});

for (const [name, change] of [
  ["removed", (dir: string) => rmSync(join(dir, "00000001.wal"))],
  [
    "replaced by a copy",
    (dir: string) => {
      const bytes = readSegment(dir);
      rmSync(join(dir, "00000001.wal"));
      writeFileSync(join(dir, "00000001.wal"), bytes);
    },
  ],
  ["truncated", (dir: string) => writeFileSync(join(dir, "00000001.wal"), "")],
  [
    "moved away with its directory",
    (dir: string) => {
      renameSync(dir, `${dir}-moved`);
      mkdirSync(dir);
    },
  ],
] as const) {
  test(`A23 a segment ${name} under the running log latches it`, async () => {
    const dir = join(temporaryDir(), "wal");
    const log = await open(dir);
    await append(log, 2);
    const latched = new Promise<LogFailure>((resolve) => log.onLatch(resolve));
    change(dir);
    const keepAlive = setInterval(() => {}, 1000);
    const failure = await latched;
    clearInterval(keepAlive);
    assert.is(failure.code, "AUDIT_UNAVAILABLE");
    assert.is(failure.segment, "00000001.wal");
    assert.throws(() => log.append(mark("later")));
    await log.close();
  });
}

test("B01 a clock that goes back is held at the highest time seen, and flagged, across a restart too", async () => {
  const dir = temporaryDir();
  const source = { wall: 1_800_000_000_000, mono: 0, wallMs: () => source.wall, monoUs: () => source.mono };
  const clock = new SystemClock(source, "boot");
  const log = await open(dir, { clock });
  const first = log.append(mark(1));
  source.wall -= 3_600_000;
  const second = log.append(mark(2));
  assert.is(second.time, first.time);
  await log.close();
  const restarted = await open(dir, { clock: new SystemClock(source, "boot") });
  assert.is(restarted.append(mark(3)).time, first.time);
  source.wall += 3_600_001;
  assert.ok(restarted.append(mark(4)).time > first.time);
  await restarted.close();
  const flags = readSegment(dir)
    .toString()
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line).time_regression);
  assert.equal(flags, [undefined, true, true, undefined]);
  assert.ok((await verifyLog(dir)).ok);
});

test("J05 files are 0600 and directories 0700 whatever the umask", async () => {
  for (const umask of [0o000, 0o777]) {
    const parent = temporaryDir();
    const dir = join(parent, "wal");
    const before = process.umask(umask);
    try {
      const log = await open(dir);
      log.salts.commit("x");
      await append(log, 1);
      await log.close();
    } finally {
      process.umask(before);
    }
    assert.is(statSync(dir).mode & 0o777, 0o700);
    assert.is(statSync(join(dir, "salts")).mode & 0o777, 0o700);
    for (const name of ["00000001.wal", "head", "lock", "log.json", "digest.key"]) {
      assert.is(statSync(join(dir, name)).mode & 0o777, 0o600, name);
    }
    chmodSync(dir, 0o700);
    assert.is(readFileSync(join(dir, "digest.key")).length, 32);
  }
});

test.run();
