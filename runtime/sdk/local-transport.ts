// Decides in this process by the evaluator: no daemon, no socket, no log, and nobody to ask. What a policy leaves to the
// daemon (verified identities, secrets) it must never pass over: such a policy is refused as a whole.
import type { EdgePolicy, Policy, Verdict } from "../evaluator/types.ts";
import { type GovernRequest, type PollRequest, type Transport, TransportFailure } from "./transport.ts";

/** A policy that is open already, by `loadPolicy` or as the `policy` of a module that `faramesh build` made. */
export type LocalPolicy = Pick<EdgePolicy, "decideJson"> & Partial<Pick<Policy, "blocks">>;

export interface LocalTransportOptions {
  /** As for `loadPolicy`: "volatile" counts limits and budgets in this process alone. Only where an image is given. */
  readonly state?: "volatile";
  /** Milliseconds since 1970; default Date.now. */
  readonly now?: () => number;
  /** Whether rules may see `principal`: only where this process verified it. Default false. */
  readonly trustPrincipal?: boolean;
}

/** Blocks that deny by the daemon's hand, not the machine's. */
const daemonBlocks: ReadonlySet<string> = new Set(["identity", "credential"]);
const encoder = new TextEncoder();

export class LocalTransport implements Transport {
  readonly #options: LocalTransportOptions;
  readonly #source: Uint8Array | WebAssembly.Module | LocalPolicy;
  #opened: Promise<LocalPolicy> | undefined;

  /** Takes an image of `compile`, a module of `faramesh build --target wasm`, or an open policy. Throws TypeError. */
  constructor(policy: Uint8Array | WebAssembly.Module | LocalPolicy, options: LocalTransportOptions = {}) {
    if (isOpen(policy)) {
      const block = daemonBlockOf(policy);
      if (block !== null) throw new TypeError(needsDaemon(block));
      if (options.state !== undefined) throw new TypeError("`state` was chosen when the policy was opened");
    }
    // A copy: what is opened is what was handed over.
    this.#source = policy instanceof Uint8Array ? policy.slice() : policy;
    this.#options = options;
  }

  async govern(request: GovernRequest, signal: AbortSignal): Promise<unknown> {
    const policy = await this.#open();
    if (signal.aborted) throw new TransportFailure("ABORTED", "the wait has ended");
    const { now = Date.now, trustPrincipal = false } = this.#options;
    const verdict = policy.decideJson(encoder.encode(JSON.stringify(request)), { now: now(), trustPrincipal });
    return answerOf(request, verdict);
  }

  /** There is nobody here who could approve. */
  async pollDefer(request: PollRequest): Promise<unknown> {
    return { defer_token: request.defer_token, status: "unknown" };
  }

  #open(): Promise<LocalPolicy> {
    this.#opened ??= open(this.#source, this.#options);
    return this.#opened;
  }
}

function isOpen(policy: Uint8Array | WebAssembly.Module | LocalPolicy): policy is LocalPolicy {
  return "decideJson" in policy;
}

async function open(source: Uint8Array | WebAssembly.Module | LocalPolicy, options: LocalTransportOptions) {
  if (isOpen(source)) return source;
  let policy: Policy;
  try {
    // Only here, so that who asks a daemon does not load a machine.
    const { loadPolicy } = await import("../evaluator/index.ts");
    policy = await loadPolicy(source, options.state === undefined ? {} : { state: options.state });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    throw new TransportFailure("POLICY_UNUSABLE", `the policy cannot be opened: ${detail}`, error);
  }
  const block = daemonBlockOf(policy);
  if (block !== null) throw new TransportFailure("POLICY_UNUSABLE", needsDaemon(block));
  return policy;
}

function daemonBlockOf(policy: LocalPolicy): string | null {
  return policy.blocks?.().find(({ keyword }) => daemonBlocks.has(keyword))?.keyword ?? null;
}

function needsDaemon(block: string): string {
  return `the policy has a block \`${block}\`, which only the daemon enforces`;
}

function answerOf(request: GovernRequest, verdict: Verdict): Record<string, unknown> {
  const { effect, code, reason, rule_ref } = verdict;
  const resolution = resolutionOf(verdict);
  return {
    call_id: request.call_id,
    effect,
    reason,
    reason_code: code,
    rule_ref,
    ...(resolution === null ? {} : { structured_denial: { code, human_message: reason, resolution } }),
  };
}

function resolutionOf({ code, budget, retry_after_seconds }: Verdict): Record<string, unknown> | null {
  if (code === "RATE_EXCEEDED" && retry_after_seconds !== undefined)
    return { type: "retry_after", retry_after_seconds };
  if ((code === "BUDGET_EXCEEDED" || code === "AMBIENT_EXCEEDED") && budget !== undefined) {
    const resets = budget.resets_at === null ? null : new Date(budget.resets_at).toISOString();
    return { type: "budget_reset", budget_id: budget.id, resets_at: resets };
  }
  return null;
}
