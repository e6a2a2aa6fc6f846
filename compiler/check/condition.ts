// Conditions: names that exist, functions that exist, operands that can be compared. Kinds are known of literals,
// variables and functions; an argument may be anything until a request comes.

import { TRACK_PLACES_MAX } from "../../vm/shared/image.ts";
import { Root } from "../../vm/shared/isa.ts";
import type { CompareOperator, Expr, Name, Value } from "../ast.ts";
import {
  historyFunctions,
  isArgumentPath,
  isTruth,
  patternsOfQuery,
  type QueryReading,
  readQuery,
} from "../history.ts";
import { limits } from "../limits.ts";
import { type NamesOf, resolveName } from "../names.ts";
import { suggest } from "../suggest.ts";
import { checkPattern } from "./pattern.ts";
import { searchFor } from "./regex.ts";
import type { Report } from "./report.ts";

/** What an operand is, as far as the text tells; `answer` is what a comparison gives. */
type Kind = "text" | "number" | "bool" | "nil" | "list" | "answer" | "any";

const kindNames: Readonly<Record<Kind, string>> = {
  text: "text",
  number: "a number",
  bool: "true or false",
  nil: "nil",
  list: "a list",
  answer: "a comparison",
  any: "any value",
};

const valueFunctions: Readonly<Record<string, Kind>> = { len: "number", lower: "text", upper: "text" };
const comparisonMethods: Readonly<Record<string, CompareOperator>> = {
  contains: "contains",
  starts_with: "starts_with",
  startsWith: "starts_with",
  ends_with: "ends_with",
  endsWith: "ends_with",
  matches: "matches",
};
const arrayFunctions = ["args_array_len", "args_array_contains", "args_array_any_match"];
export const functionNames = [
  "purpose",
  ...Object.keys(valueFunctions),
  ...arrayFunctions,
  ...Object.keys(historyFunctions),
];
export const methodNames = [...Object.keys(comparisonMethods), "lower", "upper"];

export class ConditionChecker {
  readonly #report: Report;
  readonly #agent: NamesOf;
  /** Variables that conditions of the agent read, and selectors as `selectors.<id>`. */
  readonly used = new Set<string>();

  constructor(report: Report, agent: NamesOf) {
    this.#report = report;
    this.#agent = agent;
  }

  /** Checks a condition, or a part of one that `and`, `or`, `not` join. */
  checkTruth(expr: Expr): void {
    if (expr.kind === "logical") {
      this.checkTruth(expr.left);
      this.checkTruth(expr.right);
      return;
    }
    if (expr.kind === "not") {
      this.checkTruth(expr.operand);
      return;
    }
    const kind = this.kindOf(expr);
    if (kind === "answer" || kind === "bool" || kind === "any") return;
    this.#report.add("FMS022", `a condition is true or false, and this is ${kindNames[kind]}`, expr.span, {
      help: "compare it: `amount < 500`",
    });
  }

  kindOf(expr: Expr): Kind {
    switch (expr.kind) {
      case "string":
      case "word":
        this.#limitText(expr);
        return "text";
      case "number":
      case "bool":
      case "nil":
        return expr.kind;
      case "list":
        this.#checkList(expr.items);
        return "list";
      case "env":
        this.#report.noEnv(expr, "a condition");
        return "any";
      case "name":
        return this.#kindOfName(expr);
      case "not":
      case "logical":
        this.checkTruth(expr);
        return "answer";
      case "compare":
        this.#compare(expr.operator, expr.left, expr.right);
        return "answer";
      case "negate":
        this.#number(expr.operand);
        return "number";
      case "arithmetic":
        this.#number(expr.left);
        this.#number(expr.right);
        return "number";
      case "call":
        return this.#call(expr);
      case "method":
        return this.#method(expr);
    }
  }

  #limitText(value: { readonly value: string; readonly span: Expr["span"] }): void {
    if (value.value.length > limits.stringBytes) {
      this.#report.add("FMS004", `this text has more than ${limits.stringBytes} bytes`, value.span);
    }
  }

  #checkList(items: readonly Value[]): void {
    for (const item of items) {
      if (item.kind === "env") this.#report.noEnv(item, "a condition");
      else if (item.kind === "list")
        this.#report.add("FMS012", "a list here holds plain values only", item.span, {
          help: "join the lists into one",
        });
    }
  }

  #kindOfName(name: Name): Kind {
    const found = resolveName(this.#agent, name.path);
    switch (found.kind) {
      case "value":
        this.used.add(found.name);
        return found.value.kind === "env" ? "any" : kindOfValue(found.value);
      case "unsupported":
        this.#report.unsupported(found.word, name.span);
        return "any";
      case "unknown": {
        const written = name.path.join(".");
        const near = suggest(written, found.candidates);
        const known =
          found.candidates.length === 0 ? "no variable is declared" : `there are ${found.candidates.join(", ")}`;
        this.#report.add("FMS021", `unknown name \`${written}\``, name.span, {
          help: near === null ? known : `did you mean \`${near}\`?`,
        });
        return "any";
      }
      case "field":
        if (found.field.root === Root.Selectors) this.used.add(`selectors.${found.field.path[0]}`);
        if (found.length || found.field.root === Root.Time) return "number";
        return textRoots.has(found.field.root) ? "text" : "any";
    }
  }

  #never(expr: Expr, message: string, help?: string): void {
    this.#report.add("FMS022", message, expr.span, help === undefined ? {} : { help });
  }

  /** The kind of an operand that a comparison or a function reads. */
  #operand(expr: Expr): Kind {
    const kind = this.kindOf(expr);
    if (kind !== "answer") return kind;
    this.#never(expr, "a comparison cannot be compared again", "join the two with `and` or `or`");
    return "any";
  }

  #number(expr: Expr): void {
    const kind = this.#operand(expr);
    if (kind !== "number" && kind !== "any")
      this.#never(expr, `arithmetic needs numbers, and this is ${kindNames[kind]}`);
  }

  #compare(operator: CompareOperator, left: Expr, right: Expr): void {
    const a = this.#operand(left);
    if (operator === "matches") {
      this.#text(left, a, "matches");
      this.#pattern(right);
      return;
    }
    const b = this.#operand(right);
    if (operator === "in" || operator === "not in") this.#membership(left, a, right, b);
    else if (operator === "contains") this.#contains(left, a, right, b);
    else if (operator === "starts_with" || operator === "ends_with") {
      this.#text(left, a, operator);
      this.#text(right, b, operator);
    } else this.#order(operator, left, a, right, b);
  }

  #order(operator: CompareOperator, left: Expr, a: Kind, right: Expr, b: Kind): void {
    const whole: Expr = { ...left, span: { ...left.span, end: right.span.end } };
    const equality = operator === "==" || operator === "!=";
    for (const [expr, kind] of [
      [left, a],
      [right, b],
    ] as const) {
      if (kind === "list") {
        this.#never(
          expr,
          `a list cannot be compared with \`${operator}\``,
          "ask for a member: `x in [..]`, `list contains x`",
        );
        return;
      }
      if (!equality && (kind === "nil" || kind === "bool")) {
        const help =
          kind === "nil" ? "ask for presence with `x == nil` or `x != nil`" : "only numbers and text have an order";
        this.#never(expr, `${kindNames[kind]} cannot be compared with \`${operator}\``, help);
        return;
      }
    }
    if (a === b || a === "any" || b === "any" || a === "nil" || b === "nil") return;
    if (isNumericText(left, b) || isNumericText(right, a))
      this.#never(whole, "text and a number are never equal or ordered", "write the number without quotes");
    else this.#never(whole, `${kindNames[a]} and ${kindNames[b]} can never be compared with \`${operator}\``);
  }

  #membership(left: Expr, a: Kind, right: Expr, b: Kind): void {
    if (b !== "list" && b !== "any") {
      const help =
        b === "text" ? 'a part of a text is asked for with `text contains "part"`' : "write a list: `x in [1, 2]`";
      this.#never(right, `\`in\` needs a list, and this is ${kindNames[b]}`, help);
      return;
    }
    if (a === "list") {
      this.#never(left, "a list is never a member of a list");
      return;
    }
    const items = listOf(this.#agent, right);
    if (items === null) return;
    if (items.length === 0) {
      this.#never(right, "nothing is in an empty list");
      return;
    }
    if (a !== "any" && a !== "nil" && !items.some((item) => kindOfValue(item) === a)) {
      this.#never(
        right,
        `the list holds no ${a === "text" ? "text" : a === "number" ? "number" : "true or false"}, and that is what is looked for`,
      );
    }
  }

  #contains(left: Expr, a: Kind, right: Expr, b: Kind): void {
    if (a !== "text" && a !== "list" && a !== "any") {
      this.#never(left, `\`contains\` needs text or a list, and this is ${kindNames[a]}`);
      return;
    }
    if (b === "nil" || b === "list") {
      this.#never(right, `${kindNames[b]} is never contained`);
      return;
    }
    if (a === "text" && b !== "text" && b !== "any")
      this.#never(right, `text never contains ${kindNames[b]}`, "put it in quotes");
  }

  #text(expr: Expr, kind: Kind, operator: string): void {
    if (kind !== "text" && kind !== "any")
      this.#never(expr, `\`${operator}\` needs text, and this is ${kindNames[kind]}`);
  }

  /** The right side of `matches`: text that is known now, and a regular expression. */
  #pattern(expr: Expr): void {
    const value = expr.kind === "name" ? this.#variable(expr) : expr;
    if (value?.kind === "env") return;
    if (value === null || value.kind !== "string") {
      this.#report.add("FMS023", "`matches` needs a regular expression in quotes", expr.span, {
        help: 'write `matches "^a+$"`',
      });
      return;
    }
    if (value.value.length > limits.regexLength) {
      this.#report.add(
        "FMS004",
        `this regular expression has ${value.value.length} characters; at most ${limits.regexLength} are allowed`,
        expr.span,
      );
      return;
    }
    const result = searchFor(value.value);
    if (result.ok) return;
    this.#report.add("FMS023", result.message, expr.span, result.help === undefined ? {} : { help: result.help });
  }

  #variable(name: Name): Value | null {
    const found = resolveName(this.#agent, name.path);
    if (found.kind !== "value") return null;
    this.used.add(found.name);
    return found.value;
  }

  #call(expr: Extract<Expr, { kind: "call" }>): Kind {
    const { name, nameSpan, arguments: inputs } = expr;
    const [input] = inputs;
    const reading = readQuery(expr);
    if (reading !== null) return this.#query(expr, reading);
    if (name === "purpose") {
      if (inputs.length !== 1 || input?.kind !== "string")
        this.#report.add("FMS012", "`purpose` takes one text in quotes", expr.span, {
          help: 'write purpose("support")',
        });
      return "answer";
    }
    if (arrayFunctions.includes(name)) return this.#arrayCall(expr);
    const result = Object.hasOwn(valueFunctions, name) ? valueFunctions[name] : undefined;
    if (result === undefined) {
      this.#unknown(name, nameSpan, functionNames, "function");
      return "any";
    }
    if (inputs.length !== 1 || input === undefined) {
      this.#report.add("FMS012", `\`${name}\` takes one value, not ${inputs.length}`, expr.span);
      return result;
    }
    this.#valueInput(name, input);
    return result;
  }

  /** The first input is a path into the arguments, in quotes. */
  #arrayCall(expr: Extract<Expr, { kind: "call" }>): Kind {
    const { name, arguments: inputs } = expr;
    const [path, sought] = inputs;
    const wanted = name === "args_array_len" ? 1 : 2;
    if (inputs.length !== wanted || path?.kind !== "string" || !isArgumentPath(path.value)) {
      const help = wanted === 1 ? `write ${name}("items")` : `write ${name}("items", "…")`;
      this.#report.add("FMS012", `\`${name}\` takes a path in quotes${wanted === 1 ? "" : " and a value"}`, expr.span, {
        help,
      });
    } else if (name === "args_array_any_match" && sought !== undefined) this.#pattern(sought);
    else if (sought !== undefined) {
      const kind = this.#operand(sought);
      if (kind === "nil" || kind === "list" || kind === "answer")
        this.#never(sought, "a member is looked for by text, a number, true or false");
    }
    return name === "args_array_len" ? "number" : "answer";
  }

  #valueInput(name: string, input: Expr): void {
    const kind = this.#operand(input);
    if (kind === "any" || kind === "text" || (kind === "list" && name === "len" && input.kind !== "list")) return;
    this.#never(
      input,
      `\`${name}\` needs ${name === "len" ? "text or a list" : "text"}, and this is ${kindNames[kind]}`,
    );
  }

  #method(expr: Extract<Expr, { kind: "method" }>): Kind {
    const { name, nameSpan, receiver, arguments: inputs } = expr;
    const [input] = inputs;
    const reading = readQuery(expr);
    if (reading !== null) return this.#query(expr, reading);
    const operator = Object.hasOwn(comparisonMethods, name) ? comparisonMethods[name] : undefined;
    if (operator !== undefined) {
      if (inputs.length !== 1 || input === undefined)
        this.#report.add("FMS012", `\`.${name}\` takes one value, not ${inputs.length}`, expr.span);
      else this.#compare(operator, receiver, input);
      return "answer";
    }
    if (name === "lower" || name === "upper") {
      if (inputs.length !== 0) this.#report.add("FMS012", `\`.${name}\` takes no value`, expr.span);
      this.#valueInput(name, receiver);
      return "text";
    }
    if (name === "length" || name === "len") {
      this.#report.add("FMS020", `unknown method \`.${name}()\``, nameSpan, {
        help: "write `.length` without parentheses",
      });
    } else this.#unknown(name, nameSpan, methodNames, "method");
    return "any";
  }

  /** A look back at the session: its patterns are tool patterns, its window one that can be kept. */
  #query(expr: Expr, reading: QueryReading): Kind {
    if (!reading.ok) {
      this.#report.add("FMS012", reading.message, expr.span, { help: reading.help });
      return "any";
    }
    const { query } = reading;
    for (const pattern of patternsOfQuery(query)) checkPattern(this.#report, pattern);
    if (query.kind === "sequence" && query.patterns.length > TRACK_PLACES_MAX) {
      this.#report.add("FMS004", `a sequence has at most ${TRACK_PLACES_MAX} places`, expr.span);
    }
    return isTruth(query) ? "answer" : "number";
  }

  #unknown(name: string, span: Expr["span"], known: readonly string[], what: string): void {
    // `nott (x)` reads as a call.
    const near = suggest(name, what === "function" ? [...known, "not", "env"] : known);
    const help = near === null ? `there are ${known.join(", ")}` : `did you mean \`${near}\`?`;
    this.#report.add("FMS020", `unknown ${what} \`${name}\``, span, { help });
  }
}

const textRoots: ReadonlySet<Root> = new Set([Root.Tool, Root.Agent, Root.Action, Root.Model, Root.Session]);

function kindOfValue(value: Value): Kind {
  if (value.kind === "string" || value.kind === "word") return "text";
  return value.kind === "env" ? "any" : value.kind;
}

/** The members of a list that the text shows; null when only the request will tell. */
function listOf(agent: NamesOf, expr: Expr): readonly Value[] | null {
  if (expr.kind === "list") return expr.items;
  if (expr.kind !== "name") return null;
  const found = resolveName(agent, expr.path);
  return found.kind === "value" && found.value.kind === "list" ? found.value.items : null;
}

function isNumericText(expr: Expr, other: Kind): boolean {
  return (
    expr.kind === "string" && other === "number" && expr.value.trim() !== "" && Number.isFinite(Number(expr.value))
  );
}
