// The compiler's door: policy text in, image and diagnostics out. Pure: no file, clock, console or network; the same text
// gives the same bytes in Node and in a browser.
import type { SourceText, Stack } from "./ast.ts";
import { checkStack } from "./check.ts";
import { type Diagnostic, diagnosticCodes, type Finding, toDiagnostics } from "./diagnostic.ts";
import { encodeImage } from "./encode.ts";
import { lowerStack } from "./lower/lower.ts";
import { readPolicy } from "./read.ts";

export type { SourceText, Stack } from "./ast.ts";
export type { Diagnostic, DiagnosticCode, Severity } from "./diagnostic.ts";
export { disassemble } from "./disassemble.ts";
export { renderDiagnostic } from "./frame.ts";

export interface CompileOptions {
  /** Name shown in messages and stored in rule_ref; its ending says the form: .yaml, .yml, .json, any other is text. */
  readonly file: string;
  /** Tools that agents register or have called, as far as the caller knows; a rule of another name is then warned of. */
  readonly knownTools?: readonly string[];
}

export interface Compiled {
  /** Absent when a diagnostic is an error. */
  readonly image?: Uint8Array;
  /** In the order of the text. */
  readonly diagnostics: readonly Diagnostic[];
  /** The tree, where there is one: what plan compares. */
  readonly stack?: Stack;
}

/** Compiles a policy. Never throws at a policy, whatever its text. */
export function compile(text: string, options: CompileOptions): Compiled {
  const sources: readonly SourceText[] = [{ file: options.file, text }];
  const { stack, findings } = readPolicy(sources);
  const found: Finding[] = [...findings];
  if (stack !== null && !found.some(isError)) found.push(...checkStack(stack, options.knownTools));
  if (stack === null || found.some(isError)) return finish(found, sources, stack, undefined);
  const { program, host, findings: lowering } = lowerStack(stack);
  found.push(...lowering);
  const image = found.some(isError) ? undefined : encodeImage(program, host, sources);
  return finish(found, sources, stack, image);
}

/** Diagnostics alone; the same as compile gives. */
export function check(text: string, options: CompileOptions): readonly Diagnostic[] {
  return compile(text, options).diagnostics;
}

function isError(finding: Finding): boolean {
  return diagnosticCodes[finding.code].severity === "error";
}

function finish(
  findings: readonly Finding[],
  sources: readonly SourceText[],
  stack: Stack | null,
  image: Uint8Array | undefined,
): Compiled {
  const ordered = [...findings].sort((a, b) => a.span.source - b.span.source || a.span.start - b.span.start);
  return {
    ...(image === undefined ? {} : { image }),
    diagnostics: toDiagnostics(ordered, sources),
    ...(stack === null ? {} : { stack }),
  };
}
