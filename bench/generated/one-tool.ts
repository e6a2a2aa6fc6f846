// One tool under 200 rules with conditions: thresholds, sets of strings and five patterns, as a policy and as the chain of
// ifs that a person would write in JavaScript. Both are made from one list of conditions; first match decides.
import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import type { Answer } from "../timing.ts";

export const RULES = 200;
const AGENT = "payer";
const TOOL = "payout/create";

type Condition =
  | { readonly kind: "threshold"; readonly field: string; readonly above: number; readonly type: string }
  | { readonly kind: "set"; readonly members: readonly string[]; readonly above: number }
  | { readonly kind: "pattern"; readonly pattern: string };

type Arguments = NonNullable<EvaluationRequest["args"]>;

function conditionAt(index: number): Condition {
  const place = index % 10;
  if (index % 40 === 39) return { kind: "pattern", pattern: `^ref-${index}-[0-9]{2,6}(-[a-z]+)?$` };
  if (place >= 6 && place < 9) {
    const members = Array.from({ length: 5 }, (_, i) => `country-${(index * 5 + i) % 240}`);
    return { kind: "set", members, above: 20 + (index % 60) };
  }
  return { kind: "threshold", field: `score_${index % 5}`, above: 1000 + index * 7, type: `type-${index % 64}` };
}

function effectAt(index: number): Answer["effect"] {
  return (["deny", "defer", "permit"] as const)[index % 3] ?? "deny";
}

const conditions = Array.from({ length: RULES }, (_, index) => conditionAt(index));

export function policyText(): string {
  const rules = conditions.map((condition, index) => `    ${effectAt(index)} ${TOOL} if ${inPolicy(condition)}`);
  return `agent "${AGENT}" {\n  default permit\n  rules {\n${rules.join("\n")}\n  }\n}\n`;
}

function inPolicy(condition: Condition): string {
  switch (condition.kind) {
    case "threshold":
      return `${condition.field} > ${condition.above} and type == "${condition.type}"`;
    case "set":
      return `country in [${condition.members.map((member) => `"${member}"`).join(", ")}] and risk > ${condition.above}`;
    case "pattern":
      return `reference matches "${condition.pattern}"`;
  }
}

/** The chain as text: sets and patterns are made once, kinds are checked where a comparison needs them. */
export function ifChain(): (request: EvaluationRequest) => number {
  const made = conditions.map((condition, index) => {
    if (condition.kind === "set") return `const set${index} = new Set(${JSON.stringify(condition.members)});`;
    return condition.kind === "pattern" ? `const pattern${index} = /${condition.pattern}/;` : "";
  });
  const ifs = conditions.map((condition, index) => `if (${inJavaScript(condition, index)}) return ${index};`);
  const source = `${made.join("\n")}
    return function (request) {
      if (request.agent_id !== "${AGENT}" || request.tool_id !== "${TOOL}") return -2;
      const a = request.args;
      ${ifs.join("\n")}
      return -1;
    };`;
  return new Function(source)();
}

function inJavaScript(condition: Condition, index: number): string {
  switch (condition.kind) {
    case "threshold": {
      const field = `a.${condition.field}`;
      return `typeof ${field} === "number" && ${field} > ${condition.above} && a.type === "${condition.type}"`;
    }
    case "set":
      return `set${index}.has(a.country) && typeof a.risk === "number" && a.risk > ${condition.above}`;
    case "pattern":
      return `typeof a.reference === "string" && pattern${index}.test(a.reference)`;
  }
}

/** The chain's index as an answer. */
export function answerOf(index: number): Answer {
  return index < 0 ? { effect: "permit", rule: null } : { effect: effectAt(index), rule: index };
}

/** Calls that match early, in the middle, late, and not at all; which rule is known beforehand. */
export function calls(): readonly { readonly request: EvaluationRequest; readonly answer: Answer }[] {
  const quiet = {
    score_0: 1,
    score_1: 2,
    score_2: 3,
    score_3: 4,
    score_4: 5,
    type: "type-99",
    country: "country-900",
    risk: 5,
  };
  const call = (args: Arguments, rule: number) => ({
    request: {
      agent_id: AGENT,
      session_id: "s-1",
      tool_id: TOOL,
      args: { ...quiet, reference: "ref-7-none", ...args },
    },
    answer: answerOf(rule),
  });
  return [
    call({ score_0: 1036, type: "type-5" }, 5),
    call({ country: "country-37", risk: 99 }, 7),
    call({ reference: "ref-79-4711" }, 79),
    call({ country: "country-113", risk: 99 }, 118),
    call({ reference: "ref-159-4711-late" }, 159),
    call({ reference: "ref-199-12" }, 199),
    call({ score_3: 2352, type: "type-1" }, 193),
    call({}, -1),
    call({ country: "country-37", risk: 1 }, -1),
    call({ reference: "an address that no pattern begins with" }, -1),
  ];
}
