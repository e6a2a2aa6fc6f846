// Lives of a log on a disk that loses its power, and the simulated disk itself: it must lose what a real one may, and a log that did not
// sync would be found out. FARAMESH_LIVES says how many, FARAMESH_SEED where to begin.
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk, replaceFile, writeAll } from "../../runtime/disk.ts";
import { Random } from "../generate/random.ts";
import { lossModels, SimulatedDisk } from "./disk.ts";
import { liveOnce, livesFrom, Violation } from "./history.ts";

const LIVES_DEFAULT = 200;
const lives = Number(process.env.FARAMESH_LIVES ?? LIVES_DEFAULT);
const seed = Number(process.env.FARAMESH_SEED ?? 1);

test(`A04 A21 A34 H07 ${lives} lives of a log lose nothing acknowledged when the power goes, at any call`, async () => {
  const tally = await livesFrom(seed, lives);
  assert.ok(tally.losses >= lives, JSON.stringify(tally));
  assert.ok(tally.records > 10 * lives, JSON.stringify(tally));
  assert.ok(tally.pruned > lives / 50, JSON.stringify(tally));
  // Sectors in another order than they were written, and a record behind a gap: the evidence is left alone.
  assert.ok(tally.refused <= tally.losses / 100, JSON.stringify(tally));
});

test("a log on a disk that says it has synced and has not is found out", async () => {
  const settle = SimulatedDisk.prototype.afterLoss;
  let found = 0;
  SimulatedDisk.prototype.afterLoss = function lying(_model, random) {
    return settle.call(this, "none", random).withoutLast(random);
  };
  try {
    for (let i = 1; i <= 20; i++) {
      try {
        await liveOnce(i, { losses: 0, refused: 0, records: 0, pruned: 0 });
      } catch (error) {
        if (!(error instanceof Violation)) throw error;
        found++;
      }
    }
  } finally {
    SimulatedDisk.prototype.afterLoss = settle;
  }
  assert.ok(found > 10, `${found} of 20`);
});

const path = "/d/file";
const text = (disk: SimulatedDisk): string | null => {
  if (disk.identity(path) === null) return null;
  const file = disk.open(path, "read");
  const bytes = Buffer.alloc(file.identity().sizeBytes);
  file.read(bytes, 0, bytes.length, 0);
  return bytes.toString("latin1");
};

test("what was synced stays, file and name, whatever the model", () => {
  for (const model of lossModels) {
    const disk = new SimulatedDisk(["/d"]);
    replaceFile(disk, path, Buffer.from("old"));
    replaceFile(disk, path, Buffer.from("new"));
    assert.is(text(disk.afterLoss(model, new Random(1))), "new", model);
    assert.equal(disk.afterLoss(model, new Random(1)).list("/d"), ["file"], model);
  }
});

test("what was not synced is lost, kept, cut or zeroed, and a name without its directory's sync may not be there", () => {
  const seen = new Set<string | null>();
  for (let i = 0; i < 400; i++) {
    const disk = new SimulatedDisk(["/d"]);
    const file = disk.open(path, "create");
    writeAll(file, Buffer.from("abc"));
    file.sync();
    if (i % 2 === 0) disk.syncDirectory("/d");
    writeAll(file, Buffer.from("def"));
    seen.add(text(disk.afterLoss(lossModels[i % lossModels.length] ?? "none", new Random(i))));
  }
  for (const one of [null, "abc", "abcd", "abcdef", "abcd\0\0", "abc\0\0\0"])
    assert.ok(seen.has(one), JSON.stringify([...seen]));
});

test("a sync that failed loses its bytes for good, though readers still see them", () => {
  const disk = new SimulatedDisk(["/d"]);
  const file = disk.open(path, "create");
  disk.syncDirectory("/d");
  writeAll(file, Buffer.from("abc"));
  disk.failedSyncAt = disk.calls + 1;
  assert.throws(() => file.sync(), /EIO/);
  assert.is(text(disk), "abc");
  file.sync();
  assert.is(text(disk.afterLoss("all", new Random(1))), "");
});

test("behind the loss every call that changes something fails, and it has the shapes of the real disk", () => {
  const disk = new SimulatedDisk(["/d"]);
  disk.lostAt = disk.calls + 1;
  assert.throws(() => disk.open(path, "create"), /the power is gone/);
  assert.throws(() => disk.makeDirectory("/d/more"), /the power is gone/);
  assert.equal(
    Object.keys(nodeDisk).filter((name) => !(name in disk)),
    [],
  );
});

test.run();
