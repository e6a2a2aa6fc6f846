// One statement, or the head of a block, as a document: which pieces touch, and where a long one may be broken. Comments
// inside of it keep their place between two pieces; after a comment the line ends, because the comment would go on.
import * as t from "../tokens.ts";
import { type Doc, group, hard, indent, soft, space, whenBroken } from "./document.ts";
import type { Piece } from "./pieces.ts";

const clauseKeys = new Set(["If", "Reason", "Notify", "Reeval", "HttpPart", "HttpMap"]);
const junctions = new Set(["and", "or", "&&", "||"]);

/** The pieces of a statement; the comments before the first are the caller's. */
export function statementDocument(pieces: readonly Piece[]): Doc {
  const reader = new StatementReader(pieces);
  return reader.read();
}

class StatementReader {
  readonly #pieces: readonly Piece[];
  #next = 0;

  constructor(pieces: readonly Piece[]) {
    this.#pieces = pieces;
  }

  read(): Doc {
    const inner = (gap: Doc): Doc => indent([gap]);
    const head = this.#run((piece) => startsClause(piece), inner);
    const clauses: Doc[] = [];
    for (let first = this.#peek(); first !== undefined; first = this.#peek()) {
      clauses.push(this.#gap(first));
      clauses.push(group(this.#run((piece, isFirst) => !isFirst && startsClause(piece), inner)));
    }
    return group([...head, indent(clauses)]);
  }

  #peek(): Piece | undefined {
    return this.#pieces[this.#next];
  }

  /** Pieces up to one that `ends`, which is left; the gap before the first of them is the caller's. */
  #run(ends: (piece: Piece, isFirst: boolean) => boolean, place: (gap: Doc) => Doc): Doc[] {
    const parts: Doc[] = [];
    for (let piece = this.#peek(); piece !== undefined && !ends(piece, parts.length === 0); piece = this.#peek()) {
      if (parts.length > 0) parts.push(place(this.#gap(piece)));
      this.#next++;
      parts.push(piece.text + piece.suffix);
      const closing = isOpening(piece);
      if (closing !== null) parts.push(this.#bracket(piece, closing));
    }
    return parts;
  }

  /** What stands in brackets, the opening one being read, and the closing one. */
  #bracket(opening: Piece, closing: string): Doc {
    const first = this.#peek();
    const breaks = opening.key === "LSquare";
    const isEmpty = first?.key === closing;
    const edge = breaks && !isEmpty ? soft : "";
    const inner: Doc[] = [];
    if (first !== undefined && !isEmpty) {
      inner.push(before(first, edge));
      inner.push(
        ...this.#run(
          (piece) => piece.key === closing,
          (gap) => gap,
        ),
      );
    }
    const last = this.#peek();
    if (last === undefined) throw new Error("the grammar lets no bracket stay open");
    this.#next++;
    const comma = breaks && !isEmpty ? whenBroken(",") : "";
    const ending = last.comments.length > 0 ? hard : edge;
    return group([indent([...inner, comma, ...commentDocuments(last)]), ending, last.text + last.suffix]);
  }

  #gap(piece: Piece): Doc {
    const previous = this.#pieces[this.#next - 1];
    if (previous === undefined) return "";
    if (touches(previous, piece)) return before(piece, "");
    const breaks = startsClause(piece) || isJunction(piece) || previous.suffix === ",";
    return before(piece, breaks ? space : " ");
  }
}

/** The comments before a piece and the line end that they need, or `otherwise`. */
function before(piece: Piece, otherwise: Doc): Doc {
  return piece.comments.length === 0 ? otherwise : group([...commentDocuments(piece), hard]);
}

function commentDocuments(piece: Piece): Doc[] {
  return piece.comments.flatMap((comment, i): Doc[] =>
    i === 0 && !comment.ownLine ? [` ${comment.text}`] : [hard, comment.text],
  );
}

function startsClause(piece: Piece): boolean {
  return piece.production === "clause" && clauseKeys.has(piece.key);
}

function isJunction(piece: Piece): boolean {
  return piece.production === "expression" && junctions.has(piece.text);
}

/** The key of the bracket that closes what this one opens; subscripts such as `[0]` are never broken. */
function isOpening(piece: Piece): string | null {
  if (piece.key === "LParen") return "RParen";
  return piece.key === "LSquare" && piece.production !== "postfix" ? "RSquare" : null;
}

/** Whether nothing stands between two pieces. */
function touches(left: Piece, right: Piece): boolean {
  if (left.suffix === "=") return !right.text.startsWith("~");
  if (left.suffix !== "") return false;
  if (right.production === "postfix" && right.key !== "Word") return true;
  if (left.production === "postfix" && (left.key === "Dot" || left.key === "LSquare")) return true;
  if (right.key === "LParen") return right.production !== "operand" || isTightPrefix(left);
  if (right.production === "rawArgument" && right.key === "Equals") return true;
  if (left.production === "rawArgument" && left.key === "Equals") return !right.text.startsWith("~");
  return isTightPrefix(left);
}

function isTightPrefix(piece: Piece): boolean {
  return piece.production === "operand" && piece.key === "Prefix" && piece.token.tokenType !== t.Not;
}
