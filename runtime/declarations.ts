// What the blocks of a policy mean to the daemon: who must be verified, which calls need a secret, which kinds of call are
// closed. It decides before and beside the machine, and never lets a call pass that the machine refuses.
import { compileGlob, run } from "../compiler/automaton/index.ts";
import { coveredTools } from "../compiler/credential.ts";
import type { HostBlock } from "../compiler/lower/blocks.ts";
import type { Code } from "./codes.ts";
import type { Gates } from "./completion.ts";
import { type Identity, isVerified } from "./identity.ts";
import type { Call } from "./request.ts";

/** A refusal that comes before the policy is asked. */
export interface Closed {
  readonly code: Code;
  readonly reason: string;
}

export interface Credential {
  readonly id: string;
  /** The provider that has the secret, by name or type; null where the policy names none. */
  readonly backend: string | null;
  readonly path: string | null;
  readonly ttlSeconds: number | null;
  readonly patterns: readonly string[];
  readonly covers: (tool: string) => boolean;
}

/** Made once for each policy in force. */
export class Declarations {
  readonly blocks: readonly HostBlock[];
  readonly #identity: string | null;
  readonly #credentials = new Map<string, Credential[]>();
  /** By agent, of those that declare completion gates. */
  readonly gates: ReadonlyMap<string, Gates>;
  /** The kill switch for all agents is on until an operator sets it. */
  readonly killedByDefault: boolean;
  /** Longest output of a tool that comes back from a scan; null: any. */
  readonly outputLimitBytes: number | null;

  constructor(blocks: readonly HostBlock[]) {
    this.blocks = blocks;
    this.#identity = blocks.find(({ keyword }) => keyword === "identity")?.name ?? null;
    const requirements = new Map<string, string[]>();
    const system = blocks.find(({ keyword }) => keyword === "system")?.fields;
    this.killedByDefault = isOn(system?.kill_switch_default);
    this.outputLimitBytes = typeof system?.max_output_bytes === "number" ? system.max_output_bytes : null;
    for (const { keyword, agent, name, fields } of blocks) {
      if (agent === null) continue;
      if (keyword === "credential") {
        add(this.#credentials, agent, credentialOf(name ?? "", fields));
      } else if (keyword === "completion_gate") {
        for (const requirement of textsOf(fields.require)) add(requirements, agent, requirement);
      }
    }
    this.gates = new Map([...requirements].map(([agent, required]) => [agent, gatesOf(required)]));
  }

  /** Why a call of a known agent is refused whatever its policy says; null where it is not. */
  closed(call: Call, identity: Identity, dev: boolean): Closed | null {
    const { agent_id: agent } = call.request;
    if (this.#identity !== null && !dev && !isVerified(identity)) {
      const { unverified } = identity;
      const reason = unverified ?? `the identity of \`${agent}\` is claimed, and no provider has verified it`;
      return { code: "IDENTITY_UNVERIFIED", reason };
    }
    if (call.actionType === "delegate") {
      return { code: "DELEGATION_DENIED", reason: "delegations are denied: there is no gate for them yet" };
    }
    return null;
  }

  /** The credential that a call of the tool needs; null where it needs none. */
  credential(agent: string, tool: string): Credential | null {
    const own = this.#credentials.get(agent);
    return own?.find(({ covers }) => covers(tool)) ?? null;
  }

  /** By agent, in the policy's order. */
  credentials(): ReadonlyMap<string, readonly Credential[]> {
    return this.#credentials;
  }
}

/** The words for a switch that is off; whatever else stands there means that it is on. */
const offWords: ReadonlySet<unknown> = new Set([
  undefined,
  null,
  false,
  "off",
  "false",
  "no",
  "disabled",
  "inactive",
  "disarmed",
]);

function isOn(value: unknown): boolean {
  return !offWords.has(value);
}

function credentialOf(id: string, { backend, path, ttl, scope }: HostBlock["fields"]): Credential {
  const patterns = coveredTools(id, textsOf(scope));
  const matchers = patterns.map(globMatcher);
  return {
    id,
    backend: typeof backend === "string" ? backend : null,
    path: typeof path === "string" ? path : null,
    ttlSeconds: typeof ttl === "number" ? ttl : null,
    patterns,
    covers: (tool) => matchers.some((fits) => fits(tool)),
  };
}

const sessionRequirements: ReadonlySet<string> = new Set([
  "no_pending_approvals",
  "budget_under_limit",
  "no_uncommitted_writes",
]);

function gatesOf(requirements: readonly string[]): Gates {
  const tools = requirements.filter((one) => !sessionRequirements.has(one) && !/^(effect|min_records):/.test(one));
  const matchers = tools.map((pattern) => [pattern, exactMatcher(pattern)] as const);
  return { requirements, toolsFor: (tool) => matchers.flatMap(([pattern, fits]) => (fits(tool) ? [pattern] : [])) };
}

/** What cannot be compiled fits no tool: a gate that cannot be judged does not hold. */
function exactMatcher(pattern: string): (tool: string) => boolean {
  const compiled = compileGlob(pattern, { separator: "/", ignoreCase: false });
  return compiled.ok ? (tool) => run(compiled.automaton, Buffer.from(tool)) : () => false;
}

/** What cannot be compiled covers every tool: a call without its secret is refused, not let through. */
function globMatcher(pattern: string): (tool: string) => boolean {
  const compiled = compileGlob(pattern, { separator: "/", ignoreCase: false });
  return compiled.ok ? (tool) => run(compiled.automaton, Buffer.from(tool)) : () => true;
}

function textsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function add<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [item]);
  else list.push(item);
}

/** A sentence for each block that is declared and does less than it says, or nothing at all. */
export function shortcomings(blocks: readonly HostBlock[]): string[] {
  return blocks.flatMap(({ keyword, agent, name, fields }) => {
    const word = says[keyword];
    const what = typeof word === "function" ? word(blocks) : word;
    if (what === null || (keyword === "trust" && Object.keys(fields).every((field) => field === "key"))) return [];
    const named = name === null || keyword === "manifest" ? keyword : `${keyword} ${name}`;
    return [`${named}${agent === null ? "" : ` of ${agent}`}: ${what}`];
  });
}

const says: Readonly<Record<HostBlock["keyword"], string | null | ((all: readonly HostBlock[]) => string | null)>> = {
  provider: null,
  identity: null,
  trust: "of its fields `key` has an effect: packs are checked by it",
  system: "of its fields kill_switch_default and max_output_bytes have an effect",
  manifest: "declared; delegations are denied until there is a gate for them",
  credential: (all) =>
    all.some(({ keyword }) => keyword === "provider")
      ? null
      : "no provider is declared that could give it: calls of its tools are denied (CREDENTIAL_UNAVAILABLE)",
  selector: null,
  delegate: "declared; delegations are denied until there is a gate for them",
  spawn: "declared; it has no effect yet",
  completion_gate: null,
  alert: null,
  enforcement: "declared; what fences an agent in is `faramesh agent run`, as `runtime { agent_enforce_profile }` says",
  session: null,
  ambient: null,
};
