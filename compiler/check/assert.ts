// Asserts: the rule in one is read as any other, and says nothing that would be done when a call is made. Whether an assert
// holds is analyse/asserts.ts's to say.
import type { Agent, Assert } from "../ast.ts";
import type { NamesOf } from "../names.ts";
import { ConditionChecker } from "./condition.ts";
import { checkMatcher } from "./network.ts";
import { checkPattern } from "./pattern.ts";
import type { Report } from "./report.ts";

/** What names mean in an assert of the top level: it is of every agent, so that it sees no agent's own. */
export const topNames: NamesOf = { vars: [], blocks: [] };

/** Returns the variables and selectors that the asserts read. */
export function checkAsserts(report: Report, names: Pick<Agent, "vars" | "blocks"> | null, asserts: readonly Assert[]) {
  const conditions = new ConditionChecker(report, names ?? topNames);
  for (const { rule } of asserts) {
    if (report.isFull) break;
    checkPattern(report, rule.pattern);
    if (rule.condition !== null) conditions.checkTruth(rule.condition);
    for (const matcher of rule.network) {
      const variable = checkMatcher(report, names ?? topNames, matcher);
      if (variable !== null) conditions.used.add(variable);
    }
    if (rule.effect === "deny!")
      report.add("FMS012", "an assert speaks of permit, defer or deny", rule.span, { help: "write `deny`" });
    const idle = rule.notify.length > 0 ? "notify" : rule.reeval === null ? null : "reeval";
    if (idle !== null)
      report.add("FMS012", `an assert has no \`${idle}\``, rule.span, { help: "remove it: an assert decides nothing" });
  }
  return conditions.used;
}
