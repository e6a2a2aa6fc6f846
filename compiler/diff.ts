// What differs between two parsed stacks, in the author's words: rules paired by what they are about, everything else by its
// name. Pure; layout and comments do not count. It compares texts and says nothing of which calls come out differently.
import type {
  Agent,
  Assert,
  Block,
  Budget,
  BudgetField,
  Effect,
  Field,
  Origin,
  Phase,
  RateLimit,
  Rule,
  Stack,
  Use,
} from "./ast.ts";
import { ownParts } from "./packs/own.ts";
import { blockText, gateText, nameText, quoted, ruleText, valueText } from "./text.ts";

export interface RuleRef {
  /** "" for flat rules. */
  readonly agent: string;
  readonly phase: string | null;
  /** The pack that brought it in, or null. */
  readonly pack: string | null;
  readonly effect: Effect;
  readonly pattern: string;
  /** `permit stripe/charge if amount < $500`. */
  readonly text: string;
  /** Agent and phase for people, ` (agent "a")`; "" where there is one agent and no phase. */
  readonly where: string;
}

export interface RuleChange {
  readonly before: RuleRef;
  readonly after: RuleRef;
}

export interface ItemChange {
  readonly before: string;
  readonly after: string;
}

export interface ItemChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly ItemChange[];
}

/** What else a stack has, each with a text of its own; `wording` is what a rule says besides what it means. */
export const itemKinds = [
  "runtime",
  "imports",
  "agents",
  "defaults",
  "vars",
  "uses",
  "budgets",
  "rate_limits",
  "redactions",
  "phases",
  "egress",
  "model_policy",
  "providers",
  "blocks",
  "asserts",
  "order",
  "wording",
] as const;
export type ItemKind = (typeof itemKinds)[number];

export interface StackChanges {
  readonly rules: {
    readonly added: readonly RuleRef[];
    readonly removed: readonly RuleRef[];
    readonly changed: readonly RuleChange[];
  };
  readonly items: Readonly<Record<ItemKind, ItemChanges>>;
}

/** `before` null: nothing was there. */
export function diffStacks(before: Stack | null, after: Stack): StackChanges {
  const several = [before, after].some((stack) => stack !== null && agentsOf(stack).length > 1);
  const [was, is] = [new Inventory(before, several), new Inventory(after, several)];
  const rules = { added: [] as RuleRef[], removed: [] as RuleRef[], changed: [] as RuleChange[] };
  const reordered: ItemChange[] = [];
  const wording: ItemChange[] = [];
  for (const list of new Set([...was.lists.keys(), ...is.lists.keys()])) {
    const pairs = pairRules(was.lists.get(list) ?? [], is.lists.get(list) ?? []);
    rules.added.push(...pairs.added);
    rules.removed.push(...pairs.removed);
    rules.changed.push(...pairs.changed);
    wording.push(...pairs.wording);
    if (pairs.isReordered) reordered.push({ before: `rules of ${list}`, after: "in another order" });
  }
  const compared = (kind: ItemKind): ItemChanges => diffItems(was.items[kind], is.items[kind]);
  const items = Object.fromEntries(itemKinds.map((kind) => [kind, compared(kind)])) as Record<ItemKind, ItemChanges>;
  items.order = { added: [], removed: [], changed: reordered };
  items.wording = { added: [], removed: [], changed: wording };
  return { rules, items };
}

export function isUnchanged(changes: StackChanges): boolean {
  const { added, removed, changed } = changes.rules;
  const lists = itemKinds.flatMap((kind) => Object.values(changes.items[kind]) as (readonly unknown[])[]);
  return [added, removed, changed, ...lists].every((list) => list.length === 0);
}

interface Listed {
  readonly ref: RuleRef;
  readonly wording: string;
}

/** A stack's rules by the list they stand in, and its other parts by name. */
class Inventory {
  readonly lists = new Map<string, Listed[]>();
  readonly items: Readonly<Record<ItemKind, Map<string, string>>>;

  constructor(stack: Stack | null, several: boolean) {
    this.items = Object.fromEntries(itemKinds.map((kind) => [kind, new Map<string, string>()])) as Record<
      ItemKind,
      Map<string, string>
    >;
    if (stack === null) return;
    for (const field of stack.runtime?.fields ?? []) this.items.runtime.set(field.name, fieldText(field));
    this.#blocks(stack.blocks, "", "");
    for (const { reference, alias } of stack.imports) {
      const name = reference.replace(/@.*$/, "");
      const text = `import ${quoted(reference)}${alias === null ? "" : ` as ${alias.name}`}`;
      put(this.items.imports, `${name} ${alias?.name ?? ""}`, text);
    }
    this.#asserts(stack.asserts, "", several ? " (every agent)" : "");
    for (const agent of agentsOf(stack)) this.#agent(agent, several ? ` (${agentText(agent.id)})` : "");
  }

  #agent(agent: Agent, where: string): void {
    const { items } = this;
    const key = (name: string): string => JSON.stringify([agent.id, name]);
    if (agent.id !== "") items.agents.set(agent.id, agentText(agent.id));
    items.defaults.set(agent.id, `default ${agent.default?.effect ?? "deny"}${where}`);
    for (const field of agent.fields) items.agents.set(key(field.name), `${fieldText(field)}${where}`);
    for (const { name, value } of agent.vars) items.vars.set(key(name), `var ${name} = ${valueText(value)}${where}`);
    for (const use of agent.uses) items.uses.set(key(use.name), useText(use) + where);
    for (const budget of agent.budgets)
      items.budgets.set(key(budget.id), budgetText(budget) + where + fromText(budget));
    for (const limit of agent.rateLimits)
      put(items.rate_limits, key(limit.pattern.text), limitText(limit) + where + fromText(limit));
    for (const redaction of agent.redactions) {
      const list = redaction.paths.map(({ text }) => quoted(text)).join(", ");
      const text = `redact ${redaction.pattern.text} args: [${list}]`;
      put(items.redactions, key(redaction.pattern.text), text + where + fromText(redaction));
    }
    if (agent.egress !== null) items.egress.set(agent.id, gateText(agent.egress) + where);
    if (agent.modelPolicy !== null) items.model_policy.set(agent.id, gateText(agent.modelPolicy) + where);
    this.#blocks(agent.blocks, agent.id, where);
    this.#asserts(agent.asserts, agent.id, where);
    this.#rules(ownParts(agent.rules), { agent: agent.id, phase: null, pack: null, where }, agentText(agent.id));
    for (const [from, rules] of grouped(agent.rules)) {
      this.#rules(
        rules,
        { agent: agent.id, phase: null, pack: rules[0]?.origin?.pack.name ?? null, where: where + from },
        agentText(agent.id) + from,
      );
    }
    for (const phase of agent.phases) {
      items.phases.set(key(phase.name), phaseText(phase) + where);
      const place = { agent: agent.id, phase: phase.name, pack: null, where: `${where} (phase ${quoted(phase.name)})` };
      this.#rules(phase.rules, place, `phase ${quoted(phase.name)}${where}`);
    }
  }

  #blocks(blocks: readonly Block[], agent: string, where: string): void {
    for (const block of blocks) {
      const items = block.keyword === "provider" ? this.items.providers : this.items.blocks;
      put(items, JSON.stringify([agent, block.keyword, block.name]), blockText(block) + where);
    }
  }

  /** By their words: one that says something else is another. */
  #asserts(asserts: readonly Assert[], agent: string, where: string): void {
    for (const one of asserts) {
      const text = `assert ${one.quantifier} ${ruleText(one.rule)}${where}`;
      put(this.items.asserts, JSON.stringify([agent, text]), text);
    }
  }

  #rules(rules: readonly Rule[], place: Pick<RuleRef, "agent" | "phase" | "pack" | "where">, list: string): void {
    if (rules.length === 0) return;
    this.lists.set(
      list,
      rules.map((rule) => ({
        ref: { ...place, effect: rule.effect, pattern: rule.pattern.text, text: ruleText(rule) },
        wording: wordingOf(rule),
      })),
    );
  }
}

/** ` (pack "stripe")` for what a pack brought in; the version stands with the import, so that a new one compares. */
function fromText({ origin }: { readonly origin?: Origin }): string {
  return origin === undefined ? "" : ` (pack ${quoted(origin.pack.name)})`;
}

/** Rules of packs by the pack that they come from. */
function grouped(rules: readonly Rule[]): Map<string, Rule[]> {
  const byPack = new Map<string, Rule[]>();
  for (const rule of rules) {
    if (rule.origin === undefined) continue;
    const from = fromText(rule);
    const list = byPack.get(from);
    if (list === undefined) byPack.set(from, [rule]);
    else list.push(rule);
  }
  return byPack;
}

function useText({ name, parameters }: Use): string {
  return parameters.length === 0 ? `use ${name}` : `use ${name} { ${parameters.map(fieldText).join(", ")} }`;
}

/** A second item of the same name gets a key of its own. */
function put(items: Map<string, string>, key: string, text: string): void {
  let free = key;
  for (let count = 2; items.has(free); count++) free = `${key}#${count}`;
  items.set(free, text);
}

interface Pairs {
  readonly added: RuleRef[];
  readonly removed: RuleRef[];
  readonly changed: RuleChange[];
  readonly wording: ItemChange[];
  readonly isReordered: boolean;
}

/** Equal rules first, then rules of equal effect and pattern, each in order of place. */
function pairRules(before: readonly Listed[], after: readonly Listed[]): Pairs {
  const waiting = queues(before, (rule) => rule.ref.text);
  const partner = after.map((rule) => waiting.get(rule.ref.text)?.shift() ?? null);
  const taken = new Set(partner.filter((index) => index !== null));
  const rest = before.map((rule, index) => ({ rule, index })).filter(({ index }) => !taken.has(index));
  const about = queues(rest, ({ rule }) => aboutOf(rule.ref));
  const pairs: Pairs = { added: [], removed: [], changed: [], wording: [], isReordered: !isSorted(partner) };
  const changedFrom = new Set<number>();
  after.forEach((rule, place) => {
    const same = partner[place] ?? null;
    if (same !== null) {
      const old = before[same]?.wording ?? "";
      if (old !== rule.wording)
        pairs.wording.push({ before: `${rule.ref.text}${old}`, after: rule.wording.trim() || "none" });
      return;
    }
    const at = about.get(aboutOf(rule.ref))?.shift();
    const old = at === undefined ? undefined : rest[at];
    if (old === undefined) pairs.added.push(rule.ref);
    else {
      changedFrom.add(old.index);
      pairs.changed.push({ before: old.rule.ref, after: rule.ref });
    }
  });
  for (const { rule, index } of rest) if (!changedFrom.has(index)) pairs.removed.push(rule.ref);
  return pairs;
}

function aboutOf(ref: RuleRef): string {
  return `${ref.effect} ${ref.pattern}`;
}

/** Indexes by key, in order. */
function queues<T>(list: readonly T[], keyOf: (item: T) => string): Map<string, number[]> {
  const map = new Map<string, number[]>();
  list.forEach((item, index) => {
    const queue = map.get(keyOf(item));
    if (queue === undefined) map.set(keyOf(item), [index]);
    else queue.push(index);
  });
  return map;
}

function isSorted(places: readonly (number | null)[]): boolean {
  let last = -1;
  for (const place of places) {
    if (place === null) continue;
    if (place < last) return false;
    last = place;
  }
  return true;
}

function diffItems(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): ItemChanges {
  const changed: ItemChange[] = [];
  const added: string[] = [];
  for (const [key, text] of after) {
    const old = before.get(key);
    if (old === undefined) added.push(text);
    else if (old !== text) changed.push({ before: old, after: text });
  }
  const removed = [...before].filter(([key]) => !after.has(key)).map(([, text]) => text);
  return { added, removed, changed };
}

function agentsOf(stack: Stack): readonly Agent[] {
  return stack.anonymous === null ? stack.agents : [...stack.agents, stack.anonymous];
}

function agentText(id: string): string {
  return id === "" ? "flat rules" : `agent ${quoted(id)}`;
}

function fieldText(field: Field | BudgetField): string {
  const { value } = field;
  return `${field.name} = ${value.kind === "name" ? nameText(value) : valueText(value)}`;
}

function budgetText({ id, fields }: Budget): string {
  return `budget ${id} { ${fields.map(fieldText).sort().join(", ")} }`;
}

const windowWords: Readonly<Record<number, string>> = {
  1000: "second",
  60000: "minute",
  3600000: "hour",
  86400000: "day",
};

function limitText({ pattern, count, windowMs }: RateLimit): string {
  return `rate_limit ${quoted(pattern.text)}: ${count} per ${windowWords[windowMs] ?? durationText(windowMs)}`;
}

function durationText(durationMs: number): string {
  for (const [sizeMs, unit] of [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "m"],
    [1000, "s"],
  ] as const) {
    if (durationMs % sizeMs === 0) return `${durationMs / sizeMs}${unit}`;
  }
  return `${durationMs}ms`;
}

function phaseText({ name, durationMs, next, tools }: Phase): string {
  const parts = [
    ...(durationMs === null ? [] : [`duration = ${durationText(durationMs)}`]),
    ...(next === null ? [] : [`next = ${next.name}`]),
    ...(tools.length === 0 ? [] : [`tools = [${tools.map(({ text }) => quoted(text)).join(", ")}]`]),
  ];
  return `phase ${quoted(name)} { ${parts.join(", ")} }`;
}

function wordingOf({ reason, notify, reeval }: Rule): string {
  const parts = [
    ...(reason === null ? [] : [`reason ${quoted(reason)}`]),
    ...notify.map((target) => `notify ${valueText(target)}`),
    ...(reeval === null ? [] : [`reeval ${reeval}`]),
  ];
  return parts.length === 0 ? "" : ` ${parts.join(" ")}`;
}
