// Whose a message is that asks for no decision: where the policy demands identities, its token says so as a call's does. It must never
// let such a message name an agent that its token does not vouch for.
import type { Governor } from "../governor.ts";
import { claimed, type Identity, isVerified } from "../identity.ts";
import type { JsonObject } from "../json.ts";

/** The message with the agent that its token names, or why it is not heard. A promise where the token is still to be verified. */
export type Vouched = JsonObject | string;

export function vouchedFor(
  { identities, dev }: Governor,
  message: JsonObject,
  caller: Identity = claimed,
): Vouched | Promise<Vouched> {
  if (!identities.isDeclared || dev) return message;
  // A token that came by the door itself was looked at there.
  const isKnown = caller.principal !== undefined || caller.unverified !== undefined;
  const identity = isKnown ? caller : identities.of(message.principal_token, caller);
  return identity instanceof Promise ? identity.then((found) => read(message, found)) : read(message, identity);
}

function read(message: JsonObject, identity: Identity): Vouched {
  if (!isVerified(identity)) {
    return identity.unverified ?? "the agent is claimed, and no provider has verified it: send `principal_token`";
  }
  const named = message.agent_id ?? identity.agentId;
  if (named !== identity.agentId) return "the token that came with this message is another agent's";
  return { ...message, agent_id: named };
}
