// Which policy is in force, which ones were, and how one replaces another. The state is made of `policy` records alone.
// It must never leave a moment without a policy once there was one, nor judge one call under two.

import type { HostBlock } from "../compiler/lower/blocks.ts";
import type { Activation } from "./activation.ts";
import { formatTime } from "./clock.ts";
import { Declarations } from "./declarations.ts";
import type { Disk } from "./disk.ts";
import type { SourceText } from "./doors/protocol.ts";
import { faultOfService } from "./doors/proxy/upstream.ts";
import type { PolicySource, VersionView } from "./doors/views.ts";
import { secondsOf } from "./duration.ts";
import type { Policy, RuntimeValue } from "./evaluator/types.ts";
import { loadImage, sourceHash, storeImage } from "./images.ts";
import { canonicalJson, type Json, type JsonObject } from "./json.ts";
import { type Ledger, noPolicy, type PolicyStamp } from "./ledger.ts";
import { sha256Hex } from "./log/line.ts";
import { adoptHistory, LookBack, looksBackAnew } from "./look-back.ts";
import { ownMachineHash } from "./machines.ts";
import { isProfile, profiles } from "./sandbox/profile.ts";
import { type DecisionStep, stepOfRule } from "./steps.ts";

/** Makes a policy from an image; throws LoadFailure for bytes that are not one. */
export type PolicyLoader = (image: Uint8Array) => Policy | Promise<Policy>;

/** A day: approvals wait that long unless `runtime { approval_ttl }` says otherwise. */
const approvalTtlSeconds = 86_400;

/** Fields of `runtime { }` that the daemon carries out. */
const supportedRuntime: ReadonlySet<string> = new Set([
  "mode",
  "wal_dir",
  "approval_ttl",
  "wal_retention",
  "durability",
  "strict_guards",
  "socket",
  "http_listen",
  "tls_cert_file",
  "tls_key_file",
  "log_level",
  "timezone",
  "signing",
  "allow_private",
  "agent_enforce_profile",
  "supervised_command",
  "http_proxy_port",
  "mcp_proxy_port",
  "http_upstream",
  "http_openapi",
  "strip_env",
  "strip_ambient_credentials",
]);

/** The word for the store that every stack has: to name it changes nothing. Other stores are not there. */
const localBackend = "sqlite";

/** Of the fields that a policy's `runtime { }` sets, those whose feature is not there: apply refuses them by name. */
export function unsupportedRuntime(runtime: { readonly [name: string]: RuntimeValue }): string[] {
  return Object.keys(runtime).filter(
    (field) => !supportedRuntime.has(field) && !(field === "backend" && runtime.backend === localBackend),
  );
}

export interface ActivePolicy {
  readonly policy: Policy;
  /** "v17". */
  readonly version: string;
  readonly activation: Activation;
  readonly source: PolicySource;
  readonly mode: "enforce" | "audit";
  readonly approvalTtlUs: number;
  /** By index: stands for agent and rule text, whatever the rule's place in the file. */
  readonly ruleDigests: readonly string[];
  /** By index: at which step of a decision the rule decides. */
  readonly ruleSteps: readonly DecisionStep[];
  readonly declarations: Declarations;
}

/** The operator's wish cannot be carried out. */
export class PolicyRefusal extends Error {
  readonly code: "BAD_IMAGE" | "UNSUPPORTED" | "NO_EARLIER_VERSION" | "NOT_FOUND" | "NOT_READY";
  constructor(code: PolicyRefusal["code"], message: string) {
    super(message);
    this.code = code;
  }
}

export interface SwapResult {
  readonly active: ActivePolicy;
  readonly changed: boolean;
  readonly phasesStarted: readonly string[];
  /** Null when nothing was written. */
  readonly seq: number | null;
}

export class PolicyHistory {
  /** Every activation in order, rollbacks included. */
  readonly #activations: Activation[] = [];

  /** Of the machine that decides now, as the log says. */
  machineHash: string | null = null;

  add(activation: Activation): void {
    this.#activations.push(activation);
    this.machineHash = activation.machineHash;
  }

  save(): JsonObject {
    const activations = this.#activations.map((activation) => ({ ...activation }));
    return { activations, machine_hash: this.machineHash };
  }

  /** Replaces all by what `save` gave. */
  restore(saved: JsonObject): void {
    this.#activations.length = 0;
    this.#activations.push(...((saved.activations ?? []) as unknown as readonly Activation[]));
    this.machineHash = typeof saved.machine_hash === "string" ? saved.machine_hash : null;
  }

  get all(): readonly Activation[] {
    return this.#activations;
  }

  get highest(): number {
    return this.#activations.reduce((highest, { number }) => Math.max(highest, number), 0);
  }

  /** The first activation under that number carries what the version is. */
  version(number: number): Activation | null {
    return this.#activations.find((activation) => activation.number === number) ?? null;
  }

  /** The highest version ever active below `number`. */
  below(number: number): Activation | null {
    const lower = this.#activations.filter((activation) => activation.number < number);
    return lower.reduce<Activation | null>(
      (best, one) => (best === null || one.number > best.number ? one : best),
      null,
    );
  }
}

export interface Surroundings {
  readonly ledger: Ledger;
  readonly policiesDir: string;
  readonly walDir: string;
  readonly disk: Disk;
  readonly load: PolicyLoader;
  /** Refuses, by throwing PolicyRefusal, what the running process cannot take over without a new start. */
  readonly checkRuntime: (runtime: { readonly [name: string]: RuntimeValue }) => void;
  /** Starts the providers that a policy declares; gives a sentence for each that does not start. */
  readonly startProviders: (blocks: readonly HostBlock[], allowPrivate: boolean) => Promise<readonly string[]>;
}

/** A loaded policy that is about to be in force, and what its new rules look back at. */
interface Candidate {
  readonly policy: Policy;
  readonly sources: readonly SourceText[];
  readonly past: LookBack | null;
}

export class Policies {
  readonly history: PolicyHistory;
  readonly #around: Surroundings;
  #active: ActivePolicy | null = null;
  /** Swaps wait for each other; calls never wait for a swap. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(history: PolicyHistory, around: Surroundings) {
    this.history = history;
    this.#around = around;
  }

  get active(): ActivePolicy | null {
    return this.#active;
  }

  /** For recovery: what the log says is active, with its counters already in place. */
  start(active: ActivePolicy): void {
    this.#active = active;
  }

  apply(image: Uint8Array, sources: readonly SourceText[], actor: string, summary: string): Promise<SwapResult> {
    return this.#inTurn(async () => {
      const policy = await this.#load(image);
      const { policy_hash: policyHash } = policy.info;
      const active = this.#active;
      if (active !== null && active.activation.policyHash === policyHash) {
        return { active, changed: false, phasesStarted: [], seq: null };
      }
      this.#checkRuntime(policy);
      const { startProviders } = this.#around;
      const problems = await startProviders(policy.blocks(), policy.runtime().allow_private === true);
      if (problems.length > 0) throw new PolicyRefusal("UNSUPPORTED", problems.join("; "));
      const imageHash = sha256Hex(image);
      storeImage(this.#around.policiesDir, { imageHash, image, sources });
      const past = await this.#lookBack(policy, image);
      return this.#swap(
        { policy, sources, past },
        {
          number: this.history.highest + 1,
          policyHash,
          imageHash,
          sourceHash: sourceHash(sources),
          actor,
          change: "apply",
          summary,
        },
      );
    });
  }

  /** `to` null: the highest version ever active below the active one. `note` goes before the summary. */
  rollback(to: number | null, actor: string, note = ""): Promise<SwapResult & { readonly from: string }> {
    return this.#inTurn(async () => {
      const active = this.#active;
      if (active === null) throw new PolicyRefusal("NOT_READY", "no policy is active");
      const target = to === null ? this.history.below(active.activation.number) : this.history.version(to);
      if (target === null && to === null) {
        throw new PolicyRefusal("NO_EARLIER_VERSION", `there is no version below ${active.version}`);
      }
      if (target === null) throw new PolicyRefusal("NOT_FOUND", `v${to} was never active`);
      const from = active.version;
      if (target.number === active.activation.number) {
        return { active, changed: false, phasesStarted: [], seq: null, from };
      }
      const stored = loadImage(this.#around.policiesDir, target.imageHash);
      const policy = await this.#load(stored.image);
      this.#checkRuntime(policy);
      const summary = `${note === "" ? "" : `${note}; `}v${target.number} restored`;
      const past = await this.#lookBack(policy, stored.image);
      const candidate = { policy, sources: stored.sources, past };
      const result = this.#swap(candidate, { ...target, actor, change: "rollback", summary });
      return { ...result, from };
    });
  }

  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => {});
    return result;
  }

  async #load(image: Uint8Array): Promise<Policy> {
    try {
      return await this.#around.load(image);
    } catch (error) {
      throw new PolicyRefusal("BAD_IMAGE", error instanceof Error ? error.message : String(error));
    }
  }

  /**
   * Where the next policy looks back at what the one in force does not: reads it from the log. Calls go on meanwhile; what they add is
   * taken in the turn of the swap.
   */
  async #lookBack(next: Policy, image: Uint8Array): Promise<LookBack | null> {
    const { ledger, walDir, disk } = this.#around;
    const active = this.#active;
    if (active === null || !looksBackAnew(next, active.policy)) return null;
    const past = new LookBack(await this.#load(image));
    ledger.collectTail();
    try {
      await ledger.durable(ledger.log.lastSeq);
      await past.read(walDir, disk, ledger.clock.now().wallUs);
    } catch (error) {
      ledger.takeTail();
      throw error;
    }
    return past;
  }

  /** Puts what was found beside the counters that the swap takes over. A crash behind it leaves some that nothing reads. */
  #adopt(active: ActivePolicy, past: LookBack): void {
    const { ledger } = this.#around;
    past.takeTail(ledger.takeTail());
    adoptHistory(ledger, stampOf(active), active.policy, past.entries(ledger.clock.now().wallUs));
  }

  #checkRuntime(policy: Policy): void {
    const runtime = policy.runtime();
    const names = unsupportedRuntime(runtime);
    if (names.length > 0) {
      throw new PolicyRefusal("UNSUPPORTED", names.map((name) => `\`${name}\` is not supported yet`).join("; "));
    }
    if (runtime.wal_retention !== undefined && secondsOf(runtime.wal_retention) === null) {
      throw new PolicyRefusal("UNSUPPORTED", "`wal_retention` is no duration: 90d");
    }
    if (runtime.approval_ttl !== undefined && secondsOf(runtime.approval_ttl) === null) {
      throw new PolicyRefusal("UNSUPPORTED", "`approval_ttl` is no duration: 24h");
    }
    const { agent_enforce_profile: profile } = runtime;
    if (profile !== undefined && !isProfile(profile)) {
      const known = profiles.map((word) => `"${word}"`).join(" or ");
      throw new PolicyRefusal("UNSUPPORTED", `\`agent_enforce_profile\` is ${known}`);
    }
    const fault = faultOfService(runtime);
    if (fault !== null) throw new PolicyRefusal("UNSUPPORTED", fault);
    this.#around.checkRuntime(runtime);
  }

  /**
   * One synchronous turn: counters over, clocks started, record appended, new policy in place. Any failure before the
   * last line leaves the old policy and its counters as they were.
   */
  #swap({ policy, sources, past }: Candidate, next: Omit<Activation, "timeUs" | "machineHash">): SwapResult {
    const { ledger } = this.#around;
    if (this.#active !== null && past !== null) this.#adopt(this.#active, past);
    const reading = ledger.clock.now();
    const nowUs = reading.wallUs;
    if (this.#active !== null) policy.restore(this.#active.policy.snapshot());
    const phasesStarted = policy.activatePhases(nowUs / 1000);
    const activation: Activation = { ...next, timeUs: nowUs, machineHash: ownMachineHash() };
    const stamp = { version: `v${next.number}`, policyHash: next.policyHash };
    const { seq } = ledger.append("policy", stamp, policyBody(activation), reading);
    const active = activePolicy(policy, activation, sources);
    this.history.add(activation);
    this.#active = active;
    return { active, changed: true, phasesStarted, seq };
  }
}

/** The stamp of records that are written under it. */
export function stampOf(active: ActivePolicy | null): PolicyStamp {
  return active === null ? noPolicy : { version: active.version, policyHash: active.activation.policyHash };
}

function policyBody(activation: Activation): JsonObject {
  const version = `v${activation.number}`;
  return {
    version,
    image_hash: activation.imageHash,
    machine_hash: activation.machineHash,
    source_hash: activation.sourceHash,
    actor: activation.actor,
    change: activation.change,
    summary: activation.summary,
    ...(activation.change === "rollback" ? { restores: version } : {}),
  };
}

/** Joins a loaded policy with its activation. */
export function activePolicy(policy: Policy, activation: Activation, sources: readonly SourceText[]): ActivePolicy {
  const { mode, approval_ttl } = policy.runtime();
  const ttlSeconds = secondsOf(approval_ttl) ?? approvalTtlSeconds;
  return {
    policy,
    version: `v${activation.number}`,
    activation,
    source: {
      file: sources[0]?.file ?? null,
      source_hash: activation.sourceHash,
      files: sources.map(({ file, text }) => ({ file, sha256: sha256Hex(text) })),
    },
    mode: mode === "audit" ? "audit" : "enforce",
    approvalTtlUs: Math.round(ttlSeconds * 1_000_000),
    declarations: new Declarations(policy.blocks()),
    ruleDigests: policy.rules().map(({ agent, text }) => ruleDigest(agent, text)),
    ruleSteps: policy.rules().map(stepOfRule),
  };
}

/** SHA-256 in hex that stands for a rule of an agent. A JSON list keeps the two texts apart. */
export function ruleDigest(agent: string, text: string): string {
  return sha256Hex(canonicalJson([agent, text] satisfies Json));
}

export function versionView(activation: Activation, active: ActivePolicy | null): VersionView {
  return {
    version: `v${activation.number}`,
    policy_hash: activation.policyHash,
    image_hash: activation.imageHash,
    source_hash: activation.sourceHash,
    actor: activation.actor,
    change: activation.change,
    summary: activation.summary,
    time: formatTime(activation.timeUs),
    active: active?.activation === activation,
  };
}
