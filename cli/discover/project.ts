// The source files of a project as one thing: parses each when first asked for, and follows a name through imports,
// re-exports and aliases. It must never leave the list of files that the walk allowed.
import { readFileSync } from "node:fs";
import { join, posix } from "node:path";
import { readJavascript } from "./javascript-source.ts";
import { MAX_HOPS } from "./limits.ts";
import { readPython } from "./python-source.ts";
import { type Binding, bindingsAt, type Expr, FILE_SCOPE, type Import, type SourceModule } from "./source.ts";

/** Where a name leads: code of the project, a whole file of it, an installed package, or nowhere that can be read. */
export type Target =
  | { kind: "local"; module: SourceModule; bindings: Binding[] }
  | { kind: "file"; module: SourceModule }
  | { kind: "package"; package: string; name: string }
  | { kind: "unknown"; why: string };

const JS_ENDINGS = [
  "",
  ".ts",
  ".tsx",
  ".mts",
  ".cts",
  ".js",
  ".jsx",
  ".mjs",
  ".cjs",
  "/index.ts",
  "/index.tsx",
  "/index.js",
  "/index.mjs",
];
const UNKNOWN: Target = { kind: "unknown", why: "it is not defined in this file" };

export class Project {
  readonly #root: string;
  readonly #files: ReadonlySet<string>;
  readonly #modules = new Map<string, SourceModule>();

  /** `files` are the readable source files, relative to `root` with `/`. */
  constructor(root: string, files: Iterable<string>) {
    this.#root = root;
    this.#files = new Set(files);
  }

  /** The parsed file. Throws what the disk throws when the file went away since the walk. */
  load(file: string, text?: string): SourceModule {
    const known = this.#modules.get(file);
    if (known) return known;
    const source = text ?? readFileSync(join(this.#root, file), "utf8");
    const module = file.endsWith(".py") ? readPython(file, source) : readJavascript(file, source);
    this.#modules.set(file, module);
    return module;
  }

  /** Follows an expression made of names and dots; anything else is unknown. */
  follow(module: SourceModule, expr: Expr, hops = 0): Target {
    if (expr.kind === "name") return this.#followName(module, expr.name, expr.from, hops);
    if (expr.kind !== "member") return { kind: "unknown", why: "it is computed" };
    const owner = this.follow(module, expr.object, hops + 1);
    if (owner.kind === "file") return this.#exported(owner.module, expr.property, hops + 1);
    if (owner.kind === "package")
      return { ...owner, name: owner.name === "" ? expr.property : `${owner.name}.${expr.property}` };
    return { kind: "unknown", why: "it is an attribute of something that is not a module" };
  }

  #followName(module: SourceModule, name: string, position: number, hops: number): Target {
    if (hops > MAX_HOPS) return { kind: "unknown", why: "it leads through too many names" };
    const bindings = bindingsAt(module, name, position);
    const imported = module.imports.get(name);
    const isTop = (bindings[0]?.scope.from ?? -1) < 0;
    if (imported && isTop) return this.#followImport(module, imported, hops);
    const only = bindings.length === 1 ? bindings[0] : undefined;
    if (only?.what.kind === "value" && (only.what.expr.kind === "name" || only.what.expr.kind === "member")) {
      const further = this.follow(module, only.what.expr, hops + 1);
      if (further.kind !== "unknown") return further;
    }
    if (bindings.length > 0) return { kind: "local", module, bindings };
    for (const star of module.stars) {
      const target = this.#followImport(module, { module: star, name }, hops);
      if (target.kind !== "unknown") return target;
    }
    return UNKNOWN;
  }

  #followImport(module: SourceModule, imported: Import, hops: number): Target {
    if (hops > MAX_HOPS) return { kind: "unknown", why: "it leads through too many names" };
    if (imported.module === null) return this.#exported(module, imported.name ?? "", hops + 1);
    const file = this.#fileOf(module, imported.module);
    if (imported.name === null) {
      if (file !== null) return { kind: "file", module: this.load(file) };
      return { kind: "package", package: imported.module, name: "" };
    }
    const exported = file === null ? UNKNOWN : this.#exported(this.load(file), imported.name, hops + 1);
    if (exported.kind !== "unknown") return exported;
    const separator = imported.module.endsWith(".") ? "" : ".";
    const inner =
      module.language === "python" ? this.#fileOf(module, `${imported.module}${separator}${imported.name}`) : null;
    if (inner !== null) return { kind: "file", module: this.load(inner) };
    return isOwn(imported.module) ? UNKNOWN : { kind: "package", package: imported.module, name: imported.name };
  }

  #exported(module: SourceModule, name: string, hops: number): Target {
    if (hops > MAX_HOPS) return { kind: "unknown", why: "it leads through too many names" };
    const exported = module.exports.get(name);
    if (exported && !(exported.module === null && exported.name === name)) {
      return exported.module === null && exported.name !== null
        ? this.#followName(module, exported.name, FILE_SCOPE, hops + 1)
        : this.#followImport(module, exported, hops + 1);
    }
    const target = this.#followName(module, name, FILE_SCOPE, hops + 1);
    if (target.kind !== "unknown" || module.language !== "python") return target;
    const folder = /^(.*\/)?__init__\.py$/.exec(module.file)?.[1] ?? null;
    const inner = folder === null ? null : this.#firstFile([`${folder}${name}.py`, `${folder}${name}/__init__.py`]);
    return inner === null ? target : { kind: "file", module: this.load(inner) };
  }

  #fileOf(module: SourceModule, specifier: string): string | null {
    return module.language === "python"
      ? this.#pythonFile(module.file, specifier)
      : this.#javascriptFile(module.file, specifier);
  }

  #pythonFile(from: string, specifier: string): string | null {
    const dots = /^\.*/.exec(specifier)?.[0].length ?? 0;
    const path = specifier.slice(dots).split(".").filter(Boolean).join("/");
    const folder = posix.dirname(from);
    if (dots > 0) {
      const base = posix.normalize(posix.join(folder, "../".repeat(dots - 1), path));
      return this.#firstFile([`${base}.py`, posix.join(base, "__init__.py")]);
    }
    // An absolute import starts at any folder above the file, or at its `src`; the nearest wins.
    for (let at = folder; ; at = posix.dirname(at)) {
      const bases = [posix.join(at, path), posix.join(at, "src", path)];
      const file = this.#firstFile(
        bases.flatMap((base) => [`${base}.py`, `${base}/__init__.py`]).filter((name) => name !== from),
      );
      if (file !== null || at === "." || at === "/") return file;
    }
  }

  #javascriptFile(from: string, specifier: string): string | null {
    const bases: string[] = [];
    if (specifier.startsWith(".")) bases.push(posix.join(posix.dirname(from), specifier));
    else if (/^[@~#]\//.test(specifier)) bases.push(specifier.slice(2), `src/${specifier.slice(2)}`);
    const names = bases.flatMap((base) => [
      base,
      base.replace(/\.([mc]?)jsx?$/, ".$1ts"),
      base.replace(/\.jsx?$/, ".tsx"),
      base.replace(/\.[mc]?jsx?$/, ""),
    ]);
    return this.#firstFile(names.flatMap((name) => JS_ENDINGS.map((ending) => posix.normalize(name + ending))));
  }

  #firstFile(names: string[]): string | null {
    return names.find((name) => this.#files.has(name)) ?? null;
  }
}

/** Whether an import names the project's own code by its form: relative, or through a path alias. */
function isOwn(specifier: string): boolean {
  return specifier.startsWith(".") || /^[@~#]\//.test(specifier);
}
