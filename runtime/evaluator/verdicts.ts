// The machine's word for a verdict as an object: its code and reason, the rule's place, and what limits and budgets had to
// say. The words stand here alone, and nothing here decides.
import {
  JsonCode,
  Result,
  VERDICT_CODE_MASK,
  VERDICT_CODE_SHIFT,
  VERDICT_DETAILS,
  VERDICT_RULE_SHIFT,
  VerdictCode,
} from "../../vm/shared/abi.ts";
import { RuleEffect } from "../../vm/shared/isa.ts";
import type { Code } from "../codes.ts";
import { readCharges } from "./charges.ts";
import type { ImageReader } from "./image.ts";
import type { Machine } from "./machine.ts";
import type { Plan, Plans } from "./plans.ts";
import type { Effect, Shadow, Verdict } from "./types.ts";

export class Verdicts {
  readonly #machine: Machine;
  readonly #image: ImageReader;
  readonly #plans: Plans;
  /** Verdicts without details, made once: by rule + 1, each with the word it was made from. */
  readonly #simple: ({ readonly packed: number; readonly verdict: Verdict } | undefined)[];

  constructor(machine: Machine, image: ImageReader, plans: Plans) {
    this.#machine = machine;
    this.#image = image;
    this.#plans = plans;
    // Of its full length at once: an array that grows by leaps becomes a slow one.
    this.#simple = new Array(image.rowCount + 1);
  }

  /** `plan` null: the one that the machine found. */
  read(packed: number, plan: Plan | null): Verdict {
    if ((packed & VERDICT_DETAILS) === 0) {
      const at = packed >>> VERDICT_RULE_SHIFT;
      const known = this.#simple[at];
      if (known !== undefined && known.packed === packed) return known.verdict;
      const verdict = Object.freeze(this.#verdict(packed));
      this.#simple[at] = { packed, verdict };
      return verdict;
    }
    return {
      ...this.#verdict(packed),
      ...this.#details(packed, plan ?? this.#plans.at(this.#machine.resultInteger(Result.Plan))),
    };
  }

  #verdict(packed: number): Verdict {
    const effect = effects[packed & 3] ?? "deny";
    const code = verdictCodes[((packed >> VERDICT_CODE_SHIFT) & VERDICT_CODE_MASK) as VerdictCode] ?? "MACHINE_FAULT";
    const number = (packed >>> VERDICT_RULE_SHIFT) - 1;
    if (code === "SELECTOR_UNAVAILABLE") return this.#withoutSelector(effect, number);
    const rule = number < 0 ? null : number;
    const cause = code !== "POLICY_DEFER" ? null : rule === null ? "default" : `rule:${rule}`;
    return { effect, code, reason: this.#reason(effect, code, rule), rule, rule_ref: this.ruleRef(rule), cause };
  }

  #withoutSelector(effect: Effect, row: number): Verdict {
    const id = this.#image.rule(row).reason ?? "";
    const reason = `a rule reads the selector \`${id}\`, which has no value`;
    const cause = effect === "defer" ? `selector:${id}` : null;
    return { effect, code: "SELECTOR_UNAVAILABLE", reason, rule: null, rule_ref: null, cause };
  }

  #reason(effect: Effect, code: Code, rule: number | null): string {
    if (rule === null) return code.startsWith("POLICY_") ? defaultReasons[effect] : (sentences[code] ?? code);
    const row = this.#image.rule(rule);
    return row.reason ?? `${ruleVerbs[effect]} by the rule at ${this.ruleRef(rule) ?? `number ${rule + 1}`}`;
  }

  #details(packed: number, plan: Plan): Partial<Verdict> {
    const machine = this.#machine;
    const code = verdictCodes[((packed >> VERDICT_CODE_SHIFT) & VERDICT_CODE_MASK) as VerdictCode];
    const details: { -readonly [K in keyof Verdict]?: Verdict[K] } = {};
    if (code === "RATE_EXCEEDED") details.retry_after_seconds = machine.resultNumber(Result.RetryAfterUs) / 1e6;
    const budget = machine.resultInteger(Result.Budget) - 1;
    if (budget >= 0) {
      const resets = machine.resultNumber(Result.ResetsAtUs);
      const id = this.#image.budgetId(budget);
      details.budget = { id, resets_at: resets === 0 ? null : resets / 1000 };
      if ((packed & 3) === RuleEffect.Defer) details.cause = `budget:${id}`;
    }
    const phase = machine.resultInteger(Result.Phase) - 1;
    if (phase >= 0) {
      details.phase = this.#image.phase(phase).name;
      details.shadow = this.#shadow();
    }
    const stage = machine.resultInteger(Result.Stage) - 1;
    if (stage >= 0) details.workflow_phase = this.#image.stage(stage).name;
    if ((packed & 3) === RuleEffect.Permit) {
      details.charges = readCharges(machine, this.#image, plan, machine.resultInteger(Result.LimitsTaken));
      const warnings = this.#warnings(plan);
      if (warnings.length > 0) details.warnings = warnings;
    }
    return details;
  }

  #shadow(): Shadow {
    const effect = effects[this.#machine.resultInteger(Result.ShadowEffect) - 1] ?? "deny";
    const number = this.#machine.resultInteger(Result.ShadowRule) - 1;
    const rule = number < 0 ? null : number;
    return { effect, rule, rule_ref: this.ruleRef(rule) };
  }

  #warnings(plan: Plan): { code: "BUDGET_WARNING"; budget_id: string }[] {
    const low = this.#machine.resultInteger(Result.WarnedLow);
    const high = this.#machine.resultInteger(Result.WarnedHigh);
    if (low === 0 && high === 0) return [];
    return plan.budgets.flatMap((index, i) =>
      ((i < 32 ? low >>> i : high >>> (i - 32)) & 1) === 1
        ? [{ code: "BUDGET_WARNING" as const, budget_id: this.#image.budgetId(index) }]
        : [],
    );
  }

  /** `file:line`; null without a rule, and in images without places. */
  ruleRef(rule: number | null): string | null {
    const place = rule === null ? null : this.#image.debug(rule);
    return place === null ? null : `${place.file}:${place.line}`;
  }
}

const effects: readonly Effect[] = ["permit", "deny", "defer"];
const ruleVerbs: Record<Effect, string> = { permit: "permitted", deny: "denied", defer: "deferred" };

const verdictCodes: Record<VerdictCode, Code> = {
  [VerdictCode.PolicyPermit]: "POLICY_PERMIT",
  [VerdictCode.PolicyDeny]: "POLICY_DENY",
  [VerdictCode.PolicyDefer]: "POLICY_DEFER",
  [VerdictCode.RateExceeded]: "RATE_EXCEEDED",
  [VerdictCode.BudgetExceeded]: "BUDGET_EXCEEDED",
  [VerdictCode.AmbientExceeded]: "AMBIENT_EXCEEDED",
  [VerdictCode.CostUnknown]: "COST_UNKNOWN",
  [VerdictCode.StateFull]: "STATE_FULL",
  [VerdictCode.StepLimit]: "STEP_LIMIT",
  [VerdictCode.ModelDenied]: "MODEL_DENIED",
  [VerdictCode.EgressDenied]: "EGRESS_DENIED",
  [VerdictCode.SelectorUnavailable]: "SELECTOR_UNAVAILABLE",
  [VerdictCode.PhaseHidden]: "PHASE_HIDDEN",
  [VerdictCode.SessionExpired]: "SESSION_EXPIRED",
};

/** Codes of verdicts that the machine itself gives; all others are given before it is asked, or after. */
export const machineCodes: ReadonlySet<Code> = new Set(Object.values(verdictCodes));

const defaultReasons: Record<Effect, string> = {
  permit: "no rule matches, and the default is permit",
  deny: "no rule permits this call",
  defer: "no rule matches, and the default asks a person",
};

const sentences: Partial<Record<Code, string>> = {
  MODEL_DENIED: "the agent's model policy does not allow this model",
  EGRESS_DENIED: "the agent's egress does not allow this host",
  RATE_EXCEEDED: "the rate limit has no token left",
  BUDGET_EXCEEDED: "the budget has no room for this call",
  AMBIENT_EXCEEDED: "the agent has reached a limit over all its sessions",
  COST_UNKNOWN:
    "what the budget counts of this call is not known: a cost that is missing, no number or negative, or a value that is a list or an object",
  SESSION_EXPIRED: "the session has lasted too long, or was idle too long",
  PHASE_HIDDEN: "the tool is not visible in the session's phase",
  STATE_FULL: "there is no room for another counter",
  STEP_LIMIT: "the call's values would take too long to compare",
};

function refusal(code: Code, reason: string): Verdict {
  return Object.freeze({ effect: "deny", code, reason, rule: null, rule_ref: null, cause: null });
}

/** Answers of the host itself, by code. */
export const refusals = {
  BAD_REQUEST: refusal("BAD_REQUEST", "the request holds a value that cannot be judged exactly"),
  BAD_TOOL_NAME: refusal(
    "BAD_TOOL_NAME",
    "tool names are made of A-Z a-z 0-9 _ . / : @ - without empty, . or .. segments",
  ),
  UNKNOWN_AGENT: refusal("UNKNOWN_AGENT", "the policy declares no such agent"),
  STATE_UNAVAILABLE: refusal(
    "STATE_UNAVAILABLE",
    "the policy counts calls, and this evaluator was opened without state",
  ),
  MACHINE_FAULT: refusal("MACHINE_FAULT", "the machine stopped; the call is denied"),
} as const;

export const jsonRefusals: Record<Exclude<JsonCode, JsonCode.Url>, Verdict> = {
  [JsonCode.BadRequest]: refusals.BAD_REQUEST,
  [JsonCode.BadToolName]: refusals.BAD_TOOL_NAME,
  [JsonCode.UnknownAgent]: refusals.UNKNOWN_AGENT,
  [JsonCode.StateUnavailable]: refusals.STATE_UNAVAILABLE,
};
