// Agents and phases in YAML and JSON: the same parts as in text, under the same names.
import type { Agent, Field, Gate, Pattern, Phase, Rule, Span, Value } from "../ast.ts";
import { isBlockKeyword } from "../blocks.ts";
import { readDuration } from "../parse/value.ts";
import { readAsserts } from "./assert.ts";
import { agentBlockKeys, readBlocks } from "./block.ts";
import type { Form, Keys, Known } from "./form.ts";
import { type Named, namedItems, readBudgets, readRateLimits, readRedactions } from "./limits.ts";
import type { MapNode, Node } from "./node.ts";
import { readDefault, readMatched, readRules } from "./rule.ts";
import { readUses } from "./use.ts";
import { readPlain, readValue } from "./value.ts";
import { readVars } from "./vars.ts";

const agentKeys = {
  default: [],
  model: [],
  framework: [],
  version: [],
  vars: ["var"],
  rules: [],
  budgets: ["budget"],
  rate_limits: ["rate_limit"],
  redactions: ["redact"],
  phases: ["phase"],
  uses: ["use"],
  asserts: ["assert"],
  egress: [],
  model_policy: [],
  ...agentBlockKeys,
} satisfies Keys;
const listedKeys = { id: [], ...agentKeys } satisfies Keys;

const agentHelp = 'write agents: { "support-bot": { default: deny, rules: [] } }';

/** `agents: { id: { … } }`, `agent: [{ id: …, … }]` and `agent: { id: …, … }` alike. */
export function readAgents(form: Form, node: Node): Agent[] {
  const isOne = node.kind === "map" && node.entries.some(({ key, value }) => key === "id" && value.kind === "scalar");
  const items: Named[] = isOne
    ? [{ name: null, node, span: node.span }]
    : namedItems(form, node, "`agents`", agentHelp);
  return items.flatMap((item) => {
    if (item.node.kind === "map") return readAgent(form, item, item.node) ?? [];
    form.wrong(item.node, "an agent is a map", agentHelp);
    return [];
  });
}

function readAgent(form: Form, item: Named, map: MapNode): Agent | null {
  const entries = form.known(map, "an agent", item.name === null ? listedKeys : agentKeys);
  const own = entries.find(({ name }) => name === "id");
  if (item.name === null && own === undefined)
    form.report("FMS014", "this agent lacks `id`", item.span, { help: agentHelp });
  const id = item.name ?? (own === undefined ? null : form.placed(own.value, "`id`", 'write id: "support-bot"'));
  if (id === null) return null;
  const value = (name: string): Node | null => entries.find((entry) => entry.name === name)?.value ?? null;
  const read = <T>(name: string, reader: (form: Form, node: Node) => T[]): T[] => {
    const node = value(name);
    return node === null ? [] : reader(form, node);
  };
  return {
    id: id.text,
    idSpan: id.span,
    default: defaultOf(form, entries),
    fields: entries.flatMap((entry) => readField(form, entry) ?? []),
    vars: read("vars", readVars),
    rules: read("rules", readRules),
    budgets: read("budgets", readBudgets),
    rateLimits: read("rate_limits", readRateLimits),
    redactions: read("redactions", readRedactions),
    phases: read("phases", readPhases),
    uses: read("uses", readUses),
    asserts: read("asserts", readAsserts),
    egress: gateOf(form, entries, "egress"),
    modelPolicy: gateOf(form, entries, "model_policy"),
    blocks: entries.flatMap((entry) => (isBlockKeyword(entry.name) ? readBlocks(form, entry.name, entry) : [])),
    span: item.span,
  };
}

function defaultOf(form: Form, entries: readonly Known[]): Agent["default"] {
  const entry = entries.find(({ name }) => name === "default");
  const effect = entry === undefined ? null : readDefault(form, entry);
  return entry === undefined || effect === null ? null : { effect, span: spanOf(entry) };
}

const gateKeys = { allow: [], deny: [] } satisfies Keys;

function gateOf(form: Form, entries: readonly Known[], keyword: Gate["keyword"]): Gate | null {
  const entry = entries.find(({ name }) => name === keyword);
  if (entry === undefined) return null;
  const { value: node, keySpan } = entry;
  if (node.kind !== "map") {
    form.wrong(node, `\`${keyword}\` is a map`, `write ${keyword}: { allow: ["…"] }`);
    return null;
  }
  const fields = form.known(node, `\`${keyword}\``, gateKeys).flatMap((field): Field[] => {
    const value = readMatched(form, field.value);
    return value === null ? [] : [{ name: field.name, nameSpan: field.keySpan, value, span: spanOf(field) }];
  });
  return { keyword, keywordSpan: keySpan, fields, span: spanOf(entry) };
}

function spanOf({ keySpan, value }: Known): Span {
  return { ...keySpan, end: value.span.end };
}

const fieldNames = ["model", "framework", "version"];

function readField(form: Form, entry: Known): Field | null {
  if (!fieldNames.includes(entry.name)) return null;
  const value = readPlain(form, entry.value);
  return value === null ? null : { name: entry.name, nameSpan: entry.keySpan, value, span: spanOf(entry) };
}

const phaseKeys = { duration: [], next: [], tools: [], rules: [] } satisfies Keys;
const listedPhaseKeys = { name: ["id"], ...phaseKeys } satisfies Keys;
const phaseHelp = 'write phases: { audit: { duration: 48h, tools: ["t"], rules: ["permit t"] } }';

/** `phases: { name: { … } }` and `phases: [{ name: …, … }]` alike. */
export function readPhases(form: Form, node: Node): Phase[] {
  return namedItems(form, node, "`phases`", phaseHelp).flatMap((item) => {
    if (item.node.kind === "map") return readPhase(form, item, item.node) ?? [];
    form.wrong(item.node, "a phase is a map", phaseHelp);
    return [];
  });
}

function readPhase(form: Form, item: Named, map: MapNode): Phase | null {
  const found = new Map(
    form
      .known(map, "a phase", item.name === null ? listedPhaseKeys : phaseKeys)
      .map((entry) => [entry.name, entry.value]),
  );
  const own = found.get("name");
  if (item.name === null && own === undefined)
    form.report("FMS014", "this phase lacks `name`", item.span, { help: phaseHelp });
  const name = item.name ?? (own === undefined ? null : form.placed(own, "`name`", phaseHelp));
  const duration = found.get("duration");
  const next = found.get("next");
  const tools = found.get("tools");
  const rules = found.get("rules");
  const read: { durationMs: number | null; next: Phase["next"]; tools: Pattern[]; rules: Rule[] } = {
    durationMs: duration === undefined ? null : durationMs(form, readValue(form, duration)),
    next: next === undefined ? null : nextOf(form, next),
    tools: tools === undefined ? [] : form.texts(tools, "a tool pattern", 'write tools: ["stripe/payouts"]'),
    rules: rules === undefined ? [] : readRules(form, rules),
  };
  return name === null ? null : { name: name.text, nameSpan: name.span, ...read, span: item.span };
}

function durationMs(form: Form, value: Value | null): number | null {
  const seconds = value === null ? null : readDuration(form, value, "`duration`");
  return seconds === null ? null : Math.round(seconds * 1_000);
}

function nextOf(form: Form, node: Node): Phase["next"] {
  const next = form.placed(node, "`next`", 'write next: "enforce"');
  return next === null ? null : { name: next.text, span: next.span };
}
