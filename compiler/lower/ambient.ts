// Limits of `ambient` as budgets over all tools of the agent, each with a name of its own and the whole agent's count.
import { BUDGET_AUDIT, BudgetWindow, CostKind } from "../../vm/shared/image.ts";
import { RuleEffect } from "../../vm/shared/isa.ts";
import { ambientCounter } from "../ambient.ts";
import type { Agent } from "../ast.ts";
import { blocksOf } from "../blocks.ts";
import type { Finding } from "../diagnostic.ts";
import { amount, keyName } from "./capacity.ts";
import type { Program } from "./program.ts";

const exceedNumbers: Readonly<Record<string, number>> = {
  deny: RuleEffect.Deny,
  defer: RuleEffect.Defer,
  audit: BUDGET_AUDIT,
};

/** Their numbers among the program's budgets. */
export function lowerAmbient(program: Program, agent: Agent, findings: Finding[]): number[] {
  return blocksOf(agent, "ambient").flatMap((block) => {
    const written = block.entries.find(({ name }) => name === "on_exceed")?.values[0];
    const word = written?.kind === "word" || written?.kind === "string" ? written.value : "deny";
    return block.entries.flatMap(({ name, nameSpan, values: [value] }) => {
      const counter = ambientCounter(name);
      if (counter === null || value?.kind !== "number") return [];
      const ofMoney = counter.counting === "cost";
      program.budgets.push({
        id: program.string(keyName(`ambient.${name}`, "the name of a counter", nameSpan, findings)),
        window: BudgetWindow.Aligned,
        windowUs: counter.windowSeconds * 1e6,
        onExceed: exceedNumbers[word] ?? RuleEffect.Deny,
        costKind: ofMoney ? CostKind.Request : CostKind.Constant,
        costField: 0,
        costConstantMicro: 0,
        maxMicro: ofMoney ? amount(value.value, name, value.span, findings) : -1,
        dailyMicro: -1,
        maxCalls: ofMoney ? -1 : value.value,
        warnAtMicro: -1,
        ambient: true,
      });
      return [program.budgets.length - 1];
    });
  });
}
