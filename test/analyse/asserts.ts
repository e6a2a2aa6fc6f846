// Asserts made from generated policies, held against calls by chance: the probe says whether a call is the assert's, the machine
// what it is answered. Throws at a counter-example that does not break its assert.
import { assertText, tryAsserts } from "../../cli/asserts.ts";
import { patternsOf } from "../../compiler/analyse/access.ts";
import { type Asked, agentsOf, probeImage } from "../../compiler/analyse/index.ts";
import { toolClasses } from "../../compiler/analyse/tool-classes.ts";
import type { Rule } from "../../compiler/ast.ts";
import { compile } from "../../compiler/index.ts";
import { ruleText } from "../../compiler/text.ts";
import { loadPolicySync } from "../../runtime/evaluator/index.ts";
import { acceptable } from "../differential/compare.ts";
import { engines } from "../differential/run.ts";
import { policyDraft, policyText } from "../generate/policy.ts";
import { Random } from "../generate/random.ts";
import { callDrafts, START_MS } from "../generate/request.ts";

/** A policy, and the same with asserts. */
export const encodings: readonly (readonly [string, string])[] = [
  [
    "agent a { default deny permit t if x < 5\n}\n",
    "agent a { default deny permit t if x < 5\n assert never permit t if x > 5 }\nassert always deny u\n",
  ],
  ["permit t\n", 'permit t\nassert never permit u reason "x"\n'],
];

export interface TriedGenerated {
  readonly policies: number;
  readonly proved: number;
  readonly refuted: number;
  readonly unproved: number;
  readonly calls: number;
  /** Asserts said to be proved that a call breaks, with seed and call. */
  readonly broken: readonly string[];
}

const ruledCodes = ["POLICY_PERMIT", "POLICY_DENY", "POLICY_DEFER", "PHASE_HIDDEN", "MODEL_DENIED", "EGRESS_DENIED"];
const CALLS = 40;
const small = { state: "volatile", meterCapacity: 256, arenaBytes: 65_536, requestBytes: 0 } as const;

export async function tryGenerated(policies: number, firstSeed: number): Promise<TriedGenerated> {
  const tally = { policies: 0, proved: 0, refuted: 0, unproved: 0, calls: 0 };
  const broken: string[] = [];
  for (let seed = firstSeed; tally.policies < policies; seed++) {
    const random = new Random(seed);
    const networked = random.oneIn(4);
    const draft = await acceptable(engines, policyDraft(random, networked));
    if (draft === null) continue;
    const { image, stack } = compile(policyText(draft), { file: "p.fms" });
    if (image === undefined || stack === undefined) continue;
    tally.policies++;
    const asked = agentsOf(stack).flatMap(({ agent, id }): Asked[] => {
      const rules = agent.rules.filter(({ origin }) => origin === undefined);
      return chosen(random, rules).map((rule) => ({
        assert: {
          quantifier: random.oneIn(2) ? "never" : "always",
          rule: { ...rule, effect: (["permit", "deny", "defer"] as const)[random.below(3)] ?? "permit" },
          span: rule.span,
        },
        agent,
        id,
        names: agent,
      }));
    });
    const tried = tryAsserts({ image, stack }, asked);
    const proved = tried.filter(({ outcome }) => outcome === "proved");
    tally.proved += proved.length;
    tally.refuted += tried.filter(({ outcome }) => outcome === "refuted").length;
    tally.unproved += tried.filter(({ outcome }) => outcome === "unproved").length;
    const policy = loadPolicySync(image, small);
    policy.activatePhases(START_MS);
    for (const { asked: one } of proved) {
      const probe = loadPolicySync(probeImage(stack, one), small);
      const { quantifier, rule } = one.assert;
      const classes = toolClasses([...patternsOf(one.agent), rule.pattern.text]);
      const tools = classes.filter(({ patterns }) => patterns.has(rule.pattern.text)).map(({ example }) => example);
      for (const { request: drawn, options } of callDrafts(random, CALLS, "forward", networked)) {
        const tool_id = tools[random.below(tools.length)] ?? drawn.tool_id;
        const request = { ...drawn, agent_id: one.id ?? "nobody", tool_id };
        const meant = probe.decide(request, { now: options.now });
        if (meant.code !== "POLICY_DENY" || meant.rule === null) continue;
        const verdict = policy.decide(request, { now: options.now });
        if (!ruledCodes.includes(verdict.code)) continue;
        tally.calls++;
        if ((quantifier === "never") !== (verdict.effect === rule.effect)) continue;
        const call = JSON.stringify(request);
        broken.push(`seed ${seed}: ${assertText(one)}: ${call} is ${verdict.effect}\n${policyText(draft)}`);
      }
    }
  }
  return { ...tally, broken };
}

const ASSERTS_OF_A_POLICY = 6;

function chosen(random: Random, rules: readonly Rule[]): Rule[] {
  // The probe has a past of its own.
  const remembers = (rule: Rule): boolean => /history_|deny_count|session\./.test(ruleText(rule));
  return rules
    .filter((rule) => random.oneIn(2) && !remembers(rule))
    .slice(0, ASSERTS_OF_A_POLICY)
    .map((rule) => ({ ...rule, condition: conditionOf(random, rule) }));
}

/** As it stands, turned round, or none. */
function conditionOf(random: Random, { condition, span }: Rule): Rule["condition"] {
  if (condition === null || random.oneIn(3)) return null;
  return random.oneIn(2) ? condition : { kind: "not", operand: condition, span };
}
