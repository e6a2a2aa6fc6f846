// Do alerts slow decisions? The same calls of the same policy with alerts on beside it with alerts off: on denials, on every
// decision, and on every decision to a receiver that never answers, so that the queue is full.
import { line, rightEffect } from "../payments/lines.ts";
import { policyText } from "../payments/workload.ts";
import { Caller } from "../peers/caller.ts";
import { daemon, receiver, type Server } from "../peers/server.ts";
import type { Question } from "../question.ts";
import { median } from "../timing.ts";

/** Calls unanswered at a time. */
const WINDOW = 256;

const forms = [
  { id: "off", on: [], manner: "taking" },
  { id: "denials", on: ["deny"], manner: "taking" },
  { id: "every-decision", on: ["deny", "permit"], manner: "taking" },
  { id: "queue-full", on: ["deny", "permit"], manner: "silent" },
] as const;

export const question: Question = {
  asks: "calls a second with alerts on, against the same with alerts off",
  async measure({ short, bundles }) {
    const rounds = short ? 3 : 15;
    const calls = short ? 2000 : 10_000;
    const receivers = { taking: await receiver(bundles, "taking"), silent: await receiver(bundles, "silent") };
    const servers: Server[] = [];
    try {
      for (const { on, manner } of forms)
        servers.push(await daemon(bundles, withAlerts(on, receivers[manner].port), "async"));
      const callers = await Promise.all(servers.map(({ socket }) => Caller.open(socket)));
      for (const caller of callers) {
        await checkAnswer(caller);
        await caller.pipeline(line, calls, WINDOW);
      }
      const samples = callers.map(() => [] as number[]);
      for (let round = 0; round < rounds; round++)
        for (const [i, caller] of callers.entries()) samples[i]?.push(await caller.pipeline(line, calls, WINDOW));
      for (const caller of callers) caller.close();
      const [off = []] = samples;
      return forms.flatMap(({ id }, i) => {
        const own = samples[i] ?? [];
        const rate = { id: `alerts.${id}`, value: calls / median(own), unit: "calls/ms" };
        const kept = median(own.map((ms, round) => (off[round] ?? Number.NaN) / ms));
        const share = { id: `alerts.${id}-over-off`, value: kept, unit: "x", atLeast: { must: 0.8, goal: 0.95 } };
        return i === 0 ? [rate] : [rate, share];
      });
    } finally {
      for (const server of servers) await server.remove();
      for (const one of Object.values(receivers)) await one.remove();
    }
  },
};

function withAlerts(on: readonly string[], port: number): string {
  const alert = on.length === 0 ? "" : `  alert { on: [${on.join(", ")}] notify "http://127.0.0.1:${port}/alerts" }\n`;
  const end = policyText.lastIndexOf("}");
  return `runtime { allow_private = true }\n${policyText.slice(0, end)}${alert}}\n`;
}

async function checkAnswer(caller: Caller): Promise<void> {
  const { effect } = JSON.parse(await caller.ask(line(0))) as { readonly effect: string };
  if (effect !== rightEffect(0)) throw new Error(`the call got ${effect}, right is ${rightEffect(0)}`);
}
