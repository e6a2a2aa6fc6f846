// The policy's file: found, read once, compiled. The bytes that are compiled are the bytes that are hashed and applied.
// It must never write, and never load the compiler before there is a text to compile.
import { closeSync, constants, fstatSync, openSync, readFileSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Diagnostic, ResolvedImport, Stack, Unreported } from "../compiler/index.ts";
import { hasErrorCode } from "../runtime/disk.ts";
import type { SourceText } from "../runtime/doors/protocol.ts";
import { Stop } from "./exit.ts";
import { type Gathered, type GatherOptions, gatherImports } from "./imports.ts";
import { countText, visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

/** The names of a policy, by form; a folder has one of them. `.fpl` is the older name of the language. */
export const policyFiles = [
  "governance.fms",
  "governance.fpl",
  "governance.fms.yaml",
  "governance.fms.yml",
  "governance.fms.json",
] as const;
/** Twice what the compiler takes: it says itself what is too long. */
const fileLimitBytes = 8 * 1024 * 1024;

/** The policy in the file of that path, whatever its folder. Throws Stop where there is none that can be read as text. */
export function readNamedPolicy(path: string): SourceText {
  const file = basename(path);
  if (exists(path)) return readSource(path, file);
  throw new Stop(`there is no ${visible(file)} in ${visible(dirname(path))}`, "name the policy's file");
}

/** The policy as it lies in `dir`. Throws Stop where there is none, or none that can be read as text. */
export function readPolicyFile(dir: string): SourceText {
  const [file, ...others] = policyFiles.filter((name) => exists(join(dir, name)));
  if (others.length > 0) {
    const names = `${[file, ...others.slice(0, -1)].join(", ")} and ${others.at(-1)}`;
    throw new Stop(`there are ${names} in ${dir}: one of them must be the policy`, "keep one and move the others away");
  }
  if (file === undefined) {
    throw new Stop(
      `there is no governance.fms in ${dir}`,
      "faramesh init writes a first one; --dir names another folder",
    );
  }
  return readSource(join(dir, file), file);
}

function readSource(path: string, file: string): SourceText {
  const bytes = readBytes(path, file);
  const text = decode(bytes, file);
  if (text.trim() === "") {
    throw new Stop(
      `${file} is empty: it declares no agent and no rule`,
      `faramesh init writes a first one: delete ${file} and run it`,
    );
  }
  return { file, text };
}

function readBytes(path: string, file: string): Uint8Array {
  try {
    // Without waiting: a pipe in the file's place must not hang the command.
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const stats = fstatSync(descriptor);
      if (!stats.isFile()) throw new Stop(`${file} is not a file`, "a policy is a text file");
      if (stats.size > fileLimitBytes) {
        throw new Stop(`${file} has ${countText(stats.size, "byte")}; a policy has at most 4 MiB`);
      }
      return readFileSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    if (!hasErrorCode(error, "EACCES", "EPERM")) throw error;
    throw new Stop(`${file} may not be read by this user`, `make it readable: chmod u+r ${path}`);
  }
}

function decode(bytes: Uint8Array, file: string): string {
  const binary = `${file} is not a text file`;
  const help = "a policy is UTF-8 text; faramesh init writes a first one where there is none";
  try {
    // The byte order mark is kept: the compiler says what to do about it.
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    const at = text.indexOf("\0");
    if (at < 0) return text;
    throw new Stop(`${binary}: it has a NUL character at offset ${at}`, help);
  } catch (error) {
    if (error instanceof Stop) throw error;
    throw new Stop(`${binary}: it is not valid UTF-8`, help);
  }
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

export interface CompiledPolicy {
  readonly source: SourceText;
  readonly image: Uint8Array;
  readonly stack: Stack;
  readonly diagnostics: readonly Diagnostic[];
  /** The policy's own text and those that it imports. */
  readonly sources: readonly SourceText[];
  readonly imports: readonly ResolvedImport[];
  readonly gathered: Gathered;
}

/** What is wrong beyond the findings that are shown. */
export function unreportedText({ errors, warnings, isAtLeast }: Unreported): string {
  if (isAtLeast) return "and there may be more: the rest was not looked at";
  const counts = [
    errors > 0 ? countText(errors, "more error") : "",
    warnings > 0 ? countText(warnings, "more warning") : "",
  ];
  return `and ${counts.filter((one) => one !== "").join(" and ")}`;
}

export function unreportedJson({ errors, warnings, isAtLeast }: Unreported) {
  return { errors, warnings, is_at_least: isAtLeast };
}

/** Findings as frames; warnings and errors alike. */
export async function frames(
  diagnostics: readonly Diagnostic[],
  sources: readonly SourceText[],
  color: boolean,
): Promise<string[]> {
  const { renderDiagnostics } = await import("../compiler/frame.ts");
  return renderDiagnostics(diagnostics, sources, { color });
}

/**
 * Compiles the policy of a folder, with what it imports, for a command that needs the image; findings go to standard error.
 * Throws Stop when there are errors.
 */
export async function compilePolicy(
  io: Terminal,
  dir: string,
  source: SourceText,
  options: GatherOptions = {},
): Promise<CompiledPolicy> {
  return compileGathered(io, source, await gatherImports(io, dir, source, options));
}

/** The same with what it imports at hand. */
export async function compileGathered(io: Terminal, source: SourceText, gathered: Gathered): Promise<CompiledPolicy> {
  const { compile } = await import("../compiler/index.ts");
  const compiled = compile(source.text, { file: source.file, imports: gathered.resolve });
  const { image, stack, diagnostics, unreported, sources, imports } = compiled;
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  const shown = image === undefined ? errors : io.quiet ? [] : diagnostics;
  for (const frame of await frames(shown, sources, io.isColored)) io.complain(frame);
  if (unreported !== undefined && shown.length > 0) io.complain(unreportedText(unreported));
  if (image === undefined || stack === undefined) {
    throw new Stop(
      `${source.file} does not compile: ${countText(errors.length, "error")}`,
      "nothing was changed; see: faramesh check",
    );
  }
  return { source, image, stack, diagnostics, sources, imports, gathered };
}
