// Which values a tool's rules could read, so that a call with one that cannot be judged exactly is refused as a whole.
import type { Agent, Expr, Rule } from "../../compiler/ast.ts";
import { JsonNumber } from "../../runtime/evaluator/number.ts";
import { ambientLimits, argument, holdsHalf } from "./ambient.ts";
import { budgetCost, budgetCovers } from "./budget.ts";
import { arrayPath } from "./condition.ts";
import { hostOf } from "./gate.ts";
import { globMatches } from "./glob.ts";
import { queriesOfAgent, queryOf } from "./history.ts";
import { argumentAt, type Call, rawField, scoped } from "./name.ts";
import { matchedValue } from "./network.ts";
import { keepingSelectors } from "./selector.ts";

/** True when a field that a rule for this tool or a budget's cost reads holds an integer beyond ±(2^53 - 1), or half a character. */
export function readsUnjudgeable(call: Call): boolean {
  const { agent, request } = call;
  const values: unknown[] = keepingSelectors(call);
  for (const rule of rulesFor(agent, request.tool_id)) {
    for (const matcher of rule.network) values.push(matchedValue(call, matcher));
    if (rule.condition !== null) collect(scoped(call, rule), rule.condition, values);
  }
  for (const { name, patterns, path } of queriesOfAgent(agent)) {
    if (name === "sum" && globMatches(patterns[0] ?? "", request.tool_id)) values.push(argumentAt(call, path ?? ""));
  }
  if (agent.egress !== null) values.push(hostOf(call));
  if (agent.modelPolicy !== null) values.push(request.model, request.action_type);
  for (const budget of agent.budgets.filter((one) => budgetCovers(one, request.tool_id))) {
    const cost = budgetCost(budget);
    if (cost?.kind === "name") values.push(rawField(scoped(call, budget), cost.path));
  }
  for (const limit of ambientLimits(agent)) {
    if (limit.kind === "budget") continue;
    const { names } = limit.volume;
    if (names !== null) values.push(...names.map((name) => argument(call, name)));
    else if (holdsHalf(request.args ?? {})) return true;
  }
  return values.some(holdsUnjudgeable);
}

/** Rules that could decide a call of the tool. */
export function rulesFor(agent: Agent, tool: string): readonly Rule[] {
  const phases = agent.phases.filter(
    (phase) => phase.durationMs === null || phase.tools.some((pattern) => globMatches(pattern.text, tool)),
  );
  return [...agent.rules, ...phases.flatMap((phase) => phase.rules)].filter((rule) =>
    globMatches(rule.pattern.text, tool),
  );
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

function collect(call: Call, expr: Expr, into: unknown[]): void {
  if (queryOf(expr) !== null) return;
  switch (expr.kind) {
    case "name":
      into.push(rawField(call, expr.path));
      return;
    case "not":
    case "negate":
      collect(call, expr.operand, into);
      return;
    case "logical":
    case "compare":
    case "arithmetic":
      collect(call, expr.left, into);
      collect(call, expr.right, into);
      return;
    case "call": {
      const path = arrayPath(expr.name, expr.arguments);
      if (path !== null) into.push(argumentAt(call, path));
      for (const argument of expr.arguments) collect(call, argument, into);
      return;
    }
    case "method":
      collect(call, expr.receiver, into);
      for (const argument of expr.arguments) collect(call, argument, into);
      return;
    default:
      return;
  }
}
