// Imports and packs in YAML and JSON: the same parts as in text, under the same names.
import type { Import, Pack, Param } from "../ast.ts";
import type { Form, Keys } from "./form.ts";
import { type Named, namedItems, readBudgets, readRateLimits, readRedactions } from "./limits.ts";
import type { MapNode, Node } from "./node.ts";
import { readRules } from "./rule.ts";
import { readUses } from "./use.ts";
import { readValue } from "./value.ts";
import { isName, readVars } from "./vars.ts";

const importKeys = { import: ["from", "source"], as: ["alias"] } satisfies Keys;
const importHelp = 'write imports: ["github.com/acme/packs/stripe@1.3.0"]';

/** `["host/path@1.0.0", { import: "host/path@1.0.0", as: name }]`; one alone needs no list. */
export function readImports(form: Form, node: Node): Import[] {
  if (node.kind === "list") return node.items.flatMap((item) => readImports(form, item));
  if (node.kind === "scalar") {
    const text = form.placed(node, "an import", importHelp);
    return text === null ? [] : [{ reference: text.text, referenceSpan: text.span, alias: null, span: node.span }];
  }
  const entries = form.known(node, "an import", importKeys);
  const value = (name: string): Node | null => entries.find((entry) => entry.name === name)?.value ?? null;
  const from = value("import");
  const as = value("as");
  if (from === null) form.report("FMS014", "this import lacks `import`", node.span, { help: importHelp });
  const text = from === null ? null : form.placed(from, "an import", importHelp);
  const alias = as === null ? null : form.placed(as, "`as`", "write as: stripe");
  if (alias !== null && !isName(form, { key: alias.text, keySpan: alias.span }, "an import")) return [];
  if (text === null) return [];
  const named = alias === null ? null : { name: alias.text, span: alias.span };
  return [{ reference: text.text, referenceSpan: text.span, alias: named, span: node.span }];
}

const packKeys = {
  params: ["param"],
  vars: ["var"],
  rules: [],
  budgets: ["budget"],
  rate_limits: ["rate_limit"],
  redactions: ["redact"],
  uses: ["use"],
} satisfies Keys;
const listedPackKeys = { name: ["id"], ...packKeys } satisfies Keys;
const packHelp = 'write packs: { payments: { rules: ["deny! stripe/payouts"] } }';

/** `packs: { name: { … } }` and `packs: [{ name: …, … }]` alike. */
export function readPacks(form: Form, node: Node): Pack[] {
  return namedItems(form, node, "`packs`", packHelp).flatMap((item) => {
    if (item.node.kind === "map") return readPack(form, item, item.node) ?? [];
    form.wrong(item.node, "a pack is a map", packHelp);
    return [];
  });
}

function readPack(form: Form, item: Named, map: MapNode): Pack | null {
  const entries = form.known(map, "a pack", item.name === null ? listedPackKeys : packKeys);
  const own = entries.find(({ name }) => name === "name");
  if (item.name === null && own === undefined)
    form.report("FMS014", "this pack lacks `name`", item.span, { help: packHelp });
  const name = item.name ?? (own === undefined ? null : form.placed(own.value, "`name`", packHelp));
  const read = <T>(key: string, reader: (form: Form, node: Node) => T[]): T[] => {
    const node = entries.find((entry) => entry.name === key)?.value;
    return node === undefined ? [] : reader(form, node);
  };
  const parts = {
    params: read("params", readParams),
    vars: read("vars", readVars),
    rules: read("rules", readRules),
    budgets: read("budgets", readBudgets),
    rateLimits: read("rate_limits", readRateLimits),
    redactions: read("redactions", readRedactions),
    uses: read("uses", readUses),
  };
  return name === null ? null : { name: name.text, nameSpan: name.span, ...parts, span: item.span };
}

const paramHelp = "write params: { limit: $500, account: { required: true } }";

/** A map from name to default; `{ required: true }` in the place of a default means that there is none. */
function readParams(form: Form, node: Node): Param[] {
  if (node.kind !== "map") {
    form.wrong(node, "`params` is a map", paramHelp);
    return [];
  }
  return node.entries.flatMap((entry): Param[] => {
    const { key, keySpan, value: item } = entry;
    const span = { ...keySpan, end: item.span.end };
    if (!isName(form, entry, "a parameter")) return [];
    if (isRequired(item)) return [{ name: key, nameSpan: keySpan, default: null, span }];
    const value = readValue(form, item);
    return value === null ? [] : [{ name: key, nameSpan: keySpan, default: value, span }];
  });
}

function isRequired(node: Node): boolean {
  const [only] = node.kind === "map" ? node.entries : [];
  const isAlone = node.kind === "map" && node.entries.length === 1;
  return isAlone && only?.key === "required" && only.value.kind === "scalar" && only.value.value === true;
}
