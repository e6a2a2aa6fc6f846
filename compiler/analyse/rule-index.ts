// Which rules have a pattern, without asking each rule: a policy of ten thousand patterns has as many classes of tools, and
// each would ask ten thousand rules. It must never outlive its rules, which it holds weakly.
import type { Rule } from "../ast.ts";

type Numbered = readonly [index: number, rule: Rule];

const known = new WeakMap<readonly Rule[], ReadonlyMap<string, readonly Numbered[]>>();

/** The rules with one of these patterns, in their own order. */
export function rulesWith(rules: readonly Rule[], patterns: ReadonlySet<string>): Rule[] {
  const index = known.get(rules) ?? indexOf(rules);
  return [...patterns]
    .flatMap((text) => index.get(text) ?? [])
    .sort(([a], [b]) => a - b)
    .map(([, rule]) => rule);
}

function indexOf(rules: readonly Rule[]): ReadonlyMap<string, readonly Numbered[]> {
  const index = new Map<string, Numbered[]>();
  for (const [i, rule] of rules.entries()) {
    const before = index.get(rule.pattern.text);
    if (before === undefined) index.set(rule.pattern.text, [[i, rule]]);
    else before.push([i, rule]);
  }
  known.set(rules, index);
  return index;
}
