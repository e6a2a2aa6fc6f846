// What do callers notice of a new policy? Thirty-two ask without a pause while policies are swapped under them, each of
// which marks its answers by its version: none may be lost, none may mix two versions, none may wait long.

import { Caller } from "../peers/caller.ts";
import { imageOf } from "../peers/faramesh.ts";
import { applyImage, daemon } from "../peers/server.ts";
import type { Question } from "../question.ts";

const CALLERS = 32;
const CALL = `${JSON.stringify({ type: "govern", agent_id: "bot", tool_id: "search", args: { a: 1, b: 1 } })}\n`;

interface Seen {
  readonly ms: number;
  readonly version: string;
  readonly reason: string;
  readonly isDuringSwap: boolean;
}

/** Both conditions hold in every version, so that an answer that read two of them would show. */
function policy(turn: number): string {
  return `agent "bot" {\n  default deny\n  rules {\n    permit search if a == 1 and b == 1 reason "turn ${turn}"\n  }\n}\n`;
}

export const question: Question = {
  asks: "swaps of the policy under thirty-two callers",
  async measure({ short, bundles }) {
    const swaps = short ? 10 : 50;
    // Compiled beforehand: the callers live in this process too.
    const images: Uint8Array[] = [];
    for (let turn = 2; turn < swaps + 2; turn++) images.push(await imageOf(bundles, policy(turn)));
    const server = await daemon(bundles, policy(1), "async");
    try {
      const callers = await Promise.all(Array.from({ length: CALLERS }, () => Caller.open(server.socket)));
      const seen: Seen[] = [];
      let lost = 0;
      let isOver = false;
      let isSwapping = false;
      const ask = async (caller: Caller): Promise<void> => {
        while (!isOver) {
          const start = performance.now();
          const wasSwapping = isSwapping;
          try {
            const { policy_version, reason } = JSON.parse(await caller.ask(CALL)) as Record<string, string>;
            const ms = performance.now() - start;
            seen.push({
              ms,
              version: String(policy_version),
              reason: String(reason),
              isDuringSwap: wasSwapping || isSwapping,
            });
          } catch {
            lost++;
            return;
          }
        }
      };
      const asking = callers.map(ask);
      for (let turn = 2; turn < swaps + 2; turn++) {
        await new Promise((resolve) => setTimeout(resolve, 20));
        isSwapping = true;
        await applyImage(server, images[turn - 2] as Uint8Array, policy(turn));
        isSwapping = false;
      }
      isOver = true;
      await Promise.all(asking);
      for (const caller of callers) caller.close();
      const calm = seen.filter(({ isDuringSwap }) => !isDuringSwap).map(({ ms }) => ms);
      const p99 = calm.sort((a, b) => a - b)[Math.floor(calm.length * 0.99)] ?? Number.NaN;
      const slow = seen.filter(({ ms }) => ms > 10 * p99).length;
      // Each version says its own number: version and reason come from one policy, or from a mixture.
      const mixed = seen.filter(({ version, reason }) => reason !== `turn ${version.slice(1)}`).length;
      const none = { must: 0, goal: 0 };
      return [
        { id: "swap.answers", value: seen.length, unit: "" },
        { id: "swap.lost", value: lost, unit: "", atMost: none },
        { id: "swap.mixed", value: mixed, unit: "", atMost: none },
        { id: "swap.slower-than-10-p99", value: slow, unit: "", atMost: none },
        { id: "swap.p99", value: p99, unit: "ms" },
      ];
    } finally {
      await server.remove();
    }
  },
};
