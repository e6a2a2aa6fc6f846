// The head file: what was acknowledged, in two slots written in turn, so that a crash while one is written leaves the
// other. It is written behind the log (never ahead of it), so acked_seq is a floor: a log that ends before it has lost
// records. A slot is a line like a record's, padded with spaces to its size.
import { join } from "node:path";
import { type Disk, type DiskFile, readWhole, replaceFile, writeAll } from "../disk.ts";
import { canonicalJson, type JsonObject, parseJson } from "../json.ts";
import type { TreeHead } from "./checkpoint.ts";
import { claimedHash, entryHash, newline, writeLine } from "./line.ts";
import { headFileName } from "./segments.ts";

/** One slot; as large as a disk's sector may be, so that a torn sector spoils one slot only. */
export const slotBytes = 4096;
const slots = 2;

/** Of a head just made. */
export const firstGeneration = 1;

export interface HeadState {
  /** counts the writes of the head; the slot of the higher one holds */
  readonly generation: number;
  readonly logId: string;
  /** every record up to this one is on disk */
  readonly ackedSeq: number;
  /** hash of that record; the genesis hash for 0 */
  readonly lastHash: string;
  /** the last checkpoint that was on disk; null before the first, and in heads that tell nothing of it */
  readonly tree: TreeHead | null;
  /** number of the segment that was active */
  readonly segment: number;
  /** the log was closed in order: nothing follows `ackedSeq`, and no tail is torn */
  readonly cleanStop: boolean;
}

export type HeadContent = Omit<HeadState, "generation" | "logId">;

export type StoredHead =
  | { readonly kind: "absent" | "invalid" }
  /** `isOtherSpoiled`: the other slot holds something that does not read, as a write leaves it that was cut short. */
  | { readonly kind: "valid"; readonly state: HeadState; readonly isOtherSpoiled: boolean };

function renderSlot(state: HeadState): Buffer {
  const value: JsonObject = {
    acked_seq: state.ackedSeq,
    clean_stop: state.cleanStop,
    generation: state.generation,
    last_hash: state.lastHash,
    log_id: state.logId,
    segment: state.segment,
    v: 1,
    ...(state.tree === null ? {} : { root: state.tree.root, size: state.tree.size }),
  };
  const bytes = Buffer.alloc(slotBytes, " ");
  const { end } = writeLine(bytes, 0, canonicalJson(value).slice(1));
  bytes[end - 1] = 0x20;
  bytes[slotBytes - 1] = newline;
  return bytes;
}

function readSlot(bytes: Buffer): HeadState | null {
  if (bytes.length !== slotBytes || bytes[slotBytes - 1] !== newline) return null;
  let end = slotBytes - 1;
  while (end > 0 && bytes[end - 1] === 0x20) end--;
  const claimed = claimedHash(bytes, 0, end);
  if (claimed === null || entryHash(bytes, 0, end) !== claimed) return null;
  const parsed = parseJson(bytes.subarray(0, end));
  if (!parsed.ok) return null;
  const value = parsed.value as JsonObject;
  const { generation, log_id, acked_seq, last_hash, segment, clean_stop, root, size } = value;
  if (typeof generation !== "number" || typeof acked_seq !== "number" || typeof segment !== "number") return null;
  if (typeof log_id !== "string" || typeof last_hash !== "string" || typeof clean_stop !== "boolean") return null;
  const tree = typeof size === "number" && typeof root === "string" ? { size, root } : null;
  return { generation, logId: log_id, ackedSeq: acked_seq, lastHash: last_hash, tree, segment, cleanStop: clean_stop };
}

/** Reads the head without writing: the newer valid slot, `absent` without a file, `invalid` when no slot is valid. */
export function readHead(disk: Disk, dir: string): StoredHead {
  const path = join(dir, headFileName);
  if (disk.identity(path) === null) return { kind: "absent" };
  const stored = readWhole(disk, path, slots * slotBytes);
  // A copy: checking a slot borrows two bytes of it.
  const bytes = Buffer.from(stored);
  let best: HeadState | null = null;
  let isOtherSpoiled = false;
  for (let slot = 0; slot < slots; slot++) {
    const part = bytes.subarray(slot * slotBytes, (slot + 1) * slotBytes);
    // Of a head just made the other slot is empty.
    const isEmpty = part.length === slotBytes && part.every((byte) => byte === 0x20);
    const state = readSlot(part);
    if (state === null && !isEmpty) isOtherSpoiled = true;
    if (state !== null && (best === null || state.generation > best.generation)) best = state;
  }
  return best === null ? { kind: "invalid" } : { kind: "valid", state: best, isOtherSpoiled };
}

/** Puts the first head in place, whole or not at all. */
export function createHead(disk: Disk, dir: string, logId: string, content: HeadContent): void {
  const bytes = Buffer.alloc(slots * slotBytes, " ");
  renderSlot({ ...content, logId, generation: firstGeneration }).copy(bytes, (firstGeneration % slots) * slotBytes);
  replaceFile(disk, join(dir, headFileName), bytes);
}

/** Writes the slots in turn. One owner, one write at a time; errors are the disk's and leave the other slot whole. */
export class HeadFile {
  readonly #file: DiskFile;
  readonly #logId: string;
  #generation: number;

  /** Opens or creates the file. `generation` is the one last read, 0 when no slot was valid. */
  constructor(disk: Disk, dir: string, logId: string, generation: number) {
    this.#file = disk.open(join(dir, headFileName), "update");
    this.#logId = logId;
    this.#generation = generation;
  }

  async write(state: HeadContent): Promise<void> {
    const generation = this.#put(state);
    await this.#file.dataSync();
    // Only a slot known to be on disk may let the next write overwrite the other one.
    this.#generation = generation;
  }

  #put(state: HeadContent): number {
    const generation = this.#generation + 1;
    const slot = renderSlot({ ...state, logId: this.#logId, generation });
    writeAll(this.#file, slot, (generation % slots) * slotBytes);
    return generation;
  }

  close(): void {
    this.#file.close();
  }
}
