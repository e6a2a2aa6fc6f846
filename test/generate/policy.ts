// Policies by chance, kept as parts rather than as text, so that a failing one can be taken apart and printed again.
import { type ConditionDraft, conditionDraft } from "./condition.ts";
import { gateLines } from "./gate.ts";
import { type MatcherDraft, matcherDrafts, matcherText } from "./network.ts";
import type { Random } from "./random.ts";
import { ambientCounters, globText, patterns, tools, widePatterns, workflowNames } from "./words.ts";

export interface RuleDraft {
  readonly effect: string;
  readonly pattern: string;
  readonly network: readonly MatcherDraft[];
  readonly condition: ConditionDraft | null;
}

export interface PhaseDraft {
  readonly name: string;
  /** Null: a workflow phase, which holds rules alone. */
  readonly duration: string | null;
  readonly next: string | null;
  readonly tools: readonly string[];
  readonly rules: readonly RuleDraft[];
}

export interface AgentDraft {
  readonly id: string;
  readonly default: string | null;
  readonly variables: readonly string[];
  readonly rules: readonly RuleDraft[];
  /** Lines of their own: `rate_limit …`, `redact …`. */
  readonly limits: readonly string[];
  /** `egress { … }`, `model_policy { … }`, `session { … }`. */
  readonly gates: readonly string[];
  readonly budgets: readonly { readonly id: string; readonly fields: readonly string[] }[];
  readonly phases: readonly PhaseDraft[];
  /** `use …`. */
  readonly uses: readonly string[];
}

export interface PackDraft {
  readonly name: string;
  /** Parameters, variables, limits, budgets. */
  readonly lines: readonly string[];
  readonly rules: readonly RuleDraft[];
}

export interface PolicyDraft {
  readonly strict: boolean;
  readonly timezone: string | null;
  /** `when c` and `:` as the older dialect writes them, or `if c` and `=`. */
  readonly older: boolean;
  readonly packs: readonly PackDraft[];
  readonly agents: readonly AgentDraft[];
  readonly flat: readonly RuleDraft[];
}

/** Most rules of an agent, and of one whose patterns are many and odd. */
const RULES_MAX = 9;
const GLOB_RULES_MAX = 24;

/** `networked` policies are mostly rules with network matchers and few conditions. */
export function policyDraft(random: Random, networked = false, timezone: string | null = null): PolicyDraft {
  const ids = random.pick([["a"], ["a", "b"]]);
  const packs = random.oneIn(6) ? packDrafts(random, () => ruleDraft(random, networked)) : [];
  return {
    strict: random.oneIn(3),
    timezone,
    older: random.oneIn(2),
    packs,
    agents: ids.map((id) => agentDraft(random, id, networked, packs)),
    flat: random.oneIn(2) ? random.list(1, 3, () => ruleDraft(random, networked)) : [],
  };
}

function agentDraft(random: Random, id: string, networked: boolean, packs: readonly PackDraft[]): AgentDraft {
  const rule = (): RuleDraft => ruleDraft(random, networked);
  return {
    id,
    default: random.pick(["deny", "permit", "permit", "defer", null]),
    variables: random.oneIn(3) ? [] : ["v", "w"].map((name) => `${name} = ${variableText(random)}`),
    rules: random.oneIn(24)
      ? random.list(10, GLOB_RULES_MAX, () => ({ ...rule(), pattern: globText(random), condition: null }))
      : random.list(0, RULES_MAX, rule),
    limits: random.oneIn(3) ? limitLines(random) : [],
    budgets: random.oneIn(3) ? budgetDrafts(random) : [],
    gates: [
      ...gateLines(random, networked),
      ...(random.oneIn(6) ? [sessionLine(random)] : []),
      ...(random.oneIn(4) ? selectorLines(random) : []),
      ...(random.oneIn(6) ? [ambientLine(random)] : []),
    ],
    uses: packs.filter(() => !random.oneIn(3)).map(({ name }) => `${name}${useValues(random)}`),
    phases: [
      ...(random.oneIn(3) ? phaseDrafts(random, rule) : []),
      ...(random.oneIn(5) ? workflowDrafts(random, rule) : []),
    ],
  };
}

function variableText(random: Random): string {
  return random.pick(["3", '"a"', "$2.50", "2h", "true", '["a", "b"]', "[1, 2]", '"ab"']);
}

function ruleDraft(random: Random, networked: boolean): RuleDraft {
  return {
    effect: random.pick(["permit", "deny", "defer", "permit", "deny", "deny!", "allow", "approve", "block", "reject"]),
    pattern: random.oneIn(3) ? random.pick(tools) : random.pick(networked ? widePatterns : patterns),
    network: random.oneIn(networked ? 1 : 8) ? matcherDrafts(random) : [],
    condition: random.oneIn(networked ? 2 : 5) ? null : conditionDraft(random, random.below(networked ? 2 : 4)),
  };
}

/** Under two names, for agents and requests to speak of the same few. */
function selectorLines(random: Random): string[] {
  const word = (field: string): string => `${field} = ${random.pick(["deny", "permit", "defer"])}`;
  const one = (name: string): string => {
    const chosen = ["on_unavailable", "on_timeout"].filter(() => random.oneIn(2)).map(word);
    return `selector ${name} { ${['source = "x"', ...chosen].join(" ")} }`;
  };
  return random.pick([["acc"], ["risk"], ["risk", "acc"]]).map(one);
}

function ambientLine(random: Random): string {
  const counters = new Set(random.list(1, 3, () => random.pick(ambientCounters)));
  const limits = [...counters].map((name) => `${name} = ${ambientMost(random, name)}`);
  return `ambient { ${[...limits, ...(random.oneIn(2) ? [`on_exceed = ${random.pick(["deny", "defer", "audit"])}`] : [])].join(" ")} }`;
}

function ambientMost(random: Random, counter: string): string {
  if (/bytes|data/.test(counter)) return random.pick(["60", "400", "1kb", "20kb"]);
  return /cost|spend/.test(counter) ? random.pick(["$1", "$0.30", "5"]) : String(random.pick([1, 2, 5, 20]));
}

/** Two packs of the policy's own: each with a parameter, and names that mean other things in the agents. */
function packDrafts(random: Random, rule: () => RuleDraft): PackDraft[] {
  return ["one", "two"].slice(0, 1 + random.below(2)).map((name) => ({
    name,
    lines: [
      `param v = ${random.pick(["3", '"a"', "$2.50", '["a", "b"]'])}`,
      ...(random.oneIn(2) ? [`var w = ${variableText(random)}`] : []),
      ...(random.oneIn(3) ? limitLines(random).slice(0, 1) : []),
      ...(random.oneIn(3) ? [`budget in-${name} { ${budgetFields(random).join(" ")} }`] : []),
    ],
    rules: random.list(1, 4, rule),
  }));
}

function useValues(random: Random): string {
  return random.oneIn(2) ? "" : ` { v = ${random.pick(["1", '"ab"', '["b"]', "5"])} }`;
}

function sessionLine(random: Random): string {
  const most = `max_duration = ${random.pick(["10m", "1h", '"2h"', "2d"])}`;
  const rest = `idle_timeout = ${random.pick(["7s", "1m", '"30m"', "12h"])}`;
  return `session { ${random.pick([most, rest, `${most} ${rest}`, `${rest}; ${most}`])} }`;
}

function limitLines(random: Random): string[] {
  const chosen = new Set(random.list(1, 3, () => random.pick(patterns)));
  return [...chosen].map((pattern) => {
    const per = random.pick(["second", "minute", "hour", "day", "10m", "7s"]);
    return `rate_limit "${pattern}": ${1 + random.below(7)} per ${per}`;
  });
}

function budgetDrafts(random: Random): AgentDraft["budgets"] {
  const ids = new Set(random.list(1, 3, () => random.pick(["session", "daily", "pay", "fleetless"])));
  return [...ids].map((id) => ({ id, fields: budgetFields(random) }));
}

function budgetFields(random: Random): string[] {
  const fields: string[] = [];
  const max = random.oneIn(4) ? null : random.pick(["$1", "$2.50", "$0.30", "5", "$10", "$1.10", "$2.90", "$0.29"]);
  if (max !== null) {
    fields.push(`max = ${max}`);
    if (random.oneIn(2))
      fields.push(`warn_at = ${random.pick(["0.8", "0.5", "0.7", "0.1", "0.95", "0.07", "0.29", "0.57", "1"])}`);
  }
  if (random.oneIn(3)) fields.push(`daily = ${random.pick(["$1", "$0.50", "$3"])}`);
  if (max === null || random.oneIn(3)) fields.push(`max_calls = ${1 + random.below(5)}`);
  if (random.oneIn(2)) fields.push(`on_exceed = ${random.pick(["deny", "defer", "audit"])}`);
  if (random.oneIn(3)) fields.push(`tools = [${random.list(1, 2, () => `"${random.pick(patterns)}"`).join(", ")}]`);
  if (random.oneIn(2))
    fields.push(
      `cost = ${random.pick(["x", "amount", "a.b", "$0.10", "0.25", "amount", "args.amount", "$0.029", "$0.203"])}`,
    );
  if (random.oneIn(3)) fields.push(`window = ${random.pick(["6h", "1m", "90s", "2d"])}`);
  return fields;
}

function phaseDrafts(random: Random, rule: () => RuleDraft): PhaseDraft[] {
  const names = random.pick([["one"], ["one", "two"], ["one", "two", "three"]]);
  const chained = names.length > 1 && random.oneIn(2);
  return names.map((name, i) => ({
    name,
    duration: random.pick(["1h", "10m", "48h", "7s"]),
    next: chained && i === 0 ? (names[1] ?? null) : random.pick(["enforce", null]),
    tools: random.list(1, 3, () => random.pick(patterns)),
    rules: random.list(1, 4, rule),
  }));
}

/** Workflow phases over few tools, so that some are named in one and some in none. */
function workflowDrafts(random: Random, rule: () => RuleDraft): PhaseDraft[] {
  const names = workflowNames.slice(0, 1 + random.below(workflowNames.length));
  return names.map((name) => ({
    name,
    duration: null,
    next: null,
    tools: [],
    rules: random.list(1, 3, () => (random.oneIn(4) ? rule() : { ...rule(), pattern: random.pick(tools) })),
  }));
}

/** The policy's text, one statement a line. */
export function policyText(policy: PolicyDraft): string {
  const lines: string[] = [];
  const settings = [
    ...(policy.strict ? ["strict_guards = true"] : []),
    ...(policy.timezone === null ? [] : [`timezone = "${policy.timezone}"`]),
  ];
  if (settings.length > 0) lines.push(`runtime { ${settings.join(" ")} }`);
  for (const { name, lines: inner, rules } of policy.packs)
    lines.push(`pack "${name}" {`, ...inner, ...rules.map((rule) => `  ${ruleText(rule, policy.older)}`), "}");
  for (const agent of policy.agents) lines.push(...agentLines(agent, policy.older));
  lines.push(...policy.flat.map((rule) => ruleText(rule, policy.older)));
  return `${lines.join("\n")}\n`;
}

function agentLines(agent: AgentDraft, older: boolean): string[] {
  const wrapped = older && agent.rules.length > 0;
  return [
    older ? `agent ${agent.id} {` : `agent "${agent.id}" {`,
    ...(agent.default === null ? [] : [`  default ${agent.default}`]),
    ...agent.variables.map((line) => `  var ${line}`),
    ...(wrapped ? ["  rules {"] : []),
    ...agent.rules.map((rule) => `  ${ruleText(rule, older)}`),
    ...(wrapped ? ["  }"] : []),
    ...agent.limits.map((line) => `  ${line}`),
    ...agent.gates.map((line) => `  ${line}`),
    ...agent.budgets.flatMap((b) => [`  budget ${b.id} {`, ...b.fields.map((field) => `    ${field}`), "  }"]),
    ...agent.phases.flatMap((phase) => phaseLines(phase, older)),
    ...agent.uses.map((line) => `  use ${line}`),
    "}",
  ];
}

function phaseLines(phase: PhaseDraft, older: boolean): string[] {
  return [
    `  phase "${phase.name}" {`,
    ...(phase.duration === null ? [] : [`    duration = "${phase.duration}"`]),
    ...(phase.next === null ? [] : [`    next = "${phase.next}"`]),
    ...(phase.duration === null ? [] : [`    tools = [${phase.tools.map((tool) => `"${tool}"`).join(", ")}]`]),
    "    rules {",
    ...phase.rules.map((rule) => `      ${ruleText(rule, older)}`),
    "    }",
    "  }",
  ];
}

function ruleText(rule: RuleDraft, older: boolean): string {
  const condition = rule.condition === null ? "" : ` ${older ? "when" : "if"} ${rule.condition.text}`;
  const network = rule.network.map((matcher) => ` ${matcherText(matcher, older)}`).join("");
  return `${rule.effect} ${rule.pattern}${older ? condition + network : network + condition}`;
}
