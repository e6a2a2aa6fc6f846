// Lists of tools handed to an agent or a model, where a plain Python function becomes a tool by its own name. What a list
// holds that was not found as a registration is listed as unread, never passed over.
import { MAX_HOPS } from "./limits.ts";
import { methodAt } from "./python-tools.ts";
import { frameworksIn, governedBy, type Scan } from "./scan.ts";
import {
  type Binding,
  type CallExpr,
  type Expr,
  entryOf,
  keywordOf,
  positionalOf,
  type SourceModule,
} from "./source.ts";

/** Functions and methods that take a list of tools, and the positional argument it is. */
const TAKES_LIST: ReadonlyMap<string, number> = new Map([
  ["bind_tools", 0],
  ["bindTools", 0],
  ["ToolNode", 0],
  ["initialize_agent", 0],
  ["create_react_agent", 1],
  ["create_agent", 1],
  ["create_tool_calling_agent", 1],
  ["create_openai_functions_agent", 1],
  ["create_openai_tools_agent", 1],
]);

/** JavaScript functions whose options hold the tools of an agent or a model, by their name. */
const TAKES_OPTIONS = /^(generate|stream|create|run|bind|with)|agent|chat|ToolNode/i;

/** Reads every list of tools that a call of `module` is given. */
export function readToolLists(scan: Scan, module: SourceModule): void {
  const isAgentFile = frameworksIn(module).size > 0;
  for (const { expr } of module.calls) {
    const leaf = leafOf(expr.callee);
    const index = TAKES_LIST.get(leaf);
    const positional = index === undefined ? null : positionalOf(expr, index);
    if (!isAgentFile && index === undefined && !/agent/i.test(leaf)) continue;
    const list = toolsArgument(module, expr) ?? positional;
    // A schema or a logger has options of that name too: only what is written out as a list counts there.
    if (module.language === "javascript" && list?.kind !== "list" && !TAKES_OPTIONS.test(leaf)) continue;
    if (list && list.kind !== "object") new ListReader(scan).readList(module, list, 0);
  }
}

function leafOf(callee: Expr): string {
  if (callee.kind === "name") return callee.name;
  return callee.kind === "member" ? callee.property : "";
}

function toolsArgument(module: SourceModule, call: CallExpr): Expr | null {
  if (module.language === "python") return keywordOf(call, "tools");
  const options = positionalOf(call, 0);
  return options?.kind === "object" ? entryOf(options, "tools") : null;
}

class ListReader {
  readonly #scan: Scan;
  constructor(scan: Scan) {
    this.#scan = scan;
  }

  readList(module: SourceModule, expr: Expr, hops: number): void {
    const governed = hops > MAX_HOPS ? null : governedBy(this.#scan, module, expr);
    if (governed !== null) this.readList(module, governed, hops + 1);
    else if (expr.kind === "list") {
      for (const item of expr.items) this.#readItem(module, item, hops);
    } else if (expr.kind === "sum") {
      for (const part of expr.parts) this.readList(module, part, hops + 1);
    } else if (expr.kind === "spread") this.readList(module, expr.of, hops + 1);
    else if (expr.kind === "name" || expr.kind === "member") this.#readNamedList(module, expr, hops);
    else if (expr.kind === "object") return;
    else if (!isNothing(module, expr)) this.#unread(module, expr, "the list of tools is computed");
  }

  #readNamedList(module: SourceModule, expr: Expr, hops: number): void {
    if (hops > MAX_HOPS) {
      this.#unread(module, expr, "the list leads through too many names");
      return;
    }
    const target = this.#scan.project.follow(module, expr);
    // An object of tools is read by its keys, elsewhere.
    if (target.kind === "package") {
      this.#unread(module, expr, `imported from ${target.package}`);
      return;
    }
    if (target.kind !== "local") {
      this.#unread(module, expr, target.kind === "file" ? "it is a module" : target.why);
      return;
    }
    for (const { what } of target.bindings) {
      if (what.kind === "value") this.readList(target.module, what.expr, hops + 1);
      else this.#unread(module, expr, what.kind === "opaque" ? what.why : "it is not a list");
    }
    if (expr.kind !== "name") return;
    for (const added of target.module.additions.get(expr.name) ?? []) this.readList(target.module, added, hops + 1);
  }

  #readItem(module: SourceModule, item: Expr, hops: number): void {
    if (item.kind === "spread") {
      this.readList(module, item.of, hops + 1);
      return;
    }
    if (item.kind === "object" || (item.kind === "call" && this.#scan.findings.isClaimed(module, item.from))) return;
    if (item.kind === "call") {
      this.#readCall(module, item, module, item);
      return;
    }
    if (item.kind === "name" || item.kind === "member") {
      this.#readReference(module, item, hops);
      return;
    }
    if (item.kind === "list") {
      this.readList(module, item, hops + 1);
      return;
    }
    if (item.kind === "function") {
      this.#unread(module, item, "a function without a name");
      return;
    }
    if (item.kind === "string") {
      this.#unread(module, item, "a name of something that is defined elsewhere");
      return;
    }
    if (!isNothing(module, item)) this.#unread(module, item, "name is computed");
  }

  #readReference(module: SourceModule, item: Expr, hops: number): void {
    const method = module.language === "python" ? methodAt(this.#scan, module, item) : null;
    if (method) {
      const { module: home, def } = method;
      if (!this.#scan.findings.isClaimed(home, def.from)) {
        this.#scan.findings.found(home, def.from, def.to, def.name, "method in a list of tools");
      }
      return;
    }
    const target = this.#scan.project.follow(module, item);
    if (target.kind === "package") {
      this.#unread(module, item, `imported from ${target.package}`);
      return;
    }
    if (target.kind !== "local") {
      this.#unread(module, item, target.kind === "file" ? "it is a module" : target.why);
      return;
    }
    for (const binding of target.bindings) this.#readBinding(module, item, target.module, binding, hops);
  }

  #readBinding(module: SourceModule, item: Expr, home: SourceModule, { what }: Binding, hops: number): void {
    const { findings } = this.#scan;
    if (what.kind === "opaque") {
      this.#unread(module, item, what.why);
      return;
    }
    const from = what.kind === "value" ? what.expr.from : what.def.from;
    if (findings.isClaimed(home, from)) return;
    if (what.kind === "function" && home.language === "python") {
      findings.found(home, from, what.def.to, what.def.name, "function in a list of tools");
      return;
    }
    if (what.kind === "value" && what.expr.kind === "object") return;
    if (what.kind === "value" && what.expr.kind === "list") {
      this.readList(home, what.expr, hops + 1);
      return;
    }
    if (what.kind === "value" && what.expr.kind === "call") {
      this.#readCall(module, item, home, what.expr);
      return;
    }
    this.#unread(module, item, "it is not a tool registration that can be read");
  }

  /** A call that is no registration by itself: an instance of a tool class of the project, or something imported. */
  #readCall(module: SourceModule, shown: Expr, home: SourceModule, call: CallExpr): void {
    const target = this.#scan.project.follow(home, call.callee);
    if (target.kind === "package") {
      this.#unread(module, shown, `imported from ${target.package}`);
      return;
    }
    const isKnownClass =
      target.kind === "local" &&
      target.bindings.some(
        ({ what }) => what.kind === "class" && this.#scan.findings.isClaimed(target.module, what.def.from),
      );
    if (!isKnownClass) this.#unread(module, shown, "name is decided by a call");
  }

  #unread(module: SourceModule, expr: Expr, why: string): void {
    if (!this.#scan.findings.isClaimed(module, expr.from))
      this.#scan.findings.unreadAt(module, expr.from, expr.to, why);
  }
}

function isNothing(module: SourceModule, expr: Expr): boolean {
  return /^(None|null|undefined)$/.test(module.text.slice(expr.from, expr.to));
}
