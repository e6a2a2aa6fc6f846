// Values of fields and lists, tool patterns and names: from the concrete tree to the syntax tree.
import type { CstNode, IToken } from "chevrotain";
import type { Pattern, Span, Value } from "../ast.ts";
import { suggest } from "../suggest.ts";
import { parseDuration, readQuantity } from "./quantity.ts";
import { readQuoted } from "./quoted.ts";
import { child, children, must, type Reader, token } from "./tree.ts";

export function readValue(reader: Reader, node: CstNode): Value {
  const list = child(node, "list");
  if (list !== undefined) return readList(reader, list);
  const word = token(node, "Word");
  if (word !== undefined) {
    return token(node, "LParen") === undefined
      ? { kind: "word", value: word.image, span: reader.ofToken(word) }
      : readEnv(reader, node, word);
  }
  for (const name of ["Text", "Quantity", "Bool", "Nil"] as const) {
    const found = token(node, name);
    if (found !== undefined) return readLiteral(reader, name, found);
  }
  const run = must(token(node, "Run"), "a value");
  return { kind: "word", value: run.image, span: reader.ofToken(run) };
}

export function readLiteral(reader: Reader, name: "Text" | "Quantity" | "Bool" | "Nil", at: IToken): Value {
  const span = reader.ofToken(at);
  if (name === "Text") return { kind: "string", value: readQuoted(at.image), span };
  if (name === "Bool") return { kind: "bool", value: at.image === "true", span };
  if (name === "Nil") return { kind: "nil", span };
  const read = readQuantity(at.image);
  // A text that is no number carries its own finding; the value only fills the place.
  return typeof read === "string"
    ? { kind: "number", value: 0, unit: "plain", text: at.image, span }
    : { kind: "number", value: read.value, unit: read.unit, text: at.image, span };
}

export function readList(reader: Reader, node: CstNode): Value {
  return {
    kind: "list",
    items: children(node, "value").map((item) => readValue(reader, item)),
    span: reader.ofNode(node),
  };
}

function readEnv(reader: Reader, node: CstNode, word: IToken): Value {
  const variable = readQuoted(must(token(node, "Text"), "the name of a variable").image);
  if (word.image !== "env") {
    const near = suggest(word.image, ["env"]);
    reader.report("FMS020", `unknown function \`${word.image}\` in a value`, reader.ofToken(word), {
      help: near === null ? 'the only function of a value is env("NAME")' : 'did you mean `env("NAME")`?',
    });
  }
  return { kind: "env", variable, span: reader.ofNode(node) };
}

/** A production that is a bare run or a text: its characters without quotes. */
export function readName(reader: Reader, node: CstNode): { readonly text: string; readonly span: Span } {
  const text = token(node, "Text");
  const at = text ?? must(token(node, "Run"), "a name");
  return { text: text === undefined ? at.image : readQuoted(text.image), span: reader.ofToken(at) };
}

export function readPattern(reader: Reader, node: CstNode): Pattern {
  return readName(reader, node);
}

/** The patterns of `tools = ["a", b/*]`, or of a single one. */
export function readPatterns(reader: Reader, node: CstNode): Pattern[] {
  return children(node, "toolPattern").map((item) => readPattern(reader, item));
}

/** Seconds of a duration, bare or quoted; reports what is none. */
export function readDuration(reader: Reader, value: Value, what: string): number | null {
  if (value.kind === "number" && value.unit === "duration") return value.value;
  const seconds = value.kind === "string" ? parseDuration(value.value) : null;
  // What is no number at all was reported where it was scanned.
  if (value.kind === "number" && typeof readQuantity(value.text) === "string") return null;
  if (seconds !== null) return seconds;
  reader.report("FMS012", `${what} is not a duration`, value.span, {
    help: 'write a duration such as 15m, 48h or "1h30m"',
  });
  return null;
}
