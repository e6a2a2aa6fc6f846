// Blocks of named entries in YAML and JSON: one map, a list of maps, or a map of maps by name.
import type { Block, BlockEntry, Span } from "../ast.ts";
import { blockKinds } from "../blocks.ts";
import type { Form, Keys, Known } from "./form.ts";
import { type Named, namedItems } from "./limits.ts";
import type { Node } from "./node.ts";
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

export function readBlocks(form: Form, keyword: Block["keyword"], { keySpan, value: node }: Known): Block[] {
  const help = `write ${keyword} as a map`;
  const isNamed = blockKinds[keyword].named === "always" && keyword !== "manifest";
  const items: Named[] = isNamed
    ? namedItems(form, node, `\`${keyword}\``, help)
    : (node.kind === "list" ? node.items : [node]).map((item) => ({ name: null, node: item, span: item.span }));
  return items.map((item) => readBlock(form, keyword, keySpan, item));
}

function readBlock(form: Form, keyword: Block["keyword"], keySpan: Span, { name, node, span }: Named): Block {
  const entries = node.kind === "map" ? node.entries.flatMap((entry) => readEntry(form, entry) ?? []) : [];
  return {
    keyword,
    keywordSpan: keySpan,
    name: name?.text ?? null,
    nameSpan: name?.span ?? keySpan,
    entries,
    span: { ...keySpan, end: span.end },
  };
}

function readEntry(form: Form, entry: { key: string; keySpan: Span; value: Node }): BlockEntry | null {
  const value = readValue(form, entry.value);
  const { key, keySpan } = entry;
  return value && { name: key, nameSpan: keySpan, values: [value], span: { ...keySpan, end: entry.value.span.end } };
}
