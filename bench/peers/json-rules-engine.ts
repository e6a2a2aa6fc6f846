// json-rules-engine beside the others: a rule each, the first by priority stops the engine, its event tells the rule. It answers
// with promises only, so it is waited for and timed by itself, turn about with ours. Patterns are an operator of ours.
import { Engine, type NestedCondition } from "json-rules-engine";
import type { Waiter } from "../timing.ts";
import type { CaslRequest, CaslRule } from "./casl.ts";
import { type Test, testsOf } from "./tests.ts";

export function jsonRulesEngine(rules: readonly CaslRule[], requests: readonly CaslRequest[]): Waiter<CaslRequest> {
  const engine = new Engine([], { allowUndefinedFacts: true });
  const patterns = new Map<string, RegExp>();
  engine.addOperator(
    "matches",
    (text: unknown, source: string) => typeof text === "string" && patterns.get(source)?.test(text) === true,
  );
  let decided = -1;
  for (const [index, rule] of rules.entries()) {
    const tests = testsOf(rule);
    for (const { is, value } of tests) if (is === "matches") patterns.set(String(value), new RegExp(String(value)));
    engine.addRule({
      conditions: { all: [{ fact: "tool", operator: "in", value: [...rule.tools] }, ...tests.map(conditionOf)] },
      event: { type: "rule" },
      priority: rules.length - index,
      onSuccess: () => {
        if (decided < 0) decided = index;
        engine.stop();
      },
    });
  }
  return {
    name: "json-rules-engine",
    requests,
    ask: async ({ tool, args }) => {
      decided = -1;
      await engine.run({ tool, ...args });
      const rule = rules[decided];
      return rule === undefined ? { effect: "deny", rule: null } : { effect: rule.effect, rule: decided };
    },
  };
}

const words: Readonly<Record<Test["is"], string>> = {
  equal: "equal",
  "not-equal": "notEqual",
  below: "lessThan",
  "at-most": "lessThanInclusive",
  in: "in",
  matches: "matches",
};

function conditionOf({ field, is, value }: Test): NestedCondition {
  return { fact: field, operator: words[is], value };
}
