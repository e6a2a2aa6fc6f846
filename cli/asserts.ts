// What comes of a policy's asserts: proved by reasoning, refuted by a call that the machine was asked about, or neither. A
// call is shown as a counter-example only where the policy and the assert were both put to the machine.
import {
  type Asked,
  assertsOf,
  type Breach,
  judgeAsserts,
  probeImage,
  timeWith,
  type Witness,
} from "../compiler/analyse/index.ts";
import type { Stack } from "../compiler/ast.ts";
import type { Finding } from "../compiler/diagnostic.ts";
import { ruleText, valueText } from "../compiler/text.ts";
import { loadPolicySync } from "../runtime/evaluator/index.ts";
import type { Effect, Policy } from "../runtime/evaluator/types.ts";
import { type PolicyOfPlan, verdictOf } from "./access.ts";
import { countText, visible } from "./render.ts";
import type { Terminal } from "./terminal.ts";

/** "proved" of every call that there can be; "refuted" by one that was tried; "unproved": it may hold or not. */
export type Outcome = "proved" | "refuted" | "unproved";

export interface TriedAssert {
  readonly asked: Asked;
  /** `assert never permit stripe/payouts if amount > 500`. */
  readonly text: string;
  readonly outcome: Outcome;
  /** The call that breaks it, and how it was decided; null unless it was refuted. */
  readonly counter: { readonly breach: Breach; readonly effect: Effect; readonly ruleRef: string | null } | null;
  /** Why it is not proved, in words; "" where it is. */
  readonly why: string;
}

/** The asserts of a policy, or others that are asked of it, in order. */
export function tryAsserts(policy: PolicyOfPlan, asked: readonly Asked[] = assertsOf(policy.stack)): TriedAssert[] {
  if (asked.length === 0) return [];
  const executor = new Executor(policy);
  const breaks = (one: Asked, call: Witness): boolean => executor.answerThatBreaks(one, call) !== null;
  return judgeAsserts(policy.stack, asked, breaks).map(({ breaches, unknown }, i): TriedAssert => {
    const one = asked[i] as Asked;
    const text = assertText(one);
    const broken = executor.counterAmong(one, breaches);
    if (broken !== null) return { asked: one, text, outcome: "refuted", counter: broken, why: whyRefuted(broken) };
    const [first] = breaches;
    const [beyond] = unknown;
    if (first !== undefined) {
      const where = first.when.includes("") ? "" : ` when ${first.when.join(" or ")}`;
      const tried = breaches.reduce((sum, breach) => sum + breach.tried, 0);
      const how =
        tried === 0 ? "" : `; of ${countText(tried, "call")} that ${tried === 1 ? "was" : "were"} tried none breaks it`;
      const why = `${first.tool}${where} may be decided otherwise: it hangs on what no call shows by itself${how}`;
      return { asked: one, text, outcome: "unproved", counter: null, why };
    }
    if (beyond !== undefined)
      return { asked: one, text, outcome: "unproved", counter: null, why: `${beyond.tool}: not known (${beyond.why})` };
    return { asked: one, text, outcome: "proved", counter: null, why: "" };
  });
}

/** A probe counts nothing but the session that the call is of. */
const probeMemory = { state: "volatile", meterCapacity: 64, arenaBytes: 16_384 } as const;

type Snapshot = ReturnType<Policy["snapshot"]>;

/** Puts calls to the policy, and to one that says whether an assert speaks of them. */
class Executor {
  readonly #stack: Stack;
  readonly #machine: Policy;
  readonly #nothing: Snapshot;
  #probe: { readonly of: Asked; readonly policy: Policy; readonly nothing: Snapshot } | null = null;

  constructor({ stack, image }: PolicyOfPlan) {
    this.#stack = stack;
    // Counters are left out: each example meets a policy whose counters stand at nothing.
    this.#machine = loadPolicySync(image, { state: "volatile" });
    this.#nothing = this.#machine.snapshot();
  }

  counterAmong(asked: Asked, breaches: readonly Breach[]): TriedAssert["counter"] {
    for (const breach of breaches) {
      const answer = this.answerThatBreaks(asked, breach.example);
      if (answer !== null) return { breach, ...answer };
    }
    return null;
  }

  /** How the call is answered; null where that is no breach of the assert, or the assert is not of this call. */
  answerThatBreaks(asked: Asked, call: Witness): { readonly effect: Effect; readonly ruleRef: string | null } | null {
    const { quantifier, rule } = asked.assert;
    const wanted = rule.effect === "deny!" ? "deny" : rule.effect;
    const isMeant = verdictOf(this.#probeOf(asked), { ...call, phase: null, rollouts: {} }, timeWith);
    if (isMeant?.code !== "POLICY_DENY" || isMeant.rule === null) return null;
    this.#machine.restore(this.#nothing);
    const said = verdictOf(this.#machine, call, timeWith);
    if (said === null || (quantifier === "never") !== (said.effect === wanted)) return null;
    return { effect: said.effect, ruleRef: said.rule_ref };
  }

  #probeOf(asked: Asked): Policy {
    if (this.#probe?.of !== asked) {
      const policy = loadPolicySync(probeImage(this.#stack, asked), probeMemory);
      this.#probe = { of: asked, policy, nothing: policy.snapshot() };
    } else this.#probe.policy.restore(this.#probe.nothing);
    return this.#probe.policy;
  }
}

export function assertText({ assert: { quantifier, rule } }: Asked): string {
  return `assert ${quantifier} ${ruleText(rule)}`;
}

function whyRefuted({ breach, effect, ruleRef }: NonNullable<TriedAssert["counter"]>): string {
  return `${callText(breach.example)} is answered ${effect}${ruleRef === null ? "" : ` by ${ruleRef}`}`;
}

/** The call as its tool and what it says; state that it needs stands behind it. */
function callText({ request, phase, rollouts }: Witness): string {
  const { tool_id, args, agent_id: _agent, ...rest } = request;
  const said = Object.keys(rest).length === 0 ? args : { args, ...rest };
  const running = Object.entries(rollouts).map(([name, runs]) => `${runs ? "during" : "after"} ${name}`);
  const state = [...(phase === null ? [] : [`in phase ${phase}`]), ...running].join(", ");
  return `${tool_id} ${JSON.stringify(said)}${state === "" ? "" : ` (${state})`}`;
}

/**
 * The asserts of one policy asked of another, those that the other has itself left out. Names in them mean what they meant where
 * they stand. An agent that the other does not govern is not asked of: it is denied every call.
 */
export function assertsAskedOf(stack: Stack, from: Stack): Asked[] {
  const own = new Set(assertsOf(stack).map(keyOf));
  return assertsOf(from).flatMap((asked): Asked[] => {
    if (own.has(keyOf(asked))) return [];
    const named = stack.agents.find(({ id }) => id === asked.id) ?? null;
    const agent =
      named ?? (stack.anonymous === null ? null : { ...stack.anonymous, id: asked.id ?? stack.anonymous.id });
    return agent === null ? [] : [{ ...asked, agent }];
  });
}

function keyOf(asked: Asked): string {
  const { names } = asked;
  // The same words over other variables are another assert.
  const values = names.vars.map(({ name, value }) => `${name}=${valueText(value)}`);
  return JSON.stringify([asked.id, assertText(asked), values]);
}

/** Those that do not hold, or are not known to. */
export function failing(tried: readonly TriedAssert[]): TriedAssert[] {
  return tried.filter(({ outcome }) => outcome !== "proved");
}

/** What `check` says of asserts that are not proved. */
export function assertFindings(tried: readonly TriedAssert[]): Finding[] {
  return failing(tried).map(({ asked, outcome, why }): Finding => {
    const { reason } = asked.assert.rule;
    const because = reason === null ? "" : ` (${reason})`;
    const whose = ofAgent(asked);
    if (outcome === "refuted")
      return {
        code: "FMS082",
        message: `this assert does not hold${whose}: ${why}${because}`,
        span: asked.assert.span,
        help: "correct the rule that answers so, or the assert",
      };
    return {
      code: "FMS083",
      message: `this assert is not proved${whose}: ${why}${because}`,
      span: asked.assert.span,
      help: "compare with constants, or put a deny! before the rules that may answer so",
    };
  });
}

function ofAgent({ id }: Asked): string {
  return id === null ? "" : ` for \`${id}\``;
}

const marks: Readonly<Record<Outcome, string>> = { proved: "✓", refuted: "✗", unproved: "?" };

/** `title`: whose asserts they are. */
export function printAsserts(io: Terminal, tried: readonly TriedAssert[], title = "Asserts"): void {
  if (tried.length === 0) return;
  io.line(`${title} (every possible call, limits and budgets aside):`);
  for (const { asked, text, outcome, why } of tried) {
    const paint = outcome === "proved" ? io.paint.green : outcome === "refuted" ? io.paint.red : io.paint.yellow;
    const whose = asked.id === null ? "" : ` (${asked.id})`;
    const words = outcome === "unproved" ? `not proved: ${why}` : why;
    io.line(`${paint(marks[outcome])} ${visible(text + whose)}${words === "" ? "" : `: ${visible(words)}`}`);
  }
}

export function assertsJson(tried: readonly TriedAssert[]): object[] {
  return tried.map(({ asked, text, outcome, counter, why }) => ({
    assert: text,
    agent: asked.id,
    reason: asked.assert.rule.reason,
    outcome,
    why,
    counter_example: counter === null ? null : exampleJson(counter),
  }));
}

function exampleJson({ breach, effect, ruleRef }: NonNullable<TriedAssert["counter"]>): object {
  const { agent_id: _agent, ...call } = breach.example.request;
  return { effect, rule_ref: ruleRef, phase: breach.example.phase, rollouts: breach.example.rollouts, call };
}
