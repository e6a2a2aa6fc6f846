// Analysis held against the machine: each generated call is found among the regions, and the sets say what the machine does.
import { patternsOf, subjectOf } from "../../compiler/analyse/access.ts";
import { clausesOf, type Effect } from "../../compiler/analyse/clauses.ts";
import { Space } from "../../compiler/analyse/decision.ts";
import { ALWAYS, Beyond, type Node } from "../../compiler/analyse/diagram.ts";
import { FormulaReader } from "../../compiler/analyse/formula.ts";
import { Patterns } from "../../compiler/analyse/patterns.ts";
import { Places } from "../../compiler/analyse/place.ts";
import { answer } from "../../compiler/analyse/test.ts";
import { toolClasses } from "../../compiler/analyse/tool-classes.ts";
import type { Agent, Stack } from "../../compiler/ast.ts";
import { compile } from "../../compiler/index.ts";
import { loadPolicySync, type Policy } from "../../runtime/evaluator/index.ts";
import { acceptable } from "../differential/compare.ts";
import { engines } from "../differential/run.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { callDrafts, START_MS } from "../generate/request.ts";
import { globMatches } from "../oracle/glob.ts";
import { type Situation, sampleOf } from "./sample-of.ts";

export interface Agreement {
  readonly policies: number;
  /** Calls whose effect analysis was sure of, and those of which it said nothing. */
  readonly sure: number;
  readonly unsure: number;
  readonly beyond: number;
}

const ruledCodes = ["POLICY_PERMIT", "POLICY_DENY", "POLICY_DEFER", "PHASE_HIDDEN", "MODEL_DENIED", "EGRESS_DENIED"];
const CALLS = 60;

/** Throws, with seed and call, at the first disagreement. */
export async function holdAgainstMachine(policies: number, firstSeed: number): Promise<Agreement> {
  const tally = { policies: 0, sure: 0, unsure: 0, beyond: 0 };
  for (let seed = firstSeed; tally.policies < policies; seed++) {
    const random = new Random(seed);
    const networked = random.oneIn(4);
    const draft = await acceptable(engines, policyDraft(random, networked));
    const text = draft === null ? null : policyText(draft);
    const compiled = text === null ? null : compile(text, { file: "policy.fms" });
    if (compiled?.image === undefined || compiled.stack === undefined) continue;
    tally.policies++;
    const policy = loadPolicySync(compiled.image, {
      state: "volatile",
      meterCapacity: 1024,
      arenaBytes: 262_144,
      requestBytes: 0,
    });
    policy.activatePhases(START_MS);
    const views = new Views(compiled.stack);
    for (const { request, options } of callDrafts(random, CALLS, "forward", networked)) {
      const situation = situationOf(compiled.stack, policy, request, options.now);
      const verdict = policy.decide(request, { now: options.now });
      if (!ruledCodes.includes(verdict.code)) continue;
      const said = views.effectOf(situation);
      if (said === "beyond") tally.beyond++;
      else if (said === null) tally.unsure++;
      else if (said === verdict.effect) tally.sure++;
      else {
        const call = JSON.stringify(request);
        throw new Error(`seed ${seed}: analysis says ${said}, the machine ${verdict.effect} of ${call}\n${text}`);
      }
    }
  }
  return tally;
}

function situationOf(stack: Stack, policy: Policy, request: Situation["request"], now: number): Situation {
  const governing = stack.agents.some(({ id }) => id === request.agent_id) ? request.agent_id : "";
  const name = {
    agent_id: request.agent_id,
    ...(request.session_id === undefined ? {} : { session_id: request.session_id }),
  };
  const phase = policy.sessionPhase(name, { now })?.name ?? null;
  const running = policy
    .phases(now)
    .filter(
      ({ agent, started_at, ends_at }) =>
        agent === governing && (started_at ?? Infinity) <= now && (ends_at ?? 0) > now,
    );
  return { request, now, phase, running: new Set(running.map(({ name: rollout }) => rollout)) };
}

interface View {
  readonly space: Space;
  readonly sets: Readonly<Record<Effect, Node>>;
}

/** Decisions of each agent and class of tools, made when they are first asked for. */
class Views {
  readonly #stack: Stack;
  readonly #views = new Map<string, View | null>();
  readonly #patterns = new Patterns();

  constructor(stack: Stack) {
    this.#stack = stack;
  }

  /** Null where analysis does not claim to know. */
  effectOf(situation: Situation): Effect | "beyond" | null {
    const { agent_id, tool_id } = situation.request;
    const { agents, anonymous } = this.#stack;
    const agent = agents.find(({ id }) => id === agent_id) ?? anonymous;
    if (agent === null) return null;
    const matching = patternsOf(agent).filter((pattern) => globMatches(pattern, tool_id));
    const key = JSON.stringify([agent.id, [...new Set(matching)].sort(), matching.includes(tool_id) ? tool_id : null]);
    const known = this.#views.get(key);
    const view = known === undefined ? this.#make(agent, new Set(matching), tool_id) : known;
    this.#views.set(key, view);
    return view === null ? "beyond" : found(view, situation);
  }

  #make(agent: Agent, matching: ReadonlySet<string>, tool: string): View | null {
    try {
      const tools = toolClasses(patternsOf(agent)).find(
        ({ patterns }) => patterns.size === matching.size && [...patterns].every((pattern) => matching.has(pattern)),
      );
      if (tools === undefined) throw new Error(`no class of tools has ${tool}`);
      const places = new Places();
      const id = agent === this.#stack.anonymous ? null : agent.id;
      const setting = { tool: tools.isSingle ? tools.example : null, agent: id, zone: "" };
      const reader = new FormulaReader(places, setting, this.#patterns);
      const clauses = clausesOf(subjectOf(this.#stack, agent), tools, places, reader);
      const space = new Space(places.ordered());
      const { permit, defer, deny } = space.decision(clauses).effects;
      return {
        space,
        sets: { permit: space.certain(permit), defer: space.certain(defer), deny: space.certain(deny) },
      };
    } catch (error) {
      if (error instanceof Beyond) return null;
      throw error;
    }
  }
}

/** The set that holds the call; null where none surely does. */
function found({ space, sets }: View, situation: Situation): Effect | null {
  let isOdd = false;
  const regions = space.places.map((place, level) => {
    const sample = sampleOf(place, situation);
    if (sample === null) return null;
    const answers = place.tests.map((test) => answer(test, sample)).join();
    const index = (space.regions[level] ?? []).findIndex(
      (region) => region.answers.join() === answers && region.sample.kind === sample.kind,
    );
    const isDrawnOdd = place.domain.kind === "given" || (place.domain.kind === "text" && sample.kind !== "text");
    if (index < 0 && !isDrawnOdd) throw new Error(`no region of ${place.words} holds ${JSON.stringify(sample)}`);
    isOdd ||= index < 0;
    return index;
  });
  // What the daemon refuses before it asks, as an action of another name.
  if (isOdd) return null;
  const holds = (set: Node): boolean => {
    let node = set;
    while (node > ALWAYS) {
      const region = regions[space.diagrams.dimensionOf(node)];
      if (region === null || region === undefined) return false;
      node = space.diagrams.childrenOf(node)[region] as Node;
    }
    return node === ALWAYS;
  };
  return (["permit", "defer", "deny"] as const).find((effect) => holds(sets[effect])) ?? null;
}
