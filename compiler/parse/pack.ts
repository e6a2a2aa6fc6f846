// The body of a pack: the statements that it shares with an agent, and its parameters. From the concrete tree to the
// syntax tree; nothing is brought in here.
import type { CstNode } from "chevrotain";
import type { Budget, Pack, Param, RateLimit, Redaction, Rule, Use, Var } from "../ast.ts";
import { readBudget, readField, readRateLimit, readRedaction, readRules } from "./agent.ts";
import { readUse } from "./import.ts";
import { readRule } from "./rule.ts";
import { child, children, must, only, type Reader, token } from "./tree.ts";
import { readName, readValue } from "./value.ts";

/** A pack while its statements are read. */
interface Draft {
  readonly params: Param[];
  readonly vars: Var[];
  readonly rules: Rule[];
  readonly budgets: Budget[];
  readonly rateLimits: RateLimit[];
  readonly redactions: Redaction[];
  readonly uses: Use[];
}

export function readPack(reader: Reader, node: CstNode): Pack {
  const name = readName(reader, must(child(node, "bareName"), "a name"));
  const draft: Draft = { params: [], vars: [], rules: [], budgets: [], rateLimits: [], redactions: [], uses: [] };
  for (const statement of children(node, "packStatement")) {
    const body = statement.recoveredNode ? undefined : only(statement);
    if (body !== undefined) readStatement(reader, body, draft);
  }
  return { name: name.text, nameSpan: name.span, ...draft, span: reader.ofNode(node) };
}

function readStatement(reader: Reader, node: CstNode, draft: Draft): void {
  switch (node.name) {
    case "ruleStatement":
      draft.rules.push(readRule(reader, node));
      return;
    case "rulesBlock":
      for (const rule of readRules(reader, node)) draft.rules.push(rule);
      return;
    case "paramStatement":
      draft.params.push(readParam(reader, node));
      return;
    case "varStatement": {
      const { name, nameSpan, value, span } = readField(reader, node, "Word");
      draft.vars.push({ name, nameSpan, value, span });
      return;
    }
    case "budgetBlock":
      draft.budgets.push(readBudget(reader, node));
      return;
    case "rateLimit":
      draft.rateLimits.push(readRateLimit(reader, node));
      return;
    case "redact":
      draft.redactions.push(readRedaction(reader, node));
      return;
    case "useStatement":
      draft.uses.push(readUse(reader, node));
      return;
  }
}

function readParam(reader: Reader, node: CstNode): Param {
  const name = must(token(node, "Word"), "a parameter's name");
  const value = child(node, "value");
  return {
    name: name.image,
    nameSpan: reader.ofToken(name),
    default: value === undefined ? null : readValue(reader, value),
    span: reader.ofNode(node),
  };
}
