// All providers that the policy in force declares, each under its keeper. What a new policy declares alike goes on running. Changes of
// a provider's state are put on record; it must never record, log or show a value of a setting or of a secret.
import type { Logger } from "pino";
import type { HostBlock } from "../../compiler/lower/blocks.ts";
import type { ProviderView } from "../doors/views.ts";
import type { Environment } from "../fixed-settings.ts";
import { canonicalJson, type Json } from "../json.ts";
import { type Ledger, noPolicy, type PolicyStamp } from "../ledger.ts";
import type { ActivePolicy } from "../policy.ts";
import { Keeper, type KeeperTimes, keeperTimes, type ProviderStatus } from "./keeper.ts";
import { emitsOf, makeProvider, noticeOf, quotesOf, servedElsewhere, typeOf } from "./kinds.ts";
import { Leases } from "./leases.ts";
import type { Ability } from "./provider.ts";

/** Providers of one policy. */
export const providersMax = 64;

export interface ProvidersAround {
  readonly ledger: Ledger;
  readonly journal: Logger;
  readonly env: Environment;
  readonly dir: string;
  readonly dev: boolean;
  readonly times?: KeeperTimes;
}

interface Kept {
  readonly block: HostBlock;
  readonly keeper: Keeper;
}

/** A provider that has prices. */
export interface Quoter {
  readonly name: string;
  readonly keeper: Keeper;
  /** `on_unavailable = "permit"`: a price that cannot be had stands in nobody's way. */
  readonly isLenient: boolean;
}

type Wanted = { readonly blocks: readonly HostBlock[]; readonly allowPrivate: boolean };

export class Providers {
  readonly #around: ProvidersAround;
  /** By declaration: the same words mean the same provider, whichever policy says them. */
  #kept = new Map<string, Kept>();
  /** Started for a policy that is not in force yet. */
  #rehearsed = new Map<string, Kept>();
  #quoters: readonly Quoter[] = [];
  #stamp: PolicyStamp = noPolicy;

  constructor(around: ProvidersAround) {
    this.#around = around;
  }

  /** Starts those of a policy that is about to be in force. Gives a sentence for each that does not start; none where all do. */
  async rehearse(wanted: Wanted): Promise<readonly string[]> {
    const own = wanted.blocks.filter(isSupervised);
    if (own.length > providersMax) return [`a policy has at most ${providersMax} providers`];
    await this.#forget(this.#rehearsed);
    for (const block of own) {
      const key = keyOf(block, wanted.allowPrivate);
      if (!this.#kept.has(key)) this.#rehearsed.set(key, this.#make(block, wanted.allowPrivate));
    }
    const rehearsed = [...this.#rehearsed.values()];
    await Promise.all(rehearsed.map(({ keeper }) => keeper.start()));
    const problems = rehearsed.flatMap(({ block, keeper }) =>
      keeper.status === "down" ? [`the provider \`${block.name}\` does not start: ${keeper.why}`] : [],
    );
    if (problems.length > 0) await this.#forget(this.#rehearsed);
    return problems;
  }

  /** Call when another policy is in force. */
  takePolicy(active: ActivePolicy | null): void {
    const allowPrivate = active?.policy.runtime().allow_private === true;
    const blocks = (active?.declarations.blocks ?? []).filter(({ keyword }) => keyword === "provider");
    this.#stamp = active === null ? noPolicy : { version: active.version, policyHash: active.activation.policyHash };
    const before = this.#kept;
    this.#kept = new Map();
    for (const block of blocks.filter(isSupervised).slice(0, providersMax)) {
      const key = keyOf(block, allowPrivate);
      const known = before.get(key) ?? this.#rehearsed.get(key);
      const kept = known ?? this.#make(block, allowPrivate);
      if (known === undefined) void kept.keeper.start();
      before.delete(key);
      if (this.#rehearsed.delete(key)) this.#record(block, kept.keeper.status, kept.keeper.why);
      this.#kept.set(key, kept);
    }
    this.#quoters = [...this.#kept.values()].filter(({ block }) => quotesOf(block) !== "never").map(quoterOf);
    void this.#forget(before);
    void this.#forget(this.#rehearsed);
  }

  /** Those that take records of the log. `isNew`: what was recorded before it is not for it. */
  sinks(): readonly { readonly name: string; readonly keeper: Keeper; readonly isNew: boolean }[] {
    return [...this.#kept.values()].flatMap(({ block, keeper }) => {
      const emits = emitsOf(block);
      const isSink = emits === "always" || (emits === "perhaps" && keeper.can("emit"));
      return isSink ? [{ name: block.name ?? "", keeper, isNew: block.fields.from === "now" }] : [];
    });
  }

  views(): ProviderView[] {
    return [...this.#kept.values()].map(({ block, keeper }) => {
      const { status, why, restarts } = keeper;
      return { name: block.name ?? "", type: typeOf(block), status, why, restarts };
    });
  }

  /** Sentences for `status`. */
  notices(): string[] {
    return [...this.#kept.values()].flatMap(({ block, keeper }) => {
      const notice = noticeOf(block);
      const always = notice === null ? [] : [`provider ${block.name}: ${notice}`];
      if (keeper.status === "ready" || keeper.status === "starting") return always;
      const state = keeper.status === "stub" ? "a stub stands for it" : "down";
      return [...always, `provider ${block.name}: ${state}: ${keeper.why}`];
    });
  }

  /** The provider of that name, or else the only one of that type; without a word the only one that can do it. */
  find(word: string | null, ability: Ability): { readonly name: string; readonly keeper: Keeper } | null {
    const all = [...this.#kept.values()];
    const named = all.find(({ block }) => block.name === word);
    const fitting =
      word === null
        ? all.filter(({ keeper }) => keeper.can(ability))
        : all.filter(({ block }) => typeOf(block) === word);
    const found = named ?? (fitting.length === 1 ? fitting[0] : undefined);
    return found === undefined ? null : { name: found.block.name ?? "", keeper: found.keeper };
  }

  /** In the policy's order. What a process of one's own can do is known once it has started. */
  quoters(): readonly Quoter[] {
    const isOut = ({ keeper }: Quoter): boolean => !keeper.mayHave("quote");
    return this.#quoters.some(isOut) ? this.#quoters.filter((quoter) => !isOut(quoter)) : this.#quoters;
  }

  async close(): Promise<void> {
    await Promise.all([this.#forget(this.#kept), this.#forget(this.#rehearsed)]);
  }

  #make(block: HostBlock, allowPrivate: boolean): Kept {
    const { ledger, env, dir, dev, times } = this.#around;
    const nowUs = (): number => ledger.clock.now().monoUs;
    const wallUs = (): number => ledger.clock.now().wallUs;
    const leases = new Leases();
    const keeper = new Keeper(
      {
        make: (onGone) => makeProvider(block, { env, dir, allowPrivate, nowUs, wallUs, leases, onGone }),
        onChange: (status, why) => this.#onChange(block, keeper, status, why),
        dev,
      },
      times ?? keeperTimes,
    );
    return { block, keeper };
  }

  #onChange(block: HostBlock, keeper: Keeper, status: ProviderStatus, why: string | null): void {
    // One that is only tried belongs to no policy yet.
    const isInForce = [...this.#kept.values()].some((kept) => kept.keeper === keeper);
    if (isInForce) this.#record(block, status, why);
  }

  #record(block: HostBlock, status: ProviderStatus, why: string | null): void {
    const { ledger, journal } = this.#around;
    const detail = { name: block.name ?? "", type: typeOf(block), status, why };
    journal.info(detail, "provider");
    if (!ledger.isUsable) return;
    try {
      ledger.append("mark", this.#stamp, { kind: "provider", detail }, ledger.clock.now());
    } catch (error) {
      journal.warn({ err: error }, "the state of a provider could not be recorded");
    }
  }

  async #forget(kept: Map<string, Kept>): Promise<void> {
    const keepers = [...kept.values()].map(({ keeper }) => keeper);
    kept.clear();
    await Promise.all(keepers.map((keeper) => keeper.stop()));
  }
}

function quoterOf({ block, keeper }: Kept): Quoter {
  return { name: block.name ?? "", keeper, isLenient: block.fields.on_unavailable === "permit" };
}

function isSupervised(block: HostBlock): boolean {
  return block.keyword === "provider" && !servedElsewhere.has(typeOf(block));
}

function keyOf({ name, fields }: HostBlock, allowPrivate: boolean): string {
  return canonicalJson([name, { ...fields } as unknown as Json, allowPrivate]);
}
