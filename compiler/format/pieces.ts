// A policy's text as the pieces that layout moves about: every token in its one spelling, with the comments that stand
// before it. Signs that layout writes itself (separators, terminators, commas) hang on the piece before them. No piece
// may be made up or left out here but by the rules that docs/fmt.md lists.
import type { CstNode, IToken } from "chevrotain";
import type { Finding } from "../diagnostic.ts";
import { PolicyParser } from "../grammar.ts";
import { readEffect } from "../parse/rule.ts";
import { syntaxFindings } from "../parse/syntax.ts";
import { empty, isNode } from "../parse/tree.ts";
import type { ScannedToken } from "../tokens.ts";
import * as t from "../tokens.ts";

/** `new` writes `if c reason "x"` and `name = value`, `old` writes `when c reason: "x"` and `name: value`. */
export type Dialect = "new" | "old";

export interface Comment {
  /** From `#` or `//` to the end of the line, without blanks at its end. */
  readonly text: string;
  /** No token stands before it on its line. */
  readonly ownLine: boolean;
  readonly blankBefore: boolean;
}

/** A token's place in the grammar: the production that consumed it, and the name under which it did. */
export interface Role {
  readonly production: string;
  readonly key: string;
}

export interface Piece extends Role {
  readonly token: ScannedToken;
  readonly text: string;
  /** Written right after the text: `,`, ` =`, `:`, `=` or `;`. */
  readonly suffix: string;
  /** Comments between the piece before and this one. */
  readonly comments: readonly Comment[];
  readonly blankBefore: boolean;
  readonly startsStatement: boolean;
}

const statements = new Set([
  "topStatement", "agentStatement", "rulesStatement", "phaseStatement", "budgetField", "runtimeField", "looseField",
  "trustField", "alertField", "packStatement", "useField",
]); // biome-ignore format: a table

/** Fields by production: the token that is their name, after which a separator is written whether or not there was one. */
const namedFields: ReadonlySet<string> = new Set([
  "field Word",
  "agentField AgentField",
  "varStatement Word",
  "toolsField Tools",
  "costField Cost",
  "phaseField Duration",
  "phaseField Next",
  "alertEvents On",
]);

let parser: PolicyParser | null = null;

/** The pieces in order, the last one being the end of the file; or what is wrong with the syntax. */
export function readPieces(text: string, dialect: Dialect): { pieces: Piece[] } | { findings: Finding[] } {
  parser ??= new PolicyParser();
  const roles = new Map<IToken, Role>();
  const starts = new Set<number>();
  parser.start(text, (rule) => {
    noteRoles(rule, roles, starts);
    empty(rule);
  });
  const tree = parser.policy();
  const tokens = parser.tokens();
  const findings = syntaxFindings(parser.finish());
  if (findings.length > 0) return { findings };
  noteRoles(tree, roles, starts);
  return { pieces: piecesOf(text, tokens, roles, starts, dialect) };
}

function noteRoles(node: CstNode, roles: Map<IToken, Role>, starts: Set<number>): void {
  if (statements.has(node.name)) starts.add(node.location?.startOffset ?? -1);
  for (const key in node.children) {
    const role: Role = { production: node.name, key };
    for (const element of node.children[key] ?? []) {
      if (isNode(element)) noteRoles(element, roles, starts);
      else roles.set(element, role);
    }
  }
}

function piecesOf(
  text: string,
  tokens: readonly ScannedToken[],
  roles: ReadonlyMap<IToken, Role>,
  starts: ReadonlySet<number>,
  dialect: Dialect,
): Piece[] {
  const all = tokens.map((token) => {
    const role = roles.get(token);
    if (role === undefined) throw new Error(`the tree lacks the token at ${token.startOffset}`);
    return { token, ...role };
  });
  const pieces: Piece[] = [];
  let comments: Comment[] = [];
  let blankBefore = false;
  let end = 0;
  for (const [index, at] of all.entries()) {
    const gap = readGap(text, end, at.token.startOffset);
    comments.push(...gap.comments);
    blankBefore = gap.endsBlank || (blankBefore && gap.comments.length === 0);
    end = at.token.end;
    if (isHung(at)) continue;
    const suffix = suffixOf(all, index, dialect);
    const startsStatement = starts.has(at.token.startOffset);
    pieces.push({ ...at, text: spelling(at, dialect), suffix, comments, blankBefore, startsStatement });
    comments = [];
    blankBefore = false;
  }
  return pieces;
}

type Placed = Role & { readonly token: ScannedToken };

/** Signs that are no pieces of their own. */
function isHung({ key }: Placed): boolean {
  return key === "Separator" || key === "Terminator" || key === "Comma";
}

function suffixOf(all: readonly Placed[], index: number, dialect: Dialect): string {
  const at = all[index] as Placed;
  const next = all[index + 1];
  if (next === undefined) return "";
  if (next.key === "Comma" && next.production === "ruleStatement") return "";
  if (next.key === "Comma") return all[index + 2]?.key === "RSquare" ? "" : ",";
  const written = next.key === "Separator";
  const separator = dialect === "new" ? " =" : ":";
  if (namedFields.has(`${at.production} ${at.key}`)) return separator;
  switch (at.production) {
    case "looseEntry":
    case "paramStatement":
      return written ? separator : "";
    case "redact":
      return at.key === "Args" ? ":" : "";
    case "toolPattern":
      return all[index - 1]?.key === "RateLimit" ? ":" : "";
    case "clause":
      return clauseSuffix(all, index, dialect);
    case "alertEvent":
      return next.key === "Terminator" && beginsEvent(all[index + 2]) ? ";" : "";
    default:
      return "";
  }
}

function clauseSuffix(all: readonly Placed[], index: number, dialect: Dialect): string {
  const at = all[index] as Placed;
  const before = all[index - 1]?.key === "Separator" ? all[index - 2] : all[index - 1];
  if (before?.key === "HttpMap" && at.key !== "Separator") return "=";
  if (!["Reason", "Notify", "Reeval", "HttpPart"].includes(at.key)) return "";
  if (dialect === "old") return ":";
  const value = all[index + 1]?.key === "Separator" ? all[index + 2] : all[index + 1];
  // A bare value that begins with a colon would pass for one with a separator before it.
  return value?.token.image.startsWith(":") === true ? " =" : "";
}

/** Events of an alert follow each other without a sign: a field whose name is one must stay apart from them. */
function beginsEvent(next: Placed | undefined): boolean {
  const type = next?.token.tokenType;
  return type === t.Effect || type === t.AlertEvent || type === t.Text;
}

/** The one spelling of a token. */
function spelling(at: Placed, dialect: Dialect): string {
  const { image, tokenType } = at.token;
  if (tokenType === t.Text) return doubleQuoted(image);
  if (at.key === "Effect" && (at.production === "ruleStatement" || at.production === "defaultField")) {
    return readEffect(at.token);
  }
  if (at.key === "Equals") return "=";
  if (at.key === "If") return dialect === "new" ? "if" : "when";
  return image;
}

/** The same text in double quotes; what stands between the quotes stays as it is written, as far as it can. */
function doubleQuoted(image: string): string {
  if (image.startsWith('"')) return image;
  const inner = image
    .slice(1, -1)
    .replace(/\\[\s\S]|"/g, (part) => (part === '"' ? '\\"' : part === "\\'" ? "'" : part));
  return `"${inner}"`;
}

const lineRest = /[^\r\n]*/y;

/** The comments between two tokens. */
function readGap(text: string, from: number, to: number): { comments: Comment[]; endsBlank: boolean } {
  const comments: Comment[] = [];
  let lines = 0;
  let isFirst = from === 0;
  for (let at = from; at < to; at++) {
    const c = text[at];
    if (c === "\n" || (c === "\r" && text[at + 1] !== "\n")) lines++;
    else if (c === "#" || c === "/") {
      lineRest.lastIndex = at;
      const comment = (lineRest.exec(text)?.[0] ?? "").replace(/[ \t]+$/, "");
      comments.push({ text: comment, ownLine: lines > 0 || isFirst, blankBefore: lines > 1 });
      at = lineRest.lastIndex - 1;
      lines = 0;
      isFirst = false;
    }
  }
  return { comments, endsBlank: lines > 1 };
}
