// Group commit: one loop takes everything queued, writes it with one write, syncs once and lets the waiters go, while
// the next records queue. The first error ends it for good; nothing that failed is ever written or synced again.
// A crash before the sync leaves a torn or absent tail whose answers never went out.
import { hasErrorCode } from "../disk.ts";
import type { ActiveSegment } from "./active.ts";
import { Batch } from "./batch.ts";

export type Durability = "group" | "each" | "async";

/** How long a record may wait for its sync with durability async. */
const asyncSyncIntervalMs = 100;

/** A buffer that grew beyond this in a burst is not kept for the next batch. */
const spareLimitBytes = 4 * 1024 * 1024;

/** Buffer of a batch that will hold one record. */
const singleBytes = 4096;

/** Interruptions of one sync tolerated in a row; an interrupted call has not failed. */
const interruptionsMax = 100;

export interface CommitterOptions {
  readonly durability: Durability;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
}

export interface CommitterEvents {
  /** the records up to `seq` are on disk; `hashes` are those since the last call, in order. What it returns is waited for before an answer. */
  synced(seq: number, hashes: readonly string[]): Promise<void> | null;
  /** a batch left the queue */
  written(): void;
  /** a segment of so many bytes was sealed */
  rotated(sealedBytes: number): void;
  /** called once; the committer is dead. Returns what the waiters are told. */
  failed(error: unknown): Error;
}

export class Committer {
  readonly durability: Durability;
  /** of records taken and not yet on disk */
  queuedBytes = 0;
  readonly #segment: ActiveSegment;
  readonly #options: CommitterOptions;
  readonly #events: CommitterEvents;
  #queue: Batch[] = [];
  #inFlight: Batch | null = null;
  /** last written and not yet synced, with durability async */
  #unsynced: { readonly seq: number; readonly hashes: string[] } | null = null;
  #running: Promise<void> | null = null;
  #syncTimer: NodeJS.Timeout | null = null;
  #isSyncDue = false;
  #hurriedSeq = 0;
  #spare: Buffer | null = null;
  #isDead = false;

  constructor(segment: ActiveSegment, options: CommitterOptions, events: CommitterEvents) {
    this.#segment = segment;
    this.#options = options;
    this.durability = options.durability;
    this.#events = events;
  }

  /** The batch to put record `seq` into, with room for `bytes`. It will be written after this turn of the event loop. */
  batchFor(seq: number, bytes: number): Batch {
    let batch = this.#queue.at(-1);
    if (batch === undefined || this.durability === "each") {
      const isSingle = this.durability === "each";
      batch = new Batch(seq, isSingle ? Buffer.allocUnsafe(singleBytes) : this.#spare);
      if (!isSingle) this.#spare = null;
      this.#queue.push(batch);
    }
    batch.reserve(bytes);
    return batch;
  }

  /** Takes back a batch that got no record. */
  dropEmpty(batch: Batch): void {
    if (batch.ends.length === 0 && this.#queue.at(-1) === batch) this.#queue.pop();
  }

  /** Call after a record went into its batch. */
  added(bytes: number): void {
    this.queuedBytes += bytes;
    this.#wake();
  }

  /** With durability async: record `seq`, which is queued, is synced as soon as it is written. */
  hurry(seq: number): void {
    this.#hurriedSeq = seq;
  }

  /** The batch that holds an unsynced record; undefined where none does. */
  find(seq: number): Batch | undefined {
    if (this.#inFlight !== null && seq <= this.#inFlight.lastSeq) return this.#inFlight;
    const first = this.#queue[0];
    if (first === undefined) return undefined;
    return this.durability === "each" ? this.#queue[seq - first.firstSeq] : first;
  }

  /** Writes and syncs all that is queued. Never rejects: errors went to `failed`. */
  async drain(): Promise<void> {
    while (!this.#isDead && (this.#running !== null || this.#queue.length > 0 || this.#unsynced !== null)) {
      await this.#running;
      if (this.#queue.length > 0) this.#wake();
      else if (this.#unsynced !== null && this.#running === null) this.#start(() => this.#syncNow());
    }
    this.#stopTimer();
  }

  /** Ends it from outside, as after an error of its own. */
  kill(error: unknown): void {
    if (this.#isDead) return;
    this.#isDead = true;
    this.#stopTimer();
    const lost = this.#inFlight === null ? this.#queue : [this.#inFlight, ...this.#queue];
    this.#queue = [];
    this.#inFlight = null;
    this.#unsynced = null;
    const failure = this.#events.failed(error);
    for (const batch of lost) batch.reject(failure);
  }

  #wake(): void {
    if (this.#running === null && !this.#isDead) this.#start(() => this.#run());
  }

  #start(work: () => Promise<void>): void {
    this.#running = work()
      .catch((error) => this.kill(error))
      .finally(() => {
        this.#running = null;
        // Records that came while the loop was ending.
        if (this.#queue.length > 0) this.#wake();
        // A sync that fell due while the loop was ending.
        else if (this.#isSyncDue && this.#unsynced !== null && !this.#isDead) this.#start(() => this.#syncNow());
      });
  }

  async #run(): Promise<void> {
    for (;;) {
      // Waits for the other requests that arrived in this turn, and for the waiters of the last batch to ask again.
      await new Promise(setImmediate);
      if (this.#isDead) return;
      const batch = this.#queue.shift();
      if (batch === undefined) return;
      this.#inFlight = batch;
      await this.#write(batch);
      if (this.#isDead) return;
      if (this.durability === "async") {
        this.#unsynced = { seq: batch.lastSeq, hashes: joined(this.#unsynced?.hashes, batch.hashes) };
        const isHurried = batch.firstSeq <= this.#hurriedSeq && this.#hurriedSeq <= batch.lastSeq;
        if (this.#isSyncDue || isHurried) await this.#syncNow();
        else this.#syncLater();
      } else {
        await this.#dataSync();
        if (this.#isDead) return;
        const rest = this.#events.synced(batch.lastSeq, batch.hashes);
        if (rest !== null) await rest;
        if (this.#isDead) return;
      }
      this.#inFlight = null;
      this.queuedBytes -= batch.usedBytes;
      this.#events.written();
      if (batch.bytes.length <= spareLimitBytes && this.durability !== "each") this.#spare = batch.bytes;
      batch.resolve();
    }
  }

  /** Writes the batch in as few writes as the segment's size allows. */
  async #write(batch: Batch): Promise<void> {
    const { segmentBytes, segmentAgeMs } = this.#options;
    const { firstUs } = this.#segment;
    if (firstUs !== null && batch.lastUs - firstUs > segmentAgeMs * 1000) await this.#rotate();
    let from = 0;
    let index = 0;
    while (index < batch.ends.length) {
      let to = from;
      for (; index < batch.ends.length; index++) {
        const end = batch.ends[index] as number;
        const size = this.#segment.sizeBytes + (end - from);
        // A segment takes at least one record.
        if (size > segmentBytes && size > end - to) break;
        to = end;
      }
      if (to > from) this.#segment.write(batch.bytes.subarray(from, to), batch.firstUs);
      from = to;
      if (index < batch.ends.length) await this.#rotate();
      if (this.#isDead) return;
    }
  }

  async #rotate(): Promise<void> {
    const sealedBytes = this.#segment.sizeBytes;
    await this.#segment.rotate();
    if (this.#isDead) return;
    const unsynced = this.#unsynced;
    this.#unsynced = null;
    if (unsynced !== null) this.#events.synced(unsynced.seq, unsynced.hashes);
    this.#events.rotated(sealedBytes);
  }

  async #dataSync(): Promise<void> {
    for (let interruptions = 0; ; interruptions++) {
      try {
        return await this.#segment.dataSync();
      } catch (error) {
        if (!hasErrorCode(error, "EINTR") || interruptions >= interruptionsMax) throw error;
      }
    }
  }

  #syncLater(): void {
    this.#syncTimer ??= setTimeout(() => {
      this.#syncTimer = null;
      this.#isSyncDue = true;
      // Never beside the loop: rotation closes the file that a sync may be using. A running loop sees the flag.
      if (this.#running === null && !this.#isDead) this.#start(() => this.#syncNow());
    }, asyncSyncIntervalMs);
    this.#syncTimer.unref();
  }

  async #syncNow(): Promise<void> {
    this.#isSyncDue = false;
    const unsynced = this.#unsynced;
    if (unsynced === null) return;
    await this.#dataSync();
    if (this.#isDead) return;
    this.#unsynced = null;
    this.#events.synced(unsynced.seq, unsynced.hashes);
  }

  #stopTimer(): void {
    if (this.#syncTimer !== null) clearTimeout(this.#syncTimer);
    this.#syncTimer = null;
  }
}

/** `first` with `more` at its end; the first list is used up. */
function joined(first: string[] | undefined, more: string[]): string[] {
  if (first === undefined) return more;
  for (const hash of more) first.push(hash);
  return first;
}
