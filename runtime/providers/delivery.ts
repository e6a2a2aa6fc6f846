// From a permit on record to the answer that brings its secret, or to a denial where it cannot be had: then that is on record, and what
// was taken for the call is given back. It must never answer a permit of a call that needs a secret without it.
import { turnedDown } from "../answer.ts";
import type { Credential } from "../declarations.ts";
import type { GovernAnswer } from "../doors/agent-protocol.ts";
import type { Governor } from "../governor.ts";
import type { JsonObject } from "../json.ts";
import type { JudgedCall } from "../judge.ts";
import type { ActivePolicy } from "../policy.ts";
import { takeReport } from "../reports.ts";
import type { SecretOrder } from "./broker.ts";
import { againReason, reporter, unavailable } from "./turned-down.ts";

export interface OrderedSecret {
  readonly order: SecretOrder;
  /** False for a call sent again: its tool may have run with the secret of the first answer, so nothing is given back. */
  readonly isFirst: boolean;
  /** In audit mode the call runs, whatever could not be had. */
  readonly isAudit: boolean;
}

type CallOfAgent = Pick<JudgedCall, "call">;

export function orderOf({ call }: CallOfAgent, credential: Credential, ref: string, actionId: string): SecretOrder {
  const { agent_id: agentId, tool_id: toolId } = call.request;
  return { credential, ref, actionId, agentId, toolId };
}

/** Of a permitted call that is sent again; null where it needs none. */
export function secretAgain(
  { broker }: Governor,
  active: ActivePolicy,
  turn: CallOfAgent,
  actionId: string,
): OrderedSecret | null {
  const { agent_id: agent, tool_id: tool } = turn.call.request;
  const credential = active.declarations.credential(agent, tool);
  if (credential === null) return null;
  const ref = broker.refOf(credential) ?? `:${credential.id}`;
  return { order: orderOf(turn, credential, ref, actionId), isFirst: false, isAudit: active.mode === "audit" };
}

/** Never rejects. `answer` is what was decided, or the denial that came of waiting for its record. */
export async function withSecret(
  governor: Governor,
  answer: GovernAnswer,
  secret: OrderedSecret,
): Promise<GovernAnswer> {
  if (answer.effect !== "PERMIT") return answer;
  const { order, isFirst, isAudit } = secret;
  const minted = await governor.broker.mint(order);
  if (minted.ok) return { ...answer, credential: minted.credential };
  const { journal } = governor;
  journal.warn({ action_id: order.actionId, credential: order.credential.id, why: minted.why }, "no secret for a call");
  const reason = `the secret of the credential \`${order.credential.id}\` cannot be had: ${minted.why}`;
  try {
    if (isFirst) await report(governor, order, minted.provider, isAudit);
  } catch (error) {
    journal.error({ err: error, action_id: order.actionId }, "a secret that could not be had is not on record");
    return turnedDown(answer, "AUDIT_UNAVAILABLE", "the outcome cannot be recorded");
  }
  return isAudit ? answer : turnedDown(answer, "CREDENTIAL_UNAVAILABLE", reason);
}

/** Resolves when it is durable. In audit mode nothing is given back: the call runs. */
async function report(
  governor: Governor,
  { actionId, agentId, credential }: SecretOrder,
  provider: string | null,
  isAudit: boolean,
): Promise<void> {
  const { ledger, policies, calls } = governor;
  const { active } = policies;
  if (active === null) return;
  const message: JsonObject = { action_id: actionId, agent_id: agentId, status: unavailable, provider };
  const reported = takeReport(
    governor,
    active,
    message,
    isAudit ? { kind: "agent" } : { kind: "operator", actor: reporter },
  );
  if (!isAudit)
    calls.replace(actionId, (answer) => turnedDown(answer, "CREDENTIAL_UNAVAILABLE", againReason(credential.id)));
  if (reported.ok && reported.seq !== null) await ledger.durable(reported.seq);
}
