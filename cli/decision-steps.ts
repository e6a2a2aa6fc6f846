// The steps of a recorded decision in their order, each with what the record says of it. It reads one record and never judges again.
import type { Json, JsonObject } from "../runtime/json.ts";
import { type DecisionStep, decisionSteps } from "../runtime/steps.ts";

export interface StepView {
  /** From 1. */
  readonly number: number;
  readonly step: DecisionStep;
  /** "done": what happens to every call, whatever was decided. */
  readonly outcome: "passed" | "decided" | "not asked" | "done";
  readonly detail: string;
}

/** Asked with the rules, by the machine. A call that was decided before has none of them. */
const askedOfPolicy: ReadonlySet<DecisionStep> = new Set<DecisionStep>([
  "session",
  "model",
  "deny!",
  "phases",
  "rules",
  "egress",
  "ambient",
  "rates",
  "budgets",
]);
const doneAlways: ReadonlySet<DecisionStep> = new Set<DecisionStep>(["redaction", "record", "answer"]);

/** `isJudged`: the policy was asked. Null for a record that does not say at which step it was decided. */
export function stepsOfRecord(record: JsonObject, isJudged: boolean): readonly StepView[] | null {
  const steps = objectOf(record.steps);
  const decidedAt = decisionSteps.indexOf(String(steps.at) as DecisionStep);
  if (decidedAt < 0) return null;
  return decisionSteps.map((step, index): StepView => {
    const outcome =
      index === decidedAt
        ? "decided"
        : doneAlways.has(step)
          ? "done"
          : index > decidedAt || (!isJudged && askedOfPolicy.has(step))
            ? "not asked"
            : "passed";
    const said = outcome === "not asked" ? "" : (details[step]?.(record, steps) ?? "");
    const decided = outcome === "decided" && step !== "answer" ? String(record.code) : "";
    return { number: index + 1, step, outcome, detail: [decided, said].filter((text) => text !== "").join(", ") };
  });
}

type Detail = (record: JsonObject, steps: JsonObject) => string;

const details: Readonly<Partial<Record<DecisionStep, Detail>>> = {
  agent: ({ agent_id }) => String(agent_id),
  identity: ({ agent_identity }) => String(agent_identity),
  session: ({ session_id }) => String(session_id),
  phases: (_record, { phase }) => (typeof phase === "string" ? phase : ""),
  rules: ({ rule_ref }, { used, carried_by }) => {
    const carriers = [used, carried_by].flatMap((ids) => (Array.isArray(ids) ? ids.map(String) : []));
    return [...(typeof rule_ref === "string" ? [rule_ref] : []), ...carriers].join(", ");
  },
  rates: (_record, { limits, retry_after_seconds }) =>
    typeof limits === "number"
      ? `${limits} taken from`
      : typeof retry_after_seconds === "number"
        ? `again in ${retry_after_seconds} s`
        : "",
  budgets: (_record, { charges, budget, price }) => {
    const exceeded = objectOf(budget).id;
    if (typeof exceeded === "string") return exceeded;
    const taken = Array.isArray(charges) ? (charges as readonly (readonly [string, number])[]) : [];
    return [...taken.map(([id, micro]) => `${id} $${micro / 1_000_000}`), ...priceWords(objectOf(price))].join(", ");
  },
  redaction: ({ redacted }) => {
    const paths = Array.isArray(redacted) ? redacted.map(String) : [];
    return paths.includes("*") ? "only keys and types are kept" : paths.join(", ") || "nothing to take out";
  },
  record: ({ seq }) => `seq ${String(seq)}`,
  credential: ({ credential_ref }) => (typeof credential_ref === "string" ? credential_ref : "none needed"),
  answer: ({ effect, would }) =>
    typeof would === "string" ? `${String(effect)}, in enforce ${would}` : String(effect),
};

function objectOf(value: Json | undefined): JsonObject {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as JsonObject) : {};
}

/** Where the cost of the call was taken from. */
function priceWords({ model, provider, as_of, known, unavailable, stub }: JsonObject): string[] {
  const whose = typeof provider === "string" ? `provider ${provider}` : typeof model === "string" ? model : null;
  if (whose === null) return [];
  if (typeof unavailable === "string") return [`no price: ${whose}: ${unavailable}`];
  if (known === false) return [`${whose} has no price`];
  if (stub === true) return [`no price: ${whose} is a stub`];
  return [`price of ${whose}${typeof as_of === "string" ? `, ${as_of}` : ""}`];
}
