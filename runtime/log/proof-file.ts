// A proof that one record is in the log, as a file (C2SP tlog-proof): the record, its place, the hashes on its way to the
// root, and a signed checkpoint. Who has it needs the log's public key and nothing else. Pure; it must never hold more of the
// log than that record.
import { type Checkpoint, parseCheckpoint } from "./checkpoint.ts";
import { sha256Hex } from "./line.ts";
import { includes, isHash } from "./merkle.ts";
import { fromBase64, type Note, noteLimitBytes, parseNote } from "./note.ts";

export const proofLimitBytes = 256 * 1024;

/** Levels of the largest tree whose size is exact. */
const hashesMax = 63;

const firstLine = "c2sp.org/tlog-proof@v1";

export interface ProofFile {
  /** the entry's bytes, `{<rest>` */
  readonly entry: Buffer;
  /** from 0 */
  readonly index: number;
  readonly hashes: readonly string[];
  readonly note: Note;
  readonly checkpoint: Checkpoint;
}

export function proofText(entry: Uint8Array, index: number, hashes: readonly string[], note: string): string {
  const lines = [
    firstLine,
    `extra ${Buffer.from(entry).toString("base64")}`,
    `index ${index}`,
    ...hashes.map((hash) => Buffer.from(hash, "hex").toString("base64")),
  ];
  return `${lines.join("\n")}\n\n${note}`;
}

/** Reads a proof; null for anything else. Nothing of it is proved yet. */
export function parseProof(bytes: Uint8Array): ProofFile | null {
  if (bytes.length > proofLimitBytes) return null;
  const text = Buffer.from(bytes).toString("utf8");
  const split = text.indexOf("\n\n");
  const noteBytes = Buffer.from(text.slice(split + 2));
  if (split < 0 || noteBytes.length > noteLimitBytes) return null;
  const [first, extra = "", indexLine = "", ...hashLines] = text.slice(0, split).split("\n");
  const entry = extra.startsWith("extra ") ? fromBase64(extra.slice(6)) : null;
  const index = /^index (0|[1-9][0-9]{0,15})$/.exec(indexLine)?.[1];
  if (first !== firstLine || entry === null || index === undefined || hashLines.length > hashesMax) return null;
  const hashes = hashLines.map((line) => fromBase64(line)?.toString("hex") ?? "");
  const note = parseNote(noteBytes);
  const checkpoint = note === null ? null : parseCheckpoint(note.text);
  if (note === null || checkpoint === null || !hashes.every(isHash)) return null;
  return { entry, index: Number(index), hashes, note, checkpoint };
}

/** RFC 6962, section 2.1: the hash of an entry in the tree, and of its line in the log. */
export function leafHash(entry: Uint8Array): string {
  return sha256Hex(Buffer.concat([Buffer.of(0), entry]));
}

/** Whether the entry is in the checkpoint's tree. Who signed the checkpoint is another question. */
export function provesEntry({ entry, index, hashes, checkpoint }: ProofFile): boolean {
  const { size, root } = checkpoint;
  return includes({ index, size, leaf: leafHash(entry), root, proof: hashes });
}
