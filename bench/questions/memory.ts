// Does the machine's memory stay as it is? A million decisions on objects and on bytes, permits and denials, with budgets and
// limits that count, over one machine: its memory in bytes before and after, and the heap of the process.
import { explainTrace } from "../../runtime/evaluator/explain.ts";
import { Machine } from "../../runtime/evaluator/machine.ts";
import { wholeMachine } from "../../runtime/evaluator/whole-machine.ts";
import { WholePolicy } from "../../runtime/evaluator/whole-policy.ts";
import { policyText, requests } from "../payments/workload.ts";
import { imageOf } from "../peers/faramesh.ts";
import type { Question } from "../question.ts";

const DECISIONS = 1_000_000;
const DECISIONS_SHORT = 100_000;
const METERS = 4096;
const START_MS = 1_795_000_000_000;
/** Decisions after which the heap has what it keeps. */
const SETTLED = 20_000;

/** The workload with counters, so that state moves with each permit. */
const counting = policyText.replace(
  "  rules {",
  '  budget daily { max = $9000000000 cost = amount }\n  rate_limit "**": 100000 per minute\n  rules {',
);

export const question: Question = {
  asks: "the machine's memory over a million decisions",
  async measure({ short, bundles }) {
    const machine = new Machine(wholeMachine.module(), await imageOf(bundles, counting), METERS);
    const policy = new WholePolicy(machine, true, explainTrace);
    const bytes = requests.map((request) => new TextEncoder().encode(JSON.stringify(request)));
    const decisions = short ? DECISIONS_SHORT : DECISIONS;
    const before = machine.calls.memory.buffer.byteLength;
    let heapBefore = 0;
    let permits = 0;
    for (let i = 0; i < decisions; i++) {
      const at = (i >> 1) % requests.length;
      const [request, text] = [requests[at], bytes[at]];
      if (request === undefined || text === undefined) throw new Error("there is no such request");
      const options = { now: START_MS + i * 7 };
      const { effect, code } = i % 2 === 0 ? policy.decide(request, options) : policy.decideJson(text, options);
      if (code === "MACHINE_FAULT" || code === "STATE_FULL") throw new Error(`decision ${i} ends in ${code}`);
      if (effect === "permit") permits++;
      if (i === SETTLED) heapBefore = process.memoryUsage().heapUsed;
    }
    if (permits < decisions / 10) throw new Error(`only ${permits} of ${decisions} calls were permitted`);
    const grown = machine.calls.memory.buffer.byteLength - before;
    return [
      { id: "memory.machine", value: before / 1024, unit: "KB" },
      { id: "memory.machine-growth", value: grown, unit: "B", atMost: { must: 0, goal: 0 } },
      { id: "memory.heap-growth", value: (process.memoryUsage().heapUsed - heapBefore) / 1024, unit: "KB" },
    ];
  },
};
