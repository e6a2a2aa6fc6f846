// Packs, alone and in the agents that use them. Alone a parameter may be anything; in an agent it has the value that was
// given, and what is wrong then names the `use` that brought it in.
import type { Agent, Origin, Pack, Rule, Var } from "../ast.ts";
import type { Setting } from "./caution.ts";
import { ConditionChecker } from "./condition.ts";
import { checkOrder, mandatoryCovers } from "./order.ts";
import { Report } from "./report.ts";
import { checkMeters, checkRule } from "./rule.ts";

/** What packs brought into an agent. */
export function checkBroughtIn(report: Report, agent: Agent, setting: Setting): void {
  const origins = new Set([agent.rules, agent.budgets].flatMap((parts) => parts.flatMap(({ origin }) => origin ?? [])));
  for (const origin of origins) {
    const inner = new Report();
    const of = <T extends { readonly origin?: Origin }>(parts: readonly T[]): T[] =>
      parts.filter((part) => part.origin === origin);
    checkMeters(inner, {
      budgets: of(agent.budgets),
      rateLimits: of(agent.rateLimits),
      redactions: of(agent.redactions),
    });
    checkRules(inner, of(agent.rules), { ...setting, agent: { default: agent.default, vars: origin.vars } });
    const related = { message: "brought in by this `use`", span: origin.use };
    for (const finding of inner.findings)
      report.findings.push({ ...finding, related: [...(finding.related ?? []), related] });
  }
}

/** A pack by itself, whoever uses it. */
export function checkPack(report: Report, pack: Pack, strictGuards: boolean): void {
  const { params, vars, rules } = pack;
  const names = [...params, ...vars];
  report.twice(
    names,
    (v) => v.name,
    (v) => v.nameSpan,
    (v) => `\`${v.name}\``,
  );
  for (const param of params) if (param.default !== null) report.noEnv(param.default, "a pack");
  for (const variable of vars) report.noEnv(variable.value, "a variable");
  checkMeters(report, { ...pack, budgets: [] });
  const open = params.map(({ name, nameSpan, span }): Var => {
    return { name, nameSpan, value: { kind: "env", variable: name, span }, span };
  });
  const setting: Setting = { agent: { default: null, vars: [...open, ...vars] }, strictGuards, deepDenies: new Set() };
  const used = checkRules(report, rules, setting);
  checkOrder(report, rules, [mandatoryCovers(rules)]);
  for (const word of otherWords(pack)) used.add(word);
  for (const { name, nameSpan } of names) {
    if (used.has(name)) continue;
    const what = params.some((param) => param.name === name) ? "parameter" : "variable";
    report.add("FMS052", `the ${what} \`${name}\` is not used`, nameSpan, { help: "remove it" });
  }
}

/** Returns the values that the rules read. */
function checkRules(report: Report, rules: readonly Rule[], setting: Setting): Set<string> {
  const conditions = new ConditionChecker(report, setting.agent);
  for (const rule of rules) if (!report.isFull) checkRule(report, rule, setting, conditions);
  return conditions.used;
}

/** Words of budgets and of inner `use` lines, which may name a value of the pack. */
function otherWords({ budgets, uses }: Pack): string[] {
  const fields = [...budgets.flatMap((budget) => budget.fields), ...uses.flatMap((use) => use.parameters)];
  return fields.flatMap(({ value }) => {
    if (value.kind === "word") return [value.value];
    return value.kind === "name" ? [String(value.path[0])] : [];
  });
}
