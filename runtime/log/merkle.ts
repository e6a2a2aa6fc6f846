// The Merkle tree over the log's entries (RFC 6962, section 2.1; the same in RFC 9162): its nodes, its root as it grows,
// and the two kinds of proof. Hashes are lowercase hexadecimal, as records have them. Pure: no file, no clock. It must
// never count in 32 bits, nor call a proof good that has a hash too many.
import { sha256Hex } from "./line.ts";

/** Root of the tree without entries: SHA-256 of nothing. */
export const emptyRoot = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** The tree before its first entry: true of every log. */
export const noTree = { size: 0, root: emptyRoot } as const;

const hashPattern = /^[0-9a-f]{64}$/;
const nodeInput = Buffer.alloc(65);
nodeInput[0] = 0x01;

export function isHash(text: string): boolean {
  return hashPattern.test(text);
}

/** Hash of an inner node. Hexadecimal in and out takes a third of the time that a Buffer for each hash takes. */
export function nodeHash(left: string, right: string): string {
  nodeInput.write(left, 1, "hex");
  nodeInput.write(right, 33, "hex");
  return sha256Hex(nodeInput);
}

/**
 * A tree that only grows, of which nothing is kept but the roots of its largest perfect subtrees, left to right: as many
 * as the size has ones in binary. An entry costs one hash on average, a root as many as there are subtrees.
 */
export class Frontier {
  size = 0;
  readonly #hashes: string[] = [];

  /** The tree of `size` entries, from the hashes of its perfect subtrees. Throws what `subtree` throws. */
  static of(size: number, subtree: Subtree): Frontier {
    const frontier = new Frontier();
    for (let start = 0; start < size; ) {
      const height = Math.floor(Math.log2(size - start));
      frontier.#hashes.push(subtree(height, start / 2 ** height));
      start += 2 ** height;
    }
    frontier.size = size;
    return frontier;
  }

  /** `completed` is told each perfect subtree that this entry ends, by height, itself (height 0) included. */
  append(leaf: string, completed?: (height: number, hash: string) => void): void {
    let hash = leaf;
    completed?.(0, hash);
    let height = 0;
    for (let rest = this.size; rest % 2 === 1; rest = (rest - 1) / 2) {
      hash = nodeHash(this.#hashes.pop() as string, hash);
      completed?.(++height, hash);
    }
    this.#hashes.push(hash);
    this.size++;
  }

  root(): string {
    const last = this.#hashes.length - 1;
    if (last < 0) return emptyRoot;
    let hash = this.#hashes[last] as string;
    for (let index = last - 1; index >= 0; index--) hash = nodeHash(this.#hashes[index] as string, hash);
    return hash;
  }
}

/** Hash of the perfect subtree over the entries [index * 2^height, (index + 1) * 2^height). May throw what reading throws. */
export type Subtree = (height: number, index: number) => string;

/** Hash over the entries [start, end), where `start` is a multiple of a power of two that is no less than their number. */
function rangeHash(start: number, end: number, subtree: Subtree): string {
  const count = end - start;
  const split = splitOf(count);
  if (count === split * 2 || count === 1) return subtree(Math.log2(count), start / count);
  return nodeHash(rangeHash(start, start + split, subtree), rangeHash(start + split, end, subtree));
}

/** The largest power of two below `count`; 0 for one entry. */
function splitOf(count: number): number {
  let split = 1;
  while (split * 2 < count) split *= 2;
  return count === 1 ? 0 : split;
}

/** Root of the tree of `size` entries. */
export function rootOf(size: number, subtree: Subtree): string {
  return size === 0 ? emptyRoot : rangeHash(0, size, subtree);
}

/** PATH(index, D[0:size]), from the leaf's sibling upwards. Throws RangeError for an index outside the tree. */
export function inclusionProof(index: number, size: number, subtree: Subtree): string[] {
  if (!isSize(index) || !isSize(size) || index >= size) throw new RangeError(`no entry ${index} in a tree of ${size}`);
  const proof: string[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitOf(end - start);
    if (index < middle) {
      proof.push(rangeHash(middle, end, subtree));
      end = middle;
    } else {
      proof.push(rangeHash(start, middle, subtree));
      start = middle;
    }
  }
  return proof.reverse();
}

/** PROOF(from, D[0:size]); empty for equal sizes and from size 0. Throws RangeError unless 0 ≤ from ≤ size. */
export function consistencyProof(from: number, size: number, subtree: Subtree): string[] {
  if (!isSize(from) || !isSize(size) || from > size) throw new RangeError(`no tree of ${from} within one of ${size}`);
  if (from === 0 || from === size) return [];
  const proof: string[] = [];
  let [start, end] = [0, size];
  while (from < end) {
    const middle = start + splitOf(end - start);
    if (from <= middle) {
      proof.push(rangeHash(middle, end, subtree));
      end = middle;
    } else {
      proof.push(rangeHash(start, middle, subtree));
      start = middle;
    }
  }
  // The verifier knows the hash of the old tree itself.
  if (start > 0) proof.push(rangeHash(start, end, subtree));
  return proof.reverse();
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** The halves of a tree's numbers on the way up; beyond 2^31 no bit operation is exact. */
function halved(value: number): number {
  return Math.floor(value / 2);
}

export interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly leaf: string;
  readonly root: string;
  readonly proof: readonly string[];
}

/** Whether the proof shows that `leaf` is entry `index` of the tree (RFC 9162, section 2.1.3.2). */
export function includes({ index, size, leaf, root, proof }: Inclusion): boolean {
  if (!isSize(index) || !isSize(size) || index >= size) return false;
  if (!isHash(leaf) || !isHash(root) || !proof.every(isHash)) return false;
  let [at, last, hash] = [index, size - 1, leaf];
  for (const sibling of proof) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [halved(at), halved(last)];
    } else hash = nodeHash(hash, sibling);
    [at, last] = [halved(at), halved(last)];
  }
  return last === 0 && hash === root;
}

export interface Consistency {
  readonly fromSize: number;
  readonly fromRoot: string;
  readonly size: number;
  readonly root: string;
  readonly proof: readonly string[];
}

/**
 * Whether the proof shows that the tree of `fromSize` is the beginning of the tree of `size` (RFC 9162, section 2.1.4.2).
 * The empty tree begins every other, so there is nothing to prove and the answer is no.
 */
export function isConsistent({ fromSize, fromRoot, size, root, proof }: Consistency): boolean {
  if (!isSize(fromSize) || !isSize(size) || fromSize === 0 || fromSize > size) return false;
  if (fromSize === size) return proof.length === 0 && fromRoot === root;
  if (!isHash(fromRoot) || !isHash(root) || !proof.every(isHash)) return false;
  let [at, last] = [fromSize - 1, size - 1];
  while (at % 2 === 1) [at, last] = [halved(at), halved(last)];
  // A perfect old tree is a subtree of the new one, and its root is not told again.
  const [first, ...others] = at === 0 ? [fromRoot, ...proof] : proof;
  if (first === undefined) return false;
  let [fromHash, hash] = [first, first];
  for (const sibling of others) {
    if (last === 0) return false;
    if (at % 2 === 1 || at === last) {
      fromHash = nodeHash(sibling, fromHash);
      hash = nodeHash(sibling, hash);
      while (at % 2 === 0 && at !== 0) [at, last] = [halved(at), halved(last)];
    } else hash = nodeHash(hash, sibling);
    [at, last] = [halved(at), halved(last)];
  }
  return last === 0 && fromHash === fromRoot && hash === root;
}
