// Conditions: the grammar's flat run of operands and operators becomes a tree by binding strength, weakest first:
// or, and, not, comparisons (which do not chain), + -, * / %, unary minus.
import type { CstNode, IToken } from "chevrotain";
import type { ArithmeticOperator, CompareOperator, Expr, Name, Span, Value } from "../ast.ts";
import { limits } from "../limits.ts";
import { child, children, must, type Reader, token, tokens } from "./tree.ts";
import { readList, readLiteral, readValue } from "./value.ts";

const strength = { or: 1, and: 2, not: 3, compare: 4, sum: 5, product: 6, negate: 7 } as const;

type Operator =
  | { readonly strength: 1 | 2; readonly logical: "or" | "and" }
  | { readonly strength: 4; readonly compare: CompareOperator }
  | { readonly strength: 5 | 6; readonly arithmetic: ArithmeticOperator };

const operators: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ...["or", "||"].map((word): [string, Operator] => [word, { strength: strength.or, logical: "or" }]),
  ...["and", "&&"].map((word): [string, Operator] => [word, { strength: strength.and, logical: "and" }]),
  ...(
    ["==", "!=", "<", "<=", ">", ">=", "in", "not in", "contains", "starts_with", "ends_with", "matches"] as const
  ).map((word): [string, Operator] => [word, { strength: strength.compare, compare: word }]),
  ["startsWith", { strength: strength.compare, compare: "starts_with" }],
  ["endsWith", { strength: strength.compare, compare: "ends_with" }],
  ["=~", { strength: strength.compare, compare: "matches" }],
  ...(["+", "-"] as const).map((word): [string, Operator] => [word, { strength: strength.sum, arithmetic: word }]),
  ...(["*", "/", "%"] as const).map((word): [string, Operator] => [
    word,
    { strength: strength.product, arithmetic: word },
  ]),
]);

interface Run {
  readonly reader: Reader;
  readonly operands: readonly CstNode[];
  readonly operators: readonly { readonly word: string; readonly at: IToken }[];
  /** The operand to be read next, and how many of its prefixes are. */
  operand: number;
  prefix: number;
}

export function readExpression(reader: Reader, node: CstNode): Expr {
  const operands = children(node, "operand");
  const words = joinNotIn(tokens(node, "operator"));
  const size = words.length + operands.reduce((sum, operand) => sum + tokens(operand, "Prefix").length, 0);
  if (size > limits.conditionOperators) {
    // Beyond that it is complained of where reading ended.
    if (size < limits.conditionOperatorsRead)
      reader.report(
        "FMS004",
        `this condition has ${size} operators; at most ${limits.conditionOperators} are allowed`,
        reader.ofNode(node),
        {
          help: "split it into several rules, or compare with a list: `x in [..]`",
        },
      );
    return { kind: "nil", span: reader.ofNode(node) };
  }
  return climb({ reader, operands, operators: words, operand: 0, prefix: 0 }, strength.or);
}

function joinNotIn(list: readonly IToken[]): { word: string; at: IToken }[] {
  const joined: { word: string; at: IToken }[] = [];
  for (let i = 0; i < list.length; i++) {
    const at = list[i] as IToken;
    joined.push({ word: at.image === "not" ? "not in" : at.image, at });
    if (at.image === "not") i++;
  }
  return joined;
}

function join(left: Expr, right: Expr): Span {
  return { source: left.span.source, start: left.span.start, end: right.span.end };
}

/** Reads operands as long as their operators bind at least as tightly as `least`. */
function climb(run: Run, least: number): Expr {
  let left = readPrefixed(run, least);
  let compared = false;
  for (;;) {
    const next = run.operators[run.operand - 1];
    const operator = next === undefined ? undefined : operators.get(next.word);
    if (next === undefined) return left;
    if (operator === undefined) throw new Error(`no operator ${next.word}`);
    if (operator.strength < least) return left;
    if ("compare" in operator) {
      if (compared) {
        run.reader.report("FMS002", "comparisons do not chain", run.reader.ofToken(next.at), {
          help: "join two comparisons with `and`",
        });
      }
      compared = true;
    }
    const right = climb(run, operator.strength + 1);
    const span = join(left, right);
    if ("logical" in operator) left = { kind: "logical", operator: operator.logical, left, right, span };
    else if ("compare" in operator) left = comparison(operator.compare, left, right, span);
    else left = { kind: "arithmetic", operator: operator.arithmetic, left, right, span };
  }
}

/** Functions that answer with true or false. */
const answers: ReadonlySet<string> = new Set([
  "purpose", "history_contains_within", "history_sequence", "args_array_contains", "args_array_any_match", "contains",
  "starts_with", "startsWith", "ends_with", "endsWith", "matches",
]); // biome-ignore format: a table

/** An answer that is compared with true or false is the answer, or its opposite: the same for all three of them. */
function comparison(operator: CompareOperator, left: Expr, right: Expr, span: Span): Expr {
  const [answer, literal] = right.kind === "bool" ? [left, right] : [right, left];
  if (literal.kind !== "bool" || (operator !== "==" && operator !== "!=") || !isAnswer(answer))
    return { kind: "compare", operator, left, right, span };
  return literal.value === (operator === "==") ? { ...answer, span } : { kind: "not", operand: answer, span };
}

function isAnswer(expr: Expr): boolean {
  if (expr.kind === "call" || expr.kind === "method") return answers.has(expr.name);
  return expr.kind === "compare" || expr.kind === "logical" || expr.kind === "not";
}

/** An operand with the signs before it. */
function readPrefixed(run: Run, least: number): Expr {
  const node = must(run.operands[run.operand], "an operand");
  const sign = tokens(node, "Prefix")[run.prefix];
  if (sign === undefined) {
    run.operand++;
    run.prefix = 0;
    return readOperand(run.reader, node);
  }
  run.prefix++;
  const start = run.reader.ofToken(sign);
  if (sign.image !== "-") {
    if (least > strength.not) {
      run.reader.report("FMS002", `\`${sign.image}\` cannot stand here`, start, {
        help: "put what it applies to in parentheses: `x == (not y)`",
      });
    }
    const operand = climb(run, strength.not);
    return { kind: "not", operand, span: { ...start, end: operand.span.end } };
  }
  const operand = readPrefixed(run, strength.negate);
  const span = { ...start, end: operand.span.end };
  if (operand.kind === "number" && !operand.text.startsWith("-"))
    return { ...operand, value: -operand.value, text: `-${operand.text}`, span };
  return { kind: "negate", operand, span };
}

function readOperand(reader: Reader, node: CstNode): Expr {
  let base = readBase(reader, node);
  for (const postfix of children(node, "postfix")) base = readPostfix(reader, base, postfix);
  return base;
}

function readBase(reader: Reader, node: CstNode): Expr {
  const inner = child(node, "expression");
  if (inner !== undefined) return readExpression(reader, inner);
  const list = child(node, "list");
  if (list !== undefined) return readList(reader, list);
  const word = token(node, "Word");
  if (word !== undefined) return { kind: "name", path: [word.image], span: reader.ofToken(word) };
  for (const name of ["Text", "Quantity", "Bool", "Nil"] as const) {
    const found = token(node, name);
    if (found !== undefined) return readLiteral(reader, name, found);
  }
  throw new Error("the tree lacks an operand");
}

function readPostfix(reader: Reader, base: Expr, node: CstNode): Expr {
  const span = { ...base.span, end: reader.ofNode(node).end };
  const member = token(node, "Word");
  const call = child(node, "callArguments");
  if (member === undefined && call === undefined) return readIndex(reader, base, node, span);
  if (call === undefined) {
    const name = must(member, "a member").image;
    if (base.kind === "name") return { kind: "name", path: [...base.path, name], span };
    if (name === "length")
      return { kind: "call", name: "len", nameSpan: reader.ofToken(must(member, "a member")), arguments: [base], span };
    return refuse(reader, base, span, `\`.${name}\` can only follow a name`);
  }
  const inputs = readArguments(reader, call);
  if (member !== undefined) {
    return {
      kind: "method",
      receiver: base,
      name: member.image,
      nameSpan: reader.ofToken(member),
      arguments: inputs,
      span,
    };
  }
  if (base.kind === "name" && base.path.length === 1) {
    const [input] = inputs;
    if (base.path[0] === "env" && input?.kind === "string") return { kind: "env", variable: input.value, span };
    return { kind: "call", name: String(base.path[0]), nameSpan: base.span, arguments: inputs, span };
  }
  return refuse(reader, base, span, "only a function can be called");
}

function readIndex(reader: Reader, base: Expr, node: CstNode, span: Span): Expr {
  const index = readLiteral(reader, "Quantity", must(token(node, "Quantity"), "an index"));
  if (base.kind !== "name") return refuse(reader, base, span, "an index can only follow a name");
  if (
    index.kind !== "number" ||
    index.unit !== "plain" ||
    !Number.isInteger(index.value) ||
    index.value < 0 ||
    index.value > 65_535
  ) {
    return refuse(reader, base, span, "an index is a whole number from 0 to 65535");
  }
  return { kind: "name", path: [...base.path, index.value], span };
}

function refuse(reader: Reader, base: Expr, span: Span, message: string): Expr {
  reader.report("FMS002", message, span);
  return base;
}

function readArguments(reader: Reader, node: CstNode): Expr[] {
  const plain = child(node, "plainArguments");
  if (plain !== undefined) return children(plain, "expression").map((item) => readExpression(reader, item));
  return children(must(child(node, "rawArguments"), "arguments"), "rawArgument").map((item): Value => {
    const [first, named] = children(item, "value").map((part) => readValue(reader, part));
    if (named === undefined) return must(first, "an argument");
    if (first?.kind !== "word" || first.value !== "window") {
      reader.report("FMS002", "only `window` has a name here", reader.ofNode(item), { help: "write window=1h" });
    }
    return named;
  });
}

/** `cost = args.amount`: a dotted name. */
export function readDottedName(reader: Reader, node: CstNode): Name | null {
  const word = must(token(node, "Word"), "a name");
  let base: Expr = { kind: "name", path: [word.image], span: reader.ofToken(word) };
  for (const postfix of children(node, "postfix")) base = readPostfix(reader, base, postfix);
  if (base.kind === "name") return base;
  reader.report("FMS012", "a cost is the name of an argument or a number", base.span, {
    help: "write `cost = amount`",
  });
  return null;
}
