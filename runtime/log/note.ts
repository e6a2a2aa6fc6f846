// Signed notes and the keys that verify them (C2SP signed-note; cosignatures: C2SP tlog-cosignature): their text, read
// strictly and within bounds. A note says nothing until a key that the reader already trusts has signed it; a key is never
// taken from what it is to verify.
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";

/** Ed25519 over the note's text; Ed25519 over the text with a time, as witnesses sign. */
export type KeyKind = "log" | "witness";

const kindBytes: Record<KeyKind, number> = { log: 0x01, witness: 0x04 };

/** A note's bytes; a checkpoint with its signatures has a few hundred. */
export const noteLimitBytes = 64 * 1024;

/** Signature lines of one note; the specification wants 16 at least. */
export const signaturesMax = 16;

const keyBytes = 32;
const keyIdBytes = 4;
const signatureBytes = 64;
const timeBytes = 8;
const sizeBytes: Record<KeyKind, number> = { log: signatureBytes, witness: timeBytes + signatureBytes };

export interface VerifierKey {
  readonly kind: KeyKind;
  readonly name: string;
  /** 8 hexadecimal digits */
  readonly id: string;
  /** the key as it is written down: `<name>+<id>+<base64>` */
  readonly text: string;
  readonly key: KeyObject;
}

export interface NoteSignature {
  readonly name: string;
  readonly keyId: string;
  readonly bytes: Buffer;
}

export interface Note {
  /** what is signed, its last newline included */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/** Keys' names have no space and no plus; lines have no control character. */
const nameLimitLength = 255;
const namePattern = /^[^\s\u0085+]+$/u;

export function isKeyName(name: string): boolean {
  return name.length <= nameLimitLength && namePattern.test(name);
}

/** The bytes of base64 as it must be written; null for any other text. */
export function fromBase64(text: string): Buffer | null {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : null;
}

function keyIdOf(name: string, kind: KeyKind, publicKey: Uint8Array): string {
  const digest = createHash("sha256").update(`${name}\n`).update(Buffer.of(kindBytes[kind])).update(publicKey);
  return digest.digest("hex").slice(0, keyIdBytes * 2);
}

/** The key of this name whose public half is these 32 bytes. Throws TypeError for a name that no key can have. */
export function verifierKey(name: string, kind: KeyKind, publicKey: Uint8Array): VerifierKey {
  if (!isKeyName(name) || publicKey.length !== keyBytes) throw new TypeError(`no key can be named ${name}`);
  const id = keyIdOf(name, kind, publicKey);
  const text = `${name}+${id}+${Buffer.concat([Buffer.of(kindBytes[kind]), publicKey]).toString("base64")}`;
  const x = Buffer.from(publicKey).toString("base64url");
  return { kind, name, id, text, key: createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" }) };
}

/** Reads `<name>+<id>+<base64 of kind and key>`; null for anything else, an id that is not the key's included. */
export function parseVerifierKey(text: string): VerifierKey | null {
  const parts = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+=*)$/.exec(text);
  const bytes = parts === null ? null : fromBase64(parts[3] ?? "");
  if (parts === null || bytes === null || bytes.length !== 1 + keyBytes) return null;
  const [, name = "", id] = parts;
  const kind = (Object.keys(kindBytes) as KeyKind[]).find((one) => kindBytes[one] === bytes[0]);
  if (kind === undefined || !isKeyName(name)) return null;
  const key = verifierKey(name, kind, bytes.subarray(1));
  return key.id === id ? key : null;
}

const controls = /[\u0000-\u0009\u000b-\u001f]/;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads a signed note; null for what is none or has too many signatures. */
export function parseNote(bytes: Uint8Array): Note | null {
  if (bytes.length > noteLimitBytes) return null;
  let whole: string;
  try {
    whole = decoder.decode(bytes);
  } catch {
    return null;
  }
  const split = whole.lastIndexOf("\n\n");
  if (split < 0 || !whole.endsWith("\n") || controls.test(whole)) return null;
  const signatures: NoteSignature[] = [];
  const lines = whole.slice(split + 2, -1).split("\n");
  if (lines.length > signaturesMax) return null;
  for (const line of lines) {
    const signature = parseSignatureLine(line);
    if (signature === null) return null;
    signatures.push(signature);
  }
  return { text: whole.slice(0, split + 1), signatures };
}

/** Reads `— <name> <base64 of id and signature>`; null for anything else. */
export function parseSignatureLine(line: string): NoteSignature | null {
  const parts = /^\u2014 ([^ ]+) ([A-Za-z0-9+/]+=*)$/u.exec(line);
  const bytes = parts === null ? null : fromBase64(parts[2] ?? "");
  if (parts === null || bytes === null || bytes.length <= keyIdBytes || !isKeyName(parts[1] ?? "")) return null;
  const keyId = bytes.toString("hex", 0, keyIdBytes);
  return { name: parts[1] ?? "", keyId, bytes: bytes.subarray(keyIdBytes) };
}

/** The line of a signature, its newline included. */
export function signatureLine(key: VerifierKey, signature: Uint8Array): string {
  const bytes = Buffer.concat([Buffer.from(key.id, "hex"), signature]);
  return `\u2014 ${key.name} ${bytes.toString("base64")}\n`;
}

/** `text` ends in a newline; `lines` are those of its signatures. */
export function renderNote(text: string, lines: readonly string[]): string {
  return `${text}\n${lines.join("")}`;
}

/** What a witness signs: the text, and when it saw it, in seconds since 1970. */
export function cosignedText(text: string, seconds: number): string {
  return `cosignature/v1\ntime ${seconds}\n${text}`;
}

/** The bytes of a witness's signature. */
export function cosignature(seconds: number, signature: Uint8Array): Buffer {
  const time = Buffer.alloc(timeBytes);
  time.writeBigUInt64BE(BigInt(seconds));
  return Buffer.concat([time, signature]);
}

export interface Signed {
  readonly key: VerifierKey;
  /** when a witness says that it signed; null for a log's key */
  readonly seconds: number | null;
}

/** The known keys whose signatures the note bears; null when one of a known key is false, which spoils the note. */
export function signedBy(note: Note, known: readonly VerifierKey[]): readonly Signed[] | null {
  const found: Signed[] = [];
  for (const { name, keyId, bytes } of note.signatures) {
    const key = known.find((one) => one.name === name && one.id === keyId);
    if (key === undefined) continue;
    if (bytes.length !== sizeBytes[key.kind]) return null;
    const isWitness = key.kind === "witness";
    const seconds = isWitness ? Number(bytes.readBigUInt64BE()) : null;
    if (seconds !== null && !Number.isSafeInteger(seconds)) return null;
    const message = seconds === null ? note.text : cosignedText(note.text, seconds);
    if (!verify(null, Buffer.from(message), key.key, bytes.subarray(isWitness ? timeBytes : 0))) return null;
    found.push({ key, seconds });
  }
  return found;
}
