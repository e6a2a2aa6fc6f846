// The compiler's door: policy text in, image and diagnostics out. Pure: no file, clock, console or network; the same text
// gives the same bytes in Node and in a browser.
import type { SourceText, Stack } from "./ast.ts";
import { checkStack } from "./check.ts";
import { type Diagnostic, type Finding, toDiagnostics, type Unreported } from "./diagnostic.ts";
import { encodeImage } from "./encode.ts";
import { limits } from "./limits.ts";
import { lowerStack } from "./lower/lower.ts";
import type { Imports } from "./packs/load.ts";
import { isError, type Resolved, type ResolvedImport, resolvePolicy } from "./resolve.ts";

export { assemble, ListingFailure } from "./assemble.ts";
export type { SourceText, Stack } from "./ast.ts";
export { type Completion, type Completions, complete } from "./complete/complete.ts";
export type { Diagnostic, DiagnosticCode, Severity, Unreported } from "./diagnostic.ts";
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
  /** `reasonAbout` of compiler/analyse, for who wants to know of rules that no call reaches: it takes longer than compiling. It gets what compiled. */
  readonly reasoner?: (stack: Stack, image: Uint8Array) => readonly Finding[];
}

export interface Compiled {
  /** Absent when a diagnostic is an error. */
  readonly image?: Uint8Array;
  /** In the order of the text, the policy's own before those of imported files; as many as `limits` lets be reported. */
  readonly diagnostics: readonly Diagnostic[];
  /** What is wrong beyond the diagnostics; absent when they are all. */
  readonly unreported?: Unreported;
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
  let unreported: Unreported = { errors: 0, warnings: 0, isAtLeast: resolved.isCut };
  const { packs, isFit } = resolved;
  const { knownTools = [], reasoner } = options;
  if (stack !== null && isFit) {
    const checked = checkStack(stack, { packs, knownTools });
    for (const finding of checked.findings) found.push(finding);
    unreported = checked.unreported;
  }
  if (stack === null || found.some(isError)) return finish(found, unreported, resolved, undefined);
  const { program, host, findings: lowering } = lowerStack(stack);
  for (const finding of lowering) found.push(finding);
  const image = found.some(isError) ? undefined : encodeImage(program, host, sources);
  if (image !== undefined && reasoner !== undefined)
    found.push(...reasoner(stack, image).filter((one) => isNew(one, found)));
  return finish(found, unreported, resolved, found.some(isError) ? undefined : image);
}

/** One rule may be found unreachable in two ways. */
function isNew({ code, span }: Finding, found: readonly Finding[]): boolean {
  return !found.some((one) => one.code === code && one.span.source === span.source && one.span.start === span.start);
}

/** Diagnostics alone; the same as compile gives. */
export function check(text: string, options: CompileOptions): readonly Diagnostic[] {
  return compile(text, options).diagnostics;
}

function finish(
  findings: readonly Finding[],
  before: Unreported,
  resolved: Resolved,
  image: Uint8Array | undefined,
): Compiled {
  const { sources, imports, stack } = resolved;
  const foreign = new Set(imports.flatMap(({ isLocal, file }) => (isLocal ? [] : [file])));
  // Who uses a published pack cannot mend its warnings.
  const said = findings.filter((finding) => isError(finding) || !foreign.has(sources[finding.span.source]?.file ?? ""));
  const sorted = said.sort((a, b) => a.span.source - b.span.source || a.span.start - b.span.start);
  const { kept: ordered, unreported } = withinLimits(sorted, before);
  const isMore = unreported.errors > 0 || unreported.warnings > 0 || unreported.isAtLeast;
  return {
    ...(image === undefined ? {} : { image }),
    ...(isMore ? { unreported } : {}),
    diagnostics: toDiagnostics(
      ordered.map((finding) => withImport(finding, resolved)),
      sources,
    ),
    ...(stack === null ? {} : { stack }),
    sources,
    imports,
  };
}

/** The first findings of each severity, as many as are reported. */
function withinLimits(findings: readonly Finding[], before: Unreported) {
  let [errors, warnings] = [0, 0];
  const kept = findings.filter((finding) =>
    isError(finding) ? ++errors <= limits.errorsReported : ++warnings <= limits.warningsReported,
  );
  const unreported: Unreported = {
    errors: before.errors + Math.max(0, errors - limits.errorsReported),
    warnings: before.warnings + Math.max(0, warnings - limits.warningsReported),
    isAtLeast: before.isAtLeast,
  };
  return { kept, unreported };
}

/** What is wrong in an imported file says how the file came in, where no place in the policy itself is named. */
function withImport(finding: Finding, { sources, imports }: Resolved): Finding {
  const { span, related = [] } = finding;
  if ([span, ...related.map((one) => one.span)].some(({ source }) => source === 0)) return finding;
  const statement = imports.find(({ file }) => file === sources[span.source]?.file)?.statement;
  if (statement === undefined) return finding;
  return { ...finding, related: [...related, { message: "imported here", span: statement }] };
}
