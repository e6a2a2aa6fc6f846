// Who a call came from and by which door, as far as that door can tell. It must never be taken from the call itself, but for the
// program that a caller says it is, which decides nothing.
import type { Door } from "./doors/kinds.ts";
import type { Json, JsonObject } from "./json.ts";

export interface Identity {
  /** The only agent that may be named; null: whichever the call names. */
  readonly agentId: string | null;
  /** What the record keeps: "claimed", or the token's id. Never the token. */
  readonly recorded: string;
  readonly door: Door;
  /** What a provider of identities said of whom the agent acts for; absent: nobody said anything. */
  readonly principal?: JsonObject;
  /** Why a token that came with the call is not believed; absent where none came, or it was. */
  readonly unverified?: string;
  /** W3C trace context of the request, unread: its span belongs to that trace. */
  readonly traceparent?: string;
}

/** A door that verifies nobody: the agents' socket. */
export const claimed: Identity = { agentId: null, recorded: "claimed", door: "socket" };

const claimedBy: ReadonlyMap<Json | undefined, Identity> = new Map(
  (["sdk", "hook", "mcp"] as const).map((client) => [client, { ...claimed, door: `socket/${client}` }]),
);

/** The caller of the agents' socket, by the `client` of its message. */
export function claimedOf(client: Json | undefined): Identity {
  return claimedBy.get(client) ?? claimed;
}

/** Whether more than the call's own word says whose it is. */
export function isVerified({ agentId, unverified }: Identity): boolean {
  return agentId !== null && unverified === undefined;
}
