// Requests made from a policy's own words, where there is no traffic: for each rule its tool, without arguments and then
// with the values that its conditions compare with. They reach the rules; they say nothing of what a stack is really asked.
import type { EvaluationRequest, Policy, RequestValue, TestTrace } from "../evaluator/types.ts";
import { type Sample, sampleOf } from "./traffic.ts";

/** Most requests that are made. */
const derivedMax = 1_000;
/** A condition shows its later tests once the earlier ones hold. */
const ROUNDS = 4;
const ANYONE = "someone";

/** At the times `startMs` and a second apart each. */
export function derivedRequests(policy: Policy, startMs: number): Sample[] {
  const samples: Sample[] = [];
  const seen = new Set<string>();
  const add = (request: EvaluationRequest): void => {
    const key = JSON.stringify(request);
    if (seen.has(key) || samples.length >= derivedMax) return;
    seen.add(key);
    samples.push(sampleOf(request, startMs + samples.length * 1000));
  };
  for (const { agent, pattern } of policy.rules()) {
    if (samples.length >= derivedMax) break;
    const bare: EvaluationRequest = { agent_id: agent === "" ? ANYONE : agent, tool_id: toolOf(pattern), args: {} };
    add(bare);
    add(satisfied(policy, bare, startMs));
  }
  if (samples.length === 0) {
    for (const agent_id of [...policy.info.agents, ANYONE]) add({ agent_id, tool_id: "tool", args: {} });
  }
  return samples;
}

/** A tool that the pattern names. */
function toolOf(pattern: string): string {
  return pattern.replaceAll("**", "any").replaceAll("*", "any");
}

function satisfied(policy: Policy, bare: EvaluationRequest, now: number): EvaluationRequest {
  let request = bare;
  for (let round = 0; round < ROUNDS; round++) {
    const { rules } = policy.explain(request, { now });
    const args = structuredClone(request.args ?? {}) as Record<string, RequestValue>;
    for (const test of rules.flatMap(({ tests }) => tests)) if (test.result !== "true") place(args, test);
    const next = { ...request, args };
    if (JSON.stringify(next) === JSON.stringify(request)) break;
    request = next;
  }
  return request;
}

/** Puts the value that a test compares with where the test looks, if that is an argument by a plain path. */
function place(args: Record<string, RequestValue>, { operand, operator, expected }: TestTrace): void {
  const path = operand.replace(/^args\./, "").split(".");
  const value = constantOf(operator, expected);
  if (value === undefined || !path.every((part) => /^[A-Za-z_][\w-]*$/.test(part) && part !== "__proto__")) return;
  let at: Record<string, RequestValue> = args;
  for (const part of path.slice(0, -1)) {
    const inner = at[part];
    const next = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner : {};
    at[part] = next;
    at = next as Record<string, RequestValue>;
  }
  const last = path.at(-1) ?? "";
  if (!Object.hasOwn(at, last)) at[last] = value;
}

/** A value for which the test holds, as far as its constant tells: of a list its first member, of an order one beside it. */
function constantOf(operator: string, expected: string): RequestValue | undefined {
  try {
    const value = JSON.parse(expected.replace(/^\$/, "")) as RequestValue;
    if (typeof value === "number" && operator === "<") return value - 1;
    if (typeof value === "number" && operator === ">") return value + 1;
    return Array.isArray(value) ? value[0] : value;
  } catch {
    return undefined;
  }
}
