// The tree that YAML and JSON have in common: maps with text for keys, lists and scalars, each with its place. Keys keep
// their order and stand in lists, never in objects, so that no key means anything to JavaScript.
import type { Span } from "../ast.ts";

export interface Entry {
  readonly key: string;
  readonly keySpan: Span;
  readonly value: Node;
}

export interface MapNode {
  readonly kind: "map";
  readonly entries: readonly Entry[];
  readonly span: Span;
}

export interface ListNode {
  readonly kind: "list";
  readonly items: readonly Node[];
  readonly span: Span;
}

/** How a scalar is written; `block` is a text after `|` or `>`, whose places are not followed. */
export type Style = "plain" | "single" | "double" | "block";

export interface ScalarNode {
  readonly kind: "scalar";
  readonly value: string | number | boolean | null;
  readonly style: Style;
  /** With its quotes. */
  readonly span: Span;
}

export type Node = MapNode | ListNode | ScalarNode;

/** What kind of node it is, in words. */
export function nodeWords(node: Node): string {
  if (node.kind !== "scalar") return node.kind === "map" ? "a map" : "a list";
  if (node.value === null) return "nothing";
  return typeof node.value === "string" ? "text" : typeof node.value === "number" ? "a number" : "true or false";
}

export type NumberProblem = { readonly message: string; readonly help: string };

const decimal = /^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?$/;

/** The number that both forms read alike, or why there is none: no octal, no hexadecimal, no integer that would be rounded. */
export function readNumber(text: string): number | NumberProblem {
  if (!decimal.test(text)) {
    return { message: `\`${text}\` is not a decimal number`, help: "write 42, 3.14 or 1e3; put text in quotes" };
  }
  const value = Number(text);
  const rounded = /^-?[0-9]+$/.test(text) && !Number.isSafeInteger(value);
  if (Number.isFinite(value) && !rounded) return value;
  return {
    message: `\`${text}\` is too large for a number`,
    help: `whole numbers are exact up to ${Number.MAX_SAFE_INTEGER}; put an identifier in quotes`,
  };
}
