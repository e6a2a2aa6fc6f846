// What a checkpoint says (C2SP tlog-checkpoint): the log's origin, how many entries its tree has, and the tree's root. Text
// alone: who signed it is the note's matter, and no number of it is trusted before a signature is.
import { isHash } from "./merkle.ts";
import { fromBase64 } from "./note.ts";

export interface TreeHead {
  readonly size: number;
  /** 64 hexadecimal digits */
  readonly root: string;
}

export interface Checkpoint extends TreeHead {
  readonly origin: string;
}

/** Origin line and key name of a log. */
export function originOf(logId: string): string {
  return `faramesh/log/${logId}`;
}

export function checkpointText({ origin, size, root }: Checkpoint): string {
  return `${origin}\n${size}\n${Buffer.from(root, "hex").toString("base64")}\n`;
}

/** Reads a note's text; null for what is no checkpoint. Lines after the third are passed over, as they must be. */
export function parseCheckpoint(text: string): Checkpoint | null {
  if (!text.endsWith("\n")) return null;
  const lines = text.slice(0, -1).split("\n");
  const [origin = "", sizeText = "", rootText = ""] = lines;
  if (lines.some((line) => line === "") || !/^(?:0|[1-9][0-9]{0,15})$/.test(sizeText)) return null;
  const size = Number(sizeText);
  const root = fromBase64(rootText)?.toString("hex") ?? "";
  return Number.isSafeInteger(size) && isHash(root) ? { origin, size, root } : null;
}

const rotationStart = "faramesh/key-rotation/v1";

/** What a log's old key signs to name the next. */
export function rotationText(origin: string, nextKey: string): string {
  return `${rotationStart}\n${origin}\n${nextKey}\n`;
}

/** The key that a rotation names; null for another text or another log's. */
export function rotatedTo(text: string, origin: string): string | null {
  const [start, of, next, end, ...others] = text.split("\n");
  return start === rotationStart && of === origin && end === "" && others.length === 0 ? (next ?? null) : null;
}
