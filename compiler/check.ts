// Syntax tree to findings: all that can be said of a policy without running it. Looks, reports, changes nothing; the
// order of findings is the order of the text.
import type { Agent, Field, Pack, Rule, Stack } from "./ast.ts";
import { blocksOf } from "./blocks.ts";
import { checkAmbient } from "./check/ambient.ts";
import { checkAsserts } from "./check/assert.ts";
import { checkBlocks } from "./check/block.ts";
import type { Setting } from "./check/caution.ts";
import { ConditionChecker } from "./check/condition.ts";
import { checkRuntime } from "./check/fields.ts";
import { checkGate } from "./check/gate.ts";
import { checkMentioned } from "./check/mentioned.ts";
import { checkMentions } from "./check/mentions.ts";
import { checkOrder, mandatoryCovers } from "./check/order.ts";
import { checkBroughtIn, checkPack } from "./check/pack.ts";
import { checkPhases } from "./check/phase.ts";
import { Report, textOf } from "./check/report.ts";
import { checkMeters, checkRule } from "./check/rule.ts";
import { checkStackSense } from "./check/sense.ts";
import { checkSession } from "./check/session.ts";
import { checkSlips } from "./check/slip.ts";
import type { Finding, Unreported } from "./diagnostic.ts";
import { limits, utf8Bytes } from "./limits.ts";
import { ownParts } from "./packs/own.ts";

/** What is known beside the tree. */
export interface Surroundings {
  /** Every pack there is, used or not. */
  readonly packs?: readonly Pack[];
  /** See CompileOptions. */
  readonly knownTools?: readonly string[];
}

export interface Checked {
  /** In the order of the text. */
  readonly findings: readonly Finding[];
  readonly unreported: Unreported;
}

/** Checks a stack that parse found no error in, its packs brought in. */
export function checkStack(stack: Stack, { packs = [], knownTools = [] }: Surroundings = {}): Checked {
  const report = new Report();
  for (const agent of stack.agents) {
    for (const block of blocksOf(agent, "session")) checkSession(report, block);
  }
  if (stack.runtime !== null) checkRuntime(report, stack.runtime.fields);
  const strictGuards = isStrict(stack);
  report.twice(
    stack.agents,
    (a) => a.id,
    (a) => a.idSpan,
    (a) => `the agent \`${a.id}\``,
  );
  for (const agent of stack.agents) {
    if (report.isFull) break;
    checkId(report, agent);
    checkAgent(report, agent, strictGuards);
  }
  if (stack.anonymous !== null) checkAgent(report, stack.anonymous, strictGuards);
  checkAsserts(report, null, stack.asserts);
  for (const pack of packs) if (!report.isFull) checkPack(report, pack, strictGuards);
  if (!report.isFull) {
    checkMentioned(report, stack, knownTools);
    checkBlocks(report, stack.blocks);
    checkStackSense(report, stack);
    checkSlips(report, stack);
  }
  report.once();
  const findings = report.findings.sort((a, b) => a.span.source - b.span.source || a.span.start - b.span.start);
  return { findings, unreported: { ...report.left, isAtLeast: report.isFull } };
}

function isStrict(stack: Stack): boolean {
  const field = stack.runtime?.fields.find(({ name }) => name === "strict_guards");
  return field?.value.kind === "bool" && field.value.value;
}

const idCharacters = /^[A-Za-z0-9_.:@/-]+$/;

function checkId(report: Report, agent: Agent): void {
  if (agent.id === "")
    report.add("FMS012", "an agent needs an id", agent.idSpan, { help: 'write agent "support-bot" { … }' });
  else if (utf8Bytes(agent.id) > limits.agentIdBytes) {
    report.add(
      "FMS004",
      `this agent id has ${utf8Bytes(agent.id)} bytes; at most ${limits.agentIdBytes} are allowed`,
      agent.idSpan,
    );
  } else if (!idCharacters.test(agent.id)) {
    report.add("FMS012", `\`${agent.id}\` cannot be an agent id`, agent.idSpan, {
      help: "ids are made of letters, digits and _ . : @ / -",
    });
  }
}

function checkAgent(report: Report, agent: Agent, strictGuards: boolean): void {
  const own = ownParts(agent.rules);
  const rules = [...own, ...agent.phases.flatMap((phase) => phase.rules)];
  if (agent.default === null && agent.id !== "" && rules.length + agent.rules.length > 0) {
    report.add("FMS050", `the agent \`${agent.id}\` has no default; what no rule matches is denied`, agent.idSpan, {
      help: "write `default deny`",
    });
  }
  checkFields(report, agent);
  checkMeters(report, {
    budgets: ownParts(agent.budgets),
    rateLimits: ownParts(agent.rateLimits),
    redactions: ownParts(agent.redactions),
  });
  checkPhases(report, agent);
  checkBlocks(report, agent.blocks);
  checkAmbient(report, agent);
  checkMentions(report, agent, [...agent.rules, ...rules]);
  const deepDenies = new Set([...agent.rules, ...rules].flatMap((rule) => deepDeny(rule)));
  const setting: Setting = { agent, strictGuards, deepDenies };
  const conditions = new ConditionChecker(report, agent);
  for (const rule of rules) {
    if (report.isFull) return;
    checkRule(report, rule, setting, conditions);
  }
  checkBroughtIn(report, agent, setting);
  for (const gate of [agent.egress, agent.modelPolicy]) {
    for (const variable of gate === null ? [] : checkGate(report, agent, gate)) conditions.used.add(variable);
  }
  for (const name of checkAsserts(report, agent, agent.asserts)) conditions.used.add(name);
  const mandatory = mandatoryCovers(agent.rules);
  checkOrder(report, agent.rules, [mandatory]);
  for (const phase of agent.phases) checkOrder(report, phase.rules, [mandatory, mandatoryCovers(phase.rules)]);
  checkVars(report, agent, conditions.used);
}

function deepDeny(rule: Rule): string[] {
  const denies = rule.condition === null && (rule.effect === "deny" || rule.effect === "deny!");
  return denies && rule.pattern.text.endsWith("/**") ? [rule.pattern.text.slice(0, -3)] : [];
}

function checkFields(report: Report, agent: Agent): void {
  report.twice(
    agent.fields,
    (f) => f.name,
    (f) => f.nameSpan,
    (f) => `\`${f.name}\``,
  );
  for (const field of agent.fields) checkAgentField(report, field);
}

function checkAgentField(report: Report, field: Field): void {
  if (report.noEnv(field.value, "an agent")) return;
  if (textOf(field.value) === null && field.value.kind !== "number") {
    report.add("FMS012", `\`${field.name}\` is text`, field.value.span, { help: `write ${field.name} = "…"` });
  }
}

function checkVars(report: Report, agent: Agent, used: ReadonlySet<string>): void {
  report.twice(
    agent.vars,
    (v) => v.name,
    (v) => v.nameSpan,
    (v) => `the variable \`${v.name}\``,
  );
  for (const variable of agent.vars) {
    if (report.noEnv(variable.value, "a variable")) continue;
    if (!used.has(variable.name)) {
      report.add("FMS052", `the variable \`${variable.name}\` is not used`, variable.nameSpan, { help: "remove it" });
    }
  }
  for (const { name, nameSpan } of blocksOf(agent, "selector")) {
    const variable = agent.vars.find((one) => one.name === name);
    if (variable !== undefined) {
      report.add("FMS013", `\`${name}\` is a variable and a selector`, nameSpan, {
        help: "rename one of them",
        related: [{ message: "the variable", span: variable.nameSpan }],
      });
    } else if (name !== null && !used.has(`selectors.${name}`)) {
      report.add("FMS052", `the selector \`${name}\` is not used`, nameSpan, { help: "remove it" });
    }
  }
}
