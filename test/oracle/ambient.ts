// The counters of `ambient` as the oracle understands them: budgets of the agent over everything it does, asked before its
// rate limits. Reads the tree by itself; knows nothing of how the compiler lays them out.
import type { Agent, Budget, BudgetField, Value } from "../../compiler/ast.ts";

const secondsOf: Readonly<Record<string, number>> = {
  second: 1,
  minute: 60,
  hour: 60 * 60,
  day: 24 * 60 * 60,
  week: 7 * 24 * 60 * 60,
  month: 30 * 24 * 60 * 60,
};

export function ambientBudgets(agent: Agent): readonly Budget[] {
  return agent.blocks
    .filter(({ keyword }) => keyword === "ambient")
    .flatMap((block) => {
      const onExceed = block.entries.find(({ name }) => name === "on_exceed")?.values[0];
      return block.entries
        .filter(({ name }) => name !== "on_exceed")
        .map(({ name, values: [value], span }): Budget => {
          const parts = name.slice("max_".length).split("_per_");
          const ofMoney = parts[0] === "cost" || parts[0] === "spend";
          const field = (of: string, given: Value): BudgetField => ({ name: of, nameSpan: span, value: given, span });
          const number = (amount: number): Value => ({ kind: "number", value: amount, unit: "plain", text: "", span });
          const fields = [
            ...(value === undefined ? [] : [field(ofMoney ? "max" : "max_calls", value)]),
            ...(ofMoney ? [] : [field("cost", number(0))]),
            field("window", number(secondsOf[parts[1] ?? "day"] ?? Number.NaN)),
            ...(onExceed === undefined ? [] : [field("on_exceed", onExceed)]),
          ];
          return { id: `ambient.${name}`, idSpan: span, fields, span };
        });
    });
}
