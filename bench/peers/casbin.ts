// casbin as a contender: a line of policy for each rule and tool, the first that matches decides (`priority`), conditions in
// the line by `eval`. It knows allow and deny; the line's last column tells the rule, and a defer is an allow of that rule.
import { newEnforcer, newModelFromString } from "casbin";
import type { Answer, Contender } from "../timing.ts";
import type { CaslRequest, CaslRule } from "./casl.ts";
import { type Test, testsOf } from "./tests.ts";

const MODEL = `
[request_definition]
r = tool, args
[policy_definition]
p = tool, condition, eft, id
[policy_effect]
e = priority(p.eft) || deny
[matchers]
m = r.tool == p.tool && eval(p.condition)
`;

type Enforced = readonly [boolean, readonly string[]];

export async function casbin(
  rules: readonly CaslRule[],
  requests: readonly CaslRequest[],
  name = "casbin",
): Promise<Contender> {
  const enforcer = await newEnforcer(newModelFromString(MODEL));
  const lines = rules.flatMap((rule, index) => {
    const condition = testsOf(rule).map(textOf).join(" && ") || "true";
    return rule.tools.map((tool) => [tool, condition, rule.effect === "deny" ? "deny" : "allow", String(index)]);
  });
  await enforcer.addPolicies(lines);
  const contender: Contender<CaslRequest, Enforced> = {
    name,
    requests,
    decide: (request) => enforcer.enforceExSync(request.tool, request.args),
    answer: ([, line]): Answer => {
      const rule = line[3] === undefined ? undefined : rules[Number(line[3])];
      return rule === undefined ? { effect: "deny", rule: null } : { effect: rule.effect, rule: Number(line[3]) };
    },
  };
  return contender;
}

function textOf({ field, is, value }: Test): string {
  const path = `r.args.${field}`;
  const constant = JSON.stringify(value);
  const members = Array.isArray(value) ? value : [value];
  const texts: Record<Test["is"], string> = {
    equal: `${path} == ${constant}`,
    "not-equal": `${path} != ${constant}`,
    below: `${path} < ${constant}`,
    "at-most": `${path} <= ${constant}`,
    in: `(${members.map((member) => `${path} == ${JSON.stringify(member)}`).join(" || ")})`,
    matches: `regexMatch(${path}, ${constant})`,
  };
  return texts[is];
}
