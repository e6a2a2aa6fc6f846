// Signs what the log holds: takes the hash of each record that is on disk into the tree, and now and then (so many records,
// so much time, start, stop, a swap, a rotation) puts a checkpoint record, the tiles and the signed checkpoint in place. All
// beside the decisions. An error of tiles, checkpoint or key leaves them going and is tried again, for about a minute.
import type { Reading } from "../clock.ts";
import type { JsonObject } from "../json.ts";
import { checkpointText, originOf, rotationText, type TreeHead } from "./checkpoint.ts";
import { LogFailure, reasonOf } from "./failure.ts";
import { renderNote, signatureLine, type VerifierKey } from "./note.ts";
import { type KeyKeeper, type SigningKey, verifierKeyOf } from "./signing-key.ts";
import type { TileStore } from "./tile-store.ts";
import { type Tile, type TileTree, tileWidth } from "./tiles.ts";
import { type RecoveredTree, rotationKind } from "./tree-recovery.ts";

export type CheckpointCause = "start" | "stop" | "policy" | "rotation" | "records" | "time" | "prune" | "asked";

/** A checkpoint is due after so many records, looked at once a second, and after so much time even without any. */
export const dueRecords = 16_384;
export const dueSeconds = 300;

/** Failures in a row, about one a second, after which the log gives up; sooner where the backlog is at its limit. */
const failuresMax = 60;

/** Where tiles of more records wait, the next checkpoint does not wait for its second. */
const hurryRecords = 4 * dueRecords;

/** Records taken into the tree before others may run: a tenth of a millisecond. */
const recordsPerTurn = 256;

export interface LogAround {
  readonly logId: string;
  readonly host: string;
  /** Beyond it the log takes no more records but its own. */
  readonly backlogMaxRecords: number;
  append(type: "checkpoint" | "mark", body: JsonObject): { readonly seq: number };
  now(): Reading;
  /** A checkpoint is on disk. */
  stored(head: TreeHead): void;
  /** The backlog has shrunk. */
  relieved(): void;
  /** Too many failures: the log has to stop. */
  failed(failure: LogFailure): void;
}

/** The tree at one size, to be signed and stored. */
interface Taken extends TreeHead {
  readonly edges: readonly Tile[];
}

interface Waiter {
  readonly size: number;
  readonly resolve: (taken: Taken) => void;
  readonly reject: (reason: Error) => void;
}

export class Checkpointer {
  /** failures in a row */
  failures = 0;
  /** the last checkpoint stored; null before the first */
  head: TreeHead | null;
  /** whether the key in force is the log's first or was named by the one before it */
  readonly isKeyNamed: boolean;
  /** the key that the last rotation named; null before the first */
  rotatedTo: string | null;
  readonly #around: LogAround;
  readonly #origin: string;
  readonly #keys: KeyKeeper;
  readonly #tree: TileTree;
  readonly #store: TileStore;
  #signer: SigningKey;
  #key: VerifierKey;
  /** The key that signs is still kept as the next: it takes the other's place once a checkpoint of its own is on disk. */
  #isAdoptionOwed: boolean;
  #note: string | null;
  #pending: string[] = [];
  #taken = 0;
  #isAbsorbing = false;
  #waiter: Waiter | null = null;
  /** taken from the tree and not yet on disk */
  #owed: Taken | null = null;
  /** one checkpoint, rotation or further try after another */
  #turn: Promise<unknown> = Promise.resolve();
  #isBusy = false;
  #isOver = false;
  #lastMonoUs: number;
  #lastSize: number;

  constructor(around: LogAround, keys: KeyKeeper, store: TileStore, recovered: RecoveredTree) {
    this.#around = around;
    this.#origin = originOf(around.logId);
    this.#keys = keys;
    this.#store = store;
    this.#tree = recovered.tree;
    this.#note = recovered.note;
    this.head = recovered.head;
    this.isKeyNamed = recovered.isKeyNamed;
    this.rotatedTo = recovered.rotatedTo;
    this.#isAdoptionOwed = recovered.named !== null;
    this.#signer = recovered.named ?? keys.current();
    this.#key = verifierKeyOf(this.#signer, this.#origin);
    this.#lastMonoUs = around.now().monoUs;
    this.#lastSize = this.#tree.size;
    this.#tree.finished = (tile) => store.put(tile);
    for (const tile of recovered.owedTiles) store.put(tile);
  }

  get verifierKey(): VerifierKey {
    return this.#key;
  }

  /** Records on disk that are not yet in a tile on disk, without those of the last unfinished one. */
  get backlogRecords(): number {
    return this.#pending.length - this.#taken + this.#store.waiting * tileWidth;
  }

  /** Hashes of the next records, in order, now that they are on disk. */
  take(hashes: readonly string[]): void {
    for (const hash of hashes) this.#pending.push(hash);
    if (!this.#isAbsorbing && !this.#isOver) {
      this.#isAbsorbing = true;
      setImmediate(() => this.#absorb());
    }
    if (this.failures === 0 && this.backlogRecords >= hurryRecords) this.tick();
  }

  /** Looks whether a checkpoint is due or owed. Call about once a second. */
  tick(): void {
    if (this.#isOver || this.#isBusy) return;
    if (this.#owed !== null) void this.#inTurn(() => this.#storeOwed());
    else if (this.#tree.size - this.#lastSize >= Math.min(dueRecords, this.#around.backlogMaxRecords / 8))
      void this.checkpoint("records");
    else if (this.#around.now().monoUs - this.#lastMonoUs >= dueSeconds * 1_000_000) void this.checkpoint("time");
  }

  /** Resolves when it is on disk, or has failed and will be tried again. Never rejects. */
  async checkpoint(cause: CheckpointCause): Promise<void> {
    await this.#inTurn(() => this.#checkpoint(cause)).catch(() => {});
  }

  /**
   * Makes a new key, has the old one name it in a record, and signs with it from then on. Rejects with what went wrong:
   * before the record is on disk the old key stays in force.
   */
  rotate(): Promise<VerifierKey> {
    return this.#inTurn(async () => {
      if (this.#isAdoptionOwed)
        throw new LogFailure("AUDIT_UNAVAILABLE", "the last new key has not signed a checkpoint yet");
      const made = this.#keys.makeNext();
      const next = verifierKeyOf(made, this.#origin);
      const note = await this.#endorse(next);
      const recorded = this.#afterRecord("mark", { kind: rotationKind, detail: { note } });
      this.rotatedTo = next.text;
      const taken = await recorded;
      this.#isAdoptionOwed = true;
      this.#signer = made;
      this.#key = next;
      // Up to its own record the old key would have been right too; one checkpoint of each is not needed.
      this.#owed = null;
      this.#lastSize = taken.size;
      await this.#checkpoint("rotation");
      return next;
    });
  }

  /** Nothing more comes: the log has failed or is closed. */
  end(): void {
    this.#isOver = true;
    this.#waiter?.reject(new LogFailure("AUDIT_UNAVAILABLE", "the log ended before its checkpoint"));
    this.#waiter = null;
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(async () => {
      this.#isBusy = true;
      try {
        return await work();
      } finally {
        this.#isBusy = false;
      }
    });
    this.#turn = result.catch(() => {});
    return result;
  }

  async #endorse(next: VerifierKey): Promise<string> {
    const text = rotationText(this.#origin, next.text);
    return renderNote(text, [signatureLine(this.#key, await this.#signer.sign(Buffer.from(text)))]);
  }

  /** A checkpoint is one of the tree that ends with its own record. */
  async #checkpoint(cause: CheckpointCause): Promise<void> {
    if (this.#isOver) return;
    this.#lastMonoUs = this.#around.now().monoUs;
    const due = { records: dueRecords, seconds: dueSeconds };
    const plain = { cause, due, previous: this.#note };
    const body: JsonObject = cause === "start" ? { ...plain, host: this.#around.host } : plain;
    this.#owed = await this.#afterRecord("checkpoint", body);
    this.#lastSize = this.#owed.size;
    await this.#storeOwed();
  }

  /** Appends a record and resolves to the tree that ends with it, once that record is on disk. */
  #afterRecord(type: "checkpoint" | "mark", body: JsonObject): Promise<Taken> {
    const { seq } = this.#around.append(type, body);
    return new Promise((resolve, reject) => {
      this.#waiter = { size: seq, resolve, reject };
    });
  }

  async #storeOwed(): Promise<void> {
    const owed = this.#owed;
    if (owed === null) return;
    try {
      const text = checkpointText({ origin: this.#origin, size: owed.size, root: owed.root });
      const note = renderNote(text, [signatureLine(this.#key, await this.#signer.sign(Buffer.from(text)))]);
      await this.#store.store(owed.edges, note);
      // Never before: a start from a snapshot believes a checkpoint by the keys that are kept, and the old one is destroyed here.
      if (this.#isAdoptionOwed) this.#adopt();
      this.#note = note;
      this.head = { size: owed.size, root: owed.root };
      this.#around.stored(this.head);
      this.#owed = null;
      this.failures = 0;
      this.#around.relieved();
    } catch (error) {
      if (++this.failures >= failuresMax || this.backlogRecords >= this.#around.backlogMaxRecords)
        this.#giveUp(`no checkpoint could be written for too long: ${reasonOf(error)}`);
    }
  }

  #adopt(): void {
    this.#keys.adoptNext();
    this.#signer = this.#keys.current();
    this.#isAdoptionOwed = false;
  }

  #giveUp(reason: string): void {
    this.#isOver = true;
    this.#around.failed(new LogFailure("AUDIT_UNAVAILABLE", reason));
  }

  #absorb(): void {
    const end = Math.min(this.#pending.length, this.#taken + recordsPerTurn);
    while (this.#taken < end) {
      this.#tree.append(this.#pending[this.#taken++] as string);
      const waiter = this.#waiter;
      if (waiter === null || waiter.size !== this.#tree.size) continue;
      this.#waiter = null;
      waiter.resolve({ size: this.#tree.size, root: this.#tree.root(), edges: this.#tree.edges() });
    }
    if (this.#taken < this.#pending.length) {
      setImmediate(() => this.#absorb());
      return;
    }
    this.#pending = [];
    this.#taken = 0;
    this.#isAbsorbing = false;
    this.#around.relieved();
  }
}
