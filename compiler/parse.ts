// Text to syntax tree. Several errors in one run, each with a place; a statement that does not parse is left out of the
// tree, so the tree is fit for use only when there are no errors. Never reads anything but the text it is given.
import type { CstNode } from "chevrotain";
import type { Agent, Phase, Rule, RuntimeBlock, SourceText, Stack, UnsupportedBlock } from "./ast.ts";
import type { Finding } from "./diagnostic.ts";
import { PolicyParser } from "./grammar.ts";
import { limits, utf8Bytes } from "./limits.ts";
import { readAgent, readField, readPhase, readUnsupported } from "./parse/agent.ts";
import { readRule } from "./parse/rule.ts";
import { syntaxFindings } from "./parse/syntax.ts";
import { child, children, empty, only, Reader } from "./parse/tree.ts";

let parser: PolicyParser | null = null;

export interface ParseResult {
  /** What could be read; null when the text could not be looked at. Not to be compiled when a finding is an error. */
  readonly stack: Stack | null;
  readonly findings: Finding[];
}

/** Parses the main source, `sources[0]`; the others are what it may import, and are not read. */
export function parse(sources: readonly SourceText[]): ParseResult {
  const source = sources[0];
  if (source === undefined) throw new Error("parse needs a source");
  const findings: Finding[] = [];
  const reader = new Reader(0, findings);
  if (!readable(reader, source.text)) return { stack: null, findings };
  parser ??= new PolicyParser();
  parser.start(source.text, (node) => {
    readRule(reader, node);
    empty(node);
  });
  const tree = parser.policy();
  const errors = parser.errors;
  const tokens = parser.finish();
  findings.push(...syntaxFindings(errors, tokens));
  const stack = tree === undefined ? null : readStack(reader, tree, sources);
  findings.sort((a, b) => a.span.start - b.span.start);
  return { stack, findings };
}

function readable(reader: Reader, text: string): boolean {
  const at = (start: number, end: number) => ({ source: 0, start, end });
  if (text.charCodeAt(0) === 0xfeff) {
    reader.report("FMS001", "the file begins with a byte order mark", at(0, 1), {
      help: "save it as UTF-8 without a byte order mark",
    });
    return false;
  }
  const bytes = utf8Bytes(text);
  if (bytes > limits.sourceBytes) {
    reader.report("FMS004", `the file has ${bytes} bytes; at most ${limits.sourceBytes} are allowed`, at(0, 0), {
      help: "split the policy, or replace long lists of rules by patterns",
    });
    return false;
  }
  return true;
}

function readStack(reader: Reader, tree: CstNode, sources: readonly SourceText[]): Stack {
  const agents: Agent[] = [];
  const flat: Rule[] = [];
  const phases: Phase[] = [];
  const unsupported: UnsupportedBlock[] = [];
  let runtime: RuntimeBlock | null = null;
  for (const statement of children(tree, "topStatement")) {
    const body = statement.recoveredNode ? undefined : only(statement);
    if (body === undefined) continue;
    if (body.name === "agentBlock") agents.push(readAgent(reader, body, unsupported));
    else if (body.name === "ruleStatement") flat.push(readRule(reader, body));
    else if (body.name === "phaseBlock") phases.push(readPhase(reader, body));
    else if (body.name === "runtimeBlock") {
      if (runtime !== null) reader.twice("`runtime`", reader.ofNode(body), runtime.span);
      runtime = readRuntime(reader, body);
    } else unsupported.push(readUnsupported(reader, body, null));
  }
  limitRules(reader, flat, agents);
  const placed = placePhases(reader, phases, agents);
  return { sources, runtime, agents: placed, anonymous: flat.length === 0 ? null : anonymousAgent(flat), unsupported };
}

function readRuntime(reader: Reader, node: CstNode): RuntimeBlock {
  const fields = children(node, "runtimeField").flatMap((statement) => {
    const field = statement.recoveredNode ? undefined : child(statement, "field");
    return field === undefined ? [] : [readField(reader, field, "Word")];
  });
  return { fields, span: reader.ofNode(node) };
}

function anonymousAgent(rules: readonly Rule[]): Agent {
  const span = rules[0]?.span ?? { source: 0, start: 0, end: 0 };
  const none = { default: null, fields: [], vars: [], budgets: [], rateLimits: [], redactions: [], phases: [] };
  return { id: "", idSpan: span, ...none, rules, span: { ...span, end: rules.at(-1)?.span.end ?? span.end } };
}

/** A phase at the top level belongs to the only agent. */
function placePhases(reader: Reader, phases: readonly Phase[], agents: readonly Agent[]): readonly Agent[] {
  const [agent] = agents;
  if (phases.length === 0) return agents;
  if (agent !== undefined && agents.length === 1) return [{ ...agent, phases: [...agent.phases, ...phases] }];
  const named = agents.map((a) => `\`${a.id}\``).join(", ");
  const why = agents.length === 0 ? "there is no agent" : `there are several: ${named}`;
  for (const phase of phases) {
    reader.report("FMS026", `the phase \`${phase.name}\` stands outside of an agent, and ${why}`, phase.nameSpan, {
      help: "move it into the agent it is for",
    });
  }
  return agents;
}

function limitRules(reader: Reader, flat: readonly Rule[], agents: readonly Agent[]): void {
  const all = [flat, ...agents.flatMap((agent) => [agent.rules, ...agent.phases.map((phase) => phase.rules)])];
  const count = all.reduce((sum, rules) => sum + rules.length, 0);
  if (count <= limits.rules) return;
  const last = all.findLast((rules) => rules.length > 0)?.at(-1);
  reader.report(
    "FMS004",
    `the policy has ${count} rules; at most ${limits.rules} are allowed`,
    last?.span ?? { source: 0, start: 0, end: 0 },
  );
}
