// Follows imports: every file that a policy brings in, read once, in the order in which imports name them. The host gives
// the texts; nothing is fetched here, and what the host cannot give is a finding, never a guess.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Import, SourceText, Span, Stack } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { limits, utf8Bytes } from "../limits.ts";
import { readPolicy } from "../read.ts";
import { isBad, looksLike, type Reference, readReference } from "./reference.ts";
import { relocate } from "./relocate.ts";

/** The text of an import, as the host has it. */
export interface ImportedText {
  readonly text: string;
  /** The file's own name, such as `pack.fms`; its ending says the form. */
  readonly file: string;
  /** SHA-256 in hex of the bytes that were pinned; a text with another one is refused. */
  readonly digest?: string;
}

/** Why the host has no text: nothing is there, or what is there must not be used. */
export interface ImportProblem {
  readonly reason: "unreachable" | "refused";
  readonly message: string;
  readonly help?: string;
}

/** Gives the text of a reference, `host/path@1.2.3` or a path beside the policy; null when it has none. Must be pure. */
export type ImportResolver = (reference: string) => ImportedText | ImportProblem | null;
export type Imports = ImportResolver | ReadonlyMap<string, ImportedText>;

/** One file of a policy that was brought in, with what was read of it. */
export interface ImportedFile {
  readonly reference: Reference;
  /** The import that brought it in first. */
  readonly statement: Import;
  /** Index among the sources. */
  readonly source: number;
  readonly sha256: string;
  readonly stack: Stack | null;
  /** Something in it could not be read: what it lacks may stand there all the same. */
  readonly isBroken: boolean;
}

export interface Loaded {
  readonly sources: readonly SourceText[];
  /** By key. */
  readonly files: ReadonlyMap<string, ImportedFile>;
  /** The file that each import brought in; those without one are left out. */
  readonly fileOf: ReadonlyMap<Import, ImportedFile>;
  readonly findings: readonly Finding[];
  /** Every text that was found could be read. */
  readonly isReadable: boolean;
}

const nothing: ImportResolver = () => null;

/** `stack` is that of the policy itself, `sources[0]`. */
export function loadImports(stack: Stack, main: SourceText, imports: Imports = nothing): Loaded {
  const resolve: ImportResolver = typeof imports === "function" ? imports : (key) => imports.get(key) ?? null;
  const loader = new Loader(main, resolve);
  loader.follow(stack.imports, "", []);
  return loader;
}

class Loader implements Loaded {
  readonly sources: SourceText[];
  readonly files = new Map<string, ImportedFile>();
  readonly fileOf = new Map<Import, ImportedFile>();
  readonly findings: Finding[] = [];
  isReadable = true;
  readonly #resolve: ImportResolver;
  /** Keys for which there is no text; said once. */
  readonly #missing = new Set<string>();
  readonly #firstImport = new Map<string, Span>();
  #bytes = 0;

  constructor(main: SourceText, resolve: ImportResolver) {
    this.sources = [main];
    this.#resolve = resolve;
  }

  /** `chain` holds the keys of the files that led here; the last is the one that the imports stand in. */
  follow(imports: readonly Import[], within: string, chain: readonly string[]): void {
    for (const statement of imports) {
      const reference = this.#referenceOf(statement, within);
      if (reference === null) continue;
      if (chain.includes(reference.key)) {
        const round = [...chain.slice(chain.indexOf(reference.key)), reference.key].join(" → ");
        this.#add(
          "FMS033",
          `this import leads back to itself: ${round}`,
          statement.referenceSpan,
          "remove one of them",
        );
        continue;
      }
      const known = this.files.get(reference.key);
      const file = known ?? this.#load(reference, statement, chain);
      if (file !== null) this.fileOf.set(statement, file);
    }
  }

  #add(code: Finding["code"], message: string, span: Span, help?: string, related?: Finding["related"]): void {
    this.findings.push({
      code,
      message,
      span,
      ...(help === undefined ? {} : { help }),
      ...(related === undefined ? {} : { related }),
    });
  }

  #referenceOf(statement: Import, within: string): Reference | null {
    const span = statement.referenceSpan;
    const reference = readReference(statement.reference, within);
    if (isBad(reference)) {
      this.#add("FMS030", reference.message, span, reference.help);
      return null;
    }
    if (reference.kind === "local" && within.includes("@")) {
      const help = "an artifact of a registry is one file; import the other by its version";
      this.#add("FMS030", "a file of a registry cannot import a local one", span, help);
      return null;
    }
    for (const [key, first] of this.#firstImport) {
      if (!looksLike(key, reference.key)) continue;
      const related = [{ message: "the name that it looks like", span: first }];
      this.#add(
        "FMS030",
        `\`${reference.key}\` looks like \`${key}\` and is another`,
        span,
        "import one of them",
        related,
      );
      return null;
    }
    if (!this.#firstImport.has(reference.key)) this.#firstImport.set(reference.key, span);
    return reference;
  }

  #load(reference: Reference, statement: Import, chain: readonly string[]): ImportedFile | null {
    const span = statement.referenceSpan;
    if (chain.length >= limits.importDepth || this.files.size >= limits.imports) {
      const message =
        chain.length >= limits.importDepth
          ? `imports lead on from file to file more than ${limits.importDepth} times`
          : `the policy brings in more than ${limits.imports} files`;
      this.#add("FMS004", message, span, "import fewer files, or join some of them");
      return null;
    }
    const found = this.#missing.has(reference.key) ? "said" : this.#resolve(reference.key);
    if (found === "said") return null;
    if (found === null || "reason" in found) {
      this.#missing.add(reference.key);
      const help = found === null ? "nobody gave its text to the compiler" : found.help;
      const message = found?.message ?? `\`${reference.key}\` cannot be resolved`;
      this.#add(found?.reason === "refused" ? "FMS032" : "FMS031", message, span, help);
      return null;
    }
    return this.#read(reference, found, statement, chain);
  }

  #read(reference: Reference, found: ImportedText, statement: Import, chain: readonly string[]): ImportedFile | null {
    const span = statement.referenceSpan;
    const digest = bytesToHex(sha256(utf8ToBytes(found.text)));
    if (found.digest !== undefined && found.digest !== digest) {
      this.#missing.add(reference.key);
      const message = `\`${reference.key}\` is not what was pinned: expected SHA-256 ${found.digest}, found ${digest}`;
      this.#add(
        "FMS032",
        message,
        span,
        "put the pinned file back; if the change is meant: faramesh check --write-lock",
      );
      return null;
    }
    this.#bytes += utf8Bytes(found.text);
    if (this.#bytes > limits.importedBytes) {
      this.#missing.add(reference.key);
      this.#add("FMS004", `the imported files have more than ${limits.importedBytes} bytes together`, span);
      return null;
    }
    const source = this.sources.length;
    const place = { file: nameOf(reference, found.file), text: found.text };
    this.sources.push(place);
    const read = relocate(readPolicy([place]), source);
    for (const finding of read.findings) this.findings.push(finding);
    if (read.findings.length > 0) this.isReadable = false;
    const file: ImportedFile = {
      reference,
      statement,
      source,
      sha256: digest,
      stack: read.stack,
      isBroken: read.findings.length > 0,
    };
    this.files.set(reference.key, file);
    if (read.stack !== null) this.follow(read.stack.imports, reference.key, [...chain, reference.key]);
    return file;
  }
}

const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;

/** The name under which a source is shown and kept: `host/path@1.2.3/pack.fms`, or its path beside the policy. */
function nameOf(reference: Reference, file: string): string {
  if (reference.kind === "local") return reference.key;
  return `${reference.key}/${plainName.test(file) ? file : "pack.fms"}`;
}

/** Finds the texts of a policy among its own sources: a version that was stored needs no registry. */
export function importsAmong(sources: readonly SourceText[]): ImportResolver {
  return (reference) => {
    const found = sources.slice(1).find(({ file }) => file === reference || file.startsWith(`${reference}/`));
    return found === undefined ? null : { text: found.text, file: found.file.split("/").at(-1) ?? found.file };
  };
}
