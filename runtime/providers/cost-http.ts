// The kind `cost-http`: what a call costs, asked of a server by a URL that the call fills in. One question for all calls that ask the same.
// An answer that is no price is a failure, and must never count as a price of nothing.
import { resolve } from "node:path";
import type { EvaluationRequest } from "../evaluator/types.ts";
import { type Answered, askJson } from "../outgoing/ask-json.ts";
import { type Source, sourceOf, urlFor } from "../selectors/source.ts";
import { certificates } from "./certificates.ts";
import { priceIn } from "./price.ts";
import { type Provider, ProviderFailure, type QuoteRequest } from "./provider.ts";
import type { SettingShapes, Settings } from "./settings.ts";

export const costHttpSettings: SettingShapes = {
  url: { holds: "text", required: true },
  token: { holds: "text" },
  cache: { holds: "number" },
  timeout: { holds: "number" },
  health: { holds: "text" },
  ca_file: { holds: "text" },
  allow_private: { holds: "bool" },
  on_unavailable: { holds: "text", choices: ["deny", "permit"] },
};

const answerLimitBytes = 16 * 1024;
/** Of one question, where `timeout` does not say; and the longest that it may say. */
const timeoutDefaultSeconds = 1;
export const timeoutMaxSeconds = 2;
const cacheDefaultSeconds = 60;
const cacheMaxSeconds = 86_400;
/** Answers that are kept; beyond, the oldest goes. */
export const pricesKeptMax = 1024;
/** A question that came to nothing is not asked again within this. */
const patienceUs = 1_000_000;

export interface CostHttpPlace {
  readonly dir: string;
  readonly allowPrivate: boolean;
  /** Monotonic microseconds. */
  readonly nowUs: () => number;
}

type Kept = { readonly atUs: number } & ({ readonly usd: number | null } | { readonly failure: ProviderFailure });

export class CostHttp implements Provider {
  readonly abilities = ["quote"] as const;
  readonly #settings: Settings;
  readonly #place: CostHttpPlace;
  readonly #source: Source | string;
  readonly #cacheUs: number;
  readonly #timeoutMs: number;
  #ca: string | undefined;
  /** By URL, oldest first. */
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, Promise<number | null>>();

  constructor(settings: Settings, place: CostHttpPlace) {
    this.#settings = settings;
    this.#place = place;
    this.#source = sourceOf(settings.given("url"));
    this.#cacheUs = (settings.number("cache") ?? cacheDefaultSeconds) * 1_000_000;
    this.#timeoutMs = Math.floor((settings.number("timeout") ?? timeoutDefaultSeconds) * 1000);
  }

  async init(): Promise<void> {
    if (typeof this.#source === "string") throw new ProviderFailure("SETTINGS", `its \`url\`: ${this.#source}`);
    if (!(this.#cacheUs >= 0 && this.#cacheUs <= cacheMaxSeconds * 1_000_000))
      throw new ProviderFailure("SETTINGS", "`cache` is between 0s and 24h");
    if (!(this.#timeoutMs >= 1 && this.#timeoutMs <= timeoutMaxSeconds * 1000))
      throw new ProviderFailure("SETTINGS", `\`timeout\` is between 1ms and ${timeoutMaxSeconds}s`);
    const file = this.#settings.text("ca_file");
    if (file !== null) this.#ca = certificates(resolve(this.#place.dir, file));
  }

  /** `health` answers 200; without it any answer of the host will do. */
  async probe(): Promise<void> {
    const health = this.#settings.text("health");
    const answer = await this.#get(health ?? new URL("/", this.#settings.given("url").replaceAll(/[{}]/g, "")).href);
    const isThere = answer.ok || answer.status === 200 || (health === null && answer.status !== null);
    if (!isThere) throw failureOf(answer);
  }

  async shutdown(): Promise<void> {
    this.#kept.clear();
  }

  knownQuote(call: QuoteRequest): number | null | undefined {
    const url = typeof this.#source === "string" ? null : urlFor(this.#source, call);
    const kept = url === null ? null : this.#fresh(url, this.#place.nowUs());
    return kept === null || "failure" in kept ? undefined : kept.usd;
  }

  async quote(call: QuoteRequest): Promise<number | null> {
    const url = this.#urlFor(call);
    const nowUs = this.#place.nowUs();
    const kept = this.#fresh(url, nowUs);
    // BUSY: nothing was asked, so there is nothing to look after.
    if (kept !== null && "failure" in kept) throw new ProviderFailure("BUSY", kept.failure.message);
    if (kept !== null) return kept.usd;
    const underWay = this.#underWay.get(url);
    if (underWay !== undefined) return underWay;
    const asked = this.#ask(url, nowUs).finally(() => this.#underWay.delete(url));
    this.#underWay.set(url, asked);
    return asked;
  }

  #fresh(url: string, nowUs: number): Kept | null {
    const kept = this.#kept.get(url);
    const ageUs = kept === undefined ? -1 : nowUs - kept.atUs;
    if (kept === undefined || ageUs < 0) return null;
    return ageUs < ("failure" in kept ? patienceUs : this.#cacheUs) ? kept : null;
  }

  #urlFor(call: EvaluationRequest): string {
    const url = typeof this.#source === "string" ? null : urlFor(this.#source, call);
    if (url !== null) return url;
    throw new ProviderFailure("NOT_FOUND", "the call does not say what its `url` needs");
  }

  /** As old as the question: the price may have changed while the answer was on its way. */
  async #ask(url: string, atUs: number): Promise<number | null> {
    try {
      const answer = await this.#get(url);
      if (!answer.ok) throw failureOf(answer);
      const usd = priceIn(answer.value);
      this.#keep(url, { usd, atUs });
      return usd;
    } catch (error) {
      if (error instanceof ProviderFailure) this.#keep(url, { failure: error, atUs: this.#place.nowUs() });
      throw error;
    }
  }

  #keep(url: string, kept: Kept): void {
    this.#kept.delete(url);
    this.#kept.set(url, kept);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= pricesKeptMax) break;
      this.#kept.delete(oldest);
    }
  }

  #get(url: string): Promise<Answered> {
    const token = this.#settings.text("token");
    return askJson({
      method: "GET",
      url,
      headers: token === null ? {} : { authorization: `Bearer ${token}` },
      body: null,
      allowPrivate: this.#place.allowPrivate || this.#settings.isOn("allow_private"),
      ...(this.#ca === undefined ? {} : { ca: this.#ca }),
      sizeMaxBytes: answerLimitBytes,
      timeoutMs: this.#timeoutMs,
    });
  }
}

function failureOf(answer: Answered): ProviderFailure {
  if (answer.ok) return new ProviderFailure("BAD_ANSWER", "its answer is no price");
  const { status, why, isLate } = answer;
  if (isLate) return new ProviderFailure("LATE", why);
  return new ProviderFailure(status === null ? "UNREACHABLE" : status === 200 ? "BAD_ANSWER" : "REFUSED", why);
}
