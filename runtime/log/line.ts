// The bytes of one record: how a line is laid out, hashed and checked. Hashes are over stored bytes; nothing here may
// ever serialise a stored record again.
import { hash as cryptoHash } from "node:crypto";
import { type JsonObject, parseJson } from "../json.ts";

/** Bytes before the rest: `{"hash":"` + 64 hexadecimal digits + `",`. */
export const prefixBytes = 75;
const hashAt = 9;

/** An entry is `{<rest>`, as the hash sees it; two bytes count it in the bundles of C2SP tlog-tiles. */
export const entryLimitBytes = 65_535;

/** The longest line, its newline included. */
export const lineLimitBytes = prefixBytes + entryLimitBytes;

/** Stored values may nest as deep as a request (64) and a little more around it. */
export const lineJsonLimits = { sizeBytes: lineLimitBytes, depth: 128, items: lineLimitBytes };

export const newline = 0x0a;

/**
 * SHA-256 as lowercase hexadecimal; a string counts as its UTF-8 bytes. node:crypto's one-shot hash: 0.7 µs for 600
 * bytes where createHash takes 1.3 µs and portable code 6 µs; a test holds it to @noble/hashes.
 */
export function sha256Hex(data: string | Uint8Array): string {
  return cryptoHash("sha256", data, "hex");
}

/** `prev` of the first record. */
export function genesisHash(logId: string): string {
  return sha256Hex(`faramesh/log/v1:${logId}`);
}

const encoder = new TextEncoder();

export const noBytes = Buffer.alloc(0);

/**
 * Writes the line of `{<rest>` at `at` and returns where it ends, newline included, and the entry's hash. `into` must
 * have room for `prefixBytes + 3 * rest.length + 1` bytes from there. Nothing is promised about them when the entry is
 * too large, which the caller tells from the size.
 */
export function writeLine(into: Buffer, at: number, rest: string): { end: number; hash: string } {
  const restAt = at + prefixBytes;
  // Half the time of Buffer.write for such a text.
  const restEnd = restAt + encoder.encodeInto(rest, into.subarray(restAt)).written;
  into[restAt - 2] = 0x00;
  into[restAt - 1] = 0x7b;
  const hash = sha256Hex(into.subarray(restAt - 2, restEnd));
  into.write(`{"hash":"${hash}",`, at, "latin1");
  into[restEnd] = newline;
  return { end: restEnd + 1, hash };
}

/** What is wrong with a stored line, in the words of the report. */
export interface LineFault {
  readonly field: string;
  readonly expected: string;
  readonly found: string;
  readonly message: string;
}

const digits = /^[0-9a-f]{64}$/;
const prefixStart = Buffer.from('{"hash":"');
const prefixEnd = Buffer.from('",');

/** The hash that a line claims, or null where its first 75 bytes are not a line's. */
export function claimedHash(bytes: Buffer, start: number, end: number): string | null {
  const text = claimedText(bytes, start, end);
  return text !== null && digits.test(text) ? text : null;
}

/** What stands where the hash should: 64 characters, whatever they are. */
function claimedText(bytes: Buffer, start: number, end: number): string | null {
  if (end - start <= prefixBytes) return null;
  for (let i = 0; i < hashAt; i++) if (bytes[start + i] !== prefixStart[i]) return null;
  if (bytes[start + prefixBytes - 2] !== prefixEnd[0] || bytes[start + prefixBytes - 1] !== prefixEnd[1]) return null;
  return bytes.toString("latin1", start + hashAt, start + prefixBytes - 2);
}

/**
 * The hash of the entry stored at [start, end), newline excluded. `bytes` must be the caller's own: the two bytes
 * before the rest lend their place to the hash's input and come back, which saves a copy of every line.
 */
export function entryHash(bytes: Buffer, start: number, end: number): string {
  const restAt = start + prefixBytes;
  const kept0 = bytes[restAt - 2] as number;
  const kept1 = bytes[restAt - 1] as number;
  bytes[restAt - 2] = 0x00;
  bytes[restAt - 1] = 0x7b;
  const hash = sha256Hex(bytes.subarray(restAt - 2, end));
  bytes[restAt - 2] = kept0;
  bytes[restAt - 1] = kept1;
  return hash;
}

export type CheckedLine =
  | { readonly ok: true; readonly hash: string; readonly value: JsonObject }
  | { readonly ok: false; readonly fault: LineFault };

export type CheckedBytes =
  | { readonly ok: true; readonly hash: string }
  | { readonly ok: false; readonly fault: LineFault };

/** Checks that one line begins as a record and has its hash; what it says is not read. Newline excluded. */
export function checkBytes(bytes: Buffer, start: number, end: number): CheckedBytes {
  const claimed = claimedText(bytes, start, end);
  // What equals a hash has its digits: only what does not is looked at further.
  const hash = claimed === null || end - start >= lineLimitBytes ? null : entryHash(bytes, start, end);
  if (hash !== null && hash === claimed) return { ok: true, hash };
  if (claimed === null || !digits.test(claimed)) {
    const found = JSON.stringify(bytes.toString("latin1", start, Math.min(end, start + 24)));
    return fault("line", '{"hash":"<64 hexadecimal digits>",…', found, "the line does not begin as a record");
  }
  if (hash === null)
    return fault("line", `at most ${lineLimitBytes - 1} bytes`, `${end - start}`, "the line is too long");
  return fault("hash", hash, claimed, "the bytes of the record do not have its hash");
}

/** Checks one line by itself, without its place in the chain: form, hash, strict JSON. Newline excluded. */
export function checkLine(bytes: Buffer, start: number, end: number): CheckedLine {
  const checked = checkBytes(bytes, start, end);
  if (!checked.ok) return checked;
  const parsed = parseJson(bytes.subarray(start, end), lineJsonLimits);
  if (!parsed.ok) return fault("line", "JSON", `${parsed.message} at byte ${parsed.offset}`, "the line is not JSON");
  return { ok: true, hash: checked.hash, value: parsed.value as JsonObject };
}

function fault(
  field: string,
  expected: string,
  found: string,
  message: string,
): { readonly ok: false; readonly fault: LineFault } {
  return { ok: false, fault: { field, expected, found, message } };
}
