// Random honest histories of a signed log: appends, checkpoints, rotations of segments and keys, stops, and crashes at any
// moment (a copy of the files of a running log is what a crash leaves). Verification must never raise an alarm.
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { nodeDisk } from "../../runtime/disk.ts";
import { KeyFiles } from "../../runtime/key-files.ts";
import type { Log } from "../../runtime/log/log.ts";
import type { VerifierKey } from "../../runtime/log/note.ts";
import type { Anchor } from "../../runtime/log/tree-fault.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { mark, open, temporaryDir } from "./fixture.ts";

const histories = 6;
const stepsEach = 14;
const durabilities = ["group", "each", "async"] as const;

/** Numbers that repeat from run to run. */
function numbers(seed: number): (below: number) => number {
  let state = seed * 2_654_435_761 + 1;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

interface Place {
  readonly dir: string;
  readonly keyDir: string;
}

function place(): Place {
  const root = temporaryDir();
  for (const name of ["log", "keys"]) mkdirSync(join(root, name), { mode: 0o700 });
  return { dir: join(root, "log"), keyDir: join(root, "keys") };
}

function crashed(at: Place): Place {
  const copy = place();
  cpSync(at.dir, copy.dir, { recursive: true });
  cpSync(at.keyDir, copy.keyDir, { recursive: true });
  return copy;
}

for (let seed = 1; seed <= histories; seed++) {
  test(`A34 history ${seed} raises no alarm, then or later`, async () => {
    const random = numbers(seed);
    let at = place();
    const start = (): Promise<Log> =>
      open(at.dir, {
        keys: new KeyFiles(nodeDisk, at.keyDir),
        durability: durabilities[random(3)] ?? "group",
        segmentBytes: 4096 + random(60_000),
      });
    let log = await start();
    const pinned: VerifierKey[] = log.signer === null ? [] : [log.signer.key];
    let anchors: Anchor[] = [];
    const check = async (label: string): Promise<void> => {
      const report = await verifyLog(at.dir, { pinned, against: anchors });
      assert.ok(report.ok, `${label}: ${JSON.stringify(report.fault)}`);
    };
    for (let step = 0; step < stepsEach; step++) {
      const kind = random(8);
      if (kind <= 2) {
        const count = 1 + random(300);
        for (let index = 0; index < count; index++) log.append(mark(index));
        if (kind > 0) await log.durable(log.lastSeq);
      } else if (kind === 3) await log.checkpoint("asked");
      else if (kind === 4) await log.rotateKey();
      else if (kind === 5) {
        await log.close();
        log = await start();
      } else if (kind === 6) {
        // What was given out before a crash, the log must still have.
        const head = log.treeHead;
        if (head !== null) anchors = [{ name: `step ${step}`, ...head }];
        const left = crashed(at);
        await log.close();
        at = left;
        log = await start();
      } else await new Promise(setImmediate);
      await check(`step ${step}, kind ${kind}`);
    }
    await log.close();
    await check("the end");
    const report = await verifyLog(at.dir, { pinned });
    assert.is(report.signedRecords, report.records);
  });
}

test.run();
