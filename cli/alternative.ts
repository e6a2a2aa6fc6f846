// The smallest change of a call that would have let it through. Each proposal is judged by the policy with the counters as they
// stood; what that does not confirm is never told. It changes what the call says, never who sends it or when.
import type { EvaluationRequest, Explanation, Policy, ToolInfo } from "../runtime/evaluator/types.ts";
import type { ActivePolicy } from "../runtime/policy.ts";
import type { RecordedCall } from "../runtime/recorded-call.ts";
import { type Proposal, proposalOf, spentProposal } from "./proposal.ts";
import { changedAt, type Place, placeOf, valueAt } from "./request-place.ts";

export interface Alternative {
  /** The rule that would permit, from 1 over the whole policy; null for the default. */
  readonly number: number | null;
  /** `amount < 500`: every value that was tried there is permitted; `amount == 499`: this one is. Several are joined by `and`. */
  readonly change: string;
  /** The rule that stands in the way, from 1; null where it is the default, a limit or a budget. */
  readonly against: number | null;
  /** The call so changed, which the policy permits. */
  readonly request: EvaluationRequest;
}

/** Values of a call that are changed together. */
const changesMax = 3;
/** Calls that are judged on the way. */
const judgementsMax = 2_000;
/** Times that values are changed on before others are changed with them. */
const refinementsMax = 3;
/** Calls with some changes from which further ones are tried. */
const frontierMax = 64;

interface Step {
  readonly place: Place;
  readonly proposal: Proposal;
}

/** A call as some steps have changed it. */
interface Changed {
  readonly request: EvaluationRequest;
  readonly explanation: Explanation;
  readonly steps: readonly Step[];
}

/** Null where no change is confirmed. Of several the one of the fewest values, then the nearest, else the first rule's. */
export function alternativeOf(
  { policy }: ActivePolicy,
  call: RecordedCall,
  tool: ToolInfo,
  explanation: Explanation,
): Alternative | null {
  return new Search(policy, call, tool).best(explanation);
}

class Search {
  readonly #policy: Policy;
  readonly #call: RecordedCall;
  readonly #tool: ToolInfo;
  #judgements = 0;

  constructor(policy: Policy, call: RecordedCall, tool: ToolInfo) {
    this.#policy = policy;
    this.#call = call;
    this.#tool = tool;
  }

  best(explanation: Explanation): Alternative | null {
    const { effect, code, rule } = explanation.verdict;
    const against = rule === null ? null : rule + 1;
    const isSpent = code === "BUDGET_EXCEEDED" && effect === "deny";
    if (!isSpent && code !== "POLICY_DENY" && code !== "POLICY_DEFER") return null;
    const begin: Changed = { request: this.#call.request, explanation, steps: [] };
    if (isSpent) return this.#cheaper(begin);
    let frontier: readonly Changed[] = [begin];
    for (let count = 1; count <= changesMax; count++) {
      const tried = this.#refined(frontier.flatMap((one) => this.#next(one, false)));
      const through = tried.filter(isThrough);
      const [first] = through;
      if (first !== undefined) return this.#told(through.reduce(nearer, first), against);
      frontier = distinct(tried).slice(0, frontierMax);
    }
    return null;
  }

  /** With those added in which a value that was changed is changed on, where that is what stands in the way. */
  #refined(tried: readonly Changed[]): readonly Changed[] {
    let [all, latest] = [tried, tried];
    for (let round = 0; round < refinementsMax && !latest.some(isThrough); round++) {
      latest = distinct(latest.flatMap((one) => this.#next(one, true))).slice(0, frontierMax);
      all = [...all, ...latest];
    }
    return all;
  }

  /** Each proposal of the tests that came out against the call, at places that were changed before or at others. */
  #next(from: Changed, isAgain: boolean): Changed[] {
    const { rules } = from.explanation;
    const infos = this.#policy.rules();
    const everyTest = rules.flatMap(({ tests }) => tests);
    const changed: Changed[] = [];
    for (const { rule, outcome, tests } of rules) {
      // A permit is to match, what matched and is none is not to.
      const isPermit = infos[rule]?.effect === "permit";
      if (isPermit === (outcome === "match")) continue;
      for (const test of tests) {
        if ((test.result === "true") === isPermit) continue;
        const place = placeOf(test.operand, this.#tool, from.request);
        if (place === null || from.steps.some((step) => step.place.text === place.text) !== isAgain) continue;
        const proposal = proposalOf(test, !isPermit, everyTest, valueAt(from.request, place));
        const step = { place, proposal };
        for (const value of proposal.values.slice(0, proposal.isChoice ? proposal.values.length : 1)) {
          const one = this.#judged(from, step, value);
          if (one !== null) changed.push(one);
          if (one?.explanation.verdict.effect === "permit") break;
        }
      }
    }
    return changed;
  }

  #judged(from: Changed, { place, proposal }: Step, value: Proposal["values"][number]): Changed | null {
    if (this.#judgements >= judgementsMax) return null;
    const request = changedAt(from.request, place, value);
    if (request === null) return null;
    this.#judgements++;
    const explanation = this.#policy.explain(request, { now: this.#call.nowMs });
    // The value that was tried stands first from here on.
    const values = [value, ...proposal.values.filter((other) => other !== value)];
    const others = from.steps.filter((step) => step.place.text !== place.text);
    return { request, explanation, steps: [...others, { place, proposal: { ...proposal, values } }] };
  }

  #told({ request, explanation, steps }: Changed, against: number | null): Alternative {
    const { rule } = explanation.verdict;
    const parts = steps.map(({ place, proposal: { values, claim } }) => {
      const isWhole = claim !== null && values.every((value) => this.#permits(request, place, value));
      return isWhole ? claim : `${place.text} == ${JSON.stringify(values[0])}`;
    });
    return { number: rule === null ? null : rule + 1, change: parts.join(" and "), against, request };
  }

  #permits(request: EvaluationRequest, place: Place, value: Proposal["values"][number]): boolean {
    const changed = changedAt(request, place, value);
    return changed !== null && this.#policy.explain(changed, { now: this.#call.nowMs }).verdict.effect === "permit";
  }

  /** Where a budget is spent: the largest amount for which it has room. */
  #cheaper({ request }: Changed): Alternative | null {
    for (const read of this.#tool.reads) {
      const place = read.member === "args" ? placeOf(null, this.#tool, request, read) : null;
      const amount = place === null ? null : valueAt(request, place);
      if (place === null || typeof amount !== "number" || amount <= 0) continue;
      const proposal = spentProposal(amount, (value) => this.#permits(request, place, value));
      const [most] = proposal;
      if (most === undefined || !proposal.every((value) => this.#permits(request, place, value))) continue;
      const changed = changedAt(request, place, most) ?? request;
      const { rule } = this.#policy.explain(changed, { now: this.#call.nowMs }).verdict;
      return {
        number: rule === null ? null : rule + 1,
        change: `${place.text} <= ${most}`,
        against: null,
        request: changed,
      };
    }
    return null;
  }
}

function isThrough({ explanation }: Changed): boolean {
  return explanation.verdict.effect === "permit";
}

/** The earlier of two that are as near. */
function nearer(best: Changed, other: Changed): Changed {
  return distanceOf(other) < distanceOf(best) ? other : best;
}

function distanceOf({ steps }: Changed): number {
  return steps.reduce((sum, { proposal }) => sum + proposal.distance, 0);
}

/** One of each changed call. */
function distinct(all: readonly Changed[]): Changed[] {
  const seen = new Set<string>();
  return all.filter(({ request }) => {
    const key = JSON.stringify(request);
    return !seen.has(key) && seen.add(key) !== null;
  });
}
