// How long does one decision on the parsed object take, against JavaScript written by hand and the peers?

import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import { decide } from "../payments/javascript.ts";
import { caslRules } from "../payments/rules.ts";
import { answers, caslRequests, cedarPolicies, cedarRequests, policyText, requests } from "../payments/workload.ts";
import { casbin } from "../peers/casbin.ts";
import { casl } from "../peers/casl.ts";
import { cedar } from "../peers/cedar.ts";
import { cel } from "../peers/cel.ts";
import { faramesh } from "../peers/faramesh.ts";
import { jsonLogicRules } from "../peers/json-logic.ts";
import { jsonRulesEngine } from "../peers/json-rules-engine.ts";
import type { Question } from "../question.ts";
import { type Answer, type Contender, medianNs, ratio, time, timeWaiter, verify, verifyWaiter } from "../timing.ts";

/** How many times faster than each peer ours must be, and should be. */
const peers: Readonly<Record<string, { readonly must: number; readonly goal: number }>> = {
  casl: { must: 3.5, goal: 5 },
  cedar: { must: 450, goal: 850 },
  casbin: { must: 100, goal: 200 },
  "cel-js": { must: 6, goal: 9 },
  "json-logic": { must: 20, goal: 40 },
};

export const question: Question = {
  asks: "one decision on the parsed object, workload payments",
  async measure({ pace, bundles }) {
    const javascript: Contender<EvaluationRequest, Answer> = {
      name: "javascript",
      requests,
      decide,
      answer: (answer) => answer,
    };
    const ours = await faramesh(bundles, policyText, requests);
    const contenders: Contender[] = [
      ours,
      javascript,
      casl(caslRules, caslRequests),
      cedar(
        cedarPolicies,
        caslRules.map(({ effect }) => effect),
        cedarRequests,
      ),
      await casbin(caslRules, caslRequests),
      cel(caslRules, caslRequests),
      jsonLogicRules(caslRules, caslRequests),
    ];
    for (const contender of contenders) verify(contender, answers);
    const samples = time(contenders, pace);
    const engine = jsonRulesEngine(caslRules, caslRequests);
    await verifyWaiter(engine, answers);
    const waited = await timeWaiter(engine, ours, pace);
    return [
      ...contenders.map(({ name }) => ({ id: `payments.${name}`, value: medianNs(samples, name), unit: "ns" })),
      {
        id: "payments.over-javascript",
        value: ratio(samples, "faramesh", "javascript"),
        unit: "x",
        atMost: { must: 6, goal: 4 },
      },
      ...Object.entries(peers).map(([name, atLeast]) => ({
        id: `payments.faster-than-${name}`,
        value: ratio(samples, name, "faramesh"),
        unit: "x",
        atLeast,
      })),
      { id: `payments.${engine.name}`, value: medianNs(waited, engine.name), unit: "ns" },
      {
        id: `payments.faster-than-${engine.name}`,
        value: ratio(waited, engine.name, "faramesh"),
        unit: "x",
        atLeast: { must: 450, goal: 850 },
      },
    ];
  },
};
