// Keys on a PKCS #11 token (an HSM, a smart card, SoftHSM): the only place that speaks to one. Private halves never leave the token;
// the PIN comes from a variable or a file each time it is needed, and is kept nowhere. Ed25519 as in PKCS #11 3.0.
import { createRequire } from "node:module";
import { nodeDisk, readWhole } from "./disk.ts";

/** Where a token is, and where its PIN is to be found. Exactly one of the two last. */
export interface TokenPlace {
  /** Absolute path of the vendor's library. */
  readonly module: string;
  /** The token's label. */
  readonly token: string;
  /** The variable of the daemon that holds the PIN. */
  readonly pinEnv?: string;
  /** A file that holds it, readable by its owner alone. */
  readonly pinFile?: string;
}

/** The token cannot be used now, or not at all. */
export class TokenFailure extends Error {
  readonly code = "TOKEN_UNUSABLE";
}

/** What is used of the package `pkcs11js` 2, which is installed by who has a token. */
interface Pkcs11 {
  load(path: string): void;
  close(): void;
  C_Initialize(): void;
  C_Finalize(): void;
  C_GetSlotList(tokenPresent: boolean): readonly Buffer[];
  C_GetTokenInfo(slot: Buffer): { readonly label: string };
  C_OpenSession(slot: Buffer, flags: number): Buffer;
  C_Login(session: Buffer, user: number, pin: string): void;
  C_GenerateKeyPair(
    session: Buffer,
    mechanism: Mechanism,
    publicTemplate: readonly Attribute[],
    privateTemplate: readonly Attribute[],
  ): { readonly publicKey: Buffer; readonly privateKey: Buffer };
  C_GetAttributeValue(session: Buffer, object: Buffer, template: readonly Attribute[]): readonly { value: Buffer }[];
  C_FindObjectsInit(session: Buffer, template: readonly Attribute[]): void;
  C_FindObjects(session: Buffer, maxCount: number): readonly Buffer[];
  C_FindObjectsFinal(session: Buffer): void;
  C_DestroyObject(session: Buffer, object: Buffer): void;
  C_SignInit(session: Buffer, mechanism: Mechanism, key: Buffer): void;
  C_SignAsync(session: Buffer, data: Buffer, signature: Buffer): Promise<Buffer>;
}

interface Mechanism {
  readonly mechanism: number;
  readonly parameter: null;
}

interface Attribute {
  readonly type: number;
  readonly value?: number | boolean | string | Buffer;
}

// Names and values of PKCS #11 3.0, chapter 6.
const CKA_CLASS = 0x000;
const CKA_TOKEN = 0x001;
const CKA_PRIVATE = 0x002;
const CKA_LABEL = 0x003;
const CKA_ID = 0x102;
const CKA_SENSITIVE = 0x103;
const CKA_SIGN = 0x108;
const CKA_VERIFY = 0x10a;
const CKA_EXTRACTABLE = 0x162;
const CKA_EC_PARAMS = 0x180;
const CKA_EC_POINT = 0x181;
const CKO_PRIVATE_KEY = 3;
const CKF_RW_SESSION = 2;
const CKF_SERIAL_SESSION = 4;
const CKU_USER = 1;
const CKM_EC_EDWARDS_KEY_PAIR_GEN = 0x1055;
const CKM_EDDSA = 0x1057;

/** A PrintableString "edwards25519", in DER. */
const edwards25519 = Buffer.from("130c656477617264733235353139", "hex");
const label = "faramesh-log";
const signatureBytes = 64;
const publicKeyBytes = 32;
/** Objects with one id: a public and a private half. */
const objectsMax = 16;
const pinMaxBytes = 1024;

export class Token {
  readonly place: TokenPlace;
  readonly #env: { readonly [name: string]: string | undefined };
  #open: { readonly library: Pkcs11; readonly session: Buffer } | null = null;
  /** One call at a time: a session has one operation. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(place: TokenPlace, env: { readonly [name: string]: string | undefined }) {
    this.place = place;
    this.#env = env;
  }

  /** Makes a key pair that stays on the token. Throws TokenFailure. */
  generate(id: Buffer): Uint8Array {
    return this.#use(({ library, session }) => {
      const shared = [
        { type: CKA_TOKEN, value: true },
        { type: CKA_ID, value: id },
        { type: CKA_LABEL, value: label },
      ];
      const made = library.C_GenerateKeyPair(
        session,
        { mechanism: CKM_EC_EDWARDS_KEY_PAIR_GEN, parameter: null },
        [...shared, { type: CKA_VERIFY, value: true }, { type: CKA_EC_PARAMS, value: edwards25519 }],
        [
          ...shared,
          { type: CKA_PRIVATE, value: true },
          { type: CKA_SENSITIVE, value: true },
          { type: CKA_EXTRACTABLE, value: false },
          { type: CKA_SIGN, value: true },
        ],
      );
      const [point] = library.C_GetAttributeValue(session, made.publicKey, [{ type: CKA_EC_POINT }]);
      // Bare, or within an OCTET STRING.
      const key = point?.value.subarray(-publicKeyBytes);
      if (key?.length !== publicKeyBytes) throw new Error("the token made no Ed25519 key");
      return Uint8Array.from(key);
    });
  }

  /** 64 bytes, RFC 8032. Rejects with TokenFailure. */
  sign(id: Buffer, message: Uint8Array): Promise<Uint8Array> {
    const signed = this.#turn.then(async () => {
      try {
        const { library, session } = this.#opened();
        const key = objects(library, session, id).find((object) => isPrivate(library, session, object));
        if (key === undefined) throw new Error(`it has no private key ${id.toString("hex")}`);
        library.C_SignInit(session, { mechanism: CKM_EDDSA, parameter: null }, key);
        return await library.C_SignAsync(session, Buffer.from(message), Buffer.alloc(signatureBytes));
      } catch (error) {
        throw this.#failed(error);
      }
    });
    this.#turn = signed.catch(() => {});
    return signed;
  }

  /** Destroys both halves. Throws TokenFailure. */
  destroy(id: Buffer): void {
    this.#use(({ library, session }) => {
      for (const object of objects(library, session, id)) library.C_DestroyObject(session, object);
    });
  }

  #use<Result>(work: (open: { readonly library: Pkcs11; readonly session: Buffer }) => Result): Result {
    try {
      return work(this.#opened());
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #opened(): { readonly library: Pkcs11; readonly session: Buffer } {
    this.#open ??= openToken(this.place, pinOf(this.place, this.#env));
    return this.#open;
  }

  /** A token that was pulled out, or logged us off, is opened anew the next time. */
  #failed(error: unknown): TokenFailure {
    const open = this.#open;
    this.#open = null;
    if (open !== null) close(open.library);
    const why = error instanceof Error ? error.message : String(error);
    return new TokenFailure(`token ${this.place.token} (${this.place.module}): ${why}`, { cause: error });
  }
}

function openToken(place: TokenPlace, pin: string): { readonly library: Pkcs11; readonly session: Buffer } {
  const library = loaded();
  library.load(place.module);
  try {
    library.C_Initialize();
    const slots = library.C_GetSlotList(true);
    const found = slots.filter((slot) => library.C_GetTokenInfo(slot).label.trim() === place.token);
    const [slot, another] = found;
    if (slot === undefined) throw new Error("there is no token of that label");
    if (another !== undefined) throw new Error("there are two tokens of that label");
    const session = library.C_OpenSession(slot, CKF_RW_SESSION | CKF_SERIAL_SESSION);
    library.C_Login(session, CKU_USER, pin);
    return { library, session };
  } catch (error) {
    close(library);
    throw error;
  }
}

function loaded(): Pkcs11 {
  try {
    const { PKCS11 } = createRequire(import.meta.url)("pkcs11js") as { PKCS11: new () => Pkcs11 };
    return new PKCS11();
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "MODULE_NOT_FOUND")) throw error;
    throw new Error("the package `pkcs11js` is not installed: npm install pkcs11js@2");
  }
}

function close(library: Pkcs11): void {
  for (const step of [() => library.C_Finalize(), () => library.close()]) {
    try {
      step();
    } catch {
      // It was not open, or is gone.
    }
  }
}

function objects(library: Pkcs11, session: Buffer, id: Buffer): readonly Buffer[] {
  library.C_FindObjectsInit(session, [{ type: CKA_ID, value: id }]);
  try {
    return library.C_FindObjects(session, objectsMax);
  } finally {
    library.C_FindObjectsFinal(session);
  }
}

function isPrivate(library: Pkcs11, session: Buffer, object: Buffer): boolean {
  const [kind] = library.C_GetAttributeValue(session, object, [{ type: CKA_CLASS }]);
  return kind?.value[0] === CKO_PRIVATE_KEY;
}

function pinOf(place: TokenPlace, env: { readonly [name: string]: string | undefined }): string {
  if (place.pinEnv !== undefined) {
    const pin = env[place.pinEnv];
    if (pin === undefined || pin === "") throw new Error(`the variable ${place.pinEnv} of the daemon holds no PIN`);
    return pin;
  }
  const path = place.pinFile ?? "";
  const identity = nodeDisk.identity(path);
  if (identity?.kind !== "file") throw new Error(`${path} is no file with a PIN`);
  if ((identity.mode & 0o077) !== 0) throw new Error(`${path} can be read by others: chmod go= it`);
  return Buffer.from(readWhole(nodeDisk, path, pinMaxBytes))
    .toString("utf8")
    .replace(/\r?\n$/, "");
}
