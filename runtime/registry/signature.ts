// Detached signatures: `<file>.sig` beside what it signs. A signature covers the name, the version and the digest together,
// so that signed bytes never pass under another name. It is checked with keys that the stack trusts, never with the one
// that the file brings along; there is one algorithm, so that nothing can be negotiated down.
//
// The file: JSON {"key_id": "<16 hex>", "algorithm": "ed25519", "value_b64": …, "public_key_b64": …}. What is signed is the
// UTF-8 text `faramesh.signed/1`, LF, the subject, LF, `sha256:` and 64 hex digits, LF. The key id is the first 8 bytes of
// SHA-256 of the 32 bytes of the key (RFC 8032).
//
// The same file may also be a signature of the bytes alone, as plain tools make it; then its key id is a label. It names
// nothing: who takes one must have name and version from elsewhere.
import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { type JsonObject, parseJson } from "../json.ts";

export const signatureEnding = ".sig";
export const signatureLimitBytes = 4096;
const algorithm = "ed25519";
const members = ["algorithm", "key_id", "public_key_b64", "value_b64"];
/** What `key_id` may look like; a signature that names its subject has 16 hex digits there. */
const keyLabel = /^[\x21-\x7e]{1,128}$/;
const publicKeyBytes = 32;
const signatureBytes = 64;
/** SubjectPublicKeyInfo of an Ed25519 key up to the key itself, RFC 8410. */
const keyInfo = Buffer.from("302a300506032b6570032100", "hex");

/** 32 bytes, chosen by the stack. */
export type PublicKey = Uint8Array;

/** Why a signature does not count; a sentence without a subject. */
export interface SignatureProblem {
  readonly problem: string;
}

export interface Signed {
  readonly keyId: string;
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function keyIdOf(key: PublicKey): string {
  return sha256Of(key).slice(0, 16);
}

/**
 * Points of small order, without the bit of the sign: under such a key a signature can be made of nothing that holds for
 * many texts, and node's verification takes it.
 */
const weakKeys: ReadonlySet<string> = new Set([
  "00".repeat(32),
  `01${"00".repeat(31)}`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  `ec${"ff".repeat(30)}7f`,
  `ed${"ff".repeat(30)}7f`,
  `ee${"ff".repeat(30)}7f`,
]);

function isWeak(key: PublicKey): boolean {
  const plain = Buffer.from(key);
  plain[publicKeyBytes - 1] = (plain[publicKeyBytes - 1] ?? 0) & 0x7f;
  return weakKeys.has(plain.toString("hex"));
}

/** `ed25519:<base64>` as `trust` writes it, with or without the twelve bytes that say what it is; null for anything else. */
export function readPublicKey(text: string): PublicKey | null {
  const [, base64] = /^ed25519:([A-Za-z0-9+/]{43}=|[A-Za-z0-9+/]{59}=)$/.exec(text) ?? [];
  if (base64 === undefined) return null;
  const bytes = Buffer.from(base64, "base64");
  if (bytes.length === publicKeyBytes) return bytes;
  const isInfo = bytes.length === keyInfo.length + publicKeyBytes && bytes.subarray(0, keyInfo.length).equals(keyInfo);
  return isInfo ? bytes.subarray(keyInfo.length) : null;
}

export function publicKeyText(key: PublicKey): string {
  return `ed25519:${Buffer.from(key).toString("base64")}`;
}

function statement(subject: string, sha256: string): Buffer {
  return Buffer.from(`faramesh.signed/1\n${subject}\nsha256:${sha256}\n`);
}

/** Whether one of `keys` signed these bytes as `subject`. Never throws at a signature, whatever it holds. */
export function checkSignature(
  file: Uint8Array,
  subject: string,
  bytes: Uint8Array,
  keys: readonly PublicKey[],
): Signed | SignatureProblem {
  const read = readTrusted(file, keys);
  if ("problem" in read) return read;
  const keyId = keyIdOf(read.key);
  if (keyId !== read.label) return { problem: "has a signature whose `key_id` is not that of its key" };
  if (isSigned(statement(subject, sha256Of(bytes)), read)) return { keyId };
  return { problem: `has a signature by ${keyId} for other bytes, another name or another version` };
}

/**
 * Whether one of `keys` signed these bytes as they are, under no name. By itself it admits nothing: the same signature is as
 * good for an older version of another pack. Never throws at a signature, whatever it holds.
 */
export function checkBytesSignature(
  file: Uint8Array,
  bytes: Uint8Array,
  keys: readonly PublicKey[],
): Signed | SignatureProblem {
  const read = readTrusted(file, keys);
  if ("problem" in read) return read;
  const keyId = keyIdOf(read.key);
  return isSigned(bytes, read) ? { keyId } : { problem: `has a signature by ${keyId} for other bytes` };
}

interface TrustedSignature {
  /** One of the stack's own. */
  readonly key: PublicKey;
  /** The file's `key_id`. */
  readonly label: string;
  readonly value: Uint8Array;
}

function isSigned(message: Uint8Array, { key, value }: TrustedSignature): boolean {
  const publicKey = createPublicKey({ key: Buffer.concat([keyInfo, key]), format: "der", type: "spki" });
  return verify(null, message, publicKey, value);
}

function readTrusted(file: Uint8Array, keys: readonly PublicKey[]): TrustedSignature | SignatureProblem {
  const read = readSignature(file);
  if ("problem" in read) return read;
  // The key in the file only says which of ours to try; one that is not ours is never used.
  const key = keys.find((one) => Buffer.from(one).equals(read.publicKey));
  if (key === undefined) return { problem: `is signed by ${keyIdOf(read.publicKey)}, which this stack does not trust` };
  if (isWeak(key)) return { problem: "is signed by a key with which anybody can sign" };
  return { key, label: read.label, value: read.value };
}

/** The key that a signature's file brings along: for showing it and for pinning it on first use, never for believing it. */
export function claimedKey(file: Uint8Array): PublicKey | null {
  const read = readSignature(file);
  return "problem" in read ? null : read.publicKey;
}

function readSignature(file: Uint8Array): { label: string; publicKey: Buffer; value: Buffer } | SignatureProblem {
  const parsed = parseJson(file, { sizeBytes: signatureLimitBytes });
  const value = parsed.ok ? parsed.value : null;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return { problem: "has no readable signature" };
  const { key_id, algorithm: named, value_b64, public_key_b64 } = value as JsonObject;
  if (named !== algorithm) return { problem: "has a signature of another algorithm than ed25519" };
  const publicKey = exactBytes(public_key_b64, publicKeyBytes);
  const signature = exactBytes(value_b64, signatureBytes);
  const isWhole = Object.keys(value).sort().join() === members.join();
  if (!isWhole || publicKey === null || signature === null || typeof key_id !== "string" || !keyLabel.test(key_id))
    return { problem: "has no readable signature" };
  return { label: key_id, publicKey, value: signature };
}

/** Base64 in its one canonical form, of exactly so many bytes. */
function exactBytes(value: unknown, length: number): Buffer | null {
  if (typeof value !== "string" || value.length > 2 * length) return null;
  const bytes = Buffer.from(value, "base64");
  return bytes.length === length && bytes.toString("base64") === value ? bytes : null;
}

/** Whoever publishes: an Ed25519 key in PKCS #8. */
export interface Publisher {
  readonly publicKey: PublicKey;
  /** The content of `<file>.sig`. */
  sign(subject: string, bytes: Uint8Array): Uint8Array;
}

/** Null where the PEM text holds no Ed25519 private key. */
export function readPublisher(pem: Uint8Array): Publisher | null {
  let key: KeyObject;
  try {
    key = createPrivateKey(Buffer.from(pem));
  } catch {
    return null;
  }
  if (key.asymmetricKeyType !== "ed25519") return null;
  const publicKey = Buffer.from(createPublicKey(key).export({ format: "jwk" }).x ?? "", "base64url");
  return {
    publicKey,
    sign: (subject, bytes) => {
      const value = sign(null, statement(subject, sha256Of(bytes)), key);
      const content = {
        key_id: keyIdOf(publicKey),
        algorithm,
        value_b64: value.toString("base64"),
        public_key_b64: publicKey.toString("base64"),
      };
      return Buffer.from(`${JSON.stringify(content, null, 2)}\n`);
    },
  };
}
