// Which productions of the grammar, words, functions and fields a policy's text uses, read off the parser's own tree. It
// judges nothing and must not know what they mean.
import type { CstElement, CstNode, ISerializedGast } from "chevrotain";
import { PolicyParser } from "../../compiler/grammar.ts";

const parser = new PolicyParser();

/** Productions that stand for what is no statement. */
const errorProductions = new Set(["stray", "strayTop"]);

interface Part {
  readonly type: string;
  readonly name?: string;
  readonly label?: string;
  readonly definition?: readonly Part[];
  readonly separator?: Part;
}

/** Every `production.part`, a part being a token or a production that it is made of. */
export function allParts(): Set<string> {
  const rules = parser.getSerializedGastProductions() as readonly ISerializedGast[] as unknown as readonly Part[];
  const found = new Set<string>();
  for (const rule of rules.filter(({ name }) => !errorProductions.has(name ?? ""))) {
    for (const part of leaves(rule))
      if (!errorProductions.has(part) && part !== "EOF") found.add(`${rule.name}.${part}`);
  }
  return found;
}

function leaves(part: Part): string[] {
  if (part.type === "NonTerminal" || part.type === "Terminal") return [part.name ?? ""];
  return [...(part.definition ?? []), ...(part.separator === undefined ? [] : [part.separator])].flatMap(leaves);
}

export interface Uses {
  readonly parts: Set<string>;
  /** The text of every token. */
  readonly words: Set<string>;
}

/** Adds what a text uses; throws when it does not parse. */
export function collectUses(text: string, into: Uses): void {
  parser.start(text, () => undefined);
  const tree = parser.policy();
  const errors = parser.errors.length;
  parser.finish();
  if (errors > 0) throw new Error("a text of the suite does not parse");
  visit(tree, into);
}

function visit(node: CstNode, into: Uses): void {
  for (const elements of Object.values(node.children)) {
    for (const element of elements) {
      if (isNode(element)) {
        into.parts.add(`${node.name}.${element.name}`);
        visit(element, into);
      } else {
        for (const type of [element.tokenType, ...(element.tokenType.CATEGORIES ?? [])]) {
          into.parts.add(`${node.name}.${type.name}`);
        }
        into.words.add(element.image);
      }
    }
  }
}

const isNode = (element: CstElement): element is CstNode => "children" in element;
