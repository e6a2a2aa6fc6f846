// What a call costs by the providers of the policy, asked before it is judged. It must never take a price that could not be had for one
// of nothing, unless the policy says so, nor keep a call waiting for longer than its time.
import type { Clock } from "../clock.ts";
import { microOf } from "../costs.ts";
import type { EvaluationRequest } from "../evaluator/types.ts";
import { within } from "../outgoing/checked.ts";
import { failureOf } from "../providers/keeper.ts";
import { ProviderFailure } from "../providers/provider.ts";
import type { Providers, Quoter } from "../providers/providers.ts";
import { Turns } from "../selectors/turns.ts";
import type { PriceFact } from "./prices.ts";

/** For all providers that are asked for one call, the wait for a turn included. */
export const quoteTimeoutMs = 2000;
/** Questions that one provider is asked at once. */
const questionsAtOnce = 32;
/** That wait for their turn at one provider. */
const waitingMax = 1024;

/** `micro` null: there is no price. `why` not null: it could not be had, and the call may not go on without. */
export interface Quoted {
  readonly micro: number | null;
  readonly fact: PriceFact;
  readonly why: string | null;
  /** Those that were asked, in this order. */
  readonly asked: readonly Quoter["keeper"][];
}

export class Quotes {
  readonly #providers: Providers;
  readonly #clock: Clock;
  readonly #turns = new WeakMap<Quoter["keeper"], Turns>();

  constructor(providers: Providers, clock: Clock) {
    this.#providers = providers;
    this.#clock = clock;
  }

  /** Whether calls may have to wait for a price. */
  get isAsked(): boolean {
    return this.#providers.quoters().length > 0;
  }

  /**
   * The first provider that has a price says it; a promise where an answer has to be waited for. It never rejects, and resolves within
   * `quoteTimeoutMs`.
   */
  ask(call: EvaluationRequest): Quoted | Promise<Quoted> {
    return this.#atOnce(call) ?? this.#inTime(call);
  }

  /** Null where somebody has to be waited for: waiting for each call took the daemon as long again as all else of it. */
  #atOnce(call: EvaluationRequest): Quoted | null {
    const asked: Quoter["keeper"][] = [];
    let fact: PriceFact | null = null;
    for (const { name, keeper } of this.#providers.quoters()) {
      const usd = keeper.now((provider) => provider.knownQuote?.(call));
      const micro = usd === null || usd === undefined ? null : microOf(usd);
      if (usd === undefined || (usd !== null && micro === null)) return null;
      asked.push(keeper);
      if (micro !== null) return { micro, fact: { provider: name }, why: null, asked };
      fact ??= { provider: name, known: false };
    }
    return { micro: null, fact: fact ?? { known: false }, why: null, asked };
  }

  async #inTime(call: EvaluationRequest): Promise<Quoted> {
    const endUs = this.#clock.now().monoUs + quoteTimeoutMs * 1000;
    const asked: Quoter["keeper"][] = [];
    let fact: PriceFact | null = null;
    for (const quoter of this.#providers.quoters()) {
      const { name, keeper, isLenient } = quoter;
      if (!(await this.#hasPrices(quoter, endUs))) continue;
      asked.push(keeper);
      if (keeper.status === "stub") {
        fact ??= { provider: name, stub: true };
        continue;
      }
      try {
        const micro = await this.#quote(quoter, call, endUs);
        if (micro !== null) return { micro, fact: { provider: name }, why: null, asked };
        fact ??= { provider: name, known: false };
      } catch (error) {
        const why = failureOf(error).message;
        fact = { provider: name, unavailable: why };
        if (!isLenient) return { micro: null, fact, why: `the provider \`${name}\`: ${why}`, asked };
      }
    }
    return { micro: null, fact: fact ?? { known: false }, why: null, asked };
  }

  /** Whether what was asked still is what the policy in force would ask. */
  isCurrent({ asked, micro, why }: Quoted): boolean {
    const wanted = this.#providers.quoters();
    const isSame = asked.every((keeper, at) => wanted[at]?.keeper === keeper);
    return isSame && (micro !== null || why !== null || asked.length === wanted.length);
  }

  /** What a process of one's own can do is known once it has started; one that has never started may have prices. */
  async #hasPrices({ keeper }: Quoter, endUs: number): Promise<boolean> {
    if (keeper.status === "starting") await within(this.#leftMs(endUs), () => keeper.settled()).catch(() => {});
    return keeper.mayHave("quote");
  }

  /** Whole micro-dollars. Rejects with ProviderFailure or TooLate. */
  async #quote({ keeper }: Quoter, call: EvaluationRequest, endUs: number): Promise<number | null> {
    const turns = this.#turnsOf(keeper);
    if (!(await turns.take(this.#leftMs(endUs))))
      throw new ProviderFailure("BUSY", "too many prices are being asked for");
    try {
      const usd = await keeper.ask(this.#leftMs(endUs), async (provider) => {
        if (provider.quote === undefined) throw new ProviderFailure("REFUSED", "it has no prices");
        return provider.quote(call);
      });
      const micro = usd === null ? null : microOf(usd);
      if (usd !== null && micro === null) throw new ProviderFailure("BAD_ANSWER", "its answer is no price");
      return micro;
    } finally {
      turns.give();
    }
  }

  #leftMs(endUs: number): number {
    return Math.max(1, Math.ceil((endUs - this.#clock.now().monoUs) / 1000));
  }

  #turnsOf(keeper: Quoter["keeper"]): Turns {
    const known = this.#turns.get(keeper);
    if (known !== undefined) return known;
    const turns = new Turns(questionsAtOnce, waitingMax);
    this.#turns.set(keeper, turns);
    return turns;
  }
}
