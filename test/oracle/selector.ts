// The selectors of an agent as the oracle understands them: which names stand for one, and what becomes of a call whose rules
// read one that has no value. Reads the tree by itself.
import type { Agent, Block, Expr } from "../../compiler/ast.ts";
import { budgetCost, budgetCovers } from "./budget.ts";
import { type Call, scoped, selectorBlocks, selectorPath } from "./name.ts";
import { rulesFor } from "./reads.ts";

export interface MissingSelector {
  readonly effect: "deny" | "defer";
  /** What a person may approve. */
  readonly cause: string;
}

/** The first declared selector without a value that a rule for the tool, or a cost, reads; null when nothing keeps the call. */
export function missingSelector(call: Call, approved: readonly string[]): MissingSelector | null {
  const read = selectorsRead(call);
  for (const block of selectorBlocks(call.agent)) {
    const id = block.name ?? "";
    const effect = withoutValue(block);
    if (effect === "permit" || !read.has(id) || selectorHasValue(call, id)) continue;
    const cause = `selector:${id}`;
    if (effect === "defer" && approved.includes(cause)) continue;
    return { effect, cause };
  }
  return null;
}

/** Raw values of the selectors that keep a call of this tool where they have none: they are looked at as a whole. */
export function keepingSelectors(call: Call): unknown[] {
  const read = selectorsRead(call);
  return selectorBlocks(call.agent)
    .filter((block) => withoutValue(block) !== "permit" && read.has(block.name ?? ""))
    .map((block) =>
      selectorHasValue(call, block.name ?? "") ? call.request.selectors?.[block.name ?? ""] : undefined,
    );
}

function selectorHasValue({ request }: Call, id: string): boolean {
  const values = request.selectors;
  return values !== undefined && Object.hasOwn(values, id) && values[id] !== undefined;
}

/** The stricter of what holds without a value and what holds where it comes too late: nobody here can tell the two apart. */
function withoutValue(block: Block): "deny" | "defer" | "permit" {
  const word = (name: string): string | null => {
    const value = block.entries.find((entry) => entry.name === name)?.values[0];
    return value?.kind === "word" || value?.kind === "string" ? value.value : null;
  };
  const unavailable = word("on_unavailable") ?? "deny";
  const words = [unavailable, word("on_timeout") ?? unavailable];
  return words.includes("deny") ? "deny" : words.includes("defer") ? "defer" : "permit";
}

function selectorsRead(call: Call): ReadonlySet<string> {
  const { agent, request } = call;
  const found = new Set<string>();
  for (const rule of rulesFor(agent, request.tool_id))
    if (rule.condition !== null) collect(scoped(call, rule).agent, rule.condition, found);
  for (const budget of agent.budgets.filter((one) => budgetCovers(one, request.tool_id))) {
    const cost = budgetCost(budget);
    if (cost?.kind === "name") collect(scoped(call, budget).agent, cost, found);
  }
  return found;
}

function collect(agent: Agent, expr: Expr, into: Set<string>): void {
  switch (expr.kind) {
    case "name": {
      const path = selectorPath(agent, expr.path);
      if (path !== null) into.add(String(path[0]));
      return;
    }
    case "not":
    case "negate":
      collect(agent, expr.operand, into);
      return;
    case "logical":
    case "compare":
    case "arithmetic":
      collect(agent, expr.left, into);
      collect(agent, expr.right, into);
      return;
    case "call":
      for (const argument of expr.arguments) collect(agent, argument, into);
      return;
    case "method":
      for (const part of [expr.receiver, ...expr.arguments]) collect(agent, part, into);
      return;
    default:
      return;
  }
}
