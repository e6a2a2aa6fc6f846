// Budgets, rate limits and redactions in YAML and JSON: lists of maps with a name or pattern inside, or maps by it.
import type { Budget, BudgetField, Field, RateLimit, Redaction, Span, Value } from "../ast.ts";
import { unitMs } from "../parse/agent.ts";
import { parseDuration, readQuantity } from "../parse/quantity.ts";
import { readDuration } from "../parse/value.ts";
import type { Form, Keys, Known } from "./form.ts";
import { readCostName } from "./fragment.ts";
import { type MapNode, type Node, nodeWords } from "./node.ts";
import { readValue } from "./value.ts";

/** One thing of a list or of a map by name: its map, and its name where the map's key gives one. */
export interface Named {
  readonly name: { readonly text: string; readonly span: Span } | null;
  readonly node: Node;
  readonly span: Span;
}

/** `[{ id: a, … }]` and `{ a: { … } }` alike. */
export function namedItems(form: Form, node: Node, what: string, help: string): Named[] {
  if (node.kind === "list") return node.items.map((item) => ({ name: null, node: item, span: item.span }));
  if (node.kind === "map") {
    return node.entries.map(({ key, keySpan, value }) => ({
      name: { text: key, span: keySpan },
      node: value,
      span: { ...keySpan, end: value.span.end },
    }));
  }
  form.wrong(node, `${what} is a list or a map`, help);
  return [];
}

const budgetKeys = {
  id: ["name"],
  max: [],
  daily: [],
  max_calls: [],
  warn_at: [],
  on_exceed: [],
  tools: [],
  cost: [],
  window: [],
  scope: [],
} satisfies Keys;
const budgetHelp = 'write budgets: [{ id: "daily", max: "$500" }]';

export function readBudgets(form: Form, node: Node): Budget[] {
  return namedItems(form, node, "`budgets`", budgetHelp).flatMap((item) => {
    if (item.node.kind === "map") return readBudget(form, item, item.node) ?? [];
    form.wrong(item.node, "a budget is a map", budgetHelp);
    return [];
  });
}

function readBudget(form: Form, item: Named, map: MapNode): Budget | null {
  const { id: _, ...unnamed } = budgetKeys;
  const found = form.known(map, "a budget", item.name === null ? budgetKeys : unnamed);
  // In a list without `id`, the scope is what the budget is called: `scope: session`.
  const named = found.find(({ name }) => name === "id") ?? found.find(({ name }) => name === "scope");
  const id = item.name ?? (named === undefined ? null : form.placed(named.value, "`id`", budgetHelp));
  if (id === null) {
    if (named === undefined) form.report("FMS014", "this budget lacks `id`", item.span, { help: budgetHelp });
    return null;
  }
  const rest = found.filter((entry) => entry.name !== "id" && (item.name !== null || entry !== named));
  const fields = rest.flatMap((entry) => readBudgetField(form, entry) ?? []);
  return { id: id.text, idSpan: id.span, fields, span: item.span };
}

function readBudgetField(form: Form, { name, keySpan, value: node }: Known): BudgetField | null {
  const span = { ...keySpan, end: node.span.end };
  if (name === "tools") {
    const items = form
      .texts(node, "a tool pattern", 'write tools: ["stripe/*"]')
      .map(({ text, span }): Value => ({ kind: "string", value: text, span }));
    return { name, nameSpan: keySpan, value: { kind: "list", items, span: node.span }, span };
  }
  const value = readValue(form, node);
  if (value === null) return null;
  if (name === "cost" && value.kind === "string" && node.kind === "scalar") {
    const cost = readCostName(form, node, value.value);
    return cost === null ? null : { name, nameSpan: keySpan, value: cost, span };
  }
  if (name !== "window") return { name, nameSpan: keySpan, value, span } satisfies Field;
  const seconds = readDuration(form, value, "`window`");
  if (seconds === null) return null;
  const text = form.written(value.span);
  return { name, nameSpan: keySpan, value: { kind: "number", value: seconds, unit: "duration", text, span }, span };
}

const rateKeys = { tool: ["pattern"], limit: [], window: ["per"] } satisfies Keys;
const rateHelp = 'write rate_limits: [{ tool: "search", limit: "10 per minute" }]';
const rateText = /^(\S+)\s+per\s+(\S+)$/;

export function readRateLimits(form: Form, node: Node): RateLimit[] {
  return namedItems(form, node, "`rate_limits`", rateHelp).flatMap((item) => {
    if (item.name !== null && item.node.kind === "scalar") {
      const rate = readRate(form, item.node, null);
      return rate === null ? [] : { pattern: item.name, ...rate, span: item.span };
    }
    if (item.node.kind === "map") return readRateLimit(form, item, item.node) ?? [];
    form.wrong(item.node, "a rate limit is a map", rateHelp);
    return [];
  });
}

function readRateLimit(form: Form, item: Named, map: MapNode): RateLimit | null {
  const { tool: _, ...unnamed } = rateKeys;
  const found = new Map(
    form.known(map, "a rate limit", item.name === null ? rateKeys : unnamed).map((entry) => [entry.name, entry]),
  );
  const tool = found.get("tool");
  const limit = found.get("limit");
  if (item.name === null && tool === undefined)
    form.report("FMS014", "this rate limit lacks `tool`", item.span, { help: rateHelp });
  if (limit === undefined) {
    form.report("FMS014", "this rate limit lacks `limit`", item.span, { help: rateHelp });
    return null;
  }
  const pattern = item.name ?? (tool === undefined ? null : form.placed(tool.value, "`tool`", rateHelp));
  const rate = readRate(form, limit.value, found.get("window") ?? null);
  return pattern === null || rate === null ? null : { pattern, ...rate, span: item.span };
}

type Rate = { readonly count: number; readonly windowMs: number };

/** `"10 per minute"`, or `10` and a window beside it. */
function readRate(form: Form, node: Node, window: Known | null): Rate | null {
  const value = node.kind === "scalar" ? node.value : null;
  const parts = typeof value === "string" ? rateText.exec(value) : null;
  if (parts !== null) {
    if (window !== null) {
      form.twice("the window of a rate limit", window.keySpan, node.span);
      return null;
    }
    const count = countOf(form, parts[1] ?? "", node);
    const windowMs = windowOf(form, parts[2] ?? "", node);
    return count === null || windowMs === null ? null : { count, windowMs };
  }
  const count = typeof value === "number" ? value : typeof value === "string" ? countOf(form, value, node) : null;
  if (typeof value !== "number" && typeof value !== "string") form.wrong(node, "a limit counts calls", rateHelp);
  if (count === null) return null;
  if (window === null) {
    form.report("FMS014", "this rate limit lacks its window", node.span, { help: rateHelp });
    return null;
  }
  const text = form.text(window.value, "the window of a rate limit", "write window: minute, or window: 10m");
  const windowMs = text === null ? null : windowOf(form, text, window.value);
  return windowMs === null ? null : { count, windowMs };
}

function countOf(form: Form, text: string, node: Node): number | null {
  const count = readQuantity(text);
  if (typeof count !== "string" && count.unit === "plain") return count.value;
  form.report("FMS012", `\`${text}\` is not a number of calls`, node.span, { help: 'write "10 per minute"' });
  return null;
}

function windowOf(form: Form, text: string, node: Node): number | null {
  if (Object.hasOwn(unitMs, text)) return unitMs[text] ?? null;
  const seconds = parseDuration(text);
  if (seconds !== null) return Math.round(seconds * 1_000);
  form.report("FMS012", "the window of a rate limit is not a duration", node.span, {
    help: "write second, minute, hour, day or a duration such as 10m",
  });
  return null;
}

const redactKeys = { tool: ["pattern"], paths: ["args"] } satisfies Keys;
const redactHelp = 'write redactions: [{ tool: "stripe/*", paths: ["card"] }]';

export function readRedactions(form: Form, node: Node): Redaction[] {
  return namedItems(form, node, "`redactions`", redactHelp).flatMap(({ name, node: item, span }): Redaction[] => {
    if (name !== null) return [{ pattern: name, paths: form.texts(item, "the path of an argument", redactHelp), span }];
    if (item.kind !== "map") {
      form.report("FMS012", `a redaction is a map, not ${nodeWords(item)}`, item.span, { help: redactHelp });
      return [];
    }
    const found = new Map(form.known(item, "a redaction", redactKeys).map((entry) => [entry.name, entry.value]));
    const [tool, paths] = [found.get("tool"), found.get("paths")];
    const lacking = ["tool", "paths"].filter((key) => !found.has(key));
    for (const key of lacking) form.report("FMS014", `this redaction lacks \`${key}\``, span, { help: redactHelp });
    const pattern = tool === undefined ? null : form.placed(tool, "`tool`", redactHelp);
    if (pattern === null || paths === undefined) return [];
    return [{ pattern, paths: form.texts(paths, "the path of an argument", redactHelp), span }];
  });
}
