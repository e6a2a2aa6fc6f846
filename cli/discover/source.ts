// What discovery knows of one source file, the same for Python and JavaScript: expressions reduced to the shapes in which
// tools are registered. It must never guess: a shape it does not know is `other`.

import { MAX_BINDINGS } from "./limits.ts";

/** Where the scope of a file starts: a position that no other scope contains. */
export const FILE_SCOPE = -1;

interface Span {
  from: number;
  to: number;
}
export type Expr = Span &
  (
    | { kind: "name"; name: string }
    | { kind: "string"; value: string }
    | { kind: "computed" }
    | { kind: "member"; object: Expr; property: string }
    | { kind: "call"; callee: Expr; args: Argument[] }
    | { kind: "list"; items: Expr[] }
    | { kind: "sum"; parts: Expr[] }
    | { kind: "spread"; of: Expr }
    | { kind: "object"; entries: Entry[] }
    | { kind: "function" }
    | { kind: "other" }
  );
export type CallExpr = Extract<Expr, { kind: "call" }>;
export type ObjectExpr = Extract<Expr, { kind: "object" }>;

/** `key` is the keyword of a Python argument, null for a positional one. */
export interface Argument {
  key: string | null;
  value: Expr;
}

/** One entry of an object or dict; `key` is null when computed, `value` is a spread for `...x` and `**x`. */
export interface Entry extends Span {
  key: string | null;
  value: Expr;
}

/** Where an expression stands: the key or keyword it is the value of, or the variable it is assigned to. */
export type Place = { kind: "key"; key: string | null } | { kind: "variable"; name: string } | { kind: "elsewhere" };

export interface Site<E extends Expr> {
  expr: E;
  place: Place;
}

export interface FunctionDef extends Span {
  name: string;
  decorators: Expr[];
}

/** `nameValue` is the value of the attribute `name`, null where the class gives none. */
export interface ClassDef extends Span {
  name: string;
  bases: Expr[];
  nameValue: Expr | null;
  methods: Map<string, FunctionDef>;
}

/** What a name stands for inside `scope`. */
export interface Binding {
  scope: Span;
  what:
    | { kind: "value"; expr: Expr }
    | { kind: "function"; def: FunctionDef }
    | { kind: "class"; def: ClassDef }
    | { kind: "opaque"; why: string };
}

/** `name` is null for the whole module, `default` for a default import; `module` is null for a name of the same file. */
export interface Import {
  module: string | null;
  name: string | null;
}

export interface SourceModule {
  file: string;
  language: "python" | "javascript";
  text: string;
  imports: Map<string, Import>;
  exports: Map<string, Import>;
  stars: string[];
  bindings: Map<string, Binding[]>;
  additions: Map<string, Expr[]>;
  calls: Site<CallExpr>[];
  objects: Site<ObjectExpr>[];
  functions: FunctionDef[];
  classes: ClassDef[];
  lineStarts: number[];
}

/** An empty module of `text`, for a reader to fill. */
export function emptyModule(file: string, language: SourceModule["language"], text: string): SourceModule {
  const lineStarts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) lineStarts.push(at + 1);
  return {
    file,
    language,
    text,
    imports: new Map(),
    exports: new Map(),
    stars: [],
    bindings: new Map(),
    additions: new Map(),
    calls: [],
    objects: [],
    functions: [],
    classes: [],
    lineStarts,
  };
}

/** The line of a position in UTF-16 units, counted from 1. */
export function lineAt(module: SourceModule, position: number): number {
  let low = 0;
  let high = module.lineStarts.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((module.lineStarts[middle] ?? 0) <= position) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** Past the limit the name counts as unknowable in the whole file, rather than as its first values. */
export function addBinding(module: SourceModule, name: string, binding: Binding): void {
  const known = module.bindings.get(name);
  if (!known) module.bindings.set(name, [binding]);
  else if (known.length < MAX_BINDINGS) known.push(binding);
  else if (known.length === MAX_BINDINGS) {
    const scope = { from: FILE_SCOPE, to: module.text.length };
    known.push({ scope, what: { kind: "opaque", why: "it is assigned too often" } });
  }
}

/** Notes that `added` goes into the list that `name` stands for. */
export function addAddition(module: SourceModule, name: string, added: Expr): void {
  const known = module.additions.get(name);
  if (known) known.push(added);
  else module.additions.set(name, [added]);
}

/** What `name` stands for at `position`: the bindings of the innermost scope that has any. */
export function bindingsAt(module: SourceModule, name: string, position: number): Binding[] {
  const visible = (module.bindings.get(name) ?? []).filter(
    ({ scope }) => scope.from <= position && position <= scope.to,
  );
  const innermost = visible.reduce((from, binding) => Math.max(from, binding.scope.from), FILE_SCOPE);
  return visible.filter((binding) => binding.scope.from === innermost);
}

export function entryOf(object: ObjectExpr, key: string): Expr | null {
  return object.entries.find((entry) => entry.key === key && entry.value.kind !== "spread")?.value ?? null;
}

export function keywordOf(call: CallExpr, ...keys: string[]): Expr | null {
  return call.args.find((argument) => argument.key !== null && keys.includes(argument.key))?.value ?? null;
}

/** The positional argument at `index`, or null when it is absent or follows a spread. */
export function positionalOf(call: CallExpr, index: number): Expr | null {
  const positional = call.args.filter((argument) => argument.key === null).map((argument) => argument.value);
  if (positional.slice(0, index + 1).some((value) => value.kind === "spread")) return null;
  return positional[index] ?? null;
}
