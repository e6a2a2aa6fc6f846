// Which key signs the log: the key file of the stack, or one on a token, as `.faramesh/keys/signer.json` says. A token's public
// half stands there too, so that a daemon starts while the token is away. The file holds no secret.
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type Disk, readWhole, replaceFile } from "./disk.ts";
import { canonicalJson, type Json, type JsonObject, parseJson } from "./json.ts";
import { KeyFailure, KeyFiles } from "./key-files.ts";
import type { KeyKeeper, SigningKey } from "./log/signing-key.ts";
import { Token, TokenFailure, type TokenPlace } from "./pkcs11.ts";

const signerName = "signer.json";
const fileLimitBytes = 16 * 1024;
const idBytes = 16;

type Environment = { readonly [name: string]: string | undefined };

interface TokenKey {
  readonly id: Buffer;
  readonly publicKey: Uint8Array;
}

interface State {
  readonly place: TokenPlace;
  /** Null: the key file is in force still. */
  readonly current: TokenKey | null;
  readonly next: TokenKey | null;
}

export class SignerKeys implements KeyKeeper {
  readonly #disk: Disk;
  readonly #dir: string;
  readonly #env: Environment;
  #state: State | null;
  #token: Token | null;
  #files: KeyFiles | null;

  /** Reads what is in `dir`, which exists; makes the first key file. Throws KeyFailure, or the disk's errors. */
  constructor(disk: Disk, dir: string, env: Environment) {
    this.#disk = disk;
    this.#dir = dir;
    this.#env = env;
    this.#state = this.#read();
    this.#token = this.#state === null ? null : new Token(this.#state.place, env);
    this.#files = (this.#state?.current ?? null) === null ? new KeyFiles(disk, dir) : null;
  }

  /** The token that signs; null for a key file. */
  get signer(): TokenPlace | null {
    return this.#state?.current == null ? null : this.#state.place;
  }

  /** The next rotation makes its key on this token. Throws TokenFailure where a token signs already. */
  useToken(place: TokenPlace): void {
    if (this.signer !== null) throw new TokenFailure(`the log is signed by token ${this.signer.token} already`);
    this.#token = new Token(place, this.#env);
    this.#state = { place, current: null, next: null };
  }

  current(): SigningKey {
    const key = this.#state?.current ?? null;
    return key === null ? this.#fileKeys().current() : this.#signing(key);
  }

  next(): SigningKey | null {
    const key = this.#state?.next ?? null;
    return key === null ? (this.#files?.next() ?? null) : this.#signing(key);
  }

  makeNext(): SigningKey {
    if (this.#state === null || this.#token === null) return this.#fileKeys().makeNext();
    const id = randomBytes(idBytes);
    const next = { id, publicKey: this.#token.generate(id) };
    this.#write({ ...this.#state, next });
    return this.#signing(next);
  }

  adoptNext(): void {
    const state = this.#state;
    if (state === null || state.next === null) {
      this.#fileKeys().adoptNext();
      return;
    }
    this.#write({ ...state, current: state.next, next: null });
    if (state.current === null) this.#removeKeyFile();
    else this.#forget(state.current);
  }

  discardNext(): void {
    const state = this.#state;
    if (state === null || state.next === null) {
      this.#files?.discardNext();
      return;
    }
    this.#forget(state.next);
    if (state.current !== null) this.#write({ ...state, next: null });
    else this.leaveToken();
  }

  /** Where no token signs yet, none is asked for the next key. */
  leaveToken(): void {
    if (this.#state === null || this.#state.current !== null) return;
    const path = join(this.#dir, signerName);
    if (this.#disk.identity(path) !== null) this.#disk.remove(path);
    this.#disk.syncDirectory(this.#dir);
    this.#state = null;
    this.#token = null;
  }

  #fileKeys(): KeyFiles {
    this.#files ??= new KeyFiles(this.#disk, this.#dir);
    return this.#files;
  }

  #signing({ id, publicKey }: TokenKey): SigningKey {
    const token = this.#token;
    if (token === null) throw new Error("a key without its token");
    return { publicKey, sign: (message) => token.sign(id, message) };
  }

  /** What an unreachable token keeps is a key that nothing names any more. */
  #forget({ id }: TokenKey): void {
    try {
      this.#token?.destroy(id);
    } catch (error) {
      if (!(error instanceof TokenFailure)) throw error;
    }
  }

  #removeKeyFile(): void {
    this.#files = null;
    for (const name of ["log.key", "log.next.key"]) {
      const path = join(this.#dir, name);
      if (this.#disk.identity(path) !== null) this.#disk.remove(path);
    }
    this.#disk.syncDirectory(this.#dir);
  }

  #write(state: State): void {
    const { place, current, next } = state;
    const text = canonicalJson({ ...place, current: keyJson(current), next: keyJson(next) } as unknown as Json);
    replaceFile(this.#disk, join(this.#dir, signerName), Buffer.from(`${text}\n`));
    this.#state = state;
  }

  #read(): State | null {
    const path = join(this.#dir, signerName);
    if (this.#disk.identity(path) === null) return null;
    const parsed = parseJson(readWhole(this.#disk, path, fileLimitBytes));
    const value = parsed.ok && isObject(parsed.value) ? parsed.value : null;
    const state = value === null ? null : stateOf(value);
    if (state === null) throw new KeyFailure(`${path} cannot be read: it says which token signs the log`);
    // A crash may have left the old key file behind the step that took it out of force.
    if (state.current !== null) this.#removeKeyFile();
    return state;
  }
}

/** A token's place as it is written; null where it is not whole. */
export function tokenPlaceOf(value: JsonObject): TokenPlace | null {
  const { module, token, pinEnv, pinFile } = value;
  if (typeof module !== "string" || !module.startsWith("/") || typeof token !== "string" || token === "") return null;
  if (typeof pinEnv === "string" && pinFile === undefined && pinEnv !== "") return { module, token, pinEnv };
  if (typeof pinFile === "string" && pinEnv === undefined && pinFile.startsWith("/")) return { module, token, pinFile };
  return null;
}

function stateOf(value: JsonObject): State | null {
  const place = tokenPlaceOf(value);
  const [current, next] = [keyOf(value.current), keyOf(value.next)];
  return place === null || current === undefined || next === undefined ? null : { place, current, next };
}

function keyJson(key: TokenKey | null): JsonObject | null {
  return key === null ? null : { id: key.id.toString("hex"), public: Buffer.from(key.publicKey).toString("hex") };
}

/** Undefined for what is neither a key nor null. */
function keyOf(value: Json | undefined): TokenKey | null | undefined {
  if (value === null) return null;
  if (value === undefined || !isObject(value)) return undefined;
  const { id, public: key } = value;
  if (typeof id !== "string" || !/^[0-9a-f]{32}$/.test(id)) return undefined;
  if (typeof key !== "string" || !/^[0-9a-f]{64}$/.test(key)) return undefined;
  return { id: Buffer.from(id, "hex"), publicKey: Buffer.from(key, "hex") };
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
