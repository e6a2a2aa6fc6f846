// The compiler's door: policy text in, image and diagnostics out. Pure: no file, clock, console or network; the same text
// gives the same bytes in Node and in a browser.
import type { SourceText, Stack } from "./ast.ts";
import { checkStack } from "./check.ts";
import { type Diagnostic, type Finding, toDiagnostics } from "./diagnostic.ts";
import { encodeImage } from "./encode.ts";
import { lowerStack } from "./lower/lower.ts";
import type { Imports } from "./packs/load.ts";
import { isError, type Resolved, type ResolvedImport, resolvePolicy } from "./resolve.ts";

export type { SourceText, Stack } from "./ast.ts";
export type { Diagnostic, DiagnosticCode, Severity } from "./diagnostic.ts";
export { disassemble } from "./disassemble.ts";
export { renderDiagnostic, renderDiagnostics } from "./frame.ts";
export type { ImportedText, ImportProblem, ImportResolver, Imports } from "./packs/load.ts";
export type { ResolvedImport } from "./resolve.ts";

export interface CompileOptions {
  /** Name shown in messages and stored in rule_ref; its ending says the form: .yaml, .yml, .json, any other is text. */
  readonly file: string;
  /** The texts of imports, by reference; an import that has none here is an error. */
  readonly imports?: Imports;
  /** Tools that agents register or have called, as far as the caller knows; a rule of another name is then warned of. */
  readonly knownTools?: readonly string[];
}

export interface Compiled {
  /** Absent when a diagnostic is an error. */
  readonly image?: Uint8Array;
  /** In the order of the text, the policy's own before those of imported files. */
  readonly diagnostics: readonly Diagnostic[];
  /** The tree, where there is one, with every pack brought in: what plan compares. */
  readonly stack?: Stack;
  /** The policy's own text first, then those that it imports; frames of diagnostics are cut from them. */
  readonly sources: readonly SourceText[];
  readonly imports: readonly ResolvedImport[];
}

/** Compiles a policy. Never throws at a policy, whatever its text. */
export function compile(text: string, options: CompileOptions): Compiled {
  const resolved = resolvePolicy({ file: options.file, text }, options.imports);
  const { stack, sources } = resolved;
  const found: Finding[] = [...resolved.findings];
  const { packs, isFit } = resolved;
  const { knownTools = [] } = options;
  if (stack !== null && isFit) found.push(...checkStack(stack, { packs, knownTools }));
  if (stack === null || found.some(isError)) return finish(found, resolved, undefined);
  const { program, host, findings: lowering } = lowerStack(stack);
  found.push(...lowering);
  const image = found.some(isError) ? undefined : encodeImage(program, host, sources);
  return finish(found, resolved, image);
}

/** Diagnostics alone; the same as compile gives. */
export function check(text: string, options: CompileOptions): readonly Diagnostic[] {
  return compile(text, options).diagnostics;
}

function finish(findings: readonly Finding[], resolved: Resolved, image: Uint8Array | undefined): Compiled {
  const { sources, imports, stack } = resolved;
  const foreign = new Set(imports.flatMap(({ isLocal, file }) => (isLocal ? [] : [file])));
  // Who uses a published pack cannot mend its warnings.
  const said = findings.filter((finding) => isError(finding) || !foreign.has(sources[finding.span.source]?.file ?? ""));
  const ordered = said.sort((a, b) => a.span.source - b.span.source || a.span.start - b.span.start);
  return {
    ...(image === undefined ? {} : { image }),
    diagnostics: toDiagnostics(
      ordered.map((finding) => withImport(finding, resolved)),
      sources,
    ),
    ...(stack === null ? {} : { stack }),
    sources,
    imports,
  };
}

/** What is wrong in an imported file says how the file came in, where no place in the policy itself is named. */
function withImport(finding: Finding, { sources, imports }: Resolved): Finding {
  const { span, related = [] } = finding;
  if ([span, ...related.map((one) => one.span)].some(({ source }) => source === 0)) return finding;
  const statement = imports.find(({ file }) => file === sources[span.source]?.file)?.statement;
  if (statement === undefined) return finding;
  return { ...finding, related: [...related, { message: "imported here", span: statement }] };
}
