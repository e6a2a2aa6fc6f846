// Blocks of named entries in YAML and JSON: one map, a list of maps, or a map of maps by name. Which fields there are is
// the table's in blocks.ts; what they hold is asked by check, as for text.
import type { Block, BlockEntry, Span, Value } from "../ast.ts";
import { blockKinds, fieldOf } from "../blocks.ts";
import type { Form, Keys, Known } from "./form.ts";
import type { Named } from "./limits.ts";
import type { Entry, MapNode, Node } from "./node.ts";
import { readValue } from "./value.ts";

export const stackBlockKeys = {
  provider: ["providers"],
  identity: ["identities"],
  trust: [],
  system: ["systems"],
  manifest: ["manifests"],
} satisfies Keys;

export const agentBlockKeys = {
  session: [],
  spawn: [],
  completion_gate: ["completion_gates"],
  enforcement: [],
  alert: ["alerts"],
  delegate: ["delegates"],
  ambient: [],
  selector: ["selectors"],
  credential: ["credentials"],
} satisfies Keys;

/** Keys that name a block which stands in a list. */
const nameKeys = ["id", "name"];

export function readBlocks(form: Form, keyword: Block["keyword"], { keySpan, value: node }: Known): Block[] {
  return itemsOf(keyword, node).flatMap((item) => readBlock(form, keyword, keySpan, item) ?? []);
}

/** The blocks that a value stands for, each with its name where a key of the map gives one. */
function itemsOf(keyword: Block["keyword"], node: Node): Named[] {
  const alone = (one: Node): Named => ({ name: null, node: one, span: one.span });
  if (node.kind === "list") {
    const isShort = keyword === "completion_gate" && node.items.every((item) => item.kind === "scalar");
    return isShort ? [alone(node)] : node.items.map(alone);
  }
  if (node.kind !== "map" || !isByName(keyword, node)) return [alone(node)];
  return node.entries.map(({ key, keySpan, value }) => ({
    name: { text: key, span: keySpan },
    node: value,
    span: { ...keySpan, end: value.span.end },
  }));
}

function isByName(keyword: Block["keyword"], map: MapNode): boolean {
  const { named } = blockKinds[keyword];
  if (named === "never" || keyword === "manifest") return false;
  const isNamed = map.entries.some(({ key, value }) => nameKeys.includes(key) && value.kind === "scalar");
  return !isNamed && map.entries.every(({ value }) => value.kind === "map");
}

function readBlock(form: Form, keyword: Block["keyword"], keySpan: Span, item: Named): Block | null {
  const { node, span } = item;
  const at = { keyword, keywordSpan: item.name?.span ?? keySpan };
  const where = { start: item.name === null ? span.start : span.start, end: span.end, source: span.source };
  if (keyword === "completion_gate" && node.kind !== "map") {
    const entry = readEntry(form, keyword, { key: "require", keySpan, value: node });
    return entry === null ? null : { ...at, name: null, nameSpan: keySpan, entries: [entry], span: where };
  }
  if (node.kind !== "map") {
    form.wrong(node, `\`${keyword}\` is a map`, `as text it would be ${blockKinds[keyword].example}`);
    return null;
  }
  const named = item.name === null ? ownName(form, keyword, node) : null;
  const name = item.name ?? named?.name ?? null;
  const rest = node.entries.filter((entry) => entry !== named?.entry);
  const entries = rest.flatMap((entry) => {
    if (keyword === "trust") return readTrust(form, entry);
    return readEntry(form, keyword, entry) ?? [];
  });
  if (keyword === "manifest") {
    const word = ["orchestrator", "grant"].find((key) => entries.some((entry) => entry.name === key)) ?? null;
    return { ...at, name: word, nameSpan: at.keywordSpan, entries, span: where };
  }
  return { ...at, name: name?.text ?? null, nameSpan: name?.span ?? at.keywordSpan, entries, span: where };
}

function ownName(form: Form, keyword: Block["keyword"], map: MapNode) {
  if (blockKinds[keyword].named === "never" || keyword === "manifest") return null;
  const entry = map.entries.find(({ key, value }) => nameKeys.includes(key) && value.kind === "scalar");
  const name = entry === undefined ? null : form.placed(entry.value, `\`${entry.key}\``, 'write id: "…"');
  return entry === undefined || name === null ? null : { entry, name };
}

function readEntry(form: Form, keyword: Block["keyword"], { key, keySpan, value: node }: Entry): BlockEntry | null {
  const value = readFieldValue(form, keyword, key, node);
  if (value === null) return null;
  return { name: key, nameSpan: keySpan, values: [value], span: { ...keySpan, end: node.span.end } };
}

/** Where only text can stand, text that is written like a number is text. */
function readFieldValue(form: Form, keyword: Block["keyword"], key: string, node: Node): Value | null {
  const isText = fieldOf(keyword, key)?.field.holds.every((holding) => holding === "text") === true;
  const asText = (value: Value, at: Node): Value => {
    if (value.kind === "list" && at.kind === "list") {
      return { ...value, items: value.items.map((item, i) => asText(item, at.items[i] ?? at)) };
    }
    const isQuantity = isText && value.kind === "number" && at.kind === "scalar" && typeof at.value === "string";
    return isQuantity ? { kind: "string", value: String(at.value), span: value.span } : value;
  };
  const value = readValue(form, node);
  return value === null ? null : asText(value, node);
}

/** `key: { "registry": "ed25519:…" }` and `spiffe_federated: { "domain": "https://…" }` are pairs. */
function readTrust(form: Form, entry: Entry): BlockEntry[] {
  const { key, keySpan, value: node } = entry;
  const name = key === "keys" ? "key" : key;
  if (node.kind !== "map" || (name !== "key" && name !== "spiffe_federated")) {
    const read = readEntry(form, "trust", { key: name, keySpan, value: node });
    return read === null ? [] : [read];
  }
  return node.entries.flatMap((pair): BlockEntry[] => {
    const first: Value = { kind: "string", value: pair.key, span: pair.keySpan };
    const second = readFieldValue(form, "trust", "key", pair.value);
    const span = { ...pair.keySpan, end: pair.value.span.end };
    if (second === null) return [];
    if (name === "key") return [{ name, nameSpan: pair.keySpan, values: [first, second], span }];
    const url = { name: "bundle_url", nameSpan: pair.value.span, values: [second], span: pair.value.span };
    return [{ name, nameSpan: pair.keySpan, values: [first], span: pair.keySpan }, url];
  });
}
