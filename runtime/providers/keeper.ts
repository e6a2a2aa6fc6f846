// One provider under supervision: started, probed now and then, started again with patience when it fails. Every question has an end.
// It must never let a question of a call wait for a provider that is down.
import { TooLate, within } from "../outgoing/checked.ts";
import { type Ability, type Provider, ProviderFailure } from "./provider.ts";

export interface KeeperTimes {
  readonly initMs: number;
  readonly probeMs: number;
  /** Between two probes. */
  readonly intervalMs: number;
  /** The first pause after a failure; doubled up to the longest. */
  readonly pauseMs: number;
  readonly longestPauseMs: number;
  /** So long without a failure, and the pauses begin anew. */
  readonly settledMs: number;
}

export const keeperTimes: KeeperTimes = {
  initMs: 5000,
  probeMs: 2000,
  intervalMs: 5000,
  pauseMs: 250,
  longestPauseMs: 30_000,
  settledMs: 60_000,
};

/** `stub`: in dev mode, in the place of one that is not there. */
export type ProviderStatus = "starting" | "ready" | "down" | "stub";

export interface KeeperEvents {
  /** Makes a new instance; `onGone` is called when it ends by itself. Throws ProviderFailure. */
  readonly make: (onGone: () => void) => Provider;
  readonly onChange: (status: ProviderStatus, why: string | null) => void;
  /** In dev mode one that does not start is stubbed. */
  readonly dev: boolean;
}

export class Keeper {
  readonly #events: KeeperEvents;
  readonly #times: KeeperTimes;
  #provider: Provider | null = null;
  #status: ProviderStatus = "starting";
  #why: string | null = null;
  #lastAbilities: readonly Ability[] | null = null;
  #failures = 0;
  #restarts = 0;
  #readyProbes = 0;
  #timer: NodeJS.Timeout | null = null;
  #turn: Promise<void> = Promise.resolve();
  #isStopped = false;
  /** However many questions fail at once, one look is under way. */
  #isLooking = false;

  constructor(events: KeeperEvents, times: KeeperTimes = keeperTimes) {
    this.#events = events;
    this.#times = times;
  }

  get status(): ProviderStatus {
    return this.#status;
  }

  get why(): string | null {
    return this.#why;
  }

  /** Starts after the first. */
  get restarts(): number {
    return this.#restarts;
  }

  /** Resolves when the work under way is over, as the first start. */
  settled(): Promise<void> {
    return this.#turn;
  }

  /** It can, or could when it was last there; true of one that never was. */
  mayHave(ability: Ability): boolean {
    return this.#lastAbilities?.includes(ability) ?? true;
  }

  can(ability: Ability): boolean {
    return this.#status === "ready" && this.#provider?.abilities.includes(ability) === true;
  }

  /** Resolves when the first try is over, whatever came of it. */
  start(): Promise<void> {
    return this.#inTurn(() => this.#try());
  }

  /** What can be said at once; undefined while it is down. `question` must not throw. */
  now<Answer>(question: (provider: Provider) => Answer | undefined): Answer | undefined {
    return this.#status === "ready" && this.#provider !== null ? question(this.#provider) : undefined;
  }

  /** Rejects with ProviderFailure, within `timeoutMs`. */
  async ask<Answer>(timeoutMs: number, question: (provider: Provider) => Promise<Answer>): Promise<Answer> {
    const provider = this.#provider;
    if (this.#status !== "ready" || provider === null) throw new ProviderFailure("GONE", "it is down");
    try {
      return await within(timeoutMs, () => question(provider));
    } catch (error) {
      const failure = failureOf(error);
      // Whether it is down is for the probe to say, and soon.
      if (!(failure.code === "NOT_FOUND" || failure.code === "BUSY")) this.#plan(0);
      throw failure;
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#inTurn(() => this.#drop(true));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work);
    return this.#turn;
  }

  async #try(): Promise<void> {
    if (this.#isStopped || this.#provider !== null) return;
    try {
      const provider = this.#events.make(() => this.#onGone(provider));
      this.#provider = provider;
      await within(this.#times.initMs, async () => {
        await provider.init();
        await provider.probe();
      });
    } catch (error) {
      await this.#drop(false);
      return this.#fail(failureOf(error));
    }
    if (this.#isStopped) return;
    this.#readyProbes = 0;
    this.#lastAbilities = this.#provider?.abilities ?? null;
    this.#enter("ready", null);
    this.#plan(this.#times.intervalMs);
  }

  async #probe(): Promise<void> {
    const provider = this.#provider;
    if (this.#isStopped || provider === null) return;
    try {
      await within(this.#times.probeMs, () => provider.probe());
      this.#readyProbes += 1;
      if (this.#readyProbes * this.#times.intervalMs >= this.#times.settledMs) this.#failures = 0;
      this.#plan(this.#times.intervalMs);
    } catch (error) {
      await this.#drop(false);
      this.#fail(failureOf(error));
    }
  }

  #onGone(provider: Provider): void {
    if (this.#isStopped || this.#provider !== provider || this.#status !== "ready") return;
    this.#enter("down", "its process has ended");
    this.#plan(0);
  }

  #fail(failure: ProviderFailure): void {
    if (this.#isStopped) return;
    this.#enter(this.#events.dev ? "stub" : "down", failure.message);
    // What is wrong with its settings stays wrong until the policy changes, or the daemon's environment.
    if (this.#events.dev || failure.code === "SETTINGS") return;
    this.#failures += 1;
    const pauseMs = this.#times.pauseMs * 2 ** Math.min(this.#failures - 1, 20);
    this.#plan(Math.min(pauseMs, this.#times.longestPauseMs));
  }

  #plan(delayMs: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(() => {
      if (this.#isLooking) return;
      this.#isLooking = true;
      void this.#inTurn(() => this.#look()).finally(() => {
        this.#isLooking = false;
      });
    }, delayMs);
    this.#timer.unref();
  }

  #look(): Promise<void> {
    if (this.#provider !== null) return this.#probe();
    this.#restarts += 1;
    return this.#try();
  }

  async #drop(isEnd: boolean): Promise<void> {
    const provider = this.#provider;
    this.#provider = null;
    await provider?.shutdown(isEnd).catch(() => {});
  }

  #enter(status: ProviderStatus, why: string | null): void {
    if (this.#status === status && this.#why === why) return;
    this.#status = status;
    this.#why = why;
    this.#events.onChange(status, why);
  }
}

/** Of what is no ProviderFailure nothing is told: it may hold what was asked for. */
export function failureOf(error: unknown): ProviderFailure {
  if (error instanceof ProviderFailure) return error;
  if (error instanceof TooLate) return new ProviderFailure("LATE", error.message);
  return new ProviderFailure("UNREACHABLE", "it failed");
}
