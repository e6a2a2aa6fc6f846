// The canonical words of a rule: one spelling for both dialects, used by plan, explain, the image's source map and the
// rule's digest. Comments and layout are gone; reasons and notifications are not part of what a rule means.
import type { Block, BlockEntry, Expr, Gate, Name, NetworkMatcher, Rule, Value } from "./ast.ts";

/** `permit stripe/charge if amount < $500`. */
export function ruleText(rule: Rule): string {
  const parts = [rule.effect, rule.pattern.text];
  if (rule.condition !== null) parts.push("if", conditionText(rule.condition));
  for (const matcher of rule.network) parts.push(matcherText(matcher));
  return parts.join(" ");
}

/** `egress { allow ["api.example.com"], deny ["*.internal"] }`. */
export function gateText({ keyword, fields }: Gate): string {
  const lists = fields.map(({ name, value }) => `${name} ${valueText(value)}`);
  return lists.length === 0 ? `${keyword} { }` : `${keyword} { ${lists.join(", ")} }`;
}

/** `provider "vault" { addr = env("VAULT_ADDR"), type = "vault" }`, whatever the order of its fields. */
export function blockText({ keyword, name, entries }: Block): string {
  const field = ({ name: of, values }: BlockEntry): string => `${of} = ${values.map(valueText).join(" ")}`;
  if (keyword === "manifest")
    return `manifest ${entries.map((e) => `${e.name} ${e.values.map(valueText).join(" ")}`).join(" ")}`;
  const head = name === null ? keyword : `${keyword} ${quoted(name)}`;
  return `${head} { ${entries.map(field).sort().join(", ")} }`;
}

function matcherText(matcher: NetworkMatcher): string {
  return matcher.key === null
    ? `${matcher.part} ${valueText(matcher.value)}`
    : `${matcher.part} ${matcher.key}=${valueText(matcher.value)}`;
}

/** Binding strength, weakest first; an operand weaker than its place is put in parentheses. */
const strength = {
  or: 1,
  and: 2,
  not: 3,
  compare: 4,
  "+": 5,
  "-": 5,
  "*": 6,
  "/": 6,
  "%": 6,
  negate: 7,
  atom: 8,
} as const;

export function conditionText(expr: Expr): string {
  return print(expr, 0);
}

function strengthOf(expr: Expr): number {
  switch (expr.kind) {
    case "logical":
    case "arithmetic":
      return strength[expr.operator];
    case "compare":
    case "not":
    case "negate":
      return strength[expr.kind];
    default:
      return strength.atom;
  }
}

function print(expr: Expr, place: number): string {
  const own = strengthOf(expr);
  const text = printBare(expr, own);
  return own < place ? `(${text})` : text;
}

function printBare(expr: Expr, own: number): string {
  switch (expr.kind) {
    case "logical":
    case "arithmetic":
      return `${print(expr.left, own)} ${expr.operator} ${print(expr.right, own + 1)}`;
    case "compare":
      return `${print(expr.left, own + 1)} ${expr.operator} ${print(expr.right, own + 1)}`;
    case "not":
      return `not ${print(expr.operand, own)}`;
    case "negate":
      return `-${print(expr.operand, own + 1)}`;
    case "call":
      return `${expr.name}(${expr.arguments.map(conditionText).join(", ")})`;
    case "method":
      return `${print(expr.receiver, strength.atom)}.${expr.name}(${expr.arguments.map(conditionText).join(", ")})`;
    case "name":
      return nameText(expr);
    default:
      return valueText(expr);
  }
}

export function nameText(name: Pick<Name, "path">): string {
  return name.path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}

/** A value as the author could have written it: money and durations keep their text, strings get double quotes. */
export function valueText(value: Value): string {
  switch (value.kind) {
    case "string":
      return quoted(value.value);
    case "number":
      return value.text;
    case "bool":
      return value.value ? "true" : "false";
    case "nil":
      return "nil";
    case "word":
      return value.value;
    case "env":
      return `env(${quoted(value.variable)})`;
    case "list":
      return `[${value.items.map(valueText).join(", ")}]`;
  }
}

/** Escapes of JSON that the language does not have. */
const escapesOfJson: Readonly<Record<string, string>> = { b: "\\u0008", f: "\\u000c" };

/** A string in double quotes that reads back as itself. */
export function quoted(text: string): string {
  return JSON.stringify(text)
    .replace(/\u007f/g, "\\u007f")
    .replace(/\\(.)/g, (whole, sign: string) => escapesOfJson[sign] ?? whole);
}

const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;

/** `1h30m`; the language's durations are whole milliseconds. */
export function durationText(totalMs: number): string {
  let left = Math.round(totalMs);
  const parts = units.map(([unit, sizeMs]) => {
    const count = Math.floor(left / sizeMs);
    left -= count * sizeMs;
    return count === 0 ? "" : `${count}${unit}`;
  });
  return parts.join("") || "0s";
}
