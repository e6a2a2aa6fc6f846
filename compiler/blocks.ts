// The blocks of named entries that the language knows, and the fields of each: one table, read by parse, the YAML reader
// and printer, check, lower and the documentation. It holds no text of a policy and no meaning but kinds.
import type { Agent, AgentKeyword, Block, Stack, StackKeyword } from "./ast.ts";

/** What one value of a field may be. `amount` is money or a plain number, `scalar` any value but a list. */
export type Holding = "text" | "bool" | "duration" | "count" | "amount" | "size" | "scalar";

export interface BlockField {
  readonly holds: readonly Holding[];
  /** Where the text is one of a few words. */
  readonly choices?: readonly string[];
  /** Several values: one behind the other, as a list, or by giving the field again. */
  readonly several?: true;
  /** Values that one entry has, where that is not one or any number. */
  readonly values?: number;
  /** Stands directly behind this field and belongs to it. */
  readonly after?: string;
  readonly required?: true;
  /** Other spellings. */
  readonly aliases?: readonly string[];
  readonly doc: string;
}

export interface BlockKind {
  readonly place: "stack" | "agent";
  /** An id before the brace: always, never, or as the author likes. */
  readonly named: "always" | "never" | "optional";
  /** How often it may stand there; `named` that no name comes twice. */
  readonly times: "once" | "many" | "named";
  readonly fields: Readonly<Record<string, BlockField>>;
  /** Fields beside those listed: a block whose fields depend on what it declares, or ambient's counters. */
  readonly open?: BlockField;
  readonly openName?: RegExp;
  /** Without any field it would mean nothing. */
  readonly nonEmpty?: true;
  /** env() may stand in it: the daemon resolves it, and the compiled form keeps the variable's name. */
  readonly env: boolean;
  /** A short one that compiles, for help texts. */
  readonly example: string;
  readonly doc: string;
}

const text = (doc: string, more: Partial<BlockField> = {}): BlockField => ({ holds: ["text"], doc, ...more });
const duration = (doc: string): BlockField => ({ holds: ["duration"], doc });
const anything = (doc: string): BlockField => ({ holds: ["scalar"], several: true, doc });
const unavailable = ["deny", "permit", "defer"];
const exceed = ["deny", "defer", "audit"];
export const alertEvents = [
  "deny", "defer", "permit", "approved", "budget_warning", "budget_exceeded", "rate_exceeded",
] as const; // biome-ignore format: a table

export const blockKinds: Readonly<Record<StackKeyword | AgentKeyword, BlockKind>> = {
  provider: {
    place: "stack",
    named: "always",
    times: "named",
    fields: { type: text("which provider it is: vault, aws-sm, gcp-sm, azure-kv …", { required: true }) },
    open: anything("a setting of that provider"),
    env: true,
    example: 'provider "vault" { type = "vault" addr = env("VAULT_ADDR") }',
    doc: "something that the daemon asks for what a policy cannot do: secrets, keys, prices",
  },
  identity: {
    place: "stack",
    named: "always",
    times: "named",
    fields: { type: text("who vouches for agents: spiffe, oidc …", { required: true }) },
    open: anything("a setting of it, such as socket or trust_domain"),
    env: true,
    example: 'identity "spire" { type = "spiffe" socket = "/run/spire/agent.sock" }',
    doc: "who vouches for agents: with it, a claimed agent id is not enough",
  },
  trust: {
    place: "stack",
    named: "never",
    times: "many",
    fields: {
      key: text("a registry and its public key, ed25519:<base64>", { several: true, values: 2 }),
      delegation: text("whose delegations are taken", { several: true }),
      inbound: text("who may send delegations here", { several: true }),
      spiffe_federated: text("a trust domain beside our own", { several: true }),
      bundle_url: text("where its keys are found", { several: true, after: "spiffe_federated" }),
    },
    nonEmpty: true,
    env: false,
    example: 'trust { key "registry.example" ed25519:… }',
    doc: "the keys and domains that this stack believes",
  },
  system: {
    place: "stack",
    named: "always",
    times: "once",
    fields: {
      version: { holds: ["text", "count", "amount"], doc: "the version of the settings" },
      on_policy_load_failure: text("what happens when a policy cannot be loaded"),
      kill_switch_default: { holds: ["text", "bool"], doc: "the state of the kill switch at the start" },
      max_output_bytes: { holds: ["size", "count"], doc: "the longest output that is kept" },
    },
    env: false,
    example: "system main { max_output_bytes 1mb }",
    doc: "settings of the whole system",
  },
  manifest: {
    place: "stack",
    named: "always",
    times: "many",
    fields: {
      orchestrator: text("the agent that starts others"),
      undeclared: text("what happens to a start that no grant names", { choices: ["deny", "defer"] }),
      grant: text("the agent that may start the other"),
      to: text("the agent that may be started"),
      max: { holds: ["count"], doc: "how often" },
      approval: { holds: ["bool"], doc: "a person is asked first" },
    },
    env: false,
    example: "manifest grant planner to worker max 5",
    doc: "which agent may start which",
  },
  credential: {
    place: "agent",
    named: "always",
    times: "named",
    fields: {
      backend: text("the provider that has the secret"),
      path: text("where the secret is found there"),
      scope: text("tools that get it, and what it may do", { several: true }),
      max_scope: text("the most that it may do", { several: true }),
      ttl: duration("how long one is good for"),
    },
    env: true,
    example: "credential stripe { backend vault path secret/data/stripe ttl 15m }",
    doc: "a secret for some tools' calls, which the agent never sees",
  },
  selector: {
    place: "agent",
    named: "always",
    times: "named",
    fields: {
      source: text("where the value is asked for", { required: true }),
      cache: duration("how long an answer is good for"),
      on_unavailable: text("what becomes of a call without the value", { choices: unavailable }),
      on_timeout: text("what becomes of a call whose value comes too late", { choices: unavailable }),
    },
    env: false,
    example: 'selector account { source = "https://internal.example/account" cache = 30s }',
    doc: "a value from outside of the request that conditions read",
  },
  delegate: {
    place: "agent",
    named: "optional",
    times: "many",
    fields: {
      target_agent: text("the agent that is delegated to", { aliases: ["to"] }),
      scope: text("tools that it may call on behalf", { several: true }),
      ttl: duration("how long"),
      ceiling: { holds: ["amount", "text"], doc: "the most that it may spend; or inherited, approval" },
      inherits: { holds: ["bool", "text"], several: true, doc: "what it takes over" },
    },
    env: false,
    example: 'delegate worker { scope = ["search/*"] ttl = 1h }',
    doc: "what another agent may do on behalf of this one",
  },
  ambient: {
    place: "agent",
    named: "never",
    times: "once",
    fields: { on_exceed: text("what becomes of a call beyond a limit", { choices: exceed }) },
    open: { holds: ["count", "amount", "size"], doc: "at most so many or so much over all sessions" },
    openName: /^max_[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/,
    nonEmpty: true,
    env: false,
    example: "ambient { max_calls_per_day = 5000 }",
    doc: "limits over all sessions of the agent",
  },
  completion_gate: {
    place: "agent",
    named: "never",
    times: "many",
    fields: { require: text("what must hold before the agent may say that it is done", { several: true }) },
    nonEmpty: true,
    env: false,
    example: 'completion_gate { require "no_pending_approvals" }',
    doc: "what must hold before the agent may say that it is done",
  },
  spawn: {
    place: "agent",
    named: "never",
    times: "once",
    fields: {
      max_concurrent: { holds: ["count"], doc: "agents at one time" },
      allowed_types: text("agents that it may start", { several: true, aliases: ["allow"] }),
    },
    nonEmpty: true,
    env: false,
    example: 'spawn { max_concurrent = 3 allowed_types = ["worker"] }',
    doc: "which agents this one may start, and how many",
  },
  session: {
    place: "agent",
    named: "never",
    times: "once",
    fields: {
      max_duration: duration("from the first permitted call"),
      idle_timeout: duration("since the last permitted call"),
    },
    nonEmpty: true,
    env: false,
    example: "session { max_duration = 8h idle_timeout = 30m }",
    doc: "when a session ends",
  },
  alert: {
    place: "agent",
    named: "never",
    times: "many",
    fields: {
      on: text("what is told", { several: true, required: true, choices: alertEvents }),
      notify: text("who is told", { several: true, required: true }),
    },
    env: true,
    example: 'alert { on = "deny" notify = "slack://#security" }',
    doc: "who is told of what",
  },
  enforcement: {
    place: "agent",
    named: "never",
    times: "once",
    fields: {},
    open: anything("a setting of the sandbox, such as os_tier or isolation"),
    nonEmpty: true,
    env: false,
    example: "enforcement { os_tier = true }",
    doc: "how the agent's process is fenced in",
  },
};

export function isBlockKeyword(word: string): word is Block["keyword"] {
  return Object.hasOwn(blockKinds, word);
}

/** The name that the language uses for a field of that block, and its row; null for one that it does not have. */
export function fieldOf(keyword: Block["keyword"], written: string): { name: string; field: BlockField } | null {
  const { fields, open, openName } = blockKinds[keyword];
  const own = Object.hasOwn(fields, written) ? fields[written] : undefined;
  if (own !== undefined) return { name: written, field: own };
  for (const [name, field] of Object.entries(fields))
    if (field.aliases?.includes(written) === true) return { name, field };
  if (open === undefined || (openName !== undefined && !openName.test(written))) return null;
  return { name: written, field: open };
}

/** Names that may be written as a field of that block, aliases among them. */
export function fieldWords(keyword: Block["keyword"]): string[] {
  return Object.entries(blockKinds[keyword].fields).flatMap(([name, { aliases }]) => [name, ...(aliases ?? [])]);
}

/** The blocks of that keyword, in order of appearance. */
export function blocksOf(place: Pick<Stack | Agent, "blocks">, keyword: Block["keyword"]): Block[] {
  return place.blocks.filter((block) => block.keyword === keyword);
}
