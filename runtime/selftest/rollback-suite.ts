// A whole log put back to what it was some time before, keys and all: nothing in it can tell, and what somebody keeps of it outside must.
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk } from "../disk.ts";
import type { Anchor } from "../log/tree-fault.ts";
import { verifyLog } from "../log/verify.ts";
import { openSample, sampleRecord } from "./sample-log.ts";
import { Findings, type Outcome } from "./suites.ts";

const records = 60;
const keepEvery = 20;

/** `dir` is an empty folder of the disk to be tried. */
export async function rollbackSuite(dir: string): Promise<Outcome> {
  const findings = new Findings();
  const [walDir, keyDir] = [join(dir, "wal"), join(dir, "keys")];
  for (const path of [walDir, keyDir]) mkdirSync(path, { mode: 0o700 });
  const earlier: string[] = [];
  let anchor: Anchor | null = null;
  for (let i = 0; i < records; i += keepEvery) {
    const log = await openSample({ disk: nodeDisk, walDir, keyDir });
    for (let k = 0; k < keepEvery; k++) await log.durable(log.append(sampleRecord(i + k)).seq);
    await log.close();
    if (log.treeHead !== null) anchor = { name: "the last checkpoint, kept outside", ...log.treeHead };
    const copy = join(dir, `earlier-${i}`);
    cpSync(walDir, copy, { recursive: true });
    earlier.push(copy);
  }
  if (anchor === null) return { runs: 0, findings: ["the log made no checkpoint"], told: "" };
  const against = [anchor];
  const now = await verifyLog(walDir, { against });
  if (!now.ok) findings.add(`the log itself does not fit its own checkpoint: ${now.fault?.message ?? "no reason"}`);
  const older = earlier.slice(0, -1);
  for (const copy of older) {
    const alone = await verifyLog(copy);
    if (!alone.ok)
      findings.add(`an earlier state does not verify as the log that it was: ${alone.fault?.message ?? ""}`);
    if ((await verifyLog(copy, { against })).ok)
      findings.add("an earlier state passes for the log, against a later checkpoint");
  }
  return {
    runs: older.length,
    findings: findings.list,
    told: "found with a checkpoint that is kept outside, and only so",
  };
}
