// What agents and packs have alike: one rule by itself, and the limits beside the rules.
import type { Agent, Rule } from "../ast.ts";
import { checkBudget, checkRateLimit, checkRedaction } from "./budget.ts";
import { cautionRule, type Setting } from "./caution.ts";
import type { ConditionChecker } from "./condition.ts";
import { checkMatcher } from "./network.ts";
import { checkPattern } from "./pattern.ts";
import { type Report, textOf } from "./report.ts";

export type Meters = Pick<Agent, "budgets" | "rateLimits" | "redactions">;

/** Budgets, rate limits and redactions. */
export function checkMeters(report: Report, { budgets, rateLimits, redactions }: Meters): void {
  report.twice(
    budgets,
    (b) => b.id,
    (b) => b.idSpan,
    (b) => `the budget \`${b.id}\``,
  );
  for (const budget of budgets) checkBudget(report, budget);
  for (const limit of rateLimits) checkRateLimit(report, limit);
  for (const redaction of redactions) checkRedaction(report, redaction);
}

/** Names are looked up in `setting.agent`; variables that the rule reads are noted in `conditions`. */
export function checkRule(report: Report, rule: Rule, setting: Setting, conditions: ConditionChecker): void {
  checkPattern(report, rule.pattern);
  if (rule.condition !== null) conditions.checkTruth(rule.condition);
  for (const target of rule.notify) {
    if (!report.noEnv(target, "a rule") && textOf(target) === null) {
      report.add("FMS012", "`notify` names whom to tell", target.span, { help: 'write notify "ops"' });
    }
  }
  cautionRule(report, rule, setting);
  for (const matcher of rule.network) {
    const variable = checkMatcher(report, setting.agent, matcher);
    if (variable !== null) conditions.used.add(variable);
  }
}
