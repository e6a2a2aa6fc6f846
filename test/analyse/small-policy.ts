// Policies by chance that are small enough to try every call that their rules can tell apart: one agent, rules over two
// arguments, and the values of those arguments at and around every constant that a rule names.
import type { Random } from "../generate/random.ts";

/** What an argument holds; undefined where the call has none. */
export type Value = null | boolean | number | string | readonly Value[] | { readonly k?: Value } | undefined;

/** Each kind of name that some set of the patterns matches. */
export const toolNames = ["t", "u", "z", "a/b", "a/c", "z/z", "z/b", "a/b/c", "z/z/z"] as const;
const patterns = ["t", "t", "t", "u", "a/b", "a/*", "a/**", "*", "**", "*/b", "*/*"] as const;
const numbers = [0, 1, 2, 2.5, 5, -1, 100] as const;
const texts = ["", "a", "ab", "abc", "b", "B", "é"] as const;
const fields = ["x", "y", "x.k"] as const;

/** Half of the policies read `x` and `y`, the others what lies in `x`, beside `y` or beside `x` itself. */
export function smallPolicy(random: Random): string {
  const read = random.pick<Fields>([
    ["x", "y"],
    ["x", "y"],
    ["x.k", "y"],
    ["x", "x.k"],
  ]);
  const rules = random.list(1, 7, () => ruleText(random, read));
  const strict = random.oneIn(3) ? "strict_guards = true" : "";
  const fallback = random.pick(["deny", "permit", "defer"]);
  return `runtime { mode = "enforce" ${strict} }\nagent "a" {\n  default ${fallback}\n${rules.join("\n")}\n}\n`;
}

type Fields = readonly [(typeof fields)[number], (typeof fields)[number]];

function ruleText(random: Random, read: Fields): string {
  const effect = random.pick(["permit", "permit", "permit", "deny", "deny", "defer", "deny!"]);
  const condition = random.oneIn(6) ? "" : ` if ${conditionText(random, read, random.below(3))}`;
  const reason = random.oneIn(12) ? ' reason "said"' : "";
  return `  ${effect} "${random.pick(patterns)}"${condition}${reason}`;
}

function conditionText(random: Random, read: Fields, depth: number): string {
  if (depth === 0) return testText(random, random.pick(read));
  const [left, right] = [conditionText(random, read, depth - 1), conditionText(random, read, 0)];
  if (random.oneIn(5)) return `not (${left})`;
  return `(${left}) ${random.pick(["and", "or"])} (${right})`;
}

function testText(random: Random, field: string): string {
  const text = (): string => JSON.stringify(random.pick(texts));
  const bound = random.pick(["<", "<=", ">", ">=", "==", "!="]);
  switch (random.below(12)) {
    case 0:
    case 1:
    case 2:
    case 3:
      return `${field} ${bound} ${random.pick(numbers)}`;
    case 4:
      return `${field} ${random.pick(["==", "!="])} ${text()}`;
    case 5:
      return `${field} ${random.pick(["in", "not in"])} [${random.list(1, 3, () => (random.oneIn(2) ? text() : random.pick(numbers))).join(", ")}]`;
    case 6:
      return `${field} ${random.pick(["starts_with", "ends_with", "contains"])} ${text()}`;
    case 7:
      return `${field} ${random.pick(["==", "!="])} ${random.pick(["nil", "true", "false"])}`;
    case 8:
      return `len(${field}) ${bound} ${random.pick([0, 1, 2])}`;
    case 9:
      return `lower(${field}) == ${JSON.stringify(random.pick(["a", "b", "ab"]))}`;
    case 10:
      return `${field} * 2 ${bound} ${random.pick(numbers)}`;
    default:
      return `${field} matches ${JSON.stringify(random.pick(["^a", "b$", "^[ab]+$", "c"]))}`;
  }
}

/** Values at and around every constant above; whoever tries a policy adds those that its analysis names. */
export const valuesAround: readonly Value[] = [
  ...numbers.flatMap((one) => [one, one / 2, one - 0.25, one + 0.25]),
  3,
  -1000,
  1000,
  ...texts,
  ...["A", "aB", "abab", "abd", "bc", "c", "xb", "xab", "zzz"],
  true,
  false,
  null,
  [],
  ["a"],
  ["ab", 1],
  [1, 2, 2.5],
  [0, 5, -1, 100],
  ["", "b", "abc", "é", "B"],
  {},
  undefined,
];

/** The arguments of a call whose places hold these values; `x` holds an object where something lies in it. */
export function argsOf(read: readonly string[], values: readonly Value[]): { readonly [name: string]: Value } {
  const args: { [name: string]: Value } = {};
  const inner = read.indexOf("x.k");
  const holdsInner = inner >= 0 && values[inner] !== undefined;
  for (const [i, field] of read.entries()) {
    const value = values[i];
    if (value === undefined) continue;
    if (field === "x.k") args.x = { k: value };
    else if (field !== "x" || !holdsInner) args[field] = value;
  }
  return args;
}
