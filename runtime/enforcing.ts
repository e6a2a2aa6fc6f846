// Of calls that ran in audit mode, what a policy would have stopped had it been enforcing: counted by tool, effect and what decided.
// It counts verdicts that others made, and must never count a call that audit mode stops as well.
import type { Code } from "./codes.ts";
import type { Effect, Policy, Verdict } from "./evaluator/types.ts";

/** Codes of calls that are denied in audit mode too. */
export const deniedInAudit: ReadonlySet<string> = new Set<Code>(["UNKNOWN_AGENT", "BAD_REQUEST", "BAD_TOOL_NAME"]);

/** Calls to one tool that one rule, limit or default would stop. */
export interface Stopped {
  readonly tool: string;
  readonly effect: Exclude<Effect, "permit">;
  readonly code: string;
  /** `governance.fms:14`, and the rule's text; null where no rule decided. */
  readonly ruleRef: string | null;
  readonly rule: string | null;
  readonly count: number;
  /** The latest of them, for `explain`. */
  readonly lastActionId: string;
}

export class Enforcing {
  readonly #rules: ReturnType<Policy["rules"]>;
  readonly #stopped = new Map<string, Stopped>();

  constructor(policy: Policy) {
    this.#rules = policy.rules();
  }

  take(tool: string, { effect, code, rule, rule_ref: ruleRef }: Verdict, actionId: string): void {
    if (effect === "permit" || deniedInAudit.has(code)) return;
    const key = JSON.stringify([tool, effect, code, rule]);
    const count = (this.#stopped.get(key)?.count ?? 0) + 1;
    const text = rule === null ? null : (this.#rules[rule]?.text ?? null);
    this.#stopped.set(key, { tool, effect, code, ruleRef, rule: text, count, lastActionId: actionId });
  }

  /** Most first. */
  report(): readonly Stopped[] {
    const all = [...this.#stopped.values()];
    return all.sort((a, b) => b.count - a.count || (a.tool < b.tool ? -1 : a.tool > b.tool ? 1 : 0));
  }
}
