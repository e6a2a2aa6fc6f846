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
    // Two packs, or a pack and its agent, may well say the same.
    if (same !== undefined && same.origin === rule.origin) {
      report.add("FMS013", "this rule stands here twice", rule.span, {
        help: "remove one of them",
        related: [{ message: "the same rule", span: same.span }],
      });
      continue;
    }
    if (same === undefined) texts.set(text, rule);
    checkCovered(report, rule, scopes, rule.effect === "deny!" ? mandatory : ordinary);
    if (always(rule)) (rule.effect === "deny!" ? mandatory : ordinary).add(rule.pattern.text, rule);
  }
}

function checkCovered(report: Report, rule: Rule, scopes: readonly Covers<Rule>[], before: Covers<Rule>): void {
  const { text } = rule.pattern;
  const denied = rule.effect === "deny!" ? null : firstOf(scopes, text);
  if (rule.origin !== undefined) {
    checkBroughtIn(report, rule, denied ?? before.find(text));
    return;
  }
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

const leniency = { permit: 2, defer: 1, deny: 0, "deny!": 0 } as const;

/**
 * A rule of a pack that another answers before. To tighten a pack from outside is what its users do; what is worth saying
 * is that something more lenient hides a rule that they brought in to protect themselves.
 */
function checkBroughtIn(report: Report, rule: Rule, earlier: Rule | null): void {
  if (rule.origin === undefined || earlier === null || earlier === rule) return;
  // Within one pack it is said of the pack.
  if (earlier.origin === rule.origin || leniency[earlier.effect] <= leniency[rule.effect]) return;
  const covered = `\`${rule.effect} ${rule.pattern.text}\` of the pack \`${rule.origin.pack.name}\``;
  const message = `${covered} can never fire: \`${earlier.effect} ${earlier.pattern.text}\` answers first`;
  report.add("FMS051", message, rule.origin.use, {
    help: "remove the rule that answers first, or give it a condition",
    related: [
      { message: "the rule of the pack", span: rule.span },
      { message: "the rule that answers first", span: earlier.span },
    ],
  });
}

function firstOf(scopes: readonly Covers<Rule>[], text: string): Rule | null {
  for (const scope of scopes) {
    const found = scope.find(text);
    if (found !== null) return found;
  }
  return null;
}
