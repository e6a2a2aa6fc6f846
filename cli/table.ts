// Rows as a table for a terminal: columns in line, what cannot be seen as escapes, wide values cut with a mark, long tables too.
// Pure: it gets texts and gives lines.
import { columns, countText, visible } from "./render.ts";

/** Characters of one cell. */
export const cellWidthMax = 60;
/** Rows of one table; whoever wants more wants another format. */
export const tableRowsMax = 1_000;

/** Visible and at most `max` characters, the last of which is `…` where some were left out. */
export function cell(text: string, max = cellWidthMax): string {
  // More than is ever shown need not be looked at.
  const shown = [...visible(text.slice(0, max * 8))];
  const isWhole = text.length <= max * 8 && shown.length <= max;
  return isWhole ? shown.join("") : `${shown.slice(0, max - 1).join("")}…`;
}

/** `isNumber`: which columns stand to the right. `left`: rows that are not here; null where nobody counted them. */
export function table(
  names: readonly string[],
  rows: readonly (readonly string[])[],
  isNumber: readonly boolean[],
  left: number | null = 0,
): string[] {
  const heads = names.map((name) => cell(name));
  const shown = rows.slice(0, tableRowsMax).map((row) => row.map((text) => cell(text)));
  const widths = heads.map((head, i) =>
    Math.max(...[head, ...shown.map((row) => row[i] ?? "")].map((text) => [...text].length)),
  );
  const placed = [heads, ...shown].map((row) =>
    row.map((text, i) => (isNumber[i] === true ? " ".repeat((widths[i] ?? 0) - [...text].length) + text : text)),
  );
  const [head = "", ...lines] = columns(placed);
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  const isCut = left === null || left > 0 || rows.length > shown.length;
  const missing = left === null ? "more rows" : `${countText(left + rows.length - shown.length, "row")} more`;
  return [head, rule, ...lines, ...(isCut ? [`… ${missing}: ask for fewer, or with --format csv`] : [])];
}
