// Small readings of a lezer tree that both languages share. It must never throw on broken code: a missing child is null.
import type { parser } from "@lezer/python";
import type { Expr } from "./source.ts";

export type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = [];
  for (let child = node.firstChild; child; child = child.nextSibling) {
    if (!COMMENTS.has(child.name)) children.push(child);
  }
  return children;
}

const COMMENTS: ReadonlySet<string> = new Set(["Comment", "LineComment", "BlockComment"]);

export function textOf(text: string, node: { from: number; to: number }): string {
  return text.slice(node.from, node.to);
}

/** The nearest enclosing node whose type is one of `names`; the root when there is none. */
export function enclosing(node: SyntaxNode, names: ReadonlySet<string>): SyntaxNode {
  let at = node;
  while (at.parent) {
    at = at.parent;
    if (names.has(at.name)) return at;
  }
  return at;
}

export function otherExpr(node: SyntaxNode): Expr {
  return { kind: "other", from: node.from, to: node.to };
}

/** Groups the children of a bracketed list by its commas; brackets and the words of `drop` are left out. */
export function splitByComma(node: SyntaxNode, drop: ReadonlySet<string>): SyntaxNode[][] {
  const groups: SyntaxNode[][] = [[]];
  for (const child of childrenOf(node)) {
    if (child.name === ",") groups.push([]);
    else if (!drop.has(child.name)) groups[groups.length - 1]?.push(child);
  }
  return groups.filter((group) => group.length > 0);
}

export const BRACKETS: ReadonlySet<string> = new Set(["(", ")", "[", "]", "{", "}"]);
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  "0": "\0",
  b: "\b",
  f: "\f",
  v: "\v",
  "\n": "",
};

/** Resolves the escapes that Python and JavaScript share. Returns null for one it does not know, such as `\N{…}`. */
export function resolveEscapes(body: string): string | null {
  let known = true;
  const value = body.replace(
    /\\(?:u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|(\r\n|[\s\S]))/g,
    (_, u?: string, x?: string, c?: string) => {
      const code = u ?? x;
      if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
      if (c === undefined || /[NUux1-9]/.test(c)) known = false;
      if (c === "\r\n") return "";
      return SIMPLE_ESCAPES[c ?? ""] ?? c ?? "";
    },
  );
  return known ? value : null;
}
