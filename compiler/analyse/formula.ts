// Conditions, network matchers and gates as formulas over tests of places. What does not come apart into tests of one place
// each becomes a place of its own that may be anything: sound for "never", and "may" for everything else.
import { Root, TimePart } from "../../vm/shared/isa.ts";
import type { CompareOperator, Expr, Gate, NetworkMatcher, Value } from "../ast.ts";
import { compileGlob, compileSearch, type GlobOptions } from "../automaton/index.ts";
import { isTruth, queryText, readQuery } from "../history.ts";
import { argumentPath, meantValue, type NamesOf, resolveName, timeParts } from "../names.ts";
import { conditionText } from "../text.ts";
import { type Holder, type Place, type Places, truths } from "./place.ts";
import type { Domain } from "./regions.ts";
import { asciiLower, type Constant, type Sample, type Tri } from "./sample.ts";
import { answer, type Question, type Test, type TextPattern, type View, viewed } from "./test.ts";

export type Formula =
  | { readonly kind: "known"; readonly value: Tri }
  | { readonly kind: "test"; readonly place: Place; readonly test: number }
  | { readonly kind: "not"; readonly of: Formula }
  | { readonly kind: "and" | "or"; readonly parts: readonly Formula[] };

type Operand =
  | { readonly kind: "constant"; readonly value: Constant }
  | { readonly kind: "list"; readonly items: readonly Constant[] }
  | { readonly kind: "place"; readonly place: Place; readonly views: readonly View[] }
  | { readonly kind: "other" };

/** What is the same for all calls that are looked at together. */
export interface Setting {
  /** The one tool, null where there are several. */
  readonly tool: string | null;
  /** Null for the anonymous agent, which is any that is not declared. */
  readonly agent: string | null;
  /** Of the policy; "" for UTC. */
  readonly zone: string;
}

export const known = (value: Tri): Formula => ({ kind: "known", value });
export const every = (parts: readonly Formula[]): Formula => ({ kind: "and", parts });
export const some = (parts: readonly Formula[]): Formula => ({ kind: "or", parts });
export const negated = (of: Formula): Formula => ({ kind: "not", of });

const mirrored = { "<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!=" } as const;
const methods: Readonly<Record<string, CompareOperator>> = {
  contains: "contains",
  starts_with: "starts_with",
  startsWith: "starts_with",
  ends_with: "ends_with",
  endsWith: "ends_with",
  matches: "matches",
};

export class FormulaReader {
  readonly #places: Places;
  readonly #setting: Setting;
  readonly #patterns: Patterns;

  constructor(places: Places, setting: Setting, patterns: Patterns) {
    this.#places = places;
    this.#setting = setting;
    this.#patterns = patterns;
  }

  /** A condition as a part of an agent, or of a pack, sees it. */
  condition(expr: Expr, names: NamesOf): Formula {
    switch (expr.kind) {
      case "not":
        return negated(this.condition(expr.operand, names));
      case "logical": {
        const parts = [this.condition(expr.left, names), this.condition(expr.right, names)];
        return expr.operator === "and" ? every(parts) : some(parts);
      }
      case "compare":
        return this.#compare(expr, expr.operator, expr.left, expr.right, names);
      default:
        return this.#truth(expr, names);
    }
  }

  #truth(expr: Expr, names: NamesOf): Formula {
    const operator = expr.kind === "method" && Object.hasOwn(methods, expr.name) ? methods[expr.name] : undefined;
    if (expr.kind === "method" && operator !== undefined && expr.arguments[0] !== undefined)
      return this.#compare(expr, operator, expr.receiver, expr.arguments[0], names);
    if (expr.kind === "call") {
      const [first, second] = expr.arguments;
      if (expr.name === "purpose") return this.#purpose(expr, first);
      if (expr.name.startsWith("args_array_") && expr.name !== "args_array_len")
        return this.#arrayTest(expr, first, second, names);
    }
    const query = readQuery(expr);
    if (query?.ok === true && isTruth(query.query)) return this.#opaque(expr, names, truths.slice(0, 2));
    const operand = this.#operand(expr, names);
    if (operand.kind === "constant") return known(operand.value.kind === "bool" ? operand.value.value : null);
    return operand.kind === "place" ? this.#ask(operand, { kind: "truth" }) : this.#opaque(expr, names);
  }

  #purpose(expr: Expr, argument: Expr | undefined): Formula {
    if (argument?.kind !== "string") return this.#opaque(expr, { vars: [] });
    const place = this.#field(Root.Purpose, []);
    return this.#ask({ kind: "place", place, views: [] }, { kind: "folded", text: argument.value });
  }

  #arrayTest(expr: Expr & { name: string }, path: Expr | undefined, sought: Expr | undefined, names: NamesOf): Formula {
    const value = sought === undefined ? null : this.#operand(sought, names);
    if (path?.kind !== "string" || value?.kind !== "constant") return this.#opaque(expr, names);
    const place = { kind: "place", place: this.#field(Root.Args, argumentPath(path.value)), views: [] } as const;
    if (expr.name === "args_array_contains") return this.#ask(place, { kind: "hasItem", value: value.value });
    const pattern = value.value.kind === "text" ? this.#patterns.search(value.value.value) : null;
    return pattern === null ? this.#opaque(expr, names) : this.#ask(place, { kind: "anyMatches", pattern });
  }

  #compare(whole: Expr, operator: CompareOperator, left: Expr, right: Expr, names: NamesOf): Formula {
    let a = this.#operand(left, names, right);
    let b = this.#operand(right, names, left);
    if (a.kind === "other" || b.kind === "other") return this.#opaque(whole, names);
    if (operator === "not in") return negated(this.#member(whole, a, b, names));
    if (operator === "in") return this.#member(whole, a, b, names);
    if (b.kind === "list") return this.#opaque(whole, names);
    if (operator in mirrored) {
      let sign = operator as keyof typeof mirrored;
      if (b.kind === "place") [a, b, sign] = [b, a, mirrored[sign]];
      if (b.kind !== "constant") return this.#opaque(whole, names);
      return this.#order(sign, a, b.value, whole, names);
    }
    if (b.kind !== "constant") return this.#opaque(whole, names);
    const question = this.#textQuestion(operator, b.value);
    return question === null ? this.#opaque(whole, names) : this.#askOf(a, question, whole, names);
  }

  #order(sign: keyof typeof mirrored, a: Operand, value: Constant, whole: Expr, names: NamesOf): Formula {
    if (value.kind === "null" && (sign === "==" || sign === "!=")) {
      const absent = this.#askOf(a, { kind: "absent" }, whole, names);
      return sign === "==" ? absent : negated(absent);
    }
    const questions: Record<typeof sign, [Question, boolean]> = {
      "==": [{ kind: "equal", value }, true],
      "!=": [{ kind: "equal", value }, false],
      "<": [{ kind: "less", value, orEqual: false }, true],
      "<=": [{ kind: "less", value, orEqual: true }, true],
      ">": [{ kind: "less", value, orEqual: true }, false],
      ">=": [{ kind: "less", value, orEqual: false }, false],
    };
    const [question, holds] = questions[sign];
    const asked = this.#askOf(a, question, whole, names);
    return holds ? asked : negated(asked);
  }

  #member(whole: Expr, a: Operand, b: Operand, names: NamesOf): Formula {
    if (b.kind === "list") return this.#askOf(a, { kind: "member", items: b.items }, whole, names);
    if (b.kind !== "place" || a.kind !== "constant") return this.#opaque(whole, names);
    return this.#ask(b, { kind: "within", value: a.value });
  }

  #textQuestion(operator: CompareOperator, value: Constant): Question | null {
    if (operator === "contains") return { kind: "contains", value };
    if (value.kind !== "text") return null;
    if (operator === "starts_with") return { kind: "starts", text: value.value };
    if (operator === "ends_with") return { kind: "ends", text: value.value };
    const pattern = this.#patterns.search(value.value);
    return pattern === null ? null : { kind: "matches", pattern };
  }

  #askOf(a: Operand, question: Question, whole: Expr, names: NamesOf): Formula {
    if (a.kind === "place") return this.#ask(a, question);
    if (a.kind === "constant") return known(answer({ views: [], question, otherwise: null }, a.value));
    if (a.kind === "list") {
      const list: Sample = { kind: "list", items: a.items };
      return known(answer({ views: [], question, otherwise: null }, list));
    }
    return this.#opaque(whole, names);
  }

  #ask({ place, views }: Extract<Operand, { kind: "place" }>, question: Question, otherwise: Tri = null): Formula {
    const test: Test = { views, question, otherwise };
    return { kind: "test", place, test: this.#places.test(place, test) };
  }

  /** `beside`: what it is compared with. */
  #operand(expr: Expr, names: NamesOf, beside?: Expr): Operand {
    switch (expr.kind) {
      case "name":
        return this.#name(expr, names, beside);
      case "negate":
        return this.#through(this.#operand(expr.operand, names), { kind: "negate" });
      case "arithmetic":
        return this.#arithmetic(expr, names);
      case "call":
      case "method":
        return this.#function(expr, names);
      case "compare":
      case "logical":
      case "not":
      case "env":
        return { kind: "other" };
      case "list":
        return listOperand(expr.items);
      default:
        return { kind: "constant", value: constantOf(expr) };
    }
  }

  #name(expr: Extract<Expr, { kind: "name" }>, names: NamesOf, beside: Expr | undefined): Operand {
    const found = resolveName(names, expr.path);
    if (found.kind === "value") {
      if (found.value.kind === "env") return { kind: "other" };
      if (found.value.kind === "list") return listOperand(found.value.items);
      return { kind: "constant", value: constantOf(found.value) };
    }
    if (found.kind !== "field") return { kind: "other" };
    const { root, path } = found.field;
    const fixed = root === Root.Tool ? this.#setting.tool : root === Root.Agent ? this.#setting.agent : null;
    const value: Operand =
      fixed !== null
        ? { kind: "constant", value: { kind: "text", value: fixed } }
        : { kind: "place", place: this.#field(root, path), views: [] };
    if (found.length) return this.#through(value, { kind: "length" });
    const isCounted = expr.path.at(-1) === "recipients" && beside !== undefined && this.#isNumber(beside, names);
    return isCounted ? this.#through(value, { kind: "count" }) : value;
  }

  #isNumber(expr: Expr, names: NamesOf): boolean {
    if (expr.kind === "negate") return this.#isNumber(expr.operand, names);
    if (expr.kind !== "name") return expr.kind === "number";
    const found = resolveName(names, expr.path);
    return found.kind === "value" && found.value.kind === "number";
  }

  #arithmetic(expr: Extract<Expr, { kind: "arithmetic" }>, names: NamesOf): Operand {
    const { operator } = expr;
    const left = this.#operand(expr.left, names);
    const right = this.#operand(expr.right, names);
    if (operator === "%") return { kind: "other" };
    if (right.kind === "constant" && right.value.kind === "number")
      return this.#through(left, { kind: "arithmetic", operator, by: right.value.value, reversed: false });
    if (left.kind === "constant" && left.value.kind === "number")
      return this.#through(right, { kind: "arithmetic", operator, by: left.value.value, reversed: true });
    return { kind: "other" };
  }

  #function(expr: Extract<Expr, { kind: "call" | "method" }>, names: NamesOf): Operand {
    const query = readQuery(expr);
    if (query?.ok === true && !isTruth(query.query)) {
      const place = this.#places.at(`query ${queryText(query.query)}`, () => ({
        words: conditionText(expr),
        holder: { kind: "nowhere" },
        domain: { kind: "number", whole: query.query.kind !== "sum" },
        isFree: true,
      }));
      return { kind: "place", place, views: [] };
    }
    const [first] = expr.arguments;
    if (expr.kind === "call" && expr.name === "args_array_len" && first?.kind === "string") {
      return { kind: "place", place: this.#field(Root.Args, argumentPath(first.value)), views: [{ kind: "count" }] };
    }
    const inner = expr.kind === "method" ? expr.receiver : first;
    const view = { len: "length", length: "length", lower: "lower", upper: "upper" }[expr.name];
    if (inner === undefined || view === undefined) return { kind: "other" };
    return this.#through(this.#operand(inner, names), { kind: view as "length" | "lower" | "upper" });
  }

  #through(operand: Operand, view: View): Operand {
    if (operand.kind === "place") return { ...operand, views: [...operand.views, view] };
    if (operand.kind !== "constant") return { kind: "other" };
    const seen = answerOf(view, operand.value);
    return seen === null ? { kind: "other" } : { kind: "constant", value: seen };
  }

  #opaque(expr: Expr, names: NamesOf, values: readonly Sample[] = truths): Formula {
    const place = this.#places.at(`opaque ${meaningOf(expr, names)}`, () => ({
      words: conditionText(expr),
      holder: { kind: "nowhere" },
      domain: { kind: "given", values },
      isFree: true,
    }));
    return this.#ask({ kind: "place", place, views: [] }, { kind: "truth" });
  }

  #field(root: Root, path: readonly (string | number)[]): Place {
    const { zone } = this.#setting;
    // In another zone it is another hour.
    const key = `${root} ${JSON.stringify(path)}${root === Root.Time ? zone : ""}`;
    return this.#places.at(key, () => {
      const place = fieldPlace(root, path);
      return root === Root.Time && zone !== "" ? { ...place, isFree: true } : place;
    });
  }

  selector(id: string): Place {
    return this.#field(Root.Selectors, [id]);
  }

  /** A matcher holds or does not: what is missing or of another kind does not match. */
  matcher(matcher: NetworkMatcher, names: NamesOf): Formula {
    const meant = meantValue(names, matcher.value).value;
    const key = matcher.key ?? "";
    const path =
      matcher.part === "query"
        ? ["query", key]
        : matcher.part === "header"
          ? ["headers", asciiLower(key)]
          : [matcher.part];
    const place = this.#field(Root.Http, path);
    const values = meant.kind === "list" ? meant.items : [meant];
    return some(
      values.map((value) =>
        matcher.part === "port" ? this.#port(place, value) : this.#glob(place, matcher.part, value),
      ),
    );
  }

  #port(place: Place, value: Value): Formula {
    const operand = { kind: "place", place, views: [] } as const;
    if (value.kind === "number")
      return this.#ask(operand, { kind: "equal", value: { kind: "number", value: value.value } }, false);
    const range = value.kind === "string" || value.kind === "word" ? /^(\d+)\s*-\s*(\d+)$/.exec(value.value) : null;
    const bound = (text: string | undefined): Constant => ({ kind: "number", value: Number(text) });
    const low = this.#ask(operand, { kind: "less", value: bound(range?.[1]), orEqual: false }, true);
    const high = this.#ask(operand, { kind: "less", value: bound(range?.[2]), orEqual: true }, false);
    return every([negated(low), high]);
  }

  #glob(place: Place, part: string, value: Value): Formula {
    const text =
      value.kind === "number" ? value.text : value.kind === "string" || value.kind === "word" ? value.value : "";
    const ignoreCase = part === "host" || part === "method";
    const operand = { kind: "place", place, views: [] } as const;
    if (!/[*?]/.test(text)) {
      const question: Question = ignoreCase
        ? { kind: "folded", text }
        : { kind: "equal", value: { kind: "text", value: text } };
      return this.#ask(operand, question, false);
    }
    const pattern = this.#patterns.glob(text, { separator: part === "path" ? "/" : null, ignoreCase });
    return pattern === null
      ? this.#opaque(value, { vars: [] })
      : this.#ask(operand, { kind: "matches", pattern }, false);
  }

  /** What the gate refuses. */
  gate(gate: Gate, names: NamesOf): Formula {
    const isEgress = gate.keyword === "egress";
    const place = isEgress ? this.#field(Root.Http, ["host"]) : this.#field(Root.Model, []);
    const operand = { kind: "place", place, views: [] } as const;
    const lists = (name: string): Formula | null => {
      const field = gate.fields.find((one) => one.name === name);
      if (field === undefined) return null;
      const { value } = meantValue(names, field.value);
      const items = value.kind === "list" ? value.items : [value];
      return some(items.map((item) => this.#glob(place, isEgress ? "host" : "model", item)));
    };
    const deny = lists("deny");
    const anyText = this.#ask(operand, { kind: "starts", text: "" }, false);
    const allow = lists("allow") ?? (deny === null ? known(false) : anyText);
    const refused = some([deny ?? known(false), negated(allow)]);
    const absent = this.#ask(operand, { kind: "absent" });
    if (isEgress) {
      const isNull = this.#ask(operand, { kind: "equal", value: { kind: "null" } }, false);
      return some([isNull, every([negated(absent), refused])]);
    }
    const action = { kind: "place", place: this.#field(Root.Action, []), views: [] } as const;
    const isModelCall = this.#ask(action, { kind: "equal", value: { kind: "text", value: "model_call" } }, false);
    return every([some([isModelCall, negated(absent)]), refused]);
  }
}

/** Automata by their text, so that both policies and all rules share them. */
export class Patterns {
  readonly #known = new Map<string, TextPattern | null>();

  search(text: string): TextPattern | null {
    return this.#at(`search ${text}`, text, () => compileSearch(text));
  }

  glob(text: string, options: GlobOptions): TextPattern | null {
    return this.#at(`glob ${options.separator ?? ""} ${options.ignoreCase} ${text}`, text, () =>
      compileGlob(text, options),
    );
  }

  #at(name: string, text: string, make: () => ReturnType<typeof compileSearch>): TextPattern | null {
    const before = this.#known.get(name);
    if (before !== undefined) return before;
    const made = make();
    const pattern = made.ok && made.automaton.kind === "table" ? { name, text, automaton: made.automaton } : null;
    this.#known.set(name, pattern);
    return pattern;
  }
}

function listOperand(items: readonly Value[]): Operand {
  if (items.some(({ kind }) => kind === "env" || kind === "list")) return { kind: "other" };
  return { kind: "list", items: items.map((item) => constantOf(item as PlainValue)) };
}

type PlainValue = Exclude<Value, { kind: "list" | "env" }>;

function constantOf(value: PlainValue): Constant {
  switch (value.kind) {
    case "string":
    case "word":
      return { kind: "text", value: value.value };
    case "number":
      return { kind: "number", value: value.value };
    case "bool":
      return { kind: "bool", value: value.value };
    case "nil":
      return { kind: "null" };
  }
}

/** The constant seen through the view; null where there is none. */
function answerOf(view: View, value: Constant): Constant | null {
  const seen = viewed(view, value);
  return seen.kind === "number" || seen.kind === "text" ? seen : null;
}

/** The expression without places and with names that stand for values replaced: equal for what means the same. */
function meaningOf(expr: Expr, names: NamesOf): string {
  return JSON.stringify(expr, (key, value: unknown) => {
    if (key === "span" || key === "nameSpan" || key === "text") return undefined;
    const node = value as { kind?: string; path?: readonly (string | number)[] } | null;
    if (typeof node !== "object" || node === null || node.kind !== "name" || node.path === undefined) return value;
    const found = resolveName(names, node.path);
    return found.kind === "value"
      ? found.value
      : found.kind === "field"
        ? { field: found.field, length: found.length }
        : value;
  });
}

const timeRanges: Readonly<Record<TimePart, readonly [number, number] | null>> = {
  [TimePart.Now]: null,
  [TimePart.Minute]: [0, 59],
  [TimePart.Hour]: [0, 23],
  [TimePart.Day]: [1, 31],
  [TimePart.Month]: [1, 12],
  [TimePart.Weekday]: [1, 7],
};

const actions = ["tool_call", "delegate", "completion_event", "model_call"];

function fieldPlace(root: Root, path: readonly (string | number)[]): Omit<Place, "key" | "tests"> {
  const json = (kind: Extract<Holder, { path: unknown }>["kind"], words: string): Omit<Place, "key" | "tests"> => ({
    words,
    holder: { kind, path },
    domain: { kind: "json" },
    isFree: false,
  });
  const text = (
    kind: "model" | "session" | "purpose" | "agent" | "tool",
    words: string,
    optional: boolean,
    isFree = false,
  ) => ({
    words,
    holder: { kind },
    domain: { kind: "text", optional } satisfies Domain,
    isFree,
  });
  switch (root) {
    case Root.Args:
      return json("args", pathText(path));
    case Root.Principal:
      return json("principal", pathText(["principal", ...path]));
    case Root.Delegation:
      return json("delegation", pathText(["delegation", ...path]));
    case Root.Http:
      return json("http", pathText(path));
    case Root.Selectors:
      return json("selectors", pathText(path));
    case Root.Tool:
      return text("tool", "tool", false, true);
    case Root.Agent:
      return text("agent", "agent", false, true);
    case Root.Model:
      return text("model", "model", true);
    case Root.Session:
      return text("session", "session.id", false);
    case Root.Purpose:
      return text("purpose", "purpose", true);
    case Root.Action: {
      const values = actions.map((value): Sample => ({ kind: "text", value }));
      return { words: "action", holder: { kind: "action" }, domain: { kind: "given", values }, isFree: false };
    }
    case Root.Time:
      return timePlace(Number(path[0]));
    case Root.Temporary:
    case Root.Size:
      throw new Error("no condition reads this place of a request");
  }
}

function timePlace(part: TimePart): Omit<Place, "key" | "tests"> {
  const range = timeRanges[part];
  const name = Object.entries(timeParts).find(([, one]) => one === part)?.[0] ?? "now";
  const holder: Holder = { kind: "time", part };
  const words = `time.${name}`;
  if (range === null) return { words, holder, domain: { kind: "number", whole: true }, isFree: true };
  const [low, high] = range;
  const values = Array.from({ length: high - low + 1 }, (_, i): Sample => ({ kind: "number", value: low + i }));
  return { words, holder, domain: { kind: "given", values }, isFree: false };
}

function pathText(path: readonly (string | number)[]): string {
  return path.map((part, i) => (typeof part === "number" ? `[${part}]` : i === 0 ? part : `.${part}`)).join("");
}
