// The log as its writer sees it: open (with recovery), append, wait until durable, close. Order of records is the order
// of `append` calls; nothing is answered from a record before `durable` says so. After the first error it latches:
// every later append throws, and what is on disk stays as the error left it.
import { hostname } from "node:os";
import { resolve } from "node:path";
import { type Clock, formatTime, parseTime, systemClock } from "../clock.ts";
import { type Disk, type DiskLock, nodeDisk } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { ActiveSegment } from "./active.ts";
import type { TreeHead } from "./checkpoint.ts";
import { type CheckpointCause, Checkpointer } from "./checkpointer.ts";
import { Committer } from "./committer.ts";
import { LogFailure, reasonOf } from "./failure.ts";
import { HeadFile } from "./head.ts";
import { HeadKeeper } from "./head-keeper.ts";
import { entryLimitBytes, prefixBytes, writeLine } from "./line.ts";
import type { VerifierKey } from "./note.ts";
import {
  type Appended,
  defaultBacklogRecords,
  defaultSegmentAgeMs,
  defaultSegmentBytes,
  type LogOptions,
  type LogStats,
  pressureBytes,
  queueLimitBytes,
} from "./options.ts";
import type { Keep, PrunePlan } from "./prune-plan.ts";
import { type PruneOrder, type PruneResult, Pruner } from "./pruner.ts";
import { type LogEntryInput, RestRenderer } from "./record.ts";
import { openForWriting, type PolicyNames } from "./recover.ts";
import { SaltStore } from "./salts.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { LogMemory } from "./snapshots.ts";
import { TileStore } from "./tile-store.ts";
import type { RecoveredTree } from "./tree-recovery.ts";
import { lockDirectory } from "./writer-lock.ts";

/** How often the files are looked at and the head catches up. */
const housekeepingIntervalMs = 1000;

export class Log {
  readonly logId: string;
  /** HMAC key of request digests; see `requestDigest` */
  readonly digestKey: Uint8Array;
  readonly salts: SaltStore;
  #state: "open" | "latched" | "closed" = "open";
  #lastSeq: number;
  #lastHash: string;
  #syncedSeq: number;
  /** what is synced and may be answered from: the same, but while the head is still to tell of a checkpoint */
  #answerableSeq: number;
  #headDue: Promise<void> | null = null;
  #lastSyncUs: number | null = null;
  #failure: LogFailure | null = null;
  #sealedBytes: number;
  readonly #clock: Clock;
  readonly #lock: DiskLock;
  readonly #renderer: RestRenderer;
  readonly #segment: ActiveSegment;
  readonly #committer: Committer;
  readonly #head: HeadKeeper;
  readonly #checkpointer: Checkpointer | null;
  readonly #backlogMaxRecords: number;
  readonly #snapshots: SnapshotKeeper;
  readonly #pruner: Pruner;
  #firstSegment: number;
  readonly #listeners: ((failure: LogFailure) => void)[] = [];
  readonly #reliefListeners: (() => void)[] = [];
  #wasPressed = false;
  readonly #timer: NodeJS.Timeout;
  /** in force, for records of the log's own */
  #policy: PolicyNames;
  #closing: Promise<void> | null = null;
  /** the last record is in */
  #isClosing = false;

  /**
   * Takes the writer's lock, checks every stored record, cuts off a torn tail into quarantine/ and opens the log.
   * Throws LogFailure: LOCKED, CORRUPT, TAIL_LOST, HEAD_INVALID, SEGMENT_MISSING, DIRECTORY_UNUSABLE. Except for a torn
   * tail nothing on disk is changed by an open that fails.
   */
  static async open(options: LogOptions): Promise<Log> {
    const disk = options.disk ?? nodeDisk;
    const dir = resolve(options.dir);
    const lock = await lockDirectory(disk, dir);
    try {
      const { keys } = options;
      const { acceptUnanchored = false, rebuilt } = options;
      const opened = openForWriting(disk, dir, { acceptUnanchored, keys, rebuilt });
      const tree = keys === undefined ? null : (opened.tree?.finish(keys, hostname(), opened.told) ?? null);
      const log = new Log(options, disk, dir, lock, opened, tree);
      try {
        // The clean stop is taken back before anything is written behind it.
        await log.#head.writeNow(false);
        for (const body of [...opened.marks, ...(tree?.marks ?? [])]) log.#appendOwn("mark", body);
        if (log.lastSeq > opened.chain.seq) await log.durable(log.lastSeq);
        await log.checkpoint("start");
      } catch (error) {
        log.#abandon();
        throw error;
      }
      return log;
    } catch (error) {
      lock.release();
      if (error instanceof LogFailure || error instanceof TypeError) throw error;
      throw new LogFailure("DIRECTORY_UNUSABLE", `the log cannot be opened: ${reasonOf(error)}`, {}, error);
    }
  }

  private constructor(
    options: LogOptions,
    disk: Disk,
    dir: string,
    lock: DiskLock,
    opened: ReturnType<typeof openForWriting>,
    tree: RecoveredTree | null,
  ) {
    const { identity, chain, active } = opened;
    this.#clock = options.clock ?? systemClock;
    this.#lock = lock;
    this.logId = identity.logId;
    this.digestKey = identity.digestKey;
    this.#lastSeq = chain.seq;
    this.#lastHash = chain.hash;
    this.#syncedSeq = chain.seq;
    this.#answerableSeq = chain.seq;
    this.#sealedBytes = opened.sealedBytes;
    this.#policy = opened.policy ?? { policy_version: null, policy_hash: null };
    const lastUs = parseTime(chain.time);
    if (lastUs !== undefined) this.#clock.observe(lastUs);
    this.#renderer = new RestRenderer(identity.logId, this.#clock.bootId);
    this.#segment = new ActiveSegment(disk, dir, active);
    const headFile = new HeadFile(disk, dir, identity.logId, opened.headGeneration);
    this.#head = new HeadKeeper(
      headFile,
      { ackedSeq: chain.seq, lastHash: chain.hash, tree: tree?.head ?? null },
      () => this.#segment.number,
    );
    this.salts = new SaltStore(disk, dir, () => this.#clock.now().wallUs);
    this.#committer = new Committer(
      this.#segment,
      {
        durability: options.durability,
        segmentBytes: options.segmentBytes ?? defaultSegmentBytes,
        segmentAgeMs: options.segmentAgeMs ?? defaultSegmentAgeMs,
      },
      {
        synced: (seq, hashes) => this.#synced(seq, hashes),
        written: () => this.#relieve(),
        rotated: (sealedBytes) => {
          this.#sealedBytes += sealedBytes;
          this.#head.request();
        },
        failed: (error) => this.#latch(error),
      },
    );
    this.#backlogMaxRecords = options.backlogRecords ?? defaultBacklogRecords;
    const around = {
      logId: identity.logId,
      host: hostname(),
      backlogMaxRecords: this.#backlogMaxRecords,
      append: (type: "checkpoint" | "mark", body: JsonObject) => {
        const appended = this.#appendOwn(type, body);
        this.#committer.hurry(appended.seq);
        return appended;
      },
      now: () => this.#clock.now(),
      stored: (head: TreeHead) => this.#signHead(head),
      relieved: () => this.#relieve(),
      failed: (failure: LogFailure) => this.#committer.kill(failure),
    };
    const isSealed = options.keys !== undefined && tree !== null;
    this.#checkpointer = isSealed ? new Checkpointer(around, options.keys, new TileStore(disk, dir), tree) : null;
    this.#snapshots = new SnapshotKeeper(disk, dir, opened.resumed, {
      logId: identity.logId,
      place: () => ({ seq: this.#lastSeq, hash: this.#lastHash, memory: this.#memory() }),
      append: (body) => this.append({ ...this.#policy, type: "snapshot", body }),
      durable: (seq) => this.durable(seq),
    });
    this.#firstSegment = opened.firstSegment;
    this.#pruner = new Pruner(disk, dir, opened.pruned, {
      logId: identity.logId,
      snapshots: () => this.#snapshots.known,
      treeHead: () => this.treeHead,
      append: (body) => this.append({ ...this.#policy, type: "prune", body }),
      checkpoint: () => this.checkpoint("prune"),
      keepHead: () => this.#head.writeNow(false),
      removed: ({ number, sizeBytes }) => {
        this.#firstSegment = number + 1;
        this.#sealedBytes -= sizeBytes;
      },
    });
    this.#timer = setInterval(() => this.#keepHouse(), housekeepingIntervalMs);
    this.#timer.unref();
  }

  #memory(): LogMemory {
    const isSealed = this.#checkpointer !== null;
    const host = isSealed ? hostname() : null;
    const rotatedTo = this.#checkpointer?.rotatedTo ?? null;
    const { last } = this.#pruner;
    const pruned = last === null ? {} : { pruned: { seq: last.seq, first_kept: last.firstKept } };
    return { ...this.#policy, host, had_checkpoint: isSealed, rotated_to: rotatedTo, ...pruned };
  }

  /** Of the last checkpoint; null without one. */
  get treeHead(): TreeHead | null {
    return this.#checkpointer?.head ?? null;
  }

  /** The key that signs, and whether it is the log's first or was named by the one before it; null without one. */
  get signer(): { readonly key: VerifierKey; readonly isNamed: boolean } | null {
    const checkpointer = this.#checkpointer;
    return checkpointer === null ? null : { key: checkpointer.verifierKey, isNamed: checkpointer.isKeyNamed };
  }

  /** Signs what the log holds now. Resolves when that is on disk, or has failed and will be tried again. */
  async checkpoint(cause: CheckpointCause): Promise<void> {
    if (this.#state === "open") await this.#checkpointer?.checkpoint(cause);
  }

  /**
   * Keeps what all records so far have made, so that the next opening begins there. `state` is called in this turn; `wanted` says which
   * earlier record `Rebuilt.begin` would ask for with it. Resolves when that is on disk, or has failed, which costs no more than a slower
   * start.
   */
  async snapshot(state: () => JsonObject, wanted: (state: JsonObject) => number | null = () => null): Promise<void> {
    if (this.#state === "open") await this.#snapshots.keep(state, wanted);
  }

  /** What a prune would remove now; null for nothing. Throws LogFailure. */
  prunePlan(keep: Keep): PrunePlan | null {
    return this.#pruner.plan(keep);
  }

  /** Removes the oldest segments that need not be kept; null where there are none. Rejects as `Pruner.prune` does. */
  async prune(order: PruneOrder): Promise<PruneResult | null> {
    if (this.#state !== "open" || this.#isClosing) throw this.#failure ?? closedFailure();
    return this.#pruner.prune(order);
  }

  /** Puts a new key in force; null where nothing is signed. Rejects with what went wrong. */
  async rotateKey(): Promise<VerifierKey | null> {
    return (await this.#checkpointer?.rotate()) ?? null;
  }

  #appendOwn(type: "checkpoint" | "mark", body: JsonObject): Appended {
    return this.#append({ ...this.#policy, type, body });
  }

  get lastSeq(): number {
    return this.#lastSeq;
  }

  get state(): "open" | "latched" | "closed" {
    return this.#state;
  }

  /**
   * Gives the entry its place in the log, renders and hashes it and queues its line. Throws LogFailure AUDIT_UNAVAILABLE
   * once latched, CLOSED, OVERLOADED, ENTRY_TOO_LARGE; TypeError for a body that is not JSON. A throw takes no seq.
   */
  append(entry: LogEntryInput): Appended {
    // Not for the log's own records: a checkpoint is what the tiles wait for.
    if (this.#tileLagRecords >= this.#backlogMaxRecords) {
      throw new LogFailure("OVERLOADED", `tiles of ${this.#backlogMaxRecords} records wait for the disk`);
    }
    return this.#append(entry);
  }

  #append(entry: LogEntryInput): Appended {
    if (this.#state !== "open" || this.#isClosing) throw this.#failure ?? closedFailure();
    if (this.#committer.queuedBytes >= queueLimitBytes) {
      throw new LogFailure("OVERLOADED", `${queueLimitBytes} bytes of records wait for the disk`);
    }
    const { wallUs, monoUs, timeRegression } = this.#clock.now();
    const time = formatTime(wallUs);
    const seq = this.#lastSeq + 1;
    const rest = this.#renderer.render(entry, { seq, prev: this.#lastHash, time, monoUs, timeRegression });
    const batch = this.#committer.batchFor(seq, prefixBytes + 3 * rest.length + 1);
    const start = batch.usedBytes;
    const { end, hash } = writeLine(batch.bytes, start, rest);
    const entryBytes = end - start - prefixBytes;
    if (entryBytes > entryLimitBytes) {
      this.#committer.dropEmpty(batch);
      throw new LogFailure("ENTRY_TOO_LARGE", `the entry has ${entryBytes} bytes, at most ${entryLimitBytes} fit`);
    }
    batch.add(end, hash, wallUs);
    this.#lastSeq = seq;
    this.#lastHash = hash;
    if (entry.type === "policy")
      this.#policy = { policy_version: entry.policy_version, policy_hash: entry.policy_hash };
    this.#committer.added(end - start);
    return { seq, hash, time };
  }

  /**
   * Resolves when the record is as durable as the log's mode promises: on disk, or with `async` as soon as it is
   * queued. Rejects with LogFailure AUDIT_UNAVAILABLE when the log latched before that.
   */
  durable(seq: number): Promise<void> {
    if (!(seq <= this.#lastSeq)) return Promise.reject(new TypeError(`record ${seq} was never appended`));
    if (this.isDurable(seq)) return Promise.resolve();
    if (this.#failure !== null) return Promise.reject(this.#failure);
    // Every unsynced record is in a batch; were one not, nothing may be answered from it.
    const batch = this.#committer.find(seq);
    return batch?.durable ?? Promise.reject(new Error(`record ${seq} is neither synced nor queued`));
  }

  /** Whether `durable` would resolve at once. */
  isDurable(seq: number): boolean {
    if (seq <= this.#answerableSeq) return true;
    return this.#committer.durability === "async" && this.#failure === null && seq <= this.#lastSeq;
  }

  get #tileLagRecords(): number {
    return this.#checkpointer?.backlogRecords ?? 0;
  }

  /** More records, or tiles of them, wait for the disk than should; `onRelief` tells when that is over. */
  get isPressed(): boolean {
    const isBehind =
      this.#committer.queuedBytes >= pressureBytes || this.#tileLagRecords >= this.#backlogMaxRecords / 8;
    if (!isBehind || this.#state !== "open") return false;
    this.#wasPressed = true;
    return true;
  }

  /** The listener is called whenever the queue has shrunk after somebody found it pressed, or the log has latched. */
  onRelief(listener: () => void): void {
    this.#reliefListeners.push(listener);
  }

  /** The listener is called once, at the first error of the disk, or at once if that has been. */
  onLatch(listener: (failure: LogFailure) => void): void {
    if (this.#failure !== null) listener(this.#failure);
    else this.#listeners.push(listener);
  }

  /**
   * Writes and syncs what is queued, marks the clean stop and frees the lock. A latched log is only let go of: its
   * head is not touched. Never rejects; look at `state` before for whether all went well.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  stats(): LogStats {
    return {
      state: this.#state,
      lastSeq: this.#lastSeq,
      syncedSeq: this.#syncedSeq,
      lastSyncTime: this.#lastSyncUs === null ? null : formatTime(this.#lastSyncUs),
      lagRecords: this.#lastSeq - this.#syncedSeq,
      lagBytes: this.#committer.queuedBytes,
      segments: this.#segment.number - this.#firstSegment + 1,
      activeBytes: this.#segment.sizeBytes,
      totalBytes: this.#sealedBytes + this.#segment.sizeBytes,
      headFailures: this.#head.failures,
      tileLagRecords: this.#tileLagRecords,
      checkpointFailures: this.#checkpointer?.failures ?? 0,
      checkpointSize: this.#checkpointer?.head?.size ?? null,
      snapshotSeq: this.#snapshots.atSeq,
      snapshotFailures: this.#snapshots.failures,
      prunedBefore: this.#pruner.last?.firstKept ?? null,
    };
  }

  async #close(): Promise<void> {
    if (this.#checkpointer !== null) await this.checkpoint("stop");
    this.#isClosing = true;
    await this.#committer.drain();
    clearInterval(this.#timer);
    if (this.#state === "open") {
      try {
        await this.#head.writeNow(true);
        this.#state = "closed";
      } catch (error) {
        this.#latch(error);
      }
    }
    this.#abandon();
    this.#lock.release();
  }

  /** Lets go of the files, without a word in the head. */
  #abandon(): void {
    this.#checkpointer?.end();
    clearInterval(this.#timer);
    this.salts.close();
    this.#head.close();
    this.#segment.close();
  }

  #relieve(): void {
    if (!this.#wasPressed || this.isPressed) return;
    this.#wasPressed = false;
    for (const listener of this.#reliefListeners) queueMicrotask(listener);
  }

  /** No answer goes out behind a checkpoint of which the head does not tell. */
  #signHead(head: TreeHead): void {
    const due = this.#head.sign(head).then(() => {
      if (this.#headDue === due) this.#headDue = null;
    });
    this.#headDue = due;
  }

  #synced(seq: number, hashes: readonly string[]): Promise<void> | null {
    this.#syncedSeq = seq;
    this.#lastSyncUs = this.#clock.now().wallUs;
    this.#head.acknowledge(seq, hashes.at(-1) ?? "");
    this.#checkpointer?.take(hashes);
    if (this.#headDue === null) {
      this.#answerableSeq = seq;
      return null;
    }
    return this.#headDue.then(() => {
      this.#answerableSeq = Math.max(this.#answerableSeq, seq);
    });
  }

  #keepHouse(): void {
    if (this.#state !== "open") return;
    try {
      const failure = this.#segment.replacement();
      if (failure !== null) this.#committer.kill(failure);
      else if (this.#head.isGivenUp) {
        this.#committer.kill(new LogFailure("AUDIT_UNAVAILABLE", "the head file could not be written for too long"));
      } else {
        this.#head.request();
        this.#checkpointer?.tick();
      }
    } catch (error) {
      this.#committer.kill(error);
    }
  }

  #latch(error: unknown): LogFailure {
    if (this.#failure !== null) return this.#failure;
    const failure =
      error instanceof LogFailure
        ? error
        : new LogFailure("AUDIT_UNAVAILABLE", `the log can no longer be written: ${reasonOf(error)}`, {}, error);
    this.#state = "latched";
    this.#failure = failure;
    this.#checkpointer?.end();
    this.#relieve();
    // Behind this turn, so that a listener that throws cannot keep the waiters from being refused.
    for (const listener of this.#listeners) queueMicrotask(() => listener(failure));
    return failure;
  }
}

function closedFailure(): LogFailure {
  return new LogFailure("CLOSED", "the log is closed");
}
