// json-logic-js as a contender: all rules as one `if` over tool and arguments, whose result is the rule's index. It has no
// patterns, so one operation is added, which the library provides for; and no types, so a rule that compares a number would
// take a missing one for 0 (no request of the workloads is without).
import jsonLogic from "json-logic-js";
import type { Answer, Contender } from "../timing.ts";
import type { CaslRequest, CaslRule } from "./casl.ts";
import { type Test, testsOf } from "./tests.ts";

type Logic = Parameters<typeof jsonLogic.apply>[0];

const patterns = new Map<string, RegExp>();
jsonLogic.add_operation("matches", (text: unknown, source: string) => {
  const pattern = patterns.get(source) ?? new RegExp(source);
  patterns.set(source, pattern);
  return typeof text === "string" && pattern.test(text);
});

export function jsonLogicRules(
  rules: readonly CaslRule[],
  requests: readonly CaslRequest[],
  name = "json-logic",
): Contender {
  const branches = rules.flatMap((rule, index): unknown[] => [
    { and: [ofTools(rule.tools), ...testsOf(rule).map(logicOf)] },
    index,
  ]);
  const logic = { if: [...branches, -1] } as unknown as Logic;
  const contender: Contender<CaslRequest, number> = {
    name,
    requests,
    decide: (request) => jsonLogic.apply(logic, request) as number,
    answer: (index): Answer => {
      const rule = rules[index];
      return rule === undefined ? { effect: "deny", rule: null } : { effect: rule.effect, rule: index };
    },
  };
  return contender;
}

function ofTools(tools: readonly string[]): unknown {
  return tools.length === 1 ? { "===": [{ var: "tool" }, tools[0]] } : { in: [{ var: "tool" }, [...tools]] };
}

const words: Readonly<Record<Test["is"], string>> = {
  equal: "===",
  "not-equal": "!==",
  below: "<",
  "at-most": "<=",
  in: "in",
  matches: "matches",
};

function logicOf({ field, is, value }: Test): unknown {
  return { [words[is]]: [{ var: `args.${field}` }, value] };
}
