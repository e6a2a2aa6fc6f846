// Conditions by chance: every operator over every kind of operand, mostly of kinds that fit, often enough of kinds that
// do not. A condition keeps the conditions it is made of, which are its simpler forms.
import type { Random } from "./random.ts";
import {
  arrayPaths,
  expressions,
  fields,
  numberTexts,
  numberWords,
  purposes,
  strings,
  textWords,
  tools,
} from "./words.ts";

export interface ConditionDraft {
  readonly text: string;
  readonly parts: readonly ConditionDraft[];
}

/** `depth` is how many levels of and, or, not there may be. */
export function conditionDraft(random: Random, depth: number): ConditionDraft {
  if (depth === 0) return { text: testText(random), parts: [] };
  const left = conditionDraft(random, depth - 1);
  const form = random.below(5);
  if (form === 0) return { text: random.pick([`not (${left.text})`, `!(${left.text})`]), parts: [left] };
  if (form === 1) return left;
  const right = conditionDraft(random, random.below(depth));
  const word = random.pick(["and", "or", "&&", "||"]);
  const text = random.oneIn(2) ? `(${left.text}) ${word} (${right.text})` : `${left.text} ${word} ${right.text}`;
  return { text, parts: [left, right] };
}

function testText(random: Random): string {
  const field = random.pick(fields);
  if (random.oneIn(12)) return historyTest(random);
  switch (random.below(20)) {
    case 0:
    case 1:
    case 2:
      return `${field} ${comparison(random)} ${random.pick(numberTexts)}`;
    case 3:
      return `${field} ${comparison(random)} ${quoted(random)}`;
    case 4:
      return `${field} ${comparison(random)} ${random.pick(fields)}`;
    case 5:
      return `${field} ${random.pick(["==", "!="])} ${random.pick(["nil", "null", "true", "false"])}`;
    case 6:
      return `${field} ${random.pick(["in", "not in"])} [${random.list(1, 4, () => literal(random)).join(", ")}]`;
    case 7:
      return `${random.oneIn(2) ? field : literal(random)} ${random.pick(["in", "not in"])} ${random.pick(fields)}`;
    case 8:
      return containsTest(random, field);
    case 9:
      return affixTest(random, field);
    case 10:
      return `${textOperand(random, field)} ${random.pick(["matches", "=~"])} ${expression(random)}`;
    case 11:
      return random.pick([
        field,
        `purpose("${random.pick(purposes)}")`,
        "true",
        "v == w",
        `${field} == v`,
        `${field} in vars.v`,
      ]);
    case 12:
      return `${sum(random, 2)} ${comparison(random)} ${sum(random, 1)}`;
    case 13:
      return `len(${textOperand(random, field)}) ${comparison(random)} ${random.pick(numberTexts)}`;
    case 14:
      return `${random.pick(textWords)} ${random.pick(["==", "!=", "<", ">=", "contains", "starts_with", "ends_with"])} ${wordText(random)}`;
    case 15:
      return `${random.pick(["x", "y", "a.b"])} % ${random.pick(["2", "3", "-3", "y"])} ${comparison(random)} ${random.pick(["0", "1", "-1", "2", "-2"])}`;
    case 16:
      return `${random.pick(numberWords)} ${comparison(random)} ${random.oneIn(3) ? random.pick(fields) : numberNear(random)}`;
    case 17:
    case 18:
      return arrayTest(random);
    default:
      return `${random.pick(numberTexts)} ${comparison(random)} ${field}`;
  }
}

const wordText = (random: Random): string =>
  JSON.stringify(random.pick([...tools, ...strings, "a", "b", "default", "s1"] as const));

/** Near the hours, days, months and lengths that there are. */
const numberNear = (random: Random): string =>
  String(random.pick([0, 1, 2, 3, 7, 12, 23, 28, 29, 30, 59, 1_709_164_200] as const));

function containsTest(random: Random, field: string): string {
  const argument = random.oneIn(3) ? random.pick(fields) : literal(random);
  return random.oneIn(3) ? `${field}.contains(${argument})` : `${field} contains ${argument}`;
}

function affixTest(random: Random, field: string): string {
  const argument = random.oneIn(3) ? random.pick(fields) : quoted(random);
  const word = random.pick(["starts_with", "ends_with", "startsWith", "endsWith"]);
  return random.oneIn(3) ? `${field}.${word}(${argument})` : `${textOperand(random, field)} ${word} ${argument}`;
}

function arrayTest(random: Random): string {
  const path = JSON.stringify(random.pick(arrayPaths));
  switch (random.below(4)) {
    case 0:
      return `args_array_len(${path}) ${comparison(random)} ${random.pick(["0", "1", "2", "3", "nil", "x", 'args_array_len("list")'])}`;
    case 1:
      return `args_array_any_match(${path}, ${expression(random)})`;
    default:
      return `args_array_contains(${path}, ${random.pick([quoted(random), random.pick(numberTexts), "true", "false", "v", "x", "args.y", "lower(z)", "x + 1"])})`;
  }
}

/** What the session has seen: the same few patterns and windows, so that queries are shared. */
function historyTest(random: Random): string {
  const pattern = (): string => JSON.stringify(random.pick(["t", "u", "a/b", "a/c", "*", "a/**"]));
  const seconds = random.pick(["1", "60", "3600", "10m", "1d"]);
  const window = random.oneIn(2) ? "" : `, window=${random.pick(["7s", "10m", "1h"])}`;
  const few = `${comparison(random)} ${random.pick(["0", "1", "2", "5"])}`;
  switch (random.below(6)) {
    case 0:
      return `history_tool_count(${pattern()}) ${few}`;
    case 1:
      return `history_contains_within(${pattern()}, ${seconds})`;
    case 2:
      return `history_sequence(${random.list(1, 3, pattern).join(", ")})`;
    case 3:
      return `deny_count_within(${seconds}) ${few}`;
    case 4:
      return `session.count(${pattern()}${window}) ${few}`;
    default:
      return `session.sum(${random.pick(["t.x", "t.amount", "a/b.amount", "a/b.a.b", '"*.amount"', '"a/**.list[0]"'])}${window}) ${comparison(random)} ${random.pick(["0", "1", "2", "2.5", "0.1", "0.3", "-1"])}`;
  }
}

const expression = (random: Random): string => JSON.stringify(random.pick(expressions)).replaceAll("\\\\", "\\");

const comparison = (random: Random): string => random.pick(["==", "!=", "<", "<=", ">", ">="]);

const quoted = (random: Random): string => JSON.stringify(random.pick(strings));

const literal = (random: Random): string =>
  random.pick([quoted(random), quoted(random), random.pick(numberTexts), "true", "false", "nil"]);

const textOperand = (random: Random, field: string): string =>
  random.pick([field, field, `lower(${field})`, `upper(${field})`]);

function sum(random: Random, depth: number): string {
  if (depth === 0 || random.oneIn(4)) return random.pick([random.pick(fields), random.pick(numberTexts), "x", "y"]);
  const word = random.pick(["+", "-", "*", "/", "%"]);
  const text = `${sum(random, depth - 1)} ${word} ${sum(random, depth - 1)}`;
  return random.oneIn(2) ? `(${text})` : text;
}
