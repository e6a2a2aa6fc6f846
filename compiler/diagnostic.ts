// What the compiler has to say about a policy: values, collected, never thrown. Codes are stable; each has one row here.
import type { SourceText, Span } from "./ast.ts";
import { LineIndex } from "./lines.ts";

/** A note tells what is not known; it asks for nothing. */
export type Severity = "error" | "warning" | "note";

/** One row for each code: its severity and what it is about, in a few words; docs/diagnostics/ has a page for each. */
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
  FMS016: { severity: "error", title: "secret written in clear" },
  FMS020: { severity: "error", title: "unknown function" },
  FMS021: { severity: "error", title: "unknown name" },
  FMS022: { severity: "error", title: "operands that can never be compared" },
  FMS023: { severity: "error", title: "bad regular expression" },
  FMS024: { severity: "error", title: "bad tool pattern" },
  FMS025: { severity: "error", title: "rule covered by a deny!" },
  FMS026: { severity: "error", title: "bad phase" },
  FMS030: { severity: "error", title: "bad import" },
  FMS031: { severity: "error", title: "import that cannot be resolved" },
  FMS032: { severity: "error", title: "import refused" },
  FMS033: { severity: "error", title: "import or use that leads back to itself" },
  FMS034: { severity: "error", title: "not part of a pack" },
  FMS050: { severity: "warning", title: "no default" },
  FMS051: { severity: "warning", title: "rule that can never fire" },
  FMS052: { severity: "warning", title: "unused name" },
  FMS053: { severity: "warning", title: "permit of every tool" },
  FMS054: { severity: "warning", title: "deny that a missing field switches off" },
  FMS055: { severity: "warning", title: "unanchored pattern in a permit" },
  FMS056: { severity: "warning", title: "one-level deny under default permit" },
  FMS057: { severity: "warning", title: "credential that covers nothing" },
  FMS058: { severity: "warning", title: "tool that no rule mentions" },
  FMS059: { severity: "warning", title: "two phases before one" },
  FMS060: { severity: "warning", title: "agent that is not declared" },
  FMS061: { severity: "warning", title: "key that verifies nothing" },
  FMS062: { severity: "warning", title: "counter of an unknown argument" },
  FMS064: { severity: "warning", title: "import or pack that nothing uses" },
  FMS070: { severity: "warning", title: "tool that nothing has mentioned" },
  FMS071: { severity: "warning", title: "name that may be misspelt" },
  FMS080: { severity: "warning", title: "rule that no call fulfils" },
  FMS081: { severity: "warning", title: "strict rule behind a lenient one" },
  FMS082: { severity: "error", title: "assert that does not hold" },
  FMS083: { severity: "warning", title: "assert that is not proved" },
  FMS084: { severity: "warning", title: "limit or budget that can never bind" },
  FMS085: { severity: "warning", title: "rule that changes nothing" },
  FMS086: { severity: "note", title: "rule that was not looked at in full" },
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

/** Findings beyond the limits of what is reported. */
export interface Unreported {
  readonly errors: number;
  readonly warnings: number;
  /** The rest of the policy was not looked at, so there may be more. */
  readonly isAtLeast: boolean;
}

/** The form in which parse, check and lower report: spans instead of lines. */
export interface Finding {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly span: Span;
  readonly help?: string;
  readonly related?: readonly { readonly message: string; readonly span: Span }[];
}

/** The public form of findings, in their order. */
export function toDiagnostics(findings: readonly Finding[], sources: readonly SourceText[]): Diagnostic[] {
  const indexes = sources.map((source) => new LineIndex(source.text));
  const at = (span: Span): Place => {
    const [source, index] = [sources[span.source], indexes[span.source]];
    if (source === undefined || index === undefined)
      throw new Error(`a finding points to source ${span.source}, which is not there`);
    const from = index.at(span.start);
    const to = index.at(Math.max(span.start, span.end));
    return { file: source.file, line: from.line, column: from.column, endLine: to.line, endColumn: to.column };
  };
  return findings.map((finding) => ({
    code: finding.code,
    severity: diagnosticCodes[finding.code].severity,
    message: finding.message,
    ...at(finding.span),
    ...(finding.help === undefined ? {} : { help: finding.help }),
    ...(finding.related === undefined
      ? {}
      : { related: finding.related.map((related) => ({ ...at(related.span), message: related.message })) }),
  }));
}
