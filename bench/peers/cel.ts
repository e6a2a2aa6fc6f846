// cel-js as a contender: an expression for each rule, parsed beforehand, tried in order. CEL has no rules, no tools and no
// effects: which expressions a tool has is looked up in a map of ours, which is its quickest form and not part of it. It has
// no patterns in this library, so a function is given; an expression that fails is no match.
import { evaluate, parse } from "cel-js";
import type { Answer, Contender } from "../timing.ts";
import type { CaslRequest, CaslRule } from "./casl.ts";
import { type Test, testsOf } from "./tests.ts";

interface Expression {
  readonly rule: number;
  /** Null: always. */
  readonly cst: Parameters<typeof evaluate>[0] | null;
}

export function cel(rules: readonly CaslRule[], requests: readonly CaslRequest[], name = "cel-js"): Contender {
  const byTool = new Map<string, Expression[]>();
  const patterns: RegExp[] = [];
  for (const [rule, one] of rules.entries()) {
    const tests = testsOf(one);
    // By number: a pattern's backslashes are written otherwise in CEL's texts.
    const texts = tests.map((test) =>
      test.is === "matches"
        ? `matches(args.${test.field}, ${patterns.push(new RegExp(String(test.value))) - 1})`
        : textOf(test),
    );
    const cst = tests.length === 0 ? null : parsed(texts.join(" && "));
    for (const tool of one.tools) byTool.set(tool, [...(byTool.get(tool) ?? []), { rule, cst }]);
  }
  const functions = {
    matches: (text: unknown, pattern: number) => typeof text === "string" && patterns[pattern]?.test(text) === true,
  };
  const holds = (cst: Expression["cst"], request: CaslRequest): boolean => {
    if (cst === null) return true;
    try {
      return evaluate(cst, { args: request.args }, functions) === true;
    } catch {
      return false;
    }
  };
  const none: readonly Expression[] = [];
  const contender: Contender<CaslRequest, number> = {
    name,
    requests,
    decide: (request) => {
      for (const { rule, cst } of byTool.get(request.tool) ?? none) if (holds(cst, request)) return rule;
      return -1;
    },
    answer: (index): Answer => {
      const rule = rules[index];
      return rule === undefined ? { effect: "deny", rule: null } : { effect: rule.effect, rule: index };
    },
  };
  return contender;
}

function parsed(text: string): Parameters<typeof evaluate>[0] {
  const result = parse(text);
  if (!result.isSuccess) throw new Error(`cel-js does not parse ${text}: ${result.errors.join("; ")}`);
  return result.cst;
}

function textOf({ field, is, value }: Test): string {
  const constant = JSON.stringify(value);
  const path = `args.${field}`;
  const texts: Record<Test["is"], string> = {
    equal: `${path} == ${constant}`,
    "not-equal": `${path} != ${constant}`,
    below: `${path} < ${constant}`,
    "at-most": `${path} <= ${constant}`,
    in: `${path} in ${constant}`,
    matches: "false",
  };
  return texts[is];
}
