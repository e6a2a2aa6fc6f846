// What a provider can be asked: the one interface that every kind has, in this process or as a child. Names alone. Values of secrets
// pass through `Secret` and nothing else here, and must never stand in a failure.
import type { EvaluationRequest } from "../evaluator/types.ts";

/** Asked for one call of one agent, after it was permitted and recorded. */
export interface SecretRequest {
  /** Where the secret is found, as the policy's `credential { path }` says. */
  readonly path: string;
  readonly agentId: string;
  readonly toolId: string;
  readonly ttlSeconds: number | null;
}

export interface Secret {
  /** By name. At least one. */
  readonly values: Readonly<Record<string, string>>;
  /** How long it is good for; null where the provider does not say. */
  readonly leaseSeconds: number | null;
}

/** A call that is about to be judged. */
export type QuoteRequest = EvaluationRequest;

/** A record of the log on its way out: its line as it was written. */
export type Emitted = string;

export const abilities = ["getSecret", "attest", "sign", "emit", "quote"] as const;
export type Ability = (typeof abilities)[number];

export interface Provider {
  /** What it can do is known when this has resolved. Rejects with ProviderFailure. */
  init(): Promise<void>;
  /** Resolves while it could be asked. */
  probe(): Promise<void>;
  /**
   * Never rejects; nothing of it runs afterwards. `isEnd`: it is wanted no more, and what it handed out is taken back where that can be
   * done. Else it has failed, and another instance follows.
   */
  shutdown(isEnd: boolean): Promise<void>;
  readonly abilities: readonly Ability[];
  getSecret?(request: SecretRequest): Promise<Secret>;
  /** The agent id that evidence proves. */
  attest?(evidence: string): Promise<string>;
  sign?(bytes: Uint8Array): Promise<Uint8Array>;
  /** Takes all of them, or rejects. */
  emit?(batch: readonly Emitted[]): Promise<void>;
  /** Dollars for one call; null where it has no price. */
  quote?(request: QuoteRequest): Promise<number | null>;
  /** What `quote` would say, where nothing has to be waited for; else undefined. Never throws. */
  knownQuote?(request: QuoteRequest): number | null | undefined;
}

export type FailureCode =
  /** What the policy says of it cannot be carried out; trying again is of no use. */
  "SETTINGS" | "UNREACHABLE" | "REFUSED" | "NOT_FOUND" | "BAD_ANSWER" | "LATE" | "GONE" | "BUSY";

/** The message is shown and recorded: it must name neither a value nor an address. */
export class ProviderFailure extends Error {
  readonly code: FailureCode;
  constructor(code: FailureCode, message: string) {
    super(message);
    this.code = code;
  }
}
