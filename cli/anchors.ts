// What a user kept of a log outside it, read from files: keys, receipts, checkpoints, proofs. It judges none of them.
import { hasErrorCode, nodeDisk, readWhole } from "../runtime/disk.ts";
import { parseJson } from "../runtime/json.ts";
import { parseCheckpoint } from "../runtime/log/checkpoint.ts";
import { isHash } from "../runtime/log/merkle.ts";
import { parseNote, type VerifierKey } from "../runtime/log/note.ts";
import { type ProofFile, parseProof, proofLimitBytes } from "../runtime/log/proof-file.ts";
import type { Anchor } from "../runtime/log/tree-fault.ts";
import { parsePinnedKeys, readPinnedKeys } from "../runtime/pinned-keys.ts";
import { stackPaths } from "../runtime/stack.ts";
import { Stop } from "./exit.ts";
import { visible } from "./render.ts";

function read(path: string): Uint8Array {
  try {
    return readWhole(nodeDisk, path, proofLimitBytes);
  } catch (error) {
    if (!hasErrorCode(error, "EFBIG")) throw error;
    throw new Stop(`${visible(path)} is larger than ${proofLimitBytes} bytes`);
  }
}

/** The keys of `--vkey FILE`, else those of the stack; null where there are none. Throws Stop for a file that holds none. */
export function pinnedKeys(file: string | undefined, dir: string | null): readonly VerifierKey[] | null {
  try {
    if (file !== undefined) return parsePinnedKeys(Buffer.from(read(file)).toString("utf8"), file);
    const keys = dir === null ? null : readPinnedKeys(stackPaths(dir).verifierKeys);
    return keys === null || keys.length === 0 ? null : keys;
  } catch (error) {
    if (!hasErrorCode(error, "VKEY_UNREADABLE") || !(error instanceof Error)) throw error;
    throw new Stop(visible(error.message), "a key is a line: <name>+<id>+<base64>");
  }
}

/** A receipt, an answer with a receipt, or a signed checkpoint. Throws Stop for anything else. */
export function readAnchor(path: string): Anchor {
  const bytes = read(path);
  const note = parseNote(bytes);
  const checkpoint = note === null ? null : parseCheckpoint(note.text);
  if (note !== null && checkpoint !== null) {
    const { origin, size, root } = checkpoint;
    return { name: path, size, root, signed: { note, origin } };
  }
  const receipt = receiptIn(bytes);
  if (receipt !== null) return { name: path, ...receipt };
  throw new Stop(
    `${visible(path)} is neither a receipt nor a signed checkpoint`,
    'a receipt is {"seq", "leaf", "size", "root"}, from an answer or the SDK\'s latestReceipt()',
  );
}

function receiptIn(bytes: Uint8Array): Pick<Anchor, "size" | "root" | "record"> | null {
  const parsed = parseJson(bytes);
  if (!parsed.ok || typeof parsed.value !== "object" || parsed.value === null) return null;
  const inner: unknown = Reflect.get(parsed.value, "receipt") ?? parsed.value;
  if (typeof inner !== "object" || inner === null) return null;
  const member = (name: string): unknown => Reflect.get(inner, name);
  const [seq, leaf, size, root] = [member("seq"), member("leaf"), member("size"), member("root")];
  if (typeof leaf !== "string" || typeof root !== "string" || !isHash(leaf) || !isHash(root)) return null;
  if (typeof seq !== "number" || !Number.isSafeInteger(seq) || seq < 1) return null;
  if (typeof size !== "number" || !Number.isSafeInteger(size) || size < 0) return null;
  return { size, root, record: { seq, leaf } };
}

export function readProof(path: string): ProofFile {
  const proof = parseProof(read(path));
  if (proof !== null) return proof;
  throw new Stop(`${visible(path)} is no proof of a record`, "faramesh audit prove <id> --out FILE writes one");
}
