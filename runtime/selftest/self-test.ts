// What `faramesh selftest` runs: the suites in turn, in a folder of their own on the disk that is to be tried, which goes afterwards. It
// reads and writes nothing else.
import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { nodeDisk, removeTree } from "../disk.ts";
import { crashSuite } from "./crash-suite.ts";
import { engineSuite } from "./engine-suite.ts";
import { errorSuite } from "./error-suite.ts";
import { rollbackSuite } from "./rollback-suite.ts";
import { type LogPlace, writeSample } from "./sample-log.ts";
import { Findings, type OnProgress, type Outcome } from "./suites.ts";
import { tamperSuite } from "./tamper-suite.ts";

export const suiteNames = ["engine", "tampering", "rollback", "disk errors", "kills"] as const;
export type SuiteName = (typeof suiteNames)[number];

export interface SuiteReport extends Outcome {
  readonly name: SuiteName;
  readonly seconds: number;
}

/** Is told of each suite, one after the other. */
export interface Watcher {
  begin(name: SuiteName): Promise<OnProgress>;
  end(report: SuiteReport): void;
}

export interface SelfTestOptions {
  /** A folder on the disk to be tried. */
  readonly dir: string;
  /** With kills, errors of the disk and close tampering: a minute or two instead of seconds. */
  readonly faults: boolean;
  /** Of the moments of kills. */
  readonly seed: number;
  readonly watcher: Watcher;
}

const sampleRecords = 100;
const strides = { quick: { flips: 96, shifts: 96 }, faults: { flips: 3, shifts: 9 } };
const errorEveryCall = 3;
const kills = 20;

/** Throws the disk's errors where the folder cannot be made. */
export async function selfTest(options: SelfTestOptions): Promise<readonly SuiteReport[]> {
  const { dir, faults, seed, watcher } = options;
  const own = join(dir, `.faramesh-selftest-${randomBytes(6).toString("hex")}`);
  mkdirSync(own, { mode: 0o700 });
  try {
    const reports: SuiteReport[] = [];
    const run = async (name: SuiteName, suite: (place: string, onProgress: OnProgress) => Promise<Outcome>) => {
      const place = join(own, name.replace(" ", "-"));
      mkdirSync(place, { mode: 0o700 });
      const onProgress = await watcher.begin(name);
      const begun = performance.now();
      const outcome = await guarded(() => suite(place, onProgress));
      const report = { name, ...outcome, seconds: (performance.now() - begun) / 1000 };
      reports.push(report);
      watcher.end(report);
    };
    await run("engine", async () => engineSuite());
    await run("tampering", async (place, onProgress) => tamperWithSample(place, faults, onProgress));
    await run("rollback", rollbackSuite);
    if (!faults) return reports;
    await run("disk errors", (place, onProgress) => errorSuite(place, errorEveryCall, onProgress));
    await run("kills", (place, onProgress) => crashSuite(place, kills, numbers(seed), onProgress));
    return reports;
  } finally {
    removeTree(own);
  }
}

/** A suite that throws is one that found something. */
async function guarded(suite: () => Promise<Outcome>): Promise<Outcome> {
  try {
    return await suite();
  } catch (error) {
    const findings = new Findings();
    findings.add(error instanceof Error ? error.message : String(error));
    return { runs: 0, findings: findings.list, told: "" };
  }
}

async function tamperWithSample(dir: string, faults: boolean, onProgress: OnProgress): Promise<Outcome> {
  const place: LogPlace = { disk: nodeDisk, walDir: join(dir, "wal"), keyDir: join(dir, "keys") };
  for (const path of [place.walDir, place.keyDir]) mkdirSync(path, { mode: 0o700 });
  const { signer } = await writeSample(place, sampleRecords);
  return tamperSuite({
    ...place,
    pinned: signer === null ? null : [signer.key],
    strides: faults ? strides.faults : strides.quick,
    onProgress,
  });
}

/** Whole numbers below an argument that repeat with the seed (a linear congruence; nothing hangs on their quality). */
function numbers(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
