// Text to syntax tree. Several errors in one run, each with a place; a statement that does not parse is left out of the
// tree, so the tree is fit for use only when there are no errors. Never reads anything but the text it is given.
import type { CstNode } from "chevrotain";
import type { Agent, Assert, Block, Import, Pack, Phase, Rule, RuntimeBlock, SourceText, Stack } from "./ast.ts";
import type { Finding } from "./diagnostic.ts";
import { sharedParser } from "./grammar.ts";
import { readAgent, readField, readPhase } from "./parse/agent.ts";
import { readAssert } from "./parse/assert.ts";
import { readBlock } from "./parse/block.ts";
import { readImport } from "./parse/import.ts";
import { readPack } from "./parse/pack.ts";
import { readRule } from "./parse/rule.ts";
import { assembleStack, isReadable } from "./parse/stack.ts";
import { syntaxFindings } from "./parse/syntax.ts";
import { child, children, empty, only, Reader } from "./parse/tree.ts";

export interface ParseResult {
  /** What could be read; null when the text could not be looked at, or not to its end. Not to be compiled when a finding is an error. */
  readonly stack: Stack | null;
  readonly findings: Finding[];
  /** Reading ended before the text did, because too much was wrong with it. */
  readonly isCut: boolean;
}

/** Parses the main source, `sources[0]`; the others are what it may import, and are not read. */
export function parse(sources: readonly SourceText[]): ParseResult {
  const source = sources[0];
  if (source === undefined) throw new Error("parse needs a source");
  const findings: Finding[] = [];
  const reader = new Reader(0, findings);
  if (!isReadable(reader, source.text)) return { stack: null, findings, isCut: false };
  const parser = sharedParser();
  const onRule = (node: CstNode): void => {
    readRule(reader, node);
    empty(node);
  };
  parser.start(source.text, onRule, false);
  const tree = parser.policy();
  const reading = parser.finish();
  for (const finding of syntaxFindings(reading)) findings.push(finding);
  const { isCut } = reading;
  const stack = tree === undefined || isCut ? null : readStack(reader, tree, sources);
  findings.sort((a, b) => a.span.start - b.span.start);
  return { stack, findings, isCut: isCut || reader.isFull };
}

function readStack(reader: Reader, tree: CstNode, sources: readonly SourceText[]): Stack {
  const agents: Agent[] = [];
  const flat: Rule[] = [];
  const phases: Phase[] = [];
  const blocks: Block[] = [];
  const imports: Import[] = [];
  const packs: Pack[] = [];
  const asserts: Assert[] = [];
  let runtime: RuntimeBlock | null = null;
  for (const statement of children(tree, "topStatement")) {
    const body = statement.recoveredNode ? undefined : only(statement);
    if (body === undefined) continue;
    if (body.name === "agentBlock") agents.push(readAgent(reader, body));
    else if (body.name === "ruleStatement") flat.push(readRule(reader, body));
    else if (body.name === "assertStatement") asserts.push(readAssert(reader, body));
    else if (body.name === "phaseBlock") phases.push(readPhase(reader, body));
    else if (body.name === "importStatement") imports.push(readImport(reader, body));
    else if (body.name === "packBlock") packs.push(readPack(reader, body));
    else if (body.name === "runtimeBlock") {
      if (runtime !== null) reader.twice("`runtime`", reader.ofNode(body), runtime.span);
      runtime = readRuntime(reader, body);
    } else blocks.push(readBlock(reader, body));
  }
  return assembleStack(reader, { runtime, agents, flat, phases, blocks, imports, packs, asserts }, sources);
}

function readRuntime(reader: Reader, node: CstNode): RuntimeBlock {
  const fields = children(node, "runtimeField").flatMap((statement) => {
    const field = statement.recoveredNode ? undefined : child(statement, "field");
    return field === undefined ? [] : [readField(reader, field, "Word")];
  });
  return { fields, span: reader.ofNode(node) };
}
