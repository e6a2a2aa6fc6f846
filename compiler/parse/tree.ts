// Reading chevrotain's concrete tree: children by name, spans, and the place where findings are collected. No meaning.
import type { CstElement, CstNode, IToken } from "chevrotain";
import type { Rule, Span } from "../ast.ts";
import type { DiagnosticCode, Finding } from "../diagnostic.ts";
import { limits } from "../limits.ts";

export function isNode(element: CstElement): element is CstNode {
  return "children" in element;
}

/** The child production of that name, if the author wrote one. */
export function child(node: CstNode, name: string): CstNode | undefined {
  const element = node.children[name]?.[0];
  return element !== undefined && isNode(element) ? element : undefined;
}

export function children(node: CstNode, name: string): CstNode[] {
  return (node.children[name] as CstNode[] | undefined) ?? [];
}

export function token(node: CstNode, name: string): IToken | undefined {
  const element = node.children[name]?.[0];
  return element !== undefined && !isNode(element) ? element : undefined;
}

export function tokens(node: CstNode, name: string): IToken[] {
  return (node.children[name] as IToken[] | undefined) ?? [];
}

/** What the grammar guarantees in a tree without errors; its absence is a bug of ours. */
export function must<T>(found: T | undefined, what: string): T {
  if (found === undefined) throw new Error(`the tree lacks ${what}`);
  return found;
}

/** The only child production of a statement. */
export function only(node: CstNode): CstNode | undefined {
  for (const name in node.children) {
    const element = node.children[name]?.[0];
    if (element !== undefined && isNode(element)) return element;
  }
  return undefined;
}

/** Lets go of a node's children; what they said was read. */
export function empty(node: { children: CstNode["children"] }): void {
  node.children = {};
}

/** Spans and findings of one source. */
export class Reader {
  readonly source: number;
  readonly findings: Finding[];
  /** Rules that were read while the text was parsed. */
  readonly rules = new Map<CstNode, Rule>();

  constructor(source: number, findings: Finding[]) {
    this.source = source;
    this.findings = findings;
  }

  ofNode(node: CstNode): Span {
    const start = node.location?.startOffset ?? 0;
    return { source: this.source, start, end: (node.location?.endOffset ?? start) + 1 };
  }

  ofToken(at: IToken): Span {
    return { source: this.source, start: at.startOffset, end: (at.endOffset ?? at.startOffset) + 1 };
  }

  /** Everything reported while reading is an error; beyond the limit they are not kept. */
  report(code: DiagnosticCode, message: string, span: Span, more: Pick<Finding, "help" | "related"> = {}): void {
    if (!this.isFull) this.findings.push({ code, message, span, ...more });
  }

  /** As many errors as are reported: what is asked for help need not be made any more. */
  get isFull(): boolean {
    return this.findings.length >= limits.errorsReported;
  }

  /** The second of two things of which one is allowed. */
  twice(what: string, span: Span, first: Span): void {
    this.report("FMS013", `${what} is given twice`, span, {
      help: "remove one of them",
      related: [{ message: "first given here", span: first }],
    });
  }
}
