// Asserts in YAML and JSON: the text that stands behind `assert`, or a map of a rule with `assert: never`.
import type { Assert } from "../ast.ts";
import type { Form } from "./form.ts";
import { readAssertText } from "./fragment.ts";
import type { Node } from "./node.ts";
import { readRule } from "./rule.ts";

const help = 'write "never permit stripe/payouts if amount > 500"';

/** The asserts of a list, in its order. */
export function readAsserts(form: Form, node: Node): Assert[] {
  if (node.kind !== "list") {
    form.wrong(node, "`asserts` is a list", help);
    return [];
  }
  return node.items.flatMap((item) => {
    if (form.isFull) return [];
    return readOne(form, item) ?? [];
  });
}

function readOne(form: Form, node: Node): Assert | null {
  if (node.kind === "scalar" && typeof node.value === "string") return readAssertText(form, node, node.value);
  if (node.kind !== "map") {
    form.wrong(node, "an assert is a text or a map", help);
    return null;
  }
  const own = node.entries.find(({ key }) => key === "assert");
  const word = own === undefined ? null : form.text(own.value, "`assert`", "write assert: never");
  const rule = readRule(form, { ...node, entries: node.entries.filter((entry) => entry !== own) });
  if (word === "never" || word === "always") return rule === null ? null : { quantifier: word, rule, span: node.span };
  if (own === undefined) form.report("FMS014", "an assert lacks `assert`", node.span, { help: "write assert: never" });
  else if (word !== null)
    form.report("FMS012", `\`assert\` cannot be \`${word}\``, own.value.span, { help: "write `never` or `always`" });
  return null;
}
