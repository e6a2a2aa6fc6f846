// A policy as YAML or JSON: the same tree as from text, with places in the file that the author wrote. Meaning stays with
// check and lower; nothing is accepted here that the text form could not say.
import type { Agent, Assert, Block, Import, Pack, Phase, Rule, RuntimeBlock, SourceText } from "./ast.ts";
import { isBlockKeyword } from "./blocks.ts";
import type { Finding } from "./diagnostic.ts";
import { assembleStack, isReadable } from "./parse/stack.ts";
import type { ParseResult } from "./parse.ts";
import { readAgents, readPhases } from "./yaml/agent.ts";
import { readAsserts } from "./yaml/assert.ts";
import { readBlocks, stackBlockKeys } from "./yaml/block.ts";
import { Form, type Keys, type Known } from "./yaml/form.ts";
import { readJson } from "./yaml/json.ts";
import type { MapNode } from "./yaml/node.ts";
import { readImports, readPacks } from "./yaml/pack.ts";
import { readRules } from "./yaml/rule.ts";
import { readValue } from "./yaml/value.ts";
import { readYaml } from "./yaml/yaml.ts";

const topKeys = {
  runtime: [],
  agents: ["agent"],
  rules: [],
  phases: ["phase"],
  imports: ["import"],
  packs: ["pack"],
  asserts: ["assert"],
  ...stackBlockKeys,
} satisfies Keys;

/** Parses `sources[0]`, as parse does. At most limits.errorsReported findings, all of them errors. */
export function parseYaml(sources: readonly SourceText[], kind: "yaml" | "json"): ParseResult {
  const source = sources[0];
  if (source === undefined) throw new Error("parseYaml needs a source");
  const findings: Finding[] = [];
  const form = new Form(source.text, findings);
  if (!isReadable(form, source.text)) return { stack: null, findings, isCut: form.isFull };
  const root = kind === "json" ? readJson(form) : readYaml(form);
  if (root === null) return { stack: null, findings, isCut: form.isFull };
  if (root.kind !== "map") {
    form.wrong(root, "a policy is a map", "begin with `agents`, `rules` or `runtime`");
    return { stack: null, findings, isCut: form.isFull };
  }
  const stack = assembleStack(form, readTop(form, root), sources);
  findings.sort((a, b) => a.span.start - b.span.start);
  return { stack, findings, isCut: form.isFull };
}

function readTop(form: Form, root: MapNode) {
  const agents: Agent[] = [];
  const flat: Rule[] = [];
  const phases: Phase[] = [];
  const blocks: Block[] = [];
  const imports: Import[] = [];
  const packs: Pack[] = [];
  const asserts: Assert[] = [];
  let runtime: RuntimeBlock | null = null;
  for (const entry of form.known(root, "a policy", topKeys)) {
    const { name, value } = entry;
    if (name === "runtime") runtime = readRuntime(form, entry);
    else if (name === "agents") agents.push(...readAgents(form, value));
    else if (name === "rules") for (const rule of readRules(form, value)) flat.push(rule);
    else if (name === "phases") phases.push(...readPhases(form, value));
    else if (name === "imports") imports.push(...readImports(form, value));
    else if (name === "packs") packs.push(...readPacks(form, value));
    else if (name === "asserts") asserts.push(...readAsserts(form, value));
    else if (isBlockKeyword(name)) blocks.push(...readBlocks(form, name, entry));
  }
  return { runtime, agents, flat, phases, blocks, imports, packs, asserts };
}

function readRuntime(form: Form, { keySpan, value: node }: Known): RuntimeBlock | null {
  if (node.kind !== "map") {
    form.wrong(node, "`runtime` is a map", "write runtime: { mode: enforce }");
    return null;
  }
  const fields = node.entries.flatMap(({ key, keySpan, value: item }) => {
    const value = readValue(form, item);
    const span = { ...keySpan, end: item.span.end };
    return value === null ? [] : [{ name: key, nameSpan: keySpan, value, span }];
  });
  return { fields, span: { ...keySpan, end: node.span.end } };
}
