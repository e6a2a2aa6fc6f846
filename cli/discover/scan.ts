// What every rule of discovery is given, and the questions they all ask about a name: which package it comes from, and
// whether an expression is a string that can be known. It must never follow a string out of its own file.
import type { Findings } from "./findings.ts";
import { MAX_HOPS } from "./limits.ts";
import { frameworkOf } from "./packages.ts";
import type { Project } from "./project.ts";
import { bindingsAt, type ClassDef, type Expr, entryOf, positionalOf, type SourceModule } from "./source.ts";

export interface Scan {
  project: Project;
  findings: Findings;
  modules: SourceModule[];
  /** Frameworks that any file imports or any dependency file names. */
  used: ReadonlySet<string>;
}

/** A name of a known framework's package: `leaf` is its last part, `owner` the part before (`StructuredTool`). */
export interface Origin {
  framework: string;
  package: string;
  owner: string;
  leaf: string;
}

/** Where a callee, decorator or base class comes from, when that is a package of a known framework. */
export function originOf(scan: Scan, module: SourceModule, expr: Expr): Origin | null {
  const target = scan.project.follow(module, expr);
  if (target.kind !== "package") return null;
  const path = target.name === "" ? target.package : `${target.package}.${target.name}`;
  const framework =
    frameworkOf(target.package, module.language) ?? (module.language === "python" ? frameworkOf(path, "python") : null);
  if (framework === null) return null;
  const parts = target.name.split(".");
  return {
    framework,
    package: target.package,
    owner: parts[parts.length - 2] ?? "",
    leaf: parts[parts.length - 1] ?? "",
  };
}

/** The frameworks that the imports of one file name. */
export function frameworksIn(module: SourceModule): Set<string> {
  const found = new Set<string>();
  const add = (specifier: string | null, name: string | null): void => {
    if (specifier === null) return;
    const path = module.language === "python" && name !== null ? `${specifier}.${name}` : specifier;
    const framework = frameworkOf(specifier, module.language) ?? frameworkOf(path, module.language);
    if (framework !== null) found.add(framework);
    if (module.language === "javascript" && specifier.startsWith("@ai-sdk/")) found.add("ai-sdk");
  };
  for (const imported of module.imports.values()) add(imported.module, imported.name);
  for (const exported of module.exports.values()) add(exported.module, exported.name);
  for (const star of module.stars) add(star, null);
  return found;
}

/** The framework whose class made the object that `expr` names, for `server = FastMCP("x")`; null when unknown. */
export function makerOf(scan: Scan, module: SourceModule, expr: Expr): Origin | null {
  const target = scan.project.follow(module, expr);
  if (target.kind !== "local") return null;
  for (const { what } of target.bindings) {
    if (what.kind !== "value" || what.expr.kind !== "call") continue;
    const origin = originOf(scan, target.module, what.expr.callee);
    if (origin) return origin;
  }
  return null;
}

/** What `governedTools(…)` of our own SDK wraps, whose tools keep their names; null for any other expression. */
export function governedBy(scan: Scan, module: SourceModule, expr: Expr): Expr | null {
  if (expr.kind !== "call") return null;
  const target = scan.project.follow(module, expr.callee);
  const isOurs = target.kind === "package" && /^faramesh(\/|$)/.test(target.package);
  return isOurs && /(^|\.)governedTools$/.test(target.name) ? positionalOf(expr, 0) : null;
}

/** Whether a class is a tool class: a base named in `leaves` from a known package, directly or through project classes. */
export function toolBaseOf(
  scan: Scan,
  module: SourceModule,
  def: ClassDef,
  leaves: ReadonlySet<string>,
  hops = 0,
): Origin | null {
  if (hops > MAX_HOPS) return null;
  for (const base of def.bases) {
    const origin = originOf(scan, module, base);
    if (origin && leaves.has(origin.leaf)) return origin;
    const target = scan.project.follow(module, base);
    if (target.kind !== "local") continue;
    for (const { what } of target.bindings) {
      if (what.kind !== "class" || what.def === def) continue;
      const inherited = toolBaseOf(scan, target.module, what.def, leaves, hops + 1);
      if (inherited) return inherited;
    }
  }
  return null;
}

export type NameReading = { name: string } | { why: string };

/** The string an expression stands for: a literal, or a constant of the same file with one value. */
export function readName(module: SourceModule, expr: Expr, hops = 0): NameReading {
  if (hops > MAX_HOPS) return { why: "the name leads through too many names" };
  if (expr.kind === "string") return { name: expr.value };
  if (expr.kind === "computed" || expr.kind === "sum") return { why: "name is computed" };
  if (expr.kind === "call") return { why: "name is the result of a call" };
  if (expr.kind === "name") return readVariable(module, expr.name, expr.from, hops);
  if (expr.kind === "member" && expr.object.kind === "name") {
    const owner = bindingsAt(module, expr.object.name, expr.from);
    const what = owner.length === 1 ? owner[0]?.what : undefined;
    const value = what?.kind === "value" && what.expr.kind === "object" ? entryOf(what.expr, expr.property) : null;
    if (value) return readName(module, value, hops + 1);
  }
  return { why: "name is not a constant of this file" };
}

function readVariable(module: SourceModule, name: string, position: number, hops: number): NameReading {
  const bindings = bindingsAt(module, name, position);
  if (bindings.length === 0) {
    return { why: module.imports.has(name) ? "name comes from another file" : "name is not a constant of this file" };
  }
  const what = bindings[0]?.what;
  if (bindings.length > 1 || module.additions.has(name)) return { why: "name has several values" };
  if (what?.kind === "value") return readName(module, what.expr, hops + 1);
  return { why: what?.kind === "opaque" ? `name cannot be known: ${what.why}` : "name is not a constant of this file" };
}
