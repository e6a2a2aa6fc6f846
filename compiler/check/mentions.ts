// Limits, redactions and budgets whose tools no rule names, where one close by is named: most likely a misspelling, and a
// limit that never counts is no limit. It never complains of a tool that simply falls to the default.
import type { Agent, Rule, Span } from "../ast.ts";
import { suggest } from "../suggest.ts";
import { overlap } from "./overlap.ts";
import { type Report, textOf } from "./report.ts";

/** Rules that are compared with one pattern; beyond, nothing is said. */
const rulesCompared = 10_000;

export function checkMentions(report: Report, agent: Agent, rules: readonly Rule[]): void {
  const patterns = [...new Set(rules.map((rule) => rule.pattern.text))];
  if (patterns.length === 0 || patterns.length > rulesCompared) return;
  const named = new Set(patterns);
  for (const { what, text, span } of mentioned(agent)) {
    if (named.has(text) || patterns.some((pattern) => overlap(pattern, text))) continue;
    const near = suggest(text, patterns);
    if (near === null) continue;
    report.add("FMS058", `this ${what} is for \`${text}\`, which no rule mentions`, span, {
      help: `did you mean \`${near}\`?`,
    });
  }
}

function mentioned(agent: Agent): { what: string; text: string; span: Span }[] {
  const budgets = agent.budgets.flatMap((budget) =>
    budget.fields.flatMap((field) => {
      const { value } = field;
      if (field.name !== "tools" || value.kind === "name") return [];
      const items = value.kind === "list" ? value.items : [value];
      return items.map((item) => ({ what: "budget", text: textOf(item) ?? "", span: item.span }));
    }),
  );
  return [
    ...agent.rateLimits.map(({ pattern }) => ({ what: "rate limit", ...pattern })),
    ...agent.redactions.map(({ pattern }) => ({ what: "redaction", ...pattern })),
    ...budgets,
  ];
}
