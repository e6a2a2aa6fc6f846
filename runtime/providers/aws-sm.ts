// The kind `aws-sm`: secrets of AWS Secrets Manager by its own client, a package that is installed by who uses it and loaded only when the
// kind is declared. Its requests go the daemon's way; what it says of an error goes nowhere, but for the error's name.
import { resolve } from "node:path";
import type { SecretsManagerClient } from "@aws-sdk/client-secrets-manager";
import { hasErrorCode } from "../disk.ts";
import { canonicalJson, type Json, type JsonObject, parseJson } from "../json.ts";
import { plainly, within } from "../outgoing/checked.ts";
import { checkedFetch } from "../outgoing/fetch.ts";
import { smithyHandler } from "../outgoing/smithy.ts";
import { failureOf } from "./aws-errors.ts";
import { type AwsKeys, takeOn } from "./aws-role.ts";
import { certificates } from "./certificates.ts";
import { type Provider, ProviderFailure, type Secret, type SecretRequest } from "./provider.ts";
import type { SettingShapes, Settings } from "./settings.ts";

export const awsSecretsSettings: SettingShapes = {
  region: { holds: "text", required: true },
  access_key_id: { holds: "text" },
  secret_access_key: { holds: "text" },
  session_token: { holds: "text" },
  role: { holds: "text" },
  external_id: { holds: "text" },
  stage: { holds: "text" },
  url: { holds: "text" },
  sts_url: { holds: "text" },
  ca_file: { holds: "text" },
  allow_private: { holds: "bool" },
};

const packageName = "@aws-sdk/client-secrets-manager";
/** Below what the broker waits, so that the reason is told. All tries and the pauses between them. */
const secretTimeoutMs = 2700;
const requestTimeoutMs = 1200;
const probeTimeoutMs = 1500;
const triesMax = 3;
/** A secret has at most 64 KiB, which JSON may make six times as long. */
const answerLimitBytes = 512 * 1024;
const valuesMax = 64;

export interface AwsPlace {
  readonly dir: string;
  readonly allowPrivate: boolean;
  /** Microseconds since 1970, for what is signed. */
  readonly wallUs: () => number;
}

type Sdk = typeof import("@aws-sdk/client-secrets-manager");
export type LoadSdk = () => Promise<Sdk>;

const silent = { trace: () => {}, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export class AwsSecrets implements Provider {
  readonly abilities = ["getSecret"] as const;
  readonly #settings: Settings;
  readonly #place: AwsPlace;
  readonly #load: LoadSdk;
  readonly #allowPrivate: boolean;
  #ca: string | undefined;
  #sdk: Sdk | null = null;
  #client: SecretsManagerClient | null = null;
  /** Its credentials take on the role. */
  #base: SecretsManagerClient | null = null;

  constructor(settings: Settings, place: AwsPlace, load: LoadSdk = () => import("@aws-sdk/client-secrets-manager")) {
    this.#settings = settings;
    this.#place = place;
    this.#load = load;
    this.#allowPrivate = place.allowPrivate || settings.isOn("allow_private");
  }

  async init(): Promise<void> {
    this.#checked();
    const file = this.#settings.text("ca_file");
    if (file !== null) this.#ca = certificates(resolve(this.#place.dir, file));
    this.#sdk = await this.#load().catch((error: unknown) => {
      const isAbsent = hasErrorCode(error, "ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND");
      const why = isAbsent ? `is not installed: npm install ${packageName}` : "cannot be loaded";
      throw new ProviderFailure("SETTINGS", `the package \`${packageName}\` ${why}`);
    });
    this.#base = this.#made(this.#sdk, this.#ownKeys());
    this.#client = this.#settings.text("role") === null ? this.#base : this.#made(this.#sdk, () => this.#roleKeys());
  }

  /** Credentials are to be had, and the service answers, whatever it is. */
  async probe(): Promise<void> {
    const url = this.#settings.text("url") ?? hostOf("secretsmanager", this.#settings.given("region"));
    const limits = {
      answerBytes: answerLimitBytes,
      headMs: requestTimeoutMs,
      ...(this.#ca !== undefined && { ca: this.#ca }),
    };
    try {
      await within(probeTimeoutMs, async (signal) => {
        await this.#ready.config.credentials();
        const answer = await checkedFetch(() => this.#allowPrivate, limits)(url, { method: "GET", signal });
        await answer.body?.cancel();
      });
    } catch (error) {
      throw error instanceof TypeError ? new ProviderFailure("UNREACHABLE", plainly(error)) : failureOf(error);
    }
  }

  async shutdown(): Promise<void> {
    for (const client of [this.#client, this.#base]) client?.destroy();
    this.#client = null;
    this.#base = null;
  }

  async getSecret({ path }: SecretRequest): Promise<Secret> {
    const { id, stage, key } = placeOf(path);
    const VersionStage = stage ?? this.#settings.text("stage") ?? undefined;
    const [client, sdk] = [this.#ready, this.#sdk];
    if (sdk === null) throw new ProviderFailure("GONE", "it is not started");
    const command = new sdk.GetSecretValueCommand({
      SecretId: id,
      ...(VersionStage !== undefined && { VersionStage }),
    });
    try {
      const found = await within(secretTimeoutMs, (abortSignal) => client.send(command, { abortSignal }));
      if (found.SecretString !== undefined) return { values: valuesOf(found.SecretString, key), leaseSeconds: null };
      if (found.SecretBinary === undefined || key !== null)
        throw new ProviderFailure("NOT_FOUND", "the secret has no such value");
      return { values: { value: Buffer.from(found.SecretBinary).toString("base64") }, leaseSeconds: null };
    } catch (error) {
      throw failureOf(error);
    }
  }

  get #ready(): SecretsManagerClient {
    if (this.#client === null) throw new ProviderFailure("GONE", "it is not started");
    return this.#client;
  }

  #made(sdk: Sdk, keys: AwsKeys | (() => Promise<AwsKeys>) | null): SecretsManagerClient {
    const limits = {
      answerBytes: answerLimitBytes,
      headMs: requestTimeoutMs,
      ...(this.#ca !== undefined && { ca: this.#ca }),
    };
    const url = this.#settings.text("url");
    return new sdk.SecretsManagerClient({
      region: this.#settings.given("region"),
      requestHandler: smithyHandler(() => this.#allowPrivate, limits) as never,
      logger: silent,
      maxAttempts: triesMax,
      retryMode: "standard",
      ...(url !== null && { endpoint: url }),
      ...(keys !== null && { credentials: keys }),
    });
  }

  /** Null: the client looks for them itself, in the environment, in files and at the machine's own services. */
  #ownKeys(): AwsKeys | null {
    const accessKeyId = this.#settings.text("access_key_id");
    if (accessKeyId === null) return null;
    const sessionToken = this.#settings.text("session_token");
    const secretAccessKey = this.#settings.given("secret_access_key");
    return { accessKeyId, secretAccessKey, ...(sessionToken !== null && { sessionToken }) };
  }

  async #roleKeys(): Promise<AwsKeys> {
    if (this.#base === null) throw new ProviderFailure("GONE", "it is not started");
    const region = this.#settings.given("region");
    const role = {
      arn: this.#settings.given("role"),
      externalId: this.#settings.text("external_id"),
      region,
      url: this.#settings.text("sts_url") ?? hostOf("sts", region),
      ...(this.#ca !== undefined && { ca: this.#ca }),
      allowPrivate: this.#allowPrivate,
      timeoutMs: requestTimeoutMs,
      nowMs: Math.floor(this.#place.wallUs() / 1000),
    };
    return takeOn(role, await this.#base.config.credentials());
  }

  #checked(): void {
    const text = (name: string): string | null => this.#settings.text(name);
    if (!/^[a-z0-9-]{1,64}$/.test(this.#settings.given("region"))) throw refused("`region` is written as eu-central-1");
    if ((text("access_key_id") === null) !== (text("secret_access_key") === null))
      throw refused("`access_key_id` and `secret_access_key` are needed together");
    if (text("session_token") !== null && text("access_key_id") === null)
      throw refused("`session_token` needs `access_key_id`");
    if (text("external_id") !== null && text("role") === null) throw refused("`external_id` needs `role`");
    for (const name of ["access_key_id", "secret_access_key", "session_token", "role", "external_id"])
      if (!/^[\x21-\x7e]*$/.test(text(name) ?? "")) throw refused(`\`${name}\` has characters that it cannot have`);
    for (const name of ["url", "sts_url"])
      if (text(name) !== null && !URL.canParse(text(name) ?? "")) throw refused(`\`${name}\` is no address`);
  }
}

function hostOf(service: string, region: string): string {
  return `https://${service}.${region}.amazonaws.com${region.startsWith("cn-") ? ".cn" : ""}/`;
}

function refused(why: string): ProviderFailure {
  return new ProviderFailure("SETTINGS", why);
}

/** `<name or ARN>[?stage=<stage>][#<key>]`: none of the signs between stands in a name. */
function placeOf(path: string): { readonly id: string; readonly stage: string | null; readonly key: string | null } {
  const [, id, stage, key] = /^([\w/+=.@:-]{1,2048})(?:\?stage=([\w/+=.@:-]{1,256}))?(?:#(.+))?$/.exec(path) ?? [];
  if (id === undefined) throw refused("a path is the name or ARN of a secret, with ?stage=<stage> or #<key> behind it");
  return { id, stage: stage ?? null, key: key ?? null };
}

/** The members of a JSON object; other text is one value. */
function valuesOf(text: string, key: string | null): Secret["values"] {
  const parsed = parseJson(Buffer.from(text), { sizeBytes: answerLimitBytes, depth: 16 });
  const isObject = parsed.ok && typeof parsed.value === "object" && text.trimStart().startsWith("{");
  if (!isObject && key === null) return { value: text };
  const members = isObject ? Object.entries(parsed.value as JsonObject) : [];
  const wanted = members.filter(([name, value]) => value !== null && (key === null || name === key));
  if (wanted.length === 0) throw new ProviderFailure("NOT_FOUND", "the secret has no such value");
  if (wanted.length > valuesMax)
    throw new ProviderFailure("BAD_ANSWER", `the secret has more than ${valuesMax} values`);
  return Object.fromEntries(wanted.map(([name, value]) => [name, textOf(value)]));
}

function textOf(value: Json): string {
  return typeof value === "string" ? value : canonicalJson(value);
}
