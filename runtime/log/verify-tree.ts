// What `audit verify` checks of the tree in the same walk: checkpoints in the records and on disk, who signed them, tiles,
// and whether the log still has what outside anchors have seen of it. It reads only; of an anchor or a key it takes none from
// the log.
import type { Disk } from "../disk.ts";
import type { JsonObject } from "../json.ts";
import { originOf, parseCheckpoint, type TreeHead } from "./checkpoint.ts";
import { CheckpointGaps } from "./checkpoint-gaps.ts";
import { KeyTimeline } from "./key-timeline.ts";
import { emptyRoot } from "./merkle.ts";
import { type Note, parseNote, signedBy, type VerifierKey } from "./note.ts";
import { type Pruned, prunedOf } from "./prune-record.ts";
import { checkpointFileName, witnessedFileName } from "./segments.ts";
import { readStored, type StoredNote, sizeOf } from "./stored-note.ts";
import { TileCheck } from "./tile-check.ts";
import { type Tile, TileTree } from "./tiles.ts";
import type { Anchor, TreeFault } from "./tree-fault.ts";
import { detailOf, rotationKind } from "./tree-recovery.ts";
import { isTileFault, PrunedTree } from "./verify-pruned.ts";

/** Stored checkpoints whose roots are remembered until a record speaks of them. */
const rootsKept = 1024;

export class TreeCheck {
  fault: TreeFault | null = null;
  checkpoints = 0;
  unknownSigners = 0;
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #origin: string;
  readonly #anchors: readonly Anchor[];
  /** The checkpoint that the head tells of: the stored one is no older. */
  readonly #told: TreeHead | null;
  readonly #pinned: readonly VerifierKey[] | null;
  readonly #timeline: KeyTimeline;
  readonly #tree = new TileTree((tile) => this.#compare(tile));
  readonly #tiles: TileCheck;
  readonly #gaps = new CheckpointGaps();
  #stored: StoredNote | string | null;
  readonly #witnessed: StoredNote | string | null;
  /** roots at sizes that are asked for, and the time of the record behind each */
  readonly #wanted = new Map<number, { root: string; timeBehind: string | null }>();
  readonly #roots = new Map<number, string>();
  #notedSize = 0;
  /** the largest checkpoint that no pinned key has signed */
  #unknown: { readonly size: number; readonly file: string; readonly seq: number; readonly field: string } | null =
    null;
  #gone: PrunedTree | null = null;
  /** hash of the last record that is gone */
  #goneHash = "";
  readonly #prunes: { readonly seq: number; readonly says: Pruned }[] = [];
  /** the last prune that a record tells of */
  pruned: { readonly seq: number; readonly says: Pruned } | null = null;

  /** To be made before the segments are listed: what the stored checkpoint covers is then in them. */
  constructor(
    disk: Disk,
    dir: string,
    logId: string,
    pinned: readonly VerifierKey[] | null,
    anchors: readonly Anchor[],
    told: TreeHead | null = null,
  ) {
    this.#told = told;
    this.#disk = disk;
    this.#dir = dir;
    this.#origin = originOf(logId);
    this.#pinned = pinned;
    this.#anchors = anchors;
    this.#timeline = new KeyTimeline(this.#origin, pinned ?? []);
    this.#stored = readStored(disk, dir, checkpointFileName);
    this.#witnessed = readStored(disk, dir, witnessedFileName);
    this.#tiles = new TileCheck(disk, dir);
    for (const size of [
      sizeOf(this.#stored),
      sizeOf(this.#witnessed),
      ...anchors.map((one) => one.size),
      told?.size ?? 0,
    ]) {
      this.#wanted.set(size, { root: emptyRoot, timeBehind: null });
    }
    for (const { record } of anchors) if (record) this.#wanted.set(record.seq, { root: emptyRoot, timeBehind: null });
  }

  get hasTiles(): boolean {
    return this.#tiles.isThere;
  }

  get missingTiles(): number {
    return this.#tiles.missing;
  }

  /** Periods without the checkpoint that was due. */
  get gaps(): readonly string[] {
    return this.#gaps.found;
  }

  /**
   * Begins behind records that were pruned, the last of them `seq` with `hash`: what they were in the tree is taken from tiles. `last` is
   * the newest prune record in the files.
   */
  async begin(seq: number, hash: string, last: Pruned | null): Promise<void> {
    const file = checkpointFileName;
    if (sizeOf(this.#stored) <= seq) {
      const message = "records were removed over which no checkpoint stands";
      this.#fail({ check: "pruned", file, seq, field: "size", expected: `more than ${seq}`, found: "less", message });
      return;
    }
    for (const { seq: at, note } of last?.rotations ?? []) {
      const wrong = at <= seq && this.#timeline.hasKeys ? this.#timeline.rotate(note, at) : null;
      if (wrong !== null) this.#failSignature("", at, "rotations.note", wrong);
    }
    const gone = new PrunedTree(this.#disk, this.#dir, seq, sizeOf(this.#stored));
    try {
      this.#tree.resume(seq, gone.subtree);
      for (const [size, wanted] of this.#wanted) if (size <= seq) wanted.root = gone.rootAt(size);
      this.#holdGone(gone);
    } catch (error) {
      if (!isTileFault(error)) throw error;
      const message = `the tiles over records that were pruned cannot be used: ${(error as Error).message}`;
      this.#failTile("", seq, message);
      return;
    }
    this.#gone = gone;
    this.#goneHash = hash;
    const wrong = await gone.wrongTile();
    if (wrong !== null)
      this.#failTile(wrong, seq, "the tile over pruned records is missing or is not what the one above says");
  }

  #failTile(file: string, seq: number, message: string): void {
    this.#fail({
      check: "tiles",
      file,
      seq,
      field: "hashes",
      expected: "those of the records",
      found: "others",
      message,
    });
  }

  /** Receipts of records that are gone. */
  #holdGone(gone: PrunedTree): void {
    for (const { name, record } of this.#anchors) {
      if (record === undefined || record.seq > gone.size) continue;
      const found = gone.subtree(0, record.seq - 1);
      if (found === record.leaf) continue;
      const message = `record ${record.seq} was not the one that ${name} is a receipt of`;
      this.#fail({
        check: "against",
        file: name,
        seq: record.seq,
        field: "leaf",
        expected: record.leaf,
        found,
        message,
      });
    }
  }

  #prune(value: JsonObject, seq: number): void {
    const says = prunedOf(value);
    const fail = (field: string, expected: string, found: string): void => {
      const message = "the prune record does not fit the log";
      this.#fail({ check: "pruned", file: "", seq, field, expected, found, message });
    };
    if (says === null || says.firstKept >= seq) {
      fail("first_kept", `less than ${seq}`, String(value.first_kept));
      return;
    }
    this.pruned = { seq, says };
    this.#prunes.push(this.pruned);
    const gone = this.#gone;
    if (gone === null || says.firstKept > gone.size + 1) return;
    try {
      const root = gone.rootAt(says.firstKept - 1);
      const leaf = says.firstKept - 1 === gone.size ? this.#goneHash : gone.subtree(0, says.firstKept - 2);
      if (says.root !== root) fail("root", root, says.root);
      else if (says.prev !== leaf) fail("first_kept_prev", leaf, says.prev);
    } catch (error) {
      if (!isTileFault(error)) throw error;
      this.#failTile("", seq, (error as Error).message);
    }
  }

  /** Whether the records that are gone are those that a record under a checkpoint says, once all were walked. */
  #finishPruned(signedSize: number): void {
    const gone = this.#gone;
    if (gone === null) return;
    // A newer one that was never signed has removed nothing, and takes nothing from those before it.
    const explains = this.#prunes.filter(({ seq, says }) => says.firstKept > gone.size && seq <= signedSize).at(-1);
    if (explains !== undefined) {
      this.pruned = explains;
      return;
    }
    const { pruned } = this;
    const unsigned = pruned !== null && pruned.says.firstKept > gone.size;
    const message = unsigned
      ? "records were removed by a prune record that no checkpoint covers"
      : `records 1 to ${gone.size} are missing, and no prune record says that they were removed`;
    const found = pruned === null ? "none" : `record ${pruned.seq}, up to ${pruned.says.firstKept - 1}`;
    const expected = "a prune record under a signed checkpoint";
    this.#fail({ check: "pruned", file: "", seq: gone.size, field: "first_kept", expected, found, message });
  }

  record(head: JsonObject, value: () => JsonObject, hash: string): void {
    const seq = this.#tree.size + 1;
    const behind = this.#wanted.get(seq - 1);
    if (behind !== undefined) behind.timeBehind = String(head.time);
    this.#tree.append(hash);
    const wanted = this.#wanted.get(seq);
    if (wanted !== undefined) {
      wanted.root = this.#tree.root();
      if (seq === sizeOf(this.#stored) && this.#tiles.isThere)
        for (const edge of this.#tree.edges()) this.#compare(edge);
    }
    for (const { name, record } of this.#anchors) {
      if (record?.seq === seq && record.leaf !== hash) {
        const message = `record ${seq} is not the one that ${name} is a receipt of`;
        this.#fail({ check: "against", file: name, seq, field: "leaf", expected: record.leaf, found: hash, message });
      }
    }
    if (head.type === "checkpoint") this.#checkpoint(value(), seq);
    else if (head.type === "mark") this.#mark(value(), seq);
    else if (head.type === "prune") this.#prune(value(), seq);
  }

  #fail(fault: TreeFault): void {
    this.fault ??= fault;
  }

  #mark(value: JsonObject, seq: number): void {
    const note = value.kind === rotationKind ? detailOf(value, "note") : undefined;
    if (typeof note !== "string" || !this.#timeline.hasKeys) return;
    const wrong = this.#timeline.rotate(note, seq);
    if (wrong !== null) this.#failSignature("", seq, "detail.note", wrong);
  }

  #failSignature(file: string, seq: number, field: string, message: string): void {
    const expected = "the signature of a pinned key, or of one that it named";
    this.#fail({ check: "signature", file, seq, field, expected, found: "another", message });
  }

  #checkpoint(value: JsonObject, seq: number): void {
    this.checkpoints++;
    this.#roots.set(seq, this.#tree.root());
    if (this.#roots.size > rootsKept) this.#roots.delete(this.#roots.keys().next().value as number);
    this.#gaps.take(value, seq);
    const { previous } = value;
    if (typeof previous !== "string") return;
    const note = parseNote(Buffer.from(previous));
    const says = note === null ? null : parseCheckpoint(note.text);
    if (note === null || says === null || says.origin !== this.#origin || says.size >= seq) {
      const message = "the record holds no checkpoint of this log before it";
      const expected = `a checkpoint of ${this.#origin}`;
      this.#fail({ check: "checkpoint", file: "", seq, field: "previous", expected, found: "another text", message });
      return;
    }
    this.#notedSize = Math.max(this.#notedSize, says.size);
    const root = this.#roots.get(says.size);
    if (root !== undefined && root !== says.root) {
      const message = `the checkpoint over ${says.size} records in it does not fit them`;
      this.#fail({ check: "checkpoint", file: "", seq, field: "previous", expected: root, found: says.root, message });
    }
    this.#judge(note, says.size, "", seq, "previous");
  }

  #judge(note: Note, size: number, file: string, seq: number, field: string): boolean {
    if (!this.#timeline.hasKeys) return false;
    const judged = this.#timeline.judge(note, size);
    if (judged.kind === "good") return true;
    if (judged.kind === "false") this.#failSignature(file, seq, field, judged.why);
    else {
      // Whether it may be so, the record of a later rotation tells.
      this.unknownSigners++;
      if (this.#unknown === null || size > this.#unknown.size) this.#unknown = { size, file, seq, field };
    }
    return false;
  }

  #compare(tile: Tile): void {
    const wrong = this.#tiles.wrong(tile, sizeOf(this.#stored));
    if (wrong !== null) this.#failTile(wrong.file, wrong.end, "the tile is not what the records make it");
  }

  /**
   * Once all records were walked, up to a break or to the end. Returns how many the last good signed checkpoint covers, and
   * how many an outside anchor does.
   */
  finish(seq: number, isBroken: boolean): { signed: number; anchored: number; timeBehind: string | null } {
    const signed = this.#finishStored(seq, isBroken);
    if (!isBroken) this.#finishPruned(this.#timeline.hasKeys ? signed : sizeOf(this.#stored));
    if (!isBroken) this.#finishTold(seq);
    let anchored = this.#finishWitnessed(seq);
    for (const anchor of this.#anchors) anchored = Math.max(anchored, this.#hold(anchor, seq, isBroken));
    const unknown = this.#unknown;
    if (unknown !== null && unknown.size > this.#timeline.unknownUntil) {
      this.#failSignature(unknown.file, unknown.seq, unknown.field, "no pinned key has signed it");
    }
    return { signed, anchored, timeBehind: this.#wanted.get(anchored)?.timeBehind ?? null };
  }

  #finishStored(seq: number, isBroken: boolean): number {
    const file = checkpointFileName;
    // A daemon may have put a newer one in place since.
    const first = this.#stored;
    if (sizeOf(first) < this.#notedSize) this.#stored = this.#newer();
    const stored = this.#stored;
    const isNewer = stored !== first;
    const fail = (field: string, expected: string, found: string, message: string): number => {
      this.#fail({ check: "checkpoint", file, seq: 0, field, expected, found, message });
      return 0;
    };
    if (this.#pinned !== null && !this.#timeline.hasKeys) {
      const message = "the pinned keys are those of another log";
      this.#fail({
        check: "signature",
        file,
        seq: 0,
        field: "key",
        expected: `a key of ${this.#origin}`,
        found: "none",
        message,
      });
    }
    if (stored === null && this.#notedSize === 0) return 0;
    if (stored === null)
      return fail("file", `a checkpoint over ${this.#notedSize} records or more`, "none", "it is gone");
    if (typeof stored === "string") return fail("file", "a signed checkpoint", "another file", `the file ${stored}`);
    const { says, note } = stored;
    if (says.origin !== this.#origin)
      return fail("origin", this.#origin, says.origin.slice(0, 100), "it is another log's");
    // Of one that was put in place during the walk the records may not have been looked at.
    if (says.size > seq && (isBroken || isNewer)) return 0;
    if (says.size > seq) return fail("size", `at most ${seq}`, `${says.size}`, "it covers records that are gone");
    if (says.size < this.#notedSize) {
      return fail("size", `${this.#notedSize} or more`, `${says.size}`, "it is older than one that a record tells of");
    }
    const root = this.#wanted.get(says.size)?.root ?? this.#roots.get(says.size);
    if (root !== undefined && root !== says.root) return fail("root", root, says.root, "it does not fit the records");
    return this.#judge(note, says.size, file, says.size, "signature") ? says.size : 0;
  }

  #finishTold(seq: number): void {
    const told = this.#told;
    if (told === null || told.size > seq) return;
    const fail = (field: string, expected: string, found: string, message: string): void =>
      this.#fail({ check: "checkpoint", file: checkpointFileName, seq: told.size, field, expected, found, message });
    const root = this.#wanted.get(told.size)?.root;
    if (root !== told.root)
      fail("root", told.root, root ?? "none", "the head tells of a checkpoint over other records");
    else if (sizeOf(this.#stored) < told.size) {
      const found = sizeOf(this.#stored) === 0 ? "none" : String(sizeOf(this.#stored));
      fail("size", `${told.size} or more`, found, "it is older than the one of which the head tells, or gone");
    }
  }

  #newer(): StoredNote | string | null {
    const newer = readStored(this.#disk, this.#dir, checkpointFileName);
    return sizeOf(newer) > sizeOf(this.#stored) ? newer : this.#stored;
  }

  /** Records under a checkpoint that a pinned witness has signed; one that nobody pinned counts for nothing. */
  #finishWitnessed(seq: number): number {
    const witnessed = this.#witnessed;
    if (witnessed === null || typeof witnessed === "string") return 0;
    const { says, note } = witnessed;
    const witnesses = (this.#pinned ?? []).filter(({ kind }) => kind === "witness");
    const signed = signedBy(note, witnesses);
    if (signed === null || signed.length === 0) return 0;
    const root = this.#wanted.get(says.size)?.root;
    if (says.origin === this.#origin && says.size <= seq && root === says.root) return says.size;
    const message = "a witness has signed another log than this";
    this.#fail({
      check: "against",
      file: witnessedFileName,
      seq: says.size,
      field: says.size > seq ? "size" : "root",
      expected: says.size > seq ? `${says.size} records or more` : says.root,
      found: says.size > seq ? `${seq}` : (root ?? "none"),
      message,
    });
    return 0;
  }

  #hold({ name, size, root, record, signed }: Anchor, seq: number, isBroken: boolean): number {
    const fail = (field: string, expected: string, found: string, message: string): number => {
      this.#fail({ check: "against", file: name, seq: Math.min(size, seq), field, expected, found, message });
      return 0;
    };
    if (signed !== undefined && signed.origin !== this.#origin) {
      return fail("origin", this.#origin, signed.origin.slice(0, 100), `${name} is of another log`);
    }
    const most = Math.max(size, record?.seq ?? 0);
    if (most > seq && isBroken) return 0;
    if (most > seq) return fail("size", `${most} records or more`, `${seq}`, "records that it has seen are gone");
    const found = size === 0 ? emptyRoot : (this.#wanted.get(size)?.root ?? "");
    if (found !== root) return fail("root", root, found, `the first ${size} records are not those that it has seen`);
    if (signed !== undefined) this.#judge(signed.note, size, name, size, "signature");
    return most;
  }
}
