// The tree as files (C2SP tlog-tiles): which tiles there are, what their paths are called and what stands in them, as the
// log grows. It holds the right edge of the tree alone; it never opens a file.
import { Frontier, type Subtree } from "./merkle.ts";

/** Hashes of a full tile; a tile spans 8 levels of the tree. */
export const tileWidth = 256;
export const tileHeight = 8;
export const hashBytes = 32;

export interface TilePlace {
  readonly level: number;
  /** within its level */
  readonly index: number;
  /** hashes in it: 256, or fewer at the right edge */
  readonly width: number;
}

export interface Tile extends TilePlace {
  readonly bytes: Buffer;
}

/** Below the log's directory. `kind` is the level, or "entries" for the bundles of an export. */
export function tilePath(kind: number | "entries", index: number, width: number): string {
  const digits = String(index);
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, "0");
  const parts = padded.match(/\d{3}/g) ?? [];
  const path = `tile/${kind}/${parts.map((part, at) => (at < parts.length - 1 ? `x${part}` : part)).join("/")}`;
  return width === tileWidth ? path : `${path}.p/${width}`;
}

/** The tiles at the right edge of a tree of `size`, none of them full or empty, lowest first. */
export function partialTiles(size: number): TilePlace[] {
  const places: TilePlace[] = [];
  for (let [level, count] = [0, size]; count > 0; level++, count = Math.floor(count / tileWidth)) {
    const width = count % tileWidth;
    if (width > 0) places.push({ level, index: (count - width) / tileWidth, width });
  }
  return places;
}

/** The full tiles of a tree of `size`, lowest level first. */
export function fullTiles(size: number): TilePlace[] {
  const places: TilePlace[] = [];
  for (let [level, count] = [0, size]; count >= tileWidth; level++) {
    count = Math.floor(count / tileWidth);
    for (let index = 0; index < count; index++) places.push({ level, index, width: tileWidth });
  }
  return places;
}

/** The hash at `at` of a tile's bytes. */
export function hashInTile(bytes: Buffer, at: number): string {
  return bytes.toString("hex", at * hashBytes, (at + 1) * hashBytes);
}

interface Edge {
  readonly bytes: Buffer;
  index: number;
  width: number;
}

/** The growing tree with the unfinished tile of each level: 8 KiB for each, three or four for a million entries. */
export class TileTree {
  #frontier = new Frontier();
  readonly #edges: Edge[] = [];
  /** called with each tile that becomes full, whose bytes are the receiver's; another receiver may take over */
  finished: (tile: Tile) => void;
  readonly #completed = (height: number, hash: string): void => {
    if (height % tileHeight === 0) this.#put(height / tileHeight, hash);
  };

  constructor(finished: (tile: Tile) => void) {
    this.finished = finished;
  }

  get size(): number {
    return this.#frontier.size;
  }

  /** Goes on from a tree that stands elsewhere: `subtree` tells its hashes. Throws what that throws; then nothing is changed. */
  resume(size: number, subtree: Subtree): void {
    const frontier = Frontier.of(size, subtree);
    const edges: Edge[] = [];
    for (let [level, count] = [0, size]; count > 0; level++, count = Math.floor(count / tileWidth)) {
      const width = count % tileWidth;
      const index = (count - width) / tileWidth;
      const bytes = Buffer.alloc(tileWidth * hashBytes);
      for (let at = 0; at < width; at++) {
        bytes.write(subtree(level * tileHeight, index * tileWidth + at), at * hashBytes, "hex");
      }
      edges.push({ bytes, index, width });
    }
    this.#frontier = frontier;
    this.#edges.length = 0;
    this.#edges.push(...edges);
  }

  append(leaf: string): void {
    this.#frontier.append(leaf, this.#completed);
  }

  root(): string {
    return this.#frontier.root();
  }

  /** Copies of the unfinished tiles as they stand, lowest level first. */
  edges(): Tile[] {
    return this.#edges.flatMap(({ bytes, index, width }, level) =>
      width === 0 ? [] : [{ level, index, width, bytes: Buffer.from(bytes.subarray(0, width * hashBytes)) }],
    );
  }

  #put(level: number, hash: string): void {
    let edge = this.#edges[level];
    if (edge === undefined) {
      edge = { bytes: Buffer.alloc(tileWidth * hashBytes), index: 0, width: 0 };
      this.#edges[level] = edge;
    }
    edge.bytes.write(hash, edge.width * hashBytes, "hex");
    edge.width++;
    if (edge.width < tileWidth) return;
    this.finished({ level, index: edge.index, width: tileWidth, bytes: Buffer.from(edge.bytes) });
    edge.index++;
    edge.width = 0;
  }
}
