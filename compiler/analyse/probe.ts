// A policy that answers one question of a call: do the pattern and the condition of an assert hold of it? The machine is
// asked, so that a call is never called a counter-example on the word of reasoning alone.
import type { Agent, Rule, Stack } from "../ast.ts";
import { encodeImage } from "../encode.ts";
import { lowerStack } from "../lower/lower.ts";
import type { Asked } from "./asserts.ts";

/** An image that denies a call of the agent by a rule (code POLICY_DENY) where the assert speaks of it, and no other so. */
export function probeImage(stack: Stack, { assert, agent, id, names }: Asked): Uint8Array {
  const rule: Rule = { ...assert.rule, effect: "deny", notify: [], reason: null, reeval: null };
  const asking: Agent = {
    ...agent,
    default: { effect: "permit", span: rule.span },
    vars: names.vars,
    rules: [rule],
    budgets: [],
    rateLimits: [],
    redactions: [],
    phases: [],
    uses: [],
    egress: null,
    modelPolicy: null,
    blocks: (names.blocks ?? []).filter(({ keyword }) => keyword === "selector"),
    asserts: [],
  };
  // Of the settings only the zone has a say in what holds.
  const fields = stack.runtime?.fields.filter(({ name }) => name === "timezone") ?? [];
  const bare: Stack = {
    ...stack,
    runtime: stack.runtime === null ? null : { ...stack.runtime, fields },
    agents: id === null ? [] : [asking],
    anonymous: id === null ? asking : null,
    blocks: [],
    imports: [],
    packs: [],
    asserts: [],
  };
  const { program, host } = lowerStack(bare);
  return encodeImage(program, host, bare.sources);
}
