// Parsers read every file as if it were the only one; here its tree and findings are moved to its place among the sources.
// The tree is plain data, so that one walk serves every form of policy.
import type { Span } from "../ast.ts";

/** A copy in which every span points into `source`. */
export function relocate<T>(value: T, source: number): T {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map((item: unknown) => relocate(item, source)) as T;
  if (isSpan(value)) return { ...value, source };
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, relocate(member, source)])) as T;
}

function isSpan(value: object): value is Span {
  return "source" in value && "start" in value && "end" in value;
}
