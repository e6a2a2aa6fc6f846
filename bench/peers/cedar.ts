// Cedar as a contender: cedar-wasm's own build for Node, policies parsed beforehand, no schema, no entities. It has no
// order of rules and no defer: policies are written so that at most one applies, each called by the index of the rule that
// it stands for, and what that rule's effect is tells a defer from a permit.
import {
  type AuthorizationAnswer,
  preparsePolicySet,
  type StatefulAuthorizationCall,
  statefulIsAuthorized,
} from "@cedar-policy/cedar-wasm/nodejs";
import type { Answer, Contender } from "../timing.ts";

export interface CedarRequest {
  readonly agent: string;
  readonly tool: string;
  readonly args: StatefulAuthorizationCall["context"];
}

/** `policies` by rule index; `effects` of the rules, in their order. */
export function cedar(
  policies: { readonly [rule: string]: string },
  effects: readonly Answer["effect"][],
  requests: readonly CedarRequest[],
  name = "cedar",
): Contender {
  parse(name, policies);
  const contender: Contender<StatefulAuthorizationCall, AuthorizationAnswer> = {
    name,
    requests: requests.map(({ agent, tool, args }) => ({
      principal: { type: "Agent", id: agent },
      action: { type: "Action", id: tool },
      resource: { type: "Tool", id: "any" },
      context: args,
      preparsedPolicySetId: name,
      entities: [],
    })),
    decide: (call) => statefulIsAuthorized(call),
    answer: (answer) => answerOf(answer, effects),
  };
  return contender;
}

/** Parses a set of policies and keeps it under a name. */
export function parse(name: string, policies: { readonly [rule: string]: string }): void {
  const parsed = preparsePolicySet(name, { staticPolicies: { ...policies } });
  if (parsed.type !== "success") throw new Error(`cedar refuses its policies: ${JSON.stringify(parsed)}`);
}

function answerOf(answer: AuthorizationAnswer, effects: readonly Answer["effect"][]): Answer {
  if (answer.type !== "success") throw new Error(`cedar refuses the request: ${JSON.stringify(answer)}`);
  const { decision, diagnostics } = answer.response;
  const [first] = diagnostics.reason;
  if (diagnostics.errors.length > 0) throw new Error(`cedar fails in a policy: ${JSON.stringify(diagnostics.errors)}`);
  if (first === undefined) return { effect: "deny", rule: null };
  const rule = Number(first);
  const effect = decision === "allow" ? (effects[rule] ?? "deny") : "deny";
  return { effect, rule };
}
