// Conditions to instructions. Kleene's logic becomes jumps: of each subexpression we ask "is it true?" or "is it false?",
// and `not` turns one question into the other. Values that are no single field are computed into temporaries just before
// the test that reads them, so that no jump ever lands between.

import { Kind, Op, Root } from "../../vm/shared/isa.ts";
import type { CompareOperator, Expr, NetworkMatcher, Rule, Value } from "../ast.ts";
import { literalForm } from "../automaton/index.ts";
import { readQuery } from "../history.ts";
import { argumentPath, type NamesOf, resolveName } from "../names.ts";
import { CodeWriter, FAIL, type Label, type LoweredCondition, MATCH } from "./code.ts";
import { asciiLower, type Constant, constantOf } from "./constant.ts";
import { lowerQuery } from "./history.ts";
import { matcherPath, matcherTests } from "./network.ts";
import { arrayTests, comparisonMethods, mirrored, orderings, valueFunctions } from "./operators.ts";
import type { Program, SetMember, SlotRef } from "./program.ts";
import { refused, Unlowerable } from "./unlowerable.ts";

type Operand =
  | { readonly kind: "constant"; readonly value: Constant }
  | { readonly kind: "slot"; readonly slot: SlotRef }
  | { readonly kind: "list"; readonly items: readonly Value[] };

/**
 * Everything that must hold besides the pattern: `toolTests` (automata for patterns that dispatch could not take), then
 * the network matchers, then the condition.
 */
export function lowerCondition(
  program: Program,
  agent: NamesOf,
  rule: Pick<Rule, "condition" | "network">,
  strict: boolean,
  toolTests: readonly number[],
): LoweredCondition {
  const code = new CodeWriter(program);
  const writer = new ConditionWriter(program, agent, code);
  const { condition } = rule;
  const parts: ((yes: Label) => void)[] = [
    ...toolTests.map((automaton) => (yes: Label) => writer.toolTest(automaton, yes)),
    ...rule.network.map((matcher) => (yes: Label) => writer.matcher(matcher, yes)),
  ];
  if (condition !== null) {
    parts.push((yes) =>
      strict ? writer.ask(condition, false, FAIL, yes, yes) : writer.ask(condition, true, yes, FAIL, yes),
    );
  }
  for (const [i, part] of parts.entries()) {
    if (i === parts.length - 1) part(MATCH);
    else code.before(part);
  }
  return code.finish();
}

class ConditionWriter {
  readonly #program: Program;
  readonly #agent: NamesOf;
  readonly #code: CodeWriter;

  constructor(program: Program, agent: NamesOf, code: CodeWriter) {
    this.#program = program;
    this.#agent = agent;
    this.#code = code;
  }

  toolTest(automaton: number, yes: Label): void {
    this.#code.test(Op.Matches, this.#code.field(Root.Tool, []), automaton, null, true, yes, FAIL, yes);
  }

  /** A network matcher holds or does not: what is missing or of another kind does not match. */
  matcher(matcher: NetworkMatcher, yes: Label): void {
    const alternatives = matcherTests(this.#program, this.#agent, matcher);
    if ("refused" in alternatives) throw refused(matcher, alternatives.refused, undefined, "FMS012");
    const slot = this.#code.field(Root.Http, matcherPath(matcher));
    for (const [i, tests] of alternatives.entries()) {
      const isLast = i === alternatives.length - 1;
      const other: Label = isLast ? FAIL : { at: null };
      for (const [j, { op, b, truth }] of tests.entries()) {
        if (j < tests.length - 1)
          this.#code.before((rest) => this.#code.test(op, slot, b, null, truth, rest, other, rest));
        else this.#code.test(op, slot, b, null, truth, yes, other, isLast ? yes : other);
      }
      if (!isLast) this.#code.place(other);
    }
  }

  /** Emits the question "is `expr` true?" (or false): jumps to `yes` or `no`, one of which is `next`, where code falls through. */
  ask(expr: Expr, truth: boolean, yes: Label, no: Label, next: Label): void {
    if (expr.kind === "not") {
      this.ask(expr.operand, !truth, yes, no, next);
    } else if (expr.kind === "logical") {
      const middle: Label = { at: null };
      if ((expr.operator === "and") === truth) this.ask(expr.left, truth, middle, no, middle);
      else this.ask(expr.left, truth, yes, middle, middle);
      this.#code.place(middle);
      this.ask(expr.right, truth, yes, no, next);
    } else {
      this.#askTest(expr, truth, yes, no, next);
    }
  }

  #askTest(expr: Expr, truth: boolean, yes: Label, no: Label, next: Label): void {
    this.#code.beginTest();
    if (expr.kind === "compare") {
      this.#compare(expr.operator, expr.left, expr.right, truth, yes, no, next);
    } else if (expr.kind === "method" && comparisonMethods.has(expr.name)) {
      const operator = comparisonMethods.get(expr.name);
      const [argument] = expr.arguments;
      if (operator === undefined || argument === undefined) throw refused(expr, `\`${expr.name}\` needs an operand`);
      this.#compare(operator, expr.receiver, argument, truth, yes, no, next);
    } else if (expr.kind === "call" && expr.name === "purpose") {
      const [argument] = expr.arguments;
      const value = argument === undefined ? undefined : this.#constant(argument);
      if (typeof value !== "string") throw refused(expr, "`purpose` takes one string");
      const slot = this.#code.field(Root.Purpose, []);
      this.#code.test(Op.EqFolded, slot, this.#program.string(asciiLower(value)), null, truth, yes, no, next);
    } else if (expr.kind === "call" && arrayTests.has(expr.name)) {
      this.#arrayTest(expr, truth, yes, no, next);
    } else {
      this.#code.test(Op.Truth, this.#slot(this.#operand(expr)), 0, null, truth, yes, no, next);
    }
  }

  #compare(
    operator: CompareOperator,
    left: Expr,
    right: Expr,
    truth: boolean,
    yes: Label,
    no: Label,
    next: Label,
  ): void {
    const emit = (op: Op, inverted: boolean, a: Operand, b: number, c: SlotRef | null = null): void =>
      this.#code.test(op, this.#slot(a), b, c, inverted ? !truth : truth, yes, no, next);
    switch (operator) {
      case "==":
      case "!=":
      case "<":
      case "<=":
      case ">":
      case ">=":
        this.#order(operator, left, right, emit);
        return;
      case "in":
      case "not in": {
        const list = this.#operand(right);
        const inverted = operator === "not in";
        if (list.kind === "list") emit(Op.InSet, inverted, this.#operand(left), this.#set(list.items));
        else {
          const member = { kind: "slot", slot: this.#slot(this.#operand(left)) } as const;
          emit(Op.InList, inverted, member, 0, this.#slot(list));
        }
        return;
      }
      case "matches": {
        const pattern = this.#constant(right);
        if (typeof pattern !== "string") throw refused(right, "`matches` needs a pattern in quotes");
        this.#matches(pattern, right, (op, b) => emit(op, false, this.#operand(left), b));
        return;
      }
      default:
        this.#textual(operator, left, right, emit);
    }
  }

  /** Patterns that only compare texts become such comparisons; the others run as automata. */
  #matches(pattern: string, at: Expr, emit: (op: Op, b: number) => void): void {
    const program = this.#program;
    const form = literalForm(pattern);
    if (form?.kind === "oneOf") {
      emit(Op.InSet, program.set(form.texts.map((text) => ({ kind: Kind.String, reference: program.string(text) }))));
    } else if (form !== null) {
      const ops = { equals: Op.EqString, starts: Op.StartsString, ends: Op.EndsString, contains: Op.HasText };
      emit(ops[form.kind], program.string(form.text));
    } else emit(Op.Matches, this.#search(pattern, at));
  }

  #search(pattern: string, at: Expr): number {
    const compiled = this.#program.search(pattern);
    if (!compiled.ok) throw refused(at, compiled.message, compiled.help, "FMS023");
    return this.#program.automaton(`search:${pattern}`, compiled.automaton);
  }

  /** `args_array_contains("a.b", v)`, `args_array_any_match("a.b", re)`. */
  #arrayTest(expr: Extract<Expr, { kind: "call" }>, truth: boolean, yes: Label, no: Label, next: Label): void {
    const [path, sought] = expr.arguments;
    if (path?.kind !== "string" || sought === undefined) {
      throw refused(expr, `\`${expr.name}\` takes a path and a value`);
    }
    const value = this.#constant(sought);
    const slot = this.#code.field(Root.Args, argumentPath(path.value));
    if (expr.name === "args_array_contains" && (value === undefined || value === null)) {
      this.#listHas(slot, sought, truth, yes, no, next);
      return;
    }
    const emit = (op: Op, b: number): void => this.#code.test(op, slot, b, null, truth, yes, no, next);
    if (expr.name === "args_array_any_match") {
      if (typeof value !== "string") throw refused(sought, "`args_array_any_match` needs a pattern in quotes");
      emit(Op.AnyMatches, this.#search(value, sought));
    } else if (typeof value === "string") emit(Op.ListHasString, this.#program.string(value));
    else if (typeof value === "number") emit(Op.ContainsNumber, this.#program.number(value));
    else emit(Op.ContainsBool, value === true ? 1 : 0);
  }

  /** A list is one that has a length; texts, which contain as well, have none in this sense. */
  #listHas(list: SlotRef, sought: Expr, truth: boolean, yes: Label, no: Label, next: Label): void {
    const most = this.#program.number(Number.MAX_SAFE_INTEGER);
    const length = this.#code.value(Op.Count, list, null);
    this.#code.before((rest) => this.#code.test(Op.LeNumber, length, most, null, true, rest, no, rest));
    this.#code.test(Op.Contains, list, 0, this.#slot(this.#operand(sought)), truth, yes, no, next);
  }

  #textual(
    operator: "contains" | "starts_with" | "ends_with",
    left: Expr,
    right: Expr,
    emit: (op: Op, inverted: boolean, a: Operand, b: number, c?: SlotRef | null) => void,
  ): void {
    const sought = this.#operand(right);
    const value = sought.kind === "constant" ? sought.value : undefined;
    const program = this.#program;
    if (typeof value === "string") {
      const op = { contains: Op.ContainsString, starts_with: Op.StartsString, ends_with: Op.EndsString }[operator];
      emit(op, false, this.#operand(left), program.string(value));
    } else if (operator === "contains" && typeof value === "number") {
      emit(Op.ContainsNumber, false, this.#operand(left), program.number(value));
    } else if (operator === "contains" && typeof value === "boolean") {
      emit(Op.ContainsBool, false, this.#operand(left), value ? 1 : 0);
    } else {
      const op = { contains: Op.Contains, starts_with: Op.Starts, ends_with: Op.Ends }[operator];
      const text = { kind: "slot", slot: this.#slot(this.#operand(left)) } as const;
      emit(op, false, text, 0, this.#slot(sought));
    }
  }

  #order(
    operator: "==" | "!=" | "<" | "<=" | ">" | ">=",
    left: Expr,
    right: Expr,
    emit: (op: Op, inverted: boolean, a: Operand, b: number, c?: SlotRef | null) => void,
  ): void {
    let a = this.#operand(left, right);
    let b = this.#operand(right, left);
    let sign = operator;
    if (a.kind === "constant" && b.kind !== "constant") {
      [a, b] = [b, a];
      sign = mirrored[operator];
    }
    const { shape, inverted } = orderings[sign];
    const test = b.kind === "constant" ? this.#constantTest(shape, b.value) : null;
    if (test !== null) {
      emit(test.op, inverted, a, test.b);
      return;
    }
    const first = { kind: "slot", slot: this.#slot(a) } as const;
    const op = { eq: Op.Equal, lt: Op.Less, le: Op.LessEqual }[shape];
    emit(op, inverted, first, 0, this.#slot(b));
  }

  /** The test of a slot against a constant; null where only a slot will do. */
  #constantTest(shape: "eq" | "lt" | "le", value: Constant): { op: Op; b: number } | null {
    if (value === null && shape === "eq") return { op: Op.Nil, b: 0 };
    if (typeof value === "number") {
      return { op: { eq: Op.EqNumber, lt: Op.LtNumber, le: Op.LeNumber }[shape], b: this.#program.number(value) };
    }
    if (typeof value === "string") {
      return { op: { eq: Op.EqString, lt: Op.LtString, le: Op.LeString }[shape], b: this.#program.string(value) };
    }
    return typeof value === "boolean" && shape === "eq" ? { op: Op.EqBool, b: value ? 1 : 0 } : null;
  }

  #set(items: readonly Value[]): number {
    const members = items.map((item): SetMember => {
      const value = constantOf(item);
      if (value === undefined) throw refused(item, "a list here holds plain values only");
      if (value === null) return { kind: Kind.Null, reference: 0 };
      if (typeof value === "boolean") return { kind: Kind.Bool, reference: value ? 1 : 0 };
      if (typeof value === "number") return { kind: Kind.Number, reference: this.#program.number(value) };
      return { kind: Kind.String, reference: this.#program.string(value) };
    });
    return this.#program.set(members);
  }

  /** `beside`: what it is compared with; a list of `recipients` compared with a number means its length. */
  #operand(expr: Expr, beside?: Expr): Operand {
    switch (expr.kind) {
      case "name":
        return this.#name(expr, beside);
      case "list":
        return { kind: "list", items: expr.items };
      case "negate":
        return this.#negate(expr.operand);
      case "arithmetic":
        return this.#arithmetic(expr);
      case "call":
      case "method":
        return this.#function(expr);
      case "compare":
      case "logical":
      case "not":
        throw refused(expr, "a comparison cannot be compared again", "put `and` or `or` between the two");
      default: {
        const value = constantOf(expr);
        if (value === undefined) throw refused(expr, "this value cannot stand in a condition");
        return { kind: "constant", value };
      }
    }
  }

  #name(expr: Extract<Expr, { kind: "name" }>, beside: Expr | undefined): Operand {
    const found = resolveName(this.#agent, expr.path);
    if (found.kind === "value")
      return found.value.kind === "list" ? { kind: "list", items: found.value.items } : this.#operand(found.value);
    if (found.kind !== "field") throw refused(expr, `\`${found.word}\` has no such member`, undefined, "FMS021");
    const slot = this.#code.field(found.field.root, found.field.path);
    if (found.length) return { kind: "slot", slot: this.#code.value(Op.Length, slot, null) };
    const last = expr.path[expr.path.length - 1];
    if (last === "recipients" && beside !== undefined && typeof this.#constant(beside) === "number") {
      return { kind: "slot", slot: this.#code.value(Op.Count, slot, null) };
    }
    return { kind: "slot", slot };
  }

  #negate(expr: Expr): Operand {
    const operand = this.#operand(expr);
    if (operand.kind === "constant" && typeof operand.value === "number")
      return { kind: "constant", value: -operand.value };
    return { kind: "slot", slot: this.#code.value(Op.Negate, this.#slot(operand), null) };
  }

  #arithmetic(expr: Extract<Expr, { kind: "arithmetic" }>): Operand {
    const op = { "+": Op.Add, "-": Op.Subtract, "*": Op.Multiply, "/": Op.Divide, "%": Op.Remainder }[expr.operator];
    const left = this.#slot(this.#operand(expr.left));
    const right = this.#slot(this.#operand(expr.right));
    return { kind: "slot", slot: this.#code.value(op, left, right) };
  }

  #function(expr: Extract<Expr, { kind: "call" | "method" }>): Operand {
    const reading = readQuery(expr);
    if (reading?.ok === true) {
      return { kind: "slot", slot: this.#code.value(Op.Look, lowerQuery(this.#program, reading.query), null) };
    }
    const [path] = expr.arguments;
    if (expr.kind === "call" && expr.name === "args_array_len" && path?.kind === "string") {
      return {
        kind: "slot",
        slot: this.#code.value(Op.Count, this.#code.field(Root.Args, argumentPath(path.value)), null),
      };
    }
    const op = Object.hasOwn(valueFunctions, expr.name) ? valueFunctions[expr.name] : undefined;
    const argument = expr.kind === "method" ? expr.receiver : expr.arguments[0];
    const extra = expr.arguments.length - (expr.kind === "method" ? 0 : 1);
    if (op === undefined || argument === undefined || extra !== 0) {
      throw refused(expr, `\`${expr.name}\` gives no value that can be compared`, undefined, "FMS020");
    }
    return { kind: "slot", slot: this.#code.value(op, this.#slot(this.#operand(argument)), null) };
  }

  #constant(expr: Expr): Constant | undefined {
    if (expr.kind === "name") {
      const found = resolveName(this.#agent, expr.path);
      return found.kind === "value" ? constantOf(found.value) : undefined;
    }
    if (expr.kind === "negate") {
      const inner = this.#constant(expr.operand);
      return typeof inner === "number" ? -inner : undefined;
    }
    return constantOf(expr);
  }

  #slot(operand: Operand): SlotRef {
    if (operand.kind === "slot") return operand.slot;
    if (operand.kind === "list") {
      throw new Unlowerable({
        code: "FMS022",
        message: "a list cannot be compared this way",
        span: operand.items[0]?.span ?? { source: 0, start: 0, end: 0 },
        help: "use `in` with the list on its right, or `contains`",
      });
    }
    const value = operand.value;
    if (value === null) return this.#code.value(Op.LoadNull, 0, null);
    if (typeof value === "boolean") return this.#code.value(Op.LoadBool, value ? 1 : 0, null);
    if (typeof value === "number") return this.#code.value(Op.LoadNumber, this.#program.number(value), null);
    return this.#code.value(Op.LoadString, this.#program.string(value), null);
  }
}
