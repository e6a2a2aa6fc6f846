// Every byte of a log changed, one at a time: each change must be found. FARAMESH_RECORDS says of how many records, FARAMESH_EVERY at each
// how many bytes, FARAMESH_SHARD=2/4 that of four processes this is the second.
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import { writeSample } from "../../runtime/selftest/sample-log.ts";
import { tamperSuite } from "../../runtime/selftest/tamper-suite.ts";

const RECORDS_DEFAULT = 1000;
/** Deletions and insertions move all behind them: fewer of them see as much. */
const SHIFTS = 7;

const records = Number(process.env.FARAMESH_RECORDS ?? RECORDS_DEFAULT);
const every = Number(process.env.FARAMESH_EVERY ?? 1);
const [shard = 1, shards = 1] = (process.env.FARAMESH_SHARD ?? "1/1").split("/").map(Number);

test(`A13 A14 A15 A16 A17 every byte of ${records} records changed is found`, async () => {
  const dir = mkdtempSync(join(tmpdir(), "faramesh-tampers-"));
  try {
    const place = { disk: nodeDisk, walDir: join(dir, "wal"), keyDir: join(dir, "keys") };
    for (const path of [place.walDir, place.keyDir]) mkdirSync(path, { mode: 0o700 });
    const { signer } = await writeSample(place, records);
    const pinned = signer === null ? null : [signer.key];
    const outcome = await tamperSuite({
      ...place,
      pinned,
      strides: { flips: every, shifts: SHIFTS * every },
      shard: { at: shard, of: shards },
    });
    process.stdout.write(`${outcome.runs} changes, ${outcome.told}\n`);
    assert.equal(outcome.findings, []);
    assert.ok(outcome.runs > records * (400 / every / shards), `${outcome.runs}`);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test.run();
