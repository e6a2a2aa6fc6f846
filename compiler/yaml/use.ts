// `uses` in YAML and JSON: which packs an agent or a pack brings in, with their parameters, in order.
import type { Field, Span, Use } from "../ast.ts";
import type { Form } from "./form.ts";
import type { Node } from "./node.ts";
import { readValue } from "./value.ts";
import { isName } from "./vars.ts";

const help = 'write uses: { stripe: { limit: "$250" } }';

/** `{ stripe: { limit: 250 }, shell: {} }`, and `[stripe, { shell: { … } }]` alike. */
export function readUses(form: Form, node: Node): Use[] {
  if (node.kind === "map") {
    return node.entries.map(({ key, keySpan, value }) => readUse(form, { text: key, span: keySpan }, value));
  }
  if (node.kind !== "list") {
    const name = form.placed(node, "`uses`", help);
    return name === null ? [] : [useOf(name, [], node.span)];
  }
  return node.items.flatMap((item) => {
    if (item.kind === "map") return readUses(form, item);
    const name = form.placed(item, "a pack's name", help);
    return name === null ? [] : [useOf(name, [], item.span)];
  });
}

function readUse(form: Form, name: { readonly text: string; readonly span: Span }, node: Node): Use {
  const span = { ...name.span, end: node.span.end };
  if (node.kind === "scalar" && node.value === null) return useOf(name, [], span);
  if (node.kind !== "map") {
    form.wrong(node, "what a pack is given is a map", help);
    return useOf(name, [], span);
  }
  const fields = node.entries.flatMap((entry): Field[] => {
    const value = readValue(form, entry.value);
    if (!isName(form, entry, "a parameter") || value === null) return [];
    const fieldSpan = { ...entry.keySpan, end: entry.value.span.end };
    return [{ name: entry.key, nameSpan: entry.keySpan, value, span: fieldSpan }];
  });
  return useOf(name, fields, span);
}

function useOf(
  { text, span: nameSpan }: { readonly text: string; readonly span: Span },
  parameters: Field[],
  span: Span,
): Use {
  return { name: text, nameSpan, parameters, span };
}
