// Who signs for a log: an Ed25519 key, wherever its private half is kept. The log knows this interface alone and must never
// see a private half.
import type { KeyKind, VerifierKey } from "./note.ts";
import { verifierKey } from "./note.ts";

export interface SigningKey {
  /** 32 bytes */
  readonly publicKey: Uint8Array;
  /** 64 bytes, RFC 8032. Rejects when the holder of the key cannot sign now. */
  sign(message: Uint8Array): Promise<Uint8Array>;
}

/** Where keys are kept. Each call is durable when it returns. */
export interface KeyKeeper {
  current(): SigningKey;
  /** The key that a rotation under way has made; null without one. */
  next(): SigningKey | null;
  makeNext(): SigningKey;
  /** The next key takes the current one's place, which is destroyed. */
  adoptNext(): void;
  discardNext(): void;
}

export function verifierKeyOf(key: SigningKey, name: string, kind: KeyKind = "log"): VerifierKey {
  return verifierKey(name, kind, key.publicKey);
}
