// One life of a log on a disk that loses its power: work, a loss at some call, a start, and so on. After each loss everything that was
// acknowledged must be there, nothing that was never written, verification must not cry wolf, and the state that a start rebuilds must
// be that of the records. All of it follows from one seed.
import { join } from "node:path";
import type { JsonObject } from "../../runtime/json.ts";
import { KeyFailure, KeyFiles } from "../../runtime/key-files.ts";
import { LogFailure } from "../../runtime/log/failure.ts";
import { Log } from "../../runtime/log/log.ts";
import type { VerifierKey } from "../../runtime/log/note.ts";
import { readRecords } from "../../runtime/log/read.ts";
import type { Rebuilt } from "../../runtime/log/resume.ts";
import { verifyLog } from "../../runtime/log/verify.ts";
import { Random } from "../generate/random.ts";
import { mark } from "../log/fixture.ts";
import { type LossModel, lossModels, PowerLoss, SimulatedDisk } from "./disk.ts";

const root = "/disk";
const walDir = join(root, "wal");
const keyDir = join(root, "keys");
const lossesMax = 3;
const stepsMax = 9;

/** What the daemon would know: here, how many marks of ours there were, and what their numbers came to. */
class Sum implements Rebuilt {
  count = 0;
  total = 0;

  begin(state: JsonObject | null): null {
    this.count = Number(state?.count ?? 0);
    this.total = Number(state?.total ?? 0);
    return null;
  }

  take(record: () => JsonObject, head: JsonObject, isCovered: boolean): void {
    if (!isCovered && head.type === "mark") this.add(record());
  }

  add(value: JsonObject): void {
    if (value.kind !== "test") return;
    this.count++;
    this.total += Number(value.detail);
  }
}

export interface Tally {
  losses: number;
  /** Starts that refused, with the evidence untouched: only sectors in another order than they were written may lead there. */
  refused: number;
  records: number;
  pruned: number;
}

export class Violation extends Error {}

class Life {
  readonly #random: Random;
  readonly #tally: Tally;
  #disk = new SimulatedDisk([root, keyDir]);
  #log: Log | null = null;
  #sum = new Sum();
  /** Hashes of all that was ever appended; of the records that were acknowledged, by number, and the last of them. */
  readonly #written = new Set<string>();
  readonly #kept = new Map<number, string>();
  #acknowledged = 0;
  #pinned: VerifierKey | null = null;
  #detail = 0;

  constructor(seed: number, tally: Tally) {
    this.#random = new Random(seed);
    this.#tally = tally;
  }

  async run(): Promise<void> {
    const losses = 1 + this.#random.below(lossesMax);
    for (let i = 0; i < losses; i++) {
      const model = this.#random.pick(lossModels);
      // The start itself, and what the first steps do, are the most interesting.
      const within = this.#random.oneIn(3) ? 40 : 400;
      this.#disk.lostAt = this.#disk.calls + 1 + this.#random.below(within);
      if (this.#random.oneIn(6)) this.#disk.failedSyncAt = this.#disk.calls + 1 + this.#random.below(within);
      await this.#work();
      this.#tally.losses++;
      this.#disk = this.#disk.afterLoss(model, this.#random);
      if (!(await this.#check(model))) return;
    }
  }

  async #open(): Promise<Log> {
    const keys = new KeyFiles(this.#disk, keyDir);
    this.#sum = new Sum();
    const durability = this.#random.oneIn(4) ? "each" : "group";
    const segmentBytes = 1500 + this.#random.below(6000);
    const log = await Log.open({ dir: walDir, disk: this.#disk, keys, durability, segmentBytes, rebuilt: this.#sum });
    this.#pinned ??= log.signer?.key ?? null;
    return log;
  }

  /** Until the power goes, or nothing more is to be done. What fails because of it is what is expected. */
  async #work(): Promise<void> {
    try {
      this.#log = await this.#open();
      const steps = 2 + this.#random.below(stepsMax);
      for (let i = 0; i < steps && !this.#disk.isLost; i++) await this.#step(this.#log);
      if (this.#random.oneIn(3)) await this.#log.close();
    } catch (error) {
      if (!isOfDisk(error)) throw error;
    } finally {
      this.#disk.lostAt = Math.min(this.#disk.lostAt, this.#disk.calls);
      await this.#log?.close();
      this.#log = null;
    }
  }

  async #step(log: Log): Promise<void> {
    switch (this.#random.below(9)) {
      case 0:
        return log.checkpoint("asked");
      case 1:
        return log.snapshot(() => ({ count: this.#sum.count, total: this.#sum.total }));
      case 2:
        if ((await log.prune({ keep: {}, actor: "test", reason: "test", archive: null })) !== null)
          this.#tally.pruned++;
        return;
      case 3:
        await log.rotateKey();
        return;
      case 4:
        await log.close();
        this.#log = await this.#open();
        return;
      case 5:
        this.#append(log);
        await new Promise(setImmediate);
        return;
      default: {
        const appended = this.#random.list(1, 12, () => this.#append(log));
        const [last = 0] = appended.at(-1) ?? [];
        await log.durable(last);
        for (const [seq, hash] of appended) this.#kept.set(seq, hash);
        this.#acknowledged = last;
      }
    }
  }

  #append(log: Log): readonly [seq: number, hash: string] {
    const detail = this.#detail++;
    const { seq, hash } = log.append(mark(detail));
    this.#written.add(hash);
    this.#sum.add({ kind: "test", detail });
    return [seq, hash];
  }

  /** False where the start refused, and might. */
  async #check(model: LossModel): Promise<boolean> {
    const pinned = this.#pinned === null ? null : [this.#pinned];
    const report = await verifyLog(walDir, { disk: this.#disk, pinned });
    let log: Log;
    try {
      log = await this.#open();
    } catch (error) {
      const mayRefuse = model === "reordered" && error instanceof LogFailure;
      if (!mayRefuse) throw new Violation(`the start refuses after ${model}: ${String(error)}`);
      this.#tally.refused++;
      return false;
    }
    const isNew = report.records === 0 && this.#acknowledged === 0;
    if (!report.ok && !isNew && model !== "reordered")
      throw new Violation(
        `verification cries wolf after ${model}: ${report.fault?.message ?? JSON.stringify(report.checks)}`,
      );
    if (log.lastSeq < this.#acknowledged) {
      throw new Violation(`record ${this.#acknowledged} was acknowledged, the log ends at ${log.lastSeq}`);
    }
    const rebuilt = this.#sum;
    await log.close();
    await this.#compare(rebuilt);
    const after = await verifyLog(walDir, { disk: this.#disk, pinned });
    if (!after.ok) throw new Violation(`after the start it does not verify: ${after.fault?.message ?? "no reason"}`);
    this.#tally.records += after.records;
    return true;
  }

  /** Records as they are found against those that were appended, and the state that the start rebuilt. */
  async #compare(rebuilt: Sum): Promise<void> {
    let first = 0;
    let before = 0;
    const seen = new Sum();
    for await (const { seq, value } of readRecords(walDir, { disk: this.#disk })) {
      if (before !== 0 && seq !== before + 1) throw new Violation(`record ${before + 1} is missing`);
      if (first === 0) first = seq;
      before = seq;
      const hash = String(value.hash);
      const kept = this.#kept.get(seq) ?? hash;
      if (kept !== hash) throw new Violation(`record ${seq} is not the one that was acknowledged`);
      if (value.kind === "test" && !this.#written.has(hash)) throw new Violation(`record ${seq} was never appended`);
      seen.add(value);
      this.#kept.set(seq, hash);
    }
    // What was pruned is in the snapshot alone.
    if (first === 1 && (seen.count !== rebuilt.count || seen.total !== rebuilt.total)) {
      throw new Violation(`the start counted ${rebuilt.count} marks, the log has ${seen.count}`);
    }
    this.#acknowledged = before;
  }
}

function isOfDisk(error: unknown): boolean {
  return (
    error instanceof PowerLoss || error instanceof LogFailure || error instanceof KeyFailure || codeOf(error) === "EIO"
  );
}

function codeOf(error: unknown): unknown {
  return error instanceof Error ? Reflect.get(error, "code") : undefined;
}

/** Throws Violation, which names the seed. */
export async function liveOnce(seed: number, tally: Tally): Promise<void> {
  const own: Tally = { losses: 0, refused: 0, records: 0, pruned: 0 };
  try {
    await new Life(seed, own).run();
  } catch (error) {
    throw new Violation(`seed ${seed}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
  for (const name of ["losses", "refused", "records", "pruned"] as const) tally[name] += own[name];
}

export async function livesFrom(seed: number, count: number): Promise<Tally> {
  const tally: Tally = { losses: 0, refused: 0, records: 0, pruned: 0 };
  for (let i = 0; i < count; i++) await liveOnce(seed + i, tally);
  return tally;
}
