// Secrets for single calls: asked for only when a call is permitted and its record is durable, handed out with that one answer, and kept
// nowhere. It must never let a value into a record, the journal, an error or a status.
import { formatTime } from "../clock.ts";
import type { Credential } from "../declarations.ts";
import type { DeliveredCredential } from "../doors/agent-protocol.ts";
import type { Ledger } from "../ledger.ts";
import { failureOf } from "./keeper.ts";
import { ProviderFailure, type Secret } from "./provider.ts";
import type { Providers } from "./providers.ts";

/** From the question to the answer. */
export const secretTimeoutMs = 3000;
/** All values and names of one secret together. */
export const secretLimitBytes = 32 * 1024;
/** Secrets that are being asked for at once. */
export const secretsAtOnceMax = 256;

/** A call that is to have a secret. */
export interface SecretOrder {
  readonly credential: Credential;
  /** As recorded. */
  readonly ref: string;
  readonly actionId: string;
  readonly agentId: string;
  readonly toolId: string;
}

/** `why` names no value. */
export type Minted =
  | { readonly ok: true; readonly credential: DeliveredCredential }
  | { readonly ok: false; readonly why: string; readonly provider: string | null };

const stubPrefix = "dev-stub:";

export class Broker {
  readonly #providers: Providers;
  readonly #clock: Ledger["clock"];
  readonly #dev: boolean;
  /** By action: the same call sent again waits for the same secret. */
  readonly #underWay = new Map<string, Promise<Minted>>();

  constructor(providers: Providers, clock: Ledger["clock"], dev: boolean) {
    this.#providers = providers;
    this.#clock = clock;
    this.#dev = dev;
  }

  /** What stands for the secret in the record; null where nobody could give it now. */
  refOf(credential: Credential): string | null {
    const found = this.#providers.find(credential.backend, "getSecret");
    if (found?.keeper.can("getSecret") === true) return `${found.name}:${credential.id}`;
    return this.#dev ? `${stubPrefix}${credential.id}` : null;
  }

  /** Why there is nobody who could give it. */
  whyNot(credential: Credential): string {
    const found = this.#providers.find(credential.backend, "getSecret");
    if (found === null) {
      const whom = credential.backend === null ? "it names no backend" : `no provider \`${credential.backend}\``;
      return `${whom} is declared that gives secrets`;
    }
    return `the provider \`${found.name}\` ${found.keeper.status === "ready" ? "gives no secrets" : "is down"}`;
  }

  /** Never rejects. */
  mint(order: SecretOrder): Promise<Minted> {
    const underWay = this.#underWay.get(order.actionId);
    if (underWay !== undefined) return underWay;
    if (this.#underWay.size >= secretsAtOnceMax)
      return Promise.resolve({ ok: false, why: "too many secrets are being asked for", provider: null });
    const minted = this.#ask(order).finally(() => this.#underWay.delete(order.actionId));
    this.#underWay.set(order.actionId, minted);
    return minted;
  }

  async #ask({ credential, ref, agentId, toolId }: SecretOrder): Promise<Minted> {
    const { id, backend, path, ttlSeconds } = credential;
    if (ref.startsWith(stubPrefix))
      return { ok: true, credential: { id, ref, values: {}, expires_at: null, stub: true } };
    const found = this.#providers.find(backend, "getSecret");
    const provider = found?.name ?? null;
    if (found === null) return { ok: false, why: this.whyNot(credential), provider };
    try {
      const request = { path: path ?? id, agentId, toolId, ttlSeconds };
      const secret = await found.keeper.ask(secretTimeoutMs, async (one) => {
        if (one.getSecret === undefined) throw new ProviderFailure("REFUSED", "it gives no secrets");
        return one.getSecret(request);
      });
      if (sizeOf(secret) > secretLimitBytes)
        return { ok: false, why: `the provider \`${provider}\`: the secret is too long`, provider };
      const seconds = Math.min(ttlSeconds ?? Number.POSITIVE_INFINITY, secret.leaseSeconds ?? Number.POSITIVE_INFINITY);
      const endUs = this.#clock.now().wallUs + seconds * 1_000_000;
      const expires_at = Number.isFinite(endUs) ? formatTime(Math.floor(endUs)) : null;
      return { ok: true, credential: { id, ref, values: secret.values, expires_at } };
    } catch (error) {
      return { ok: false, why: `the provider \`${provider}\`: ${failureOf(error).message}`, provider };
    }
  }
}

function sizeOf({ values }: Secret): number {
  return Object.entries(values).reduce(
    (sum, [name, text]) => sum + Buffer.byteLength(name) + Buffer.byteLength(text),
    0,
  );
}
