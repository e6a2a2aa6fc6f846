// A small printer of documents after Wadler: a group stands on one line where it fits, and is broken at all of its own
// lines where it does not. Knows nothing of policies. Its work is linear in the text for a bounded width.

/** A place where a broken group goes to the next line; `flat` is what stands there otherwise. */
interface Line {
  readonly kind: "line";
  readonly flat: string;
  readonly hard: boolean;
}
/** What stands there only when the group is broken. */
interface WhenBroken {
  readonly kind: "whenBroken";
  readonly text: string;
}
interface Nest {
  readonly kind: "group" | "indent";
  readonly parts: readonly Doc[];
  /** Holds a hard line, so that it can never be flat. */
  readonly forced: boolean;
}
export type Doc = string | Line | WhenBroken | Nest;

export const space: Doc = { kind: "line", flat: " ", hard: false };
export const soft: Doc = { kind: "line", flat: "", hard: false };
export const hard: Doc = { kind: "line", flat: "", hard: true };
export const whenBroken = (text: string): Doc => ({ kind: "whenBroken", text });
export const group = (parts: readonly Doc[]): Doc => ({ kind: "group", parts, forced: parts.some(isForced) });
export const indent = (parts: readonly Doc[]): Doc => ({ kind: "indent", parts, forced: parts.some(isForced) });

function isForced(doc: Doc): boolean {
  if (typeof doc === "string" || doc.kind === "whenBroken") return false;
  return doc.kind === "line" ? doc.hard : doc.forced;
}

interface Step {
  readonly doc: Doc;
  /** Columns of the lines that begin in it. */
  readonly margin: number;
  readonly flat: boolean;
}

/** Columns that one level of nesting takes. */
export const indentColumns = 2;

/** The document as text; lines after the first begin with `margin` spaces and more. Columns are UTF-16 code units. */
export function printDocument(doc: Doc, margin: number, widthColumns: number): string {
  const out: string[] = [];
  const steps: Step[] = [{ doc, margin, flat: false }];
  let column = margin;
  for (let step = steps.pop(); step !== undefined; step = steps.pop()) {
    const { doc: at, margin: own, flat } = step;
    if (typeof at === "string") {
      out.push(at);
      column += at.length;
    } else if (at.kind === "whenBroken") {
      if (!flat) out.push(at.text);
      column += flat ? 0 : at.text.length;
    } else if (at.kind === "line") {
      const text = flat ? at.flat : `\n${" ".repeat(own)}`;
      out.push(text);
      column = flat ? column + text.length : own;
    } else {
      const isFlat =
        flat || (at.kind === "group" && !at.forced && fits({ ...step, flat: true }, steps, widthColumns - column));
      pushParts(steps, at, isFlat, own);
    }
  }
  return out.join("");
}

function pushParts(steps: Step[], nest: Nest, flat: boolean, margin: number): void {
  const inner = nest.kind === "indent" ? margin + indentColumns : margin;
  for (let i = nest.parts.length - 1; i >= 0; i--) steps.push({ doc: nest.parts[i] as Doc, margin: inner, flat });
}

/** Whether `first`, and what follows it up to the next line end, takes at most `columns`. */
function fits(first: Step, after: readonly Step[], columns: number): boolean {
  let left = columns;
  let next = after.length;
  const steps: Step[] = [first];
  while (left >= 0) {
    const step = steps.pop() ?? after[--next];
    if (step === undefined) return true;
    const { doc, flat } = step;
    if (typeof doc === "string") left -= doc.length;
    else if (doc.kind === "whenBroken") left -= flat ? 0 : doc.text.length;
    else if (doc.kind === "line") {
      if (!flat) return true;
      left -= doc.flat.length;
    } else pushParts(steps, doc, flat, 0);
  }
  return false;
}
