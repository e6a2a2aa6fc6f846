// The log's signing keys as files of the stack: `.faramesh/keys/log.key`, and `log.next.key` while a rotation is under way,
// Ed25519 in PKCS #8. Private halves leave this file only as signatures.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { join } from "node:path";
import { type Disk, readWhole, replaceFile } from "./disk.ts";
import type { KeyKeeper, SigningKey } from "./log/signing-key.ts";

const currentName = "log.key";
const nextName = "log.next.key";
const keyFileLimitBytes = 4096;

/** A key file holds something else than an Ed25519 key. */
export class KeyFailure extends Error {
  readonly code = "KEY_UNUSABLE";
}

function signingKey(privateKey: KeyObject): SigningKey {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  return {
    publicKey: Buffer.from(x ?? "", "base64url"),
    sign: async (message) => sign(null, message, privateKey),
  };
}

export class KeyFiles implements KeyKeeper {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #currentName: string;
  #current: SigningKey;
  #next: SigningKey | null;

  /** Reads the keys in `dir`, which exists; makes the first one. Throws KeyFailure, or the disk's errors. */
  constructor(disk: Disk, dir: string, name = currentName) {
    this.#disk = disk;
    this.#dir = dir;
    this.#currentName = name;
    this.#next = this.#read(nextName);
    this.#current = this.#read(name) ?? this.#make(name);
  }

  current(): SigningKey {
    return this.#current;
  }

  next(): SigningKey | null {
    return this.#next;
  }

  makeNext(): SigningKey {
    this.#next = this.#make(nextName);
    return this.#next;
  }

  adoptNext(): void {
    if (this.#next === null) throw new Error("no next key was made");
    this.#disk.rename(join(this.#dir, nextName), join(this.#dir, this.#currentName));
    this.#disk.syncDirectory(this.#dir);
    this.#current = this.#next;
    this.#next = null;
  }

  discardNext(): void {
    if (this.#next === null) return;
    this.#disk.remove(join(this.#dir, nextName));
    this.#disk.syncDirectory(this.#dir);
    this.#next = null;
  }

  #read(name: string): SigningKey | null {
    const path = join(this.#dir, name);
    if (this.#disk.identity(path) === null) return null;
    let key: KeyObject | null = null;
    try {
      key = createPrivateKey(Buffer.from(readWhole(this.#disk, path, keyFileLimitBytes)));
    } catch {
      // Told below, without a word of what the file holds.
    }
    if (key?.asymmetricKeyType !== "ed25519") throw new KeyFailure(`${path} holds no Ed25519 key`);
    return signingKey(key);
  }

  #make(name: string): SigningKey {
    const { privateKey } = generateKeyPairSync("ed25519");
    const pem = privateKey.export({ type: "pkcs8", format: "pem" });
    replaceFile(this.#disk, join(this.#dir, name), Buffer.from(pem));
    return signingKey(privateKey);
  }
}
