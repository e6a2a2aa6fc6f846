// `import` and `use`: what brings packs in, from the concrete tree to the syntax tree. What an import's text names, and
// which pack a `use` means, is not looked at here.
import type { CstNode } from "chevrotain";
import type { Import, Use } from "../ast.ts";
import { readQuoted } from "./quoted.ts";
import { child, children, must, type Reader, token } from "./tree.ts";
import { readName, readValue } from "./value.ts";

export function readImport(reader: Reader, node: CstNode): Import {
  const text = must(token(node, "Text"), "a reference");
  const alias = token(node, "Word");
  return {
    reference: readQuoted(text.image),
    referenceSpan: reader.ofToken(text),
    alias: alias === undefined ? null : { name: alias.image, span: reader.ofToken(alias) },
    span: reader.ofNode(node),
  };
}

export function readUse(reader: Reader, node: CstNode): Use {
  const name = readName(reader, must(child(node, "bareName"), "a name"));
  const parameters = children(node, "useField").flatMap((statement) => {
    const field = statement.recoveredNode ? undefined : child(statement, "field");
    if (field === undefined) return [];
    const word = must(token(field, "Word"), "a parameter's name");
    const value = readValue(reader, must(child(field, "value"), "a value"));
    return [{ name: word.image, nameSpan: reader.ofToken(word), value, span: reader.ofNode(field) }];
  });
  return { name: name.text, nameSpan: name.span, parameters, span: reader.ofNode(node) };
}
