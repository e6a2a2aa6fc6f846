// How many calls does the daemon decide in a second when callers do not wait? Beside a daemon written by hand that parses
// with JSON.parse, decides in JavaScript and writes the same hashed records; see peers/reference-daemon.ts.
import { line, rightEffect } from "../payments/lines.ts";
import { policyText } from "../payments/workload.ts";
import { Caller } from "../peers/caller.ts";
import { daemon, peer } from "../peers/server.ts";
import type { Question } from "../question.ts";
import { median } from "../timing.ts";

/** Calls unanswered at a time. */
const WINDOW = 256;

export const question: Question = {
  asks: "calls a second, many in flight, against a daemon written by hand",
  async measure({ short, bundles }) {
    const rounds = short ? 5 : 15;
    const calls = short ? 4000 : 10_000;
    const servers = [
      await peer(bundles, "reference"),
      await daemon(bundles, policyText, "async"),
      await daemon(bundles, policyText, "group"),
    ];
    try {
      const callers = await Promise.all(servers.map(({ socket }) => Caller.open(socket)));
      for (const caller of callers) {
        await checkAnswers(caller);
        await caller.pipeline(line, calls, WINDOW);
      }
      const samples = callers.map(() => [] as number[]);
      for (let round = 0; round < rounds; round++) {
        for (const [i, caller] of callers.entries()) samples[i]?.push(await caller.pipeline(line, calls, WINDOW));
      }
      for (const caller of callers) caller.close();
      const [reference = [], relaxed = [], group = []] = samples;
      const rate = (ms: readonly number[]): number => calls / median(ms);
      const faster = (ms: readonly number[]): number =>
        median(ms.map((one, round) => (reference[round] ?? Number.NaN) / one));
      return [
        { id: "pipelined.by-hand", value: rate(reference), unit: "calls/ms" },
        { id: "pipelined.faramesh", value: rate(relaxed), unit: "calls/ms" },
        { id: "pipelined.over-by-hand", value: faster(relaxed), unit: "x", atLeast: { must: 1, goal: 1.5 } },
        { id: "pipelined.faramesh-group", value: rate(group), unit: "calls/ms" },
        { id: "pipelined.group-over-by-hand-unsynced", value: faster(group), unit: "x" },
      ];
    } finally {
      for (const server of servers) await server.remove();
    }
  },
};

async function checkAnswers(caller: Caller): Promise<void> {
  for (let index = 0; index < 10; index++) {
    const { effect } = JSON.parse(await caller.ask(line(index))) as { readonly effect: string };
    if (effect !== rightEffect(index)) throw new Error(`call ${index} got ${effect}, right is ${rightEffect(index)}`);
  }
}
