// Asserts: a rule behind `assert never` or `assert always`. From the concrete tree to the syntax tree.
import type { CstNode } from "chevrotain";
import type { Assert } from "../ast.ts";
import { readRule } from "./rule.ts";
import { child, must, type Reader, token } from "./tree.ts";

/** A node with a quantifier and a rule behind it. */
export function readAssert(reader: Reader, node: CstNode): Assert {
  const word = must(token(node, "Quantifier"), "never or always");
  const rule = readRule(reader, must(child(node, "ruleStatement"), "a rule"));
  return { quantifier: word.image === "never" ? "never" : "always", rule, span: reader.ofNode(node) };
}
