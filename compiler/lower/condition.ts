// Conditions to instructions. Kleene's logic becomes jumps: of each subexpression we ask "is it true?" or "is it false?",
// and `not` turns one question into the other. Values that are no single field are computed into temporaries just before
// the test that reads them, so that no jump ever lands between.

import { JUMP_FAIL, JUMP_MATCH, JUMP_MAX, Kind, Mode, Op, Root } from "../../vm/shared/isa.ts";
import type { CompareOperator, Expr, NetworkMatcher, Rule, Value } from "../ast.ts";
import { literalForm } from "../automaton/index.ts";
import type { Finding } from "../diagnostic.ts";
import { readQuery } from "../history.ts";
import { argumentPath, type NamesOf, resolveName } from "../names.ts";
import { lowerQuery } from "./history.ts";
import { matcherPath, matcherTests } from "./network.ts";
import type { Instruction, Program, SetMember, SlotRef } from "./program.ts";

/** Where a test goes: a special jump, or an instruction still to come. */
interface Label {
  at: number | null;
}

const MATCH: Label = { at: JUMP_MATCH };
const FAIL: Label = { at: JUMP_FAIL };

interface Draft {
  op: Op;
  mode: number;
  a: SlotRef;
  b: number | SlotRef;
  c: SlotRef | null;
  target: Label | null;
}

type Operand =
  | { readonly kind: "constant"; readonly value: Constant }
  | { readonly kind: "slot"; readonly slot: SlotRef }
  | { readonly kind: "list"; readonly items: readonly Value[] };

type Constant = null | boolean | number | string;

/** Temporaries of one rule's code; the loader follows their definedness in 64 bits. */
const TEMPORARIES_MAX = 64;

/** A rule's instructions are counted in 16 bits, and the longest jump is shorter still. */
export const INSTRUCTIONS_MAX = JUMP_MAX;

/** A condition that check let pass and lower cannot express: reported, never dropped. */
export class Unlowerable extends Error {
  readonly finding: Finding;
  constructor(finding: Finding) {
    super(finding.message);
    this.finding = finding;
  }
}

export interface LoweredCondition {
  readonly code: readonly Instruction[];
  /** Fields that the code reads. */
  readonly fields: ReadonlySet<number>;
}

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
  const writer = new ConditionWriter(program, agent);
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
    else writer.before(part);
  }
  return writer.finish();
}

class ConditionWriter {
  readonly #program: Program;
  readonly #agent: NamesOf;
  readonly #drafts: Draft[] = [];
  readonly #fields = new Set<number>();
  /** Of the test being written; the next test uses them anew. */
  #temporaries = 0;

  constructor(program: Program, agent: NamesOf) {
    this.#program = program;
    this.#agent = agent;
  }

  finish(): LoweredCondition {
    if (this.#drafts.length > INSTRUCTIONS_MAX) throw tooLong(`more than ${INSTRUCTIONS_MAX} steps`);
    const last = this.#drafts.length - 1;
    const code = this.#drafts.map((draft, i): Instruction => {
      const target = draft.target;
      if (target === null) return { ...draft, jump: 0 };
      const at = target.at;
      if (at === null) throw new Error("a label was never placed");
      const jump = target === MATCH || target === FAIL ? at : at - i - 1;
      return {
        op: draft.op,
        mode: i === last ? draft.mode | Mode.Last : draft.mode,
        a: draft.a,
        b: draft.b,
        c: draft.c,
        jump,
      };
    });
    return { code, fields: this.#fields };
  }

  /** Writes a part behind which code goes on. */
  before(part: (yes: Label) => void): void {
    const rest: Label = { at: null };
    part(rest);
    rest.at = this.#drafts.length;
  }

  toolTest(automaton: number, yes: Label): void {
    this.#test(Op.Matches, this.#field(Root.Tool, []), automaton, null, true, yes, FAIL, yes);
  }

  /** A network matcher holds or does not: what is missing or of another kind does not match. */
  matcher(matcher: NetworkMatcher, yes: Label): void {
    const alternatives = matcherTests(this.#program, this.#agent, matcher);
    if ("refused" in alternatives) throw this.#refuse(matcher, alternatives.refused, undefined, "FMS012");
    const slot = this.#field(Root.Http, matcherPath(matcher));
    for (const [i, tests] of alternatives.entries()) {
      const isLast = i === alternatives.length - 1;
      const other: Label = isLast ? FAIL : { at: null };
      for (const [j, { op, b, truth }] of tests.entries()) {
        if (j < tests.length - 1) this.before((rest) => this.#test(op, slot, b, null, truth, rest, other, rest));
        else this.#test(op, slot, b, null, truth, yes, other, isLast ? yes : other);
      }
      if (!isLast) other.at = this.#drafts.length;
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
      middle.at = this.#drafts.length;
      this.ask(expr.right, truth, yes, no, next);
    } else {
      this.#askTest(expr, truth, yes, no, next);
    }
  }

  #askTest(expr: Expr, truth: boolean, yes: Label, no: Label, next: Label): void {
    this.#temporaries = 0;
    if (expr.kind === "compare") {
      this.#compare(expr.operator, expr.left, expr.right, truth, yes, no, next);
    } else if (expr.kind === "method" && comparisonMethods.has(expr.name)) {
      const operator = comparisonMethods.get(expr.name);
      const [argument] = expr.arguments;
      if (operator === undefined || argument === undefined)
        throw this.#refuse(expr, `\`${expr.name}\` needs an operand`);
      this.#compare(operator, expr.receiver, argument, truth, yes, no, next);
    } else if (expr.kind === "call" && expr.name === "purpose") {
      const [argument] = expr.arguments;
      const value = argument === undefined ? undefined : this.#constant(argument);
      if (typeof value !== "string") throw this.#refuse(expr, "`purpose` takes one string");
      const slot = this.#field(Root.Purpose, []);
      this.#test(Op.EqFolded, slot, this.#program.string(asciiLower(value)), null, truth, yes, no, next);
    } else if (expr.kind === "call" && arrayTests.has(expr.name)) {
      this.#arrayTest(expr, truth, yes, no, next);
    } else {
      this.#test(Op.Truth, this.#slot(this.#operand(expr)), 0, null, truth, yes, no, next);
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
      this.#test(op, this.#slot(a), b, c, inverted ? !truth : truth, yes, no, next);
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
        if (typeof pattern !== "string") throw this.#refuse(right, "`matches` needs a pattern in quotes");
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
    if (!compiled.ok) throw this.#refuse(at, compiled.message, compiled.help, "FMS023");
    return this.#program.automaton(`search:${pattern}`, compiled.automaton);
  }

  /** `args_array_contains("a.b", v)`, `args_array_any_match("a.b", re)`. */
  #arrayTest(expr: Extract<Expr, { kind: "call" }>, truth: boolean, yes: Label, no: Label, next: Label): void {
    const [path, sought] = expr.arguments;
    if (path?.kind !== "string" || sought === undefined) {
      throw this.#refuse(expr, `\`${expr.name}\` takes a path and a value`);
    }
    const value = this.#constant(sought);
    const slot = this.#field(Root.Args, argumentPath(path.value));
    if (expr.name === "args_array_contains" && (value === undefined || value === null)) {
      this.#listHas(slot, sought, truth, yes, no, next);
      return;
    }
    const emit = (op: Op, b: number): void => this.#test(op, slot, b, null, truth, yes, no, next);
    if (expr.name === "args_array_any_match") {
      if (typeof value !== "string") throw this.#refuse(sought, "`args_array_any_match` needs a pattern in quotes");
      emit(Op.AnyMatches, this.#search(value, sought));
    } else if (typeof value === "string") emit(Op.ListHasString, this.#program.string(value));
    else if (typeof value === "number") emit(Op.ContainsNumber, this.#program.number(value));
    else emit(Op.ContainsBool, value === true ? 1 : 0);
  }

  /** A list is one that has a length; texts, which contain as well, have none in this sense. */
  #listHas(list: SlotRef, sought: Expr, truth: boolean, yes: Label, no: Label, next: Label): void {
    const most = this.#program.number(Number.MAX_SAFE_INTEGER);
    const length = this.#value(Op.Count, list, null);
    this.before((rest) => this.#test(Op.LeNumber, length, most, null, true, rest, no, rest));
    this.#test(Op.Contains, list, 0, this.#slot(this.#operand(sought)), truth, yes, no, next);
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

  #test(op: Op, a: SlotRef, b: number, c: SlotRef | null, truth: boolean, yes: Label, no: Label, next: Label): void {
    if (next !== yes && next !== no) throw new Error("code must fall through to one of its answers");
    const fallsWhenYes = next === yes;
    const mode = truth
      ? fallsWhenYes
        ? Mode.NeedTrue
        : Mode.SkipTrue
      : fallsWhenYes
        ? Mode.NeedFalse
        : Mode.SkipFalse;
    this.#drafts.push({ op, mode, a, b, c, target: fallsWhenYes ? no : yes });
  }

  #value(op: Op, b: number | SlotRef, c: SlotRef | null): SlotRef {
    if (this.#temporaries >= TEMPORARIES_MAX)
      throw tooLong(`a comparison that computes more than ${TEMPORARIES_MAX} values`);
    const a = { temporary: this.#temporaries++ };
    this.#program.temporaries = Math.max(this.#program.temporaries, this.#temporaries);
    this.#drafts.push({ op, mode: 0, a, b, c, target: null });
    return a;
  }

  #field(root: Root, path: readonly (string | number)[]): SlotRef {
    const field = this.#program.field(root, path);
    this.#fields.add(field);
    return { field };
  }

  #set(items: readonly Value[]): number {
    const members = items.map((item): SetMember => {
      const value = constantOf(item);
      if (value === undefined) throw this.#refuse(item, "a list here holds plain values only");
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
        throw this.#refuse(expr, "a comparison cannot be compared again", "put `and` or `or` between the two");
      default: {
        const value = constantOf(expr);
        if (value === undefined) throw this.#refuse(expr, "this value cannot stand in a condition");
        return { kind: "constant", value };
      }
    }
  }

  #name(expr: Extract<Expr, { kind: "name" }>, beside: Expr | undefined): Operand {
    const found = resolveName(this.#agent, expr.path);
    if (found.kind === "value")
      return found.value.kind === "list" ? { kind: "list", items: found.value.items } : this.#operand(found.value);
    if (found.kind !== "field") throw this.#refuse(expr, `\`${found.word}\` has no such member`, undefined, "FMS021");
    const slot = this.#field(found.field.root, found.field.path);
    if (found.length) return { kind: "slot", slot: this.#value(Op.Length, slot, null) };
    const last = expr.path[expr.path.length - 1];
    if (last === "recipients" && beside !== undefined && typeof this.#constant(beside) === "number") {
      return { kind: "slot", slot: this.#value(Op.Count, slot, null) };
    }
    return { kind: "slot", slot };
  }

  #negate(expr: Expr): Operand {
    const operand = this.#operand(expr);
    if (operand.kind === "constant" && typeof operand.value === "number")
      return { kind: "constant", value: -operand.value };
    return { kind: "slot", slot: this.#value(Op.Negate, this.#slot(operand), null) };
  }

  #arithmetic(expr: Extract<Expr, { kind: "arithmetic" }>): Operand {
    const op = { "+": Op.Add, "-": Op.Subtract, "*": Op.Multiply, "/": Op.Divide, "%": Op.Remainder }[expr.operator];
    const left = this.#slot(this.#operand(expr.left));
    const right = this.#slot(this.#operand(expr.right));
    return { kind: "slot", slot: this.#value(op, left, right) };
  }

  #function(expr: Extract<Expr, { kind: "call" | "method" }>): Operand {
    const reading = readQuery(expr);
    if (reading?.ok === true) {
      return { kind: "slot", slot: this.#value(Op.Look, lowerQuery(this.#program, reading.query), null) };
    }
    const [path] = expr.arguments;
    if (expr.kind === "call" && expr.name === "args_array_len" && path?.kind === "string") {
      return { kind: "slot", slot: this.#value(Op.Count, this.#field(Root.Args, argumentPath(path.value)), null) };
    }
    const op = Object.hasOwn(valueFunctions, expr.name) ? valueFunctions[expr.name] : undefined;
    const argument = expr.kind === "method" ? expr.receiver : expr.arguments[0];
    const extra = expr.arguments.length - (expr.kind === "method" ? 0 : 1);
    if (op === undefined || argument === undefined || extra !== 0) {
      throw this.#refuse(expr, `\`${expr.name}\` gives no value that can be compared`, undefined, "FMS020");
    }
    return { kind: "slot", slot: this.#value(op, this.#slot(this.#operand(argument)), null) };
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
    if (value === null) return this.#value(Op.LoadNull, 0, null);
    if (typeof value === "boolean") return this.#value(Op.LoadBool, value ? 1 : 0, null);
    if (typeof value === "number") return this.#value(Op.LoadNumber, this.#program.number(value), null);
    return this.#value(Op.LoadString, this.#program.string(value), null);
  }

  #refuse(
    expr: { readonly span: Finding["span"] },
    message: string,
    help?: string,
    code: Finding["code"] = "FMS022",
  ): Unlowerable {
    return new Unlowerable({ code, message, span: expr.span, ...(help === undefined ? {} : { help }) });
  }
}

/** The span is filled in by the caller, who knows the rule. */
function tooLong(what: string): Unlowerable {
  return new Unlowerable({
    code: "FMS004",
    message: `the condition has ${what}`,
    span: { source: 0, start: 0, end: 0 },
    help: "split the rule in several",
  });
}

function illFormed(span: Finding["span"]): Unlowerable {
  const message = "this text holds half of a surrogate pair";
  return new Unlowerable({ code: "FMS012", message, span, help: "write both halves, or the character itself" });
}

const comparisonMethods = new Map<string, CompareOperator>([
  ["starts_with", "starts_with"],
  ["startsWith", "starts_with"],
  ["ends_with", "ends_with"],
  ["endsWith", "ends_with"],
  ["contains", "contains"],
  ["matches", "matches"],
]);

const arrayTests: ReadonlySet<string> = new Set(["args_array_contains", "args_array_any_match"]);

const valueFunctions: Record<string, Op> = { len: Op.Length, length: Op.Length, lower: Op.Lower, upper: Op.Upper };

const mirrored = { "==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<=" } as const;

/** a > b is "not a <= b", which holds in Kleene's logic too: both are unknown together. */
const orderings = {
  "==": { shape: "eq", inverted: false },
  "!=": { shape: "eq", inverted: true },
  "<": { shape: "lt", inverted: false },
  "<=": { shape: "le", inverted: false },
  ">": { shape: "le", inverted: true },
  ">=": { shape: "lt", inverted: true },
} as const;

function constantOf(value: Expr): Constant | undefined {
  switch (value.kind) {
    case "string":
      // Half a surrogate pair has no UTF-8, and no request can hold one.
      if (!value.value.isWellFormed()) throw illFormed(value.span);
      return value.value;
    case "number":
    case "bool":
    case "word":
      return value.value;
    case "nil":
      return null;
    default:
      return undefined;
  }
}

function asciiLower(text: string): string {
  return text.replace(/[A-Z]/g, (c) => c.toLowerCase());
}
