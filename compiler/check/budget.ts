// Budgets, rate limits and redactions: fields, kinds and ranges.
import type { Budget, BudgetField, Field, RateLimit, Redaction } from "../ast.ts";
import { limits } from "../limits.ts";
import { suggest } from "../suggest.ts";
import { checkChoice } from "./fields.ts";
import { checkPattern } from "./pattern.ts";
import { kindWords, type Report, textOf } from "./report.ts";

export const budgetFields = ["max", "daily", "max_calls", "warn_at", "on_exceed", "tools", "cost", "window", "scope"];
/** Fields that take one of a few words. */
export const budgetChoices = { on_exceed: ["deny", "defer", "audit"], scope: ["fleet"] } as const;
const ceilings = ["max", "daily", "max_calls"];

export function checkBudget(report: Report, budget: Budget): void {
  const place = `budget \`${budget.id}\``;
  report.twice<BudgetField>(
    budget.fields,
    (f) => f.name,
    (f) => f.nameSpan,
    (f) => `\`${f.name}\` of ${place}`,
  );
  for (const field of budget.fields) {
    if (!budgetFields.includes(field.name)) report.unknownField(field.name, place, budgetFields, field.nameSpan);
    else if (!isNamed(field) && !report.noEnv(field.value, "a budget")) checkField(report, field);
  }
  const names = budget.fields.map((field) => field.name);
  // A misspelt ceiling was complained of by its own name.
  const isMisspelt = names.some((name) => !budgetFields.includes(name) && suggest(name, ceilings) !== null);
  if (!isMisspelt && !names.some((name) => ceilings.includes(name))) {
    report.add("FMS014", `${place} has no ceiling`, budget.idSpan, { help: "give it `max`, `daily` or `max_calls`" });
  }
}

/** `cost = amount`, whose value is a name. */
function isNamed(field: BudgetField): field is Exclude<BudgetField, Field> {
  return field.value.kind === "name";
}

function checkField(report: Report, field: Field): void {
  const { name, value } = field;
  const number = value.kind === "number" ? value : null;
  const wrong = (wanted: string, help: string): void =>
    report.add("FMS012", `\`${name}\` is ${wanted}${number === null ? `, not ${kindWords(value)}` : ""}`, value.span, {
      help,
    });
  switch (name) {
    case "max":
    case "daily":
    case "cost":
      if (number === null || number.value < 0 || (number.unit !== "money" && number.unit !== "plain")) {
        wrong("an amount of money, 0 or more", `write ${name} = $500`);
      }
      return;
    case "max_calls":
      if (number === null || number.unit !== "plain" || !Number.isSafeInteger(number.value) || number.value < 0) {
        wrong("a whole number of calls", "write max_calls = 100");
      }
      return;
    case "warn_at":
      if (number === null || number.unit !== "plain" || number.value <= 0 || number.value > 1) {
        wrong("a fraction of the ceiling, above 0 and up to 1", "write warn_at = 0.8");
      }
      return;
    case "window":
      if (number === null || number.value <= 0) wrong("a duration above 0", "write window = 24h");
      return;
    case "on_exceed":
      checkChoice(report, field, budgetChoices.on_exceed);
      return;
    case "scope":
      checkChoice(report, field, budgetChoices.scope);
      // One daemon counts for itself alone: a fleet's budget would let every daemon spend the whole of it.
      if (textOf(value) === "fleet") report.unsupported("scope = fleet", value.span);
      return;
    default:
      for (const item of value.kind === "list" ? value.items : [])
        checkPattern(report, { text: textOf(item) ?? "", span: item.span });
  }
}

export function checkRateLimit(report: Report, limit: RateLimit): void {
  checkPattern(report, limit.pattern);
  if (!Number.isInteger(limit.count) || limit.count < 1 || limit.count > limits.rateCount) {
    report.add("FMS012", `a rate limit counts from 1 to ${limits.rateCount} calls, not ${limit.count}`, limit.span, {
      help: "to allow no call at all, write a deny rule",
    });
  }
  if (!(limit.windowMs >= limits.rateWindowMinMs && limit.windowMs <= limits.rateWindowMaxMs)) {
    report.add("FMS012", "the window of a rate limit lies between 1ms and 31d", limit.span, {
      help: "write `per hour` or `per 10m`",
    });
  }
}

const redactedPath = /^[^.[\]\s]+(?:\[\])*(?:\.[^.[\]\s]+(?:\[\])*)*$/;

export function checkRedaction(report: Report, redaction: Redaction): void {
  checkPattern(report, redaction.pattern);
  if (redaction.paths.length === 0) {
    report.add("FMS014", "this redaction names no argument", redaction.span, { help: 'write args: ["card"]' });
  }
  for (const path of redaction.paths) {
    if (!redactedPath.test(path.text)) {
      report.add("FMS012", `\`${path.text}\` is not the path of an argument`, path.span, {
        help: "write card, a.b or items[].card",
      });
    }
  }
}
