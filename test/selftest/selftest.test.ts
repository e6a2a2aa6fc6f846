// The self-test: that it holds on this machine, leaves nothing behind, and that each of its suites can tell when something does not.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import { crashSuite } from "../../runtime/selftest/crash-suite.ts";
import { errorKinds, errorSuite, failingDisk } from "../../runtime/selftest/error-suite.ts";
import { overlaid } from "../../runtime/selftest/overlay.ts";
import { type LogPlace, writeSample } from "../../runtime/selftest/sample-log.ts";
import { tamperSuite } from "../../runtime/selftest/tamper-suite.ts";
import { tamperings, tamperKinds } from "../../runtime/selftest/tampers.ts";
import { faramesh } from "../cli/in-process.ts";
import { Random } from "../generate/random.ts";

const strides = { flips: 101, shifts: 101 };

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-selftest-test-"));
  try {
    await work(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

function placeIn(dir: string): LogPlace {
  const place = { disk: nodeDisk, walDir: join(dir, "wal"), keyDir: join(dir, "keys") };
  for (const path of [place.walDir, place.keyDir]) mkdirSync(path, { mode: 0o700 });
  return place;
}

test("faramesh selftest holds here, in text and as JSON, and leaves nothing behind", () =>
  inFolder(async (dir) => {
    const told = await faramesh(dir, "selftest");
    assert.is(told.code, 0, told.stdout + told.stderr);
    for (const name of ["engine", "tampering", "rollback"]) assert.match(told.stdout, `✓ ${name}`);
    assert.equal(readdirSync(dir), []);
    const asked = await faramesh(dir, "selftest", "--seed", "seven");
    assert.is(asked.code, 64);
    const absent = await faramesh(dir, "selftest", "--on", join(dir, "absent"));
    assert.is(absent.code, 1);
  }));

test("A13 A14 A15 A16 A17 each kind of tampering is there, and is found", () =>
  inFolder(async (dir) => {
    const place = placeIn(dir);
    const { signer } = await writeSample(place, 40);
    const pinned = signer === null ? [] : [signer.key];
    const outcome = await tamperSuite({ ...place, pinned, strides });
    assert.equal(outcome.findings, []);
    const fileOf = (name: string) => ({ name, bytes: readFileSync(join(place.walDir, name)) });
    const names = readdirSync(place.walDir, { recursive: true, encoding: "utf8" });
    const segments = names.filter((name) => name.endsWith(".wal")).map(fileOf);
    const tile = names.find((name) => name.startsWith("tile/0/000.p/")) ?? "no tile";
    const all = tamperings({ segments, beside: [fileOf("checkpoint"), fileOf(tile)] }, strides);
    const kinds = new Set([...all].map(({ kind }) => kind));
    assert.equal([...kinds].sort(), [...tamperKinds].sort());
  }));

test("of a log without head and checkpoint the suite tells that all of it can go", () =>
  inFolder(async (dir) => {
    const place = placeIn(dir);
    await writeSample(place, 10);
    for (const name of ["head", "checkpoint", "tile"]) rmSync(join(place.walDir, name), { recursive: true });
    const { findings } = await tamperSuite({ ...place, pinned: null, strides: { flips: 1000, shifts: 1000 } });
    assert.ok(
      findings.some((finding) => finding.startsWith("a segment deleted")),
      findings.join("; "),
    );
  }));

test("A05 A06 A07 A08 A10 an error at one call after the other loses nothing that was acknowledged", () =>
  inFolder(async (dir) => {
    const outcome = await errorSuite(dir, 23);
    assert.equal(outcome.findings, []);
    assert.ok(outcome.runs > 5 * errorKinds.length, `${outcome.runs} runs`);
  }));

test("a failing disk fails where it is told to, and nowhere else", () =>
  inFolder(async (dir) => {
    const path = join(dir, "file");
    const { disk, calls } = failingDisk(nodeDisk, "a write cut short, then ENOSPC", 2);
    const file = disk.open(path, "create");
    assert.is(file.write(Buffer.from("four"), 0, 4, null), 2);
    for (let i = 0; i < 3; i++) assert.throws(() => file.sync(), /ENOSPC/);
    assert.is(file.write(Buffer.from("four"), 0, 4, null), 4);
    file.close();
    assert.is(calls(), 6);
  }));

test("A01 A02 a writer that is killed has lost nothing that it acknowledged", () =>
  inFolder(async (dir) => {
    const random = new Random(5);
    const outcome = await crashSuite(dir, 3, (below) => random.below(below));
    assert.equal(outcome.findings, []);
    assert.is(outcome.runs, 3);
  }));

test("a changed look at a folder changes nothing in it", () =>
  inFolder(async (dir) => {
    const place = placeIn(dir);
    await writeSample(place, 3);
    const name = "00000001.wal";
    const disk = overlaid(nodeDisk, place.walDir, new Map([[name, Buffer.from("x")]]));
    assert.is(disk.identity(join(place.walDir, name))?.sizeBytes, 1);
    assert.throws(() => disk.open(join(place.walDir, name), "append"), /not written to/);
    assert.throws(() => disk.remove(join(place.walDir, name)), /not written to/);
    assert.ok(readFileSync(join(place.walDir, name)).length > 100);
  }));

test.run();
