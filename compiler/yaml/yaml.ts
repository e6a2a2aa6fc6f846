// YAML 1.2, core schema, to the common tree, by the package `yaml`. What would give a place two meanings or a file a size
// that it does not show is refused before the tree is made: tags, anchors, aliases, directives, merge keys, depth.
import {
  Composer,
  CST,
  type ErrorCode,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  type ParsedNode,
  Parser,
  type Scalar,
} from "yaml";
import type { Span } from "../ast.ts";
import type { DiagnosticCode } from "../diagnostic.ts";
import { limits } from "../limits.ts";
import type { Form } from "./form.ts";
import { type Entry, type Node, readNumber, type Style } from "./node.ts";

/** What the composer has beneath its typings and this needs: yaml 2.9; the tests of hostile files hold it. */
interface Complaining {
  onError: (at: Place, code: ErrorCode) => void;
}
type Place = number | readonly [number, number] | { readonly offset: number; readonly source?: string };

/** Ends the reading once as many errors are reported as are shown: the package would go on to the end of the file. */
class Stopped extends Error {}

/** The tree of a YAML text; null after reporting why there is none. */
export function readYaml(form: Form): Node | null {
  if (!isPlain(form)) return null;
  try {
    const contents = compose(form);
    if (contents !== null) return convert(form, contents);
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
  return null;
}

function compose(form: Form): ParsedNode | null {
  const composer = new Composer({
    version: "1.2",
    schema: "core",
    merge: false,
    uniqueKeys: false,
    resolveKnownTags: false,
  });
  const before = form.findings.length;
  (composer as unknown as Complaining).onError = (at, code) => {
    report(form, at, code);
    if (form.isFull) throw new Stopped();
  };
  let contents: ParsedNode | null = null;
  let documents = 0;
  for (const document of composer.compose(new Parser().parse(form.file), true, form.file.length)) {
    if (++documents > 1) {
      report(form, [document.range[0], document.range[0]], "MULTIPLE_DOCS");
      break;
    }
    for (const { pos, code } of [...document.errors, ...document.warnings]) report(form, pos, code);
    contents = document.contents;
  }
  if (form.findings.length > before) return null;
  const start = { source: 0, start: 0, end: 0 };
  if (contents === null) form.report("FMS002", "the file holds no policy", start, { help: "begin with `agents:`" });
  return contents;
}

const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/;

type Refused = { readonly what: string; readonly help: string };
const refused: Partial<Record<CST.TokenType, Refused>> = {
  anchor: { what: "anchors are", help: 'write the value out; text that begins with `&` is put in quotes: "&…"' },
  alias: {
    what: "aliases are",
    help: 'write the value out; a tool pattern that begins with `*` is put in quotes: "*"',
  },
  tag: { what: "tags are", help: "a value has the type it is written as; text that begins with `!` is put in quotes" },
  "directive-line": { what: "directives are", help: "a policy is YAML 1.2: remove the line" },
};

/** Looks over the tokens before any tree is made of them: nothing here grows with depth. */
function isPlain(form: Form): boolean {
  const found = control.exec(form.file);
  if (found !== null) {
    const shown = `U+${found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
    const span = { source: 0, start: found.index, end: found.index + 1 };
    form.report("FMS001", `unexpected character ${shown}`, span, {
      help: 'write it as an escape in quotes: "\\u001b"',
    });
    return false;
  }
  const before = form.findings.length;
  let offset = 0;
  let column = 0;
  let depth = 0;
  let isText = false;
  let tokens = 0;
  for (const token of new Lexer().lex(form.file)) {
    if (token === CST.DOCUMENT || token === CST.FLOW_END || token === CST.SCALAR) {
      isText = token === CST.SCALAR;
      continue;
    }
    const type = isText ? "scalar" : CST.tokenType(token);
    const span = { source: 0, start: offset, end: offset + token.length };
    if (++tokens > limits.yamlTokens) {
      form.report("FMS004", `the file has more than ${limits.yamlTokens} words and signs`, span, { help: "split it" });
      return false;
    }
    const no = type === null ? undefined : refused[type];
    if (no !== undefined) form.report("FMS010", `${no.what} not supported in a policy`, span, { help: no.help });
    if (type === "flow-map-start" || type === "flow-seq-start") depth++;
    else if (type === "flow-map-end" || type === "flow-seq-end") depth = Math.max(0, depth - 1);
    const isBlock = type === "seq-item-ind" || type === "explicit-key-ind" || (type === "space" && column === 0);
    const reach = type === "space" ? token.length : column;
    if (depth > limits.nestedYaml || (depth === 0 && isBlock && reach > limits.yamlIndent)) {
      const message = depth > 0 ? `more than ${limits.nestedYaml} brackets are open here` : tooFar;
      form.report("FMS004", message, span, { help: "a policy needs far fewer" });
      return false;
    }
    offset += token.length;
    const lineEnd = token.lastIndexOf("\n");
    column = lineEnd < 0 ? column + token.length : token.length - lineEnd - 1;
    isText = false;
  }
  return form.findings.length === before;
}

const tooFar = `the structure is indented by more than ${limits.yamlIndent} columns here`;

type Complaint = { readonly code: DiagnosticCode; readonly message: string; readonly help: string };
const indent = "fields of one map begin in the same column, deeper than the key that they belong to";
const complaints: Record<ErrorCode, Complaint> = {
  ALIAS_PROPS: { code: "FMS010", message: "aliases are not supported in a policy", help: "write the value out" },
  BAD_ALIAS: { code: "FMS010", message: "aliases are not supported in a policy", help: "write the value out" },
  BAD_DIRECTIVE: { code: "FMS002", message: "unexpected directive", help: "remove the line" },
  BAD_DQ_ESCAPE: {
    code: "FMS001",
    message: "unknown escape in double quotes",
    help: "double the backslash, or use single quotes, in which a backslash is only itself",
  },
  BAD_INDENT: { code: "FMS002", message: "unexpected indentation", help: indent },
  BAD_PROP_ORDER: { code: "FMS002", message: "unexpected anchor or tag", help: "remove it" },
  BAD_SCALAR_START: {
    code: "FMS001",
    message: "text cannot begin with this character",
    help: "put the text in quotes",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    code: "FMS002",
    message: "a key and its map on one line",
    help: "put the map on a new line",
  },
  BLOCK_IN_FLOW: { code: "FMS002", message: "a block inside of brackets", help: "write it with [ ] or { } as well" },
  DUPLICATE_KEY: { code: "FMS013", message: "a key is given twice", help: "remove one of them" },
  IMPOSSIBLE: { code: "FMS002", message: "this is not YAML", help: indent },
  KEY_OVER_1024_CHARS: { code: "FMS004", message: "a key has more than 1024 characters", help: "shorten it" },
  MISSING_CHAR: { code: "FMS003", message: "something is not closed here", help: "close the quote, bracket or key" },
  MULTILINE_IMPLICIT_KEY: {
    code: "FMS002",
    message: "a key stands on one line",
    help: "is a `:` missing on the line above, or a quote?",
  },
  MULTIPLE_ANCHORS: { code: "FMS010", message: "anchors are not supported in a policy", help: "remove them" },
  MULTIPLE_DOCS: { code: "FMS002", message: "a second document begins here", help: "a policy is one document" },
  MULTIPLE_TAGS: { code: "FMS010", message: "tags are not supported in a policy", help: "remove them" },
  NON_STRING_KEY: { code: "FMS012", message: "a key is text", help: "put it in quotes" },
  RESOURCE_EXHAUSTION: { code: "FMS004", message: "the structure is too deep", help: "a policy needs far less" },
  TAB_AS_INDENT: { code: "FMS001", message: "a tab cannot indent YAML", help: "use spaces" },
  TAG_RESOLVE_FAILED: { code: "FMS010", message: "tags are not supported in a policy", help: "remove it" },
  UNEXPECTED_TOKEN: {
    code: "FMS002",
    message: "unexpected sign",
    help: "text with `: `, ` #` or brackets is put in quotes",
  },
  BAD_COLLECTION_TYPE: { code: "FMS010", message: "tags are not supported in a policy", help: "remove it" },
};

function report(form: Form, at: Place, error: ErrorCode): void {
  const { code, message, help } = complaints[error];
  const [start, end] =
    typeof at === "number"
      ? [at, at + 1]
      : "offset" in at
        ? [at.offset, at.offset + (at.source?.length ?? 0)]
        : [at[0], at[1]];
  const size = form.file.length;
  const span = { source: 0, start: Math.min(start, size), end: Math.min(Math.max(start, end), size) };
  form.report(code, message, span, { help });
}

const styles: Readonly<Record<string, Style>> = {
  PLAIN: "plain",
  QUOTE_SINGLE: "single",
  QUOTE_DOUBLE: "double",
  BLOCK_FOLDED: "block",
  BLOCK_LITERAL: "block",
};

/** Depth is bounded by isPlain. */
function convert(form: Form, node: ParsedNode): Node {
  const [start, end] = node.range;
  const span: Span = { source: 0, start, end };
  if (isScalar(node)) return convertScalar(form, node, span);
  if (isSeq(node)) {
    const items = node.items.map((item) => convert(form, item as ParsedNode));
    return { kind: "list", items, span: { ...span, end: node.flow ? end : (items.at(-1)?.span.end ?? end) } };
  }
  if (!isMap(node)) throw new Error("an alias passed");
  const entries: Entry[] = [];
  const seen = new Map<string, Span>();
  for (const pair of node.items) {
    const key = pair.key as ParsedNode;
    const at = key.range;
    const keySpan: Span = { source: 0, start: at[0], end: at[1] };
    if (!isScalar(key) || typeof key.value !== "string") {
      form.report("FMS012", "a key is text", keySpan, { help: 'put it in quotes: "123":' });
      continue;
    }
    if (key.value === "<<") {
      form.report("FMS010", "merge keys are not supported in a policy", keySpan, { help: "write the fields out" });
      continue;
    }
    const first = seen.get(key.value);
    if (first !== undefined) form.twice(`the key \`${key.value}\``, keySpan, first);
    else seen.set(key.value, keySpan);
    const value: Node =
      pair.value === null
        ? { kind: "scalar", value: null, style: "plain", span: keySpan }
        : convert(form, pair.value as ParsedNode);
    entries.push({ key: key.value, keySpan, value: isAbsent(value) ? { ...value, span: keySpan } : value });
  }
  return { kind: "map", entries, span: { ...span, end: node.flow ? end : (entries.at(-1)?.value.span.end ?? end) } };
}

/** `rules:` with nothing behind it stands where its key does. */
function isAbsent(node: Node): boolean {
  return node.kind === "scalar" && node.value === null && node.span.start === node.span.end;
}

function convertScalar(form: Form, node: Scalar, span: Span): Node {
  const { value } = node;
  const style = styles[node.type ?? ""] ?? "block";
  if (style === "plain" && /[\r\n]/.test(form.written(span))) {
    // A line that is indented too far would become part of the text above it, a rule of a reason.
    form.report("FMS002", "this text goes on over several lines without quotes", span, {
      help: "is the next line indented too far? put long text in quotes, or behind `>`",
    });
  }
  if (typeof value === "number" || typeof value === "bigint") {
    const number = readNumber(form.written(span));
    if (typeof number === "number") return { kind: "scalar", value: number, style, span };
    form.report("FMS012", number.message, span, { help: number.help });
    return { kind: "scalar", value: 0, style, span };
  }
  if (typeof value === "string" || typeof value === "boolean" || value === null)
    return { kind: "scalar", value, style, span };
  throw new Error("the core schema has no such scalar");
}
