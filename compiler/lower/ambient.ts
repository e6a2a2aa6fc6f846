// Limits of `ambient` as budgets over all tools of the agent, each with a name of its own and the whole agent's count.
import { BUDGET_AUDIT, BudgetWindow, CostKind } from "../../vm/shared/image.ts";
import { Root, RuleEffect } from "../../vm/shared/isa.ts";
import { type AmbientCounter, type AmbientCounting, ambientCounter } from "../ambient.ts";
import type { Agent } from "../ast.ts";
import { blocksOf } from "../blocks.ts";
import type { Finding } from "../diagnostic.ts";
import { amount, keyName } from "./capacity.ts";
import type { Program, ProgramBudget } from "./program.ts";

/** Counters of values of one agent: what a permit takes from them fits in its record. */
const VALUE_COUNTERS_MAX = 32;

const exceedNumbers: Readonly<Record<string, number>> = {
  deny: RuleEffect.Deny,
  defer: RuleEffect.Defer,
  audit: BUDGET_AUDIT,
};

const costKinds: Readonly<Record<AmbientCounting, CostKind>> = {
  calls: CostKind.Constant,
  cost: CostKind.Request,
  bytes: CostKind.Size,
  values: CostKind.Distinct,
};

type Reading = Pick<ProgramBudget, "costField" | "otherFields">;

/** Their numbers among the program's budgets, each with the fields that it reads. */
export function lowerAmbient(
  program: Program,
  agent: Agent,
  findings: Finding[],
): { readonly index: number; readonly fields: readonly number[] }[] {
  const blocks = blocksOf(agent, "ambient");
  const budgets = blocks.flatMap((block) => {
    const written = block.entries.find(({ name }) => name === "on_exceed")?.values[0];
    const word = written?.kind === "word" || written?.kind === "string" ? written.value : "deny";
    return block.entries.flatMap(({ name, nameSpan, values: [value] }) => {
      const counter = ambientCounter(name);
      if (counter === null || value?.kind !== "number") return [];
      const { counting } = counter;
      const counts = counting === "calls" || counting === "values";
      const most = counting === "cost" ? amount(value.value, name, value.span, findings) : value.value;
      const reading = readingOf(program, counter);
      program.budgets.push({
        id: program.string(keyName(`ambient.${name}`, "the name of a counter", nameSpan, findings)),
        window: BudgetWindow.Aligned,
        windowUs: counter.windowSeconds * 1e6,
        onExceed: exceedNumbers[word] ?? RuleEffect.Deny,
        costKind: costKinds[counting],
        ...reading,
        costConstantMicro: 0,
        maxMicro: counts ? -1 : most,
        dailyMicro: -1,
        maxCalls: counts ? most : -1,
        warnAtMicro: -1,
        ambient: true,
      });
      const reads = counting === "bytes" || counting === "values" ? [reading.costField, ...reading.otherFields] : [];
      return [{ index: program.budgets.length - 1, fields: reads }];
    });
  });
  const ofValues = budgets.filter(({ index }) => program.budgets[index]?.costKind === CostKind.Distinct);
  if (ofValues.length > VALUE_COUNTERS_MAX) {
    findings.push({
      code: "FMS004",
      message: `\`ambient\` of agent \`${agent.id}\` counts the values of more than ${VALUE_COUNTERS_MAX} arguments`,
      span: blocks[0]?.keywordSpan ?? agent.idSpan,
      help: "leave some of them out",
    });
  }
  return budgets;
}

function readingOf(program: Program, counter: AmbientCounter): Reading {
  if (counter.counting === "bytes") return { costField: program.field(Root.Size, []), otherFields: [] };
  const [costField = 0, ...otherFields] = counter.arguments.map((name) => program.field(Root.Args, [name]));
  return { costField, otherFields };
}
