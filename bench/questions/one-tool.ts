// One tool under two hundred rules with conditions: how much longer than the chain of ifs that a person would write?
import { answerOf, calls, ifChain, policyText } from "../generated/one-tool.ts";
import { faramesh } from "../peers/faramesh.ts";
import type { Question } from "../question.ts";
import { type Contender, medianNs, ratio, time, verify } from "../timing.ts";

export const question: Question = {
  asks: "one tool with 200 conditional rules against a chain of ifs",
  async measure({ pace, bundles }) {
    const list = calls();
    const requests = list.map(({ request }) => request);
    const contenders: Contender[] = [
      await faramesh(bundles, policyText(), requests),
      { name: "javascript", requests, decide: ifChain(), answer: answerOf } as Contender,
    ];
    for (const contender of contenders)
      verify(
        contender,
        list.map(({ answer }) => answer),
      );
    const samples = time(contenders, pace);
    return [
      ...contenders.map(({ name }) => ({ id: `one-tool.${name}`, value: medianNs(samples, name), unit: "ns" })),
      {
        id: "one-tool.over-javascript",
        value: ratio(samples, "faramesh", "javascript"),
        unit: "x",
        atMost: { must: 6, goal: 1 },
      },
    ];
  },
};
