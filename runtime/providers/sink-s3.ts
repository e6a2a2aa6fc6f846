// The kind `sink-s3`: each batch of records is one object of an S3-compatible store, named by what is in it, so that a batch that comes
// twice is the same object, and one that was cut otherwise beside it takes nothing away. The secret key signs, and goes nowhere.
import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { canonicalJson, type JsonObject, parseJson } from "../json.ts";
import { plainly, wayTo, within } from "../outgoing/checked.ts";
import { checkedFetch } from "../outgoing/fetch.ts";
import { certificates } from "./certificates.ts";
import { ocsfOf } from "./ocsf.ts";
import { type Emitted, type Provider, ProviderFailure } from "./provider.ts";
import { type S3Target, targetOf } from "./s3-settings.ts";
import type { Settings } from "./settings.ts";

export { s3Settings } from "./s3-settings.ts";

const sendTimeoutMs = 20_000;
const probeTimeoutMs = 1500;
const answerLimitBytes = 64 * 1024;
const dayMs = 86_400_000;
const seqDigits = 12;
const digestDigits = 16;

export interface S3Place {
  readonly dir: string;
  readonly allowPrivate: boolean;
  /** Microseconds since 1970, for what is signed. */
  readonly wallUs: () => number;
}

/** What the store's codes mean for who set it up; of other answers only the status is told. */
const codeWords: ReadonlyMap<string, string> = new Map([
  ["AccessDenied", "its credentials may not put objects there"],
  ["AuthorizationHeaderMalformed", "the bucket is in another region: set `region`"],
  ["BadDigest", "the store got other bytes than were sent"],
  ["EntityTooLarge", "the object is too large for the store"],
  ["ExpiredToken", "its session token has expired"],
  ["InternalError", "the store has an error of its own"],
  ["InvalidAccessKeyId", "the store does not know its `access_key_id`"],
  ["InvalidRequest", "the store refuses the request: object lock or encryption may not be set up for the bucket"],
  ["InvalidToken", "its session token is refused"],
  ["NoSuchBucket", "there is no such bucket"],
  ["PermanentRedirect", "the bucket is in another region: set `region`"],
  ["RequestTimeTooSkewed", "the clock of this machine and the store's are too far apart: set the clock"],
  ["RequestTimeout", "the store waited too long for the object"],
  ["ServiceUnavailable", "the store is down"],
  ["SignatureDoesNotMatch", "the store refuses its signature: the `secret_access_key` is wrong"],
  ["SlowDown", "the store wants fewer requests"],
]);

export class S3Sink implements Provider {
  readonly abilities = ["emit"] as const;
  readonly #settings: Settings;
  readonly #place: S3Place;
  #target: S3Target | null = null;
  #ca: string | undefined;

  constructor(settings: Settings, place: S3Place) {
    this.#settings = settings;
    this.#place = place;
  }

  async init(): Promise<void> {
    this.#target = targetOf(this.#settings);
    const file = this.#settings.text("ca_file");
    if (file !== null) this.#ca = certificates(resolve(this.#place.dir, file));
  }

  /** Its address may be gone to. Whether it takes objects is seen when there are some. */
  async probe(): Promise<void> {
    const way = await within(probeTimeoutMs, () => wayTo(this.#ready.baseUrl, this.#isPrivateFine)).catch(plainly);
    if (typeof way === "string") throw new ProviderFailure("UNREACHABLE", way);
  }

  async shutdown(): Promise<void> {}

  async emit(batch: readonly Emitted[]): Promise<void> {
    const object = objectOf(batch, this.#settings.list("types"), this.#settings.text("form") === "ocsf");
    if (object === null) return;
    const isPacked = this.#settings.isOn("gzip");
    const body = isPacked ? gzipSync(object.text) : object.text;
    const key = `${this.#ready.prefix}${object.name}${isPacked ? ".gz" : ""}`;
    try {
      await within(sendTimeoutMs, (signal) => this.#put(key, body, isPacked, signal));
    } catch (error) {
      if (error instanceof ProviderFailure) throw error;
      throw new ProviderFailure("UNREACHABLE", plainly(error));
    }
  }

  get #ready(): S3Target {
    if (this.#target === null) throw new ProviderFailure("GONE", "it is not started");
    return this.#target;
  }

  get #isPrivateFine(): boolean {
    return this.#place.allowPrivate || this.#settings.isOn("allow_private");
  }

  async #put(key: string, body: Uint8Array, isPacked: boolean, signal: AbortSignal): Promise<void> {
    const { AwsV4Signer } = await import("aws4fetch");
    const { baseUrl, region } = this.#ready;
    const token = this.#settings.text("session_token");
    const nowMs = Math.floor(this.#place.wallUs() / 1000);
    const signer = new AwsV4Signer({
      method: "PUT",
      url: `${baseUrl}${key.split("/").map(encodeURIComponent).join("/")}`,
      headers: this.#headers(body, isPacked, nowMs),
      service: "s3",
      region,
      accessKeyId: this.#settings.given("access_key_id"),
      secretAccessKey: this.#settings.given("secret_access_key"),
      ...(token !== null && { sessionToken: token }),
      datetime: new Date(nowMs).toISOString().replace(/[:-]|\.\d{3}/g, ""),
    });
    const { method, url, headers } = await signer.sign();
    const limits = {
      answerBytes: answerLimitBytes,
      headMs: sendTimeoutMs,
      ...(this.#ca !== undefined && { ca: this.#ca }),
    };
    const put = checkedFetch(() => this.#isPrivateFine, limits);
    const answer = await put(url, { method, headers, body: body as Uint8Array<ArrayBuffer>, signal });
    // What breaks off within an answer was perhaps not taken: it is sent again.
    const words = await answer.text();
    if (answer.status !== 200) throw new ProviderFailure("REFUSED", whyNot(answer, words));
  }

  #headers(body: Uint8Array, isPacked: boolean, nowMs: number): Record<string, string> {
    const { headers, lock } = this.#ready;
    const sha256 = createHash("sha256").update(body).digest();
    const sum: Record<string, string> =
      this.#settings.text("checksum") === "md5"
        ? { "content-md5": createHash("md5").update(body).digest("base64") }
        : { "x-amz-checksum-sha256": sha256.toString("base64"), "x-amz-sdk-checksum-algorithm": "SHA256" };
    const retained: Record<string, string> =
      lock === null
        ? {}
        : {
            "x-amz-object-lock-mode": lock.mode,
            "x-amz-object-lock-retain-until-date": new Date(nowMs + lock.days * dayMs).toISOString(),
          };
    const type = { "content-type": isPacked ? "application/gzip" : "application/x-ndjson" };
    return { ...type, "x-amz-content-sha256": sha256.toString("hex"), ...sum, ...headers, ...retained };
  }
}

/**
 * `<log>/<yyyy>/<mm>/<dd>/<first>-<last>-<digest>.ndjson`: the day and the numbers of the records in it, and what they are, so that two
 * objects of one name have the same text, whatever was wanted of the log when. Null where no record is wanted. Throws ProviderFailure.
 */
function objectOf(
  batch: readonly Emitted[],
  types: readonly string[],
  isOcsf: boolean,
): { readonly name: string; readonly text: Buffer } | null {
  const wanted = batch.flatMap((line) => {
    const record = recordIn(line);
    return types.length === 0 || types.includes(String(record.type)) ? [{ line, record }] : [];
  });
  const [first, last] = [wanted.at(0)?.record, wanted.at(-1)?.record];
  if (first === undefined || last === undefined) return null;
  const lines = wanted.map(({ line, record }) => `${isOcsf ? canonicalJson(ocsfOf(record)) : line.trimEnd()}\n`);
  const text = Buffer.from(lines.join(""));
  const day = String(first.time).slice(0, 10).replaceAll("-", "/");
  const [from, to] = [first, last].map(({ seq }) => String(seq).padStart(seqDigits, "0"));
  const digest = createHash("sha256").update(text).digest("hex").slice(0, digestDigits);
  return { name: `${String(first.log_id)}/${day}/${from}-${to}-${digest}.ndjson`, text };
}

/** None is left out in silence. */
function recordIn(line: Emitted): JsonObject {
  const parsed = parseJson(Buffer.from(line));
  const record = parsed.ok ? (parsed.value as JsonObject) : {};
  const isNamed = /^[A-Za-z0-9_-]+$/.test(String(record.log_id)) && /^\d+$/.test(String(record.seq));
  if (!isNamed || !/^\d{4}-\d{2}-\d{2}T/.test(String(record.time)))
    throw new ProviderFailure("BAD_ANSWER", "a record cannot be read");
  return record;
}

/** From the status and the code alone: what else a store says may name what was sent. */
function whyNot(answer: Response, words: string): string {
  const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(words)?.[1] ?? "";
  const meant = codeWords.get(code);
  const told = answer.headers.get("x-amz-bucket-region") ?? "";
  if (answer.status === 301 || meant?.includes("another region"))
    return `the bucket is in another region: set \`region\`${/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/.test(told) ? ` to ${told}` : ""}`;
  return meant === undefined ? `the answer was ${answer.status}` : `the answer was ${answer.status}: ${meant}`;
}
