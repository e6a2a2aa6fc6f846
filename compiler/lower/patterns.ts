// Every pattern of tools that an agent's plans must tell apart.
import type { Agent, Pattern } from "../ast.ts";
import { patternsOfQuery, queriesOf } from "../history.ts";
import { toolsOf } from "./budget.ts";

export function patternsOf(agent: Agent): Pattern[] {
  return [
    ...agent.rules.map((rule) => rule.pattern),
    ...agent.phases.flatMap((phase) => [...phase.tools, ...phase.rules.map((rule) => rule.pattern)]),
    ...agent.rateLimits.map((limit) => limit.pattern),
    ...agent.budgets.flatMap((budget) => toolsOf(budget) ?? []),
    ...agent.redactions.map((redaction) => redaction.pattern),
    ...queriesOf(agent).flatMap(patternsOfQuery),
  ];
}
