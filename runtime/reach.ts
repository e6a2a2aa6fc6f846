// The most that a policy could say to a call of a tool, whatever its arguments: for lists of tools that an agent is shown. It may say more
// than could ever come true; it must never say less, and what it says permits nothing.
import type { ActivePolicy } from "./policy.ts";

export type Reach = "permit" | "defer" | "deny";

const order: readonly Reach[] = ["deny", "defer", "permit"];

/** `nowMs` since 1970. In audit mode every call that is judged runs. */
export function reachOf({ policy, mode }: ActivePolicy, agentId: string, tool: string, nowMs: number): Reach {
  const call = { agent_id: agentId, tool_id: tool, session_id: "default", args: {} };
  const { verdict, rules } = policy.explain(call, { now: nowMs });
  if (verdict.code === "UNKNOWN_AGENT") return "deny";
  if (mode === "audit") return "permit";
  // What hangs on time, session, model or host may be otherwise for the next call.
  if (verdict.phase !== undefined || !isOfRules(verdict.code)) return "permit";
  const effects = policy.rules();
  const last = rules.at(-1);
  // A condition that holds without arguments hides what stands behind it.
  if (last?.outcome === "match" && isConditional(last.text)) return "permit";
  const tried = rules
    .map(({ rule }) => effects[rule]?.effect ?? "permit")
    .map((one) => (one === "deny!" ? "deny" : one));
  return [...tried, verdict.effect].reduce<Reach>(
    (most, one) => (order.indexOf(one) > order.indexOf(most) ? one : most),
    "deny",
  );
}

function isOfRules(code: string): boolean {
  return code === "POLICY_PERMIT" || code === "POLICY_DENY" || code === "POLICY_DEFER";
}

function isConditional(text: string): boolean {
  return / (?:if|when|unless) /.test(text);
}
