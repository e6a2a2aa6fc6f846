// The bearer tokens of the HTTP door: made, shown once, kept as hashes, revoked. A token itself must never be stored,
// recorded or logged.
import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { join } from "node:path";
import { formatTime, parseTime } from "./clock.ts";
import { type Disk, readWhole, replaceFile } from "./disk.ts";
import { canonicalJson, type Json, parseJson } from "./json.ts";

export const tokenRoles = ["agent", "monitor", "operator"] as const;
export type TokenRole = (typeof tokenRoles)[number];

/** A token as it is listed. Times are RFC 3339. */
export interface TokenView {
  readonly id: string;
  readonly role: TokenRole;
  /** The one agent that it speaks for; null: any (a gateway's), or none (monitor, operator). */
  readonly agent_id: string | null;
  readonly created_at: string;
  readonly created_by: string;
  readonly expires_at: string | null;
}

interface Kept extends TokenView {
  /** Hex. The secret has 256 random bits, so that a slow hash would add nothing. */
  readonly sha256: string;
}

export const tokensMax = 1024;
const fileName = "http-tokens.json";
const fileLimitBytes = 1024 * 1024;
const secretBytes = 32;
const idBytes = 6;
const tokenForm = /^faramesh_([0-9a-f]{12})_([A-Za-z0-9_-]{43})$/;
/** Compared with when no token has the id that was shown: an unknown id takes as long as a wrong secret. */
const noHash = "0".repeat(64);

/** The file of tokens cannot be read as one. */
export class TokenFailure extends Error {
  readonly code = "TOKENS_UNUSABLE";
}

function isOver({ expires_at }: Kept, nowUs: number): boolean {
  const expiresUs = expires_at === null ? undefined : parseTime(expires_at);
  return expiresUs !== undefined && expiresUs <= nowUs;
}

export class Tokens {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #kept: Map<string, Kept>;

  /** Reads what `dir`, which exists, holds. Throws TokenFailure, or the disk's errors. */
  constructor(disk: Disk, dir: string) {
    this.#disk = disk;
    this.#path = join(dir, fileName);
    this.#kept = new Map(this.#read().map((one) => [one.id, one]));
  }

  list(): readonly TokenView[] {
    return [...this.#kept.values()].map(viewOf);
  }

  /** Null for an id that is not there. */
  get(id: string): TokenView | null {
    const kept = this.#kept.get(id);
    return kept === undefined ? null : viewOf(kept);
  }

  /** The token is in what this gives, and nowhere else afterwards. `expiresUs` null: until it is revoked. */
  create(wanted: {
    readonly role: TokenRole;
    readonly agentId: string | null;
    readonly actor: string;
    readonly nowUs: number;
    readonly expiresUs: number | null;
  }): { readonly token: string; readonly view: TokenView } {
    const name = randomBytes(idBytes).toString("hex");
    const secret = randomBytes(secretBytes).toString("base64url");
    const kept: Kept = {
      id: `tok-${name}`,
      role: wanted.role,
      agent_id: wanted.agentId,
      created_at: formatTime(wanted.nowUs),
      created_by: wanted.actor,
      expires_at: wanted.expiresUs === null ? null : formatTime(wanted.expiresUs),
      sha256: hashOf(secret),
    };
    this.#store([...this.#kept.values(), kept]);
    this.#kept.set(kept.id, kept);
    return { token: `faramesh_${name}_${secret}`, view: viewOf(kept) };
  }

  /** False where there is no such token. */
  revoke(id: string): boolean {
    if (!this.#kept.has(id)) return false;
    this.#store([...this.#kept.values()].filter((one) => one.id !== id));
    this.#kept.delete(id);
    return true;
  }

  /** The token that was shown, where it is one, in force; in constant time over the secret. */
  find(shown: string, nowUs: number): TokenView | null {
    const [, name = "", secret = ""] = tokenForm.exec(shown) ?? [];
    const kept = this.#kept.get(`tok-${name}`);
    const isSame = timingSafeEqual(Buffer.from(hashOf(secret), "hex"), Buffer.from(kept?.sha256 ?? noHash, "hex"));
    if (kept === undefined || !isSame) return null;
    return isOver(kept, nowUs) ? null : viewOf(kept);
  }

  /** Whether the token of an id would still be taken. */
  isInForce(id: string, nowUs: number): boolean {
    const kept = this.#kept.get(id);
    return kept !== undefined && !isOver(kept, nowUs);
  }

  #read(): readonly Kept[] {
    if (this.#disk.identity(this.#path) === null) return [];
    const parsed = parseJson(readWhole(this.#disk, this.#path, fileLimitBytes));
    const list = parsed.ok ? Reflect.get(Object(parsed.value), "tokens") : null;
    if (!Array.isArray(list) || !list.every(isKept)) throw new TokenFailure(`${this.#path} is no list of tokens`);
    return list;
  }

  /** Whole and in one step: a crash leaves the old list or the new one. */
  #store(list: readonly Kept[]): void {
    const tokens = list.map((one) => ({ ...one }));
    replaceFile(this.#disk, this.#path, Buffer.from(`${canonicalJson({ tokens } as Json)}\n`));
  }
}

function hashOf(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function viewOf({ sha256: _hash, ...view }: Kept): TokenView {
  return view;
}

function isKept(value: unknown): value is Kept {
  const { id, role, agent_id, created_at, created_by, expires_at, sha256 } = Object(value) as Record<string, unknown>;
  const isTime = (time: unknown): boolean => typeof time === "string" && parseTime(time) !== undefined;
  return (
    typeof id === "string" &&
    /^tok-[0-9a-f]{12}$/.test(id) &&
    tokenRoles.some((known) => known === role) &&
    (agent_id === null || typeof agent_id === "string") &&
    isTime(created_at) &&
    typeof created_by === "string" &&
    (expires_at === null || isTime(expires_at)) &&
    typeof sha256 === "string" &&
    /^[0-9a-f]{64}$/.test(sha256)
  );
}
