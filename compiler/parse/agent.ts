// The body of an agent: its statements in order of appearance. What has no meaning in this version is noted by name.
import type { CstNode } from "chevrotain";
import type {
  Agent,
  Assert,
  Block,
  Budget,
  BudgetField,
  Field,
  Gate,
  Pattern,
  Phase,
  RateLimit,
  Redaction,
  Rule,
  Span,
  Use,
  Value,
  Var,
} from "../ast.ts";
import { readAssert } from "./assert.ts";
import { readBlock } from "./block.ts";
import { readDottedName } from "./expression.ts";
import { readUse } from "./import.ts";
import { readQuantity } from "./quantity.ts";
import { readEffect, readRule } from "./rule.ts";
import { child, children, must, only, type Reader, token, tokens } from "./tree.ts";
import { readDuration, readLiteral, readName, readPattern, readPatterns, readValue } from "./value.ts";

/** An agent while its statements are read. */
interface Draft {
  default: Agent["default"];
  readonly fields: Field[];
  readonly vars: Var[];
  readonly rules: Rule[];
  readonly budgets: Budget[];
  readonly rateLimits: RateLimit[];
  readonly redactions: Redaction[];
  readonly phases: Phase[];
  readonly uses: Use[];
  egress: Gate | null;
  modelPolicy: Gate | null;
  readonly blocks: Block[];
  readonly asserts: Assert[];
}

export function readAgent(reader: Reader, node: CstNode): Agent {
  const id = readName(reader, must(child(node, "bareName"), "an id"));
  const draft: Draft = {
    default: null,
    fields: [],
    vars: [],
    rules: [],
    budgets: [],
    rateLimits: [],
    redactions: [],
    phases: [],
    uses: [],
    egress: null,
    modelPolicy: null,
    blocks: [],
    asserts: [],
  };
  for (const statement of children(node, "agentStatement")) {
    const body = statement.recoveredNode ? undefined : only(statement);
    if (body !== undefined) readStatement(reader, body, draft);
  }
  return { id: id.text, idSpan: id.span, ...draft, span: reader.ofNode(node) };
}

function readStatement(reader: Reader, node: CstNode, draft: Draft): void {
  switch (node.name) {
    case "ruleStatement":
      draft.rules.push(readRule(reader, node));
      return;
    case "rulesBlock":
      for (const rule of readRules(reader, node)) draft.rules.push(rule);
      return;
    case "assertStatement":
      draft.asserts.push(readAssert(reader, node));
      return;
    case "defaultField": {
      const span = reader.ofNode(node);
      if (draft.default !== null) reader.twice("`default`", span, draft.default.span);
      draft.default = { effect: readEffect(must(token(node, "Effect"), "an effect")), span };
      return;
    }
    case "agentField":
      draft.fields.push(readField(reader, node, "AgentField"));
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
    case "phaseBlock":
      draft.phases.push(readPhase(reader, node));
      return;
    case "useStatement":
      draft.uses.push(readUse(reader, node));
      return;
    case "plainBlock":
      if (readGate(reader, node, draft)) return;
      break;
  }
  draft.blocks.push(readBlock(reader, node));
}

/** False for the blocks that look alike and are no gates. */
function readGate(reader: Reader, node: CstNode, draft: Draft): boolean {
  const keyword = must(token(node, "PlainBlock"), "a keyword");
  const place = keyword.image === "egress" ? "egress" : keyword.image === "model_policy" ? "modelPolicy" : null;
  if (place === null) return false;
  const gate: Gate = {
    keyword: place === "egress" ? "egress" : "model_policy",
    keywordSpan: reader.ofToken(keyword),
    fields: children(must(child(node, "looseBlock"), "a block"), "looseField").flatMap((statement) => {
      const entry = statement.recoveredNode ? undefined : child(statement, "looseEntry");
      return entry === undefined ? [] : [readGateField(reader, entry)];
    }),
    span: reader.ofNode(node),
  };
  if (draft[place] === null) draft[place] = gate;
  else reader.twice(`\`${gate.keyword}\``, gate.keywordSpan, draft[place].keywordSpan);
  return true;
}

function readGateField(reader: Reader, node: CstNode): Field {
  const name = must(token(node, "Word"), "a field's name");
  const loose = must(child(node, "looseValue"), "a value");
  const value = readValue(reader, must(child(loose, "value"), "a value"));
  const [text] = tokens(loose, "Text");
  const [, bare] = children(loose, "value");
  const more = text === undefined ? bare && reader.ofNode(bare) : reader.ofToken(text);
  if (more !== undefined) {
    reader.report("FMS012", "several patterns stand in a list", more, {
      help: `write ${name.image} ["a.example", "b.example"]`,
    });
  }
  return { name: name.image, nameSpan: reader.ofToken(name), value, span: reader.ofNode(node) };
}

export function readRules(reader: Reader, node: CstNode): Rule[] {
  return children(node, "rulesStatement").flatMap((statement) => {
    const rule = statement.recoveredNode ? undefined : child(statement, "ruleStatement");
    return rule === undefined ? [] : [readRule(reader, rule)];
  });
}

export function readField(reader: Reader, node: CstNode, nameToken: string): Field {
  const name = must(token(node, nameToken), "a field's name");
  return {
    name: name.image,
    nameSpan: reader.ofToken(name),
    value: readValue(reader, must(child(node, "value"), "a value")),
    span: reader.ofNode(node),
  };
}

export function readBudget(reader: Reader, node: CstNode): Budget {
  const id = readName(reader, must(child(node, "bareName"), "an id"));
  const fields = children(node, "budgetField").flatMap((statement): BudgetField[] => {
    const body = statement.recoveredNode ? undefined : only(statement);
    const field = body === undefined ? null : readBudgetField(reader, body);
    return field === null ? [] : [field];
  });
  return { id: id.text, idSpan: id.span, fields, span: reader.ofNode(node) };
}

function readBudgetField(reader: Reader, node: CstNode): BudgetField | null {
  const span = reader.ofNode(node);
  if (node.name === "toolsField") {
    const nameSpan = reader.ofToken(must(token(node, "Tools"), "a name"));
    const list = must(child(node, "patternList"), "patterns");
    const items = readPatterns(reader, list).map((p): Value => ({ kind: "string", value: p.text, span: p.span }));
    return { name: "tools", nameSpan, value: { kind: "list", items, span: reader.ofNode(list) }, span };
  }
  if (node.name === "costField") {
    const nameSpan = reader.ofToken(must(token(node, "Cost"), "a name"));
    const cost = must(child(node, "costValue"), "a cost");
    const amount = token(cost, "Quantity");
    if (amount !== undefined) return { name: "cost", nameSpan, value: readLiteral(reader, "Quantity", amount), span };
    const name = readDottedName(reader, cost);
    return name === null ? null : { name: "cost", nameSpan, value: name, span };
  }
  const field = readField(reader, node, "Word");
  if (field.name !== "window") return field;
  const { value } = field;
  const seconds = readDuration(reader, value, "`window`");
  if (seconds === null) return null;
  const text = value.kind === "string" ? value.value : value.kind === "number" ? value.text : "";
  return { ...field, value: { kind: "number", value: seconds, unit: "duration", text, span: value.span } };
}

export const unitMs: Readonly<Record<string, number>> = {
  second: 1_000,
  minute: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
};

export function readRateLimit(reader: Reader, node: CstNode): RateLimit {
  const at = must(token(node, "Quantity"), "a count");
  const count = readQuantity(at.image);
  if (typeof count !== "string" && count.unit !== "plain") {
    reader.report("FMS012", `\`${at.image}\` is not a number of calls`, reader.ofToken(at), {
      help: "write `10 per minute`",
    });
  }
  const window = must(child(node, "window"), "a window");
  const unit = token(window, "RateUnit");
  return {
    pattern: readPattern(reader, must(child(node, "toolPattern"), "a pattern")),
    count: typeof count === "string" ? 0 : count.value,
    windowMs: unit === undefined ? windowMs(reader, window) : (unitMs[unit.image] ?? 0),
    span: reader.ofNode(node),
  };
}

function windowMs(reader: Reader, node: CstNode): number {
  const name = token(node, "Quantity") === undefined ? "Text" : "Quantity";
  const value = readLiteral(reader, name, must(token(node, name), "a window"));
  const seconds = readDuration(reader, value, "the window of a rate limit");
  return seconds === null ? 1 : Math.round(seconds * 1_000);
}

export function readRedaction(reader: Reader, node: CstNode): Redaction {
  const value = readValue(reader, must(child(node, "value"), "paths"));
  const paths = (value.kind === "list" ? value.items : [value]).flatMap((item) => {
    if (item.kind === "string" || item.kind === "word") return [{ text: item.value, span: item.span }];
    reader.report("FMS012", "a redaction names arguments", item.span, { help: 'write args: ["card", "items[].card"]' });
    return [];
  });
  return {
    pattern: readPattern(reader, must(child(node, "toolPattern"), "a pattern")),
    paths,
    span: reader.ofNode(node),
  };
}

export function readPhase(reader: Reader, node: CstNode): Phase {
  const name = readName(reader, must(child(node, "bareName"), "a name"));
  const rules: Rule[] = [];
  const seen = new Map<string, Span>();
  let durationMs: number | null = null;
  let next: Phase["next"] = null;
  let tools: Pattern[] = [];
  for (const statement of children(node, "phaseStatement")) {
    const body = statement.recoveredNode ? undefined : only(statement);
    if (body === undefined) continue;
    if (body.name === "ruleStatement") rules.push(readRule(reader, body));
    else if (body.name === "rulesBlock") for (const rule of readRules(reader, body)) rules.push(rule);
    else {
      const word = must(token(body, "Duration") ?? token(body, "Next") ?? token(body, "Tools"), "a field");
      const first = seen.get(word.image);
      if (first !== undefined) reader.twice(`\`${word.image}\``, reader.ofNode(body), first);
      seen.set(word.image, reader.ofNode(body));
      const value = child(body, "value");
      if (value === undefined) tools = readPatterns(reader, must(child(body, "patternList"), "patterns"));
      else if (word.image === "next") next = readNext(reader, readValue(reader, value));
      else durationMs = phaseDuration(reader, readValue(reader, value));
    }
  }
  return { name: name.text, nameSpan: name.span, durationMs, next, tools, rules, span: reader.ofNode(node) };
}

function phaseDuration(reader: Reader, value: Value): number | null {
  const seconds = readDuration(reader, value, "`duration`");
  return seconds === null ? null : Math.round(seconds * 1_000);
}

function readNext(reader: Reader, value: Value): Phase["next"] {
  if (value.kind === "string" || value.kind === "word") return { name: value.value, span: value.span };
  reader.report("FMS012", "`next` names a phase", value.span, { help: 'write next = "enforce"' });
  return null;
}
