// Processes that are killed while they write: what each had acknowledged before must be there afterwards, and what it left must verify
// as it is, and after the next start.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { nodeDisk } from "../disk.ts";
import { readRecords } from "../log/read.ts";
import { verifyLog } from "../log/verify.ts";
import { openSample } from "./sample-log.ts";
import { Findings, type OnProgress, type Outcome } from "./suites.ts";

/** Acknowledged records after which a writer is killed, at least and at most. */
const recordsMin = 5;
const recordsSpan = 200;
/** How long a writer may take to its first record. */
const startMs = 30_000;

/** `dir` is an empty folder of the disk to be tried; `random` gives a whole number below its argument. */
export async function crashSuite(
  dir: string,
  kills: number,
  random: (below: number) => number,
  onProgress?: OnProgress,
): Promise<Outcome> {
  const [walDir, keyDir] = [join(dir, "wal"), join(dir, "keys")];
  for (const path of [walDir, keyDir]) mkdirSync(path, { mode: 0o700 });
  const findings = new Findings();
  let acknowledged = 0;
  for (let round = 1; round <= kills; round++) {
    const before = acknowledged;
    acknowledged = await killedAfter(walDir, keyDir, acknowledged + recordsMin + random(recordsSpan), random(3000));
    if (acknowledged === before) findings.add(`kill ${round}: the writer came to no record`);
    const left = await verifyLog(walDir);
    if (!left.ok) findings.add(`kill ${round}: what was left does not verify: ${left.fault?.message ?? "no reason"}`);
    const log = await openSample({ disk: nodeDisk, walDir, keyDir });
    if (log.lastSeq < acknowledged) {
      findings.add(`kill ${round}: ${acknowledged} records were acknowledged, ${log.lastSeq} are there`);
    }
    await log.close();
    acknowledged = log.lastSeq;
    onProgress?.(round, kills);
  }
  let seen = 0;
  for await (const { seq } of readRecords(walDir)) if (seq === seen + 1) seen = seq;
  if (seen < acknowledged) findings.add(`record ${seen + 1} is missing`);
  const report = await verifyLog(walDir);
  if (!report.ok) findings.add(`in the end the log does not verify: ${report.fault?.message ?? "no reason"}`);
  return { runs: kills, findings: findings.list, told: `${report.records} records in ${report.segments} segments` };
}

/** Runs a writer and kills it once it has acknowledged a record, some microseconds later; the last one that it acknowledged. */
async function killedAfter(walDir: string, keyDir: string, record: number, moreUs: number): Promise<number> {
  const child = spawn(process.execPath, [...writerEntry(), walDir, keyDir], { stdio: ["ignore", "pipe", "ignore"] });
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let last = 0;
  const timer = setTimeout(() => child.kill("SIGKILL"), startMs);
  for await (const line of createInterface(child.stdout)) {
    if (/^\d+$/.test(line)) last = Math.max(last, Number(line));
    if (last < record || child.killed) continue;
    const untilUs = performance.now() * 1000 + moreUs;
    // Finer than a timer: it is killed anywhere between two of its calls.
    while (performance.now() * 1000 < untilUs);
    child.kill("SIGKILL");
  }
  clearTimeout(timer);
  await closed;
  return last;
}

/** Beside our own bundle, or the source through the loader that runs us. */
function writerEntry(): readonly string[] {
  const here = dirname(fileURLToPath(import.meta.url));
  // The bundler may lay this file into a chunk below dist/.
  for (const bundle of [join(here, "selftest-writer.js"), join(here, "..", "selftest-writer.js")])
    if (existsSync(bundle)) return [bundle];
  return ["--import", import.meta.resolve("tsx"), join(here, "writer-main.ts")];
}
