// Conditions, network matchers and gates as formulas over tests of places. What does not come apart into tests of one place
// each becomes a place of its own that may be anything: sound for "never", and "may" for everything else.
import { Root } from "../../vm/shared/isa.ts";
import type { CompareOperator, Expr, Gate, NetworkMatcher, Value } from "../ast.ts";
import { isTruth, queryText, readQuery } from "../history.ts";
import { argumentPath, meantValue, type NamesOf, resolveName } from "../names.ts";
import { conditionText } from "../text.ts";
import { fieldPlace, pathOfPlace } from "./field-place.ts";
import { answerOf, constantOf, listOperand, meaningOf, type Operand } from "./operand.ts";
import type { Patterns } from "./patterns.ts";
import { type Place, type Places, truths } from "./place.ts";
import { readsOf } from "./reads.ts";
import type { Constant, Sample, Tri } from "./sample.ts";
import { answer, type Question, type Test, type View } from "./test.ts";

export type Formula =
  | { readonly kind: "known"; readonly value: Tri }
  | { readonly kind: "test"; readonly place: Place; readonly test: number }
  | { readonly kind: "not"; readonly of: Formula }
  | { readonly kind: "and" | "or"; readonly parts: readonly Formula[] };

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
  readonly #selectorsRead = new Set<string>();
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
    // Only what is ordered or equal has a number beside it: a list of recipients that contains one is looked into.
    const isOrder = operator in mirrored;
    let a = this.#operand(left, names, isOrder ? right : undefined);
    let b = this.#operand(right, names, isOrder ? left : undefined);
    if (a.kind === "other" || b.kind === "other") return this.#opaque(whole, names);
    if (operator === "not in") return negated(this.#member(whole, a, b, names));
    if (operator === "in") return this.#member(whole, a, b, names);
    if (b.kind === "list") return this.#opaque(whole, names);
    if (isOrder) {
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
      reads: readsOf(expr, names),
    }));
    return this.#ask({ kind: "place", place, views: [] }, { kind: "truth" });
  }

  #field(root: Root, named: readonly (string | number)[]): Place {
    const { zone } = this.#setting;
    const path = pathOfPlace(root, named);
    if (root === Root.Selectors && typeof path[0] === "string") this.#selectorsRead.add(path[0]);
    // In another zone it is another hour.
    const key = `${root} ${JSON.stringify(path)}${root === Root.Time ? zone : ""}`;
    return this.#places.at(key, () => {
      const place = fieldPlace(root, path);
      return root === Root.Time && zone !== "" ? { ...place, isFree: true } : place;
    });
  }

  /** Selectors that this policy's conditions have read so far: places are shared with the policy it is compared with. */
  selectorsRead(): ReadonlySet<string> {
    return new Set(this.#selectorsRead);
  }

  selector(id: string): Place {
    return this.#field(Root.Selectors, [id]);
  }

  /** A matcher holds or does not: what is missing or of another kind does not match. */
  matcher(matcher: NetworkMatcher, names: NamesOf): Formula {
    const meant = meantValue(names, matcher.value).value;
    const key = matcher.key ?? "";
    const path =
      matcher.part === "query" ? ["query", key] : matcher.part === "header" ? ["headers", key] : [matcher.part];
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
