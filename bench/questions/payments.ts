// How long does one decision on the parsed object take, against JavaScript written by hand, CASL and Cedar?

import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import { decide } from "../payments/javascript.ts";
import { caslRules } from "../payments/rules.ts";
import { answers, caslRequests, cedarPolicies, cedarRequests, policyText, requests } from "../payments/workload.ts";
import { casl } from "../peers/casl.ts";
import { cedar } from "../peers/cedar.ts";
import { faramesh } from "../peers/faramesh.ts";
import type { Question } from "../question.ts";
import { type Answer, type Contender, medianNs, ratio, time, verify } from "../timing.ts";

export const question: Question = {
  asks: "one decision on the parsed object, workload payments",
  async measure({ pace, bundles }) {
    const javascript: Contender<EvaluationRequest, Answer> = {
      name: "javascript",
      requests,
      decide,
      answer: (answer) => answer,
    };
    const contenders: Contender[] = [
      await faramesh(bundles, policyText, requests),
      javascript,
      casl(caslRules, caslRequests),
      cedar(
        cedarPolicies,
        caslRules.map(({ effect }) => effect),
        cedarRequests,
      ),
    ];
    for (const contender of contenders) verify(contender, answers);
    const samples = time(contenders, pace);
    return [
      ...contenders.map(({ name }) => ({ id: `payments.${name}`, value: medianNs(samples, name), unit: "ns" })),
      {
        id: "payments.over-javascript",
        value: ratio(samples, "faramesh", "javascript"),
        unit: "x",
        atMost: { must: 6, goal: 4 },
      },
      {
        id: "payments.faster-than-casl",
        value: ratio(samples, "casl", "faramesh"),
        unit: "x",
        atLeast: { must: 3.5, goal: 5 },
      },
      {
        id: "payments.faster-than-cedar",
        value: ratio(samples, "cedar", "faramesh"),
        unit: "x",
        atLeast: { must: 450, goal: 850 },
      },
    ];
  },
};
