// The counters of `ambient { … }`: what they count and over which time is known, their values fit that, and arguments whose values
// are counted are arguments that the policy knows.
import { ambientCounter } from "../ambient.ts";
import type { Agent, Expr, Span, Value } from "../ast.ts";
import { blocksOf, fieldOf } from "../blocks.ts";
import { partsOf } from "../history.ts";
import type { Report } from "./report.ts";

export function checkAmbient(report: Report, agent: Agent): void {
  for (const block of blocksOf(agent, "ambient")) {
    const mentioned = argumentsMentioned(agent);
    for (const { name, nameSpan, values } of block.entries) {
      if (fieldOf("ambient", name) === null || name === "on_exceed") continue;
      checkCounter(report, name, nameSpan, values[0], mentioned);
    }
  }
}

/** Words that stand in names and paths of the agent's rules, budgets and redactions: more than its arguments, and all of them. */
function argumentsMentioned(agent: Agent): ReadonlySet<string> {
  const words = new Set<string>();
  const add = (path: string): void => {
    for (const word of path.split(/[.[\]/]+/)) words.add(word);
  };
  const look = (expr: Expr): void => {
    if (expr.kind === "name") for (const part of expr.path) add(String(part));
    else if (expr.kind === "string") add(expr.value);
    for (const part of partsOf(expr)) look(part);
  };
  for (const rule of [...agent.rules, ...agent.phases.flatMap((phase) => phase.rules)]) {
    if (rule.condition !== null) look(rule.condition);
  }
  for (const { paths } of agent.redactions) for (const { text } of paths) add(text);
  for (const { fields } of agent.budgets) {
    for (const { value } of fields) {
      if (value.kind === "name") for (const part of value.path) add(String(part));
      else if (value.kind === "word" || value.kind === "string") add(value.value);
    }
  }
  return words;
}

function checkCounter(
  report: Report,
  name: string,
  span: Span,
  value: Value | undefined,
  mentioned: ReadonlySet<string>,
): void {
  const counter = ambientCounter(name);
  if (counter === null) {
    report.add("FMS011", `\`${name}\` counts over a time that is none`, span, {
      help: "a counter ends in _per_second, _per_minute, _per_hour, _per_day, _per_week or _per_month",
    });
    return;
  }
  if (value?.kind !== "number") return;
  // Less than nothing is the table's to refuse.
  if (value.value < 0 || counter.counting === "cost") return;
  const isWhole = Number.isSafeInteger(value.value);
  if (counter.counting === "bytes") {
    if (!isWhole || !(value.unit === "plain" || value.unit === "size"))
      report.add("FMS012", `\`${name}\` is a size`, value.span, { help: `write ${name} = 10mb` });
  } else if (!isWhole || value.unit !== "plain") {
    const counted = counter.counting === "calls" ? "calls" : counter.noun;
    report.add("FMS012", `\`${name}\` is a number of ${counted}`, value.span, { help: `write ${name} = 5000` });
  } else if (counter.counting === "values" && !counter.arguments.some((argument) => mentioned.has(argument))) {
    const [first, ...others] = counter.arguments.map((argument) => `\`${argument}\``);
    const last = others.pop();
    report.add("FMS062", `\`${name}\` counts the values of ${[first, ...others].join(", ")} or ${last}`, span, {
      help: `calls that have none of these arguments are not counted; max_calls${name.slice(`max_${counter.noun}`.length)} counts calls`,
    });
  }
}
