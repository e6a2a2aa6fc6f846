// What may stand at a place of a policy, for editors: words of the language from its own tables, and names that the text
// declares or mentions. It works on text that is half written or broken, never throws, and never says what is wrong.
import { blockKinds, fieldOf, isBlockKeyword } from "../blocks.ts";
import { budgetChoices, budgetFields } from "../check/budget.ts";
import { functionNames, methodNames } from "../check/condition.ts";
import { runtimeFields } from "../check/fields.ts";
import { requestWords, timeParts } from "../names.ts";
import { clauses, operators, statementWords } from "../statements.ts";
import type { ScannedToken } from "../tokens.ts";
import * as t from "../tokens.ts";
import { type Scene, sceneAt } from "./scene.ts";

export interface Completion {
  readonly label: string;
  readonly kind: "keyword" | "field" | "value" | "name" | "function" | "tool";
  /** What it is, in a few words, where a table says so. */
  readonly detail?: string;
}

export interface Completions {
  /** What a completion replaces: the word being typed; offsets in UTF-16 code units, end exclusive. */
  readonly start: number;
  readonly end: number;
  /** Those that begin as the word does, likeliest first. */
  readonly items: readonly Completion[];
}

/** What may stand at `offset` (UTF-16 code units) of a policy as text; nothing inside of comments and of text in quotes. */
export function complete(text: string, offset: number): Completions {
  const end = Math.max(0, Math.min(offset, text.length));
  const scene = sceneAt(text, end);
  const word = text.slice(scene.start, end).toLowerCase();
  const seen = new Set<string>();
  const items = (scene.isVerbatim ? [] : itemsAt(scene)).filter(({ label }) => {
    if (seen.has(label) || !label.toLowerCase().startsWith(word)) return false;
    seen.add(label);
    return true;
  });
  return { start: scene.start, end, items };
}

const of = (kind: Completion["kind"], labels: readonly string[]): Completion[] =>
  labels.map((label) => ({ label, kind }));

/** The production of statements that a block holds; blocks of fields have none. */
const productions: Readonly<Record<string, string>> = {
  top: "topStatement",
  agent: "agentStatement",
  rules: "rulesStatement",
  phase: "phaseStatement",
  pack: "packStatement",
};

function itemsAt(scene: Scene): Completion[] {
  const block = scene.blocks.at(-1) ?? "top";
  const production = productions[block];
  return production === undefined ? fieldItems(block, scene) : statementItems(production, scene);
}

function statementItems(production: string, scene: Scene): Completion[] {
  const { statement, names } = scene;
  const words = of("keyword", statementWords[production] ?? []);
  const last = statement.at(-1);
  if (last === undefined) return words;
  const head = statement.findLastIndex((token) => heads.has(token.tokenType) && !isOperand(statement, token));
  const [first] = head < 0 ? [] : statement.slice(head);
  if (first === undefined) return words;
  const rest = statement.slice(head + 1);
  const own = afterHead(first, rest, scene);
  if (own !== null) return own;
  const isRule = first.tokenType === t.Effect || first.tokenType === t.Mandatory;
  if (!isRule) return scene.startsLine ? words : [];
  if (rest.length === 0) return of("tool", names.tools);
  const going = ruleItems(rest, scene);
  return scene.startsLine && going.every(({ kind }) => kind === "keyword") ? [...words, ...going] : going;
}

/** What begins a statement whose next words are known. */
const heads = new Set([
  t.Effect, t.Mandatory, t.Default, t.RateLimit, t.Redact, t.Use, t.Delegate, t.Manifest, t.Next, t.Tools,
]); // biome-ignore format: a table

/** A word of the language that is an argument's name in a condition. */
function isOperand(statement: readonly ScannedToken[], token: ScannedToken): boolean {
  const before = statement[statement.indexOf(token) - 1]?.tokenType;
  return (
    before !== undefined &&
    (before === t.Dot || before === t.If || before === t.OperatorSign || before === t.OperatorWord)
  );
}

function afterHead(head: ScannedToken, rest: readonly ScannedToken[], { names }: Scene): Completion[] | null {
  const isBare = rest.every(({ tokenType }) => tokenType === t.Equals || tokenType === t.Colon);
  const last = rest.at(-1);
  switch (head.tokenType) {
    case t.Default:
      return isBare ? of("value", ["deny", "permit", "defer"]) : null;
    case t.Next:
      return isBare ? of("value", ["enforce", ...names.phases]) : null;
    case t.Use:
      return isBare ? of("name", names.packs) : null;
    case t.Delegate:
      return isBare ? of("name", names.agents) : null;
    case t.Tools:
      return isBare || last?.tokenType === t.LSquare || last?.tokenType === t.Comma ? of("tool", names.tools) : null;
    case t.Redact:
      return isBare ? of("tool", names.tools) : rest.length === 1 ? of("keyword", ["args"]) : null;
    case t.RateLimit:
      if (isBare) return of("tool", names.tools);
      if (last?.tokenType === t.Quantity) return of("keyword", ["per"]);
      return last?.tokenType === t.Per ? of("value", ["second", "minute", "hour", "day"]) : null;
    case t.Manifest:
      return manifestItems(rest, names.agents);
    default:
      return null;
  }
}

function manifestItems(rest: readonly ScannedToken[], agents: readonly string[]): Completion[] | null {
  const last = rest.at(-1)?.image;
  if (last === undefined) return of("keyword", ["grant", "orchestrator"]);
  if (last === "undeclared") return of("value", ["deny", "defer"]);
  if (["grant", "orchestrator", "to"].includes(last)) return of("name", agents);
  const before = rest.at(-2)?.image;
  if (before === "orchestrator") return of("keyword", ["undeclared"]);
  if (before === "grant") return of("keyword", ["to"]);
  return before === "to" ? of("keyword", ["max"]) : before === "max" ? of("keyword", ["approval"]) : null;
}

/** After the tool of a rule: members, operands, or what may follow an operand. */
function ruleItems(rest: readonly ScannedToken[], scene: Scene): Completion[] {
  const last = rest.at(-1);
  const type = last?.tokenType;
  const hasCondition = rest.some(({ tokenType }) => tokenType === t.If);
  if (type === t.Dot) return memberItems(rest.at(-2)?.image ?? "", scene);
  const asks =
    type === t.If ||
    type === t.OperatorSign ||
    type === t.OperatorWord ||
    type === t.Not ||
    type === t.Bang ||
    type === t.Minus;
  if (asks || (hasCondition && (type === t.LParen || type === t.Comma))) return operandItems(scene);
  const before = type === t.Colon || type === t.Equals ? rest.at(-2)?.image : last?.image;
  if (before === "reeval") return of("value", ["true", "false"]);
  if (before === "method") return of("value", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
  if (rest.length > 1 && (last?.image === "reason" || last?.image === "notify" || type === t.In)) return [];
  return of("keyword", hasCondition ? [...operators, ...clauses] : clauses);
}

function operandItems({ names }: Scene): Completion[] {
  const { alone, owners } = requestWords();
  return [
    ...of("name", [...names.variables, ...names.selectors, ...names.args]),
    ...of("name", [...alone, ...owners]),
    ...of("function", functionNames),
    ...of("value", ["true", "false", "nil"]),
    ...of("keyword", ["not"]),
  ];
}

function memberItems(owner: string, { names }: Scene): Completion[] {
  if (owner === "time") return of("name", Object.keys(timeParts));
  if (owner === "vars") return of("name", names.variables);
  if (owner === "selectors") return of("name", names.selectors);
  if (owner === "session") return [...of("name", ["id"]), ...of("function", ["count", "sum"])];
  if (owner === "args") return of("name", names.args);
  return [...of("name", ["length"]), ...of("function", methodNames)];
}

/** In a block of fields: names of fields, and values where a field takes one of a few. */
function fieldItems(block: string, { statement, names, startsLine }: Scene): Completion[] {
  const last = statement.at(-1);
  const isAfterSign = last !== undefined && (last.tokenType === t.Equals || last.tokenType === t.Colon);
  const name = (isAfterSign ? statement.at(-2) : last)?.image ?? "";
  const values = last === undefined ? [] : valuesOf(block, name, names);
  if (values.length > 0 && (isAfterSign || !startsLine)) return values;
  return isAfterSign ? [] : fieldsOf(block);
}

function fieldsOf(block: string): Completion[] {
  if (block === "runtime") return of("field", Object.keys(runtimeFields));
  if (block === "budget") return of("field", budgetFields);
  if (block === "egress" || block === "model_policy") return of("field", ["allow", "deny"]);
  if (!isBlockKeyword(block)) return [];
  return Object.entries(blockKinds[block].fields).map(([label, { doc }]) => ({ label, kind: "field", detail: doc }));
}

function valuesOf(block: string, name: string, names: Scene["names"]): Completion[] {
  if (block === "runtime") {
    const shape = Object.hasOwn(runtimeFields, name) ? runtimeFields[name] : undefined;
    return shape === "bool" ? of("value", ["true", "false"]) : Array.isArray(shape) ? of("value", shape) : [];
  }
  if (block === "budget") {
    if (name === "tools") return of("tool", names.tools);
    if (name === "cost") return of("name", names.args);
    return Object.hasOwn(budgetChoices, name) ? of("value", budgetChoices[name as keyof typeof budgetChoices]) : [];
  }
  const field = isBlockKeyword(block) ? fieldOf(block, name)?.field : undefined;
  if (field === undefined) return [];
  if (field.choices !== undefined) return of("value", field.choices);
  if (field.holds.includes("bool")) return of("value", ["true", "false"]);
  if (name === "target_agent" || name === "to") return of("name", names.agents);
  return name === "scope" ? of("tool", names.tools) : [];
}
