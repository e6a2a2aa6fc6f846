// How long does one decision on the raw JSON of a request take, against JSON.parse and JavaScript written by hand? Ours always
// does the reader's whole duty (UTF-8, escapes, duplicate keys, depth, exact numbers); JSON.parse does less, and is given the
// text as well as the bytes that it would have to be decoded from.
import type { EvaluationRequest } from "../../runtime/evaluator/index.ts";
import { evaluatorOf } from "../bundle.ts";
import { decide } from "../payments/javascript.ts";
import { answers, policyText, requests } from "../payments/workload.ts";
import { imageOf } from "../peers/faramesh.ts";
import type { Question } from "../question.ts";
import { type Answer, type Contender, medianNs, ratio, time, verify } from "../timing.ts";

const NOW_MS = 1_795_000_000_000;
const texts = requests.map((request) => JSON.stringify(request));
const bytes = texts.map((text) => Buffer.from(text));

export const question: Question = {
  asks: "one decision on the JSON of a request, workload payments",
  async measure({ pace, bundles }) {
    const { loadPolicySync } = await evaluatorOf(bundles);
    const policy = loadPolicySync(await imageOf(bundles, policyText));
    const options = { now: NOW_MS };
    const faramesh: Contender<Uint8Array, Answer> = {
      name: "faramesh",
      requests: bytes,
      decide: (request) => policy.decideJson(request, options),
      answer: ({ effect, rule }) => ({ effect, rule }),
    };
    const fromText: Contender<string, Answer> = {
      name: "javascript",
      requests: texts,
      decide: (text) => decide(JSON.parse(text) as EvaluationRequest),
      answer: (answer) => answer,
    };
    const fromBytes: Contender<Buffer, Answer> = {
      name: "javascript-bytes",
      requests: bytes,
      decide: (request) => decide(JSON.parse(request.toString()) as EvaluationRequest),
      answer: (answer) => answer,
    };
    const contenders: Contender[] = [faramesh, fromText, fromBytes];
    for (const contender of contenders) verify(contender, answers);
    const samples = time(contenders, pace);
    const overText = ratio(samples, "javascript", "faramesh");
    const overBytes = ratio(samples, "javascript-bytes", "faramesh");
    const must = { must: 4, goal: 6 };
    const wholeDuty = { must: 3, goal: 5 };
    return [
      ...contenders.map(({ name }) => ({ id: `json.${name}`, value: medianNs(samples, name), unit: "ns" })),
      { id: "json.faster-than-javascript", value: overText, unit: "x", atLeast: must },
      { id: "json.faster-than-javascript-bytes", value: overBytes, unit: "x", atLeast: must },
      // The same figures once more: the aims allow a reader that skips a part of its duty the first, and ours never does.
      { id: "json.whole-duty-faster-than-javascript", value: overText, unit: "x", atLeast: wholeDuty },
      { id: "json.whole-duty-faster-than-javascript-bytes", value: overBytes, unit: "x", atLeast: wholeDuty },
    ];
  },
};
