// Writes snapshots: the file first, then the record that makes it count, then the removal of older ones. All beside the
// decisions: an error leaves the log as it is and an older snapshot to start from. It must never be waited for by a call.
import type { Disk } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { reasonOf } from "./failure.ts";
import {
  type LogMemory,
  removeOldSnapshots,
  snapshotBody,
  snapshotBytes,
  snapshotFileName,
  snapshotLimitBytes,
  storeSnapshot,
} from "./snapshots.ts";

export interface SnapshotSurroundings {
  readonly logId: string;
  /** The last record appended, and what the log knows at it. */
  place(): { readonly seq: number; readonly hash: string; readonly memory: LogMemory };
  append(body: JsonObject): { readonly seq: number };
  durable(seq: number): Promise<void>;
}

/** A snapshot that was written or taken up by this process. */
export interface KnownSnapshot {
  /** name of its file */
  readonly file: string;
  readonly atSeq: number;
  /** a start that takes it up reads from here on */
  readonly firstSeq: number;
}

/** Snapshots remembered: the newest, and one to fall back to. */
const knownMax = 2;

export class SnapshotKeeper {
  /** failures in a row */
  failures = 0;
  /** why the last one failed */
  lastFailure: string | null = null;
  /** the last record that the newest snapshot covers; null without one */
  atSeq: number | null;
  #known: KnownSnapshot[];
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #around: SnapshotSurroundings;
  #running: Promise<void> = Promise.resolve();
  /** the one that waits for it; whoever comes meanwhile joins */
  #next: Promise<void> | null = null;

  constructor(disk: Disk, dir: string, resumed: KnownSnapshot | null, around: SnapshotSurroundings) {
    this.#disk = disk;
    this.#dir = dir;
    this.atSeq = resumed?.atSeq ?? null;
    this.#known = resumed === null ? [] : [resumed];
    this.#around = around;
  }

  /** Oldest first. That their files still are what was written is for who relies on them. */
  get known(): readonly KnownSnapshot[] {
    return this.#known;
  }

  /**
   * Keeps `state()`, which must hold what every record so far has made, when no other is under way any more. Resolves when it counts, or
   * has failed; or at once where nothing was appended since the last.
   */
  keep(state: () => JsonObject, wanted: (state: JsonObject) => number | null): Promise<void> {
    this.#next ??= this.#running.then(() => {
      this.#next = null;
      this.#running = this.#keep(state, wanted);
      return this.#running;
    });
    return this.#next;
  }

  async #keep(state: () => JsonObject, wanted: (state: JsonObject) => number | null): Promise<void> {
    const { seq, hash, memory } = this.#around.place();
    // Its own record is the one thing behind the last.
    if (this.atSeq !== null && seq <= this.atSeq + 1) return;
    try {
      const kept = state();
      const bytes = snapshotBytes(this.#around.logId, { atSeq: seq, atHash: hash, log: memory, state: kept });
      if (bytes.length > snapshotLimitBytes) throw new Error(`the state has ${bytes.length} bytes`);
      const sha256 = await storeSnapshot(this.#disk, this.#dir, seq, bytes);
      const named = this.#around.append(snapshotBody(seq, hash, sha256, bytes.length));
      await this.#around.durable(named.seq);
      this.atSeq = seq;
      const firstSeq = Math.min(seq, wanted(kept) ?? seq);
      this.#known = [...this.#known, { file: snapshotFileName(seq, sha256), atSeq: seq, firstSeq }].slice(-knownMax);
      this.failures = 0;
      this.lastFailure = null;
      removeOldSnapshots(this.#disk, this.#dir, seq);
    } catch (error) {
      this.failures++;
      this.lastFailure = reasonOf(error);
    }
  }
}
