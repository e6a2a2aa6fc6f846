// What the compiler has to say about a policy: values, collected, never thrown. Codes are stable; each has one row here.
import type { SourceText, Span } from "./ast.ts";

export type Severity = "error" | "warning";

/** One row for each code: its severity and what it is about, in a few words; docs/diagnostics.md is written from it. */
export const diagnosticCodes = {
  FMS001: { severity: "error", title: "text that cannot be read" },
  FMS002: { severity: "error", title: "unexpected word or sign" },
  FMS003: { severity: "error", title: "unclosed brace, bracket or string" },
  FMS004: { severity: "error", title: "limit exceeded" },
  FMS010: { severity: "error", title: "not supported yet" },
  FMS011: { severity: "error", title: "unknown field" },
  FMS012: { severity: "error", title: "value of the wrong kind" },
  FMS013: { severity: "error", title: "declared twice" },
  FMS014: { severity: "error", title: "missing field" },
  FMS015: { severity: "error", title: "env() where the machine would read it" },
  FMS020: { severity: "error", title: "unknown function" },
  FMS021: { severity: "error", title: "unknown name" },
  FMS022: { severity: "error", title: "operands that can never be compared" },
  FMS023: { severity: "error", title: "bad regular expression" },
  FMS024: { severity: "error", title: "bad tool pattern" },
  FMS025: { severity: "error", title: "rule covered by a deny!" },
  FMS026: { severity: "error", title: "bad phase" },
  FMS050: { severity: "warning", title: "no default" },
  FMS051: { severity: "warning", title: "rule that can never fire" },
  FMS052: { severity: "warning", title: "unused variable" },
  FMS053: { severity: "warning", title: "permit of every tool" },
  FMS054: { severity: "warning", title: "deny that a missing field switches off" },
  FMS055: { severity: "warning", title: "unanchored pattern in a permit" },
  FMS056: { severity: "warning", title: "one-level deny under default permit" },
} as const satisfies Record<string, { severity: Severity; title: string }>;

export type DiagnosticCode = keyof typeof diagnosticCodes;

export interface Place {
  readonly file: string;
  /** 1-based; columns count UTF-16 code units. */
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

/** The public form, as `compile` and `check` return it. */
export interface Diagnostic extends Place {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  readonly message: string;
  readonly help?: string;
  readonly related?: readonly (Place & { readonly message: string })[];
}

/** The form in which parse, check and lower report: spans instead of lines. */
export interface Finding {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly span: Span;
  readonly help?: string;
  readonly related?: readonly { readonly message: string; readonly span: Span }[];
}

/** Line and column of an offset, 1-based. Lines end at LF, CRLF or CR. */
export function placeOf(source: SourceText, start: number, end: number): Place {
  const from = lineColumn(source.text, start);
  const to = lineColumn(source.text, Math.max(start, end));
  return { file: source.file, line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
}

export function toDiagnostic(finding: Finding, sources: readonly SourceText[]): Diagnostic {
  const at = (span: Span): Place => {
    const source = sources[span.source];
    if (source === undefined)
      throw new Error(`finding ${finding.code} points to source ${span.source}, which is not there`);
    return placeOf(source, span.start, span.end);
  };
  return {
    code: finding.code,
    severity: diagnosticCodes[finding.code].severity,
    message: finding.message,
    ...at(finding.span),
    ...(finding.help === undefined ? {} : { help: finding.help }),
    ...(finding.related === undefined
      ? {}
      : { related: finding.related.map((r) => ({ ...at(r.span), message: r.message })) }),
  };
}

function lineColumn(text: string, offset: number): { line: number; column: number } {
  let line = 1;
  let lineStart = 0;
  for (let i = 0; i < offset && i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 10 || (c === 13 && text.charCodeAt(i + 1) !== 10)) {
      line++;
      lineStart = i + 1;
    }
  }
  return { line, column: offset - lineStart + 1 };
}
