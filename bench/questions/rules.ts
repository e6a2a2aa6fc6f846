// Does a decision take longer when the policy has ten thousand rules instead of ten? The calls are nine of three tools in
// both, so that the difference is the rules' alone; "every-tool" calls each tool once in turn, which no cache holds.
import {
  calls,
  callsOfAll,
  caslRequest,
  caslRules,
  cedarPolicies,
  cedarRequest,
  type GeneratedCall,
  policyText,
} from "../generated/policy.ts";
import { casbin } from "../peers/casbin.ts";
import { casl } from "../peers/casl.ts";
import { cedar } from "../peers/cedar.ts";
import { faramesh } from "../peers/faramesh.ts";
import { jsonLogicRules } from "../peers/json-logic.ts";
import type { Question } from "../question.ts";
import type { Figure } from "../row.ts";
import { type Contender, medianNs, ratio, time, verify } from "../timing.ts";

const SIZES = [10, 100, 1_000, 10_000] as const;
const SMALLEST = 10;
const LARGEST = 10_000;
/** These look at each rule in each decision, and Cedar parses ten thousand in about a second. */
const LINEAR_RULES_SHORT = 1_000;

export const question: Question = {
  asks: "one decision under 10, 100, 1,000 and 10,000 rules",
  async measure({ pace, short, bundles }) {
    const contenders: Contender[] = [];
    const add = (contender: Contender, list: readonly GeneratedCall[]): void => {
      verify(
        contender,
        list.map(({ answer }) => answer),
      );
      contenders.push(contender);
    };
    for (const size of SIZES) {
      const list = calls(size);
      const requests = list.map(({ request }) => request);
      add(await faramesh(bundles, policyText(size), requests, `faramesh-${size}`), list);
      const rules = caslRules(size);
      add(casl(rules, list.map(caslRequest), `casl-${size}`), list);
      if (short && size > LINEAR_RULES_SHORT) continue;
      add(jsonLogicRules(rules, list.map(caslRequest), `json-logic-${size}`), list);
      add(await casbin(rules, list.map(caslRequest), `casbin-${size}`), list);
      const effects = rules.map(({ effect }) => effect);
      add(cedar(cedarPolicies(size), effects, list.map(cedarRequest), `cedar-${size}`), list);
    }
    const all = callsOfAll(LARGEST);
    const spread = await faramesh(
      bundles,
      policyText(LARGEST),
      all.map(({ request }) => request),
      "faramesh-every-tool",
    );
    add(spread, all);
    const samples = time(contenders, pace);
    const growths = ["casl", "cedar", "casbin", "json-logic"].flatMap((name): Figure[] => {
      const [largest, smallest] = [`${name}-${LARGEST}`, `${name}-${SMALLEST}`];
      if (!samples.has(largest)) return [];
      return [{ id: `rules.growth-of-${name}`, value: ratio(samples, largest, smallest), unit: "x" }];
    });
    return [
      ...contenders.map(({ name }) => ({ id: `rules.${name}`, value: medianNs(samples, name), unit: "ns" })),
      {
        id: "rules.growth",
        value: ratio(samples, `faramesh-${LARGEST}`, `faramesh-${SMALLEST}`),
        unit: "x",
        atMost: { must: 1.5, goal: 1.1 },
      },
      ...growths,
    ];
  },
};
