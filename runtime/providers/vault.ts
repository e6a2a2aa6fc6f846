// The kind `vault`: secrets of a HashiCorp Vault or OpenBao server by its HTTP API (developer.hashicorp.com/vault/api-docs), with a token
// or an AppRole, whose token is renewed before it ends. The token goes in a header and nowhere else.
import { resolve } from "node:path";
import { JsonNumber } from "../evaluator/number.ts";
import { canonicalJson, type Json, type JsonObject } from "../json.ts";
import { type Answered, askJson } from "../outgoing/ask-json.ts";
import { within } from "../outgoing/checked.ts";
import { certificates } from "./certificates.ts";
import type { Leases } from "./leases.ts";
import { type Provider, ProviderFailure, type Secret, type SecretRequest } from "./provider.ts";
import type { SettingShapes, Settings } from "./settings.ts";

export const vaultSettings: SettingShapes = {
  addr: { holds: "text", required: true },
  token: { holds: "text" },
  role_id: { holds: "text" },
  secret_id: { holds: "text" },
  approle_mount: { holds: "text" },
  namespace: { holds: "text" },
  ca_file: { holds: "text" },
  allow_private: { holds: "bool" },
};

const answerLimitBytes = 64 * 1024;
/** Of one request; the broker waits longer, so that a new token can be had on the way. */
const requestTimeoutMs = 1200;
const valuesMax = 64;
/** For all that is revoked at the end; what is not by then ends by itself. */
export const revokingTimeoutMs = 2000;
const revokedAtOnce = 16;

export interface VaultPlace {
  readonly dir: string;
  readonly allowPrivate: boolean;
  /** Monotonic microseconds. */
  readonly nowUs: () => number;
  readonly leases: Leases;
}

interface Token {
  readonly text: string;
  /** Null: it does not end. */
  readonly halfUs: number | null;
  readonly isRenewable: boolean;
}

export class Vault implements Provider {
  readonly abilities = ["getSecret"] as const;
  readonly #settings: Settings;
  readonly #place: VaultPlace;
  readonly #allowPrivate: boolean;
  #ca: string | undefined;
  #token: Token | null = null;
  #login: Promise<Token> | null = null;

  constructor(settings: Settings, place: VaultPlace) {
    this.#settings = settings;
    this.#place = place;
    this.#allowPrivate = place.allowPrivate || settings.isOn("allow_private");
  }

  async init(): Promise<void> {
    const hasRole = this.#settings.text("role_id") !== null;
    if (hasRole === (this.#settings.text("token") !== null))
      throw new ProviderFailure("SETTINGS", "either `token` or `role_id` and `secret_id` are needed");
    const file = this.#settings.text("ca_file");
    if (file !== null) this.#ca = certificates(resolve(this.#place.dir, file));
    await this.#health();
    this.#token = hasRole ? await this.#byRole() : await this.#ownToken(this.#settings.given("token"));
  }

  async probe(): Promise<void> {
    await this.#health();
    const { halfUs = null, isRenewable = false } = this.#token ?? {};
    if (halfUs === null || this.#place.nowUs() < halfUs) return;
    this.#token = isRenewable ? await this.#renewed() : await this.#another();
  }

  async shutdown(isEnd: boolean): Promise<void> {
    const token = this.#token?.text;
    this.#token = null;
    if (isEnd && token !== undefined)
      await within(revokingTimeoutMs, (signal) => this.#revoke(token, signal)).catch(() => {});
  }

  /** What was leased, then the token of a role, with which goes all that was made by it. A token that was given is not ours to revoke. */
  async #revoke(token: string, signal: AbortSignal): Promise<void> {
    const leases = this.#place.leases.take(this.#place.nowUs());
    for (let at = 0; at < leases.length && !signal.aborted; at += revokedAtOnce) {
      const some = leases.slice(at, at + revokedAtOnce).map((lease_id) => JSON.stringify({ lease_id }));
      await Promise.all(some.map((body) => this.#ask("POST", "sys/leases/revoke", body, token)));
    }
    if (this.#settings.text("role_id") !== null && !signal.aborted)
      await this.#ask("POST", "auth/token/revoke-self", "{}", token);
  }

  async getSecret({ path }: SecretRequest): Promise<Secret> {
    const [place = "", field] = path.split("#");
    const url = placeOf(place);
    let answer = await this.#ask("GET", url, null, this.#token?.text);
    // A token that was revoked is no longer good before its time is over.
    if (!answer.ok && answer.status === 403 && this.#settings.text("role_id") !== null) {
      this.#token = await this.#byRole();
      answer = await this.#ask("GET", url, null, this.#token.text);
    }
    if (!answer.ok) throw failureOf(answer, "the secret");
    const lease = leaseOf(answer.value);
    if (lease !== null) this.#place.leases.note(lease.id, this.#place.nowUs() + lease.seconds * 1_000_000);
    return { values: valuesOf(answer.value, field ?? null), leaseSeconds: lease?.seconds ?? null };
  }

  /** Sealed, not initialised or no Vault at all: then there is no use in asking for more. */
  async #health(): Promise<void> {
    const answer = await this.#ask("GET", "sys/health?standbyok=true&perfstandbyok=true", null);
    if (!answer.ok) throw failureOf(answer, "its health");
    if (!isObject(answer.value) || answer.value.sealed !== false)
      throw new ProviderFailure("BAD_ANSWER", "what answers is no Vault");
  }

  async #ownToken(text: string): Promise<Token> {
    const answer = await this.#ask("GET", "auth/token/lookup-self", null, text);
    if (!answer.ok) throw failureOf(answer, "its token");
    const data = isObject(answer.value) ? answer.value.data : null;
    return this.#tokenOf(text, data ?? null, "ttl");
  }

  async #renewed(): Promise<Token> {
    const text = this.#token?.text ?? "";
    const answer = await this.#ask("POST", "auth/token/renew-self", "{}", text);
    if (!answer.ok && answer.status === null) throw failureOf(answer, "its token");
    return answer.ok ? this.#authOf(answer.value) : this.#another();
  }

  #another(): Promise<Token> {
    if (this.#settings.text("role_id") !== null) return this.#byRole();
    return this.#ownToken(this.#settings.given("token"));
  }

  /** One login for all that need a token at the same time. */
  #byRole(): Promise<Token> {
    this.#login ??= this.#logIn().finally(() => {
      this.#login = null;
    });
    return this.#login;
  }

  async #logIn(): Promise<Token> {
    const mount = this.#settings.text("approle_mount") ?? "approle";
    const words = { role_id: this.#settings.given("role_id"), secret_id: this.#settings.text("secret_id") ?? "" };
    const answer = await this.#ask("POST", `auth/${placeOf(mount)}/login`, JSON.stringify(words));
    if (!answer.ok) throw failureOf(answer, "its role");
    return this.#authOf(answer.value);
  }

  #authOf(value: Json): Token {
    const auth = isObject(value) ? (value.auth ?? null) : null;
    const text = isObject(auth) ? auth.client_token : null;
    if (typeof text !== "string" || text === "") throw new ProviderFailure("BAD_ANSWER", "its answer holds no token");
    return this.#tokenOf(text, auth, "lease_duration");
  }

  #tokenOf(text: string, value: Json, member: "ttl" | "lease_duration"): Token {
    const seconds = isObject(value) ? value[member] : null;
    if (typeof seconds !== "number" || seconds < 0)
      throw new ProviderFailure("BAD_ANSWER", "its answer does not say how long its token is good for");
    const halfUs = seconds === 0 ? null : this.#place.nowUs() + seconds * 500_000;
    return { text, halfUs, isRenewable: isObject(value) && value.renewable === true };
  }

  #ask(method: "GET" | "POST", path: string, body: string | null, token?: string): Promise<Answered> {
    const namespace = this.#settings.text("namespace");
    return askJson({
      method,
      url: `${this.#settings.given("addr").replace(/\/+$/, "")}/v1/${path}`,
      headers: {
        "x-vault-request": "true",
        ...(token === undefined ? {} : { "x-vault-token": token }),
        ...(namespace === null ? {} : { "x-vault-namespace": namespace }),
      },
      body,
      allowPrivate: this.#allowPrivate,
      ...(this.#ca === undefined ? {} : { ca: this.#ca }),
      sizeMaxBytes: answerLimitBytes,
      timeoutMs: requestTimeoutMs,
    });
  }
}

/** As a part of the URL. A dot segment would lead elsewhere. */
function placeOf(path: string): string {
  const parts = path.split("/");
  if (parts.some((part) => part === "" || part === "." || part === ".."))
    throw new ProviderFailure("SETTINGS", "a path is written as secret/data/name");
  return parts.map(encodeURIComponent).join("/");
}

const statusWords: ReadonlyMap<number, string> = new Map([
  [403, "is refused"],
  [404, "is not there"],
  [501, "is not to be had: it is not initialised"],
  [503, "is not to be had: it is sealed or down"],
]);

function failureOf(answer: Extract<Answered, { ok: false }>, what: string): ProviderFailure {
  const { status, why, isLate } = answer;
  if (isLate) return new ProviderFailure("LATE", why);
  if (status === null) return new ProviderFailure("UNREACHABLE", why);
  const words = statusWords.get(status);
  const code = status === 404 ? "NOT_FOUND" : status < 500 && status !== 200 ? "REFUSED" : "UNREACHABLE";
  return new ProviderFailure(status === 200 ? "BAD_ANSWER" : code, words === undefined ? why : `${what} ${words}`);
}

/** Only secrets that are made anew have one. */
function leaseOf(answer: Json): { readonly id: string; readonly seconds: number } | null {
  const { lease_id: id, lease_duration: seconds } = isObject(answer) ? answer : {};
  return typeof id === "string" && id !== "" && typeof seconds === "number" && seconds >= 0 ? { id, seconds } : null;
}

/** KV v2 has `{data: {data, metadata}}`, v1 and the secrets that are made anew `{data}`. */
function valuesOf(answer: Json, field: string | null): Secret["values"] {
  const outer = isObject(answer) ? (answer.data ?? null) : null;
  const isSecond = isObject(outer) && isObject(outer.metadata ?? null) && outer.data !== undefined;
  const data = isSecond ? (outer.data ?? null) : outer;
  const found = isObject(data) ? Object.entries(data).filter(([name]) => field === null || name === field) : [];
  const values = found.flatMap(([name, value]) => (value === null ? [] : [[name, textOf(value)] as const]));
  if (values.length === 0) throw new ProviderFailure("NOT_FOUND", "the secret has no such value");
  if (values.length > valuesMax)
    throw new ProviderFailure("BAD_ANSWER", `the secret has more than ${valuesMax} values`);
  return Object.fromEntries(values);
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : canonicalJson(value);
}

function isObject(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber);
}
