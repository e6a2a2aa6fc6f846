// What may be an agent id, a session id and a tool's name. Names are refused, never repaired.
import { NAME_BYTES } from "../../vm/shared/abi.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const toolCharacters = /^[A-Za-z0-9_./:@-]+$/;

/** True for a non-empty, well-formed text of at most 256 bytes. */
export function isIdentifier(text: unknown): text is string {
  return (
    typeof text === "string" &&
    text.length > 0 &&
    text.length <= NAME_BYTES &&
    text.isWellFormed() &&
    (text.length * 3 <= NAME_BYTES || encoder.encode(text).length <= NAME_BYTES)
  );
}

/** True for a tool's name: known characters, no empty, `.` or `..` segment, at most 256 bytes. */
export function isToolName(text: unknown): text is string {
  if (typeof text !== "string" || text.length > NAME_BYTES || !toolCharacters.test(text)) return false;
  return text.split("/").every((segment) => segment !== "" && segment !== "." && segment !== "..");
}

/**
 * The same text in memory of its own: a request's strings may be slices that hold on to the whole text they were cut from.
 * Names of properties are kept once by the engine, and are compared with other strings in half the time.
 */
export function interned(text: string): string {
  const own = decoder.decode(encoder.encode(text));
  return Object.keys({ [own]: 0 })[0] ?? own;
}
