// Pieces of the language inside a scalar: a condition, a whole rule, the name of a cost. The grammar is the text form's
// own; only places are translated. A comment is no part of a piece: folding would let it swallow what follows.
import type { CstNode, IToken } from "chevrotain";
import type { Assert, Expr, Name, Rule, Span } from "../ast.ts";
import { type PolicyParser, sharedParser } from "../grammar.ts";
import { readAssert } from "../parse/assert.ts";
import { readDottedName, readExpression } from "../parse/expression.ts";
import { readRule } from "../parse/rule.ts";
import { syntaxFindings } from "../parse/syntax.ts";
import { child, must, Reader } from "../parse/tree.ts";
import type { ScannedToken } from "../tokens.ts";
import type { Form } from "./form.ts";
import type { ScalarNode } from "./node.ts";
import { type Places, placesOf } from "./places.ts";

export function readCondition(form: Form, scalar: ScalarNode, text: string): Expr | null {
  const read = readPiece(form, scalar, text, (parser) => parser.conditionAlone(), "the condition");
  return read === null ? null : readExpression(read.reader, must(child(read.tree, "expression"), "a condition"));
}

/** A rule as text: `permit stripe/refund if amount < 500`. */
export function readRuleText(form: Form, scalar: ScalarNode, text: string): Rule | null {
  const read = readPiece(form, scalar, text, (parser) => parser.ruleAlone(), "the rule");
  return read === null ? null : readRule(read.reader, must(child(read.tree, "ruleStatement"), "a rule"));
}

/** An assert as text: `never permit stripe/payouts if amount > 500`, the word `assert` before it or not. */
export function readAssertText(form: Form, scalar: ScalarNode, text: string): Assert | null {
  const read = readPiece(form, scalar, text, (parser) => parser.assertAlone(), "the assert");
  return read === null ? null : readAssert(read.reader, read.tree);
}

/** The argument that a budget counts: `amount`, `args.total`. */
export function readCostName(form: Form, scalar: ScalarNode, text: string): Name | null {
  const read = readPiece(form, scalar, text, (parser) => parser.costAlone(), "the cost");
  return read === null ? null : readDottedName(read.reader, must(child(read.tree, "costValue"), "a cost"));
}

/** A reader whose places are those of the file. */
class PieceReader extends Reader {
  readonly #form: Form;
  readonly #places: Places;

  constructor(form: Form, places: Places) {
    super(form.source, form.findings);
    this.#form = form;
    this.#places = places;
  }

  override ofNode(node: CstNode): Span {
    const { start, end } = super.ofNode(node);
    return this.#places.span(start, end);
  }

  override ofToken(at: IToken): Span {
    const { start, end } = super.ofToken(at);
    return this.#places.span(start, end);
  }

  override report(...finding: Parameters<Reader["report"]>): void {
    this.#form.report(...finding);
  }
}

type Piece = { readonly tree: CstNode; readonly reader: Reader };

function readPiece(
  form: Form,
  scalar: ScalarNode,
  text: string,
  production: (parser: PolicyParser) => CstNode | undefined,
  what: string,
): Piece | null {
  const places = placesOf(scalar, text, form.file);
  const parser = sharedParser();
  parser.start(text);
  const tree = production(parser);
  // The first error ends a piece; what the parser adds is only that tokens are left.
  const tokens = parser.tokens();
  const reading = parser.finish();
  const findings = syntaxFindings({ ...reading, complaints: reading.complaints.slice(0, 1) });
  for (const { code, message, span, help } of findings) {
    const words = message.replace("the file ends", `${what} ends`).replace("the end of the file", `the end of ${what}`);
    form.report(code, words, places.span(span.start, span.end), help === undefined ? {} : { help });
  }
  if (findings.length > 0 || tree === undefined) return null;
  const comment = commentAmong(tokens, text);
  if (comment === null) return { tree, reader: new PieceReader(form, places) };
  form.report("FMS002", `a comment cannot stand in ${what}`, places.span(comment, text.length), {
    help: "put it outside of the text, on a line of its own",
  });
  return null;
}

/** Where something that is no token stands between two tokens; null when there is only white space. */
function commentAmong(tokens: readonly ScannedToken[], text: string): number | null {
  let end = 0;
  for (const token of tokens) {
    const gap = text.slice(end, token.startOffset).search(/[^ \t\r\n]/);
    if (gap >= 0) return end + gap;
    end = Math.max(end, token.end);
  }
  return null;
}
