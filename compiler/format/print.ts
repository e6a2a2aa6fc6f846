// A stack as the text of governance.fms, from its tree alone: for policies that were written as YAML or JSON. Comments
// and layout are gone; everything that decides stays, in canonical layout. Only for a stack without errors.
import type {
  Agent, Assert, Block, BlockEntry, Budget, BudgetField, Field, Gate, Import, NetworkMatcher, Pack, Pattern, Phase, RateLimit, Redaction, Rule, Stack, Use,
  Value,
} from "../ast.ts"; // biome-ignore format: a table
import { format } from "../format.ts";
import { ownParts } from "../packs/own.ts";
import { conditionText, durationText, nameText, quoted, valueText } from "../text.ts";

/** The text of governance.fms; what packs brought into an agent is theirs to say. */
export function toText(stack: Stack): string {
  const sections = [
    stack.imports.map(importLine).join("\n"),
    stack.runtime === null ? "" : block("runtime", stack.runtime.fields.map(field)),
    ...stack.blocks.map(namedBlock),
    ...stack.packs.map(pack),
    ...(stack.anonymous?.rules ?? []).map(rule),
    stack.asserts.map(assertion).join("\n"),
    ...stack.agents.map(agent),
  ];
  const printed = format(sections.filter((section) => section !== "").join("\n\n"));
  if ("findings" in printed) throw new Error(`the printed policy cannot be read: ${printed.findings[0]?.message}`);
  return printed.text;
}

function block(head: string, lines: readonly string[]): string {
  return lines.length === 0 ? `${head} { }` : `${head} {\n${lines.join("\n")}\n}`;
}

/** A name after a keyword: bare where that is read as one name, else in quotes. */
function name(text: string): string {
  return /^[A-Za-z_][\w-]*$/.test(text) ? text : quoted(text);
}

function agent(of: Agent): string {
  const groups = [
    [...(of.default === null ? [] : [`default ${of.default.effect}`]), ...of.fields.map(field)],
    of.vars.map((variable) => `var ${variable.name} = ${value(variable.value)}`),
    ruleBlock(ownParts(of.rules)),
    of.uses.map(use),
    of.phases.map(phase),
    ownParts(of.budgets).map(budget),
    [...ownParts(of.rateLimits).map(rateLimit), ...ownParts(of.redactions).map(redaction)],
    [of.egress, of.modelPolicy].flatMap((gate) => (gate === null ? [] : [gateBlock(gate)])),
    of.blocks.map(namedBlock),
    of.asserts.map(assertion),
  ];
  return block(`agent ${quoted(of.id)}`, spaced(groups));
}

/** A blank line between groups. */
function spaced(groups: readonly (readonly string[])[]): string[] {
  const body = groups.filter((group) => group.length > 0).map((group) => group.join("\n"));
  return body.length === 0 ? [] : [body.join("\n\n")];
}

function ruleBlock(rules: readonly Rule[]): string[] {
  return rules.length === 0 ? [] : [block("rules", rules.map(rule))];
}

function importLine({ reference, alias }: Import): string {
  return `import ${quoted(reference)}${alias === null ? "" : ` as ${alias.name}`}`;
}

function pack(of: Pack): string {
  const groups = [
    of.params.map((param) => `param ${param.name}${param.default === null ? "" : ` = ${value(param.default)}`}`),
    of.vars.map((variable) => `var ${variable.name} = ${value(variable.value)}`),
    ruleBlock(of.rules),
    of.uses.map(use),
    of.budgets.map(budget),
    [...of.rateLimits.map(rateLimit), ...of.redactions.map(redaction)],
  ];
  return block(`pack ${quoted(of.name)}`, spaced(groups));
}

function use({ name: of, parameters }: Use): string {
  return parameters.length === 0 ? `use ${name(of)}` : block(`use ${name(of)}`, parameters.map(field));
}

function field({ name: of, value: given }: Field): string {
  return `${of} = ${value(given)}`;
}

/** Words that a text has bare go on bare: they may name a variable. Others are the same text in quotes. */
function value(given: Value): string {
  if (given.kind === "list") return `[${given.items.map(value).join(", ")}]`;
  if (given.kind === "word" && !/^[A-Za-z_][\w.-]*$/.test(given.value)) return quoted(given.value);
  return valueText(given);
}

function pattern({ text }: Pattern): string {
  return /^[A-Za-z0-9_*?][A-Za-z0-9_./:@*?-]*$/.test(text) ? text : quoted(text);
}

function rule(of: Rule): string {
  const clauses = [
    of.effect,
    pattern(of.pattern),
    ...(of.condition === null ? [] : [`if ${conditionText(of.condition)}`]),
    ...of.network.map(matcher),
    ...(of.notify.length === 0 ? [] : [`notify ${notified(of.notify)}`]),
    ...(of.reason === null ? [] : [`reason ${quoted(of.reason)}`]),
    ...(of.reeval === null ? [] : [`reeval ${of.reeval}`]),
  ];
  return clauses.join(" ");
}

function assertion({ quantifier, rule: of }: Assert): string {
  return `assert ${quantifier} ${rule(of)}`;
}

function notified(targets: readonly Value[]): string {
  const [first] = targets;
  return targets.length === 1 && first !== undefined ? value(first) : `[${targets.map(value).join(", ")}]`;
}

function matcher({ part, key, value: wanted }: NetworkMatcher): string {
  return key === null ? `${part} ${value(wanted)}` : `${part} ${name(key)}=${value(wanted)}`;
}

function budget({ id, fields }: Budget): string {
  return block(`budget ${name(id)}`, fields.map(budgetField));
}

function budgetField({ name: of, value: given }: BudgetField): string {
  if (given.kind === "name") return `${of} = ${nameText(given)}`;
  if (of === "window" && given.kind === "number") return `window = ${durationText(given.value * 1_000)}`;
  return `${of} = ${value(given)}`;
}

function rateLimit({ pattern: tools, count, windowMs }: RateLimit): string {
  const unit = Object.entries(units).find(([, sizeMs]) => sizeMs === windowMs)?.[0];
  return `rate_limit ${quoted(tools.text)}: ${count} per ${unit ?? durationText(windowMs)}`;
}

const units = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 } as const;

function redaction({ pattern: tools, paths }: Redaction): string {
  return `redact ${pattern(tools)} args: [${paths.map((path) => quoted(path.text)).join(", ")}]`;
}

function phase({ name: of, durationMs, next, tools, rules }: Phase): string {
  const fields = [
    ...(durationMs === null ? [] : [`duration = "${durationText(durationMs)}"`]),
    ...(next === null ? [] : [`next = ${quoted(next.name)}`]),
    ...(tools.length === 0 ? [] : [`tools = [${tools.map((tool) => quoted(tool.text)).join(", ")}]`]),
  ];
  return block(`phase ${name(of)}`, [...fields, ...(rules.length === 0 ? [] : [block("rules", rules.map(rule))])]);
}

function gateBlock({ keyword, fields }: Gate): string {
  return block(keyword, fields.map(field));
}

function namedBlock(of: Block): string {
  if (of.keyword === "manifest") return `manifest ${of.entries.map(manifestWord).join(" ")}`;
  const head = of.name === null ? of.keyword : `${of.keyword} ${quoted(of.name)}`;
  return block(
    head,
    of.entries.map((entry) => entryLine(of, entry)),
  );
}

/** `to agent`, `max 5`, `approval`: the words of a manifest's one line. */
function manifestWord({ name: word, values }: BlockEntry): string {
  const [given] = values;
  if (given === undefined || given.kind === "bool") return word;
  return given.kind === "string" ? `${word} ${quoted(given.value)}` : `${word} ${value(given)}`;
}

function entryLine({ keyword }: Block, { name: of, values }: BlockEntry): string {
  if (keyword === "trust" && of === "key") {
    const [registry, key] = values;
    if (registry?.kind === "string" && key?.kind === "string")
      return `key ${quoted(registry.value)} ${quoted(key.value)}`;
  }
  const [only] = values;
  return values.length === 1 && only !== undefined ? `${of} = ${value(only)}` : `${of} ${values.map(value).join(" ")}`;
}
