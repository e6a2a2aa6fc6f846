// Tools whose name is the key they stand under, as in `tools: { refund: tool({…}) }`. The key wins over the variable, and a
// tool that stands under no key and in no variable is listed as unread.
import type { UnnamedTool } from "./javascript-tools.ts";
import { MAX_HOPS } from "./limits.ts";
import { frameworksIn, governedBy, type Scan } from "./scan.ts";
import { type Entry, type Expr, type ObjectExpr, positionalOf, type SourceModule } from "./source.ts";

/** Names every tool of `unnamed` by its key, and every key of an object given as `tools` to the AI SDK. */
export function nameByKey(scan: Scan, unnamed: readonly UnnamedTool[]): void {
  const sets = new ToolSets(scan, unnamed);
  for (const { module, site } of unnamed) {
    if (site.place.kind !== "key") continue;
    const { expr, place } = site;
    if (place.key !== null) scan.findings.found(module, expr.from, expr.to, place.key, "tool under a key");
    else scan.findings.unreadAt(module, expr.from, expr.to, "name is a computed key");
  }
  for (const module of scan.modules) sets.readModule(module);
  sets.nameByVariable();
}

/** Functions of a project that are likely to hand their `tools` on to the AI SDK, by their name. */
const WRAPPERS = /^(generate|stream|create|run|with)|agent|chat/i;

class ToolSets {
  readonly #scan: Scan;
  readonly #unnamed: readonly UnnamedTool[];
  readonly #pending: ReadonlySet<string>;
  readonly #placed: { module: SourceModule; from: number; to: number }[] = [];

  constructor(scan: Scan, unnamed: readonly UnnamedTool[]) {
    this.#scan = scan;
    this.#unnamed = unnamed;
    this.#pending = new Set(unnamed.map(({ module, site }) => `${module.file}:${site.expr.from}`));
  }

  readModule(module: SourceModule): void {
    if (module.language !== "javascript") return;
    const usesSdk = frameworksIn(module).has("ai-sdk");
    for (const { expr, place } of module.objects) {
      const isSet =
        place.kind === "key" ? place.key === "tools" : place.kind === "variable" && /tool/i.test(place.name);
      const isWhole = usesSdk && place.kind === "key" && place.key === "tools" && this.#isForSdk(module, expr);
      if (isWhole) this.#readSet(module, expr, true, 0);
      else if (isSet || expr.entries.some((entry) => this.#isPending(module, entry.value)))
        this.#readSet(module, expr, false, 0);
    }
    for (const { expr } of module.calls) {
      const options = positionalOf(expr, 0);
      const tools = options?.kind === "object" ? options.entries.find((entry) => entry.key === "tools") : undefined;
      if (usesSdk && tools && tools.value.kind !== "object" && this.#isForSdk(module, tools))
        this.#readSpread(module, tools.value, 0);
    }
  }

  /** Variables hold the name of a tool that no key names. */
  nameByVariable(): void {
    for (const { module, site } of this.#unnamed) {
      const { expr, place } = site;
      const isInside = this.#placed.some(
        (span) => span.module === module && span.from <= expr.from && expr.to <= span.to,
      );
      if (this.#scan.findings.isClaimed(module, expr.from) || isInside) continue;
      if (place.kind === "variable")
        this.#scan.findings.found(module, expr.from, expr.to, place.name, "tool in a variable");
      else this.#scan.findings.unreadAt(module, expr.from, expr.to, "name is the key it will be placed under");
    }
  }

  /** A file may use the AI SDK beside a framework whose tools are named elsewhere. */
  #isForSdk(module: SourceModule, at: { from: number; to: number }): boolean {
    const calls = module.calls.filter(({ expr }) => expr.from <= at.from && at.to <= expr.to);
    const nearest = calls[calls.length - 1];
    if (!nearest) return false;
    const { callee } = nearest.expr;
    const target = this.#scan.project.follow(module, callee);
    if (target.kind === "package") return /^(ai|@ai-sdk)(\/|$)/.test(target.package);
    const called = callee.kind === "member" ? callee.property : callee.kind === "name" ? callee.name : "";
    return WRAPPERS.test(called);
  }

  #isPending(module: SourceModule, value: Expr): boolean {
    return this.#pending.has(`${module.file}:${value.from}`) && value.kind === "call";
  }

  /** With `isWhole` each key is a tool whatever its value; otherwise only those whose value is known to be one. */
  #readSet(module: SourceModule, object: ObjectExpr, isWhole: boolean, hops: number): void {
    for (const entry of object.entries) {
      if (entry.value.kind === "spread") {
        if (isWhole) this.#readSpread(module, entry.value.of, hops + 1);
      } else this.#readEntry(module, entry, isWhole);
    }
  }

  #readEntry(module: SourceModule, entry: Entry, isWhole: boolean): void {
    const { findings } = this.#scan;
    if (this.#isPending(module, entry.value)) return;
    const isTool = this.#place(module, entry.value);
    if (!isTool && !isWhole) return;
    if (entry.key === null) findings.unreadAt(module, entry.from, entry.to, "name is a computed key");
    else findings.found(module, entry.from, entry.to, entry.key, "key of a tools object");
  }

  /** Marks the tool that `value` names, or that the function it calls makes, as placed. Returns whether there is one. */
  #place(module: SourceModule, value: Expr): boolean {
    const callee = value.kind === "call" ? value.callee : value;
    const target = this.#scan.project.follow(module, callee);
    if (target.kind !== "local") return false;
    let isTool = false;
    for (const { what } of target.bindings) {
      if (what.kind === "value" && value.kind !== "call" && this.#isPending(target.module, what.expr)) {
        this.#scan.findings.claim(target.module, what.expr.from);
        isTool = true;
      }
      if (what.kind !== "function" || value.kind !== "call") continue;
      const { from, to } = what.def;
      this.#placed.push({ module: target.module, from, to });
      isTool ||= this.#unnamed.some(
        ({ module: at, site }) => at === target.module && from <= site.expr.from && site.expr.to <= to,
      );
    }
    return isTool;
  }

  /** The objects that a spread or a `tools: name` leads to. */
  #readSpread(module: SourceModule, expr: Expr, hops: number): void {
    const governed = governedBy(this.#scan, module, expr);
    if (governed !== null && hops <= MAX_HOPS) {
      this.#readSpread(module, governed, hops + 1);
      return;
    }
    if (expr.kind === "object") {
      this.#readSet(module, expr, true, hops);
      return;
    }
    const target = this.#scan.project.follow(module, expr);
    const values =
      target.kind === "local" ? target.bindings.map(({ what }) => (what.kind === "value" ? what.expr : null)) : [];
    if (target.kind !== "local" || hops > MAX_HOPS || values.includes(null)) {
      this.#unreadSet(module, expr, target);
      return;
    }
    for (const value of values) {
      if (value?.kind === "object" || (value && governedBy(this.#scan, target.module, value)))
        this.#readSpread(target.module, value, hops + 1);
      else if (value && value.kind !== "list") this.#unreadSet(target.module, value, null);
    }
  }

  #unreadSet(module: SourceModule, expr: Expr, target: { kind: string; package?: string } | null): void {
    if (/^(undefined|null)$/.test(module.text.slice(expr.from, expr.to))) return;
    const why =
      target?.kind === "package"
        ? `its tools are imported from ${target.package}`
        : "its tools are not written out in the project";
    this.#scan.findings.unreadAt(module, expr.from, expr.to, why);
  }
}
