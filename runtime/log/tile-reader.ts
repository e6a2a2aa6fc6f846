// Reads hashes of the tree back from tiles on disk, full ones before partial ones, for proofs. It never writes, and holds
// no tile that it would have to trust: whoever asks checks what comes out against a root.
import { join } from "node:path";
import { type Disk, hasErrorCode, readWhole } from "../disk.ts";
import { LogFailure } from "./failure.ts";
import { nodeHash, type Subtree } from "./merkle.ts";
import { hashBytes, hashInTile, partialTiles, tileHeight, tilePath, tileWidth } from "./tiles.ts";

/** Tiles kept in memory for one proof, which needs fewer. */
const cachedMax = 64;

/** The bytes of the tile with `width` hashes, from its own file or from that of the full tile; null without either. */
export function readTile(disk: Disk, dir: string, level: number, index: number, width: number): Buffer | null {
  for (const stored of width === tileWidth ? [tileWidth] : [width, tileWidth]) {
    try {
      const path = join(dir, tilePath(level, index, stored));
      const bytes = readWhole(disk, path, tileWidth * hashBytes);
      if (bytes.length === stored * hashBytes) return Buffer.from(bytes.subarray(0, width * hashBytes));
      throw new LogFailure("CORRUPT", `${path} has ${bytes.length} bytes`, { segment: tilePath(level, index, stored) });
    } catch (error) {
      if (!hasErrorCode(error, "ENOENT", "ENOTDIR")) throw error;
    }
  }
  return null;
}

/** Hashes of the tree of `size` entries. The function throws LogFailure where a tile is missing or of a wrong length. */
export function subtreesOnDisk(disk: Disk, dir: string, size: number): Subtree {
  const cache = new Map<string, Buffer>();
  const edges = partialTiles(size);
  const tile = (level: number, index: number): Buffer => {
    const edge = edges.find((one) => one.level === level && one.index === index);
    const path = tilePath(level, index, edge?.width ?? tileWidth);
    const bytes = cache.get(path) ?? readTile(disk, dir, level, index, edge?.width ?? tileWidth);
    if (bytes === null) throw new LogFailure("SEGMENT_MISSING", `${path} is missing`, { segment: path });
    if (cache.size >= cachedMax) cache.clear();
    cache.set(path, bytes);
    return bytes;
  };
  return (height, index) => {
    const level = Math.floor(height / tileHeight);
    const above = height % tileHeight;
    // Of its tile the subtree takes 2^above hashes, which are hashed together.
    const first = index * 2 ** above;
    const bytes = tile(level, Math.floor(first / tileWidth));
    const from = first % tileWidth;
    const hashes = Array.from({ length: 2 ** above }, (_, at) => hashInTile(bytes, from + at));
    for (let count = hashes.length; count > 1; count /= 2) {
      for (let at = 0; at < count; at += 2) hashes[at / 2] = nodeHash(hashes[at] as string, hashes[at + 1] as string);
    }
    return hashes[0] as string;
  };
}
