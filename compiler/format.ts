// The canonical layout of a policy's text. It moves white space and the spellings listed in docs/fmt.md, and nothing else:
// what it is about to return is read again and compared, piece by piece and comment by comment. Pure; the text of a
// policy with syntax errors is left alone.
import { type Diagnostic, type Finding, toDiagnostics } from "./diagnostic.ts";
import { layOut } from "./format/layout.ts";
import { type Dialect, type Piece, readPieces } from "./format/pieces.ts";
import { limits, utf8Bytes } from "./limits.ts";
import { parse } from "./parse.ts";

export type { Dialect } from "./format/pieces.ts";

export interface FormatOptions {
  /** How rules and fields are written; `new` when absent. */
  readonly dialect?: Dialect;
  /** Name shown in findings. */
  readonly file?: string;
}

/** The text in its canonical layout, lines ending in LF; or the syntax errors for which there is none. */
export type Formatted = { readonly text: string } | { readonly findings: readonly Diagnostic[] };

/**
 * Lays out a policy. What parses is laid out, also when `check` refuses it for another reason. Formatting the result
 * again changes nothing, and both texts compile to the same policy. Throws only at a fault of ours.
 */
export function format(text: string, options: FormatOptions = {}): Formatted {
  const { dialect = "new", file = "governance.fms" } = options;
  const refuse = (findings: readonly Finding[]): Formatted => ({
    findings: toDiagnostics(findings, [{ file, text }]),
  });
  // The compiler has words of its own for a text that is not to be looked at.
  if (text.startsWith("\ufeff") || utf8Bytes(text) > limits.sourceBytes) {
    return refuse(parse([{ file, text }]).findings);
  }
  const read = readPieces(text, dialect);
  if ("findings" in read) return refuse(read.findings);
  const laidOut = layOut(read.pieces);
  assertNothingLost(read.pieces, laidOut, dialect);
  return { text: laidOut };
}

function assertNothingLost(before: readonly Piece[], text: string, dialect: Dialect): void {
  const after = readPieces(text, dialect);
  if ("findings" in after) throw new Error(`the formatter broke the policy: ${after.findings[0]?.message}`);
  const length = Math.max(before.length, after.pieces.length);
  for (let i = 0; i < length; i++) {
    if (isSame(before[i], after.pieces[i])) continue;
    throw new Error(`the formatter changed the policy at offset ${before[i]?.token.startOffset ?? "of its end"}`);
  }
}

/** What of a piece must outlive formatting: its place in the grammar, its text and the comments before it. */
function isSame(a: Piece | undefined, b: Piece | undefined): boolean {
  if (a === undefined || b === undefined) return false;
  if (a.text !== b.text || a.suffix !== b.suffix || a.key !== b.key || a.production !== b.production) return false;
  return (
    a.comments.length === b.comments.length && a.comments.every((comment, i) => comment.text === b.comments[i]?.text)
  );
}
