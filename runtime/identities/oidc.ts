// Tokens of an OpenID provider (OpenID Connect Core 1.0; RFC 7519, RFC 8725): signed by a key that the issuer publishes, for this stack,
// and in force now. What a token says is believed for nothing else, and the token itself is never kept, recorded or shown.
import { createHash } from "node:crypto";
import { join } from "node:path";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
  errors,
  type JSONWebKeySet,
  type JWTVerifyGetKey,
  jwtVerify,
} from "jose";
import { nodeDisk, readWhole } from "../disk.ts";
import { type Json, type JsonObject, parseJson } from "../json.ts";
import { checkedFetch } from "../outgoing/fetch.ts";
import { getJson } from "../outgoing/get-json.ts";
import type { SettingShapes, Settings } from "../providers/settings.ts";

export const tokenLimitBytes = 16 * 1024;
const documentLimitBytes = 256 * 1024;
const askTimeoutMs = 5000;
/** Keys are asked for again after so long, and no more often than that for a key that is not known. */
const keysAgeMs = 600_000;
const cooldownMs = 30_000;
const againUs = 5_000_000;
const leewayDefaultSeconds = 5;
const leewayMaxSeconds = 300;
/** How often a file of keys is looked at. */
const fileAgeUs = 1_000_000;

/** Signatures alone: a key that is published can verify them and make none. */
const algorithmsKnown = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
];

export const oidcSettings: SettingShapes = {
  issuer: { holds: "text", required: true },
  audience: { holds: "list", required: true },
  agent_claim: { holds: "list" },
  algorithms: { holds: "list" },
  jwks_uri: { holds: "text" },
  jwks_file: { holds: "text" },
  leeway_seconds: { holds: "number" },
};

/** A service account's token as Kubernetes projects it into a pod. */
export const serviceAccountSettings: SettingShapes = { ...oidcSettings, issuer: { holds: "text" } };

export interface Verified {
  /** What the token names as the agent. */
  readonly agentId: string;
  readonly claims: JsonObject;
  /** Seconds since 1970. */
  readonly expires: number;
}

export interface OidcPlace {
  readonly dir: string;
  readonly allowPrivate: boolean;
  /** Microseconds since 1970, and monotonic ones. */
  now(): { readonly wallUs: number; readonly monoUs: number };
}

export class Oidc {
  readonly #settings: Settings;
  readonly #place: OidcPlace;
  readonly #issuer: string;
  readonly #agentClaim: readonly string[];
  readonly #algorithms: readonly string[];
  readonly #leeway: number;
  /** Why its keys are not there; null where they are, or were not asked for yet. */
  why: string | null = null;
  #triedUs = 0;
  #keys: JWTVerifyGetKey | null = null;
  #file: { readonly sha256: string; readonly lookedUs: number } | null = null;

  /** Throws TypeError for settings that make no sense. */
  constructor(
    settings: Settings,
    place: OidcPlace,
    defaults: { readonly issuer?: string; readonly agentClaim: readonly string[] },
  ) {
    this.#settings = settings;
    this.#place = place;
    this.#issuer = settings.text("issuer") ?? defaults.issuer ?? "";
    const claim = settings.list("agent_claim");
    this.#agentClaim = claim.length === 0 ? defaults.agentClaim : claim;
    const wanted = settings.list("algorithms");
    const unknown = wanted.find((one) => !algorithmsKnown.includes(one));
    if (unknown !== undefined)
      throw new TypeError(`\`algorithms\`: \`${unknown}\` is none of ${algorithmsKnown.join(", ")}`);
    this.#algorithms = wanted.length === 0 ? algorithmsKnown : wanted;
    this.#leeway = settings.number("leeway_seconds") ?? leewayDefaultSeconds;
    if (!(this.#leeway >= 0 && this.#leeway <= leewayMaxSeconds))
      throw new TypeError(`\`leeway_seconds\` is from 0 to ${leewayMaxSeconds}`);
    if (settings.text("jwks_uri") !== null && settings.text("jwks_file") !== null)
      throw new TypeError("it has either `jwks_uri` or `jwks_file`");
  }

  /** Null when its keys are there; else why they are not, without a URL. Never rejects. */
  async start(): Promise<string | null> {
    this.#triedUs = this.#place.now().monoUs;
    this.why = await this.#open();
    return this.why;
  }

  async #open(): Promise<string | null> {
    try {
      const file = this.#settings.text("jwks_file");
      if (file !== null) {
        this.#readFile(file);
        return null;
      }
      const uri = this.#settings.text("jwks_uri") ?? (await this.#discover());
      const whole = await getJson({ url: uri, headers: {}, ...this.#bounds() });
      if (!whole.ok) return `its keys cannot be had: ${whole.why}`;
      const fetch = checkedFetch(() => this.#place.allowPrivate, {
        answerBytes: documentLimitBytes,
        headMs: askTimeoutMs,
      });
      const keys = createRemoteJWKSet(new URL(uri), {
        timeoutDuration: askTimeoutMs,
        cooldownDuration: cooldownMs,
        cacheMaxAge: keysAgeMs,
        [customFetch]: (url: string, init: RequestInit) => fetch(url, init),
      });
      await keys.reload();
      this.#keys = keys;
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  #bounds(): { allowPrivate: boolean; sizeMaxBytes: number; timeoutMs: number } {
    return { allowPrivate: this.#place.allowPrivate, sizeMaxBytes: documentLimitBytes, timeoutMs: askTimeoutMs };
  }

  /** OpenID Connect Discovery 1.0, section 4: what is found must say that it is the issuer's. */
  async #discover(): Promise<string> {
    const url = `${this.#issuer.replace(/\/$/, "")}/.well-known/openid-configuration`;
    const found = await getJson({ url, headers: {}, ...this.#bounds() });
    if (!found.ok) throw new Error(`the issuer cannot be asked: ${found.why}`);
    const { issuer, jwks_uri: uri } = isObject(found.value) ? found.value : {};
    if (issuer !== this.#issuer) throw new Error("what was found there is another issuer's");
    if (typeof uri !== "string") throw new Error("the issuer says of no keys");
    return uri;
  }

  #readFile(name: string): void {
    const { monoUs } = this.#place.now();
    if (this.#file !== null && monoUs - this.#file.lookedUs < fileAgeUs) return;
    const bytes = readWhole(nodeDisk, join(this.#place.dir, name), documentLimitBytes);
    const sha256 = createHash("sha256").update(bytes).digest("hex");
    if (this.#file?.sha256 !== sha256) {
      const parsed = parseJson(bytes);
      if (!parsed.ok || !isObject(parsed.value)) throw new Error("`jwks_file` is no set of keys");
      this.#keys = createLocalJWKSet(JSON.parse(Buffer.from(bytes).toString("utf8")) as JSONWebKeySet);
    }
    this.#file = { sha256, lookedUs: monoUs };
  }

  /** Or why it is not believed, without a word of the token. Never rejects. */
  async verify(token: string): Promise<Verified | string> {
    try {
      const file = this.#settings.text("jwks_file");
      if (file !== null) this.#readFile(file);
      // An issuer that was away is asked again, but not by every call.
      if (this.#keys === null && this.#place.now().monoUs - this.#triedUs > againUs) await this.start();
      if (this.#keys === null) return this.why ?? "its keys are not there";
      const { payload } = await jwtVerify(token, this.#keys, {
        issuer: this.#issuer,
        audience: [...this.#settings.list("audience")],
        algorithms: [...this.#algorithms],
        requiredClaims: ["exp", "iat"],
        clockTolerance: this.#leeway,
        currentDate: new Date(this.#place.now().wallUs / 1000),
      });
      // The library keeps the last of two members with one name; here two are none.
      const claims = parseJson(Buffer.from(token.split(".")[1] ?? "", "base64url"), {
        sizeBytes: tokenLimitBytes,
        depth: 16,
      });
      if (!claims.ok || !isObject(claims.value)) return "the token can be read in two ways";
      const agentId = valueAt(claims.value, this.#agentClaim);
      if (typeof agentId !== "string" || agentId === "") return `the token has no \`${this.#agentClaim.join(".")}\``;
      return { agentId, claims: claims.value, expires: payload.exp ?? 0 };
    } catch (error) {
      return whyNot(error);
    }
  }
}

function valueAt(claims: JsonObject, path: readonly string[]): Json | undefined {
  let value: Json | undefined = claims;
  for (const name of path) value = isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
  return value;
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function whyNot(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "the token is over";
  if (error instanceof errors.JWTClaimValidationFailed) return `the token's \`${error.claim}\` does not fit`;
  if (error instanceof errors.JOSEAlgNotAllowed || error instanceof errors.JOSENotSupported)
    return "the token is signed by a method that is not allowed";
  if (error instanceof errors.JWKSNoMatchingKey || error instanceof errors.JWKSMultipleMatchingKeys)
    return "the token is signed by a key that the issuer does not publish";
  if (error instanceof errors.JWSSignatureVerificationFailed) return "the token's signature is not the issuer's";
  if (error instanceof errors.JWKSTimeout) return "the issuer's keys did not come in time";
  if (error instanceof errors.JOSEError) return "the token cannot be read";
  return "the issuer's keys cannot be had";
}
