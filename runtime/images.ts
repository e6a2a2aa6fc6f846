// The applied images of a stack, each with its sources, in `.faramesh/policies/<image_hash>.fmb`. A file is named by the
// hash of the image in it and checked against that name whenever it is read; it must never be changed in place.
//
// The file: one line of canonical JSON {"format":"faramesh.fmb/1","image_bytes":n,"sources":[{"bytes":n,"file":…,"sha256":…},…]},
// a newline, the image, then the sources' UTF-8 bytes one after the other, and nothing behind them.
import { join } from "node:path";
import { type Disk, hasErrorCode, nodeDisk, readWhole, replaceFile } from "./disk.ts";
import type { SourceText } from "./doors/protocol.ts";
import { canonicalJson, type JsonObject, parseJson } from "./json.ts";
import { sha256Hex } from "./log/line.ts";

const format = "faramesh.fmb/1";
export const imageFileLimitBytes = 256 * 1024 * 1024;
const newline = 0x0a;

export interface AppliedImage {
  readonly imageHash: string;
  readonly image: Uint8Array;
  readonly sources: readonly SourceText[];
}

/** The image that a record names is missing or is not the one it names. */
export class ImageFailure extends Error {
  readonly code: "POLICY_MISSING" | "POLICY_CORRUPT";
  constructor(code: ImageFailure["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export function imagePath(policiesDir: string, imageHash: string): string {
  return join(policiesDir, `${imageHash}.fmb`);
}

/** SHA-256 in hex that stands for all sources of a version: over the canonical list of names and hashes, in order. */
export function sourceHash(sources: readonly SourceText[]): string {
  return sha256Hex(canonicalJson(sources.map(({ file, text }) => [file, sha256Hex(text)])));
}

/** Stores an image unless it is there already. Throws the disk's error; a crash leaves no half file under the name. */
export function storeImage(policiesDir: string, applied: AppliedImage, disk: Disk = nodeDisk): void {
  const path = imagePath(policiesDir, applied.imageHash);
  if (disk.identity(path) !== null) {
    try {
      loadImage(policiesDir, applied.imageHash, disk);
      return;
    } catch (error) {
      if (!(error instanceof ImageFailure)) throw error;
      // Spoiled since: the right bytes are at hand, so put them back.
    }
  }
  replaceFile(disk, path, encode(applied));
}

/** Throws ImageFailure unless the file holds exactly the image of that hash and its sources. */
export function loadImage(policiesDir: string, imageHash: string, disk: Disk = nodeDisk): AppliedImage {
  const path = imagePath(policiesDir, imageHash);
  let bytes: Uint8Array;
  try {
    bytes = readWhole(disk, path, imageFileLimitBytes);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) throw new ImageFailure("POLICY_MISSING", `${path} is missing`);
    if (hasErrorCode(error, "ELOOP", "EINVAL", "EFBIG"))
      throw corrupt(path, "is not a regular file of a policy's size");
    throw error;
  }
  return decode(bytes, imageHash, path);
}

function encode({ image, sources }: AppliedImage): Uint8Array {
  const texts = sources.map(({ text }) => Buffer.from(text));
  const header = canonicalJson({
    format,
    image_bytes: image.length,
    sources: sources.map(({ file, text }, index) => ({
      bytes: texts[index]?.length ?? 0,
      file,
      sha256: sha256Hex(text),
    })),
  });
  return Buffer.concat([Buffer.from(`${header}\n`), image, ...texts]);
}

function decode(bytes: Uint8Array, imageHash: string, path: string): AppliedImage {
  const headerEnd = bytes.indexOf(newline);
  const parsed = headerEnd === -1 ? null : parseJson(bytes.subarray(0, headerEnd));
  if (parsed === null || !parsed.ok) throw corrupt(path, "has no header");
  const header = parsed.value as JsonObject;
  if (header?.format !== format || typeof header.image_bytes !== "number" || !Array.isArray(header.sources)) {
    throw corrupt(path, "has a foreign header");
  }
  let at = headerEnd + 1 + header.image_bytes;
  const image = bytes.slice(headerEnd + 1, at);
  if (sha256Hex(image) !== imageHash) throw corrupt(path, "holds another image than its name says");
  const sources: SourceText[] = [];
  for (const source of header.sources as readonly JsonObject[]) {
    const { bytes: length, file, sha256 } = source;
    if (typeof length !== "number" || typeof file !== "string") throw corrupt(path, "has a foreign header");
    const piece = bytes.subarray(at, at + length);
    if (sha256Hex(piece) !== sha256) throw corrupt(path, `holds another ${file} than was applied`);
    sources.push({ file, text: Buffer.from(piece).toString("utf8") });
    at += length;
  }
  if (at !== bytes.length) throw corrupt(path, "has bytes behind its last source");
  return { imageHash, image, sources };
}

function corrupt(path: string, what: string): ImageFailure {
  return new ImageFailure("POLICY_CORRUPT", `${path} ${what}`);
}
