// A diagnostic as text with a frame of the source around it. Pure: text in, text out; where it goes is the caller's.
import type { SourceText } from "./ast.ts";
import type { Diagnostic } from "./diagnostic.ts";

/** Columns of a source line that a frame shows; longer lines are cut around the place. */
const FRAME_COLUMNS = 110;
/** Columns kept before the place in a cut line. */
const FRAME_LEAD = 40;

const colours = {
  error: "\x1b[31m",
  warning: "\x1b[33m",
  note: "\x1b[36m",
  dim: "\x1b[2m",
  bold: "\x1b[1m",
  off: "\x1b[0m",
} as const;

const marks = { error: "✗", warning: "⚠", note: "→" } as const;

/** `✗ file:line:column: message`, three lines of `text` with `>` at the place, help and code. Lines end in \n but the last. */
export function renderDiagnostic(d: Diagnostic, text: string, options: { readonly color?: boolean } = {}): string {
  const paint = (colour: keyof typeof colours, words: string): string =>
    options.color === true ? `${colours[colour]}${words}${colours.off}` : words;
  const mark = marks[d.severity];
  const out = [`${paint(d.severity, mark)} ${d.file}:${d.line}:${d.column}: ${paint("bold", visible(d.message))}`];
  out.push(
    ...frame(d, text).map((line) =>
      line.startsWith(">") || line.includes("^") ? paint(d.severity, line) : paint("dim", line),
    ),
  );
  for (const place of d.related ?? [])
    out.push(`  ${place.file}:${place.line}:${place.column}: ${visible(place.message)}`);
  const code = paint("dim", `[${d.code}]`);
  out.push(d.help === undefined ? `  ${code}` : `  help: ${visible(d.help)} ${code}`);
  return out.join("\n");
}

/** Each with a frame of the source that it is about. */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: readonly SourceText[],
  options: { readonly color?: boolean } = {},
): string[] {
  return diagnostics.map((d) => {
    const source = sources.find(({ file }) => file === d.file);
    return renderDiagnostic(d, source?.text ?? "", options);
  });
}

function frame(d: Diagnostic, text: string): string[] {
  const lines = linesAround(text, d.line);
  const width = String(d.line + 1).length;
  const current = lines.get(d.line) ?? "";
  const cut =
    current.length > FRAME_COLUMNS && d.column > FRAME_COLUMNS - FRAME_LEAD
      ? Math.max(0, d.column - 1 - FRAME_LEAD)
      : 0;
  const shown = (line: string): string => {
    const window = visible(line.slice(cut, cut + FRAME_COLUMNS));
    return `${cut > 0 && line.length > cut ? "…" : ""}${window}${line.length > cut + FRAME_COLUMNS ? "…" : ""}`;
  };
  const out: string[] = [];
  for (const number of [d.line - 1, d.line, d.line + 1]) {
    const line = lines.get(number);
    if (line === undefined) continue;
    out.push(`${number === d.line ? ">" : " "} ${String(number).padStart(width)} | ${shown(line)}`.trimEnd());
    if (number === d.line) out.push(`  ${" ".repeat(width)} | ${underline(d, current.length, cut)}`);
  }
  return out;
}

function underline(d: Diagnostic, length: number, cut: number): string {
  const start = Math.max(0, d.column - 1 - cut) + (cut > 0 ? 1 : 0);
  const end = d.endLine === d.line ? d.endColumn : length + 1;
  const wide = Math.max(1, Math.min(end - d.column, FRAME_COLUMNS - start));
  return `${" ".repeat(start)}^${"~".repeat(wide - 1)}`;
}

/** The lines before, at and after a line, by number, without reading the rest into memory. */
function linesAround(text: string, line: number): Map<number, string> {
  const found = new Map<number, string>();
  let start = 0;
  for (let number = 1; number <= line + 1; number++) {
    let end = start;
    while (end < text.length && text[end] !== "\n" && text[end] !== "\r") end++;
    if (number >= line - 1) found.set(number, text.slice(start, end));
    if (end >= text.length) break;
    start = end + (text[end] === "\r" && text[end + 1] === "\n" ? 2 : 1);
    if (start >= text.length && number >= line) break;
  }
  return found;
}

/** Tabs as one space, so that the underline fits; other control characters as a dot. */
function visible(text: string): string {
  return text
    .replace(/\t/g, " ")
    .replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g, "·");
}
