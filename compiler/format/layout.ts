// Pieces as lines: one statement a line, blocks opened on the line of their head, two spaces a level, at most one blank
// line between two. Comments keep their line or get one of their own; none passes a brace.
import * as t from "../tokens.ts";
import { indentColumns, printDocument } from "./document.ts";
import type { Comment, Piece } from "./pieces.ts";
import { statementDocument } from "./statement.ts";

/** Columns of a line, beyond which lists and clauses get lines of their own. */
export const lineColumns = 120;

/** The text of a policy, ending in a line end unless it is empty. */
export function layOut(pieces: readonly Piece[]): string {
  const sheet = new Sheet();
  let statement: Piece[] = [];
  const finish = (): void => {
    const [first] = statement;
    if (first !== undefined) sheet.statement(statement, first.blankBefore);
    statement = [];
  };
  for (const piece of pieces) {
    const closes = piece.key === "RCurly";
    if (closes || piece.startsStatement || piece.key === "EOF") {
      finish();
      sheet.comments(piece.comments);
    }
    if (closes) sheet.close();
    else if (piece.key !== "EOF") statement.push(piece);
    if (piece.token.tokenType === t.LCurly) {
      finish();
      sheet.open();
    }
  }
  return sheet.text();
}

class Sheet {
  readonly #lines: string[] = [];
  #depth = 0;
  /** Nothing was written yet since the block, or the file, began: no blank line may follow. */
  #isFresh = true;
  /** The last thing written is an opening brace. */
  #isOpen = false;

  text(): string {
    return this.#lines.length === 0 ? "" : `${this.#lines.join("\n")}\n`;
  }

  statement(pieces: readonly Piece[], blankBefore: boolean): void {
    this.#line(printDocument(statementDocument(pieces), this.#depth * indentColumns, lineColumns), blankBefore);
  }

  comments(comments: readonly Comment[]): void {
    for (const [i, comment] of comments.entries()) {
      if (i > 0 || comment.ownLine) this.#line(comment.text, comment.blankBefore);
      else this.#append(` ${comment.text}`);
    }
  }

  open(): void {
    this.#depth++;
    this.#isFresh = true;
    this.#isOpen = true;
  }

  close(): void {
    this.#depth--;
    if (this.#isOpen) this.#append("}");
    else this.#line("}", false);
    this.#isFresh = false;
  }

  #line(text: string, blankBefore: boolean): void {
    if (blankBefore && !this.#isFresh) this.#lines.push("");
    this.#lines.push(`${" ".repeat(this.#depth * indentColumns)}${text}`);
    this.#isFresh = false;
    this.#isOpen = false;
  }

  #append(text: string): void {
    this.#isOpen = false;
    this.#lines.push(`${this.#lines.pop() ?? ""}${text}`);
  }
}
