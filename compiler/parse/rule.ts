// Rules: effect, pattern and clauses in any order, each at most once except network matchers. Both dialects end here.
import type { CstNode, IToken } from "chevrotain";
import type { Effect, Expr, NetworkMatcher, Rule, Span, Value } from "../ast.ts";
import { readExpression } from "./expression.ts";
import { readQuoted } from "./quoted.ts";
import { child, children, must, type Reader, token } from "./tree.ts";
import { readPattern, readValue } from "./value.ts";

export const effects: Readonly<Record<string, "permit" | "deny" | "defer">> = {
  permit: "permit",
  allow: "permit",
  approve: "permit",
  deny: "deny",
  block: "deny",
  reject: "deny",
  defer: "defer",
};

export function readEffect(at: IToken): "permit" | "deny" | "defer" {
  return must(effects[at.image], "an effect");
}

interface Clauses {
  condition: Expr | null;
  network: NetworkMatcher[];
  notify: Value[];
  reason: string | null;
  reeval: boolean | null;
}

/** Reads a rule once; what was read before is remembered, because its node may be empty by then. */
export function readRule(reader: Reader, node: CstNode): Rule {
  const known = reader.rules.get(node);
  if (known !== undefined) return known;
  const plain = token(node, "Effect");
  const effect: Effect = plain === undefined ? "deny!" : readEffect(plain);
  const clauses: Clauses = { condition: null, network: [], notify: [], reason: null, reeval: null };
  const seen = new Map<string, Span>();
  for (const clause of children(node, "clause")) readClause(reader, clause, clauses, seen);
  const pattern = readPattern(reader, must(child(node, "toolPattern"), "a pattern"));
  const rule: Rule = { effect, pattern, ...clauses, span: reader.ofNode(node) };
  reader.rules.set(node, rule);
  return rule;
}

function readClause(reader: Reader, node: CstNode, clauses: Clauses, seen: Map<string, Span>): void {
  const span = reader.ofNode(node);
  const once = (what: string): void => {
    const first = seen.get(what);
    if (first === undefined) seen.set(what, span);
    else reader.twice(what, span, first);
  };
  const condition = child(node, "expression");
  if (condition !== undefined) {
    once("the condition of a rule");
    clauses.condition = readExpression(reader, condition);
  } else if (token(node, "Reason") !== undefined) {
    once("`reason`");
    clauses.reason = readQuoted(must(token(node, "Text"), "a reason").image);
  } else if (token(node, "Notify") !== undefined) {
    once("`notify`");
    const value = readValue(reader, must(child(node, "value"), "a value"));
    clauses.notify.push(...(value.kind === "list" ? value.items : [value]));
  } else if (token(node, "Reeval") !== undefined) {
    once("`reeval`");
    clauses.reeval = readBool(reader, readValue(reader, must(child(node, "value"), "a value")));
  } else clauses.network.push(readMatcher(reader, node, span));
}

function readBool(reader: Reader, value: Value): boolean | null {
  if (value.kind === "bool") return value.value;
  reader.report("FMS012", "`reeval` is true or false", value.span, { help: "write reeval true or reeval false" });
  return null;
}

function readMatcher(reader: Reader, node: CstNode, span: Span): NetworkMatcher {
  const value = readValue(reader, must(child(node, "value"), "a value"));
  const part = token(node, "HttpPart");
  if (part !== undefined) return { part: part.image as "host" | "port" | "method" | "path", key: null, value, span };
  const map = must(token(node, "HttpMap"), "a matcher");
  const word = token(node, "Word");
  const key = word === undefined ? readQuoted(must(token(node, "Text"), "a key").image) : word.image;
  return { part: map.image as "query" | "header", key, value, span };
}
