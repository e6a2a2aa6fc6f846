// Who vouches for agents under the policy in force: its `identity` blocks. A call's token is verified before the turn in which the call is
// judged; what cannot be verified is refused, never taken as it is claimed.
import { createHash } from "node:crypto";
import type { HostBlock } from "../../compiler/lower/blocks.ts";
import type { Clock } from "../clock.ts";
import type { Environment } from "../fixed-settings.ts";
import type { Identity } from "../identity.ts";
import { canonicalJson, type Json } from "../json.ts";
import type { ActivePolicy } from "../policy.ts";
import { ProviderFailure } from "../providers/provider.ts";
import { settingsOf } from "../providers/settings.ts";
import type { Oidc, Verified } from "./oidc.ts";

/** Verified tokens that are remembered, and for how long. */
const knownMax = 10_000;
const knownUs = 60_000_000;
const tokenLimitBytes = 16 * 1024;
export const identitiesMax = 8;

interface Verifier {
  readonly name: string;
  readonly type: string;
  readonly oidc: Oidc;
}

interface Known {
  readonly found: Found;
  readonly untilUs: number;
}

interface Found extends Verified {
  readonly by: string;
}

export interface IdentitiesAround {
  readonly clock: Clock;
  readonly env: Environment;
  readonly dir: string;
}

export class Identities {
  readonly #around: IdentitiesAround;
  #key = "[]";
  #verifiers: readonly Verifier[] = [];
  #rehearsed: { readonly key: string; readonly verifiers: readonly Verifier[] } | null = null;
  /** By the token's hash. */
  readonly #known = new Map<string, Known>();
  #faults: readonly string[] = [];
  #isDeclared = false;
  #ready: Promise<void> = Promise.resolve();

  constructor(around: IdentitiesAround) {
    this.#around = around;
  }

  get isDeclared(): boolean {
    return this.#isDeclared;
  }

  /** Sentences for `status`. */
  notices(): readonly string[] {
    const away = this.#verifiers.flatMap(({ name, oidc }) => (oidc.why === null ? [] : [sentence(name, oidc.why)]));
    return [...this.#faults, ...away];
  }

  /** Makes those of a policy that is about to be in force. Gives a sentence for each that cannot verify. */
  async rehearse(blocks: readonly HostBlock[], allowPrivate: boolean): Promise<readonly string[]> {
    const made = await this.#make(blocks, allowPrivate);
    const away = made.verifiers.flatMap(({ name, oidc }) => (oidc.why === null ? [] : [sentence(name, oidc.why)]));
    const problems = [...made.faults, ...away];
    if (problems.length === 0) this.#rehearsed = { key: keyOf(blocks, allowPrivate), verifiers: made.verifiers };
    return problems;
  }

  /** Call when another policy is in force. */
  takePolicy(active: ActivePolicy | null): void {
    const blocks = active?.declarations.blocks ?? [];
    const allowPrivate = active?.policy.runtime().allow_private === true;
    this.#isDeclared = blocks.some(isIdentity);
    const key = keyOf(blocks, allowPrivate);
    if (key === this.#key) return;
    this.#key = key;
    this.#known.clear();
    this.#faults = [];
    this.#verifiers = [];
    if (this.#rehearsed?.key === key) {
      this.#verifiers = this.#rehearsed.verifiers;
      this.#rehearsed = null;
      return;
    }
    this.#ready = this.#make(blocks, allowPrivate).then(({ verifiers, faults }) => {
      if (this.#key !== key) return;
      this.#verifiers = verifiers;
      this.#faults = faults;
    });
  }

  /** The caller of a call, with what its token says; a promise where the token is still to be verified. */
  of(token: Json | undefined, identity: Identity): Identity | Promise<Identity> {
    if (!this.#isDeclared || token === undefined || token === null) return identity;
    if (typeof token !== "string" || token.length > tokenLimitBytes)
      return unverified(identity, "the token cannot be read");
    const known = this.find(token);
    return known === null ? this.verify(token).then((found) => joined(identity, found)) : joined(identity, known);
  }

  /** A token that was verified a short while ago. */
  find(token: string): Found | null {
    const known = this.#known.get(hashOf(token));
    return known !== undefined && known.untilUs > this.#around.clock.now().wallUs ? known.found : null;
  }

  /** Or why it is not believed. Never rejects. */
  async verify(token: string): Promise<Found | string> {
    await this.#ready;
    let why = "no provider of identities is there";
    for (const { name, type, oidc } of this.#verifiers) {
      const key = this.#key;
      const verified = await oidc.verify(token);
      if (typeof verified === "string") {
        why = this.#verifiers.length === 1 ? verified : "no issuer vouches for the token";
        continue;
      }
      const found = { ...verified, by: `${type}:${name}` };
      if (key === this.#key) this.#remember(token, found);
      return found;
    }
    return why;
  }

  #remember(token: string, found: Found): void {
    const { wallUs } = this.#around.clock.now();
    if (this.#known.size >= knownMax) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(hashOf(token), { found, untilUs: Math.min(found.expires * 1_000_000, wallUs + knownUs) });
  }

  async #make(
    blocks: readonly HostBlock[],
    allowPrivate: boolean,
  ): Promise<{ readonly verifiers: readonly Verifier[]; readonly faults: readonly string[] }> {
    const own = blocks.filter(isIdentity);
    if (own.length > identitiesMax)
      return { verifiers: [], faults: [`a policy has at most ${identitiesMax} identities`] };
    const verifiers: Verifier[] = [];
    const faults: string[] = [];
    for (const block of own) {
      const made = await this.#makeOne(block, allowPrivate);
      if (typeof made === "string") faults.push(sentence(block.name ?? "", made));
      else verifiers.push(made);
    }
    return { verifiers, faults };
  }

  async #makeOne(block: HostBlock, allowPrivate: boolean): Promise<Verifier | string> {
    const type = String(block.fields.type);
    if (type !== "oidc" && type !== "k8s-projected")
      return `there is no kind \`${type}\` here, only oidc and k8s-projected`;
    const { Oidc, oidcSettings, serviceAccountSettings } = await import("./oidc.ts");
    const { clock, env, dir } = this.#around;
    const place = { dir, allowPrivate, now: () => clock.now() };
    try {
      const oidc =
        type === "oidc"
          ? new Oidc(settingsOf(block, oidcSettings, env), place, { agentClaim: ["sub"] })
          : new Oidc(settingsOf(block, serviceAccountSettings, env), place, {
              issuer: "https://kubernetes.default.svc.cluster.local",
              agentClaim: ["kubernetes.io", "serviceaccount", "name"],
            });
      await oidc.start();
      return { name: block.name ?? "", type, oidc };
    } catch (error) {
      if (error instanceof ProviderFailure || error instanceof TypeError) return error.message;
      throw error;
    }
  }
}

function joined(identity: Identity, found: Found | string): Identity {
  if (typeof found === "string") return unverified(identity, found);
  // Whoever came with an agent's token of ours is that agent; the other token then says for whom it acts.
  const own = identity.agentId === null ? { agentId: found.agentId, recorded: found.by } : {};
  return { ...identity, ...own, principal: found.claims };
}

function sentence(name: string, why: string): string {
  return `the identity \`${name}\` cannot be verified: ${why}`;
}

function unverified(identity: Identity, why: string): Identity {
  return { ...identity, unverified: why };
}

function isIdentity({ keyword }: HostBlock): boolean {
  return keyword === "identity";
}

function keyOf(blocks: readonly HostBlock[], allowPrivate: boolean): string {
  const own = blocks.filter(isIdentity);
  return own.length === 0
    ? "[]"
    : canonicalJson([allowPrivate, own.map(({ name, fields }) => [name, fields as unknown as Json])]);
}

function hashOf(token: string): string {
  return createHash("sha256").update(token).digest("base64");
}
