// Names of tools that stand in a rule and nowhere in what is known of the agents' tools: a misspelt permit permits
// nothing, and a misspelt deny denies nothing. Says nothing where nothing is known.
import type { Agent, Rule, Stack } from "../ast.ts";
import { suggest } from "../suggest.ts";
import type { Report } from "./report.ts";

/** `known`: tools that the agents register or have called, from outside of the policy. */
export function checkMentioned(report: Report, stack: Stack, known: readonly string[]): void {
  if (known.length === 0) return;
  const names = new Set(known);
  const agents = stack.anonymous === null ? stack.agents : [...stack.agents, stack.anonymous];
  const reported = new Set<string>();
  for (const { pattern } of agents.flatMap(rulesOf)) {
    const { text } = pattern;
    if (/[*?]/.test(text) || names.has(text) || reported.has(text)) continue;
    reported.add(text);
    const near = suggest(text, known);
    report.add("FMS070", `no agent registers or has called a tool \`${text}\``, pattern.span, {
      help: near === null ? "check its spelling; a tool that is yet to come is fine" : `did you mean \`${near}\`?`,
    });
  }
}

function rulesOf(agent: Agent): readonly Rule[] {
  return [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)];
}
