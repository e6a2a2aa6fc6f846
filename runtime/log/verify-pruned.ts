// What verification can say of records that were pruned: the tiles still hold their hashes, and a signed root stands over them.
// It reads only, and answers hashes that count for nothing until the root of the whole tree comes out right.
import type { Disk } from "../disk.ts";
import { hasErrorCode } from "../disk.ts";
import { LogFailure } from "./failure.ts";
import { nodeHash, rootOf, type Subtree } from "./merkle.ts";
import { readTile, subtreesOnDisk } from "./tile-reader.ts";
import { hashInTile, tileHeight, tilePath, tileWidth } from "./tiles.ts";

/** Tiles checked before others may run: about 8 ms. */
const tilesPerTurn = 32;

export class PrunedTree {
  readonly size: number;
  readonly subtree: Subtree;
  readonly #disk: Disk;
  readonly #dir: string;

  /** `size` records are gone; `signedSize`: the tree that the tiles on disk are of. */
  constructor(disk: Disk, dir: string, size: number, signedSize: number) {
    this.#disk = disk;
    this.#dir = dir;
    this.size = size;
    this.subtree = subtreesOnDisk(disk, dir, signedSize);
  }

  /** Root over the first `size` records, those gone or fewer. Throws as `subtreesOnDisk` does. */
  rootAt(size: number): string {
    return rootOf(size, this.subtree);
  }

  /** The first full tile over records that are gone which is missing, or is not what the tile above it says; null for none. */
  async wrongTile(): Promise<string | null> {
    let looked = 0;
    for (let [level, count] = [0, this.size]; count >= tileWidth; level++, count = Math.floor(count / tileWidth)) {
      for (let index = 0; index < Math.floor(count / tileWidth); index++) {
        if (!this.#fits(level, index)) return tilePath(level, index, tileWidth);
        if (++looked % tilesPerTurn === 0) await new Promise(setImmediate);
      }
    }
    return null;
  }

  #fits(level: number, index: number): boolean {
    try {
      const bytes = readTile(this.#disk, this.#dir, level, index, tileWidth);
      if (bytes === null) return false;
      const hashes = Array.from({ length: tileWidth }, (_, at) => hashInTile(bytes, at));
      for (let count = tileWidth; count > 1; count /= 2) {
        for (let at = 0; at < count; at += 2) hashes[at / 2] = nodeHash(hashes[at] as string, hashes[at + 1] as string);
      }
      return hashes[0] === this.subtree((level + 1) * tileHeight, index);
    } catch (error) {
      if (!isTileFault(error)) throw error;
      return false;
    }
  }
}

/** Something else than a tile stands in its place, or nothing does. */
export function isTileFault(error: unknown): boolean {
  return error instanceof LogFailure || hasErrorCode(error, "ELOOP", "EINVAL", "EFBIG", "ENXIO");
}
