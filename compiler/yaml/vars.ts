// Variables in YAML and JSON: a map from name to value.
import type { Var } from "../ast.ts";
import type { Form } from "./form.ts";
import type { Entry, Node } from "./node.ts";
import { readValue } from "./value.ts";

const variableName = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** Whether a key can be the name of a variable, a parameter or an import; reports it otherwise. */
export function isName(form: Form, { key, keySpan }: Pick<Entry, "key" | "keySpan">, what: string): boolean {
  if (variableName.test(key)) return true;
  form.report("FMS012", `\`${key}\` cannot be the name of ${what}`, keySpan, {
    help: "a name is a letter or _, then letters, digits, _ and -",
  });
  return false;
}

export function readVars(form: Form, node: Node): Var[] {
  if (node.kind !== "map") {
    form.wrong(node, "`vars` is a map", "write vars: { limit: $500 }");
    return [];
  }
  return node.entries.flatMap((entry): Var[] => {
    const { key, keySpan, value: item } = entry;
    const value = readValue(form, item);
    if (!isName(form, entry, "a variable") || value === null) return [];
    return [{ name: key, nameSpan: keySpan, value, span: { ...keySpan, end: item.span.end } }];
  });
}
