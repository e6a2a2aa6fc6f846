// What a name in a condition refers to. The order of places is the language's: a variable of the agent, a word of the
// request, else an argument. Pure lookup; whether the place holds anything is known only when a request comes.

import { Root, TimePart } from "../vm/shared/isa.ts";
import type { Agent, Block, Origin, Value, Var } from "./ast.ts";
import { blocksOf } from "./blocks.ts";

export interface FieldPath {
  readonly root: Root;
  /** Under the root: names, and indexes into lists. For Time one number, a TimePart. */
  readonly path: readonly (string | number)[];
}

export type Resolution =
  | { readonly kind: "value"; readonly name: string; readonly value: Value }
  | {
      readonly kind: "field";
      readonly field: FieldPath /** `x.length`: the length of the field. */;
      readonly length: boolean;
    }
  /** A reserved word with a member that it does not have; `candidates` are those it has. */
  | { readonly kind: "unknown"; readonly word: string; readonly candidates: readonly string[] }
  /** A word of the language whose meaning this version lacks. */
  | { readonly kind: "unsupported"; readonly word: string };

export const timeParts: Record<string, TimePart> = {
  now: TimePart.Now,
  minute: TimePart.Minute,
  hour: TimePart.Hour,
  day: TimePart.Day,
  month: TimePart.Month,
  weekday: TimePart.Weekday,
};

const plainWords: Record<string, Root> = {
  tool: Root.Tool,
  tool_name: Root.Tool,
  agent: Root.Agent,
  action: Root.Action,
  model: Root.Model,
};

/** Dotted words: `principal.role`. Alone they are arguments like any other name. */
const dottedWords: Record<string, Root> = {
  args: Root.Args,
  principal: Root.Principal,
  delegation: Root.Delegation,
};

/** Words of the request that stand alone in a condition, and those with members. */
export const requestWords = () => ({
  alone: [...Object.keys(plainWords), ...httpWords],
  owners: [...Object.keys(dottedWords), ...httpMaps, "time", "session", "vars", "selectors"],
});

const httpWords = ["host", "port", "method", "path"];
const httpMaps = ["query", "headers"];

/** What names can mean beside the words of the language. A pack has variables alone. */
export interface NamesOf {
  readonly vars: readonly Var[];
  readonly blocks?: readonly Block[];
}

/** What the names in a part of an agent are looked up in: what a pack brought in sees the pack's values, never the agent's. */
export function scopeOf(agent: NamesOf, part: { readonly origin?: Origin }): NamesOf {
  return part.origin ?? agent;
}

/** Resolves a name's path for an agent: its variables, `x` and `vars.x` alike, and its selectors, `x` and `selectors.x`. */
export function resolveName(agent: NamesOf, path: readonly (string | number)[]): Resolution {
  const [first, second] = path;
  if (typeof first !== "string") throw new Error("a name begins with a word");
  const bare = variableOf(agent, first);
  if (bare !== undefined && path.length === 1) return { kind: "value", name: bare.name, value: bare.value };
  if (first === "vars" && typeof second === "string") {
    const named = variableOf(agent, second);
    if (named !== undefined && path.length === 2) return { kind: "value", name: named.name, value: named.value };
    return { kind: "unknown", word: "vars", candidates: agent.vars.map((v) => `vars.${v.name}`) };
  }
  const known = selectorNames(agent);
  if (known.includes(first) || first === "selectors") {
    const inner = known.includes(first) ? path : path.slice(1);
    if (typeof inner[0] === "string" && !known.includes(inner[0]))
      return { kind: "unknown", word: "selectors", candidates: known.map((name) => `selectors.${name}`) };
    if (inner.length > 0) return selectorField(inner);
  }
  if (path.length > 1 && path[path.length - 1] === "length") {
    const inner = resolveName(agent, path.slice(0, -1));
    if (inner.kind === "field") return { ...inner, length: true };
    return inner.kind === "value" ? lengthOfValue(inner.name, inner.value) : inner;
  }
  return resolveWord(first, path);
}

/** From here on variables are looked up in a table; few are found sooner one by one. */
const VARS_TABLED_MIN = 8;
const tables = new WeakMap<readonly Var[], ReadonlyMap<string, Var>>();

function variableOf({ vars }: NamesOf, name: string): Var | undefined {
  if (vars.length < VARS_TABLED_MIN) return vars.find((v) => v.name === name);
  let table = tables.get(vars);
  if (table === undefined) {
    // Of two of one name the first is meant; the second is an error.
    table = new Map(vars.toReversed().map((v) => [v.name, v]));
    tables.set(vars, table);
  }
  return table.get(name);
}

const noNames: readonly string[] = [];
const selectors = new WeakMap<readonly Block[], readonly string[]>();

function selectorNames({ blocks }: NamesOf): readonly string[] {
  if (blocks === undefined || blocks.length === 0) return noNames;
  let names = selectors.get(blocks);
  if (names === undefined) {
    names = blocksOf({ blocks }, "selector").flatMap(({ name }) => name ?? []);
    selectors.set(blocks, names);
  }
  return names;
}

/** The last `length` of a path asks how long the value is. */
function selectorField(path: readonly (string | number)[]): Resolution {
  const length = path.length > 1 && path.at(-1) === "length";
  return { kind: "field", field: { root: Root.Selectors, path: length ? path.slice(0, -1) : path }, length };
}

/** A variable's length is known now: code points of text, members of a list. */
function lengthOfValue(name: string, value: Value): Resolution {
  const isText = value.kind === "string" || value.kind === "word";
  if (!isText && value.kind !== "list") return { kind: "unknown", word: name, candidates: [] };
  const length = isText ? [...value.value].length : value.items.length;
  const text = String(length);
  return { kind: "value", name, value: { kind: "number", value: length, unit: "plain", text, span: value.span } };
}

function resolveWord(first: string, path: readonly (string | number)[]): Resolution {
  const field = (root: Root, rest: readonly (string | number)[]): Resolution => ({
    kind: "field",
    field: { root, path: rest },
    length: false,
  });
  const second = path[1];
  if (path.length === 1 && Object.hasOwn(plainWords, first)) return field(plainWords[first] ?? Root.Args, []);
  if (path.length > 1 && Object.hasOwn(dottedWords, first))
    return field(dottedWords[first] ?? Root.Args, path.slice(1));
  if (first === "time" && typeof second === "string") {
    const part = Object.hasOwn(timeParts, second) ? timeParts[second] : undefined;
    if (part === undefined || path.length !== 2) {
      return { kind: "unknown", word: "time", candidates: Object.keys(timeParts).map((p) => `time.${p}`) };
    }
    return field(Root.Time, [part]);
  }
  if (first === "session" && typeof second === "string") {
    if (second === "id" && path.length === 2) return field(Root.Session, []);
    return { kind: "unknown", word: "session", candidates: ["session.id"] };
  }
  if (path.length === 1 && httpWords.includes(first)) return field(Root.Http, path);
  if (path.length > 1 && httpMaps.includes(first)) return field(Root.Http, path);
  return field(Root.Args, path);
}

/** A bare word in a matcher that names a variable of the agent, bare or as `vars.x`, stands for its value. */
export function meantValue(
  agent: Pick<Agent, "vars">,
  value: Value,
): { readonly value: Value; readonly variable: string | null } {
  if (value.kind !== "word") return { value, variable: null };
  const named = agent.vars.find(({ name }) => value.value === name || value.value === `vars.${name}`);
  return named === undefined ? { value, variable: null } : { value: named.value, variable: named.name };
}

/** "a.b[0].c" as names and list positions: how functions name a place in the arguments. `args.a` is `a`, as in conditions. */
export function argumentPath(text: string): (string | number)[] {
  return text
    .replace(/^args\./, "")
    .split(".")
    .flatMap((part) => {
      const [name = "", ...positions] = part.split("[");
      return [name, ...positions.map((position) => Number.parseInt(position, 10))];
    });
}
