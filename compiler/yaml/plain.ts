// Plain data between the tree and the text of YAML and JSON, and values as such data. It knows no key of the language.
import type { Value } from "../ast.ts";
import { standsForMore } from "./value.ts";

/** Plain data with maps that keep their order, whatever their keys. */
export type Plain = string | number | boolean | null | readonly Plain[] | PlainMap;
export type PlainMap = ReadonlyMap<string, Plain>;

/** The members that are there, in order. */
export function map(...members: readonly (readonly [string, Plain | undefined])[]): PlainMap {
  return new Map(members.flatMap(([key, value]): [string, Plain][] => (value === undefined ? [] : [[key, value]])));
}

/** Where a value of any kind is read: text that would be a quantity says that it is text. */
export function plainValue(value: Value): Plain {
  switch (value.kind) {
    case "string":
    case "word":
      return standsForMore(value.value) ? map(["text", value.value]) : value.value;
    case "number":
      return value.unit === "plain" ? value.value : value.text;
    case "bool":
      return value.value;
    case "nil":
      return null;
    case "env":
      return envText(value.variable);
    case "list":
      return value.items.map(plainValue);
  }
}

function envText(variable: string): string {
  if (/["\\]/.test(variable)) throw new Error(`the variable \`${variable}\` cannot be printed`);
  return `env("${variable}")`;
}
