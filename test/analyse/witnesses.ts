// Every difference that analysis is sure of, tried out: its example is put to both policies, which must answer as was said.
// And every call that both machines answer differently must lie in a difference that was reported.
import { type AccessChange, compareAccess } from "../../compiler/analyse/access.ts";
import { timeWith } from "../../compiler/analyse/time.ts";
import type { Witness } from "../../compiler/analyse/witness.ts";
import { type Compiled, compile } from "../../compiler/index.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import type { EvaluationRequest, Verdict } from "../../runtime/evaluator/types.ts";
import { acceptable } from "../differential/compare.ts";
import { engines } from "../differential/run.ts";
import { type PolicyDraft, policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { START_MS } from "../generate/request.ts";

export interface Tried {
  readonly pairs: number;
  readonly confirmed: number;
  /** Differences that hang on what no call shows. */
  readonly uncertain: number;
  /** Examples that need a state that is not built here, or a counter's answer. */
  readonly untried: number;
}

const ruledCodes = ["POLICY_PERMIT", "POLICY_DENY", "POLICY_DEFER", "PHASE_HIDDEN", "MODEL_DENIED", "EGRESS_DENIED"];

/** Throws, with seed, at the first example that is answered otherwise. */
export async function tryWitnesses(pairs: number, firstSeed: number): Promise<Tried> {
  const tally = { pairs: 0, confirmed: 0, uncertain: 0, untried: 0 };
  for (let seed = firstSeed; tally.pairs < pairs; seed++) {
    const random = new Random(seed);
    const draft = await acceptable(engines, policyDraft(random, random.oneIn(4)));
    if (draft === null) continue;
    const changed = await acceptable(engines, altered(random, draft));
    if (changed === null) continue;
    const before = compile(policyText(draft), { file: "policy.fms" });
    const after = compile(policyText(changed), { file: "policy.fms" });
    if (before.stack === undefined || after.stack === undefined) continue;
    tally.pairs++;
    for (const change of compareAccess(before.stack, after.stack, () => false).changes) {
      if (!change.isCertain) {
        tally.uncertain++;
        continue;
      }
      const said = [decided(before, change.example), decided(after, change.example)];
      if (said.some((verdict) => verdict === null || !ruledCodes.includes(verdict.code))) tally.untried++;
      else if (said[0]?.effect === change.from && said[1]?.effect === change.to) tally.confirmed++;
      else throw new Error(report(seed, change, said, draft, changed));
    }
  }
  return tally;
}

/** A policy with some rules gone, turned round or replaced. */
function altered(random: Random, policy: PolicyDraft): PolicyDraft {
  const other = policyDraft(random);
  const rules = <T>(own: readonly T[], others: readonly T[]): T[] => {
    const kept = own.filter(() => !random.oneIn(5));
    const more = others.filter(() => random.oneIn(4));
    return random.oneIn(3) ? [...more, ...kept] : [...kept, ...more];
  };
  return {
    ...policy,
    strict: random.oneIn(8) ? !policy.strict : policy.strict,
    flat: policy.flat.length === 0 ? [] : rules(policy.flat, other.flat),
    agents: policy.agents.map((agent) => {
      const from = other.agents.find(({ id }) => id === agent.id);
      if (from === undefined) return agent;
      return {
        ...agent,
        default: random.oneIn(5) ? from.default : agent.default,
        rules: rules(agent.rules, from.rules),
      };
    }),
  };
}

/** Null where the example's state cannot be had by opening the policy and moving the session. */
function decided({ image }: Compiled, { request, phase, rollouts, time }: Witness): Verdict | null {
  if (image === undefined) return null;
  // Small memories load faster.
  const policy = loadPolicySync(image, { state: "volatile", meterCapacity: 64, arenaBytes: 16_384, requestBytes: 0 });
  const now = timeWith(time);
  if (now === null || Object.values(rollouts).includes(false)) return null;
  if (Object.keys(rollouts).length > 0) policy.activatePhases(now);
  const call = request as unknown as EvaluationRequest;
  const session = { agent_id: call.agent_id, session_id: call.session_id ?? "default" };
  if (phase !== null) policy.movePhase({ ...session, to: phase }, { now });
  const running = policy.phases(now).filter(({ started_at }) => started_at !== null && started_at <= now);
  const isRunning = Object.keys(rollouts).every((name) => running.some((one) => one.name === name));
  return isRunning ? policy.decide(call, { now: Math.max(now, START_MS) }) : null;
}

function report(
  seed: number,
  change: AccessChange,
  said: readonly (Verdict | null)[],
  before: PolicyDraft,
  after: PolicyDraft,
): string {
  const what = `${change.tool} ${change.from} → ${change.to} when ${JSON.stringify(change.when)}`;
  const answers = said.map((verdict) => `${verdict?.effect} ${verdict?.code} ${verdict?.rule_ref}`).join(", ");
  return `seed ${seed}: ${what}: ${JSON.stringify(change.example)} gave ${answers}\n${policyText(before)}\n-----\n${policyText(after)}`;
}
