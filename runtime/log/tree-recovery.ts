// The tree of a log that is being opened, made anew from its records in the same pass that checks them: whether the stored
// checkpoint fits, which tiles have to be written again, what the log's own records say of keys and hosts. It reads only;
// what it finds wrong with the checkpoint stops the opening before anything is changed.
import { join } from "node:path";
import { type Disk, hasErrorCode, readWhole } from "../disk.ts";
import type { Json, JsonObject } from "../json.ts";
import { type Checkpoint, originOf, parseCheckpoint, rotatedTo, type TreeHead } from "./checkpoint.ts";
import { LogFailure } from "./failure.ts";
import { emptyRoot, rootOf } from "./merkle.ts";
import { type Note, noteLimitBytes, parseNote, signedBy } from "./note.ts";
import { checkpointFileName } from "./segments.ts";
import { type KeyKeeper, type SigningKey, verifierKeyOf } from "./signing-key.ts";
import { type LogMemory, UnfitSnapshot } from "./snapshots.ts";
import { readTile, subtreesOnDisk } from "./tile-reader.ts";
import { type Tile, TileTree, tilePath, tileWidth } from "./tiles.ts";

export const rotationKind = "key_rotation";

export interface RecoveredTree {
  readonly tree: TileTree;
  /** full tiles that are missing on disk, or are not what the records make them */
  readonly owedTiles: readonly Tile[];
  /** the stored checkpoint as it stands, and what it says; null without one */
  readonly note: string | null;
  readonly head: TreeHead | null;
  /** the key that a record named and that has not taken the other's place yet; null where there is none */
  readonly named: SigningKey | null;
  /** the last rotation's key has come into force, or there was none */
  readonly isKeyNamed: boolean;
  /** the key that the last rotation named; null where there was none */
  readonly rotatedTo: string | null;
  /** bodies of marks to append: what is odd and does not keep the log from going on */
  readonly marks: readonly JsonObject[];
}

/** A member of a record's `detail`. */
export function detailOf(value: JsonObject, name: string): Json | undefined {
  const { detail } = value;
  return typeof detail === "object" && detail !== null && !Array.isArray(detail)
    ? (detail as JsonObject)[name]
    : undefined;
}

/** The checkpoint's file; null without one. Throws LogFailure CORRUPT for one that cannot be read. */
function storedCheckpoint(
  disk: Disk,
  dir: string,
  origin: string,
): { text: string; note: Note; says: Checkpoint } | null {
  const path = join(dir, checkpointFileName);
  if (disk.identity(path) === null) return null;
  const bytes = readWhole(disk, path, noteLimitBytes);
  const note = parseNote(bytes);
  const says = note === null ? null : parseCheckpoint(note.text);
  if (note === null || says === null) throw unfit("is not a signed checkpoint");
  if (says.origin !== origin) throw unfit(`is that of another log, ${says.origin.slice(0, 100)}`);
  return { text: Buffer.from(bytes).toString("utf8"), note, says };
}

function unfit(what: string): LogFailure {
  const help = "move it away to go on without its word";
  return new LogFailure("CORRUPT", `the file ${checkpointFileName} ${what}; ${help}`, { segment: checkpointFileName });
}

export class TreeRecovery {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #origin: string;
  readonly #stored: ReturnType<typeof storedCheckpoint>;
  readonly #tree: TileTree;
  readonly #owedTiles: Tile[] = [];
  #wrongTiles = 0;
  #rootAtStored: string | null;
  #hadCheckpoint = false;
  #rotatedTo: string | null = null;
  #host: string | null = null;

  /** Throws LogFailure for a checkpoint that cannot be read or is another log's. */
  constructor(disk: Disk, dir: string, logId: string) {
    this.#disk = disk;
    this.#dir = dir;
    this.#origin = originOf(logId);
    this.#stored = storedCheckpoint(disk, dir, this.#origin);
    this.#rootAtStored = this.#stored?.says.size === 0 ? emptyRoot : null;
    this.#tree = new TileTree((tile) => this.#compare(tile));
  }

  /** Records under the stored checkpoint; 0 without one. */
  get storedSize(): number {
    return this.#stored?.says.size ?? 0;
  }

  /**
   * Goes on from the stored checkpoint and what the log knew at a snapshot: records up to there are not needed. Answers the first record
   * that is. Throws UnfitSnapshot where the checkpoint is not signed by the key in force, or tiles are missing or do not fit it.
   */
  resume(memory: LogMemory, keys: KeyKeeper): number {
    const stored = this.#stored;
    if (stored === null || stored.says.size === 0) throw new UnfitSnapshot("has no checkpoint beside it");
    const { size, root } = stored.says;
    const next = keys.next();
    const own = [keys.current(), ...(next === null ? [] : [next])].map((key) => verifierKeyOf(key, this.#origin));
    if (signedBy(stored.note, own)?.length !== 1) {
      throw new UnfitSnapshot("stands beside a checkpoint that the log's key has not signed");
    }
    try {
      const subtree = subtreesOnDisk(this.#disk, this.#dir, size);
      if (rootOf(size, subtree) !== root) throw new UnfitSnapshot("stands beside tiles that are not the checkpoint's");
      this.#requireTiles(size);
      this.#tree.resume(size, subtree);
    } catch (error) {
      if (error instanceof UnfitSnapshot) throw error;
      if (!(error instanceof LogFailure) && !hasErrorCode(error, "ELOOP", "EINVAL", "EFBIG", "ENXIO")) throw error;
      throw new UnfitSnapshot(`stands beside tiles that cannot be used: ${(error as Error).message}`);
    }
    this.#rootAtStored = root;
    this.#hadCheckpoint = memory.had_checkpoint;
    this.#rotatedTo = memory.rotated_to;
    this.#host = memory.host;
    return size + 1;
  }

  /** A tile that is missing is made from records, and so needs them. */
  #requireTiles(size: number): void {
    for (let [level, count] = [0, size]; count >= tileWidth; level++, count = Math.floor(count / tileWidth)) {
      for (let index = 0; index < Math.floor(count / tileWidth); index++) {
        const path = tilePath(level, index, tileWidth);
        if (this.#disk.identity(join(this.#dir, path)) === null)
          throw new UnfitSnapshot(`is older than ${path}, which is missing`);
      }
    }
  }

  /** `isCovered`: what the record says is known from a snapshot. */
  record(head: JsonObject, value: () => JsonObject, hash: string, isCovered = false): void {
    // The checkpoint may stand behind the snapshot: what is in its tree is still news.
    if ((head.seq as number) > this.#tree.size) {
      this.#tree.append(hash);
      if (this.#tree.size === this.#stored?.says.size) this.#rootAtStored = this.#tree.root();
    }
    if (isCovered) return;
    if (head.type === "checkpoint") {
      const { previous, host } = value();
      if (typeof previous === "string") this.#hadCheckpoint = true;
      if (typeof host === "string") this.#host = host;
    } else if (head.type === "mark") this.#mark(value());
  }

  #mark(value: JsonObject): void {
    const text = value.kind === rotationKind ? detailOf(value, "note") : undefined;
    const note = typeof text === "string" ? parseNote(Buffer.from(text)) : null;
    if (note !== null) this.#rotatedTo = rotatedTo(note.text, this.#origin) ?? this.#rotatedTo;
  }

  #compare(tile: Tile): void {
    let stored: Buffer | null = null;
    try {
      stored = readTile(this.#disk, this.#dir, tile.level, tile.index, tile.width);
      if (stored?.equals(tile.bytes)) return;
    } catch (error) {
      // Whatever stands there is replaced.
      if (!(error instanceof LogFailure) && !hasErrorCode(error, "ELOOP", "EINVAL", "EFBIG", "ENXIO")) throw error;
      this.#wrongTiles++;
    }
    if (stored !== null) this.#wrongTiles++;
    this.#owedTiles.push(tile);
  }

  /** Whether the checkpoint fits the records walked over. Throws LogFailure CORRUPT or TAIL_LOST. */
  check(lastSeq: number): void {
    const says = this.#stored?.says;
    if (says === undefined) return;
    if (says.size > lastSeq) {
      const message = `records ${lastSeq + 1} to ${says.size} were in the last checkpoint and are gone`;
      throw new LogFailure("TAIL_LOST", message, { segment: checkpointFileName, seq: says.size });
    }
    if (says.root !== this.#rootAtStored) throw unfit(`does not fit the first ${says.size} records`);
  }

  /**
   * What there is to go on with, once `check` has passed; `told`: the checkpoint that the head tells of. Throws LogFailure CORRUPT for a
   * false signature.
   */
  finish(keys: KeyKeeper, host: string, told: TreeHead | null): RecoveredTree {
    const next = keys.next();
    // A rotation ends with its record: without that, nobody knows the next key.
    const named = next !== null && this.#rotatedTo === verifierKeyOf(next, this.#origin).text ? next : null;
    if (named === null) keys.discardNext();
    const current = verifierKeyOf(named ?? keys.current(), this.#origin);
    const isKeyNamed = this.#rotatedTo === null ? !this.#hadCheckpoint : this.#rotatedTo === current.text;
    const marks: JsonObject[] = [];
    const mark = (kind: string, detail: JsonObject): number => marks.push({ detail, kind });
    const signed = this.#stored === null ? [] : signedBy(this.#stored.note, [current]);
    if (signed === null) throw unfit("bears a false signature of the log's key");
    const isReplaced = this.#stored !== null && signed.length === 0 && !isKeyNamed;
    if (isReplaced) mark("key_replaced", { to: current.text });
    const isOlder = told !== null && told.size > this.storedSize;
    if (isOlder || (this.#stored === null && this.#hadCheckpoint)) mark("checkpoint_missing", {});
    if (this.#wrongTiles > 0) mark("tiles_repaired", { tiles: this.#wrongTiles });
    if (this.#host !== null && this.#host !== host) mark("host_changed", { from: this.#host, to: host });
    return {
      tree: this.#tree,
      named,
      owedTiles: this.#owedTiles,
      note: this.#stored?.text ?? null,
      head: this.#stored?.says ?? null,
      isKeyNamed: isKeyNamed || signed.length > 0,
      rotatedTo: this.#rotatedTo,
      marks,
    };
  }
}
