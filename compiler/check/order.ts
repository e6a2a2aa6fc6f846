// Rules against the rules before them: what a deny! covers, what can never fire, what stands there twice. First match
// wins, so a rule without a condition ends the matter for all that its pattern covers.
import type { Rule } from "../ast.ts";
import { ruleText } from "../text.ts";
import { Covers } from "./pattern.ts";
import type { Report } from "./report.ts";

function always(rule: Rule): boolean {
  return rule.condition === null && rule.network.length === 0;
}

/** Unconditional deny! rules of a scope, to be asked for the rules of that scope and of those within it. */
export function mandatoryCovers(rules: readonly Rule[]): Covers<Rule> {
  const covers = new Covers<Rule>();
  for (const rule of rules) if (rule.effect === "deny!" && always(rule)) covers.add(rule.pattern.text, rule);
  return covers;
}

/** `outer` are the deny! rules of the scopes around; `own` those of this list. */
export function checkOrder(report: Report, rules: readonly Rule[], scopes: readonly Covers<Rule>[]): void {
  const ordinary = new Covers<Rule>();
  const mandatory = new Covers<Rule>();
  const texts = new Map<string, Rule>();
  for (const rule of rules) {
    const text = ruleText(rule);
    const same = texts.get(text);
    if (same !== undefined) {
      report.add("FMS013", "this rule stands here twice", rule.span, {
        help: "remove one of them",
        related: [{ message: "the same rule", span: same.span }],
      });
      continue;
    }
    texts.set(text, rule);
    checkCovered(report, rule, scopes, rule.effect === "deny!" ? mandatory : ordinary);
    if (always(rule)) (rule.effect === "deny!" ? mandatory : ordinary).add(rule.pattern.text, rule);
  }
}

function checkCovered(report: Report, rule: Rule, scopes: readonly Covers<Rule>[], before: Covers<Rule>): void {
  const { text } = rule.pattern;
  const denied = rule.effect === "deny!" ? null : firstOf(scopes, text);
  if (denied !== null && rule.effect !== "deny") {
    report.add(
      "FMS025",
      `\`deny! ${denied.pattern.text}\` covers this ${rule.effect}, and nothing overrides a deny!`,
      rule.span,
      {
        help: "remove the rule, or give the deny! a condition",
        related: [{ message: "the deny! that covers it", span: denied.span }],
      },
    );
    return;
  }
  const earlier = denied ?? before.find(text);
  if (earlier === null || earlier === rule) return;
  report.add(
    "FMS051",
    `this rule can never fire: \`${earlier.effect} ${earlier.pattern.text}\` answers first`,
    rule.span,
    {
      help: "move it up, or remove it",
      related: [{ message: "the rule that answers first", span: earlier.span }],
    },
  );
}

function firstOf(scopes: readonly Covers<Rule>[], text: string): Rule | null {
  for (const scope of scopes) {
    const found = scope.find(text);
    if (found !== null) return found;
  }
  return null;
}
