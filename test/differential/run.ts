// Draws policies and calls from a seed, holds oracle and machine against each other, and shrinks the first disagreement.
import { type Compiled, compile } from "../../compiler/index.ts";
import { loadPolicy } from "../../runtime/evaluator/index.ts";
import { treeOf } from "../conformance/engine.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { callDrafts, START_MS } from "../generate/request.ts";
import { type Pair, shrink } from "../generate/shrink.ts";
import { clockChanges } from "../generate/words.ts";
import { Oracle } from "../oracle/oracle.ts";
import { acceptable, compare, type Disagreement, type Engines, FILE } from "./compare.ts";

export const CALLS_PER_POLICY = 100;
/** Counters and text of generated calls are few; small memories load faster. */
const METERS = 1024;
const ARENA_BYTES = 65_536;

export interface Tally {
  readonly pairs: number;
  readonly policies: number;
  readonly refused: number;
}

/** The last compilation: a pair opens the same text several times. */
let last: { readonly text: string; readonly result: Compiled } | null = null;

function compiled(text: string): Compiled {
  if (last?.text !== text) last = { text, result: compile(text, { file: FILE }) };
  return last.result;
}

export const engines: Engines = {
  oracle: (text) => new Oracle(treeOf(text, FILE)),
  machine: async (text) => {
    const { image, diagnostics } = compiled(text);
    if (image !== undefined)
      return loadPolicy(image, { state: "volatile", meterCapacity: METERS, arenaBytes: ARENA_BYTES, requestBytes: 0 });
    return { refusedLines: diagnostics.filter((d) => d.severity === "error").map((d) => d.line) };
  },
};

/** The pair of one seed. Time goes back only where no log has to tell what a refused call had seen of it. */
export function drawPair(seed: number): Pair {
  const random = new Random(seed);
  const networked = random.oneIn(4);
  const [timezone, change] = random.oneIn(6) ? random.pick(clockChanges) : [null, START_MS];
  const start = timezone === null ? START_MS : change - random.pick([0, 60_000, 5_400_000, 90_000_000]);
  const policy = policyDraft(random, networked, timezone);
  const from = random.pick(["snapshot", "charges", "nothing", "nothing", "nothing", "nothing"] as const);
  const restart = from === "nothing" ? null : { call: random.below(CALLS_PER_POLICY), from };
  const unsteady = from !== "charges" && random.oneIn(4);
  const calls = callDrafts(random, CALLS_PER_POLICY, unsteady ? "unsteady" : "forward", networked, start);
  const call = random.below(20);
  const activation = random.oneIn(5) ? null : { call, now: calls[call]?.options.now ?? start };
  return { policy, calls, activation, restart };
}

/** Judges pairs until there are `pairs` of them. Throws, with seed and smallest case, at the first disagreement. */
export async function runPairs(pairs: number, firstSeed: number, using: Engines = engines): Promise<Tally> {
  let [judged, policies, refused] = [0, 0, 0];
  for (let seed = firstSeed; judged < pairs; seed++) {
    const drawn = drawPair(seed);
    const policy = await acceptable(using, drawn.policy);
    if (policy === null) {
      refused++;
      if (refused > 100 + policies)
        throw new Error(`the compiler refuses most generated policies, the last at seed ${seed}`);
      continue;
    }
    const pair = { ...drawn, policy };
    const outcome = await compare(using, pair);
    policies++;
    if (typeof outcome === "number") judged += outcome;
    else if (outcome !== null) throw new Error(await report(using, seed, pair, outcome));
  }
  return { pairs: judged, policies, refused };
}

/** The smallest case of a disagreement, as text to paste. */
export async function report(using: Engines, seed: number, pair: Pair, first: Disagreement): Promise<string> {
  const cut = { ...pair, calls: pair.calls.slice(0, first.call + 1) };
  const small = await shrink(cut, async (candidate) => {
    const outcome = await compare(using, candidate);
    return typeof outcome === "object" && outcome?.member === first.member;
  });
  const outcome = await compare(using, small);
  const calls = small.calls.map(({ request, options, ...first }) =>
    JSON.stringify({ ...first, ...request, ...options }),
  );
  const { oracle, machine } = typeof outcome === "object" && outcome !== null ? outcome : first;
  return [
    `oracle and machine disagree about \`${first.member}\` at seed ${seed}`,
    policyText(small.policy),
    ...(small.activation === null
      ? []
      : [`phases activated before call ${small.activation.call} at ${small.activation.now}`]),
    ...(small.restart === null ? [] : [`restart from ${small.restart.from} before call ${small.restart.call}`]),
    ...calls,
    `oracle:  ${oracle}`,
    `machine: ${machine}`,
  ].join("\n");
}
