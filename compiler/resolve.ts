// A policy and all that it brings in: read, followed and joined to one tree, the step between reading and checking. Pure;
// the texts of imports come from the host.
import type { Pack, SourceText, Span, Stack } from "./ast.ts";
import type { Finding } from "./diagnostic.ts";
import { diagnosticCodes } from "./diagnostic.ts";
import { linkPacks } from "./packs/link.ts";
import { type ImportedFile, type Imports, importsAmong, loadImports } from "./packs/load.ts";
import { readPolicy } from "./read.ts";

/** An import as it was resolved: what a lock file pins. */
export interface ResolvedImport {
  /** `host/path@1.2.3`, or a path beside the policy. */
  readonly reference: string;
  /** The name of the source: what rule_ref and messages say. */
  readonly file: string;
  /** Of the text's UTF-8 bytes, in hex. */
  readonly sha256: string;
  readonly isLocal: boolean;
  /** The import that brought it in first. */
  readonly statement: Span;
}

export interface Resolved {
  /** With every pack brought in; null when the policy's own text could not be looked at. */
  readonly stack: Stack | null;
  readonly findings: readonly Finding[];
  /** Every text could be read, so that the tree can be looked at further; an import may be missing from it. */
  readonly isFit: boolean;
  /** Reading ended before the text did, because too much was wrong with it. */
  readonly isCut: boolean;
  /** The policy's own text first, then imports in the order in which they were met. */
  readonly sources: readonly SourceText[];
  readonly imports: readonly ResolvedImport[];
  /** Every pack there is, used or not. */
  readonly packs: readonly Pack[];
}

export function resolvePolicy(main: SourceText, imports?: Imports): Resolved {
  const { stack, findings, isCut } = readPolicy([main]);
  const isFit = !findings.some(isError);
  const bare = { stack, findings, isFit, isCut, sources: [main], imports: [], packs: [] };
  if (stack === null || !isFit) return bare;
  if (stack.imports.length === 0 && stack.packs.length === 0 && stack.agents.every(({ uses }) => uses.length === 0))
    return bare;
  const loaded = loadImports(stack, main, imports);
  const linked = linkPacks(stack, loaded);
  return {
    stack: linked.stack,
    findings: [...findings, ...linked.findings],
    isFit: loaded.isReadable,
    isCut,
    sources: loaded.sources,
    imports: [...loaded.files.values()].map((file) => resolved(file, loaded.sources)),
    packs: linked.packs.map(({ pack }) => pack),
  };
}

/** The tree of a version that was stored with all its sources. */
export function resolveStored(sources: readonly SourceText[]): Resolved {
  const [main] = sources;
  if (main === undefined) throw new Error("a version has a source");
  return resolvePolicy(main, importsAmong(sources));
}

export function isError(finding: Finding): boolean {
  return diagnosticCodes[finding.code].severity === "error";
}

function resolved(
  { reference, statement, source, sha256 }: ImportedFile,
  sources: readonly SourceText[],
): ResolvedImport {
  const file = sources[source]?.file ?? reference.key;
  return { reference: reference.key, file, sha256, isLocal: reference.kind === "local", statement: statement.span };
}
