// Budgets to the program: what a call costs, over what time it is added up, and what happens above the bound.
import { BUDGET_AUDIT, BudgetWindow, CostKind } from "../../vm/shared/image.ts";
import { RuleEffect } from "../../vm/shared/isa.ts";
import type { Agent, Budget, BudgetField, Pattern } from "../ast.ts";
import type { Finding } from "../diagnostic.ts";
import { resolveName, scopeOf } from "../names.ts";
import { amount, keyName, period } from "./capacity.ts";
import type { Entry } from "./plans.ts";
import type { Program } from "./program.ts";

const DAY_US = 86_400_000_000;

export interface LoweredBudget {
  readonly entry: Entry;
  /** The patterns of its tools; none where it counts all. */
  readonly tools: readonly Pattern[];
  /** Fields that its cost is read from. */
  readonly fields: readonly number[];
}

export function lowerBudget(program: Program, agent: Agent, budget: Budget, findings: Finding[]): LoweredBudget {
  const field = (name: string): BudgetField | undefined => budget.fields.find((f) => f.name === name);
  const number = (name: string): number | null => {
    const value = field(name)?.value;
    return value?.kind === "number" ? value.value : null;
  };
  const micro = (name: "max" | "daily"): number => {
    const dollars = number(name);
    return dollars === null ? -1 : amount(dollars, name, field(name)?.span ?? budget.idSpan, findings);
  };
  const window = windowOf(budget.id, field("window"));
  period(window.windowUs, "the window of a budget", field("window")?.span ?? budget.idSpan, findings);
  const maxMicro = micro("max");
  const warnAt = number("warn_at");
  const index = program.budgets.length;
  const cost = costOf(program, agent, budget, field("cost"), findings);
  program.budgets.push({
    id: program.string(keyName(budget.id, "a budget's name", budget.idSpan, findings)),
    ...window,
    onExceed: exceedNumbers[textOf(field("on_exceed")?.value) ?? "deny"] ?? RuleEffect.Deny,
    ...cost,
    otherFields: [],
    maxMicro,
    dailyMicro: micro("daily"),
    maxCalls: number("max_calls") ?? -1,
    warnAtMicro: warnAt === null || maxMicro < 0 ? -1 : roundedUp(maxMicro * warnAt),
    ambient: false,
  });
  const tools = toolsOf(budget);
  const entry = { index, patterns: tools === null ? null : tools.map(({ text }) => text) };
  return { entry, tools: tools ?? [], fields: cost.costKind === CostKind.Field ? [cost.costField] : [] };
}

function costOf(
  program: Program,
  agent: Agent,
  budget: Budget,
  field: BudgetField | undefined,
  findings: Finding[],
): { costKind: CostKind; costField: number; costConstantMicro: number } {
  const value = field?.value;
  const constant = (dollars: number) => ({
    costKind: CostKind.Constant,
    costField: 0,
    costConstantMicro: amount(dollars, "cost", field?.span ?? agent.idSpan, findings),
  });
  if (value?.kind === "number") return constant(value.value);
  const path =
    value?.kind === "name"
      ? value.path
      : value?.kind === "word" || value?.kind === "string"
        ? value.value.split(".")
        : null;
  if (path === null) return { costKind: CostKind.Request, costField: 0, costConstantMicro: 0 };
  const found = resolveName(scopeOf(agent, budget), path);
  if (found.kind === "value" && found.value.kind === "number") return constant(found.value.value);
  if (found.kind !== "field" || found.length) {
    const span = field?.span ?? agent.idSpan;
    findings.push({
      code: "FMS012",
      message: "`cost` names no argument",
      span,
      help: "write `cost = amount` or a number",
    });
    return { costKind: CostKind.Request, costField: 0, costConstantMicro: 0 };
  }
  const costField = program.field(found.field.root, found.field.path);
  return { costKind: CostKind.Field, costField, costConstantMicro: 0 };
}

/** The patterns of `tools`; null where the budget counts every tool. */
export function toolsOf(budget: Budget): readonly Pattern[] | null {
  const tools = budget.fields.find((field) => field.name === "tools")?.value;
  if (tools === undefined) return null;
  return (tools.kind === "list" ? tools.items : [tools]).flatMap((item) => {
    const text = textOf(item);
    return text === undefined ? [] : [{ text, span: item.span }];
  });
}

/** Up to a whole number, past the noise that a product of binary fractions carries: 203000.00000000003 is 203000. */
function roundedUp(amount: number): number {
  return Math.ceil(Math.floor(amount * 1000 + 0.5) / 1000);
}

const exceedNumbers: Record<string, number> = { deny: RuleEffect.Deny, defer: RuleEffect.Defer, audit: BUDGET_AUDIT };

function windowOf(id: string, field: BudgetField | undefined): { window: BudgetWindow; windowUs: number } {
  const value = field?.value;
  const word = textOf(value);
  const session = word === "session" || (value === undefined && id === "session");
  if (session) return { window: BudgetWindow.Session, windowUs: DAY_US };
  const seconds = value?.kind === "number" ? value.value : 86_400;
  return { window: BudgetWindow.Aligned, windowUs: Math.round(seconds * 1e6) };
}

function textOf(value: BudgetField["value"] | undefined): string | undefined {
  return value?.kind === "string" || value?.kind === "word" ? value.value : undefined;
}
