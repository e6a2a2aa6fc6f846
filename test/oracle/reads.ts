// Which values a tool's rules could read, so that a call with one that cannot be judged exactly is refused as a whole.
import type { Agent, Expr, Name } from "../../compiler/ast.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import { budgetCost, budgetCovers } from "./budget.ts";
import { globMatches } from "./glob.ts";
import { type Call, rawField } from "./name.ts";

/** True when a field that a rule for this tool or a budget's cost reads holds an integer beyond ±(2^53 - 1), or half a character. */
export function readsUnjudgeable(call: Call): boolean {
  const { agent, request } = call;
  const names: Name[] = [];
  const phases = agent.phases.filter((phase) => phase.tools.some((tool) => globMatches(tool.text, request.tool_id)));
  for (const rule of [...agent.rules, ...phases.flatMap((phase) => phase.rules)]) {
    if (rule.condition !== null && globMatches(rule.pattern.text, request.tool_id)) collect(rule.condition, names);
  }
  for (const name of costNames(agent, request.tool_id)) names.push(name);
  return names.some((name) => holdsUnjudgeable(rawField(call, name.path)));
}

function costNames(agent: Agent, tool: string): Name[] {
  return agent.budgets
    .filter((budget) => budgetCovers(budget, tool))
    .map(budgetCost)
    .filter((cost): cost is Name => cost !== null && cost.kind === "name");
}

function holdsUnjudgeable(value: unknown): boolean {
  if (Array.isArray(value)) return value.some(isUnjudgeable);
  return isUnjudgeable(value);
}

function isUnjudgeable(value: unknown): boolean {
  if (typeof value === "string") return /\p{Surrogate}/u.test(value);
  if (value instanceof JsonNumber) return !value.exact;
  return typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value);
}

function collect(expr: Expr, into: Name[]): void {
  switch (expr.kind) {
    case "name":
      into.push(expr);
      return;
    case "not":
    case "negate":
      collect(expr.operand, into);
      return;
    case "logical":
    case "compare":
    case "arithmetic":
      collect(expr.left, into);
      collect(expr.right, into);
      return;
    case "call":
      for (const argument of expr.arguments) collect(argument, into);
      return;
    case "method":
      collect(expr.receiver, into);
      for (const argument of expr.arguments) collect(argument, into);
      return;
    default:
      return;
  }
}
