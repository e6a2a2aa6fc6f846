// Stored tiles against those that the records make.
import { join } from "node:path";
import { type Disk, hasErrorCode } from "../disk.ts";
import { LogFailure } from "./failure.ts";
import { readTile } from "./tile-reader.ts";
import { type Tile, tilePath } from "./tiles.ts";

export class TileCheck {
  /** Whether the log has tiles at all. */
  readonly isThere: boolean;
  missing = 0;
  readonly #disk: Disk;
  readonly #dir: string;

  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#dir = dir;
    this.isThere = disk.identity(join(dir, "tile"))?.kind === "directory";
  }

  /** The path of a tile that is not what the records make it, which must lie under `covered` records; else null. */
  wrong(tile: Tile, covered: number): { readonly file: string; readonly end: number } | null {
    const end = (tile.index * 256 + tile.width) * 256 ** tile.level;
    if (!this.isThere || end > covered) return null;
    return this.#differs(tile) ? { file: tilePath(tile.level, tile.index, tile.width), end } : null;
  }

  #differs(tile: Tile): boolean {
    try {
      const stored = readTile(this.#disk, this.#dir, tile.level, tile.index, tile.width);
      if (stored !== null) return !stored.equals(tile.bytes);
      this.missing++;
      return false;
    } catch (error) {
      // Something else than a file of this size stands there.
      if (!(error instanceof LogFailure) && !hasErrorCode(error, "ELOOP", "EINVAL", "EFBIG", "ENXIO")) throw error;
      return true;
    }
  }
}
