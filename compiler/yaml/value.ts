// Values of YAML and JSON: text that is written like money, a duration or a size is that quantity, quoted or not, because
// JSON has no other way to write one; `{ text: "48h" }` is the text itself.
import type { Value } from "../ast.ts";
import { readQuantity } from "../parse/quantity.ts";
import { readQuoted } from "../parse/quoted.ts";
import type { Form } from "./form.ts";
import type { Node, ScalarNode } from "./node.ts";

const envCall = /^env\(("[^"\\]*"|'[^'\\]*')\)$/;

/** Whether a text stands for something else than itself where a value is read. */
export function standsForMore(text: string): boolean {
  return envCall.test(text) || quantityOf(text) !== null;
}

/** Money, a duration or a size; a number in quotes is text. */
function quantityOf(text: string) {
  if (text.length > 64 || !/^-?[$0-9]/.test(text)) return null;
  const read = readQuantity(text);
  return typeof read === "string" || read.unit === "plain" ? null : read;
}

/** A value of any kind; null after reporting what is none. */
export function readValue(form: Form, node: Node): Value | null {
  if (node.kind === "scalar") return readScalar(form, node);
  if (node.kind === "list") {
    const items = node.items.map((item) => readValue(form, item));
    const read = items.filter((item) => item !== null);
    return read.length < items.length ? null : { kind: "list", items: read, span: node.span };
  }
  const [only] = node.entries;
  if (only?.key === "text" && node.entries.length === 1) {
    const text = form.placed(only.value, "`text`", 'write { text: "…" }');
    return text === null ? null : { kind: "string", value: text.text, span: text.span };
  }
  form.wrong(node, "a value is text, a number, true, false, null or a list", 'write "…", 42 or ["a", "b"]');
  return null;
}

function readScalar(form: Form, node: ScalarNode): Value | null {
  const { value } = node;
  const span = form.inner(node);
  if (typeof value === "boolean") return { kind: "bool", value, span };
  if (typeof value === "number") return { kind: "number", value, unit: "plain", text: form.written(span), span };
  if (value === null) return { kind: "nil", span };
  if (form.text(node, "a value", "") === null) return null;
  const variable = envCall.exec(value)?.[1];
  if (variable !== undefined) return { kind: "env", variable: readQuoted(variable), span };
  const quantity = quantityOf(value);
  if (quantity !== null) return { kind: "number", ...quantity, text: value, span };
  return { kind: "string", value, span };
}

/** A value whose text is always text: a reason's target, a model's name, a host. */
export function readPlain(form: Form, node: Node): Value | null {
  if (node.kind === "scalar" && typeof node.value === "string") {
    const text = form.placed(node, "a value", "");
    return text === null ? null : { kind: "string", value: text.text, span: text.span };
  }
  if (node.kind !== "list") return readValue(form, node);
  const items = node.items.map((item) => readPlain(form, item));
  const read = items.filter((item) => item !== null);
  return read.length < items.length ? null : { kind: "list", items: read, span: node.span };
}
