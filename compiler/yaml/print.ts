// A stack as YAML or JSON that reads back as the same tree: comments and layout are gone, everything that decides stays.
// Only for a stack without errors; refused blocks keep no content and cannot be printed.
import { stringify } from "yaml";
import type {
  Agent,
  Assert,
  Budget,
  BudgetField,
  Field,
  Gate,
  Import,
  NetworkMatcher,
  Pack,
  Phase,
  Rule,
  Stack,
  Use,
  Value,
} from "../ast.ts";
import { meantValue } from "../names.ts";
import { ownParts } from "../packs/own.ts";
import { conditionText, durationText, nameText, quoted, valueText } from "../text.ts";
import { map, type Plain, type PlainMap, plainValue } from "./plain.ts";
import { plainBlocks } from "./print-block.ts";

/** The text of governance.fms.yaml. Throws where the stack has blocks that this version does not keep. */
export function toYaml(stack: Stack): string {
  // Words such as `on` are quoted for readers of the older YAML; this one takes them as text either way.
  return stringify(plainStack(stack), { lineWidth: 0, compat: "yaml-1.1", aliasDuplicateObjects: false });
}

/** The text of governance.fms.json. Throws as toYaml does. */
export function toJson(stack: Stack): string {
  return `${json(plainStack(stack), "")}\n`;
}

function json(value: Plain, indent: string): string {
  if (typeof value === "number") return Object.is(value, -0) ? "-0" : String(value);
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const inner = `${indent}  `;
  const members = isMap(value)
    ? [...value].map(([key, item]) => `${inner}${JSON.stringify(key)}: ${json(item, inner)}`)
    : value.map((item) => `${inner}${json(item, inner)}`);
  const [open, close] = isMap(value) ? "{}" : "[]";
  return members.length === 0 ? `${open}${close}` : `${open}\n${members.join(",\n")}\n${indent}${close}`;
}

function isMap(value: readonly Plain[] | PlainMap): value is PlainMap {
  return value instanceof Map;
}

function unlessEmpty<T>(items: readonly T[], print: (item: T) => Plain): Plain | undefined {
  return items.length === 0 ? undefined : items.map(print);
}

function plainStack(stack: Stack): Plain {
  const { agents, anonymous, runtime, imports, packs } = stack;
  return map(
    ["imports", unlessEmpty(imports, plainImport)],
    ["packs", packs.length === 0 ? undefined : map(...packs.map((pack) => [pack.name, plainPack(pack)] as const))],
    [
      "runtime",
      runtime === null ? undefined : map(...runtime.fields.map((f) => [f.name, plainValue(f.value)] as const)),
    ],
    ...plainBlocks(stack.blocks),
    ["agents", agents.length === 0 ? undefined : map(...agents.map((agent) => [agent.id, plainAgent(agent)] as const))],
    ["rules", anonymous === null ? undefined : anonymous.rules.map(plainRule)],
    ["asserts", unlessEmpty(stack.asserts, plainAssert)],
  );
}

function plainImport({ reference, alias }: Import): Plain {
  return alias === null ? reference : map(["import", reference], ["as", alias.name]);
}

function plainPack(written: Pack): Plain {
  const pack = withNamedValues(written);
  const { params } = pack;
  return map(
    [
      "params",
      params.length === 0
        ? undefined
        : map(
            ...params.map(
              (p) => [p.name, p.default === null ? map(["required", true]) : plainValue(p.default)] as const,
            ),
          ),
    ],
    ...plainParts(pack),
    ["uses", plainUses(pack.uses)],
  );
}

/** A bare word that names a value of the pack is written `vars.x` here, where every word is a text. */
function withNamedValues(pack: Pack): Pack {
  const names = new Set([...pack.params, ...pack.vars].map(({ name }) => name));
  const named = <T extends Field | BudgetField>(field: T): T => {
    const { value } = field;
    if (value.kind !== "word" || !names.has(value.value)) return field;
    return { ...field, value: { kind: "string", value: `vars.${value.value}`, span: value.span } };
  };
  return {
    ...pack,
    budgets: pack.budgets.map((budget) => ({ ...budget, fields: budget.fields.map(named) })),
    uses: pack.uses.map((use) => ({ ...use, parameters: use.parameters.map(named) })),
  };
}

function plainUses(uses: readonly Use[]): Plain | undefined {
  if (uses.length === 0) return undefined;
  const given = ({ parameters }: Use): Plain => map(...parameters.map((f) => [f.name, plainValue(f.value)] as const));
  return map(...uses.map((use) => [use.name, given(use)] as const));
}

/** What agents and packs have alike. What a pack brought into an agent is the pack's to say. */
function plainParts(parts: Pick<Agent, "vars" | "rules" | "budgets" | "rateLimits" | "redactions">) {
  return [
    [
      "vars",
      parts.vars.length === 0 ? undefined : map(...parts.vars.map((v) => [v.name, plainValue(v.value)] as const)),
    ],
    ["rules", unlessEmpty(ownParts(parts.rules), plainRule)],
    ["budgets", unlessEmpty(ownParts(parts.budgets), plainBudget)],
    [
      "rate_limits",
      unlessEmpty(ownParts(parts.rateLimits), ({ pattern, count, windowMs }) =>
        map(["tool", pattern.text], ["limit", `${count} per ${durationText(windowMs)}`]),
      ),
    ],
    [
      "redactions",
      unlessEmpty(ownParts(parts.redactions), ({ pattern, paths }) =>
        map(["tool", pattern.text], ["paths", paths.map((path) => path.text)]),
      ),
    ],
  ] as const;
}

function plainAgent(agent: Agent): Plain {
  return map(
    ["default", agent.default?.effect],
    ...agent.fields.map((field) => [field.name, plainText(field.value)] as const),
    ...plainParts(agent),
    ["phases", unlessEmpty(agent.phases, plainPhase)],
    ["uses", plainUses(agent.uses)],
    ["egress", plainGate(agent, agent.egress)],
    ["model_policy", plainGate(agent, agent.modelPolicy)],
    ...plainBlocks(agent.blocks),
    ["asserts", unlessEmpty(agent.asserts, plainAssert)],
  );
}

/** A variable is named by `vars.x` here, where a bare word is a text. */
function plainGate(agent: Agent, gate: Gate | null): Plain | undefined {
  if (gate === null) return undefined;
  return map(
    ...gate.fields.map(({ name, value }) => {
      const { variable } = meantValue(agent, value);
      return [name, variable === null ? plainText(value) : `vars.${variable}`] as const;
    }),
  );
}

/**
 * A rule with two matchers of one name stands as text: the keys of a map are there once. So does one whose matcher is a
 * bare word, which may name a variable, or a text that reads like one.
 */
function isOnlyText({ network }: Rule): boolean {
  const isTwice = new Set(network.map(({ part, key }) => `${part} ${key}`)).size < network.length;
  const speaksOfVariable = ({ value }: NetworkMatcher): boolean =>
    (value.kind === "word" && /^[A-Za-z_][\w.-]*$/.test(value.value)) ||
    (value.kind === "string" && value.value.startsWith("vars."));
  return isTwice || network.some(speaksOfVariable);
}

function textOfRule({ effect, pattern, condition, network, notify, reason, reeval }: Rule): string {
  const named = network.map(({ part, key, value }) => {
    return key === null ? `${part} ${valueText(value)}` : `${part} ${quoted(key)}=${valueText(value)}`;
  });
  const clauses = [
    condition === null ? "" : `if ${conditionText(condition)}`,
    ...named,
    notify.length === 0 ? "" : `notify [${notify.map(valueText).join(", ")}]`,
    reason === null ? "" : `reason ${quoted(reason)}`,
    reeval === null ? "" : `reeval ${reeval}`,
  ];
  return [effect, quoted(pattern.text), ...clauses.filter((clause) => clause !== "")].join(" ");
}

function plainRule(rule: Rule): Plain {
  if (isOnlyText(rule)) return textOfRule(rule);
  const { effect, pattern, condition, network, notify, reason, reeval } = rule;
  return map(
    ["effect", effect],
    ["tool", pattern.text],
    ["if", condition === null ? undefined : conditionText(condition)],
    ...matchers(network),
    ["reason", reason ?? undefined],
    ["notify", notify.length === 0 ? undefined : notify.map(plainText)],
    ["reeval", reeval ?? undefined],
  );
}

function plainAssert({ quantifier, rule }: Assert): Plain {
  return `${quantifier} ${textOfRule(rule)}`;
}

/** In the author's order; those of `query` and `header` share a map where the first of them stands. */
function matchers(network: readonly NetworkMatcher[]): (readonly [string, Plain])[] {
  const members = new Map<string, Plain>();
  for (const { part, key, value } of network) {
    const before = members.get(part);
    if (key === null) members.set(part, plainText(value));
    else members.set(part, new Map([...(before instanceof Map ? before : []), [key, plainText(value)]]));
  }
  return [...members];
}

function plainBudget({ id, fields }: Budget): Plain {
  return map(["id", id], ...fields.map((field) => [field.name, plainCost(field)] as const));
}

function plainCost({ name, value }: Field | BudgetField): Plain {
  if (value.kind === "name") return nameText(value);
  if (name === "window" && value.kind === "number") return durationText(value.value * 1_000);
  return plainValue(value);
}

function plainPhase({ name, durationMs, next, tools, rules }: Phase): Plain {
  return map(
    ["name", name],
    ["duration", durationMs === null ? undefined : durationText(durationMs)],
    ["next", next?.name],
    ["tools", unlessEmpty(tools, (tool) => tool.text)],
    ["rules", rules.map(plainRule)],
  );
}

/** Where text is always text. */
function plainText(value: Value): Plain {
  if (value.kind === "list") return value.items.map(plainText);
  return value.kind === "string" || value.kind === "word" ? value.value : plainValue(value);
}
