// Writes a log as other people's tools read it (C2SP tlog-tiles): the checkpoint, the tree's tiles and the entries in bundles.
// All of it is made from the records, and nothing is put in place that does not fit the checkpoint.
import { dirname, join } from "node:path";
import { type Disk, readWhole, writeAll } from "../disk.ts";
import { parseCheckpoint } from "./checkpoint.ts";
import { LogFailure } from "./failure.ts";
import { prefixBytes } from "./line.ts";
import { noteLimitBytes, parseNote } from "./note.ts";
import { readRecords, type StoredRecord } from "./read.ts";
import { checkpointFileName } from "./segments.ts";
import { type Tile, TileTree, tilePath, tileWidth } from "./tiles.ts";

/** Entries of one bundle, each behind its length in two bytes. */
class Bundle {
  readonly #parts: Buffer[] = [];
  index = 0;
  width = 0;

  add(entry: Buffer): void {
    const length = Buffer.alloc(2);
    length.writeUInt16BE(entry.length);
    this.#parts.push(length, entry);
    this.width++;
  }

  /** The bundle's bytes; the next one begins. */
  take(): Buffer {
    const bytes = Buffer.concat(this.#parts.splice(0));
    this.index++;
    this.width = 0;
    return bytes;
  }
}

function writeNew(disk: Disk, dir: string, path: string, bytes: Uint8Array): void {
  let made = dir;
  for (const part of dirname(path).split("/")) {
    if (part === ".") continue;
    made = join(made, part);
    disk.makeDirectory(made);
  }
  const file = disk.open(join(dir, path), "create");
  try {
    writeAll(file, bytes);
  } finally {
    file.close();
  }
}

/**
 * Exports the records under the stored checkpoint into `outDir`, which exists and is empty; returns how many. `records`: those of the
 * log, from the first. The checkpoint is written last. Throws LogFailure where the log has none or does not fit it; then what lies in `outDir` has no checkpoint.
 */
export async function exportTiles(
  disk: Disk,
  walDir: string,
  outDir: string,
  records: AsyncIterable<StoredRecord> = readRecords(walDir, { disk }),
): Promise<number> {
  const path = join(walDir, checkpointFileName);
  const bytes = disk.identity(path) === null ? null : readWhole(disk, path, noteLimitBytes);
  const note = bytes === null ? null : parseNote(bytes);
  const says = note === null ? null : parseCheckpoint(note.text);
  if (bytes === null || says === null) {
    throw new LogFailure("CORRUPT", "there is no signed checkpoint to export", { segment: checkpointFileName });
  }
  const put = ({ level, index, width, bytes: hashes }: Tile): void =>
    writeNew(disk, outDir, tilePath(level, index, width), hashes);
  const tree = new TileTree(put);
  const bundle = new Bundle();
  const putBundle = (): void => {
    const { index, width } = bundle;
    writeNew(disk, outDir, tilePath("entries", index, width), bundle.take());
  };
  for await (const { seq, line, value } of records) {
    if (seq > says.size) break;
    if (seq !== tree.size + 1) {
      const message = `a tiled log is exported whole, and records 1 to ${seq - 1} are neither in the log nor in its archives`;
      throw new LogFailure("SEGMENT_MISSING", message);
    }
    tree.append(String(value.hash));
    bundle.add(Buffer.concat([Buffer.from("{"), line.subarray(prefixBytes)]));
    if (bundle.width === tileWidth) putBundle();
  }
  for (const edge of tree.edges()) put(edge);
  if (bundle.width > 0) putBundle();
  if (tree.size !== says.size || tree.root() !== says.root) {
    throw new LogFailure("CORRUPT", `the checkpoint does not fit the first ${says.size} records`, {
      segment: checkpointFileName,
    });
  }
  writeNew(disk, outDir, checkpointFileName, bytes);
  return says.size;
}
