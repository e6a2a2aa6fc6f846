// Where the value of a selector is asked for: its `source`, with places of the call filled in. Pure. A call may fill parts of the path
// and of the query, never the host, and never more than one segment or one value.

import { JsonNumber } from "../evaluator/number.ts";
import type { EvaluationRequest, RequestValue } from "../evaluator/types.ts";

/** Texts and places in turn: `https://host/a/{args.id}?x={agent}` */
export interface Source {
  readonly texts: readonly string[];
  readonly places: readonly (readonly string[])[];
}

export const placeRoots = ["agent", "session", "tool", "args", "principal"] as const;

const fillLimitBytes = 256;

/** Or what is wrong with it, in the words for whoever wrote it. */
export function sourceOf(text: string): Source | string {
  const parts = text.split(/\{([^{}]*)\}/);
  const texts = parts.filter((_, at) => at % 2 === 0);
  const names = parts.filter((_, at) => at % 2 === 1);
  if (texts.some((one) => /[{}]/.test(one))) return "a `{` or `}` has no partner";
  const places = names.map((name) => name.split("."));
  const unknown = names.find((_, at) => !isPlace(places[at] ?? []));
  if (unknown !== undefined)
    return `\`{${unknown}}\` is no place of a call: {agent}, {session}, {tool}, {args.<name>}, {principal.<name>}`;
  const start = texts[0] ?? "";
  const isHostWhole = /^https?:\/\/[^/?#]+[/?]/i.test(places.length === 0 ? `${start}/` : start);
  if (!isHostWhole || !URL.canParse(texts.join("x"))) return "it is no URL of https whose host is written out";
  return { texts, places };
}

function isPlace(path: readonly string[]): boolean {
  const [root = "", ...rest] = path;
  if (rest.some((name) => name === "")) return false;
  if (root === "agent" || root === "session" || root === "tool") return rest.length === 0;
  return (root === "args" || root === "principal") && rest.length > 0;
}

/** The URL for a call; null where a place of it holds no short text, number or truth value. */
export function urlFor({ texts, places }: Source, request: EvaluationRequest): string | null {
  let url = texts[0] ?? "";
  for (const [at, path] of places.entries()) {
    const value = fillOf(request, path);
    // A dot segment would be taken out of the path, and with it what stands before.
    if (value === null || value === "" || value === "." || value === "..") return null;
    if (Buffer.byteLength(value) > fillLimitBytes || !value.isWellFormed()) return null;
    url += encodeURIComponent(value) + (texts[at + 1] ?? "");
  }
  return url;
}

function fillOf(request: EvaluationRequest, [root, ...path]: readonly string[]): string | null {
  if (root === "agent") return request.agent_id;
  if (root === "tool") return request.tool_id;
  if (root === "session") return request.session_id ?? "default";
  let value: RequestValue | undefined = root === "args" ? request.args : request.principal;
  for (const name of path) {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof JsonNumber) return null;
    value = Object.hasOwn(value, name) ? (value as { readonly [key: string]: RequestValue })[name] : undefined;
  }
  if (value instanceof JsonNumber) return value.text;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}
