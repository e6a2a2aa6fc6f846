// Puts tiles and the checkpoint on disk, beside the decisions and never ahead of the records: full tiles as they come, then
// with a checkpoint the unfinished ones, then the checkpoint itself. Each file is whole or absent, and all of them follow
// from the records: a crash anywhere leaves a directory that the next start completes. After an error the same call may
// come again.
import { dirname, join } from "node:path";
import { type Disk, removeTree, replaceFileAside } from "../disk.ts";
import { checkpointFileName } from "./segments.ts";
import { type Tile, type TilePlace, tilePath, tileWidth } from "./tiles.ts";

/** Files on their way to the disk at once, and tiles of one call of `#writeAll`. */
const writesAtOnce = 4;

export class TileStore {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #waiting: Tile[] = [];
  /** Full tiles on disk since the last checkpoint. */
  #written: TilePlace[] = [];
  readonly #known = new Set<string>();
  readonly #unsynced = new Set<string>();

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#dir = dir;
  }

  /** Full tiles in memory. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a full tile; it is written with the next checkpoint. */
  put(tile: Tile): void {
    this.#waiting.push(tile);
  }

  /** Writes the tiles of a tree and then its checkpoint. Rejects with the disk's error. One call at a time. */
  async store(edges: readonly Tile[], checkpoint: string): Promise<void> {
    // Those that come meanwhile are for the next one.
    for (let left = this.#waiting.length; left > 0; left -= writesAtOnce) {
      const some = this.#waiting.slice(0, Math.min(left, writesAtOnce));
      await this.#writeAll(some);
      this.#waiting.splice(0, some.length);
      for (const { level, index, width } of some) this.#written.push({ level, index, width });
    }
    for (let from = 0; from < edges.length; from += writesAtOnce) {
      await this.#writeAll(edges.slice(from, from + writesAtOnce));
    }
    await this.#syncDirectories();
    await replaceFileAside(this.#disk, join(this.#dir, checkpointFileName), Buffer.from(checkpoint));
    await this.#disk.syncDirectoryAside(this.#dir);
    for (const place of this.#written) this.#removePartial(place);
    this.#written = [];
  }

  /** All of them end before an error goes on, so that none is under way when the next call comes. */
  async #writeAll(tiles: readonly Tile[]): Promise<void> {
    const ends = await Promise.allSettled(tiles.map((tile) => this.#write(tile)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  async #write(tile: Tile): Promise<void> {
    const path = join(this.#dir, tilePath(tile.level, tile.index, tile.width));
    this.#makeDirectory(dirname(path));
    this.#unsynced.add(dirname(path));
    await replaceFileAside(this.#disk, path, tile.bytes);
  }

  #makeDirectory(path: string): void {
    if (path === this.#dir || this.#known.has(path)) return;
    this.#makeDirectory(dirname(path));
    if (this.#disk.identity(path) === null) {
      this.#disk.makeDirectory(path);
      this.#unsynced.add(dirname(path));
    }
    // Those of unfinished tiles go again.
    if (!path.endsWith(".p")) this.#known.add(path);
  }

  async #syncDirectories(): Promise<void> {
    for (const path of this.#unsynced) {
      await this.#disk.syncDirectoryAside(path);
      this.#unsynced.delete(path);
    }
  }

  /** What stood for a tile while it grew. */
  #removePartial({ level, index }: TilePlace): void {
    const path = join(this.#dir, dirname(tilePath(level, index, tileWidth - 1)));
    if (this.#disk.identity(path)?.kind === "directory") removeTree(path);
  }
}
